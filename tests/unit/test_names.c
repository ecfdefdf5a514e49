/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the store: pointing, moving, finding, and what must be whole before a name.
 */
#include "helper.h"

#include "store/image.h"
#include "store/index.h"
#include "store_helper.h"

static void tag_resolve_untag(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 2), b = put_image(store, "b", 1);
	struct s2c_reference app = ref_of("app"),
			     host = ref_of("reg.example:5000/x/y:1.0");
	CLEAN_DESCRIPTOR struct s2c_descriptor got = {0};

	check_names(store, "");
	assert_fails(
		s2c_store_resolve(store, &app, &got, &terr), S2C_ENOENT, "app:latest");
	tag(ctx, store, "app", &a);
	tag(ctx, store, "reg.example:5000/x/y:1.0", &a);
	check_names(store, "app:latest reg.example:5000/x/y:1.0");
	assert_ok(s2c_store_resolve(store, &app, &got, &terr));
	assert_string_equal(got.digest.str, a.digest.str);
	assert_string_equal(got.media_type, S2C_MT_OCI_MANIFEST);
	assert_int_equal(got.size, a.size);
	s2c_descriptor_release(&got);

	/* A name moves as a whole; the other one of the same image stays. */
	tag(ctx, store, "app", &b);
	check_names(store, "reg.example:5000/x/y:1.0 app:latest");
	assert_ok(s2c_store_resolve(store, &app, &got, &terr));
	assert_string_equal(got.digest.str, b.digest.str);

	assert_ok(s2c_store_untag(ctx, store, &host, &terr));
	check_names(store, "app:latest");
	assert_fails(s2c_store_untag(ctx, store, &host, &terr), S2C_ENOENT,
		"reg.example:5000/x/y:1.0");
	check_names(store, "app:latest");
}

static void by_digest(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1), b = put_image(store, "b", 1);
	CLEAN_FREE char *text = xasprintf("app@%s", a.digest.str);
	CLEAN_FREE char *pinned = xasprintf(
		"app:1@sha256:%064d", 7); /* of an index that is not in the store */
	struct s2c_reference ref = ref_of(text);
	CLEAN_DESCRIPTOR struct s2c_descriptor got = {0};

	tag(ctx, store, "app", &a);
	tag(ctx, store, "again", &a);
	tag(ctx, store, "other", &b);
	assert_ok(
		s2c_store_keep(ctx, store, &a, &terr)); /* it has names: nothing to do */
	assert_ok(s2c_store_resolve(store, &ref, &got, &terr));
	assert_string_equal(got.digest.str, a.digest.str);
	s2c_descriptor_release(&got);

	tag(ctx, store, pinned, &b);
	ref = ref_of(pinned);
	assert_ok(s2c_store_resolve(store, &ref, &got, &terr));
	assert_string_equal(got.digest.str, b.digest.str);
	check_names(store,
		"app:latest again:latest other:latest "
		"app:1@sha256:"
		"0000000000000000000000000000000000000000000000000000000000000007");

	ref = ref_of(text);
	assert_ok(s2c_store_untag(ctx, store, &ref, &terr));
	ref = ref_of(pinned);
	assert_ok(s2c_store_untag(ctx, store, &ref, &terr));
	check_names(store, "other:latest");
}

static void kept_without_a_name(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1), b = put_image(store, "b", 1);

	assert_ok(s2c_store_keep(ctx, store, &a, &terr));
	assert_ok(s2c_store_keep(ctx, store, &a, &terr));
	assert_ok(s2c_store_keep(ctx, store, &b, &terr));
	check_names(store, "- -");
	tag(ctx, store, "app", &a);
	check_names(store, "- app:latest");
}

