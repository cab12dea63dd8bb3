// SPDX-License-Identifier: Apache-2.0
/*
 * verb_doctor.c - terok-bpfd doctor: run every check, print what each found, mend what is safe
 *
 * Exit 0, 1, 2: the worst of ok, warn and fail as it is when doctor ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "doctor_hand.h"
#include "verbs.h"

#define CANNOT     2    /* what could not be looked at is not well */
#define LIST_MS    5000 /* somebody may hold policy.lock while they attach many */
#define TOTAL_NS   (120 * SECOND_NS)
#define FINDINGS   64 /* of one check; more are counted */
#define FIX_COLUMN "                 "

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail"
};
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == VERDICT_MAX_, "all verdicts");

struct target {
	uint32_t id;
	char name[TEROK_NAME_LEN];
};

/* One check's findings about one guard or the host. */
struct look {
	struct finding finding[FINDINGS];
	unsigned n, more;
	enum verdict worst;
	bool can; /* something of it can be mended */
};

struct visit {
	struct hand hand;
	struct hand_events events;
	struct json json;
	struct cli_list only;
	bool as_json, fix, yes;
	struct target *guard; /* the guards */
	size_t n, room;
	enum verdict worst;
	uint64_t began_ns, told_ns;
	struct look look;
	/* what is looked at now */
	const struct check *check;
	const struct target *target; /* NULL: the host */
	bool fixed, progress;
	unsigned printed;
};

/* --- what was found -------------------------------------------------------------------------- */

static void progress_clear(struct visit *visit)
{
	if (visit->progress)
		fputs("\r\033[K", stderr);
	visit->progress = false;
}

/* On a terminal, when it takes longer than a second: what is waited for. */
static void progress(struct visit *visit)
{
	char name[TEROK_NAME_LEN];
	uint64_t now = now_boot_ns();

	if (now - visit->began_ns < SECOND_NS || now - visit->told_ns < SECOND_NS / 4 ||
	    !isatty(STDERR_FILENO))
		return;
	visit->told_ns = now;
	progress_clear(visit);
	fprintf(stderr, "looking: %s %s", visit->check->name,
		visit->target ? log_safe(name, sizeof(name), visit->target->name) : "");
	visit->progress = true;
}

static void print_json(struct visit *visit, const struct finding *finding)
{
	struct json *json = &visit->json;

	json_open_object(json, NULL);
	json_add_string(json, "check", visit->check->name);
	if (visit->target) {
		json_add_uint(json, "guard", visit->target->id);
		json_add_string(json, "name", visit->target->name);
	} else {
		json_add_null(json, "guard");
		json_add_null(json, "name");
	}
	json_add_string(json, "verdict", verdicts[finding->verdict]);
	json_add_string(json, "detail", finding->detail);
	json_add_string(json, "fix", finding->fix);
	json_add_bool(json, "fixable", *finding->change);
	json_add_bool(json, "fixed", visit->fixed);
	json_close_object(json);
	printf("%s%s", visit->printed++ ? "," : "", json_done(json) ?: "null");
	json_reset(json);
}

static void print_text(const struct visit *visit, const struct finding *finding)
{
	char text[DOCTOR_TEXT], name[TEROK_NAME_LEN];

	printf("%-4s  %-9s  %s%s%s%s\n", verdicts[finding->verdict], visit->check->name,
	       visit->target ? log_safe(name, sizeof(name), visit->target->name) : "",
	       visit->target ? ": " : "", log_safe(text, sizeof(text), finding->detail),
	       visit->fixed ? " (mended)" : "");
	if (*finding->fix)
		printf(FIX_COLUMN "fix: %s\n", log_safe(text, sizeof(text), finding->fix));
	if (*finding->change && !visit->fix)
		printf(FIX_COLUMN "doctor --fix: %s\n",
		       log_safe(text, sizeof(text), finding->change));
}

static void print(struct visit *visit, const struct finding *finding)
{
	progress_clear(visit);
	if (finding->verdict > visit->worst)
		visit->worst = finding->verdict;
	if (visit->as_json)
		print_json(visit, finding);
	else
		print_text(visit, finding);
}

