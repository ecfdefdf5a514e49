/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of user ids as in S2I's --allowed-uids: "n", "-n", "n-", "n-m", comma separated.
 * Pure.
 */
#ifndef S2C_POLICY_UIDS_H
#define S2C_POLICY_UIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define S2C_UID_RANGES_MAX 256
#define S2C_UIDS_DEFAULT "1-"

struct s2c_uid_range {
	uint32_t first, last; /* inclusive */
};

struct s2c_uids {
	struct s2c_uid_range *ranges;
	size_t n;
};

/*
 * "" and NULL give S2C_UIDS_DEFAULT. Blanks around a range are fine; numbers are decimal,
 * at most 2^32-2, without leading zeros. S2C_EINVAL names the bad part.
 */
S2C_CHECK int s2c_uids_parse(
	const char *text, struct s2c_uids *out, struct s2c_error **err);
void s2c_uids_release(struct s2c_uids *uids);
bool s2c_uids_allow(const struct s2c_uids *uids, uint32_t uid);
/* The ranges as text for messages, in the order given. Caller frees. */
char *s2c_uids_format(const struct s2c_uids *uids);
#define CLEAN_UIDS CLEAN(s2c_uids_release)

#endif
