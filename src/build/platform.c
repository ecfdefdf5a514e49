/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platforms of images. What binfmt_misc would do with a program is found out by matching
 * the head of an ELF file of that architecture, as the kernel does, and not by the names
 * of its entries, which anybody chooses.
 */
#include "build/platform.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>

#include "util/fs.h"

#define BINFMT "/proc/sys/fs/binfmt_misc"
#define HEAD_LEN 20 /* of an ELF file up to e_machine */
#define MACHINE_LOONGARCH 258

/* How programs of an architecture begin. */
static const struct {
	const char *architecture;
	unsigned char class, data;
	uint16_t machine;
} heads[] = {
	{"386", ELFCLASS32, ELFDATA2LSB, EM_386},
	{"amd64", ELFCLASS64, ELFDATA2LSB, EM_X86_64},
	{"arm", ELFCLASS32, ELFDATA2LSB, EM_ARM},
	{"arm64", ELFCLASS64, ELFDATA2LSB, EM_AARCH64},
	{"loong64", ELFCLASS64, ELFDATA2LSB, MACHINE_LOONGARCH},
	{"mips64le", ELFCLASS64, ELFDATA2LSB, EM_MIPS},
	{"ppc64le", ELFCLASS64, ELFDATA2LSB, EM_PPC64},
	{"riscv64", ELFCLASS64, ELFDATA2LSB, EM_RISCV},
	{"s390x", ELFCLASS64, ELFDATA2MSB, EM_S390},
};

int s2c_platform_option(const char *text, struct s2c_platform *room,
	const struct s2c_platform **out, struct s2c_error **err)
{
	*out = NULL;
	if (!text)
		return 0;
	if (s2c_platform_parse(text, room, err))
		return s2c_wrap(err, "--platform");
	*out = room;
	return 0;
}

const char *s2c_platform_text(
	const struct s2c_platform *platform, char out[S2C_PLATFORM_TEXT])
{
	(void)snprintf(out, S2C_PLATFORM_TEXT, "%s/%s%s%s", platform->os,
		platform->architecture, *platform->variant ? "/" : "", platform->variant);
	return out;
}

bool s2c_platform_serves(
	const struct s2c_platform *platform, const struct s2c_config *config)
{
	struct s2c_platform is;

	if (!platform)
		return true;
	s2c_config_platform(config, &is);
	if (!*is.architecture)
		return true;
	return streq(is.architecture, platform->architecture) &&
	       (!*is.os || streq(is.os, platform->os)) &&
	       (!*is.variant || !*platform->variant ||
		       streq(is.variant, platform->variant));
}

/* ---- binfmt_misc ---- */

/* What follows `key` at the begin of a line, or NULL. */
static const char *line_of(const char *entry, const char *key)
{
	for (const char *line = entry; *line;) {
		if (starts_with(line, key))
			return line + strlen(key);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads hexadecimal bytes; their number, at most HEAD_LEN. */
static size_t read_hex(const char *text, unsigned char out[HEAD_LEN])
{
	size_t n = 0;

	while (n < HEAD_LEN && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
		out[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
	return n;
}

static bool make_head(const char *architecture, unsigned char out[HEAD_LEN])
{
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		bool big = heads[i].data == ELFDATA2MSB;

		if (!streq(heads[i].architecture, architecture))
			continue;
		memset(out, 0, HEAD_LEN);
		memcpy(out, ELFMAG, SELFMAG);
		out[EI_CLASS] = heads[i].class;
		out[EI_DATA] = heads[i].data;
		out[EI_VERSION] = EV_CURRENT;
		out[big ? 17 : 16] = ET_EXEC;
		out[big ? 19 : 18] = heads[i].machine & 0xff;
		out[big ? 18 : 19] = (unsigned char)(heads[i].machine >> 8);
		return true;
	}
	return false;
}

bool s2c_binfmt_takes(const char *entry, const char *architecture)
{
	unsigned char head[HEAD_LEN], magic[HEAD_LEN] = {0}, mask[HEAD_LEN];
	const char *flags = line_of(entry, "flags: ");
	const char *text = line_of(entry, "magic ");
	const char *offset = line_of(entry, "offset ");
	size_t n;

	if (!starts_with(entry, "enabled\n") || !flags || !text || !offset ||
		!starts_with(offset, "0\n") || !make_head(architecture, head))
		return false;
	if (strcspn(flags, "F") >= strcspn(flags, "\n"))
		return false;
	n = read_hex(text, magic);
	memset(mask, 0xff, sizeof(mask));
	text = line_of(entry, "mask ");
	if (text)
		(void)read_hex(text, mask);
	for (size_t i = 0; i < n; i++)
		if ((head[i] ^ magic[i]) & mask[i])
			return false;
	/* Less would not tell one architecture from another. */
	return n == HEAD_LEN;
}

static bool entry_takes(int dir, const char *name, const char *architecture)
{
	CLEAN_BUF struct s2c_buf text = S2C_BUF_INIT(S2C_BINFMT_ENTRY_MAX);

	return s2c_fs_read_file(dir, name, &text, NULL) == 0 &&
	       s2c_binfmt_takes(s2c_buf_str(&text), architecture);
}

static bool has_interpreter(const char *architecture)
{
	DIR *dir = opendir(BINFMT);
	bool found = false;

	for (size_t n = 0; dir && !found && n < S2C_BINFMT_ENTRIES_MAX; n++) {
		const struct dirent *entry = readdir(dir);

		if (!entry)
			break;
		found = entry->d_name[0] != '.' && !streq(entry->d_name, "register") &&
			entry_takes(dirfd(dir), entry->d_name, architecture);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* Kernels of the first run programs of the second as they are. */
static bool is_native(const char *host, const char *image)
{
	return streq(host, image) || (streq(host, "amd64") && streq(image, "386"));
}

int s2c_platform_check_host(
	const struct s2c_config *config, const char *name, struct s2c_error **err)
{
	struct s2c_platform host, is;
	char text[S2C_PLATFORM_TEXT];

	s2c_platform_host(&host);
	s2c_config_platform(config, &is);
	if (*is.os && !streq(is.os, "linux"))
		return s2c_fail(err, S2C_EUNSUPPORTED,
			"builder image '%s' is for '%s', and only images for Linux can "
			"be "
			"built with",
			name, s2c_platform_text(&is, text));
	if (!*is.architecture || is_native(host.architecture, is.architecture) ||
		has_interpreter(is.architecture))
		return 0;
	return s2c_fail(err, S2C_EUNSUPPORTED,
		"builder image '%s' is for '%s', whose programs this host (linux/%s) "
		"does "
		"not run: take an image for this host, or register an interpreter such "
		"as qemu-user-static with binfmt_misc and flag F",
		name, s2c_platform_text(&is, text), host.architecture);
}
