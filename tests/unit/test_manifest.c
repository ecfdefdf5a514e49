/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes, descriptors and platforms: lenient where registries mix, strict
 * where a document could mean two things. */
#include "helper.h"

#include "image/manifest.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D "sha256:" HEX
#define DESC(type, more)                                                                 \
	"{\"mediaType\":\"" type "\",\"digest\":\"" D "\",\"size\":7" more "}"
#define CONFIG DESC(S2C_MT_OCI_CONFIG, "")
#define LAYER DESC(S2C_MT_OCI_LAYER_GZIP, "")
#define HEAD "{\"schemaVersion\":2,"
#define BODY "\"config\":" CONFIG ",\"layers\":[" LAYER "]}"
#define SCHEMA1 "application/vnd.docker.distribution.manifest.v1+prettyjws"

static int parse(const char *text, const char *type, struct s2c_manifest **out)
{
	return s2c_manifest_parse(text, strlen(text), type, out, &terr);
}

static int parse_index(const char *text, const char *type, struct s2c_index **out)
{
	return s2c_index_parse(text, strlen(text), type, out, &terr);
}

static void test_media_kind(void **state)
{
	static const struct {
		const char *type;
		enum s2c_media_kind kind;
		enum s2c_compression compression;
	} rows[] = {
		{"", S2C_MEDIA_UNKNOWN, S2C_COMPRESS_NONE},
		{"application/json", S2C_MEDIA_UNKNOWN, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_MANIFEST, S2C_MEDIA_MANIFEST, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_MANIFEST "; charset=utf-8", S2C_MEDIA_MANIFEST,
			S2C_COMPRESS_NONE},
		{S2C_MT_OCI_MANIFEST "x", S2C_MEDIA_UNKNOWN, S2C_COMPRESS_NONE},
		{S2C_MT_DOCKER_MANIFEST, S2C_MEDIA_MANIFEST, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_INDEX, S2C_MEDIA_INDEX, S2C_COMPRESS_NONE},
		{S2C_MT_DOCKER_LIST, S2C_MEDIA_INDEX, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_CONFIG, S2C_MEDIA_CONFIG, S2C_COMPRESS_NONE},
		{S2C_MT_DOCKER_CONFIG, S2C_MEDIA_CONFIG, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_LAYER, S2C_MEDIA_LAYER, S2C_COMPRESS_NONE},
		{S2C_MT_OCI_LAYER_GZIP, S2C_MEDIA_LAYER, S2C_COMPRESS_GZIP},
		{S2C_MT_OCI_LAYER_ZSTD, S2C_MEDIA_LAYER, S2C_COMPRESS_ZSTD},
		{S2C_MT_DOCKER_LAYER, S2C_MEDIA_LAYER, S2C_COMPRESS_NONE},
		{S2C_MT_DOCKER_LAYER_GZIP, S2C_MEDIA_LAYER, S2C_COMPRESS_GZIP},
		{S2C_MT_DOCKER_LAYER ".zstd", S2C_MEDIA_LAYER, S2C_COMPRESS_ZSTD},
		{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
			S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_GZIP},
		{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
			S2C_MEDIA_FOREIGN_LAYER, S2C_COMPRESS_ZSTD},
		{SCHEMA1, S2C_MEDIA_SCHEMA1, S2C_COMPRESS_NONE},
		{"application/vnd.docker.distribution.manifest.v1+json",
			S2C_MEDIA_SCHEMA1, S2C_COMPRESS_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum s2c_compression compression = S2C_COMPRESS_NONE;

		assert_int_equal(s2c_media_kind(rows[i].type, NULL), rows[i].kind);
		assert_int_equal(
			s2c_media_kind(rows[i].type, &compression), rows[i].kind);
		assert_int_equal(compression, rows[i].compression);
	}
}

static void test_manifest_good(void **state)
{
	static const struct {
		const char *text, *said, *type;
		size_t layers;
	} rows[] = {
		{HEAD BODY, "", S2C_MT_OCI_MANIFEST, 1},
		{HEAD BODY, S2C_MT_OCI_MANIFEST, S2C_MT_OCI_MANIFEST, 1},
		{HEAD BODY, S2C_MT_DOCKER_MANIFEST, S2C_MT_DOCKER_MANIFEST, 1},
		{HEAD BODY, S2C_MT_OCI_MANIFEST "; charset=utf-8", S2C_MT_OCI_MANIFEST,
			1},
		{HEAD BODY, "application/json", S2C_MT_OCI_MANIFEST, 1},
		{HEAD BODY, "text/plain; charset=utf-8", S2C_MT_OCI_MANIFEST, 1},
		{HEAD "\"mediaType\":\"" S2C_MT_DOCKER_MANIFEST "\"," BODY, "",
			S2C_MT_DOCKER_MANIFEST, 1},
		{HEAD "\"mediaType\":\"" S2C_MT_DOCKER_MANIFEST "\"," BODY,
			S2C_MT_DOCKER_MANIFEST, S2C_MT_DOCKER_MANIFEST, 1},
		{HEAD "\"mediaType\":\"" S2C_MT_OCI_MANIFEST "\"," BODY,
			"application/octet-stream", S2C_MT_OCI_MANIFEST, 1},
		{HEAD "\"mediaType\":\"\"," BODY, S2C_MT_OCI_MANIFEST,
			S2C_MT_OCI_MANIFEST, 1},
		/* unknown fields, mixed layer types, the same layer twice */
		{HEAD "\"artifactType\":\"x/"
		      "y\",\"subject\":null,\"zzz\":[1],\"config\":" CONFIG
		      ",\"layers\":[" LAYER "," DESC(S2C_MT_DOCKER_LAYER_GZIP,
			      "") "," DESC("application/vnd.oci.image.layer.v1.tar+zstd",
			      "") "," LAYER "," DESC("application/x-other", "") "]}",
			S2C_MT_OCI_MANIFEST, S2C_MT_OCI_MANIFEST, 5},
		/* annotation keys may differ by case */
		{HEAD "\"annotations\":{\"Vendor\":\"a\",\"vendor\":\"b\"}," BODY, "",
			S2C_MT_OCI_MANIFEST, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEAN_MANIFEST struct s2c_manifest *m = NULL;

		assert_ok(parse(rows[i].text, rows[i].said, &m));
		assert_string_equal(m->media_type, rows[i].type);
		assert_int_equal(m->n_layers, rows[i].layers);
		assert_string_equal(m->config.media_type, S2C_MT_OCI_CONFIG);
		assert_string_equal(m->layers[0].digest.str, D);
		assert_int_equal(m->layers[0].size, 7);
	}
}

#define WITH_LAYER(layer) HEAD "\"config\":" CONFIG ",\"layers\":[" layer "]}"

static void test_manifest_bad(void **state)
{
	static const struct {
		const char *text, *said;
		enum s2c_code code;
		const char *words;
	} rows[] = {
		{"", "", S2C_EPROTO, "ends too early"},
		{"<html>", "", S2C_EPROTO, "a value was expected"},
		{"[]", "", S2C_EPROTO, "must be a JSON object"},
		{"{}", "", S2C_EPROTO, "'schemaVersion' is missing"},
		{"{\"schemaVersion\":3," BODY, "", S2C_EPROTO, "must be 2"},
		{"{\"schemaVersion\":\"2\"," BODY, "", S2C_EPROTO, "must be an integer"},
		{HEAD BODY "x", "", S2C_EPROTO, "more bytes behind"},
		/* two meanings */
		{HEAD "\"manifests\":[]," BODY, "", S2C_EPROTO,
			"both 'layers' and 'manifests'"},
		{HEAD "\"manifests\":[]," BODY, S2C_MT_OCI_MANIFEST, S2C_EPROTO,
			"both 'layers' and 'manifests'"},
		{HEAD "\"mediaType\":\"" S2C_MT_OCI_MANIFEST "\"," BODY,
			S2C_MT_DOCKER_MANIFEST, S2C_EPROTO, "calls itself"},
		{HEAD "\"mediaType\":\"" S2C_MT_OCI_INDEX "\"," BODY, "", S2C_EPROTO,
			"where a manifest was expected"},
		{HEAD BODY, S2C_MT_OCI_INDEX, S2C_EPROTO,
			"where a manifest was expected"},
		{HEAD BODY, "image/png", S2C_EPROTO, "where a manifest was expected"},
		{HEAD "\"mediaType\":\"x/y\"," BODY, "", S2C_EPROTO,
			"where a manifest was expected"},
		{HEAD "\"manifests\":[]}", "", S2C_EPROTO,
			"'manifests' where a manifest was expected"},
		{HEAD "\"Layers\":[]," BODY, "", S2C_EPROTO, "must be spelt 'layers'"},
		{HEAD "\"layers\":[]," BODY, "", S2C_EPROTO, "duplicate key"},
		{HEAD "\"mediaType\":7," BODY, "", S2C_EPROTO, "must be a string"},
		/* schema 1 */
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", "", S2C_EUNSUPPORTED,
			"schema 1"},
		{"{\"schemaVersion\":1}", "", S2C_EUNSUPPORTED, "schema 1"},
		{HEAD "\"fsLayers\":[]}", "", S2C_EUNSUPPORTED, "schema 1"},
		{"anything", SCHEMA1, S2C_EUNSUPPORTED, "schema 1"},
		/* parts */
		{HEAD "\"layers\":[" LAYER "]}", "", S2C_EPROTO, "'config' is missing"},
		{HEAD "\"config\":" CONFIG "}", "", S2C_EPROTO, "'layers' is missing"},
		{HEAD "\"config\":" CONFIG ",\"layers\":null}", "", S2C_EPROTO,
			"must be an array"},
		{WITH_LAYER(""), "", S2C_EPROTO, "no layers"},
		{WITH_LAYER("1"), "", S2C_EPROTO,
			"layer 1: a descriptor must be an object"},
		{WITH_LAYER(LAYER ",{}"), "", S2C_EPROTO,
			"layer 2: 'mediaType' is missing"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"size\":1}"), "", S2C_EPROTO,
			"layer 1: 'digest' is missing"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D "\"}"), "",
			S2C_EPROTO, "layer 1: 'size' is missing"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D "\",\"size\":-1}"),
			"", S2C_EPROTO, "negative"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D "\",\"size\":1.0}"),
			"", S2C_EPROTO, "must be an integer"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D
			    "\",\"size\":1099511627777}"),
			"", S2C_ELIMIT, "1099511627777"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"" D
			    "\",\"size\":18446744073709551616}"),
			"", S2C_EPROTO, "out of range"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"digest\":\"sha256:../../x\","
			    "\"size\":1}"),
			"", S2C_EPROTO, "layer 1: digest 'sha256:../../x'"},
		{WITH_LAYER("{\"mediaType\":\"\",\"digest\":\"" D "\",\"size\":1}"), "",
			S2C_EPROTO, "is no media type"},
		{WITH_LAYER("{\"mediaType\":\"a/b\\r\\nX: y\",\"digest\":\"" D
			    "\",\"size\":1}"),
			"", S2C_EPROTO, "is no media type"},
		{WITH_LAYER("{\"mediaType\":\"a/b\",\"MEDIATYPE\":\"c/d\",\"digest\":\"" D
			    "\",\"size\":1}"),
			"", S2C_EPROTO, "must be spelt"},
		{WITH_LAYER(DESC("a/b", ",\"annotations\":{\"a\":1}")), "", S2C_EPROTO,
			"annotation 'a' is no string"},
		{WITH_LAYER(DESC("a/b", ",\"urls\":[1]")), "", S2C_EPROTO, "'urls'"},
		{WITH_LAYER(DESC("a/b", ",\"urls\":\"x\"")), "", S2C_EPROTO, "'urls'"},
		{HEAD "\"annotations\":[]," BODY, "", S2C_EPROTO, "must be an object"},
		{HEAD "\"annotations\":{\"a\":null}," BODY, "", S2C_EPROTO,
			"is no string"},
		{HEAD "\"config\":{},\"layers\":[" LAYER "]}", "", S2C_EPROTO,
			"config: 'mediaType' is missing"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_manifest *m = NULL;

		assert_fails(parse(rows[i].text, rows[i].said, &m), rows[i].code,
			rows[i].words);
		assert_null(m);
	}
}

