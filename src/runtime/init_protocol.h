/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What s2c and its in-container init tell each other. Included by both sides; no other
 * header may be needed here, because the init has no C library.
 *
 *   argv:  INIT FLAGS UID GID CAPS DATA CWD PROGRAM [ARGUMENT...]
 *   fd 3:  a socket to s2c on which struct s2c_init_report is written, first READY (or
 *          what keeps it from being ready). s2c answers with one byte when the network is
 *          up; then EXEC follows if the program could not be executed
 *
 * UID and GID are decimal, CAPS is a hexadecimal mask of the capabilities that may be
 * there, DATA is the RLIMIT_DATA of the program in bytes (0: none). The end of the socket
 * after READY without EXEC means that the program runs.
 *
 * Runtimes that hand no descriptors on get S2C_INIT_REPORTS: reports are appended to a
 * file that is mounted there, and nothing is awaited. The program can reach that file too,
 * but only once READY is in it.
 */
#ifndef S2C_RUNTIME_INIT_PROTOCOL_H
#define S2C_RUNTIME_INIT_PROTOCOL_H

#define S2C_INIT_FD 3
#define S2C_INIT_PATH "/.s2c-init"
#define S2C_INIT_REPORTS_PATH "/.s2c-reports"

/* Letters of FLAGS; "-" stands for none. */
#define S2C_INIT_OVERFLOW_GROUPS 'g' /* unmapped supplementary groups are no fault */
#define S2C_INIT_NO_SECCOMP 'n'      /* the runtime confines system calls its own way */
/*
 * Descriptors 4, 5 and 6 become 0, 1 and 2: runc puts pipes and copying threads of its
 * own between, which mixes up the order of output and error.
 */
#define S2C_INIT_STREAMS 's'
#define S2C_INIT_REPORTS 'f' /* reports go to S2C_INIT_REPORTS_PATH */

#define S2C_INIT_OVERFLOW_GID 65534u

enum s2c_init_stage {
	S2C_INIT_READY = 1,
	S2C_INIT_USAGE,   /* the arguments make no sense */
	S2C_INIT_UID,     /* value: the uid found */
	S2C_INIT_GID,     /* value: the gid found */
	S2C_INIT_GROUPS,  /* value: a supplementary group found */
	S2C_INIT_CAPS,    /* value: the lowest capability that should not be there */
	S2C_INIT_NNP,     /* no_new_privs is off */
	S2C_INIT_SECCOMP, /* value: the seccomp mode found */
	S2C_INIT_CWD,     /* value: errno of chdir */
	S2C_INIT_FORK,    /* value: errno */
	S2C_INIT_EXEC,    /* value: errno of execve */
};

struct s2c_init_report {
	int stage;
	int value;
};

#endif
