/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/keeper_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "runtime/keeper_agent.h"
#include "util/fs.h"

#define OVERHEAD (256u * 1024) /* of a tmpfs with nothing much in it */
#define PAGE 4096u             /* what the smallest file takes */

/* Room for these files and little else. Not swapped out where the kernel can promise it.
 */
static int mount_tmpfs(
	const struct s2c_keeper_memory *memory, const char *path, struct s2c_error **err)
{
	unsigned long flags = MS_NOSUID | MS_NODEV;
	size_t size = OVERHEAD;
	CLEAN_FREE char *plain = NULL;
	CLEAN_FREE char *noswap = NULL;

	for (size_t i = 0; i < memory->n_files; i++)
		size += memory->files[i].len + 2 * PAGE;
	plain = xasprintf("mode=0700,size=%zu", size);
	noswap = xasprintf("%s,noswap", plain);
	if (mount("tmpfs", path, "tmpfs", flags, noswap) < 0 &&
		mount("tmpfs", path, "tmpfs", flags, plain) < 0)
		return s2c_fail_errno(err, errno, "cannot mount a tmpfs for secrets");
	return 0;
}

static int write_file(
	const struct s2c_keeper_memory *memory, int dir, size_t i, struct s2c_error **err)
{
	const struct s2c_keeper_file *file = &memory->files[i];
	CLEAN_FD int fd = -1;
	char name[24];

	(void)snprintf(name, sizeof(name), "%zu", i);
	if (s2c_fs_open(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0, &fd, err) < 0 ||
		s2c_fs_write_all(fd, file->data, file->len, err) < 0)
		return s2c_wrap(err, "a secret");
	if ((memory->chown && fchown(fd, memory->uid, memory->gid) < 0) ||
		fchmod(fd, file->mode) < 0)
		return s2c_fail_errno(err, errno, "cannot set the owner of a secret");
	return 0;
}

int s2c_keeper_memory_make(const struct s2c_keeper_memory *memory, const char *work_path,
	struct s2c_error **err)
{
	CLEAN_FREE char *path = xasprintf("%s/" S2C_KEEPER_MEMORY, work_path);
	CLEAN_FD int dir = -1;

	if (memory->n_files + memory->agents.len == 0)
		return 0;
	if (mount_tmpfs(memory, path, err) < 0 ||
		s2c_fs_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &dir, err) < 0)
		return -1;
	for (size_t i = 0; i < memory->n_files; i++)
		if (write_file(memory, dir, i, err) < 0)
			return -1;
	for (size_t i = 0; i < memory->agents.len; i++)
		if (s2c_keeper_agent_start(memory, path, i, err) < 0)
			return -1;
	return 0;
}
