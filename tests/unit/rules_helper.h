/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of the gate for tests: JSON with ' for ", and names with known ids. */
#ifndef S2C_TESTS_UNIT_RULES_HELPER_H
#define S2C_TESTS_UNIT_RULES_HELPER_H

#include "helper.h"

#include "policy/rules.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

UNUSED static int find_test_name(void *self, enum s2c_name_kind kind, const char *name,
	uint32_t *out_id, struct s2c_error **err)
{
	static const struct {
		enum s2c_name_kind kind;
		const char *name;
		uint32_t id;
	} known[] = {
		{S2C_NAME_USER, "alice", 1000},
		{S2C_NAME_USER, "bob", 1001},
		{S2C_NAME_USER, "root", 0},
		{S2C_NAME_USER, "nobody", 65534},
		{S2C_NAME_GROUP, "team", 2000},
		{S2C_NAME_GROUP, "others", 2001},
		{S2C_NAME_GROUP, "root", 0},
	};

	(void)self;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].kind == kind && streq(known[i].name, name)) {
			*out_id = known[i].id;
			return 0;
		}
	}
	return s2c_fail(err, S2C_ENOENT, "'%s' is not known on this host", name);
}

static const struct s2c_name_resolver test_names = {.find = find_test_name};

/* 0, or -1 with terr. */
UNUSED static int load_rules(const char *quoted, struct s2c_rules **out)
{
	CLEAN_FREE char *text = xstrdup(quoted);
	CLEAN_JSON struct s2c_json *root = NULL;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (s2c_json_parse(
		    text, strlen(text), (struct s2c_json_limits){0}, &root, &terr) < 0)
		return s2c_wrap(&terr, "the test's own text");
	return s2c_rules_load(root, &test_names, out, &terr);
}

/* What every policy has to say. */
#define BASE "'version':1,'audit':{'path':'/var/log/audit'}"

/* The policy that the decisions are about. */
#define EXAMPLE                                                                          \
	"{" BASE ",'upstream':{'socket':'/run/docker.sock','flavor':'docker'},"          \
	"'defaults':{'networks':['none','egress'],'memory':'1Gi','cpus':1.5,"            \
	"  'uids':[1001,'100000-165535'],'gids':[0,'100000-165535'],'env_vars':3,"       \
	"  'env_bytes':'1Ki'},"                                                          \
	"'builders':["                                                                   \
	"  {'name':'pinned','ref':'registry.example/builder/python','digest':'" DIGEST_A \
	"'},"                                                                            \
	"  {'name':'tagged','ref':'registry.example/builder/ruby',"                      \
	"   'tags':['3.*','latest'],'uid':5000,'network':'build'},"                      \
	"  {'name':'ubi','ref':'registry.example/ubi9/*'},"                              \
	"  {'name':'wide','ref':'registry.example/**'},"                                 \
	"  {'name':'hub','ref':'docker.io/perl'}],"                                      \
	"'aliases':{'builder/python':'pinned','ruby':'tagged'},"                         \
	"'push':["                                                                       \
	"  {'name':'team','to':'registry.example/team/**','auth':'/etc/s2c/team.json',"  \
	"   'tags':['v*','latest']},"                                                    \
	"  {'name':'any','to':'registry.example/*/app'},"                                \
	"  {'name':'foreign','to':'registry.example/foreign/**'}],"                      \
	"'subjects':["                                                                   \
	"  {'user':'alice','builders':['pinned','tagged','hub'],'push':['team'],"        \
	"   'memory':'4Gi','cmd':'any'},"                                                \
	"  {'group':'team','builders':['pinned','wide'],'push':['any','team']},"         \
	"  {'uid':1500,'builders':['ubi']},"                                             \
	"  {'socket':'/run/s2c/ci.sock','builders':['wide']},"                           \
	"  {'gid':0,'builders':['wide']}]}"

#endif
