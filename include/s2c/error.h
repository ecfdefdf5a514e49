/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors, the read side: what a caller of the library gets when a call fails.
 *
 * Every fallible function returns 0 or -1 and takes `struct s2c_error **err` as its
 * last parameter. On -1 exactly one error is in *err and belongs to the caller; on 0
 * *err is untouched. Out-parameters are not touched on failure.
 */
#ifndef S2C_ERROR_H
#define S2C_ERROR_H

/* What a program may decide on. The message is for people. */
enum s2c_code {
	S2C_OK = 0,
	S2C_EINVAL,	  /* the caller or its input is wrong: usage, bad name, bad tree */
	S2C_ENOENT,	  /* the thing named does not exist */
	S2C_EEXIST,	  /* the thing named exists already */
	S2C_EAUTH,	  /* credentials missing or refused */
	S2C_EDENIED,	  /* policy or permissions forbid it */
	S2C_EPROTO,	  /* a peer or a document does not follow its specification */
	S2C_EDIGEST,	  /* content does not match its digest or size */
	S2C_ELIMIT,	  /* a named maximum was exceeded */
	S2C_EIO,	  /* the operating system refused: see s2c_error_errno() */
	S2C_ENET,	  /* connection level failure; worth a retry */
	S2C_ECHILD,	  /* a build script failed: see s2c_error_status() */
	S2C_ETIMEOUT,	  /* the deadline passed */
	S2C_ECANCELED,	  /* cancelled by the user */
	S2C_EUNSUPPORTED, /* this host or this build of s2c cannot do it */
};

struct s2c_error;

/* The code of an error; S2C_OK for NULL. */
enum s2c_code s2c_error_code(const struct s2c_error *err);

/* One sentence without newline, most general context first; "" for NULL. Borrowed. */
const char *s2c_error_message(const struct s2c_error *err);

/* errno at the time of failure, or 0. */
int s2c_error_errno(const struct s2c_error *err);

/* Status of the HTTP response, or exit status of the script (S2C_ECHILD), or 0. */
int s2c_error_status(const struct s2c_error *err);

/* Frees the error; NULL is fine. */
void s2c_error_free(struct s2c_error *err);

#endif
