/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of the store to an engine and back, for the contract suite. Include after
 * runtime_fixture.h.
 */
#ifndef S2C_TESTS_ENGINE_FIXTURE_H
#define S2C_TESTS_ENGINE_FIXTURE_H

#include "http/client.h"
#include "runtime/engine.h"
#include "store/archive.h"

/* Loads the image under test into the engine by its own API, as `docker load` does. */
UNUSED static void engine_send(struct fixture *f, const char *socket)
{
	struct s2c_http_opts opts = {.unix_socket = socket};
	struct s2c_archive_spec spec = {.kind = S2C_ARCHIVE_DOCKER};
	CLEAN_FREE char *path = xasprintf("%s/send.tar", f->tmp->path);
	CLEAN_HTTP_RESPONSE struct s2c_http_response response = {0};
	struct s2c_http *http = s2c_http_new(&opts);
	CLEAN_STRV struct s2c_strv headers = S2C_STRV_INIT;
	struct s2c_reader *tar;
	struct stat st;
	int fd;

	spec.path = path;
	assert_ok(s2c_archive_save(f->ctx, f->store, f->image, &spec, &terr));
	assert_ok(s2c_fs_open(AT_FDCWD, path, O_RDONLY, 0, &fd, &terr));
	assert_int_equal(fstat(fd, &st), 0);
	tar = s2c_reader_fd(fd, true);
	s2c_strv_add(&headers, "Content-Type: application/x-tar");
	struct s2c_http_request request = {.method = "POST",
		.url = "http://localhost/v1.41/images/load?quiet=1",
		.headers = &headers,
		.body_reader = tar,
		.body_len = (uint64_t)st.st_size};
	assert_ok(s2c_http_perform(f->ctx, http, &request, &response, &terr));
	assert_int_equal(response.status, 200);
	s2c_reader_free(tar);
	s2c_http_free(http);
	assert_int_equal(unlink(path), 0);
}

/* Brings an image of the engine into the store; desc is its manifest there. */
UNUSED static void engine_fetch(struct fixture *f, const char *socket,
	const struct s2c_digest *id, struct s2c_descriptor *desc)
{
	struct s2c_archive_spec spec = {.kind = S2C_ARCHIVE_DOCKER};
	CLEAN_FREE char *path = xasprintf("%s/fetch.tar", f->tmp->path);
	CLEAN_STRV struct s2c_strv names = S2C_STRV_INIT;
	struct s2c_engine *engine;
	struct s2c_writer *out;
	int fd;

	spec.path = path;
	assert_ok(s2c_fs_open(
		AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, &terr));
	out = s2c_writer_fd(fd, true);
	assert_ok(s2c_engine_open(f->ctx, socket, NULL, &engine, &terr));
	assert_ok(s2c_engine_save(f->ctx, engine, id->str, out, &terr));
	s2c_engine_close(engine);
	s2c_writer_free(out);
	assert_ok(s2c_archive_load(f->ctx, f->store, &spec, &names, &terr));
	assert_int_equal(names.len, 1);
	assert_ok(s2c_store_find(f->store, names.items[0], desc, NULL, &terr));
	assert_int_equal(unlink(path), 0);
}

#endif
