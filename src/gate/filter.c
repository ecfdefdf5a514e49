/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/filter.h"

#include <stddef.h>

#include "codec/schema.h"

/* A HostConfig, as far as anything of it counts. */
struct host {
	char *network, *ipc, *cgroupns;
	int64_t memory, nano_cpus, pids;
	struct s2c_strv security, binds, hosts;
};

struct health {
	struct s2c_strv test;
	int64_t interval, timeout, start_period, retries;
};

/* A container's Config with its HostConfig; a commit has no HostConfig. */
struct body {
	char *image, *user, *workdir, *stop_signal;
	struct s2c_strv env, cmd, entrypoint, shell, triggers;
	bool has_entrypoint, has_triggers;
	struct health health;
	struct s2c_schema_map labels;
	struct host host;
};

/* clang-format off */
#define HOST_FIELDS                                                                     \
	S2C_SCHEMA_STRING("NetworkMode", struct host, network),                         \
	S2C_SCHEMA_STRING("IpcMode", struct host, ipc),                                 \
	S2C_SCHEMA_STRING("CgroupnsMode", struct host, cgroupns),                       \
	S2C_SCHEMA_INT("Memory", struct host, memory),                                  \
	S2C_SCHEMA_INT("NanoCpus", struct host, nano_cpus),                             \
	S2C_SCHEMA_INT("PidsLimit", struct host, pids),                                 \
	S2C_SCHEMA_STRINGS("SecurityOpt", struct host, security),                       \
	/* The template says more than these can. */                                    \
	S2C_SCHEMA_IGNORE("CapDrop"),                                                   \
	S2C_SCHEMA_IGNORE("RestartPolicy"),                                             \
	S2C_SCHEMA_IGNORE("LogConfig"),                                                 \
	S2C_SCHEMA_IGNORE("AutoRemove"),                                                \
	S2C_SCHEMA_IGNORE("MemorySwap"),                                                \
	S2C_SCHEMA_IGNORE("MemorySwappiness"),                                          \
	S2C_SCHEMA_IGNORE("ShmSize"),                                                   \
	S2C_SCHEMA_IGNORE("ConsoleSize"),                                               \
	S2C_SCHEMA_IGNORE("ContainerIDFile"),                                           \
	S2C_SCHEMA_IGNORE("Init"),                                                      \
	S2C_SCHEMA_IGNORE("ReadonlyRootfs"),                                            \
	/* Files of the host, of other containers, of drivers. */                       \
	S2C_SCHEMA_ZERO("Mounts"),                                                      \
	S2C_SCHEMA_ZERO("VolumesFrom"),                                                 \
	S2C_SCHEMA_ZERO("VolumeDriver"),                                                \
	S2C_SCHEMA_ZERO("Tmpfs"),                                                       \
	S2C_SCHEMA_ZERO("StorageOpt"),                                                  \
	/* Privileges. */                                                               \
	S2C_SCHEMA_ZERO("Privileged"),                                                  \
	S2C_SCHEMA_ZERO("CapAdd"),                                                      \
	S2C_SCHEMA_ZERO("Capabilities"),                                                \
	S2C_SCHEMA_ZERO("Devices"),                                                     \
	S2C_SCHEMA_ZERO("DeviceRequests"),                                              \
	S2C_SCHEMA_ZERO("DeviceCgroupRules"),                                           \
	S2C_SCHEMA_ZERO("GroupAdd"),                                                    \
	S2C_SCHEMA_ZERO("Runtime"),                                                     \
	S2C_SCHEMA_ZERO("Isolation"),                                                   \
	S2C_SCHEMA_ZERO("Annotations"),                                                 \
	S2C_SCHEMA_ZERO("Sysctls"),                                                     \
	/* An empty list uncovers what engines mask. */                                 \
	S2C_SCHEMA_NULL("MaskedPaths"),                                                 \
	S2C_SCHEMA_NULL("ReadonlyPaths"),                                               \
	/* Namespaces of the host or of others. */                                      \
	S2C_SCHEMA_ZERO("PidMode"),                                                     \
	S2C_SCHEMA_ZERO("UTSMode"),                                                     \
	S2C_SCHEMA_ZERO("UsernsMode"),                                                  \
	S2C_SCHEMA_ZERO("Cgroup"),                                                      \
	S2C_SCHEMA_ZERO("CgroupParent"),                                                \
	/* The network. */                                                              \
	S2C_SCHEMA_ZERO("PortBindings"),                                                \
	S2C_SCHEMA_ZERO("PublishAllPorts"),                                             \
	S2C_SCHEMA_ZERO("Links"),                                                       \
	S2C_SCHEMA_ZERO("Dns"),                                                         \
	S2C_SCHEMA_ZERO("DnsOptions"),                                                  \
	S2C_SCHEMA_ZERO("DnsSearch"),                                                   \
	/* Shares of the host that the policy does not know. */                         \
	S2C_SCHEMA_ZERO("BlkioWeight"),                                                 \
	S2C_SCHEMA_ZERO("BlkioWeightDevice"),                                           \
	S2C_SCHEMA_ZERO("BlkioDeviceReadBps"),                                          \
	S2C_SCHEMA_ZERO("BlkioDeviceWriteBps"),                                         \
	S2C_SCHEMA_ZERO("BlkioDeviceReadIOps"),                                         \
	S2C_SCHEMA_ZERO("BlkioDeviceWriteIOps"),                                        \
	S2C_SCHEMA_ZERO("CpuShares"),                                                   \
	S2C_SCHEMA_ZERO("CpuPeriod"),                                                   \
	S2C_SCHEMA_ZERO("CpuQuota"),                                                    \
	S2C_SCHEMA_ZERO("CpuRealtimePeriod"),                                           \
	S2C_SCHEMA_ZERO("CpuRealtimeRuntime"),                                          \
	S2C_SCHEMA_ZERO("CpusetCpus"),                                                  \
	S2C_SCHEMA_ZERO("CpusetMems"),                                                  \
	S2C_SCHEMA_ZERO("CpuCount"),                                                    \
	S2C_SCHEMA_ZERO("CpuPercent"),                                                  \
	S2C_SCHEMA_ZERO("IOMaximumIOps"),                                               \
	S2C_SCHEMA_ZERO("IOMaximumBandwidth"),                                          \
	S2C_SCHEMA_ZERO("KernelMemory"),                                                \
	S2C_SCHEMA_ZERO("KernelMemoryTCP"),                                             \
	S2C_SCHEMA_ZERO("MemoryReservation"),                                           \
	S2C_SCHEMA_ZERO("OomKillDisable"),                                              \
	S2C_SCHEMA_ZERO("OomScoreAdj"),                                                 \
	S2C_SCHEMA_ZERO("Ulimits")
