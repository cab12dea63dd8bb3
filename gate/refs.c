// SPDX-License-Identifier: Apache-2.0
#include "refs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "git.h"
#include "mirror.h"

#define PREFIXES_MAX 8
#define CHANGE_NS    (600 * GIT_SECOND) /* 100,000 loose files on a slow disk */

/* --- reading -------------------------------------------------------------------------- */

int refs_add(struct refs *refs, const char *name, size_t name_size, const char *sha)
{
	struct ref *ref;

	if (refs->n == refs->room) {
		size_t room = refs->room ? refs->room * 2 : 64;
		struct ref *bigger = reallocarray(refs->item, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		refs->item = bigger;
		refs->room = room;
	}
	ref = &refs->item[refs->n];
	ref->name = strndup(name, name_size);
	if (!ref->name)
		return -ENOMEM;
	snprintf(ref->sha, sizeof(ref->sha), "%s", sha);
	refs->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ref *)a)->name, ((const struct ref *)b)->name);
}

void refs_sort(struct refs *refs)
{
	size_t kept = 0;

	if (refs->n)
		qsort(refs->item, refs->n, sizeof(*refs->item), by_name);
	for (size_t i = 0; i < refs->n; i++) {
		if (kept && !strcmp(refs->item[kept - 1].name, refs->item[i].name)) {
			free(refs->item[kept - 1].name);
			kept--;
		}
		refs->item[kept++] = refs->item[i];
	}
	refs->n = kept;
}

const char *refs_find(const struct refs *refs, const char *name)
{
	const struct ref key = { .name = (char *)name };
	const struct ref *found = refs->n ? bsearch(&key, refs->item, refs->n, sizeof(key), by_name)
					  : NULL;

	return found ? found->sha : NULL;
}

void refs_clear(struct refs *refs)
{
	for (size_t i = 0; i < refs->n; i++)
		free(refs->item[i].name);
	free(refs->item);
	*refs = (struct refs){ 0 };
}

/* "SHA NAME" */
static int take_line(char *line, const char *const *prefix, struct refs *refs, unsigned n)
{
	char *name = strchr(line, ' ');

	if (!name)
		return -EBADMSG;
	*name++ = '\0';
	for (unsigned i = 0; i < n; i++) {
		size_t skip = strlen(prefix[i]);

		if (!strncmp(name, prefix[i], skip) && name[skip] && git_is_sha(line))
			return refs_add(&refs[i], name + skip, strlen(name + skip), line);
	}
	return -EBADMSG;
}

static int take_lines(char *text, const char *const *prefix, struct refs *refs, unsigned n)
{
	int r = 0;

	for (char *line = text, *end; *line && !r; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		r = take_line(line, prefix, refs, n);
	}
	return r;
}

int refs_read_some(const struct mirror *mirror, const char *const *prefix, struct refs *ret,
		   unsigned n, struct problem *why)
{
	const char *args[PREFIXES_MAX + 4] = { "for-each-ref", "--format=%(objectname) %(refname)",
					       "--" };
	_cleanup_free_ char *text = NULL;
	int r;

	if (n > PREFIXES_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		args[3 + i] = prefix[i];
		ret[i] = (struct refs){ 0 };
	}
	r = mirror_git(mirror, &(struct git_run){ .args = args }, &text, why);
	if (r)
		return git_failed(r);
	r = take_lines(text, prefix, ret, n);
	for (unsigned i = 0; i < n; i++)
		r ? refs_clear(&ret[i]) : refs_sort(&ret[i]);
	return r ? problem(why, r, "%s: the list of %s is not what git writes", mirror->path,
			   prefix[0])
		 : 0;
}

int refs_read(const struct mirror *mirror, const char *prefix, struct refs *ret,
	      struct problem *why)
{
	return refs_read_some(mirror, &prefix, ret, 1, why);
}

/* --- changing ------------------------------------------------------------------------- */

int changes_add(struct ref_changes *changes, const char *prefix, const char *name, const char *old,
		const char *new)
{
	struct ref_change *change;

	if (changes->n == changes->room) {
		size_t room = changes->room ? changes->room * 2 : 64;
		struct ref_change *bigger = reallocarray(changes->item, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		changes->item = bigger;
		changes->room = room;
	}
	change = &changes->item[changes->n];
	*change = (struct ref_change){ 0 };
	if (asprintf(&change->name, "%s%s", prefix, name) < 0)
		return -ENOMEM;
	snprintf(change->old, sizeof(change->old), "%s", old ?: "");
	snprintf(change->new, sizeof(change->new), "%s", new ?: "");
	changes->n++;
	return 0;
}

void changes_clear(struct ref_changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		free(changes->item[i].name);
	free(changes->item);
	*changes = (struct ref_changes){ 0 };
}

/* One line of input; a name has no byte that would need quotes, which git's own rules see to. */
static void write_change(FILE *to, const struct ref_change *change)
{
	if (!*change->old)
		fprintf(to, "create %s %s\n", change->name, change->new);
	else if (!*change->new)
		fprintf(to, "delete %s %s\n", change->name, change->old);
	else
		fprintf(to, "update %s %s %s\n", change->name, change->new, change->old);
}

static int run_changes(const struct mirror *mirror, const struct ref_change *item, size_t n,
		       const char *note, struct problem *why)
{
	_cleanup_free_ char *input = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&input, &size);
	int r;

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		write_change(to, &item[i]);
	if (fclose(to))
		return -ENOMEM;
	r = mirror_git(
	    mirror,
	    &(struct git_run){ .args = GIT("update-ref", "--no-deref", "-m", note, "--stdin"),
			       .input = input,
			       .input_size = size,
			       .limit_ns = CHANGE_NS },
	    NULL, why);
	return r > 0 ? -EBUSY : r;
}

int refs_change(const struct mirror *mirror, const struct ref_changes *changes, const char *note,
		struct problem *why)
{
	return changes->n ? run_changes(mirror, changes->item, changes->n, note, why) : 0;
}

/* Halves, until those are alone that cannot be made: one among thousands costs a dozen runs. */
static int change_half(const struct mirror *mirror, struct ref_change *item, size_t n,
		       const char *note, struct problem *why)
{
	struct problem said = {};
	int r = n ? run_changes(mirror, item, n, note, &said) : 0;

	if (r == -EBUSY && n == 1) {
		item->failed = true;
		snprintf(item->why, sizeof(item->why), "%.*s", (int)sizeof(item->why) - 1,
			 said.text);
		return 0;
	}
	if (r == -EBUSY)
		return change_half(mirror, item, n / 2, note, why)
			   ?: change_half(mirror, item + n / 2, n - n / 2, note, why);
	return r ? problem(why, r, "%s", said.text) : 0;
}

int refs_change_each(const struct mirror *mirror, struct ref_changes *changes, const char *note,
		     struct problem *why)
{
	return change_half(mirror, changes->item, changes->n, note, why);
}
