// SPDX-License-Identifier: Apache-2.0
/*
 * test_escape.c - every way around the guard that is known, and zero bytes arrive
 *
 * Each vector is tried for each IP version, as root and as an ordinary user, with and
 * without a guard. Without, its packet must arrive on the far side of the veth, or the
 * test proves nothing; with, nothing at all may. All guarded attempts come first, so that
 * nothing that an unguarded one left behind can be taken for an escape.
 *
 * With ESCAPE_TABLE set, the table is written to the file of that name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "handed.h"
#include "stage.h"

#define CASES_MAX 1024

struct attempt {
	const struct vector *vector;
	int family;
	enum who who;
	char name[96];
	struct outcome with, without, bound;
};

/* The linker makes the table: see VECTOR(). */
extern const struct vector *const __start_escape_vectors[], *const __stop_escape_vectors[];

static struct attempt attempts[CASES_MAX];
static size_t n_attempts;
static struct stage stage;

static int vector_compare(const void *a, const void *b)
{
	const struct attempt *x = a, *y = b;
	int r = strcmp(x->vector->name, y->vector->name);

	if (r)
		return r;
	return x->family != y->family ? x->family - y->family : (int)x->who - (int)y->who;
}

static void attempts_add(const struct vector *vector, int family, enum who who)
{
	struct attempt *attempt = &attempts[n_attempts++];

	assert_true(n_attempts <= CASES_MAX);
	attempt->vector = vector;
	attempt->family = family;
	attempt->who = who;
	snprintf(attempt->name, sizeof(attempt->name), "%s/%s/%s", vector->name,
		 family == AF_INET ? "ipv4" : "ipv6", who == WHO_ROOT ? "root" : "user");
}

static void attempts_list(const char *only)
{
	for (const struct vector *const *v = __start_escape_vectors; v < __stop_escape_vectors;
	     v++) {
		if (only && !strstr((*v)->name, only))
			continue;
		for (int who = WHO_ROOT; who <= WHO_USER; who++) {
			if ((*v)->families & V4)
				attempts_add(*v, AF_INET, who);
			if ((*v)->families & V6)
				attempts_add(*v, AF_INET6, who);
		}
	}
	qsort(attempts, n_attempts, sizeof(attempts[0]), vector_compare);
}

static void guarded_all(struct test_world *world, bool joins)
{
	for (size_t i = 0; i < n_attempts; i++) {
		struct attempt *a = &attempts[i];

		if (a->vector->joins != joins)
			continue;
		a->with = stage_try(&stage, a->vector, a->family, a->who, true);
		if (a->vector->unseen && a->who == WHO_ROOT)
			a->bound = stage_try(&stage, a->vector, a->family, WHO_BOUND, true);
		test_records(world);
	}
}

