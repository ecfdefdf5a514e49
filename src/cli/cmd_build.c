/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s2c build: from words to struct s2c_build_options, and from the result to standard
 * output and the files asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <s2c/run.h>

#include "cli/build_args.h"
#include "cli/limits.h"
#include "util/ctx.h"
#include "util/fs.h"

#define ARG(field) offsetof(struct s2c_build_args, field)

const struct s2c_option s2c_build_option_table[] = {
	{"env", 'e', S2C_OPT_LIST, ARG(env), "NAME=VALUE",
		"set a variable for assemble and for the image", NULL},
	{"environment-file", 'E', S2C_OPT_LIST, ARG(env_files), "FILE",
		"read variables from a file of NAME=VALUE lines", NULL},
	{"build-env", 0, S2C_OPT_LIST, ARG(build_env), "NAME=VALUE",
		"set a variable for assemble, but not for the image", NULL},
	{"ref", 'r', S2C_OPT_STR, ARG(o.ref), "REF",
		"branch, tag or commit of a git source to build", NULL},
	{"context-dir", 0, S2C_OPT_STR, ARG(o.context_dir), "DIR",
		"directory inside the source to build instead of all of it", NULL},
	{"exclude", 0, S2C_OPT_STR, ARG(o.exclude), "REGEX",
		"leave out paths of the source that match; the default leaves out .git, "
		"'' "
		"nothing",
		NULL},
	{"scripts-url", 's', S2C_OPT_STR, ARG(o.scripts_url), "URL",
		"where assemble and run come from: http, https, file or image URL", NULL},
	{"destination", 'd', S2C_OPT_STR, ARG(o.destination), "DIR",
		"directory in the build container that gets src and scripts", NULL},
	{"assemble-user", 0, S2C_OPT_STR, ARG(o.assemble_user), "USER",
		"user that runs assemble, a number or a name of the builder image", NULL},
	{"allowed-uids", 'u', S2C_OPT_STR, ARG(o.allowed_uids), "RANGES",
		"user ids that may run assemble, such as 1001,2000- (default: 1-)", NULL},
	{"pull-policy", 'p', S2C_OPT_STR, ARG(pull_policy), "POLICY",
		"when to pull the builder image", "always|if-not-present|never"},
	{"incremental", 0, S2C_OPT_FLAG, ARG(o.incremental), NULL,
		"give assemble what save-artifacts of the image that TAG means so far "
		"saves",
		NULL},
	{"incremental-pull-policy", 0, S2C_OPT_STR, ARG(incremental_pull_policy),
		"POLICY", "when to pull that image", "always|if-not-present|never"},
	{"rm", 0, S2C_OPT_FLAG, ARG(o.remove_previous), NULL,
		"with --incremental: remove that image once there is a new one", NULL},
	{"runtime-image", 0, S2C_OPT_STR, ARG(o.runtime_image), "IMAGE",
		"make the result of this image and of artifacts of the build", NULL},
	{"runtime-artifact", 'a', S2C_OPT_LIST, ARG(runtime_artifacts), "SRC[:DST]",
		"put this file or directory of the build below WORKDIR of the runtime "
		"image",
		NULL},
	{"runtime-pull-policy", 0, S2C_OPT_STR, ARG(runtime_pull_policy), "POLICY",
		"when to pull the runtime image", "always|if-not-present|never"},
	{"assemble-runtime-user", 0, S2C_OPT_STR, ARG(o.assemble_runtime_user), "USER",
		"user that runs assemble-runtime in the runtime image", NULL},
	{"network", 0, S2C_OPT_STR, ARG(o.network), "MODE",
		"network of the build (default: isolated where the host can, else none)",
		"isolated|none|host|bridge|default"},
	{"add-host", 0, S2C_OPT_LIST, ARG(add_hosts), "NAME:ADDRESS",
		"add a line to the build container's /etc/hosts", NULL},
	{"volume", 'v', S2C_OPT_LIST, ARG(volumes), "HOST:DIR[:ro]",
		"show the build a file or directory of the host, which it can write to "
		"without :ro; not part of the image",
		NULL},
	{"inject", 'i', S2C_OPT_LIST, ARG(injections), "SRC:DST",
		"give the build a file, or the files of a directory, that no image may "
		"hold; several with ';' between",
		NULL},
	{"secret", 0, S2C_OPT_LIST, ARG(secrets), "id=NAME,src=FILE",
		"give the build a secret as /run/secrets/NAME; or "
		"id=NAME,env=VARIABLE",
		NULL},
	{"ssh", 0, S2C_OPT_STR, ARG(o.ssh), "AGENT",
		"let the build sign with the keys of an SSH agent: default for that of "
		"SSH_AUTH_SOCK, or a socket",
		NULL},
	{"cache-mount", 0, S2C_OPT_LIST, ARG(cache_mounts), "ID:DIR",
		"give the build a directory that the next one with the same ID and "
		"builder image finds again",
		NULL},
	{"no-cache-mounts", 0, S2C_OPT_FLAG, ARG(o.no_cache_mounts), NULL,
		"use no such directories, nor those that the builder image asks for",
		NULL},
	{"cap-drop", 0, S2C_OPT_LIST, ARG(cap_drops), "NAMES",
		"for command lines of S2I: builds have no capabilities in any case",
		NULL},
	S2C_LIMIT_OPTIONS(struct s2c_build_args, o),
	{"timeout", 0, S2C_OPT_LIST, ARG(timeouts), "[PHASE=]SECONDS",
		"end the build after this time, or if this phase of it takes longer",
		NULL},
	{"engine", 0, S2C_OPT_STR, ARG(o.engine), "ENGINE",
		"build with a container engine and its images: docker, podman, "
		"unix:///path, tcp://host:port, or gate[:///path] for a gate before "
		"one (default: "
		"S2C_ENGINE, else none)",
		NULL},
	{"url", 'U', S2C_OPT_STR, ARG(o.engine), "URL", "the same as --engine", NULL},
	{"tls", 0, S2C_OPT_FLAG, ARG(o.engine_tls), NULL, "the same as --tlsverify",
		NULL},
	{"tlsverify", 0, S2C_OPT_FLAG, ARG(o.engine_tls), NULL,
		"use TLS for an engine at tcp://host:port", NULL},
	{"ca", 0, S2C_OPT_STR, ARG(o.engine_ca), "FILE",
		"trust this CA for the engine (default: $DOCKER_CERT_PATH/ca.pem, else "
		"the "
		"system's)",
		NULL},
	{"cert", 0, S2C_OPT_STR, ARG(o.engine_cert), "FILE",
		"certificate for the engine (default: $DOCKER_CERT_PATH/cert.pem)", NULL},
	{"key", 0, S2C_OPT_STR, ARG(o.engine_key), "FILE",
		"its key (default: $DOCKER_CERT_PATH/key.pem)", NULL},
	{"push-with", 0, S2C_OPT_STR, ARG(o.push_with), "WHO",
		"who pushes an image of an engine (default: engine)", "engine|s2c"},
	{"ca-bundle", 0, S2C_OPT_STR, ARG(o.ca_bundle), "FILE|host",
		"trust these certificates during the build, and pass proxy variables on; "
		"neither enters the image",
		NULL},
	{"keep-build-files", 0, S2C_OPT_FLAG, ARG(o.keep_build_files), NULL,
		"leave the copied source and scripts in the image", NULL},
	{"compression", 0, S2C_OPT_STR, ARG(o.compression), "METHOD[:LEVEL]",
		"compress the layer by gzip (levels 1 to 9, default 3) or zstd (1 to 19, "
		"default 3)",
		NULL},
	{"output", 'o', S2C_OPT_LIST, ARG(outputs), "DEST",
		"also write the image: oci:DIR, oci-archive:FILE, docker-archive:FILE, "
		"or "
		"registry to push it",
		NULL},
	{"push", 0, S2C_OPT_FLAG, ARG(o.push), NULL, "push the image to TAG's registry",
		NULL},
	S2C_MIRROR_OPTION(struct s2c_build_args, remote),
	S2C_REMOTE_OPTIONS(struct s2c_build_args, remote),
	{"tag", 't', S2C_OPT_LIST, ARG(tags), "NAME",
		"another name of the image; with --push it is pushed under it too if it "
		"has a registry",
		NULL},
	{"chunk-size", 0, S2C_OPT_STR, ARG(o.chunk_size), "SIZE",
		"push in pieces of this size, such as 16m (default: only when the "
		"registry does not take a blob otherwise)",
		NULL},
	{"label", 0, S2C_OPT_LIST, ARG(labels), "KEY=VALUE", "set a label of the image",
		NULL},
	{"annotation", 0, S2C_OPT_LIST, ARG(annotations), "KEY=VALUE",
		"set an annotation of the image's manifest", NULL},
	{"application-name", 'n', S2C_OPT_STR, ARG(o.application_name), "NAME",
		"the image's name for people, label io.k8s.display-name (default: TAG)",
		NULL},
	{"description", 0, S2C_OPT_STR, ARG(o.description), "TEXT",
		"what the image is, label io.k8s.description", NULL},
	{"platform", 0, S2C_OPT_STR, ARG(o.platform), "OS/ARCH[/VARIANT]",
		"which builder image of an index (default: this host's)", NULL},
	{"iidfile", 0, S2C_OPT_STR, ARG(iidfile), "FILE", "write the image id to a file",
		NULL},
	{"digest-file", 0, S2C_OPT_STR, ARG(digest_file), "FILE",
		"write the manifest digest to a file", NULL},
	{"metadata-file", 0, S2C_OPT_STR, ARG(metadata_file), "FILE",
		"write names, digests and layers as JSON to a file", NULL},
	{"callback-url", 0, S2C_OPT_STR, ARG(o.callback_url), "URL",
		"POST labels and success of the build to this http or https URL", NULL},
	{"keep-failed", 0, S2C_OPT_FLAG, ARG(o.keep_failed), NULL,
		"keep what a failed assemble left, for s2c shell --last", NULL},
	{"save-temp-dir", 0, S2C_OPT_FLAG, ARG(o.save_temp_dir), NULL,
		"keep the work directory of the build, with the source that was fetched",
		NULL},
	{"run", 0, S2C_OPT_FLAG, ARG(run), NULL,
		"run the image when it is built, as s2c run does", NULL},
	{"copy", 'c', S2C_OPT_FLAG, ARG(o.copy), NULL,
		"take a local repository as a directory like any other", NULL},
	{"ignore-submodules", 0, S2C_OPT_FLAG, ARG(o.ignore_submodules), NULL,
		"leave the directories of a git source's submodules empty", NULL},
	{"git-credentials", 0, S2C_OPT_FLAG, ARG(o.git_credentials), NULL,
		"ask the credential helpers of your git, and .netrc, for a git source",
		NULL},
	{"keep-symlinks", 0, S2C_OPT_FLAG, ARG(keep_symlinks), NULL,
		"accepted for S2I: links of the source are always kept", NULL},
	{"dockercfg-path", 0, S2C_OPT_STR, ARG(remote.o.authfile), "FILE",
		"S2I's name of --authfile", NULL},
	{"location", 'l', S2C_OPT_STR, ARG(o.destination), "DIR",
		"old name of --destination", NULL},
	{"scripts", 0, S2C_OPT_STR, ARG(o.scripts_url), "URL",
		"old name of --scripts-url", NULL},
	{"use-config", 0, S2C_OPT_FLAG, ARG(use_config), NULL,
		"take what is not given from .s2ifile, and write it back", NULL},
	{"as-dockerfile", 0, S2C_OPT_STR, ARG(as_dockerfile), "PATH",
		"build nothing, but write a Dockerfile that does it, with its context "
		"beside it; PATH/ means PATH/Dockerfile",
		NULL},
	{"image-scripts-url", 0, S2C_OPT_STR, ARG(o.image_scripts_url), "URL",
		"with --as-dockerfile: where the scripts of a builder image are that "
		"does "
		"not say it (default: image:///usr/libexec/s2i)",
		NULL},
	{"dry-run", 0, S2C_OPT_FLAG, ARG(dry_run), NULL,
		"print the plan as JSON and do nothing", NULL},
	{0},
};