static void find(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1), b = put_image(store, "b", 1);
	CLEAN_IMAGE struct s2c_image *image = NULL;
	char short_id[13], name[S2C_REFERENCE_MAX + 1];
	const char *texts[5];

	tag(ctx, store, "one", &a);
	tag(ctx, store, "deadbeef", &b);
	assert_ok(s2c_image_load(store, &a, &image, &terr));
	s2c_digest_short(s2c_image_id(image), short_id);
	texts[0] = "one:latest";
	texts[1] = short_id;
	texts[2] = s2c_image_id(image)->str;
	texts[3] = a.digest.str;
	texts[4] = s2c_digest_hex(&a.digest);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEAN_DESCRIPTOR struct s2c_descriptor got = {0};

		assert_ok(s2c_store_find(store, texts[i], &got, name, &terr));
		assert_string_equal(got.digest.str, a.digest.str);
		assert_string_equal(name, "one:latest");
	}
	/* A name goes before a prefix; without that it would be nobody's. */
	{
		CLEAN_DESCRIPTOR struct s2c_descriptor got = {0};

		assert_ok(s2c_store_find(store, "deadbeef", &got, NULL, &terr));
		assert_string_equal(got.digest.str, b.digest.str);
		assert_fails(s2c_store_find(store, "deadbee", &got, NULL, &terr),
			S2C_ENOENT, "'deadbee'");
		assert_fails(s2c_store_find(store, "Not A Name", &got, NULL, &terr),
			S2C_EINVAL, "Not A Name");
		short_id[5] = '\0'; /* five digits stand for nothing */
		assert_fails(s2c_store_find(store, short_id, &got, NULL, &terr),
			S2C_ENOENT, short_id);
	}
}

/* Enough images for two ids with the same first six digits would take too long: the
 * index is written by hand, with manifests that need not be there. */
static void ambiguous_prefix(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	CLEAN_DESCRIPTOR struct s2c_descriptor got = {0};
	char hex[2][65];
	CLEAN_FREE char *index = NULL;

	memset(hex, 'a', sizeof(hex));
	hex[0][63] = 'b';
	hex[0][64] = hex[1][64] = '\0';
	index = xasprintf("{\"schemaVersion\":2,\"manifests\":["
			  "{\"mediaType\":\"" S2C_MT_OCI_MANIFEST
			  "\",\"digest\":\"sha256:%s\",\"size\":2,\"annotations\":"
			  "{\"org.opencontainers.image.ref.name\":\"first:latest\"}},"
			  "{\"mediaType\":\"" S2C_MT_OCI_MANIFEST
			  "\",\"digest\":\"sha256:%s\",\"size\":2}]}",
		hex[0], hex[1]);
	tmp_write(tmp, "s/index.json", index);
	assert_fails(s2c_store_find(store, "aaaaaaa", &got, NULL, &terr), S2C_EINVAL,
		"first:latest");
	assert_fails(s2c_store_find(store, "aaaaaaa", &got, NULL, &terr), S2C_EINVAL,
		"give more digits");
	assert_ok(s2c_store_find(store, hex[0], &got, NULL, &terr));
}

static void incomplete_images_get_no_name(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_reference ref = ref_of("app");

	/* Each blob of the image, missing and cut short; the manifest also altered. */
	for (int which = 0; which < 7; which++) {
		CLEAN_FREE char *salt = xasprintf("salt%d", which);
		struct s2c_descriptor desc = put_image(store, salt, 1);
		CLEAN_IMAGE struct s2c_image *image = NULL;
		CLEAN_FREE char *path = NULL;
		const struct s2c_digest *blob = &desc.digest;

		assert_ok(s2c_image_load(store, &desc, &image, &terr));
		if (which % 3 == 1)
			blob = &image->manifest->config.digest;
		else if (which % 3 == 2)
			blob = &image->manifest->layers[0].digest;
		path = xstrdup(blob_file(blob));
		if (which < 3) {
			assert_int_equal(unlinkat(tmp->fd, path, 0), 0);
			assert_fails(s2c_store_tag(ctx, store, &ref, &desc, &terr),
				S2C_ENOENT, blob->str);
		} else if (which < 6) {
			tmp_write(tmp, path, "{}");
			assert_fails(s2c_store_tag(ctx, store, &ref, &desc, &terr),
				S2C_EDIGEST, blob->str);
		} else {
			CLEAN_FREE char *text = tmp_read(tmp, path);

			*strstr(text, "layers") = 'L';
			tmp_write(tmp, path, text);
			assert_fails(s2c_store_keep(ctx, store, &desc, &terr),
				S2C_EDIGEST, blob->str);
		}
	}
	check_names(store, "");
}

