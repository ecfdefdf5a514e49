/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime implements; only runtime/ and its contract tests include this. A backend
 * is a const table; its instance embeds struct s2c_runtime and struct s2c_container.
 * The contract of each slot is that of the function of the same name in runtime.h; the
 * wrapper has checked arguments and policy before a slot is called.
 */
#ifndef S2C_RUNTIME_BACKEND_H
#define S2C_RUNTIME_BACKEND_H

#include "runtime/runtime.h"

struct s2c_runtime_ops {
	const char *name;
	/* Allocates *out with ops set. Must find out here whether it can work at all. */
	S2C_CHECK int (*open)(struct s2c_ctx *ctx, const struct s2c_runtime_opts *opts,
		struct s2c_runtime **out, struct s2c_error **err);
	void (*close)(struct s2c_runtime *runtime);
	struct s2c_runtime_traits (*traits)(const struct s2c_runtime *runtime);
	S2C_CHECK int (*read_image_file)(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
		const struct s2c_image *image, const char *path, struct s2c_buf *buf,
		struct s2c_error **err);
	/* Allocates *out; leaves nothing behind on failure. */
	S2C_CHECK int (*create)(struct s2c_ctx *ctx, struct s2c_runtime *runtime,
		const struct s2c_container_opts *opts, struct s2c_container **out,
		struct s2c_error **err);
	S2C_CHECK int (*copy_in)(struct s2c_ctx *ctx, struct s2c_container *container,
		const char *path, struct s2c_entries *entries,
		const struct s2c_owner *owner, struct s2c_error **err);
	bool (*is_dir)(struct s2c_container *container, const char *path);
	S2C_CHECK int (*read_file)(struct s2c_container *container, const char *path,
		struct s2c_buf *buf, struct s2c_error **err);
	S2C_CHECK int (*copy_out)(struct s2c_ctx *ctx, struct s2c_container *container,
		const char *path, struct s2c_writer *out, struct s2c_error **err);
	bool (*has_program)(struct s2c_container *container, const char *path);
	/* May be called several times, one after the other. */
	S2C_CHECK int (*run)(struct s2c_ctx *ctx, struct s2c_container *container,
		const struct s2c_exec_opts *opts, int *out_status,
		struct s2c_error **err);
	S2C_CHECK int (*commit)(struct s2c_ctx *ctx, struct s2c_container *container,
		const struct s2c_commit_opts *opts, struct s2c_commit_result *out,
		struct s2c_error **err);
	/* Must work in every state, also after a failed run, without a ctx. */
	void (*destroy)(struct s2c_container *container);
};

struct s2c_runtime {
	const struct s2c_runtime_ops *ops;
};

struct s2c_container {
	struct s2c_runtime *runtime;
};

extern const struct s2c_runtime_ops s2c_runtime_native, s2c_runtime_engine;

#endif