void s2c_build_options_named(const char *const *names, size_t n, struct s2c_option *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct s2c_option *o = s2c_option_find(&s2c_cmd_build, names[i]);

		if (o)
			*out++ = *o;
	}
}

static enum s2c_pull_policy policy_of(const char *name)
{
	if (name && streq(name, "always"))
		return S2C_PULL_ALWAYS;
	if (name && streq(name, "never"))
		return S2C_PULL_NEVER;
	return S2C_PULL_IF_NOT_PRESENT;
}

static const char *const *list_of(const struct s2c_strv *v)
{
	return v->len ? (const char *const *)v->items : NULL;
}

static int write_result(
	const char *path, const char *text, const char *end, struct s2c_error **err)
{
	CLEAN_FREE char *line = xasprintf("%s%s", text, end);

	if (!path)
		return 0;
	if (s2c_fs_write_file(AT_FDCWD, path, line, strlen(line), 0644, err))
		return s2c_wrap(err, "the image was built, but its record was not");
	return 0;
}

static int dry_run(
	struct s2c_call *call, const struct s2c_build_options *o, struct s2c_error **err)
{
	CLEAN_FREE char *json = NULL;

	if (s2c_build_plan(call->ctx, call->store, o, &json, err))
		return -1;
	puts(json);
	return 0;
}

