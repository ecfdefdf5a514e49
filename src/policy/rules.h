/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's policy: who may build with which builders, as which user, on which network,
 * within which limits, and push where. Loaded once from a tree (YAML or JSON), owned and
 * never changed after that, so any number of threads may ask. Everything here is pure:
 * names of users and groups are looked up through a callback while loading.
 *
 * Default is to deny. Where several entries could apply, the FIRST that matches decides:
 * subjects in the order of the file (so put users before groups), builders and push rules
 * in the order in which the subject names them (so put pins before wildcards). A subject
 * is complete: `defaults` with what it sets itself; nothing is merged across subjects.
 */
#ifndef S2C_POLICY_RULES_H
#define S2C_POLICY_RULES_H

#include "codec/digest.h"
#include "codec/json.h"
#include "policy/pattern.h"
#include "policy/policy.h"

#define S2C_RULES_ENTRIES_MAX 1024 /* of each list */
#define S2C_RULES_ITEMS_MAX 256    /* in a list of an entry */
#define S2C_RULES_NAME_MAX 64      /* bytes of names of builders, networks, users ... */
#define S2C_RULES_PATH_MAX 107     /* bytes of a socket's path: struct sockaddr_un */
#define S2C_RULES_FILE_MAX 4096    /* bytes of the path of a file */
#define S2C_OVERFLOW_ID 65534      /* what an id outside of a user namespace looks like */

/* ---- what a subject gets ---- */

enum s2c_entrypoint { S2C_ENTRYPOINT_IMAGE, S2C_ENTRYPOINT_CLEAR };
enum s2c_command_rule { S2C_COMMAND_S2I, S2C_COMMAND_ANY };
enum s2c_client_auth { S2C_CLIENT_AUTH_DENY, S2C_CLIENT_AUTH_ALLOW };

/* What `defaults` and every subject may set; the table below has their names. */
struct s2c_rules_values {
	struct s2c_uids uids, gids;
	struct s2c_strv networks; /* at least one; the first is for who names none */
	uint64_t memory;          /* bytes */
	uint32_t milli_cpus;      /* only a private policy has that */
	uint32_t pids;
	uint32_t deadline;   /* seconds a container may run */
	uint32_t containers; /* at a time */
	uint64_t source_bytes, log_bytes, copy_out_bytes;
	uint32_t source_entries;
	uint32_t env_vars;
	uint64_t env_bytes;
	uint32_t entrypoint;  /* enum s2c_entrypoint */
	uint32_t command;     /* enum s2c_command_rule */
	uint32_t client_auth; /* enum s2c_client_auth */
};

enum s2c_value_kind {
	S2C_VALUE_IDS,      /* struct s2c_uids */
	S2C_VALUE_NETWORKS, /* struct s2c_strv */
	S2C_VALUE_SIZE,     /* uint64_t */
	S2C_VALUE_CPUS,     /* uint32_t, thousandths */
	S2C_VALUE_SECONDS,  /* uint32_t */
	S2C_VALUE_COUNT,    /* uint32_t */
	S2C_VALUE_WORD,     /* uint32_t, index into words; a larger one allows more */
};

struct s2c_value_field {
	const char *key;
	enum s2c_value_kind kind;
	size_t offset;      /* in struct s2c_rules_values */
	uint64_t min, max;  /* of SIZE, SECONDS and COUNT; of IDS: min is the lowest id */
	const char *normal; /* what holds if the file says nothing, as in the file */
	const char *words[3];
};

/* All of struct s2c_rules_values, in the order of the documentation. */
extern const struct s2c_value_field s2c_value_fields[];
extern const size_t s2c_n_value_fields;

/* One value as text for people: "2147483648", "1001,100000-", "none". Caller frees. */
char *s2c_value_format(
	const struct s2c_value_field *field, const struct s2c_rules_values *values);

/* ---- the policy ---- */

struct s2c_rule_builder {
	char *name;
	struct s2c_pattern ref;
	struct s2c_digest digest; /* .str "": not pinned */
	struct s2c_strv tags;     /* globs; empty: any tag, and any digest */
	bool has_uid;
	uint32_t uid;  /* the only user its containers get, never 0 */
	char *network; /* the only network they get; NULL: as the subject's */
};

struct s2c_rule_alias {
	struct s2c_reference name; /* registry "", tag "latest" */
	size_t builder;
};

struct s2c_rule_push {
	char *name;
	struct s2c_pattern to;
	char *auth;           /* absolute path of a docker config.json; NULL: none */
	struct s2c_strv tags; /* globs; empty: any */
};

