// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_witness.c - a request and a reply of whatever bytes, in bites of whatever size
 *
 * The first byte says whether it is a push, gzipped, and how big bites are; the rest is the
 * request, then the reply. The same bytes tell the same, however they come.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/witness.h"

static struct witness *seen(const uint8_t *data, size_t size, unsigned how, size_t bite)
{
	struct witness *witness = witness_new(how & 1, how & 2);

	for (int in = 1; in >= 0; in--)
		for (size_t at = in ? 0 : size / 2, end = in ? size / 2 : size; at < end;) {
			size_t n = bite < end - at ? bite : end - at;

			witness_saw(witness, in, (const char *)data + at, n);
			at += n;
		}
	return witness;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_deed a = {}, b = {};
	struct witness *whole, *bites;

	if (size < 2)
		return 0;
	whole = seen(data + 1, size - 1, *data, size);
	bites = seen(data + 1, size - 1, *data, 1 + (*data >> 4));
	if (witness_deed(whole, &a) != witness_deed(bites, &b) || a.n_refs != b.n_refs ||
	    a.n_refs > AUDIT_REFS || a.more_refs != b.more_refs)
		abort();
	for (unsigned i = 0; i < a.n_refs; i++)
		if (strcmp(a.ref[i].name, b.ref[i].name) != 0 ||
		    !a.ref[i].result != !b.ref[i].result || strchr(a.ref[i].name, '\n'))
			abort();
	witness_free(whole);
	witness_free(bites);
	return 0;
}