/* Where S2I builds. Without the variable it would take docker's socket; s2c needs none.
 */
static void take_docker_host(struct s2c_build_options *o)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY"), *tls = getenv("DOCKER_TLS");

	o->engine = getenv("DOCKER_HOST");
	if ((verify && *verify) || (tls && *tls))
		o->engine_tls = o->engine && starts_with(o->engine, "tcp:");
}

/* Names that S2I had before. */
static const char *const old_names[][2] = {
	{"location", "destination"},
	{"scripts", "scripts-url"},
};

static void warn_of_old_names(const struct s2c_call *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(old_names); i++) {
		CLEAN_FREE char *start = xasprintf("%s=", old_names[i][0]);

		s2c_strv_foreach (given, &call->given)
			if (starts_with(given, start))
				s2c_emit_log(call->ctx, S2C_WARN,
					"option '--%s' is deprecated: write '--%s'",
					old_names[i][0], old_names[i][1]);
	}
}

static int parse_seconds(const char *word, unsigned *out, struct s2c_error **err)
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || seconds == 0 ||
		seconds > UINT_MAX)
		return s2c_fail(err, S2C_EINVAL,
			"option '--timeout': '%s' is neither a whole number of seconds "
			"from 1 on nor PHASE=SECONDS",
			word);
	*out = (unsigned)seconds;
	return 0;
}

