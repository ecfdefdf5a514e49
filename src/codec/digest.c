/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests: the text form, hashing over EVP (SHA extensions of the CPU are used there),
 * and the two streams that hash what passes. Nothing else in the program hashes.
 */
#include "codec/digest.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>
#include <stdio.h>

struct algorithm {
	const char *name; /* in a digest */
	const char *evp_name;
	size_t size; /* bytes of a hash */
	/*
	 * Fetched by the first use and kept: a fetch costs more than hashing a small
	 * blob. Two threads may both fetch; one of them keeps its own.
	 */
	_Atomic(EVP_MD *) md;
};

static struct algorithm algorithms[] = {
	{.name = "sha256", .evp_name = "SHA256", .size = 32},
	{.name = "sha512", .evp_name = "SHA512", .size = 64},
};

static struct algorithm *find_algorithm(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (strlen(algorithms[i].name) == len &&
			memcmp(algorithms[i].name, name, len) == 0)
			return &algorithms[i];
	return NULL;
}

static EVP_MD *algorithm_md(struct algorithm *algo)
{
	EVP_MD *md = algo->md, *none = NULL;

	if (md)
		return md;
	md = s2c_must(EVP_MD_fetch(NULL, algo->evp_name, NULL));
	if (atomic_compare_exchange_strong(&algo->md, &none, md))
		return md;
	EVP_MD_free(md);
	return none;
}

/* --- text ------------------------------------------------------------------------- */

int s2c_digest_parse(const char *text, struct s2c_digest *out, struct s2c_error **err)
{
	const char *colon = strchr(text, ':');
	const struct algorithm *algo;
	size_t len;

	if (!colon)
		return s2c_fail(err, S2C_EINVAL,
			"digest '%.160s' has no algorithm, as in 'sha256:...'", text);
	algo = find_algorithm(text, (size_t)(colon - text));
	if (!algo)
		return s2c_fail(err, S2C_EINVAL,
			"digest '%.160s' is neither sha256 nor sha512", text);
	len = strlen(colon + 1);
	if (len != algo->size * 2 || strspn(colon + 1, "0123456789abcdef") != len)
		return s2c_fail(err, S2C_EINVAL,
			"digest '%.160s' needs %zu lower-case hex digits", text,
			algo->size * 2);
	memcpy(out->str, text, strlen(text) + 1);
	return 0;
}

bool s2c_digest_equal(const struct s2c_digest *a, const struct s2c_digest *b)
{
	return streq(a->str, b->str);
}

const char *s2c_digest_hex(const struct s2c_digest *digest)
{
	const char *colon = strchr(digest->str, ':');

	return colon ? colon + 1 : "";
}

const char *s2c_digest_algo(const struct s2c_digest *digest)
{
	const char *colon = strchr(digest->str, ':');
	const struct algorithm *algo = colon ? find_algorithm(digest->str,
						       (size_t)(colon - digest->str))
					     : NULL;

	return algo ? algo->name : "";
}

void s2c_digest_short(const struct s2c_digest *digest, char out[13])
{
	const char *hex = s2c_digest_hex(digest);
	size_t len = strnlen(hex, 12);

	memcpy(out, hex, len);
	out[len] = '\0';
}

/* --- hashing ---------------------------------------------------------------------- */

struct s2c_hasher {
	const struct algorithm *algo;
	EVP_MD_CTX *ctx;
};

/* libcrypto fails here for want of memory only. */
static void must_be(int done)
{
	(void)s2c_must(done == 1 ? &done : NULL);
}

struct s2c_hasher *s2c_hasher_new(const char *name)
{
	struct algorithm *algo = find_algorithm(name, strlen(name));
	struct s2c_hasher *hasher = xmalloc(sizeof(*hasher));

	assert(algo);
	*hasher = (struct s2c_hasher){
		.algo = algo,
		.ctx = s2c_must(EVP_MD_CTX_new()),
	};
	must_be(EVP_DigestInit_ex2(hasher->ctx, algorithm_md(algo), NULL));
	return hasher;
}

void s2c_hasher_update(struct s2c_hasher *hasher, const void *data, size_t len)
{
	must_be(EVP_DigestUpdate(hasher->ctx, data, len));
}

void s2c_hasher_final(struct s2c_hasher *hasher, struct s2c_digest *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t name_len = strlen(hasher->algo->name);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char *p = out->str;

	must_be(EVP_DigestFinal_ex(hasher->ctx, hash, &len));
	memcpy(p, hasher->algo->name, name_len);
	p += name_len;
	*p++ = ':';
	for (unsigned i = 0; i < len; i++) {
		*p++ = digits[hash[i] >> 4];
		*p++ = digits[hash[i] & 15];
	}
	*p = '\0';
}

void s2c_hasher_free(struct s2c_hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->ctx);
	free(hasher);
}

