/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: process 1 of a pid namespace around one run of an OCI runtime. It holds the
 * private mounts, the network namespace and its helper, and the runtime itself; when it
 * ends, the kernel ends all of them. It ends when s2c does, however s2c dies:
 *
 *   s2c --fork--> warden --fork--> keeper (pid 1) --> pasta, crun --> container
 *
 * The warden stays outside of the pid namespace. It watches a pipe that only s2c holds
 * open, kills the keeper when the pipe ends, and ends itself when the keeper is wholly
 * gone. Both keep the claim on the work directory until then (store/work.h).
 */
#ifndef S2C_RUNTIME_KEEPER_H
#define S2C_RUNTIME_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/overlay.h"
#include "util/ctx.h"
#include "util/strv.h"

/* A file in the keeper's memory: <work_path>/memory/<its index>. */
struct s2c_keeper_file {
	const void *data;
	size_t len;
	unsigned mode; /* nothing for anybody but its owner */
};

/*
 * A tmpfs that only the keeper has, at <work_path>/memory: it ends with the keeper and is
 * on no disk.
 */
struct s2c_keeper_memory {
	struct s2c_keeper_file *files; /* borrowed */
	size_t n_files;
	/* Sockets <work_path>/memory/agent-<index> that lead to these SSH agents. */
	struct s2c_strv agents;
	bool chown; /* files and sockets belong to: */
	uint32_t uid, gid;
	/* Descriptors that stay open until all of the container is gone: locks. */
	int *held;
	size_t n_held;
};

struct s2c_keeper_opts {
	struct s2c_overlay *overlay; /* mounted at <work_path>/rootfs by a run */
	int work_fd;
	const char *work_path;
	const struct s2c_cgroups *cgroups;
	bool hide_cgroups;               /* crun looks there even when told not to */
	bool private_network;            /* false: the host's */
	const struct s2c_strv *net_argv; /* helper of a private network; NULL: none */
	const struct s2c_strv
		*run_argv;       /* the OCI runtime; 0, 1, 2 and 3 come with run */
	bool init_takes_streams; /* 0, 1 and 2 again as 4, 5 and 6: S2C_INIT_STREAMS */
	const struct s2c_keeper_memory *memory;
	bool verbose; /* keep our standard error, for S2C_TRACE */
};

/* Where the keeper mounts things, below the work directory. */
#define S2C_KEEPER_ROOTFS "rootfs"
#define S2C_KEEPER_NETNS "netns"
#define S2C_KEEPER_MEMORY "memory"

#define S2C_KEEPER_TEXT_MAX 1024

enum s2c_keeper_event {
	S2C_KEEPER_NONE,
	S2C_KEEPER_NET,    /* value: 0, the network is up; else it is not, see text */
	S2C_KEEPER_EXIT,   /* value: exit status of the OCI runtime, 128 + signal */
	S2C_KEEPER_FAILED, /* the keeper could not do its part, see text */
};
struct s2c_keeper_message {
	int event;
	int value;
	char text[S2C_KEEPER_TEXT_MAX];
};

struct s2c_keeper {
	pid_t warden; /* -1: none */
	int life;     /* the pipe whose end ends the keeper */
	int control;  /* SOCK_SEQPACKET of struct s2c_keeper_message */
};
#define S2C_KEEPER_INIT                                                                  \
	{                                                                                \
		.warden = -1, .life = -1, .control = -1                                  \
	}

/* Starts one; it sets up its namespaces and network at once and then waits for a run. */
S2C_CHECK int s2c_keeper_start(const struct s2c_keeper_opts *opts, struct s2c_keeper *out,
	struct s2c_error **err);

/* Asks it to mount and run, once, with these as the runtime's 0, 1, 2, 3. Borrowed. */
S2C_CHECK int s2c_keeper_run(
	struct s2c_keeper *keeper, const int fds[4], struct s2c_error **err);

/* Sends a signal to the OCI runtime, which hands it on. Best effort. */
void s2c_keeper_signal(struct s2c_keeper *keeper, int sig);

/*
 * Reads the next message, which must be there (poll `control`); S2C_KEEPER_NONE when the
 * keeper has ended.
 */
void s2c_keeper_next(struct s2c_keeper *keeper, struct s2c_keeper_message *out);

/* Kills everything and waits until nothing of it is left. Harmless when none runs. */
void s2c_keeper_stop(struct s2c_keeper *keeper);

#endif
