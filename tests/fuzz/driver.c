/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() for fuzzers in ordinary builds: feeds every file of the directories named on the
 * command line to the fuzzer's entry, so that each input that once broke something is
 * replayed by `meson test`. It does not search for new inputs; libFuzzer does.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rbe");
	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISREG(st.st_mode)) {
		fclose(f);
		return 0;
	}
	/* Exactly as large as the input, so that a read past its end is seen. */
	uint8_t *data = malloc(st.st_size ? (size_t)st.st_size : 1);
	size_t size = data ? fread(data, 1, (size_t)st.st_size, f) : 0;

	fclose(f);
	if (!data || size != (size_t)st.st_size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(1);
	}
	if (getenv("S2C_FUZZ_VERBOSE"))
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int inputs = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (!dir) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(dir)))
			inputs += replay(argv[i], entry->d_name);
		closedir(dir);
	}
	printf("%d inputs replayed\n", inputs);
	return inputs ? 0 : 1;
}
