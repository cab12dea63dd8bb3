// SPDX-License-Identifier: Apache-2.0
#include "witness.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pkt.h"

#define OID_MAX 64
#define WINDOW  (15 + 16) /* gzip, whatever its window */

struct witness {
	struct pkt in, out, report;
	bool push, gzipped, unzip_over;
	bool has, fetches, packed, banded;
	z_stream zip;
	struct audit_ref ref[AUDIT_REFS];
	unsigned n, more; /* refs that are told, refs that are not */
};

static const char *copy(const char *text, size_t n)
{
	return strndup(text, n);
}

/* "OLD NEW REF" and, behind a NUL, what the client can do. */
static void command_line(struct witness *witness, struct pkt *pkt)
{
	const char *old = pkt->text, *new, *name;
	size_t n;

	if (pkt->n < PKT_TEXT && strlen(pkt->text) < pkt->n)
		witness->banded |=
		    memmem(pkt->text, pkt->n, "side-band-64k", strlen("side-band-64k")) != NULL;
	n = strcspn(old, " ");
	if (n > OID_MAX || n < 40 || !old[n])
		return;
	new = old + n + 1;
	if (strcspn(new, " ") != n || !new[n])
		return;
	name = new + n + 1;
	if (witness->n == AUDIT_REFS) {
		witness->more++;
		return;
	}
	witness->ref[witness->n++] = (struct audit_ref){
		.old = copy(old, n),
		.new = copy(new, n),
		.name = copy(name, strcspn(name, "\n")),
	};
}

static void in_line(struct pkt *pkt, void *user)
{
	struct witness *witness = user;

	if (witness->push && !pkt->past)
		command_line(witness, pkt);
	witness->has |= !strncmp(pkt->text, "have ", 5);
	witness->fetches |= !strncmp(pkt->text, "want ", 5);
}

/* "ok REF", "ng REF why" */
static void report_line(struct pkt *pkt, void *user)
{
	struct witness *witness = user;
	bool ok = !strncmp(pkt->text, "ok ", 3);
	const char *name = pkt->text + 3;
	size_t n = strcspn(name, " \n");

	if (!ok && strncmp(pkt->text, "ng ", 3) != 0)
		return;
	for (unsigned i = 0; i < witness->n; i++) {
		struct audit_ref *ref = &witness->ref[i];

		if (!ref->name || strlen(ref->name) != n || strncmp(ref->name, name, n) != 0 ||
		    ref->result)
			continue;
		ref->result = ok ? copy("ok", 2)
				 : copy(name + n + !!name[n], strcspn(name + n + !!name[n], "\n"));
		return;
	}
}

static void out_data(struct pkt *pkt, const char *bytes, size_t n, void *user)
{
	struct witness *witness = user;
	bool first = !pkt->n;

	if (first) /* which band it is of */
		pkt->text[0] = *bytes;
	if (witness->push && witness->banded && pkt->text[0] == 1)
		pkt_feed(&witness->report, bytes + first, n - first);
}

static void out_line(struct pkt *pkt, void *user)
{
	struct witness *witness = user;

	witness->packed |= pkt->n > 4 && !memcmp(pkt->text + (pkt->text[0] == 1), "PACK", 4);
	if (witness->push && !witness->banded)
		report_line(pkt, user);
}

static void unzip(struct witness *witness, const char *bytes, size_t n)
{
	char plain[4096];
	int r = Z_OK;

	witness->zip.next_in = (unsigned char *)bytes;
	witness->zip.avail_in = (unsigned)n;
	while (!witness->unzip_over && !witness->in.broken && r == Z_OK) {
		witness->zip.next_out = (unsigned char *)plain;
		witness->zip.avail_out = sizeof(plain);
		r = inflate(&witness->zip, Z_NO_FLUSH);
		pkt_feed(&witness->in, plain, sizeof(plain) - witness->zip.avail_out);
		if (r == Z_STREAM_END || (r != Z_OK && r != Z_BUF_ERROR))
			witness->unzip_over = true;
		if (witness->zip.avail_out) /* it has no more */
			break;
	}
}

void witness_saw(struct witness *witness, bool in, const char *bytes, size_t n)
{
	if (!witness)
		return;
	if (!in) {
		pkt_feed(&witness->out, bytes, n);
		/* a pack that is in no packets */
		witness->packed |= witness->out.broken && !memcmp(witness->out.head, "PACK", 4);
	} else if (witness->gzipped) {
		unzip(witness, bytes, n);
	} else if (!witness->push || !witness->in.past) {
		pkt_feed(&witness->in, bytes, n);
	}
}

struct witness *witness_new(bool push, bool gzipped)
{
	struct witness *witness = calloc(1, sizeof(*witness));

	if (!witness)
		return NULL;
	witness->push = push;
	witness->gzipped = gzipped;
	witness->in = (struct pkt){ .line = in_line, .user = witness };
	witness->out = (struct pkt){ .line = out_line, .data = out_data, .user = witness };
	witness->report = (struct pkt){ .line = report_line, .user = witness };
	if (gzipped && inflateInit2(&witness->zip, WINDOW) != Z_OK) {
		free(witness);
		return NULL;
	}
	return witness;
}

void witness_free(struct witness *witness)
{
	if (!witness)
		return;
	for (unsigned i = 0; i < witness->n; i++) {
		free((char *)witness->ref[i].old);
		free((char *)witness->ref[i].new);
		free((char *)witness->ref[i].name);
		free((char *)witness->ref[i].result);
	}
	if (witness->gzipped)
		inflateEnd(&witness->zip);
	free(witness);
}

bool witness_deed(const struct witness *witness, struct audit_deed *ret)
{
	if (!witness || !(witness->push ? witness->n : witness->fetches && witness->packed))
		return false;
	ret->what = witness->push ? "push" : witness->has ? "fetch" : "clone";
	ret->ref = witness->ref;
	ret->n_refs = witness->n;
	ret->more_refs = witness->more;
	return true;
}
