// SPDX-License-Identifier: Apache-2.0
/* test_ancestry.c - gate/ancestry.c: of a history made by chance, never a wrong word, and all if all is listed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gate/ancestry.h"

#define COMMITS 90

static char folder[64], base[80];
static char sha[COMMITS][GIT_SHA_MAX + 1];
static bool before[COMMITS][COMMITS]; /* [a][b]: a is in the history of b */
static struct mirror *mirror;

static void run(const char *fmt, ...)
{
	char *command;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	assert_int_equal(system(command), 0);
	free(command);
}

static void before_from(unsigned parent, unsigned commit)
{
	for (unsigned i = 0; i < COMMITS; i++)
		before[i][commit] |= before[i][parent];
}

/* Roots, lines, merges, and clocks that go backwards; what is so is known by how it was made. */
static void write_history(FILE *to)
{
	srandom(7);
	for (unsigned i = 0; i < COMMITS; i++) {
		unsigned a = i ? random() % i : 0, b = i ? random() % i : 0;
		bool root = !i || !(random() % 30), merge = !root && a != b && !(random() % 3);

		if (!root && random() % 2)
			a = i - 1;
		fprintf(to,
			"reset refs/heads/b%u\ncommit refs/heads/b%u\nmark :%u\ncommitter a "
			"<a@b.c> %ld +0000\ndata %d\n%u\n",
			i, i, i + 1, 1700000000 + i * 10 - random() % 200, i > 9 ? 2 : 1, i);
		before[i][i] = true;
		if (!root) {
			fprintf(to, "from :%u\n", a + 1);
			before_from(a, i);
		}
		if (merge && a != b) {
			fprintf(to, "merge :%u\n", b + 1);
			before_from(b, i);
		}
		fputc('\n', to);
	}
}

static int setup(void **state)
{
	char command[300], line[200];
	unsigned n;
	FILE *to;

	(void)state;
	strcpy(folder, "/tmp/terok-ancestry-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(base, sizeof(base), "%s/base", folder);
	run("git init -q --bare %s/p.git", base);
	snprintf(command, sizeof(command), "git -C %s/p.git fast-import --quiet", base);
	to = popen(command, "we");
	assert_non_null(to);
	write_history(to);
	assert_int_equal(pclose(to), 0);
	snprintf(command, sizeof(command),
		 "git -C %s/p.git for-each-ref --format='%%(refname) %%(objectname)'", base);
	to = popen(command, "re");
	while (fgets(line, sizeof(line), to)) {
		assert_int_equal(sscanf(line, "refs/heads/b%u", &n), 1);
		assert_int_equal(sscanf(line, "%*s %64s", sha[n]), 1);
	}
	assert_int_equal(pclose(to), 0);
	return mirror_open(base, "p", &mirror, NULL);
}

static int teardown(void **state)
{
	(void)state;
	mirror_free(mirror);
	run("rm -rf %s", folder);
	return 0;
}

/* How many of all pairs are known, and each as it is. */
static unsigned known(struct ancestry *ancestry)
{
	unsigned n = 0;

	for (unsigned a = 0; a < COMMITS; a++)
		for (unsigned b = 0; b < COMMITS; b++) {
			int r = ancestry_is(ancestry, sha[a], sha[b]);

			if (r == -EAGAIN)
				continue;
			if (r != before[a][b])
				fail_msg("%u in %u: %d, not %d", a, b, r, before[a][b]);
			n++;
		}
	return n;
}

static void a_word_that_is_known_is_never_wrong(void **state)
{
	unsigned last = 0;

	(void)state;
	for (size_t most = 1; most <= COMMITS; most += 8) {
		_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
		unsigned n;

		for (unsigned i = 0; i < COMMITS; i++)
			assert_int_equal(ancestry_tip(ancestry, sha[i]), 0);
		assert_int_equal(ancestry_list(ancestry, mirror, most, NULL), 0);
		n = known(ancestry);
		assert_true(n >= last && n >= COMMITS); /* each is in its own */
		last = n;
	}
}

static void all_is_known_when_all_is_listed(void **state)
{
	_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();

	(void)state;
	assert_int_equal(known(ancestry), COMMITS);
	for (unsigned i = 0; i < COMMITS; i++)
		assert_int_equal(ancestry_tip(ancestry, sha[i]), 0);
	assert_int_equal(ancestry_list(ancestry, mirror, 100000, NULL), 0);
	assert_int_equal(known(ancestry), COMMITS * COMMITS);
}

static void lists_are_added_up(void **state)
{
	_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
	unsigned last = known(ancestry), n;

	(void)state;
	for (unsigned i = 0; i < COMMITS; i++) {
		assert_int_equal(ancestry_tip(ancestry, sha[i]), 0);
		assert_int_equal(ancestry_list(ancestry, mirror, 1, NULL), 0);
		n = known(ancestry);
		assert_true(n >= last);
		last = n;
	}
	assert_int_equal(last, COMMITS * COMMITS);
}

static void what_git_cannot_list_is_no_answer(void **state)
{
	_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
	struct problem why = {};

	(void)state;
	assert_int_equal(ancestry_tip(ancestry, "0123456789012345678901234567890123456789"), 0);
	assert_int_equal(ancestry_tip(ancestry, sha[3]), 0);
	assert_true(ancestry_list(ancestry, mirror, 100, &why) < 0);
	assert_true(*why.text);
	assert_int_equal(known(ancestry), COMMITS);
}

static void commits_that_no_upstream_has_are_counted(void **state)
{
	(void)state;
	for (unsigned up = 0; up < COMMITS; up += 7)
		for (unsigned a = 3; a + 5 < COMMITS; a += 11) {
			_cleanup_ancestry_ struct ancestry *ancestry = ancestry_new();
			unsigned n = 0, b = a + 5;

			run("git -C %s/p.git update-ref refs/terok/upstream/x %s", base, sha[up]);
			assert_int_equal(ancestry_tip(ancestry, sha[b]), 0);
			assert_int_equal(ancestry_tip(ancestry, sha[a]), 0);
			assert_int_equal(
			    ancestry_list_new(ancestry, mirror, "refs/terok/upstream/*", NULL), 0);
			for (unsigned i = 0; i < COMMITS; i++)
				n += before[i][b] && !before[i][a] && !before[i][up];
			assert_int_equal(ancestry_count(ancestry, sha[b], sha[a]), n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_that_is_known_is_never_wrong),
		cmocka_unit_test(all_is_known_when_all_is_listed),
		cmocka_unit_test(lists_are_added_up),
		cmocka_unit_test(what_git_cannot_list_is_no_answer),
		cmocka_unit_test(commits_that_no_upstream_has_are_counted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
