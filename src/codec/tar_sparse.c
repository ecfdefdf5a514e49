/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sparse files in tar: the old GNU form (type 'S' and extension blocks) and GNU.sparse
 * 0.0, 0.1 and 1.0 in PAX. Reading only; s2c writes sparse files plain (OCI image-spec).
 */
#include "codec/tar_format.h"
#include "util/error.h"

#define GNU_PIECES_AT 386 /* four pieces in the header of the old form */
#define GNU_PIECES 4
#define GNU_MORE_AT 482
#define GNU_SIZE_AT 483
#define GNU_PIECE 24
#define GNU_EXTENSION_PIECES 21
#define GNU_EXTENSION_MORE_AT 504

#define SPARSE_FIELDS                                                                    \
	(S2C_PAX_SPARSE_NAME | S2C_PAX_SPARSE_SIZE | S2C_PAX_SPARSE_MAJOR |              \
		S2C_PAX_SPARSE_MINOR | S2C_PAX_SPARSE_MAP | S2C_PAX_SPARSE_BLOCKS)

bool s2c_tar_pax_is_sparse(const struct s2c_tar_pax *pax)
{
	return (pax->set & SPARSE_FIELDS) || pax->extents.n;
}

static int add_gnu_pieces(struct s2c_tar_input *in, struct s2c_tar_plan *plan,
	const char *at, size_t n, struct s2c_error **err)
{
	for (size_t i = 0; i < n && at[0]; i++, at += GNU_PIECE) {
		uint64_t offset, len;

		if (s2c_tar_number(in, at, 12, &offset, err) ||
			s2c_tar_number(in, at + 12, 12, &len, err) ||
			s2c_tar_extents_add(&plan->extents, offset, len, err))
			return -1;
	}
	return 0;
}

static int old_gnu(struct s2c_tar_input *in, const struct s2c_tar_header *h,
	struct s2c_tar_plan *plan, struct s2c_error **err)
{
	const char *raw = (const char *)h;
	char block[S2C_TAR_BLOCK];
	bool more = raw[GNU_MORE_AT];

	if (s2c_tar_number(in, raw + GNU_SIZE_AT, 12, &plan->size, err) ||
		add_gnu_pieces(in, plan, raw + GNU_PIECES_AT, GNU_PIECES, err))
		return -1;
	while (more) {
		size_t before = plan->extents.n;

		if (s2c_tar_take(in, block, sizeof(block), err) ||
			add_gnu_pieces(in, plan, block, GNU_EXTENSION_PIECES, err))
			return -1;
		more = block[GNU_EXTENSION_MORE_AT];
		if (more && plan->extents.n == before)
			return s2c_tar_damaged(in, "a sparse map is malformed", err);
	}
	return 0;
}

/* One decimal line of the map that stands before the data in GNU.sparse 1.0. */
static int map_line(
	struct s2c_tar_input *in, uint64_t *left, uint64_t *out, struct s2c_error **err)
{
	char line[24];
	size_t n = 0;

	for (;; n++) {
		if (n == sizeof(line) || *left == 0)
			return s2c_tar_damaged(in, "a sparse map is malformed", err);
		if (s2c_tar_take(in, &line[n], 1, err))
			return -1;
		--*left;
		if (line[n] == '\n')
			break;
	}
	if (!s2c_tar_decimal(line, n, INT64_MAX, out))
		return s2c_tar_damaged(in, "a sparse map is malformed", err);
	return 0;
}

static int version_1(struct s2c_tar_input *in, struct s2c_tar_plan *plan,
	uint64_t *stored, struct s2c_error **err)
{
	uint64_t left = *stored, n, offset, len, padding;

	if (map_line(in, &left, &n, err))
		return -1;
	for (uint64_t i = 0; i < n; i++)
		if (map_line(in, &left, &offset, err) || map_line(in, &left, &len, err) ||
			s2c_tar_extents_add(&plan->extents, offset, len, err))
			return -1;
	padding = s2c_tar_padding(*stored - left);
	if (padding > left)
		return s2c_tar_damaged(in, "a sparse map is malformed", err);
	if (s2c_tar_skip(in, padding, err))
		return -1;
	*stored = left - padding;
	return 0;
}

static int in_pax(struct s2c_tar_input *in, struct s2c_tar_pax *pax, uint64_t *stored,
	struct s2c_tar_plan *plan, struct s2c_error **err)
{
	unsigned version = S2C_PAX_SPARSE_MAJOR | S2C_PAX_SPARSE_MINOR;

	if (!(pax->set & S2C_PAX_SPARSE_SIZE))
		return s2c_tar_damaged(in, "a sparse file has no size", err);
	plan->size = pax->sparse_size;
	if (pax->set & version) {
		if ((pax->set & version) != version || pax->sparse_major != 1 ||
			pax->sparse_minor != 0)
			return s2c_tar_damaged(
				in, "a sparse file is of unknown form", err);
		if (pax->extents.n || (pax->set & S2C_PAX_SPARSE_MAP))
			return s2c_tar_damaged(in, "a sparse file has two maps", err);
		return version_1(in, plan, stored, err);
	}
	plan->extents = pax->extents;
	memset(&pax->extents, 0, sizeof(pax->extents));
	return 0;
}

static int check_plan(struct s2c_tar_input *in, const struct s2c_tar_plan *plan,
	uint64_t stored, struct s2c_error **err)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->extents.n; i++) {
		const struct s2c_tar_extent *piece = &plan->extents.items[i];

		if (piece->offset + piece->len > plan->size)
			return s2c_tar_damaged(
				in, "a sparse map passes the end of its file", err);
		sum += piece->len;
	}
	if (sum != stored)
		return s2c_tar_damaged(in, "a sparse map does not match its data", err);
	return 0;
}

int s2c_tar_plan_data(struct s2c_tar_input *in, const struct s2c_tar_header *h,
	struct s2c_tar_pax *pax, uint64_t *stored, struct s2c_tar_plan *plan,
	struct s2c_error **err)
{
	bool sparse = s2c_tar_pax_is_sparse(pax);

	if (h->type == 'S' && sparse)
		return s2c_tar_damaged(in, "a sparse file has two maps", err);
	if (h->type != 'S' && !sparse) {
		plan->size = *stored;
		return s2c_tar_extents_add(&plan->extents, 0, *stored, err);
	}
	if (sparse ? in_pax(in, pax, stored, plan, err) : old_gnu(in, h, plan, err))
		return -1;
	return check_plan(in, plan, *stored, err);
}