/* Seconds of the whole build; what is of a phase stays in the list. */
static int settle_timeouts(struct s2c_build_args *args, struct s2c_error **err)
{
	struct s2c_strv *words = &args->timeouts;

	for (size_t i = 0; i < words->len;) {
		if (strchr(words->items[i], '=')) {
			i++;
			continue;
		}
		if (parse_seconds(words->items[i], &args->o.timeout, err))
			return -1;
		s2c_strv_remove(words, i);
	}
	args->o.phase_timeouts = list_of(words);
	return 0;
}

int s2c_build_args_settle(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;
	struct s2c_build_options *o = &args->o;

	warn_of_old_names(call);
	o->env = list_of(&args->env);
	o->env_files = list_of(&args->env_files);
	o->build_env = list_of(&args->build_env);
	o->volumes = list_of(&args->volumes);
	o->injections = list_of(&args->injections);
	o->secrets = list_of(&args->secrets);
	o->cache_mounts = list_of(&args->cache_mounts);
	o->add_hosts = list_of(&args->add_hosts);
	o->cap_drops = list_of(&args->cap_drops);
	o->outputs = list_of(&args->outputs);
	o->tags = list_of(&args->tags);
	o->labels = list_of(&args->labels);
	o->annotations = list_of(&args->annotations);
	o->pull_policy = policy_of(args->pull_policy);
	o->incremental_pull_policy = policy_of(args->incremental_pull_policy);
	o->runtime_pull_policy = policy_of(args->runtime_pull_policy);
	o->runtime_artifacts = list_of(&args->runtime_artifacts);
	o->remote = s2c_remote_options_of(&args->remote);
	if (!o->engine)
		o->engine = getenv("S2C_ENGINE");
	if (!o->engine && call->global->s2i)
		take_docker_host(o);
	/* "" is none, in spite of what the environment or .s2ifile say. */
	if (o->engine && !*o->engine)
		o->engine = NULL;
	if (args->run && o->engine)
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"--run runs images of s2c's store: let the engine run its own, "
			"as "
			"'docker run' does");
	return settle_timeouts(args, err);
}

int s2c_build_record(const struct s2c_build_args *args,
	const struct s2c_build_result *result, struct s2c_error **err)
{
	if (write_result(args->iidfile, result->image_id, "", err) ||
		write_result(args->digest_file, result->digest, "", err))
		return -1;
	return result->metadata
		       ? write_result(args->metadata_file, result->metadata, "\n", err)
		       : 0;
}

/* In the foreground, until it ends or somebody ends it. */
static int run_result(struct s2c_call *call, const char *image, struct s2c_error **err)
{
	const struct s2c_build_args *args = call->args;
	struct s2c_run_options o = {
		.image = image,
		.network = args->o.network,
		.memory = args->o.memory,
		.cpus = args->o.cpus,
		.pids_limit = args->o.pids_limit,
		.oci_runtime = args->o.oci_runtime,
		.fd_in = STDIN_FILENO,
		.fd_out = STDOUT_FILENO,
		.fd_err = STDERR_FILENO,
	};
	int status;

	(void)fflush(stdout);
	if (s2c_image_run(call->ctx, call->store, &o, &status, err))
		return s2c_wrap(err, "the image is built, but does not run");
	return status;
}

