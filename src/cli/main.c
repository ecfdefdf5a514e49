/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry point of the program. For now it only knows its version.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 &&
		(strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)) {
		puts("s2c " S2C_VERSION);
		return 0;
	}
	fprintf(stderr, "usage: s2c version\n");
	return 2;
}
