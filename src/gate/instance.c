/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "codec/digest.h"
#include "util/fs.h"

#define PROOF_DIGITS 32

static int random_bytes(void *out, size_t len, struct s2c_error **err)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		return s2c_fail_errno(err, errno, "no random bytes to be had");
	return 0;
}

/* The key, made by whoever comes first: a link is there as a whole or not at all. */
static int make_key(int state, struct s2c_error **err)
{
	unsigned char key[S2C_GATE_KEY_BYTES];
	char name[32];
	uint64_t number;

	if (random_bytes(key, sizeof(key), err) < 0 ||
		random_bytes(&number, sizeof(number), err) < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "key.%016llx", (unsigned long long)number);
	CLEAN_FD int fd = openat(
		state, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, key, sizeof(key)) != sizeof(key) || fsync(fd) < 0)
		return s2c_fail_errno(err, errno, "cannot write the gate's key");
	int rc = linkat(state, name, state, "key", 0);
	int failure = errno;
	(void)unlinkat(state, name, 0);
	if (rc < 0 && failure != EEXIST)
		return s2c_fail_errno(err, failure, "cannot keep the gate's key");
	return 0;
}

static int read_key(int state, unsigned char *out, struct s2c_error **err)
{
	CLEAN_FD int fd = openat(state, "key", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return s2c_fail_errno(err, errno, "cannot open the gate's key");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) ||
		st.st_uid != geteuid())
		return s2c_fail(err, S2C_EDENIED,
			"the gate's key is not a file of this user alone: remove it");
	if (read(fd, out, S2C_GATE_KEY_BYTES) != S2C_GATE_KEY_BYTES)
		return s2c_fail(err, S2C_EPROTO, "the gate's key is damaged: remove it");
	return 0;
}

static int lock_run(struct s2c_gate_instance *instance, struct s2c_error **err)
{
	unsigned char id[S2C_GATE_INSTANCE_DIGITS / 2];

	if (random_bytes(id, sizeof(id), err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(id); i++)
		(void)snprintf(instance->id + 2 * i, 3, "%02x", id[i]);
	instance->lock = openat(instance->run, instance->id,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (instance->lock < 0 || flock(instance->lock, LOCK_EX | LOCK_NB) < 0)
		return s2c_fail_errno(err, errno, "cannot lock the gate's state");
	return 0;
}

int s2c_gate_instance_open(
	const char *state, struct s2c_gate_instance *out, struct s2c_error **err)
{
	int dir;

	if (s2c_fs_mkdir_p(AT_FDCWD, state, 0700, err) < 0 ||
		s2c_fs_open(
			AT_FDCWD, state, O_RDONLY | O_DIRECTORY, 0, &out->state, err) < 0)
		return s2c_wrap(err, "the gate's state '%s'", state);
	dir = out->state;
	if (s2c_fs_mkdir_p(dir, "run", 0700, err) < 0 ||
		s2c_fs_open(dir, "run", O_RDONLY | O_DIRECTORY, 0, &out->run, err) < 0)
		return s2c_wrap(err, "the gate's state '%s'", state);
	if ((faccessat(dir, "key", F_OK, 0) < 0 && make_key(dir, err) < 0) ||
		read_key(dir, out->key, err) < 0 || lock_run(out, err) < 0)
		return s2c_wrap(err, "the gate's state '%s'", state);
	return 0;
}

void s2c_gate_instance_close(struct s2c_gate_instance *instance)
{
	if (instance->lock >= 0) {
		(void)unlinkat(instance->run, instance->id, 0);
		(void)close(instance->lock);
	}
	if (instance->run >= 0)
		(void)close(instance->run);
	if (instance->state >= 0)
		(void)close(instance->state);
	explicit_bzero(instance->key, sizeof(instance->key));
	*instance = (struct s2c_gate_instance)S2C_GATE_INSTANCE_INIT;
}

bool s2c_gate_instance_lives(const struct s2c_gate_instance *instance, const char *id)
{
	if (strlen(id) != S2C_GATE_INSTANCE_DIGITS ||
		strspn(id, "0123456789abcdef") != S2C_GATE_INSTANCE_DIGITS)
		return false;
	if (streq(id, instance->id))
		return true;
	CLEAN_FD int fd = openat(instance->run, id, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fd >= 0;
	(void)unlinkat(instance->run, id, 0);
	return false;
}

/* "s2c-gate-INSTANCE-NUMBER", to which the proof is added. */
static void sign(const struct s2c_gate_instance *instance, const char *stem, char mac[65])
{
	s2c_hmac_sha256(instance->key, sizeof(instance->key), stem, strlen(stem), mac);
	mac[PROOF_DIGITS] = '\0';
}

void s2c_gate_instance_name(const struct s2c_gate_instance *instance,
	unsigned long number, char out[S2C_GATE_NAME_MAX])
{
	char stem[80], mac[65];

	(void)snprintf(
		stem, sizeof(stem), S2C_GATE_NAME_PREFIX "%s-%lu", instance->id, number);
	sign(instance, stem, mac);
	(void)snprintf(out, S2C_GATE_NAME_MAX, "%s-%s", stem, mac);
}

bool s2c_gate_instance_known(const struct s2c_gate_instance *instance, const char *name,
	char out_id[S2C_GATE_INSTANCE_DIGITS + 1])
{
	const char *proof = strrchr(name, '-');
	size_t prefix = strlen(S2C_GATE_NAME_PREFIX);
	char mac[65];

	if (!starts_with(name, S2C_GATE_NAME_PREFIX) || !proof ||
		(size_t)(proof - name) < prefix + S2C_GATE_INSTANCE_DIGITS)
		return false;
	CLEAN_FREE char *stem = xstrndup(name, (size_t)(proof - name));
	sign(instance, stem, mac);
	if (!streq(proof + 1, mac))
		return false;
	(void)snprintf(out_id, S2C_GATE_INSTANCE_DIGITS + 1, "%s", name + prefix);
	return true;
}
