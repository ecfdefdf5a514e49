/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next page of a list, out of a Link header.
 */
#include "helper.h"

#include "registry/referrers.h"

static void links(void **state)
{
	static const struct {
		const char *value, *next;
	} cases[] = {
		{"</v2/a?n=1>; rel=\"next\"", "/v2/a?n=1"},
		{"</v2/a?n=1>; rel=next", "/v2/a?n=1"},
		{"</v2/a>;rel=next", "/v2/a"},
		{"  </v2/a> ; rel = \"next\" ", "/v2/a"},
		{"</v2/a>; REL=NEXT", "/v2/a"},
		{"</v2/a>; rel=\"prev next\"", "/v2/a"},
		{"</v2/a>; title=\"x, y; rel=z\"; rel=\"next\"", "/v2/a"},
		{"</v2/a>; title=\"a \\\" b\"; rel=\"next\"", "/v2/a"},
		{"</v2/a>; rel=prev, </v2/b>; rel=next", "/v2/b"},
		{"</v2/a>; rel=first , </v2/b> ; x ; rel=next", "/v2/b"},
		{"<https://r.example/v2/a>; rel=next", "https://r.example/v2/a"},
		{"</v2/a,b;c>; rel=next", "/v2/a,b;c"},
		{"", NULL},
		{"/v2/a; rel=next", NULL},
		{"<>; rel=next", NULL},
		{"</v2/a", NULL},
		{"</v2/a>", NULL},
		{"</v2/a>; rel", NULL},
		{"</v2/a>; rel=", NULL},
		{"</v2/a>; rel=\"", NULL},
		{"</v2/a>; rel=\"next", "/v2/a"},
		{"</v2/a>; rel=prev", NULL},
		{"</v2/a>; rel=nextest", NULL},
		{"</v2/a>; rel=\"x-next\"", NULL},
		{"</v2/a>; title=next", NULL},
		{"</v2/a> rel=next", NULL},
		{"</v2/a>; title=\"open; rel=next", NULL},
		{"</v2/a>,", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEAN_FREE char *next = s2c_link_next(cases[i].value);

		if (!next != !cases[i].next || (next && !streq(next, cases[i].next)))
			fail_msg("%s: %s", cases[i].value, next ? next : "(none)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(links)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
