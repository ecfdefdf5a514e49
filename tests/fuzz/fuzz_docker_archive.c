/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as manifest.json of a docker archive, and as where a symlink in one leads:
 * no path ever leaves the archive.
 */
#include <stdint.h>

#include "store/docker_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	if (path[0] == '/' || streq(path, "..") || starts_with(path, "../") ||
		strstr(path, "/../"))
		abort();
	if (strlen(path) >= 3 && streq(path + strlen(path) - 3, "/.."))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_ERROR struct s2c_error *err = NULL, *err2 = NULL;
	CLEAN_FREE char *text = xstrndup((const char *)data, size);
	CLEAN_FREE char *target = NULL;
	char *colon = strchr(text, ':');
	struct s2c_docker_image *images = NULL;
	size_t n = 0;

	if (s2c_docker_manifest_parse((const char *)data, size, &images, &n, &err) == 0) {
		for (size_t i = 0; i < n; i++) {
			CLEAN_FREE char *printed = s2c_docker_manifest_print(&images[i]);

			check_path(images[i].config);
			s2c_strv_foreach (layer, &images[i].layers) {
				check_path(layer);
			}
			if (printed[0] != '[')
				abort();
		}
		s2c_docker_images_free(images, n);
	}
	if (!colon)
		return 0;
	*colon = '\0';
	if (s2c_docker_link_target(text, colon + 1, &target, &err2) == 0)
		check_path(target);
	return 0;
}
