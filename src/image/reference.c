/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references, by the grammar of the distribution project (reference.md there) with
 * Docker's rule for what is a registry. No I/O, no guessing of registries.
 */
#include <s2c/reference.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>

#include "codec/digest.h"
#include "util/error.h"

/* A piece of the text under parse. */
struct span {
	const char *at;
	size_t len;
};

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}

/* Length of the piece up to `stop` or the end of `s`. */
static size_t until(struct span s, char stop)
{
	const char *hit = memchr(s.at, stop, s.len);

	return hit ? (size_t)(hit - s.at) : s.len;
}

/* --- registry --------------------------------------------------------------------- */

static bool valid_port(struct span port)
{
	unsigned value = 0;

	if (port.len == 0 || port.len > 5)
		return false;
	for (size_t i = 0; i < port.len; i++) {
		if (port.at[i] < '0' || port.at[i] > '9')
			return false;
		value = value * 10 + (unsigned)(port.at[i] - '0');
	}
	return value > 0 && value <= 65535;
}

/* Letters, digits and inner '-' in non-empty parts between dots. */
static bool valid_host_name(struct span host)
{
	char before = '.';

	for (size_t i = 0; i <= host.len; i++) {
		char c = i < host.len ? host.at[i] : '.';

		if (!is_alnum(c) && c != '-' && c != '.')
			return false;
		if (c == '.' && (before == '.' || before == '-'))
			return false;
		if (c == '-' && before == '.')
			return false;
		before = c;
	}
	return true;
}

static bool valid_registry(struct span registry)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct in6_addr parsed;
	struct span host = registry;
	size_t close;

	if (registry.at[0] == '[') {
		close = until(registry, ']');
		if (close == registry.len || close > sizeof(address))
			return false;
		memcpy(address, registry.at + 1, close - 1);
		if (inet_pton(AF_INET6, address, &parsed) != 1)
			return false;
		if (close + 1 == registry.len)
			return true;
		return registry.at[close + 1] == ':' &&
		       valid_port((struct span){
			       registry.at + close + 2, registry.len - close - 2});
	}
	host.len = until(registry, ':');
	if (host.len < registry.len &&
		!valid_port((struct span){
			registry.at + host.len + 1, registry.len - host.len - 1}))
		return false;
	return valid_host_name(host);
}

static bool is_registry(struct span component)
{
	return memchr(component.at, '.', component.len) ||
	       memchr(component.at, ':', component.len) ||
	       (component.len == 9 && memcmp(component.at, "localhost", 9) == 0);
}

/* --- repository and tag ----------------------------------------------------------- */

/* Bytes of the separator at `s`: '.', '_', '__' or any number of '-'; 0: none. */
static size_t separator(struct span s)
{
	size_t n = 0;

	if (s.len == 0)
		return 0;
	if (s.at[0] == '.')
		return 1;
	if (s.at[0] == '_')
		return s.len > 1 && s.at[1] == '_' ? 2 : 1;
	while (n < s.len && s.at[n] == '-')
		n++;
	return n;
}

/* Letters and digits, with single separators between them. */
static bool valid_component(struct span s)
{
	for (;;) {
		size_t n = 0, skip;

		while (n < s.len && is_lower_alnum(s.at[n]))
			n++;
		if (n == 0)
			return false;
		s.at += n;
		s.len -= n;
		if (s.len == 0)
			return true;
		skip = separator(s);
		if (skip == 0)
			return false;
		s.at += skip;
		s.len -= skip;
	}
}

/* NULL, or what is wrong with the repository. */
static const char *check_repository(struct span s)
{
	if (s.len == 0)
		return "the name is missing";
	for (size_t i = 0; i < s.len; i++)
		if (is_upper(s.at[i]))
			return "the repository must be in lower case";
	for (;;) {
		size_t n = until(s, '/');

		if (n == 0)
			return "a part of the repository between '/' is empty";
		if (!valid_component((struct span){s.at, n}))
			return "a repository is made of a-z and 0-9 with single '.', "
			       "'_', '__' or '-' between them";
		if (n == s.len)
			return NULL;
		s.at += n + 1;
		s.len -= n + 1;
	}
}

static const char *check_tag(struct span tag)
{
	if (tag.len == 0)
		return "the tag behind ':' is empty";
	if (tag.len > S2C_TAG_MAX)
		return "the tag is longer than 128 bytes";
	for (size_t i = 0; i < tag.len; i++)
		if (!is_alnum(tag.at[i]) && tag.at[i] != '_' &&
			(i == 0 || (tag.at[i] != '.' && tag.at[i] != '-')))
			return "a tag is made of letters, digits, '_', '.' and '-' and "
			       "starts with none of the last two";
	return NULL;
}

/* --- the whole -------------------------------------------------------------------- */

/* "https://..." and the transport names of other tools. */
static bool has_scheme(const char *text)
{
	const char *p = text;

	while (is_alnum(*p) || *p == '-' || *p == '+' || *p == '.')
		p++;
	return p > text && strncmp(p, "://", 3) == 0;
}