static void print_look(struct visit *visit)
{
	struct finding more = { .verdict = visit->look.worst };

	for (unsigned i = 0; i < visit->look.n; i++)
		print(visit, &visit->look.finding[i]);
	snprintf(more.detail, sizeof(more.detail), "and %u findings more", visit->look.more);
	if (visit->look.more)
		print(visit, &more);
	if (!visit->as_json)
		fflush(stdout);
}

static void on_finding(const struct finding *finding, void *user)
{
	struct look *look = &((struct visit *)user)->look;

	if (finding->verdict > look->worst && finding->verdict < VERDICT_MAX_)
		look->worst = finding->verdict;
	look->can = look->can || *finding->change;
	if (look->n < FINDINGS)
		look->finding[look->n++] = *finding;
	else
		look->more++;
}

static void on_waiting(void *user)
{
	struct visit *visit = user;

	if (visit->check)
		progress(visit);
}

static void on_guard(uint32_t id, const char *name, void *user)
{
	struct visit *visit = user;
	struct target *grown;

	if (visit->n == visit->room) {
		grown = realloc(visit->guard, (visit->room + 64) * sizeof(*grown));
		if (!grown)
			return;
		visit->guard = grown;
		visit->room += 64;
	}
	visit->guard[visit->n].id = id;
	snprintf(visit->guard[visit->n++].name, TEROK_NAME_LEN, "%s", name);
}

/* --- looking and mending --------------------------------------------------------------------- */

static int order(struct visit *visit, enum hand_what what, unsigned number, struct problem *why)
{
	const struct hand_order order = { .what = what,
					  .check = number,
					  .guard = visit->target ? visit->target->id : 0 };

	return hand_do(&visit->hand, &order, &visit->events,
		       1000 * (visit->check->limit_s ?: DOCTOR_LIMIT_S), why);
}

static void look(struct visit *visit, unsigned number)
{
	struct finding cannot = { .verdict = VERDICT_WARN };
	struct problem why = {};

	visit->look.n = visit->look.more = 0;
	visit->look.worst = VERDICT_OK;
	visit->look.can = false;
	if (!order(visit, HAND_LOOK, number, &why))
		return;
	snprintf(cannot.detail, sizeof(cannot.detail), "cannot tell: %s", why.text);
	on_finding(&cannot, visit);
}

/* Somebody has to agree, on a terminal or by --yes. */
static bool agreed(struct visit *visit)
{
	char answer[16];

	if (visit->yes || !visit->check->asks)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		fprintf(stderr, "terok-bpfd: not done, nobody is there to agree: --yes does\n");
		return false;
	}
	fprintf(stderr, "terok-bpfd: shall it be done? [y/N] ");
	return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

static bool mend(struct visit *visit, unsigned number)
{
	char change[256], name[TEROK_NAME_LEN];
	struct problem why = {};

	progress_clear(visit);
	for (unsigned i = 0; i < visit->look.n; i++)
		if (*visit->look.finding[i].change)
			fprintf(stderr, "terok-bpfd: %s%s%s\n",
				visit->target ? log_safe(name, sizeof(name), visit->target->name)
					      : "",
				visit->target ? ": " : "",
				log_safe(change, sizeof(change), visit->look.finding[i].change));
	if (!agreed(visit))
		return false;
	if (!order(visit, HAND_MEND, number, &why))
		return true;
	log_error(0, "%s: %s", visit->check->name, why.text);
	return false;
}

/* Mended things are looked at again, and only that is said. */
static void mend_and_look(struct visit *visit, unsigned number)
{
	struct finding gone = { .verdict = VERDICT_OK };

	if (!mend(visit, number))
		return;
	snprintf(gone.detail, sizeof(gone.detail), "%s", visit->look.finding[0].change);
	look(visit, number);
	visit->fixed = !visit->look.can && visit->look.worst == VERDICT_OK;
	if (!visit->look.n) /* nothing is left to say something about */
		on_finding(&gone, visit);
}

static void check_one(struct visit *visit, const struct target *target, unsigned number)
{
	visit->target = target;
	visit->fixed = false;
	progress(visit);
	look(visit, number);
	if (visit->fix && visit->look.can && visit->check->mend)
		mend_and_look(visit, number);
	print_look(visit);
}

