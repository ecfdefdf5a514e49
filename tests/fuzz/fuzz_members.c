/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any file as the earlier one of a gzip writer. Whatever it claims to hold, what is
 * written inflates to what was to be written: some text, and what the file itself
 * inflates to, so that its members are taken over where they are good.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/compress.h"
#include "util/buf.h"
#include "util/fs.h"

#define CONTENT_MAX (1u << 20)
#define LEVEL 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As much as can be inflated of it. */
static size_t inflate_all(const void *data, size_t size, uint8_t *out)
{
	CLEAN_READER struct s2c_reader *r = s2c_decompress(
		S2C_COMPRESS_GZIP, s2c_reader_mem(data, size), true);
	size_t len = 0;
	ssize_t n;

	while (len < CONTENT_MAX &&
		(n = s2c_read(r, out + len, CONTENT_MAX - len, NULL)) > 0)
		len += (size_t)n;
	return len;
}

static void must_come_back(int earlier, const uint8_t *content, size_t len)
{
	static uint8_t back[CONTENT_MAX];
	CLEAN_BUF struct s2c_buf packed = S2C_BUF_INIT(2 * CONTENT_MAX);
	CLEAN_WRITER struct s2c_writer *end = s2c_writer_buf(&packed);
	CLEAN_WRITER struct s2c_writer *w = s2c_compress_again(
		S2C_COMPRESS_GZIP, LEVEL, earlier, end);

	if (s2c_write(w, content, len, NULL) < 0 || s2c_finish(w, NULL) < 0 ||
		inflate_all(packed.data, packed.len, back) != len ||
		memcmp(back, content, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t content[CONTENT_MAX];
	CLEAN_FD int fd = memfd_create("earlier", MFD_CLOEXEC);

	if (fd < 0 || s2c_fs_write_all(fd, data, size, NULL) < 0)
		abort();
	must_come_back(fd, (const uint8_t *)"hello", 5);
	must_come_back(fd, content, inflate_all(data, size, content));
	return 0;
}