static void a_damaged_index_is_named(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"schemaVersion\":2}",
		"{\"schemaVersion\":1,\"manifests\":[]}",
		"{\"schemaVersion\":2,\"manifests\":[{}]}",
		"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x/y\",\"digest\":"
		"\"sha256:../../../etc/shadow\",\"size\":1}]}"};
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1);
	struct s2c_reference ref = ref_of("app");
	struct s2c_store_name *names = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEAN_FREE char *after = NULL;

		tmp_write(tmp, "s/index.json", texts[i]);
		assert_fails(s2c_store_list(store, &names, &n, &terr), S2C_EPROTO,
			"/index.json' is damaged");
		assert_fails(s2c_store_tag(ctx, store, &ref, &a, &terr), S2C_EPROTO,
			"/index.json' is damaged");
		after = tmp_read(tmp, "s/index.json");
		assert_string_equal(after, texts[i]);
	}
	assert_int_equal(unlinkat(tmp->fd, "s/index.json", 0), 0);
	assert_fails(s2c_store_list(store, &names, &n, &terr), S2C_ENOENT, "index.json");
	assert_null(names);
}

/* skopeo and others write members that we do not know; an edit keeps them. */
static void foreign_members_survive(void **state)
{
	static const char foreign[] =
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x/y\",\"digest\":"
		"\"sha256:"
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
		"\"size\":3,\"artifactType\":\"application/foo\",\"annotations\":{\"k\":"
		"\"v\"}}],\"annotations\":{\"top\":\"level\"}}";
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1);
	CLEAN_FREE char *after = NULL;

	tmp_write(tmp, "s/index.json", foreign);
	tag(ctx, store, "app", &a);
	after = tmp_read(tmp, "s/index.json");
	assert_non_null(strstr(after, "\"artifactType\":\"application/foo\""));
	assert_non_null(strstr(after, "\"k\":\"v\""));
	assert_non_null(strstr(after, "\"top\":\"level\""));
	check_names(store, "- app:latest");
}