static int setup(void **state)
{
	struct test_world *world = test_world_new();

	(void)state; /* the tests' own, below: cmocka hands a group's to all of them */
	test_load(world);
	stage_open(&stage, world);
	/* a report of a membership is repeated later: nobody comes after those */
	guarded_all(world, false);
	guarded_all(world, true);
	for (size_t i = 0; i < n_attempts; i++) {
		struct attempt *a = &attempts[i];

		a->without = stage_try(&stage, a->vector, a->family, a->who, false);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stage_close(&stage);
	test_world_free(stage.world);
	return 0;
}

static const char *const needs_text[] = { "nothing", "CAP_NET_RAW", "CAP_NET_ADMIN",
					  "a writable cgroup file system" };

static bool is_unsupported(int error)
{
	return error == EAFNOSUPPORT || error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT ||
	       error == ENOPROTOOPT || error == EOPNOTSUPP || error == ENOSYS;
}

static bool is_refusal(int error)
{
	return error == EPERM || error == EACCES || error == EROFS;
}

static const char *error_text(const struct outcome *outcome)
{
	if (outcome->error == STAGE_DIED)
		return "it was killed";
	return outcome->error ? strerrorname_np(outcome->error) : "no error";
}

/*
 * Did the attempt without a guard get through? A socket that was connected before says its
 * farewell whatever became of the attempt: there it takes the marker, and no error.
 */
static bool is_proof(const struct attempt *a)
{
	if (!a->vector->before)
		return a->without.seen.reached;
	return !a->without.error &&
	       (a->vector->bare ? a->without.seen.reached : a->without.seen.marked);
}

static void skip_because(const char *why)
{
	printf("%s\n", why);
	fflush(stdout);
	skip();
}

/* Nothing arrived without a guard: for what reason? */
static void judge_control(const struct attempt *a)
{
	if (is_unsupported(a->without.error))
		skip_because(strerror(a->without.error));
	if (a->vector->needs && a->who == WHO_USER && is_refusal(a->without.error))
		return; /* the kernel itself refuses */
	fail_msg("nothing arrives without the guard either (%s): this proves nothing",
		 error_text(&a->without));
}

static void assert_silence(const struct outcome *outcome)
{
	if (outcome->error == STAGE_DIED)
		fail_msg("the attempt was killed: it hangs?");
	if (outcome->seen.frames)
		fail_msg("ESCAPE: %u frames (%u with the target or the marker), %s; the first: %s",
			 outcome->seen.frames, outcome->seen.reached, error_text(outcome),
			 outcome->seen.first);
}

/* Loopback: the calls go through with a guard as without one, and nothing is on the wire. */
static void judge_stays(const struct attempt *a)
{
	assert_silence(&a->with);
	assert_silence(&a->without);
	if (a->without.error || a->with.error)
		fail_msg("without the guard: %s, with: %s", error_text(&a->without),
			 error_text(&a->with));
}

static void judge(void **state)
{
	const struct attempt *a = *state;

	if (a->vector->stays) {
		judge_stays(a);
		return;
	}
	if (a->without.error == STAGE_CANNOT)
		skip_because(a->without.why);
	if (!is_proof(a))
		judge_control(a);
	if (a->vector->known && a->with.seen.frames)
		skip_because(a->vector->known);
	if (a->vector->unseen && a->who == WHO_ROOT) {
		assert_silence(&a->bound);
		if (!is_refusal(a->bound.error))
			fail_msg("without %s it should be refused: %s",
				 needs_text[a->vector->needs], error_text(&a->bound));
		return;
	}
	assert_silence(&a->with);
	if (is_proof(a) && !a->with.refused)
		fail_msg("nothing arrived, and no counter says that it was refused (%s)",
			 error_text(&a->with));
}

static const char *cell(const struct attempt *a, const struct outcome *outcome, char *text,
			size_t size)
{
	if (outcome->seen.frames)
		snprintf(text, size, "arrives");
	else if (!is_proof(a) && a->vector->needs && a->who == WHO_USER)
		snprintf(text, size, "no: needs %s", needs_text[a->vector->needs]);
	else if (a->vector->stays && !outcome->error)
		snprintf(text, size, "loopback only");
	else if (!outcome->error)
		snprintf(text, size, "nothing (dropped)");
	else
		snprintf(text, size, "nothing (%s)", error_text(outcome));
	return text;
}

/* The last two columns of a line. */
static void columns(const struct attempt *a, char *text, size_t size)
{
	char with[128], without[128];

	if (a->without.error == STAGE_CANNOT) {
		snprintf(text, size, "not here: %s | – |", a->without.why);
	} else if (is_unsupported(a->without.error)) {
		snprintf(text, size, "not here: %s | – |", strerror(a->without.error));
	} else if (a->vector->unseen && a->who == WHO_ROOT) {
		snprintf(text, size, "%s | no hook sees it; without %s: %s |",
			 cell(a, &a->without, without, sizeof(without)),
			 needs_text[a->vector->needs], cell(a, &a->bound, with, sizeof(with)));
	} else {
		cell(a, &a->with, with, sizeof(with));
		snprintf(text, size, a->with.seen.frames ? "%s | **%s** %s |" : "%s | %s%s |",
			 cell(a, &a->without, without, sizeof(without)), with,
			 a->vector->known && a->with.seen.frames ? a->vector->known : "");
	}
}

static const char *label(const struct attempt *a)
{
	return strchr(a->name, '/') + 1;
}

/* One line for all attempts of a vector that went the same way. */
static void table_vector(FILE *to, const struct attempt *from, size_t n)
{
	char mine[512], other[512];
	bool done[8] = {};

	for (size_t i = 0; i < n; i++) {
		const char *comma = "";

		if (done[i])
			continue;
		columns(&from[i], mine, sizeof(mine));
		fprintf(to, "| `%s` | %s | ", from->vector->name, from->vector->what);
		for (size_t k = i; k < n; k++) {
			columns(&from[k], other, sizeof(other));
			if (strcmp(mine, other))
				continue;
			done[k] = true;
			fprintf(to, "%s%s", comma, label(&from[k]));
			comma = ", ";
		}
		fprintf(to, " | %s\n", mine);
	}
}

static int table_write(const char *path)
{
	FILE *to = fopen(path, "we");
	struct utsname name;

	if (!to || uname(&name))
		return -1;
	fprintf(
	    to,
	    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
	    "<!-- made by `make escape-table`; do not edit -->\n"
	    "# Ways around the guard\n\n"
	    "What arrived on the far side of a veth, by a capture there; Linux %.*s, %s. With\n"
	    "the guard in state up, no rule for the target; for `no hook sees it` the container\n"
	    "start withholds what is named (tests/podman/test_hook.sh), and that was tried, too.\n\n"
	    "| vector | what it tries | IP, as whom | without the guard | with the guard |\n"
	    "|---|---|---|---|---|\n",
	    (int)strspn(name.release, "0123456789."), name.release, name.machine);
	for (size_t i = 0, n; i < n_attempts; i += n) {
		for (n = 1; i + n < n_attempts && attempts[i + n].vector == attempts[i].vector;)
			n++;
		table_vector(to, &attempts[i], n);
	}
	return fclose(to);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES_MAX];
	const char *table = getenv("ESCAPE_TABLE");
	int failed;

	if (argc > 1 && !strcmp(argv[1], HANDED_ARG))
		return handed_main(argc, argv);
	test_require("kernel/escape");
	attempts_list(argc > 1 ? argv[1] : NULL);
	for (size_t i = 0; i < n_attempts; i++)
		tests[i] = (struct CMUnitTest){ .name = attempts[i].name,
						.test_func = judge,
						.initial_state = &attempts[i] };
	failed = _cmocka_run_group_tests("kernel/escape", tests, n_attempts, setup, teardown);
	if (table && table_write(table)) {
		fprintf(stderr, "%s: %s\n", table, strerror(errno));
		return 1;
	}
	return failed;
}