/* A manifest with `n` layers; caller frees. */
static char *many_layers(unsigned n)
{
	struct s2c_buf buf = S2C_BUF_INIT(S2C_MANIFEST_MAX * 2);

	s2c_buf_must_printf(&buf, "%s", HEAD "\"config\":" CONFIG ",\"layers\":[" LAYER);
	for (unsigned i = 1; i < n; i++)
		s2c_buf_must_printf(&buf, ",%s", LAYER);
	s2c_buf_must_printf(&buf, "]}");
	return s2c_buf_take(&buf);
}

static void test_manifest_limits(void **state)
{
	CLEAN_FREE char *most = many_layers(S2C_LAYERS_MAX), *more = NULL, *huge = NULL;
	CLEAN_MANIFEST struct s2c_manifest *m = NULL;
	struct s2c_manifest *none = NULL;
	struct s2c_index *index = NULL;

	assert_ok(parse(most, "", &m));
	assert_int_equal(m->n_layers, 127);
	more = many_layers(S2C_LAYERS_MAX + 1);
	assert_fails(parse(more, "", &none), S2C_ELIMIT, "128 layers are more than 127");
	huge = many_layers(40000);
	assert_fails(parse(huge, "", &none), S2C_ELIMIT, "larger than 4194304 bytes");
	assert_fails(parse_index(huge, "", &index), S2C_ELIMIT, "larger than");
}

