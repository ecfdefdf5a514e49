/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging in to registries and out of them: what the commands login and logout do.
 */
#ifndef S2C_LOGIN_H
#define S2C_LOGIN_H

#include <s2c/image.h>

#define S2C_USERNAME_MAX 1024	      /* bytes */
#define S2C_PASSWORD_MAX (64u * 1024) /* bytes; some are whole key files */

struct s2c_login_options {
	const char *registry; /* HOST[:PORT][/PATH] */
	const char *username; /* "<token>": the password is an identity token */
	const char *password;
	struct s2c_remote_options remote;
};

/*
 * Shows the credentials to the registry and keeps them if it lets them in: in the auth
 * file that is looked at first, or with the helper that the file names. S2C_EAUTH when
 * they are refused; then nothing is kept. *out_where says where they are, for people;
 * caller frees.
 */
int s2c_login(struct s2c_ctx *ctx, const struct s2c_login_options *options,
	char **out_where, struct s2c_error **err);

/*
 * Forgets the credentials for `registry`, or with NULL all of them. S2C_ENOENT when there
 * were none. `authfile` NULL: the usual files.
 */
int s2c_logout(struct s2c_ctx *ctx, const char *registry, const char *authfile,
	struct s2c_error **err);

/* Who is logged in; S2C_ENOENT: nobody. Caller frees *out_user. */
int s2c_login_user(struct s2c_ctx *ctx, const char *registry, const char *authfile,
	char **out_user, struct s2c_error **err);

#endif
