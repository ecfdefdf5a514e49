/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/filtered.h"

static void copy_members(
	struct s2c_json *to, const struct s2c_json *from, const char *const *keys)
{
	for (; *keys; keys++) {
		const struct s2c_json *value = s2c_json_get(from, *keys);

		if (value)
			s2c_json_set(to, *keys, s2c_json_copy(value));
	}
}

static void copy_object(struct s2c_json *to, const struct s2c_json *from,
	const char *name, const char *const *keys)
{
	copy_members(s2c_json_object_at(to, name), s2c_json_get(from, name), keys);
}

struct s2c_json *s2c_filtered_container(const struct s2c_json *inspect)
{
	static const char *const top[] = {
		"Id", "Created", "Path", "Args", "Image", "Name", NULL};
	static const char *const state[] = {"Status", "Running", "Paused", "Restarting",
		"OOMKilled", "Dead", "ExitCode", "Error", "StartedAt", "FinishedAt",
		NULL};
	static const char *const config[] = {"Hostname", "User", "AttachStdin",
		"AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Env",
		"Cmd", "Entrypoint", "Image", "WorkingDir", "Labels", NULL};
	/* What a careful client compares with what it asked for. */
	static const char *const host[] = {"NetworkMode", "Memory", "MemorySwap",
		"NanoCpus", "PidsLimit", "CapAdd", "CapDrop", "SecurityOpt", "Privileged",
		"Binds", "PidMode", "IpcMode", "UsernsMode", "AutoRemove", "LogConfig",
		"RestartPolicy", NULL};
	struct s2c_json *out = s2c_json_new_object();
	const struct s2c_json *effective = s2c_json_get(inspect, "EffectiveCaps");

	copy_members(out, inspect, top);
	copy_object(out, inspect, "State", state);
	copy_object(out, inspect, "Config", config);
	copy_object(out, inspect, "HostConfig", host);
	if (effective)
		s2c_json_set(out, "EffectiveCaps", s2c_json_copy(effective));
	(void)s2c_json_array_at(out, "Mounts");
	(void)s2c_json_object_at(s2c_json_object_at(out, "NetworkSettings"), "Networks");
	return out;
}

bool s2c_filtered_has_exited(const struct s2c_json *inspect, int *out_status)
{
	const struct s2c_json *state = s2c_json_get(inspect, "State");
	const char *status = s2c_json_str(s2c_json_get(state, "Status"));
	int64_t code = 0;

	if (!status || (!streq(status, "exited") && !streq(status, "stopped") &&
			       !streq(status, "dead")))
		return false;
	if (s2c_json_get_int(state, "ExitCode", S2C_REQUIRED, &code, NULL) < 0)
		return false;
	*out_status = (int)code;
	return true;
}

struct s2c_json *s2c_filtered_image(const struct s2c_json *inspect, const char *name)
{
	static const char *const top[] = {"Id", "Created", "Os", "Architecture",
		"Variant", "Size", "VirtualSize", "RootFS", "RepoDigests", NULL};
	static const char *const config[] = {"User", "Env", "Cmd", "Entrypoint", "Labels",
		"WorkingDir", "ExposedPorts", "OnBuild", "Volumes", "StopSignal", "Shell",
		"Healthcheck", NULL};
	struct s2c_json *out = s2c_json_new_object();
	struct s2c_json *tags = s2c_json_array_at(out, "RepoTags");

	copy_members(out, inspect, top);
	if (name)
		s2c_json_add_str(tags, name);
	copy_object(out, inspect, "Config", config);
	return out;
}
