// SPDX-License-Identifier: Apache-2.0
/* verb_doctor.c - terok-bpfd doctor: run every check, print what each found; 0, 1, 2: the worst */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "caller.h"
#include "doctor.h"
#include "verbs.h"

#define DETAIL_LEN 1024
#define CANNOT     2 /* what could not be looked at is not well */

/* In this order; a room of checks each. */
static const struct check *const tables[] = { doctor_names, NULL };

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail"
};
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == VERDICT_MAX_, "all verdicts");

static void say_json(struct doctor *doctor, enum verdict verdict, const char *fix,
		     const char *detail)
{
	struct json *json = &doctor->json;

	json_open_object(json, NULL);
	json_add_string(json, "check", doctor->check);
	if (doctor->guard) {
		json_add_uint(json, "guard", doctor->guard->id);
		json_add_string(json, "name", doctor->guard->info.name);
	} else {
		json_add_null(json, "guard");
		json_add_null(json, "name");
	}
	json_add_string(json, "verdict", verdicts[verdict]);
	json_add_string(json, "detail", detail);
	json_add_string(json, "fix", fix);
	json_close_object(json);
}

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *fix, const char *fmt, ...)
{
	char raw[DETAIL_LEN], detail[DETAIL_LEN], remedy[DETAIL_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	doctor->said++;
	if (verdict > doctor->worst)
		doctor->worst = verdict;
	if (doctor->as_json) {
		say_json(doctor, verdict, fix, raw);
		return;
	}
	printf("%-4s  %-9s  %s%s%s\n", verdicts[verdict], doctor->check,
	       doctor->guard ? doctor->guard->info.name : "", doctor->guard ? ": " : "",
	       log_safe(detail, sizeof(detail), raw));
	if (*fix)
		printf("                 fix: %s\n", log_safe(remedy, sizeof(remedy), fix));
}

static int check_guard(const struct guard *guard, void *user)
{
	struct doctor *doctor = user;

	doctor->guard = guard;
	for (unsigned i = 0; tables[i]; i++) {
		for (const struct check *check = tables[i]; check->name; check++) {
			doctor->check = check->name;
			if (check->guard)
				check->guard(doctor);
		}
	}
	doctor->guard = NULL;
	return 0;
}

static void check_host(struct doctor *doctor)
{
	for (unsigned i = 0; tables[i]; i++) {
		for (const struct check *check = tables[i]; check->name; check++) {
			doctor->check = check->name;
			if (check->host)
				check->host(doctor);
		}
	}
}

static int check_all(struct doctor *doctor, const char *one, struct problem *why)
{
	struct guard guard;
	int r = one ? guard_find(doctor->kernel, one, CALLER_ALL, &guard, why) : 0;

	if (r)
		return r;
	check_host(doctor);
	if (one)
		return check_guard(&guard, doctor);
	r = doctor->kernel ? guard_each(doctor->kernel, check_guard, doctor) : 0;
	return r ? problem(why, r, "go through the guards: %s", strerror(-r)) : 0;
}

int verb_doctor(int argc, char **argv)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct doctor doctor = {};
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &doctor.as_json },
		{},
	};
	struct problem why = {};
	int n = cli_parse(argc, argv, options, 0, 1), r;

	if (n < 0)
		return n;
	r = kernel_open(&kernel, &why);
	if (r && (r != -ENOENT || n))
		return verb_fail(r, &why), CANNOT;
	doctor.kernel = kernel;
	if (doctor.as_json) {
		json_open_object(&doctor.json, NULL);
		json_open_array(&doctor.json, "checks");
	}
	r = check_all(&doctor, n ? argv[1] : NULL, &why);
	if (!r && doctor.as_json) {
		json_close_array(&doctor.json);
		json_add_string(&doctor.json, "verdict", verdicts[doctor.worst]);
		json_close_object(&doctor.json);
		puts(json_done(&doctor.json) ?: "{}");
	}
	json_free(&doctor.json);
	return r ? verb_fail(r, &why), CANNOT : (int)doctor.worst;
}