void s2c_digest_of(const void *data, size_t len, struct s2c_digest *out)
{
	struct s2c_hasher *hasher = s2c_hasher_new("sha256");

	s2c_hasher_update(hasher, data, len);
	s2c_hasher_final(hasher, out);
	s2c_hasher_free(hasher);
}

/* --- streams ---------------------------------------------------------------------- */

struct digest_writer {
	struct s2c_writer base;
	struct s2c_writer *next;
	struct s2c_hasher *hasher;
	struct s2c_digest *digest;
	uint64_t *size;
	uint64_t count;
};

static int digest_write(
	struct s2c_writer *writer, const void *buf, size_t len, struct s2c_error **err)
{
	struct digest_writer *w = (struct digest_writer *)writer;

	if (w->hasher)
		s2c_hasher_update(w->hasher, buf, len);
	w->count += len;
	return w->next ? s2c_write(w->next, buf, len, err) : 0;
}

static int digest_finish(struct s2c_writer *writer, struct s2c_error **err)
{
	struct digest_writer *w = (struct digest_writer *)writer;

	if (w->next && s2c_finish(w->next, err) < 0)
		return -1;
	if (w->hasher)
		s2c_hasher_final(w->hasher, w->digest);
	if (w->size)
		*w->size = w->count;
	return 0;
}

static void digest_writer_free(struct s2c_writer *writer)
{
	struct digest_writer *w = (struct digest_writer *)writer;

	s2c_hasher_free(w->hasher);
	free(w);
}

struct s2c_writer *s2c_writer_digest(
	struct s2c_writer *next, struct s2c_digest *digest, uint64_t *size)
{
	static const struct s2c_writer_ops ops = {
		.write = digest_write,
		.finish = digest_finish,
		.free = digest_writer_free,
	};
	struct digest_writer *w = xmalloc(sizeof(*w));

	*w = (struct digest_writer){
		.base.ops = &ops,
		.next = next,
		.hasher = digest ? s2c_hasher_new("sha256") : NULL,
		.digest = digest,
		.size = size,
	};
	return &w->base;
}

struct digest_reader {
	struct s2c_reader base;
	struct s2c_reader *next;
	bool own, verified;
	struct s2c_hasher *hasher; /* NULL: only the size is checked */
	struct s2c_digest_check check;
	struct s2c_digest found; /* set at the end */
	uint64_t count;
};

/* Compares at the end of the content. */
static int verify(struct digest_reader *r, struct s2c_error **err)
{
	const struct s2c_digest_check *check = &r->check;

	if (check->size != UINT64_MAX && r->count != check->size)
		return s2c_fail(err, S2C_EDIGEST,
			"%s has %" PRIu64 " bytes where %" PRIu64 " were promised",
			check->what, r->count, check->size);
	if (r->hasher && !r->found.str[0])
		s2c_hasher_final(r->hasher, &r->found);
	if (r->hasher && !s2c_digest_equal(&r->found, &check->digest))
		return s2c_fail(err, S2C_EDIGEST,
			"%s is damaged: its digest is %s and not %s", check->what,
			r->found.str, check->digest.str);
	r->verified = true;
	return 0;
}

static ssize_t digest_read(
	struct s2c_reader *reader, void *buf, size_t len, struct s2c_error **err)
{
	struct digest_reader *r = (struct digest_reader *)reader;
	const struct s2c_digest_check *check = &r->check;
	ssize_t n;

	if (r->verified)
		return 0;
	n = s2c_read(r->next, buf, len, err);
	if (n < 0)
		return -1;
	if (n == 0)
		return verify(r, err);
	r->count += (uint64_t)n;
	if (check->size != UINT64_MAX && r->count > check->size)
		return s2c_fail(err, S2C_EDIGEST,
			"%s has more than the promised %" PRIu64 " bytes", check->what,
			check->size);
	if (r->hasher)
		s2c_hasher_update(r->hasher, buf, (size_t)n);
	return n;
}

static void digest_reader_free(struct s2c_reader *reader)
{
	struct digest_reader *r = (struct digest_reader *)reader;

	s2c_hasher_free(r->hasher);
	if (r->own)
		s2c_reader_free(r->next);
	free(r);
}

struct s2c_reader *s2c_reader_digest(
	struct s2c_reader *next, bool own, const struct s2c_digest_check *check)
{
	static const struct s2c_reader_ops ops = {
		.read = digest_read,
		.free = digest_reader_free,
	};
	struct digest_reader *r = xmalloc(sizeof(*r));

	*r = (struct digest_reader){
		.base.ops = &ops,
		.next = next,
		.own = own,
		.check = *check,
	};
	if (check->digest.str[0])
		r->hasher = s2c_hasher_new(s2c_digest_algo(&check->digest));
	return &r->base;
}

void s2c_hmac_sha256(
	const void *key, size_t key_len, const void *data, size_t len, char out[65])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	/* Fails for want of memory only. */
	(void)s2c_must(HMAC(EVP_sha256(), key, (int)key_len, data, len, mac, &n));
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", mac[i]);
}
