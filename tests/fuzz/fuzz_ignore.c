/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An expression, a .s2iignore and a path, separated by NUL bytes. What is excluded as a
 * name must stay excluded as a path, and whatever is below an excluded directory with it.
 */
#include <stdint.h>

#include "source/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *input = xmalloc(size + 1);
	CLEAN(s2c_clean_ignore) struct s2c_ignore *ignore = NULL;
	CLEAN_ERROR struct s2c_error *err = NULL;

	memcpy(input, data, size);
	input[size] = '\0';
	const char *exclude = input;
	const char *path = memchr(input, '\0', size) ? input + strlen(input) + 1 : "";
	/* The rules come last, so that they can hold NUL bytes. */
	const char *text = path + strlen(path);

	if (text < input + size && text >= input)
		text++;
	else
		text = input + size;
	if (s2c_ignore_new(text, (size_t)(input + size - text), exclude, &ignore, &err) <
		0) {
		if (!err)
			abort();
		return 0;
	}
	CLEAN_FREE char *below = xasprintf("%s/x", path);
	CLEAN(s2c_clean_ignore) struct s2c_ignore *docker = NULL;

	/* The same rules are taken from docker; what is below goes with what is above,
	 * unless it is taken back. */
	if (s2c_ignore_new_docker(text, (size_t)(input + size - text), &docker, NULL) ==
			0 &&
		!s2c_ignore_takes_back(docker) && s2c_ignore_match(docker, path, true) &&
		!s2c_ignore_match(docker, below, false))
		abort();

	if (s2c_ignore_match_name(ignore, path, true) &&
		!s2c_ignore_match(ignore, path, true))
		abort();
	if (s2c_ignore_match(ignore, path, true) &&
		!s2c_ignore_match(ignore, below, false))
		abort();
	return 0;
}