/* clang-format on */

static const struct s2c_schema_field host_fields[] = {
	HOST_FIELDS,
	S2C_SCHEMA_ZERO("Binds"),
	S2C_SCHEMA_ZERO("ExtraHosts"),
};
static const struct s2c_schema host_schema = S2C_SCHEMA(host_fields, struct host);

/* What a build's own gate hands on, to be compared with what the build may ask for. */
static const struct s2c_schema_field own_host_fields[] = {
	HOST_FIELDS,
	S2C_SCHEMA_STRINGS("Binds", struct host, binds),
	S2C_SCHEMA_STRINGS("ExtraHosts", struct host, hosts),
};
static const struct s2c_schema own_host_schema = S2C_SCHEMA(own_host_fields, struct host);

/* What Config has in both bodies. */
/* clang-format off */
#define CONFIG_FIELDS                                                                    \
	S2C_SCHEMA_STRING("User", struct body, user),                                    \
	S2C_SCHEMA_STRING("WorkingDir", struct body, workdir),                           \
	S2C_SCHEMA_STRINGS("Env", struct body, env),                                     \
	S2C_SCHEMA_STRINGS("Cmd", struct body, cmd),                                     \
	S2C_SCHEMA_STRINGS("Entrypoint", struct body, entrypoint,                        \
		.present = S2C_SCHEMA_PRESENT(struct body, has_entrypoint)),             \
	S2C_SCHEMA_MAP("Labels", struct body, labels),                                   \
	S2C_SCHEMA_IGNORE("Hostname"),                                                   \
	S2C_SCHEMA_IGNORE("Domainname"),                                                 \
	S2C_SCHEMA_IGNORE("AttachStdin"),                                                \
	S2C_SCHEMA_IGNORE("AttachStdout"),                                               \
	S2C_SCHEMA_IGNORE("AttachStderr"),                                               \
	S2C_SCHEMA_IGNORE("OpenStdin"),                                                  \
	S2C_SCHEMA_IGNORE("StdinOnce"),                                                  \
	S2C_SCHEMA_ZERO("Tty"),                                                          \
	S2C_SCHEMA_ZERO("ArgsEscaped"),                                                  \
	S2C_SCHEMA_ZERO("NetworkDisabled"),                                              \
	S2C_SCHEMA_ZERO("MacAddress"),                                                   \
	S2C_SCHEMA_ZERO("StopTimeout")
