/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with what stands around them.
 */
#include "build/dockerfile_values.h"

#include <stdbool.h>
#include <strings.h>

#define PORT_MAX 65535
#define RETRIES_MAX 1000000
#define MODE_MAX 07777
/* Hours of a duration stay far below what int64 holds of nanoseconds. */
#define HOURS_MAX 100000
#define NS_PER_MS 1000000LL

static const char digits[] = "0123456789";

/* A port at *at, 1 to PORT_MAX; 0 if there is none. */
static unsigned take_port(const char **at)
{
	size_t len = strspn(*at, digits);
	unsigned long port = len && len <= 5 ? strtoul(*at, NULL, 10) : 0;

	*at += len;
	return port <= PORT_MAX ? (unsigned)port : 0;
}

static const char *protocol_of(const char *text)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};

	if (!*text)
		return protocols[0];
	for (size_t i = 0; *text == '/' && i < ARRAY_SIZE(protocols); i++)
		if (strcasecmp(text + 1, protocols[i]) == 0)
			return protocols[i];
	return NULL;
}

int s2c_ports_parse(const char *text, struct s2c_strv *out, struct s2c_error **err)
{
	const char *at = text;
	unsigned first = take_port(&at), last = first;
	const char *protocol;

	if (first && *at == '-') {
		at++;
		last = take_port(&at);
	}
	protocol = protocol_of(at);
	if (!first || last < first || !protocol)
		return s2c_fail(err, S2C_EINVAL,
			"'%.100s' is no port, as '8080', '53/udp' or '8000-8010'", text);
	if (last - first >= S2C_PORT_RANGE_MAX)
		return s2c_fail(err, S2C_ELIMIT, "'%.100s' are more than %d ports", text,
			S2C_PORT_RANGE_MAX);
	for (unsigned port = first; port <= last; port++)
		s2c_strv_addf(out, "%u/%s", port, protocol);
	return 0;
}

/* A unit at *at in nanoseconds; 0 if it is none. */
static int64_t take_unit(const char **at)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{"ms", NS_PER_MS},
		{"us", 1000},
		{"ns", 1},
		{"h", 3600 * 1000 * NS_PER_MS},
		{"m", 60 * 1000 * NS_PER_MS},
		{"s", 1000 * NS_PER_MS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!starts_with(*at, units[i].name))
			continue;
		*at += strlen(units[i].name);
		return units[i].ns;
	}
	return 0;
}

/* A number with a unit at *at, in nanoseconds; -1 if there is none. */
static int64_t take_part(const char **at)
{
	size_t whole_len = strspn(*at, digits), rest_len = 0;
	const char *whole = *at, *rest = *at + whole_len;
	int64_t unit, number, fraction = 0, scale = 1;

	if (*rest == '.')
		rest_len = strspn(++rest, digits);
	/* Nine digits are a second of nanoseconds, or some 30 years of seconds. */
	if (whole_len > 9 || rest_len > 9 || whole_len + rest_len == 0)
		return -1;
	*at = rest + rest_len;
	unit = take_unit(at);
	if (!unit)
		return -1;
	number = whole_len ? strtol(whole, NULL, 10) : 0;
	if (number > HOURS_MAX * (3600 * 1000 * NS_PER_MS / unit))
		return -1;
	for (size_t i = 0; i < rest_len; i++) {
		fraction = fraction * 10 + (rest[i] - '0');
		scale *= 10;
	}
	/* In floating point, since the product may pass 64 bits. */
	return number * unit + (int64_t)((double)fraction / (double)scale * (double)unit);
}

int s2c_duration_parse(const char *text, int64_t *out, struct s2c_error **err)
{
	int64_t total = 0;
	const char *at = text;
	bool fine = *text;

	while (fine && *at && !streq(text, "0")) {
		int64_t part = take_part(&at);

		fine = part >= 0;
		total += part;
		fine = fine && total <= HOURS_MAX * (3600 * 1000 * NS_PER_MS);
	}
	if (!fine)
		return s2c_fail(err, S2C_EINVAL,
			"'%.100s' is no duration, as '30s' or '1m30s'", text);
	if (total && total < NS_PER_MS)
		return s2c_fail(
			err, S2C_EINVAL, "'%.100s' is less than a millisecond", text);
	*out = total;
	return 0;
}

int s2c_retries_parse(const char *text, int64_t *out, struct s2c_error **err)
{
	size_t len = strspn(text, digits);
	long number = len && len < 9 && !text[len] ? strtol(text, NULL, 10) : -1;

	if (number < 0 || number > RETRIES_MAX)
		return s2c_fail(err, S2C_EINVAL, "'%.100s' is no number from 0 to %d",
			text, RETRIES_MAX);
	*out = number;
	return 0;
}

int s2c_mode_parse(const char *text, int *out, struct s2c_error **err)
{
	size_t len = strspn(text, "01234567");
	long mode = len && len < 9 && !text[len] ? strtol(text, NULL, 8) : -1;

	if (mode < 0 || mode > MODE_MAX)
		return s2c_fail(
			err, S2C_EINVAL, "'%.100s' is no octal mode, as 0755", text);
	*out = (int)mode;
	return 0;
}
