/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/estate.h"

#include "util/fs.h"

#define FILE_NAME "images"

static int restore(
	const struct s2c_json *list, struct s2c_ledger *ledger, struct s2c_error **err)
{
	s2c_json_foreach (one, list) {
		const char *owner, *id, *name = NULL;

		if (s2c_json_get_str(one, "owner", S2C_REQUIRED, &owner, err) < 0 ||
			s2c_json_get_str(one, "id", S2C_REQUIRED, &id, err) < 0 ||
			s2c_json_get_str(one, "name", S2C_OPTIONAL, &name, err) < 0)
			return -1;
		if (strlen(owner) >= S2C_LEDGER_OWNER_MAX || strlen(id) != 71)
			return s2c_fail(err, S2C_EPROTO, "an entry that is none");
		if (name)
			s2c_ledger_add_name(ledger, owner, id, name);
		else
			s2c_ledger_add_image(ledger, owner, id);
	}
	return 0;
}

int s2c_estate_load(int state_dir, struct s2c_ledger *ledger, struct s2c_error **err)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_ESTATE_MAX);
	CLEAN_ERROR struct s2c_error *why = NULL;
	CLEAN_JSON struct s2c_json *list = NULL;
	struct s2c_json_limits limits = {.bytes = S2C_ESTATE_MAX, .depth = 3};

	if (s2c_fs_read_file(state_dir, FILE_NAME, &text, &why) < 0) {
		if (s2c_error_code(why) == S2C_ENOENT)
			return 0;
		s2c_error_move(err, &why);
		return -1;
	}
	if (s2c_json_parse(s2c_buf_str(&text), text.len, limits, &list, err) < 0 ||
		restore(list, ledger, err) < 0)
		return s2c_wrap(err, "the list of images in the gate's state is damaged; "
				     "remove it");
	return 0;
}

int s2c_estate_save(int state_dir, struct s2c_ledger *ledger, struct s2c_error **err)
{
	CLEAN_JSON struct s2c_json *list = s2c_ledger_images(ledger);
	CLEAN_FREE char *text = s2c_json_print(list, S2C_JSON_COMPACT);

	return s2c_fs_write_file(state_dir, FILE_NAME, text, strlen(text), 0600, err);
}