static void test_manifest_print(void **state)
{
	static const char text[] = HEAD
		"\"mediaType\":\"" S2C_MT_DOCKER_MANIFEST
		"\",\"config\":" DESC(S2C_MT_DOCKER_CONFIG, "") ",\"layers\":[" DESC(
			S2C_MT_DOCKER_LAYER_GZIP,
			"") "," DESC("application/"
				     "vnd.docker.image.rootfs.foreign.diff.tar.gzip",
			",\"urls\":[\"https://x/y\"]") "," DESC("application/x-other",
			",\"annotations\":{\"a\":\"b\"}") "],"
							  "\"annotations\":{\"k\":\"v\"}"
							  "}";
	static const char printed[] = HEAD
		"\"mediaType\":\"" S2C_MT_OCI_MANIFEST "\",\"config\":" CONFIG
		",\"layers\":[" LAYER
		"," DESC("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
			",\"urls\":[\"https://x/y\"]") "," DESC("application/x-other",
			",\"annotations\":{\"a\":\"b\"}") "],"
							  "\"annotations\":{\"k\":\"v\"}"
							  "}";
	CLEAN_MANIFEST struct s2c_manifest *m = NULL, *copy = NULL, *again = NULL;
	CLEAN_FREE char *out = NULL, *second = NULL;

	assert_ok(parse(text, "", &m));
	copy = s2c_manifest_copy(m);
	s2c_manifest_free(TAKE(m));
	out = s2c_manifest_print(copy);
	assert_string_equal(out, printed);
	assert_ok(parse(out, S2C_MT_OCI_MANIFEST, &again));
	second = s2c_manifest_print(again);
	assert_string_equal(out, second);
}