enum s2c_subject_kind { S2C_SUBJECT_USER, S2C_SUBJECT_GROUP, S2C_SUBJECT_SOCKET };

struct s2c_subject {
	char *path; /* "subjects[0]", or "private" */
	char *who;  /* "user alice", "uid 1000", "group 27", "socket /run/x" */
	enum s2c_subject_kind kind;
	uint32_t id;                  /* uid or gid */
	char *socket;                 /* S2C_SUBJECT_SOCKET */
	size_t *builders, n_builders; /* indices, in the order of the file */
	size_t *pushes, n_pushes;
	bool any_builder, any_push; /* of a private gate */
	struct s2c_strv volumes;    /* of a private gate: "PATH:ro", "PATH:rw" */
	bool any_host;              /* of a private gate: lines of /etc/hosts */
	struct s2c_rules_values values;
	uint64_t own; /* bit i: s2c_value_fields[i] is its own and not of defaults */
};

enum s2c_flavor { S2C_FLAVOR_AUTO, S2C_FLAVOR_DOCKER, S2C_FLAVOR_PODMAN };
enum s2c_audit_fsync { S2C_AUDIT_NEVER, S2C_AUDIT_DENIALS, S2C_AUDIT_ALWAYS };

struct s2c_rules {
	struct {
		char *socket; /* absolute; NULL in a private policy */
		uint32_t owner_uid;
		enum s2c_flavor flavor;
	} upstream;
	struct {
		uint32_t connections, connections_per_user, containers;
		uint32_t header_timeout; /* seconds */
	} limits;
	struct s2c_rules_values defaults;
	struct s2c_rule_builder *builders;
	size_t n_builders;
	struct s2c_rule_alias *aliases;
	size_t n_aliases;
	struct s2c_rule_push *pushes;
	size_t n_pushes;
	struct s2c_subject *subjects;
	size_t n_subjects;
	struct {
		char *path; /* NULL: no audit (private policies only) */
		enum s2c_audit_fsync fsync;
		uint64_t max; /* bytes of a file before the next one is begun */
	} audit;
	char *metrics_socket; /* NULL: none */
	bool sandbox_required;
};

enum s2c_name_kind { S2C_NAME_USER, S2C_NAME_GROUP };

/* Finds the id of a name: 0, or -1 with an error that names it. */
struct s2c_name_resolver {
	int (*find)(void *self, enum s2c_name_kind kind, const char *name,
		uint32_t *out_id, struct s2c_error **err);
	void *self;
};

/*
 * Reads a policy. S2C_EINVAL (or S2C_EPROTO for a wrong type) names the place in the
 * file: unknown and empty keys, sizes without unit, names that are defined twice or not
 * at all, subjects that are there twice, group 65534, user 0 in ranges, networks of the
 * host, all refuse the whole of it. docs/gate.md has the keys.
 */
S2C_CHECK int s2c_rules_load(const struct s2c_json *root,
	const struct s2c_name_resolver *resolver, struct s2c_rules **out,
	struct s2c_error **err);

/*
 * The policy of a gate that `s2c build` starts for its own build: one subject, which is
 * `uid`; every builder and destination; the ids and networks that the build asks for.
 * Limits of 0 are those of a policy without `defaults`. Pointers are borrowed for the
 * call.
 */
struct s2c_private_rules {
	uint32_t uid;                    /* who may connect */
	const struct s2c_uids *uids;     /* --allowed-uids; may hold 0 */
	const struct s2c_strv *networks; /* as the engine calls them; at least one */
	const struct s2c_strv *volumes;  /* of the host, "PATH:ro" or ":rw"; NULL: none */
	struct s2c_limits limits;
	uint32_t deadline;
};
struct s2c_rules *s2c_rules_private(const struct s2c_private_rules *asked);

void s2c_rules_free(struct s2c_rules *rules);
S2C_DEFINE_CLEAN(rules, struct s2c_rules *, s2c_rules_free)
#define CLEAN_RULES CLEAN(s2c_clean_rules)

/* ---- questions ---- */

/* Codes of denials: stable, for programs. */
#define S2C_DENY_SUBJECT "subject_unknown"
#define S2C_DENY_BUILDER "image_not_allowed"
#define S2C_DENY_OUTPUT "output_not_allowed"
#define S2C_DENY_USER "user_denied"
#define S2C_DENY_NETWORK "network_denied"
#define S2C_DENY_COMMAND "command_denied"
#define S2C_DENY_MEMORY "quota_memory"
#define S2C_DENY_ENV "quota_env"

