// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_hook.c - what git tells a hook: its lines, and paths of new commits
 *
 * The first byte says which. Whatever lines are read, each is a ref in refs/, and one of ours is
 * refused; however the bytes of paths are cut, what is found of them is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/scan.h"
#include "gate/update.h"

static void lines(const char *text, size_t size, const struct policy *policy)
{
	const struct token token = { .project = "p", .force = true, .remove = true };
	struct problem why = {};
	struct updates updates;

	if (updates_parse(text, size, &updates, &why)) {
		if (!*why.text)
			abort();
		return;
	}
	for (size_t i = 0; i < updates.n; i++) {
		enum refusal about = update_judge(&updates.item[i], &token, policy, &why);

		if (strncmp(updates.item[i].ref, "refs/", 5))
			abort();
		if (!strncmp(updates.item[i].ref, "refs/terok/", 11) && about != REFUSED_ALWAYS)
			abort();
	}
	updates_done(&updates);
}

static void paths(const char *text, size_t size, const struct policy *policy)
{
	const struct scan empty = {
		.policy = policy, .forbidden = true, .links = true, .modules = true
	};
	struct scan whole = empty, cut = empty;
	int r = scan_bytes(text, size, &whole), q = 0;

	for (size_t i = 0; i < size && !q; i++)
		q = scan_bytes(text + i, 1, &cut);
	if (r != q || whole.n != cut.n || (!r && scan_end(&whole) != scan_end(&cut)))
		abort();
	scan_done(&whole);
	scan_done(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct problem why;

	if (!size || policy_parse("{}", 2, &policy, &why))
		return 0;
	if (*data == 'l')
		lines((const char *)data + 1, size - 1, &policy);
	else
		paths((const char *)data + 1, size - 1, &policy);
	policy_done(&policy);
	return 0;
}