static bool late(struct visit *visit, const struct target *target)
{
	static const struct check total = { .name = "time" };
	struct finding finding = { .verdict = VERDICT_WARN };

	if (now_boot_ns() - visit->began_ns < TOTAL_NS)
		return false;
	visit->check = &total;
	visit->target = target;
	snprintf(finding.detail, sizeof(finding.detail),
		 "what follows was not looked at: it took %d s already",
		 (int)(TOTAL_NS / SECOND_NS));
	snprintf(finding.fix, sizeof(finding.fix), "terok-bpfd doctor GUARD, or --only CHECK");
	print(visit, &finding);
	return true;
}

static bool is_wanted(const struct visit *visit, const char *check, const char *table)
{
	for (unsigned i = 0; i < visit->only.n; i++)
		if (!strcmp(visit->only.item[i], check) || !strcmp(visit->only.item[i], table))
			return true;
	return !visit->only.n;
}

static void check_each(struct visit *visit, const struct target *target)
{
	const char *table;

	for (unsigned i = 0; (visit->check = doctor_check(i, &table)); i++) {
		if (!is_wanted(visit, visit->check->name, table) ||
		    !(target ? visit->check->guard : visit->check->host))
			continue;
		if (late(visit, target))
			return;
		check_one(visit, target, i);
	}
}

/* --- the verb --------------------------------------------------------------------------------- */

static int only_check(const struct cli_list *only)
{
	for (unsigned i = 0; i < only->n; i++) {
		const struct check *check;
		const char *table;
		bool known = false;

		for (unsigned n = 0; !known && (check = doctor_check(n, &table)); n++)
			known = !strcmp(only->item[i], check->name) ||
				!strcmp(only->item[i], table);
		if (!known)
			return log_error(0, "doctor has no check '%s'; terok-bpfd(8) lists them",
					 only->item[i]),
			       -EINVAL;
	}
	return 0;
}

/* The guards, by the first hand; if that takes too long the others do without the kernel's part. */
static int list(struct visit *visit, const char *one, struct problem *why)
{
	struct hand_order all = { .what = HAND_LIST };
	int r;

	if (one && strlen(one) >= sizeof(all.text))
		return problem(why, -ENOENT, "no guard is called so");
	snprintf(all.text, sizeof(all.text), "%s", one ? one : "");
	r = hand_do(&visit->hand, &all, &visit->events, LIST_MS, why);
	if (r != -ETIMEDOUT)
		return r;
	visit->hand.blind = true;
	return one ? problem(why, r, "somebody holds %s/policy.lock; lslocks says who",
			     kernel_run_dir())
		   : 0;
}

static int visit_all(struct visit *visit, const char *one, struct problem *why)
{
	int r = list(visit, one, why);

	if (r)
		return r;
	if (visit->as_json)
		printf("{\"checks\":[");
	check_each(visit, NULL);
	for (size_t i = 0; i < visit->n && now_boot_ns() - visit->began_ns < TOTAL_NS; i++)
		check_each(visit, &visit->guard[i]);
	progress_clear(visit);
	if (visit->as_json)
		printf("],\"verdict\":\"%s\"}\n", verdicts[visit->worst]);
	return 0;
}

static int visit_run(struct visit *visit, const char *one)
{
	struct problem why = {};
	int r;

	if (geteuid())
		return verb_fail(
			   -EPERM,
			   (problem(&why, 0, "doctor asks the kernel: run it as root"), &why)),
		       CANNOT;
	visit->hand = HAND_NONE;
	visit->events = (struct hand_events){ on_finding, on_guard, on_waiting, visit };
	visit->began_ns = now_boot_ns();
	r = visit_all(visit, one, &why);
	hand_end(&visit->hand);
	json_free(&visit->json);
	free(visit->guard);
	return r ? verb_fail(r, &why), CANNOT : (int)visit->worst;
}

int verb_doctor(int argc, char **argv)
{
	static struct visit visit; /* what a check has found may be long */
	const struct cli_option options[] = {
		{ "fix", NULL, "mend what is safe to; says each change before", CLI_FLAG,
		  &visit.fix },
		{ "yes", NULL, "do not ask before what somebody may notice", CLI_FLAG, &visit.yes },
		{ "only", "CHECK", "this check, or group of checks; may be repeated", CLI_LIST,
		  &visit.only },
		{ "json", NULL, "one JSON object", CLI_FLAG, &visit.as_json },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, 1), r = n < 0 ? n : only_check(&visit.only);

	return r ? r : visit_run(&visit, n ? argv[1] : NULL);
}