#define S2C_RULE_MAX 192   /* bytes of a rule's path */
#define S2C_REASON_MAX 320 /* bytes of a sentence */

/* What was decided, and by which line of the policy. */
struct s2c_verdict {
	const char *code;        /* NULL: allowed; else S2C_DENY_* */
	char rule[S2C_RULE_MAX]; /* "subjects[0]/builders.python"; "" if there is none */
	char reason[S2C_REASON_MAX]; /* of a denial; one sentence for people */
};

/* Who asks: what the kernel says about the other end of a connection. */
struct s2c_peer {
	uint32_t uid, gid;
	const uint32_t *groups; /* supplementary; may repeat gid */
	size_t n_groups;
	const char *socket; /* a subject's own socket it came by; NULL: the common one */
};

/*
 * The first subject that is this peer. Who came by a subject's own socket is that subject
 * whatever its ids are, and nobody else is. Ids 0 and 65534 are only matched by a subject
 * that names the user, never by way of a group: 65534 is what every id of another user
 * namespace looks like. False: denied, *out is untouched.
 */
bool s2c_rules_subject(const struct s2c_rules *rules, const struct s2c_peer *peer,
	const struct s2c_subject **out, struct s2c_verdict *verdict);

struct s2c_builder_choice {
	const struct s2c_rule_builder *rule; /* NULL: any is allowed (private) */
	/*
	 * What to pull: an alias is replaced, a pin is in .digest. If there is a digest,
	 * it decides and the tag is only a name.
	 */
	struct s2c_reference ref;
};

/*
 * Whether the subject may use an image as builder. The first of its builders whose `ref`
 * matches decides, also if that means no: a pin is not evaded by a wider rule behind it.
 * A name without registry, and the same in docker.io (clients write it that way), is
 * looked for in `aliases` first.
 */
bool s2c_rules_builder(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *asked, struct s2c_builder_choice *out,
	struct s2c_verdict *verdict);

/*
 * Whether the subject may push to REGISTRY/REPOSITORY:TAG; *out is the rule with the
 * credentials, NULL if any is allowed (private).
 */
bool s2c_rules_push(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *to, const struct s2c_rule_push **out,
	struct s2c_verdict *verdict);

/*
 * Whether the subject may give this name to an image on the engine (commit, tag). Denied
 * are names that somebody else would take for theirs: those of builders and aliases, and
 * of push rules; except where the subject may push.
 */
bool s2c_rules_output(const struct s2c_rules *rules, const struct s2c_subject *subject,
	const struct s2c_reference *name, struct s2c_verdict *verdict);

/* `builder` may be NULL here and below. With a uid of its own only that is allowed. */
bool s2c_rules_user(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, uint32_t uid, uint32_t gid,
	struct s2c_verdict *verdict);

/*
 * *out is the network to write (borrowed from the policy). `asked` NULL, "" or "default":
 * the client has no wish.
 */
bool s2c_rules_network(const struct s2c_subject *subject,
	const struct s2c_rule_builder *builder, const char *asked, const char **out,
	struct s2c_verdict *verdict);

/*
 * *out is the smaller of what was asked (0: nothing) and of the policy; `disk` stays 0.
 * Denied is only what nothing could start with (S2C_MEMORY_MIN).
 */
bool s2c_rules_limits(const struct s2c_subject *subject, const struct s2c_limits *asked,
	struct s2c_limits *out, struct s2c_verdict *verdict);

/*
 * Whether the subject may have this path of the host in a container. Only a build that
 * has a gate of its own can: no policy in a file says so.
 */
bool s2c_rules_volume(const struct s2c_subject *subject, const char *path, bool writable);

/* `bytes` are those of all NAME=VALUE together. */
bool s2c_rules_env(const struct s2c_subject *subject, size_t vars, size_t bytes,
	struct s2c_verdict *verdict);

/*
 * The command of a container. `cmd: s2i` takes one script of S2I by its absolute path
 * (assemble, save-artifacts, usage, assemble-runtime, run), bare or as the last word of
 * what S2I gives to "/bin/sh -c": "tar -C DIR -xf - && SCRIPT". It is no boundary, as
 * what a script does is the client's anyway; it keeps the gate from being used for other
 * things.
 */
bool s2c_rules_command(const struct s2c_subject *subject, const struct s2c_strv *argv,
	struct s2c_verdict *verdict);

#endif
