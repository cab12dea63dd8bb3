// SPDX-License-Identifier: Apache-2.0
#include "pkt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* 0 to 3 are marks without bytes: flush, delimiter, end. */
static void head_done(struct pkt *pkt)
{
	char text[5] = { 0 };
	unsigned long n;

	memcpy(text, pkt->head, 4);
	for (int i = 0; i < 4; i++)
		pkt->broken |= !isxdigit((unsigned char)text[i]);
	if (pkt->broken)
		return;
	n = strtoul(text, NULL, 16);
	pkt->head_n = 0;
	pkt->n = 0;
	pkt->past |= n == 0;
	pkt->left = n > 4 ? n - 4 : 0;
}

static void bytes_take(struct pkt *pkt, const char *bytes, size_t n)
{
	size_t keep = PKT_TEXT - pkt->n < n ? PKT_TEXT - pkt->n : n;

	if (pkt->data)
		pkt->data(pkt, bytes, n, pkt->user);
	memcpy(pkt->text + pkt->n, bytes, keep);
	pkt->n += keep;
	pkt->left -= n;
	if (pkt->left)
		return;
	pkt->text[pkt->n] = '\0';
	pkt->line(pkt, pkt->user);
	pkt->n = 0;
}

void pkt_feed(struct pkt *pkt, const char *bytes, size_t n)
{
	while (n && !pkt->broken) {
		size_t take = 1;

		if (pkt->left) {
			take = n < pkt->left ? n : pkt->left;
			bytes_take(pkt, bytes, take);
		} else {
			pkt->head[pkt->head_n++] = *bytes;
			if (pkt->head_n == 4)
				head_done(pkt);
		}
		bytes += take;
		n -= take;
	}
}