/* Nothing is built, so nothing can be pushed or recorded. */
static int as_dockerfile(
	struct s2c_call *call, const struct s2c_build_options *o, struct s2c_error **err)
{
	const struct s2c_build_args *args = call->args;
	const struct {
		const char *name;
		bool given;
	} without[] = {
		{"--push", o->push},
		{"--output", o->outputs != NULL},
		{"--iidfile", args->iidfile != NULL},
		{"--digest-file", args->digest_file != NULL},
		{"--metadata-file", args->metadata_file != NULL},
		{"--dry-run", args->dry_run},
		{"--run", args->run},
		{"--keep-failed", o->keep_failed},
		{"--save-temp-dir", o->save_temp_dir},
		{"--callback-url", o->callback_url != NULL},
	};
	CLEAN_FREE char *path = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		if (without[i].given)
			return s2c_fail(err, S2C_EINVAL,
				"--as-dockerfile builds no image: leave out %s",
				without[i].name);
	if (s2c_build_as_dockerfile(
		    call->ctx, call->store, o, args->as_dockerfile, &path, err))
		return -1;
	puts(path);
	return 0;
}

int s2c_build_perform(
	struct s2c_call *call, const struct s2c_build_options *o, struct s2c_error **err)
{
	const struct s2c_build_args *args = call->args;
	CLEAN(s2c_build_result_release) struct s2c_build_result result = {0};

	if (args->as_dockerfile)
		return as_dockerfile(call, o, err);
	if (o->image_scripts_url)
		return s2c_fail(err, S2C_EINVAL,
			"--image-scripts-url is for --as-dockerfile; a build takes "
			"--scripts-url");
	if (args->dry_run && args->run)
		return s2c_fail(err, S2C_EINVAL,
			"--run has nothing to run with --dry-run: leave out one of them");
	if (args->dry_run)
		return dry_run(call, o, err);
	if (s2c_build_run(call->ctx, call->store, o, &result, err) ||
		s2c_build_record(args, &result, err))
		return -1;
	puts(result.pushed ? result.pushed : result.image_id);
	return args->run ? run_result(call, result.image_id, err) : 0;
}

/* What .s2ifile may add has to be there before anything is decided. */
static int check(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;

	if (args->use_config && s2c_s2ifile_restore(call, err)) {
		s2c_s2ifile_free(TAKE(args->stored));
		return -1;
	}
	if (call->operands.len < 2)
		return s2c_fail(err, S2C_EINVAL,
			"too few arguments; usage: s2c build [OPTIONS] %s",
			call->command->operands);
	return 0;
}

static int start(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;

	if (s2c_build_args_settle(call, err))
		return -1;
	args->o.source = call->operands.items[0];
	args->o.builder = call->operands.items[1];
	args->o.tag = call->operands.len > 2 ? call->operands.items[2] : NULL;
	if (args->use_config) {
		if (s2c_build_check(&args->o, err))
			return -1;
		s2c_s2ifile_keep(call);
	}
	return s2c_build_perform(call, &args->o, err);
}

static int build(struct s2c_call *call, struct s2c_error **err)
{
	struct s2c_build_args *args = call->args;
	int status = start(call, err);

	s2c_s2ifile_free(args->stored);
	return status;
}

const struct s2c_command s2c_cmd_build = {
	.name = "build",
	.summary = "build an image from source and a builder image",
	.operands = "SOURCE BUILDER [TAG]",
	.description = "Puts the source into a container of the builder image, runs the "
		       "builder's "
		       "assemble script in it as a fixed user that is not root, and "
		       "makes an image "
		       "of what changed, whose command is the builder's run script.\n\n"
		       "SOURCE is a directory, a git URL or repository, a tar file "
		       "(plain, gzip or "
		       "zstd), or - for a tar on standard input. BUILDER is an image of "
		       "the store, "
		       "or a name with its registry, which is pulled. Without TAG the "
		       "image has no "
		       "name but its id, which is printed.",
	.examples = "  s2c build ./app builder/python myapp\n"
		    "  s2c build https://git.example/team/app.git#v1 builder/python \\\n"
		    "      registry.example/team/app:v1 --push\n"
		    "  tar c . | s2c build - builder/python myapp\n"
		    "  s2c build ./app builder/python --as-dockerfile out/\n",
	.options = s2c_build_option_table,
	.args_size = sizeof(struct s2c_build_args),
	.max_operands = 3,
	.needs = S2C_NEEDS_STORE,
	.check = check,
	.run = build,
};