#define PLATFORM(os, arch, more)                                                         \
	",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"" os "\"" more "}"

static void test_index(void **state)
{
	static const struct {
		const char *text, *said;
		enum s2c_code code;
		const char *words;
	} rows[] = {
		{HEAD "\"manifests\":[]}", "", S2C_OK, ""},
		{HEAD "\"manifests\":null}", "", S2C_OK, ""},
		{HEAD "\"manifests\":[" DESC(S2C_MT_OCI_MANIFEST, "") "]}",
			S2C_MT_DOCKER_LIST, S2C_OK, ""},
		{HEAD "\"mediaType\":\"" S2C_MT_OCI_INDEX "\",\"manifests\":[]}",
			S2C_MT_OCI_INDEX, S2C_OK, ""},
		{"{\"schemaVersion\":2}", "", S2C_EPROTO, "'manifests' is missing"},
		{HEAD "\"manifests\":{}}", "", S2C_EPROTO, "must be an array"},
		{HEAD "\"layers\":[],\"manifests\":[]}", "", S2C_EPROTO, "has both"},
		{HEAD BODY, "", S2C_EPROTO, "'layers' where an index was expected"},
		{HEAD "\"manifests\":[]}", S2C_MT_OCI_MANIFEST, S2C_EPROTO,
			"where an index was expected"},
		{HEAD "\"mediaType\":\"" S2C_MT_OCI_MANIFEST "\",\"manifests\":[]}", "",
			S2C_EPROTO, "where an index was expected"},
		{HEAD "\"manifests\":[" DESC("a/b",
			 PLATFORM("linux", "0123456789012345678901234567890123456789",
				 "")) "]}",
			"", S2C_EPROTO, "manifest 1: 'architecture' of the platform"},
		{HEAD "\"manifests\":[" DESC(
			 "a/b", PLATFORM("linux", "amd64", ",\"OS\":\"windows\"")) "]}",
			"", S2C_EPROTO, "must be spelt"},
		{HEAD "\"manifests\":[" DESC("a/b", ",\"platform\":7") "]}", "",
			S2C_EPROTO, "must be an object"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_index *index = NULL;

		if (rows[i].code == S2C_OK) {
			assert_ok(parse_index(rows[i].text, rows[i].said, &index));
		} else {
			assert_fails(parse_index(rows[i].text, rows[i].said, &index),
				rows[i].code, rows[i].words);
			assert_null(index);
		}
		s2c_index_free(index);
	}
}

static void test_index_limit(void **state)
{
	struct s2c_buf buf = S2C_BUF_INIT(S2C_MANIFEST_MAX);
	CLEAN_FREE char *text = NULL;
	struct s2c_index *index = NULL;

	s2c_buf_must_printf(&buf, "%s", HEAD "\"manifests\":[" LAYER);
	for (int i = 0; i < S2C_INDEX_MANIFESTS_MAX; i++)
		s2c_buf_must_printf(&buf, ",%s", LAYER);
	s2c_buf_must_printf(&buf, "]}");
	text = s2c_buf_take(&buf);
	assert_fails(parse_index(text, "", &index), S2C_ELIMIT, "1001 manifests");
}

static void test_index_print(void **state)
{
	static const char text[] = HEAD
		"\"mediaType\":\"" S2C_MT_OCI_INDEX
		"\",\"manifests\":[" DESC(S2C_MT_DOCKER_MANIFEST,
			PLATFORM("linux", "arm",
				",\"variant\":\"v7\"")) "," DESC(S2C_MT_OCI_MANIFEST,
			",\"annotations\":{\"org.opencontainers.image.ref.name\":\"a:"
			"b\"}") "],"
				"\"annotations\":{\"k\":\"v\"}}";
	CLEAN_INDEX struct s2c_index *index = NULL;
	CLEAN_FREE char *out = NULL;

	assert_ok(parse_index(text, "", &index));
	out = s2c_index_print(index);
	assert_string_equal(out, text);
}

/* An index of entries "os/arch/variant", which are found by their position. */
static void test_choose(void **state)
{
	static const struct {
		const char *entries[6];
		const char *wanted;
		int chosen; /* -1: none */
	} rows[] = {
		{{"linux/amd64"}, "linux/amd64", 0},
		{{"linux/arm64", "linux/amd64"}, "linux/amd64", 1},
		{{"windows/amd64", "linux/amd64"}, "linux/amd64", 1},
		{{"linux/arm64"}, "linux/amd64", -1},
		{{"windows/amd64"}, "linux/amd64", -1},
		{{"unknown/unknown"}, "unknown/unknown", -1},
		{{"unknown/unknown", "linux/amd64"}, "linux/amd64", 1},
		{{"linux/amd64/v3", "linux/amd64"}, "linux/amd64", 1},
		{{"linux/amd64", "linux/amd64/v3"}, "linux/amd64/v3", 1},
		{{"linux/amd64/v4", "linux/amd64/v2", "linux/amd64/v3"}, "linux/amd64",
			1},
		{{"linux/amd64", "linux/amd64"}, "linux/amd64", 0},
		{{"linux/arm/v5", "linux/arm/v7", "linux/arm/v6"}, "linux/arm/v7", 1},
		{{"linux/arm/v5", "linux/arm"}, "linux/arm/v7", 1},
		{{"linux/arm64/v8"}, "linux/arm64", 0},
		{{"linux/arm64"}, "linux/arm64/v8", 0},
		{{"linux/arm64/v9", "linux/arm64/v8"}, "linux/arm64", 1},
		{{NULL}, "linux/amd64", -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct s2c_descriptor entries[7] = {0};
		struct s2c_index index = {.manifests = entries};
		const struct s2c_descriptor *chosen;
		struct s2c_platform wanted;

		/* No platform, and something that is no image, come first everywhere. */
		strcpy(entries[index.n_manifests++].media_type, S2C_MT_OCI_MANIFEST);
		for (size_t j = 0; j < 6 && rows[i].entries[j]; j++) {
			struct s2c_descriptor *entry = &entries[index.n_manifests++];

			strcpy(entry->media_type,
				j % 2 ? S2C_MT_OCI_INDEX : S2C_MT_DOCKER_MANIFEST);
			assert_ok(s2c_platform_parse(
				rows[i].entries[j], &entry->platform, &terr));
		}
		assert_ok(s2c_platform_parse(rows[i].wanted, &wanted, &terr));
		chosen = s2c_index_choose(&index, &wanted);
		if (rows[i].chosen < 0)
			assert_null(chosen);
		else
			assert_ptr_equal(chosen, &entries[1 + rows[i].chosen]);
	}
}

static void test_platform(void **state)
{
	static const char *const bad[] = {"", "linux", "linux/", "/amd64", "linux//v7",
		"linux/amd64/", "linux/amd64/v1/x", "Linux/amd64", "linux/amd 64",
		"linux/01234567890123456789012345678901"};
	struct s2c_platform p, host;

	assert_ok(s2c_platform_parse("linux/arm/v7", &p, &terr));
	assert_string_equal(p.os, "linux");
	assert_string_equal(p.architecture, "arm");
	assert_string_equal(p.variant, "v7");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(s2c_platform_parse(bad[i], &p, &terr), S2C_EINVAL,
			"must be OS/ARCHITECTURE");
	assert_string_equal(p.variant, "v7");
	s2c_platform_host(&host);
	assert_string_equal(host.os, "linux");
	assert_true(host.architecture[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_media_kind),
		cmocka_unit_test(test_manifest_good),
		cmocka_unit_test(test_manifest_bad),
		cmocka_unit_test(test_manifest_limits),
		cmocka_unit_test(test_manifest_print),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_index_limit),
		cmocka_unit_test(test_index_print),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