static void unchanged_is_not_written(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor a = put_image(store, "a", 1);
	struct stat before, after;

	tag(ctx, store, "app", &a);
	assert_int_equal(fstatat(tmp->fd, "s/index.json", &before, 0), 0);
	tag(ctx, store, "app", &a);
	assert_int_equal(fstatat(tmp->fd, "s/index.json", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

/* ---- images ---- */

static void image_loads_and_checks(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 3), bad;
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_image *none = NULL;
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *path = xstrdup(blob_file(&desc.digest));
	char *cut;

	assert_ok(s2c_image_load(store, &desc, &image, &terr));
	assert_int_equal(image->manifest->n_layers, 3);
	assert_string_equal(s2c_config_user(image->config), "1001");
	assert_string_equal(image->name, "");
	assert_string_equal(s2c_image_id(image)->str, image->manifest->config.digest.str);

	/* One layer less than diffIDs. */
	text = tmp_read(tmp, path);
	cut = strrchr(text, '{');
	memmove(cut - 1, "]}", 3);
	bad = desc;
	assert_ok(s2c_blob_put(store, text, strlen(text), &bad, &terr));
	assert_fails(s2c_image_load(store, &bad, &none, &terr), S2C_EPROTO,
		"2 layers but 3 diffIDs");
	bad.size++;
	assert_fails(
		s2c_image_load(store, &bad, &none, &terr), S2C_EDIGEST, "bytes instead");
}

static void image_of_an_index(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 1);
	struct s2c_descriptor index = {.media_type = S2C_MT_OCI_INDEX};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	struct s2c_image *none = NULL;
	struct s2c_platform host;

	s2c_platform_host(&host);
	for (int other = 0; other < 2; other++) {
		CLEAN_FREE char *text = xasprintf(
			"{\"schemaVersion\":2,\"mediaType\":\"" S2C_MT_OCI_INDEX
			"\",\"manifests\":[{\"mediaType\":\"" S2C_MT_OCI_MANIFEST
			"\",\"digest\":\"%s\",\"size\":%llu,\"platform\":{\"os\":"
			"\"linux\","
			"\"architecture\":\"%s\"}}]}",
			desc.digest.str, (unsigned long long)desc.size,
			other ? "pdp11" : host.architecture);

		assert_ok(s2c_blob_put(store, text, strlen(text), &index, &terr));
		if (other) {
			assert_fails(s2c_image_load(store, &index, &none, &terr),
				S2C_EUNSUPPORTED, "no image for linux/");
			break;
		}
		assert_ok(s2c_image_load(store, &index, &image, &terr));
		assert_string_equal(image->desc.digest.str, desc.digest.str);
	}
}

static void image_put_checks_counts(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	CLEAN_STORE struct s2c_store *store = open_store(ctx, tmp);
	struct s2c_descriptor desc = put_image(store, "a", 1), out = {0};
	struct s2c_history history = {
		.created = "1970-01-01T00:00:00Z", .created_by = "test"};
	CLEAN_IMAGE struct s2c_image *image = NULL;
	CLEAN_IMAGE struct s2c_image *again = NULL;
	CLEAN_CONFIG struct s2c_config *config = NULL;
	struct s2c_descriptor layer = put_text(store, "new layer");

	assert_ok(s2c_image_load(store, &desc, &image, &terr));
	config = s2c_config_copy(image->config);
	s2c_config_add_layer(config, &layer.digest, &history);
	assert_fails(s2c_image_put(store, image->manifest, config, &out, &terr),
		S2C_EPROTO, "1 layers but 2 diffIDs");

	s2c_config_free(config);
	config = s2c_config_copy(image->config);
	s2c_config_set_user(config, "4711");
	assert_ok(s2c_image_put(store, image->manifest, config, &out, &terr));
	assert_string_equal(out.media_type, S2C_MT_OCI_MANIFEST);
	tag(ctx, store, "app", &out);
	assert_ok(s2c_image_load(store, &out, &again, &terr));
	assert_string_equal(s2c_config_user(again->config), "4711");

	/* A layer that is not in the store. */
	assert_int_equal(
		unlinkat(tmp->fd, blob_file(&image->manifest->layers[0].digest), 0), 0);
	assert_fails(s2c_image_put(store, image->manifest, config, &out, &terr),
		S2C_ENOENT, image->manifest->layers[0].digest.str);
}

/* ---- many at once ---- */

struct tagger {
	struct tmp *tmp;
	int number;
};

static void tag_twenty(const struct tagger *t)
{
	struct s2c_ctx *ctx = quiet_ctx();

	for (int i = 0; i < 20; i++) {
		struct s2c_store *store = open_store(ctx, t->tmp);
		CLEAN_FREE char *name = xasprintf("p%d-%d", t->number, i);
		CLEAN_FREE char *salt = xasprintf(
			"s%d", i); /* the same in all processes */
		struct s2c_descriptor desc = put_image(store, salt, 2);

		tag(ctx, store, name, &desc);
		tag(ctx, store, "shared", &desc);
		s2c_store_close(store);
	}
	s2c_ctx_free(ctx);
}

static void eight_processes_tag(void **state)
{
	struct tmp *tmp = *state;
	CLEAN_CTX struct s2c_ctx *ctx = quiet_ctx();
	struct s2c_store *store;
	struct s2c_store_name *names = NULL;
	pid_t pids[8];
	size_t n = 0;

	fflush(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			tag_twenty(&(struct tagger){.tmp = tmp, .number = (int)i});
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	store = open_store(ctx, tmp);
	assert_ok(s2c_store_list(store, &names, &n, &terr));
	assert_int_equal(n, ARRAY_SIZE(pids) * 20 + 1);
	for (size_t i = 0; i < n; i++) {
		CLEAN_IMAGE struct s2c_image *image = NULL;

		assert_ok(s2c_image_load(store, &names[i].desc, &image, &terr));
		assert_ok(s2c_image_check(store, image, &terr));
	}
	s2c_store_names_free(names, n);
	s2c_store_close(store);
	assert_int_equal(count_dir(tmp, "s/tmp"), 0);
	assert_int_equal(count_dir(tmp, "s/blobs/sha256"), 20 * 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tmp_test(tag_resolve_untag),
		tmp_test(by_digest),
		tmp_test(kept_without_a_name),
		tmp_test(find),
		tmp_test(ambiguous_prefix),
		tmp_test(incomplete_images_get_no_name),
		tmp_test(a_damaged_index_is_named),
		tmp_test(foreign_members_survive),
		tmp_test(unchanged_is_not_written),
		tmp_test(image_loads_and_checks),
		tmp_test(image_of_an_index),
		tmp_test(image_put_checks_counts),
		tmp_test(eight_processes_tag),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