/* What a container has no use for, and an image of a stranger must not have. */
#define QUIET_FIELDS                                                                     \
	S2C_SCHEMA_ZERO("OnBuild"),                                                      \
	S2C_SCHEMA_ZERO("Shell"),                                                        \
	S2C_SCHEMA_ZEROS("Healthcheck")
/* clang-format on */

/* clang-format off */
#define CREATE_FIELDS(schema)                                                            \
	CONFIG_FIELDS,                                                                   \
	QUIET_FIELDS,                                                                    \
	S2C_SCHEMA_STRING("Image", struct body, image),                                  \
	S2C_SCHEMA_OBJECT("HostConfig", struct body, host, struct host, schema),         \
	S2C_SCHEMA_IGNORE("StopSignal"),                                                 \
	S2C_SCHEMA_ZERO("ExposedPorts"),                                                 \
	S2C_SCHEMA_ZERO("Volumes"),                                                      \
	/* Clients name the network with a settings object that says nothing. */         \
	S2C_SCHEMA_ZEROS("NetworkingConfig"),                                            \
	S2C_SCHEMA_ZEROS("Platform")
/* clang-format on */
static const struct s2c_schema_field create_fields[] = {CREATE_FIELDS(&host_schema)};
static const struct s2c_schema create_schema = S2C_SCHEMA(create_fields, struct body);
static const struct s2c_schema_field own_create_fields[] = {
	CREATE_FIELDS(&own_host_schema)};
static const struct s2c_schema own_create_schema = S2C_SCHEMA(
	own_create_fields, struct body);

/* clang-format off */
#define COMMIT_FIELDS                                                                    \
	CONFIG_FIELDS,                                                                   \
	S2C_SCHEMA_STRING("StopSignal", struct body, stop_signal),                       \
	/* Read by hand: their names are what counts. */                                 \
	S2C_SCHEMA_IGNORE("ExposedPorts"),                                               \
	S2C_SCHEMA_IGNORE("Volumes"),                                                    \
	/* Nothing of the image comes from here. */                                      \
	S2C_SCHEMA_IGNORE("Image")
/* clang-format on */
static const struct s2c_schema_field commit_fields[] = {COMMIT_FIELDS, QUIET_FIELDS};
static const struct s2c_schema commit_schema = S2C_SCHEMA(commit_fields, struct body);

/* What a build's own gate takes for its image besides. */
static const struct s2c_schema_field health_fields[] = {
	S2C_SCHEMA_STRINGS("Test", struct health, test),
	S2C_SCHEMA_INT("Interval", struct health, interval),
	S2C_SCHEMA_INT("Timeout", struct health, timeout),
	S2C_SCHEMA_INT("StartPeriod", struct health, start_period),
	S2C_SCHEMA_INT("Retries", struct health, retries),
};
static const struct s2c_schema health_schema = S2C_SCHEMA(health_fields, struct health);
static const struct s2c_schema_field own_commit_fields[] = {
	COMMIT_FIELDS,
	S2C_SCHEMA_OBJECT(
		"Healthcheck", struct body, health, struct health, &health_schema),
	S2C_SCHEMA_STRINGS("Shell", struct body, shell),
	S2C_SCHEMA_STRINGS("OnBuild", struct body, triggers,
		.present = S2C_SCHEMA_PRESENT(struct body, has_triggers)),
};
static const struct s2c_schema own_commit_schema = S2C_SCHEMA(
	own_commit_fields, struct body);

static enum s2c_gate_code code_of(enum s2c_schema_fault fault)
{
	static const enum s2c_gate_code codes[] = {
		[S2C_SCHEMA_OK] = S2C_GATE_JSON_SYNTAX,
		[S2C_SCHEMA_BAD_JSON] = S2C_GATE_JSON_SYNTAX,
		[S2C_SCHEMA_JSON_LIMIT] = S2C_GATE_BODY_SIZE,
		[S2C_SCHEMA_KEY_CASE] = S2C_GATE_KEY_CASE,
		[S2C_SCHEMA_FIELD_TYPE] = S2C_GATE_JSON_TYPE,
		[S2C_SCHEMA_FIELD_MISSING] = S2C_GATE_FIELD_VALUE,
		[S2C_SCHEMA_FIELD_UNKNOWN] = S2C_GATE_FIELD_UNKNOWN,
		[S2C_SCHEMA_FIELD_DENIED] = S2C_GATE_FIELD_DENIED,
	};

