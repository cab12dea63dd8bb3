// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_git.c - whatever an upstream lists, git says or people call a URL, names are names
 *
 * What is taken of a list can be a branch, has an object, and is there once; a backup's name
 * leads back to itself; what is shown is printable, one line, and no longer than asked for.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/backup.h"
#include "gate/upstream.h"

static void check_refs(const struct refs *refs)
{
	for (size_t i = 0; i < refs->n; i++)
		if (git_branch_check(refs->item[i].name, NULL) || !git_is_sha(refs->item[i].sha) ||
		    (i && strcmp(refs->item[i - 1].name, refs->item[i].name) >= 0))
			abort();
}

static void check_list(const char *text)
{
	struct upstream upstream = {};
	char *mine = strdup(text);

	if (mine && !upstream_parse(mine, &upstream)) {
		check_refs(&upstream.heads);
		check_refs(&upstream.tags);
		if (upstream.head && git_branch_check(upstream.head, NULL))
			abort();
	}
	upstream_clear(&upstream);
	free(mine);
}

static void check_shown(const char *text, size_t size)
{
	if (strlen(text) >= size)
		abort();
	for (; *text; text++)
		if (!isascii((unsigned char)*text) || !isprint((unsigned char)*text))
			abort();
}

static void check_backup(const char *text)
{
	struct backup backup = { .sha = "0123456789abcdef0123456789abcdef01234567" };
	char ref[BACKUP_REF_MAX];
	const char *dash = strrchr(text, '-');

	if (backup_parse(text, &backup))
		return;
	if (backup_ref(ref, backup.of, dash + 1, backup.saved_at) || strcasecmp(ref, text) ||
	    git_ref_check(backup.of, NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), buf[64];
	enum git_way way = GIT_WAY_NONE;
	struct problem why = {};

	if (!text)
		return 0;
	check_list(text);
	check_backup(text);
	check_shown(git_text_redact(buf, sizeof(buf), text), sizeof(buf));
	check_shown(git_text_error(buf, sizeof(buf), text), sizeof(buf));
	if (git_url_way(text, &way, &why) ? way != GIT_WAY_NONE || !*why.text : *text == '-')
		abort();
	free(text);
	return 0;
}
