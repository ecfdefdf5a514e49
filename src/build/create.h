/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The templates of s2c create: src/build/create/NAME.in as text, put into the library by
 * the build. In them @IMAGE@ and @FROM@ stand for the names that the caller gave.
 */
#ifndef S2C_BUILD_CREATE_H
#define S2C_BUILD_CREATE_H

struct s2c_create_template {
	const char *name; /* "Dockerfile"; NULL ends the table */
	const char *text;
};

extern const struct s2c_create_template s2c_create_templates[];

#endif