	return codes[fault];
}

static bool is_one_of(const char *text, const char *const *choices)
{
	if (!text || !*text)
		return true;
	for (; *choices; choices++)
		if (streq(text, *choices))
			return true;
	return false;
}

static int check_host(const struct host *host, struct s2c_gate_ask *ask,
	enum s2c_gate_code *code, struct s2c_error **err)
{
	static const char *const private_[] = {"private", NULL};
	static const char *const ipc[] = {"private", "none", "shareable", NULL};
	static const char *const security[] = {"no-new-privileges",
		"no-new-privileges=true", "no-new-privileges:true", NULL};

	if (!is_one_of(host->ipc, ipc))
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_DENIED, "HostConfig.IpcMode", err);
	if (!is_one_of(host->cgroupns, private_))
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_DENIED, "HostConfig.CgroupnsMode", err);
	s2c_strv_foreach (option, &host->security)
		if (!*option || !is_one_of(option, security))
			return s2c_gate_ask_refuse(ask, code, S2C_GATE_FIELD_DENIED,
				"HostConfig.SecurityOpt", err);
	if (host->memory < 0)
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_VALUE, "HostConfig.Memory", err);
	if (host->nano_cpus < 0)
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_VALUE, "HostConfig.NanoCpus", err);
	return 0;
}

/* An image of a build may lose triggers, and never have some. */
static int check_image(const struct body *body, struct s2c_gate_ask *ask,
	enum s2c_gate_code *code, struct s2c_error **err)
{
	const struct health *health = &body->health;

	if (body->triggers.len)
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_DENIED, "OnBuild", err);
	if (health->interval < 0 || health->timeout < 0 || health->start_period < 0 ||
		health->retries < 0)
		return s2c_gate_ask_refuse(
			ask, code, S2C_GATE_FIELD_VALUE, "Healthcheck", err);
	return 0;
}

static char *take_text(char **text)
{
	/* An empty one is the same as none, for engines. */
	return *text && **text ? TAKE(*text) : NULL;
}

static void take(struct body *body, struct s2c_gate_ask *ask)
{
	const struct s2c_schema_map *labels = &body->labels;

	ask->image = take_text(&body->image);
	ask->user = take_text(&body->user);
	ask->workdir = take_text(&body->workdir);
	ask->stop_signal = take_text(&body->stop_signal);
	ask->network = take_text(&body->host.network);
	ask->env = body->env;
	ask->cmd = body->cmd;
	ask->entrypoint = body->entrypoint;
	body->env = body->cmd = body->entrypoint = (struct s2c_strv)S2C_STRV_INIT;
	ask->binds = body->host.binds;
	ask->hosts = body->host.hosts;
	body->host.binds = body->host.hosts = (struct s2c_strv)S2C_STRV_INIT;
	ask->has_entrypoint = body->has_entrypoint;
	ask->health = body->health.test;
	ask->shell = body->shell;
	body->health.test = body->shell = (struct s2c_strv)S2C_STRV_INIT;
	ask->health_interval = (uint64_t)body->health.interval;
	ask->health_timeout = (uint64_t)body->health.timeout;
	ask->health_start_period = (uint64_t)body->health.start_period;
	ask->health_retries = (uint64_t)body->health.retries;
	ask->no_triggers = body->has_triggers;
	ask->memory = (uint64_t)body->host.memory;
	ask->nano_cpus = (uint64_t)body->host.nano_cpus;
	/* 0 and less is no limit for engines; here it is that of the policy. */
	ask->pids = body->host.pids > 0 ? (uint64_t)body->host.pids : 0;
	for (size_t i = 0; i < labels->keys.len; i++) {
		s2c_strv_add(&ask->labels, labels->keys.items[i]);
		s2c_strv_add(&ask->labels, labels->values.items[i]);
	}
}

/* {"8080/tcp": {}}: the names, with values that say nothing. */
static int take_names(const struct s2c_json *object, const char *field,
	struct s2c_strv *out, struct s2c_error **err)
{
	const struct s2c_json *names = s2c_json_get(object, field);