static bool is_image_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Registry and repository with Docker Hub's aliases; NULL or what is wrong. */
static const char *normalise(
	struct span registry, struct span repository, struct s2c_reference *ref)
{
	static const char *const aliases[] = {"index.docker.io", "registry-1.docker.io"};
	const char *prefix = "";

	for (size_t i = 0; i < registry.len; i++) {
		char c = registry.at[i];

		ref->registry[i] = is_upper(c) ? (char)(c - 'A' + 'a') : c;
	}
	ref->registry[registry.len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (streq(ref->registry, aliases[i])) {
			memset(ref->registry, 0, sizeof(ref->registry));
			memcpy(ref->registry, "docker.io", strlen("docker.io"));
		}
	}
	if (streq(ref->registry, "docker.io") &&
		!memchr(repository.at, '/', repository.len))
		prefix = "library/";
	if (strlen(ref->registry) + 1 + strlen(prefix) + repository.len >
		S2C_REPOSITORY_MAX)
		return "registry and repository are longer than 255 bytes";
	(void)snprintf(ref->repository, sizeof(ref->repository), "%s%.*s", prefix,
		(int)repository.len, repository.at);
	return NULL;
}

/* NULL, or what is wrong with everything before the digest. */
static const char *parse_name(struct span name, struct s2c_reference *ref)
{
	struct span registry = {name.at, 0}, repository = name, tag = {name.at, 0};
	size_t slash = until(name, '/'), colon;
	const char *wrong;

	if (slash < name.len && is_registry((struct span){name.at, slash})) {
		registry.len = slash;
		repository.at += slash + 1;
		repository.len -= slash + 1;
		if (registry.len > S2C_REPOSITORY_MAX || !valid_registry(registry))
			return "the registry must be HOST or HOST:PORT";
	}
	colon = until(repository, ':');
	if (colon < repository.len) {
		tag.at = repository.at + colon + 1;
		tag.len = repository.len - colon - 1;
		repository.len = colon;
		wrong = check_tag(tag);
		if (wrong)
			return wrong;
		memcpy(ref->tag, tag.at, tag.len);
	}
	wrong = check_repository(repository);
	return wrong ? wrong : normalise(registry, repository, ref);
}

static size_t format_length(const struct s2c_reference *ref)
{
	return strlen(ref->registry) + 1 + strlen(ref->repository) + 1 +
	       strlen(ref->tag) + 1 + strlen(ref->digest);
}

int s2c_reference_parse(
	const char *text, struct s2c_reference *out, struct s2c_error **err)
{
	struct s2c_reference ref = {0};
	struct s2c_digest digest;
	struct span name = {text, strlen(text)};
	const char *wrong;

	if (name.len > S2C_REFERENCE_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"reference '%.64s...' is longer than %d bytes", text,
			S2C_REFERENCE_MAX);
	if (name.len == 0)
		return s2c_fail(err, S2C_EINVAL, "reference '' is empty");
	if (has_scheme(text))
		return s2c_fail(err, S2C_EINVAL,
			"reference '%s' must not have a scheme: leave out '%.*s://'",
			text, (int)(strstr(text, "://") - text), text);
	if (is_image_id(text))
		return s2c_fail(err, S2C_EINVAL,
			"reference '%s' looks like an image id and can be no name", text);
	name.len = until(name, '@');
	if (text[name.len] == '@') {
		if (s2c_digest_parse(text + name.len + 1, &digest, err) < 0)
			return s2c_wrap(err, "reference '%s'", text);
		memcpy(ref.digest, digest.str, sizeof(ref.digest));
	}
	wrong = parse_name(name, &ref);
	if (wrong)
		return s2c_fail(err, S2C_EINVAL, "reference '%s': %s", text, wrong);
	if (!ref.tag[0] && !ref.digest[0])
		memcpy(ref.tag, "latest", sizeof("latest"));
	if (format_length(&ref) > S2C_REFERENCE_MAX)
		return s2c_fail(err, S2C_EINVAL, "reference '%s' is too long", text);
	*out = ref;
	return 0;
}

/* Appends to a text of at most S2C_REFERENCE_MAX bytes. */
static void append(char *out, const char *s)
{
	size_t at = strlen(out), len = strlen(s);

	if (len > S2C_REFERENCE_MAX - at)
		len = S2C_REFERENCE_MAX - at;
	memcpy(out + at, s, len);
	out[at + len] = '\0';
}

void s2c_reference_name(const struct s2c_reference *ref, char *out)
{
	out[0] = '\0';
	append(out, ref->registry);
	append(out, ref->registry[0] ? "/" : "");
	append(out, ref->repository);
}

void s2c_reference_format(const struct s2c_reference *ref, char *out)
{
	s2c_reference_name(ref, out);
	append(out, ref->tag[0] ? ":" : "");
	append(out, ref->tag);
	append(out, ref->digest[0] ? "@" : "");
	append(out, ref->digest);
}
