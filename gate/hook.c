// SPDX-License-Identifier: Apache-2.0
#include "hook.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "base/log.h"
#include "backup.h"

#define YOUNG_S 86400 /* seconds: a backup that was made within them serves again */

void hook_refuse(struct hook *hook, enum refusal about, const struct update *update,
		 const char *fmt, ...)
{
	struct refused *refused;
	va_list ap;

	if (hook->n_refused++ >= HOOK_REFUSALS)
		return;
	refused = &hook->refused[hook->n_refused - 1];
	*refused = (struct refused){ .about = about };
	if (update)
		log_safe(refused->ref, sizeof(refused->ref), update->ref);
	va_start(ap, fmt);
	vsnprintf(refused->why.text, sizeof(refused->why.text), fmt, ap);
	va_end(ap);
}

bool hook_may_ask(const struct hook *hook)
{
	if (hook->n_refused >= HOOK_REFUSALS) /* there may be more than were looked for */
		return false;
	for (unsigned i = 0; i < hook->n_refused; i++)
		if (hook->refused[i].about == REFUSED_ALWAYS)
			return false;
	return true;
}

int hook_failed(int r, const char *what, struct problem *why)
{
	struct problem wrong = *why;

	if (r == -ETIMEDOUT)
		return problem(
		    why, r,
		    "there is more in it than could be looked at in time; push it in parts, or "
		    "raise check_seconds in the project's policy");
	if (r == -E2BIG)
		return problem(why, r,
			       "there is more in it than is looked at at once; push it in parts");
	return problem(why, git_failed(r), "%s: %.180s", what, wrong.text);
}

int hook_git(const struct hook *hook, const struct git_run *run, bool known, char **ret,
	     struct problem *why)
{
	struct git_run whole = *run;
	uint64_t now = now_boot_ns();

	why->text[0] = '\0';
	if (now >= hook->until_ns)
		return -ETIMEDOUT;
	whole.dir = hook->dir;
	whole.home = hook->home;
	whole.env = known ? NULL : &hook->quarantine;
	whole.limit_ns = hook->until_ns - now;
	return git_run(&whole, ret, NULL, why);
}

int hook_step(const struct hook *hook, struct update *update, struct problem *why)
{
	int r;

	if (update->kind != UPDATE_MOVE || !update_branch(update)) /* a tag need not be a commit */
		return 0;
	r = hook_git(hook,
		     &(struct git_run){
			 .args = GIT("merge-base", "--is-ancestor", update->old, update->new) },
		     false, NULL, why);
	if (r && r != 1)
		return hook_failed(r, "compare with what was there", why);
	update->forced = r == 1;
	return 0;
}

bool hook_displaces(const struct update *update)
{
	return (update->kind == UPDATE_DELETE && !git_is_zero(update->old)) ||
	       (update->kind == UPDATE_MOVE && (update->forced || !update_branch(update)));
}

/* Backups end some day: one that is old is not enough for what is displaced now. */
static bool serves(const char *ref)
{
	struct backup backup = {};

	return backup_parse(ref, &backup) || time(NULL) - backup.saved_at < YOUNG_S;
}

/* The ref below @prefix that holds this tip already; NULL: there is none. */
static int find_kept(const struct hook *hook, const char *prefix, const char *tip, char **ret,
		     struct problem *why)
{
	_cleanup_free_ char *points = NULL, *output = NULL;
	size_t n = strlen(tip);
	int r;

	if (asprintf(&points, "--points-at=%s", tip) < 0)
		return points = NULL, -ENOMEM;
	r = hook_git(
	    hook,
	    &(struct git_run){
		.args = GIT("for-each-ref", "--format=%(objectname) %(refname)", points, prefix) },
	    true, &output, why);
	if (r)
		return hook_failed(r, "look for backups", why);
	for (char *line = output; *line; line += strcspn(line, "\n") + 1) {
		size_t size = strcspn(line, "\n");

		if (size > n + 1 && !strncmp(line, tip, n) && line[n] == ' ') {
			char *ref = strndup(line + n + 1, size - n - 1);

			if (!ref || serves(ref)) {
				*ret = ref;
				return ref ? 0 : problem(why, -ENOMEM, "no memory for a backup");
			}
			free(ref);
		}
		if (!line[size])
			break;
	}
	return 0;
}

int hook_keep(const struct hook *hook, const struct update *update, char **ret, struct problem *why)
{
	_cleanup_free_ char *ref = NULL;
	char name[BACKUP_REF_MAX];
	int r = backup_folder(name, update->ref);

	if (r)
		return problem(why, r, "a backup could not have its name");
	r = find_kept(hook, name, update->old, &ref, why);
	if (r)
		return r;
	if (!ref) {
		backup_ref(name, update->ref, update->old, time(NULL));
		ref = strdup(name);
		if (!ref)
			return problem(why, -ENOMEM, "no memory for a backup");
		r = hook_git(hook,
			     &(struct git_run){ .args = GIT("update-ref", "--no-deref", "-m",
							    "gate: displaced by a push", ref,
							    update->old, "") },
			     true, NULL, why);
	}
	if (r)
		return hook_failed(r, "keep what it displaces", why);
	*ret = TAKE_PTR(ref);
	return 0;
}