	if (!names || s2c_json_is_null(names))
		return 0;
	if (!s2c_json_is_object(names))
		return s2c_fail(err, S2C_EPROTO, "'%s' must be an object", field);
	s2c_json_foreach (name, names) {
		if (!s2c_schema_is_zero(name) || strpbrk(s2c_json_key(name), "\n\r"))
			return s2c_fail(err, S2C_EPROTO, "'%s.%s' says too much", field,
				s2c_json_key(name));
		s2c_strv_add(out, s2c_json_key(name));
	}
	return 0;
}

static int decode(enum s2c_gate_body kind, const struct s2c_json *root,
	struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err)
{
	static const struct s2c_schema *const schemas[] = {
		[S2C_GATE_BODY_CREATE] = &create_schema,
		[S2C_GATE_BODY_CREATE_OWN] = &own_create_schema,
		[S2C_GATE_BODY_COMMIT] = &commit_schema,
		[S2C_GATE_BODY_COMMIT_OWN] = &own_commit_schema,
	};
	bool commits = kind == S2C_GATE_BODY_COMMIT || kind == S2C_GATE_BODY_COMMIT_OWN;
	const struct s2c_schema *schema = schemas[kind];
	enum s2c_schema_fault fault = S2C_SCHEMA_OK;
	struct body body = {0};

	if (s2c_schema_decode(schema, root, &body, &fault, err) < 0) {
		*code = code_of(fault);
		return -1;
	}
	int rc = check_host(&body.host, ask, code, err);
	if (rc == 0)
		rc = check_image(&body, ask, code, err);
	if (rc == 0)
		take(&body, ask);
	s2c_schema_release(schema, &body);
	if (rc < 0 || !commits)
		return rc;
	*code = S2C_GATE_JSON_TYPE;
	if (take_names(root, "ExposedPorts", &ask->ports, err) < 0)
		return -1;
	return take_names(root, "Volumes", &ask->volumes, err);
}

/* Whether the core would take it: values that are too long or not printable are not. */
static int check_ask(
	const struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err)
{
	CLEAN_BUF_SECRET struct s2c_buf bytes = S2C_BUF_INIT(S2C_GATE_ASK_MAX);
	CLEAN_GATE_ASK struct s2c_gate_ask copy = {0};
	CLEAN_ERROR struct s2c_error *why = NULL;

	*code = S2C_GATE_FIELD_VALUE;
	if (s2c_gate_ask_encode(ask, &bytes, &why) < 0) {
		if (s2c_error_code(why) == S2C_ELIMIT)
			*code = S2C_GATE_BODY_SIZE;
		s2c_error_move(err, &why);
		return -1;
	}
	if (s2c_gate_ask_decode(bytes.data, bytes.len, &copy, NULL) < 0)
		return s2c_fail(err, S2C_EDENIED, "a value has control bytes");
	return 0;
}

int s2c_gate_filter(enum s2c_gate_body kind, const char *text, size_t len,
	struct s2c_gate_ask *ask, enum s2c_gate_code *code, struct s2c_error **err)
{
	struct s2c_json_limits limits = S2C_SCHEMA_LIMITS;
	CLEAN_JSON struct s2c_json *root = NULL;
	CLEAN_ERROR struct s2c_error *why = NULL;
	bool bad_key = false;
	int rc;

	/* A commit that changes nothing of the config has no body, or null. */
	if ((kind == S2C_GATE_BODY_COMMIT || kind == S2C_GATE_BODY_COMMIT_OWN) &&
		(!len || (len == 4 && strncmp(text, "null", 4) == 0)))
		return 0;
	limits.out_bad_key = &bad_key;
	rc = s2c_json_parse(text, len, limits, &root, &why);
	if (rc < 0)
		*code = len > S2C_SCHEMA_BYTES_MAX ? S2C_GATE_BODY_SIZE
			: bad_key                  ? S2C_GATE_KEY_SYNTAX
						   : S2C_GATE_JSON_SYNTAX;
	else
		rc = decode(kind, root, ask, code, &why);
	if (rc == 0)
		rc = check_ask(ask, code, &why);
	if (rc == 0)
		return 0;
	if (!ask->detail)
		s2c_gate_ask_set_detail(ask, s2c_error_message(why));
	s2c_error_move(err, &why);
	return -1;
}
