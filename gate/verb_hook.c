// SPDX-License-Identifier: Apache-2.0
/*
 * verb_hook.c - terok-gate hook pre-receive | post-receive: git asks, and tells the pusher what we print
 *
 * git starts it with the repository as its folder, refs on standard input, and what the gate said
 * of the token in the environment. Whatever fails before the push is a refusal; after it nothing
 * is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/dir.h"
#include "base/event.h"
#include "base/log.h"
#include "hook.h"
#include "service/ask.h"
#include "terok/push.h"
#include "verbs.h"

#define INPUT_MAX (UPDATES_MAX * (2 * (GIT_SHA_MAX + 1) + UPDATE_REF_MAX))
#define AFTER_NS  (60 * GIT_SECOND) /* for what is done when a push has been taken */
#define MARKER    "terok-push-marker"
#define SAY(...)  (fprintf(stderr, "gate: " __VA_ARGS__), fputc('\n', stderr))

/* --- what git and the gate say -------------------------------------------------------- */

static int read_input(char **ret, size_t *size, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0, room = 0;

	for (;;) {
		ssize_t got;

		if (n == room) {
			char *more;

			room = room ? 2 * room : 65536;
			more = room <= 2 * (size_t)INPUT_MAX ? realloc(text, room) : NULL;
			if (!more)
				return problem(why, -E2BIG, "too many refs at once");
			text = more;
		}
		got = read(0, text + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return problem(why, -errno, "read from git: %s", strerror(errno));
		if (!got)
			break;
		n += got;
	}
	*size = n;
	*ret = TAKE_PTR(text);
	return 0;
}

/* The repository that we stand in is the one that the gate spoke of. */
static int find_dir(const struct push_note *note, char dir[PATH_MAX], struct problem *why)
{
	_cleanup_free_ char *path = NULL, *meant = NULL;
	int r = place_repository(note->base, note->project, &path, why);

	if (r)
		return r;
	meant = realpath(path, NULL);
	if (!meant || !realpath(".", dir) || strcmp(meant, dir))
		return problem(why, -EINVAL, "the hook was not started in %s.git", note->project);
	return 0;
}

static int take_quarantine(struct git_env *env, struct problem *why)
{
	static const char *const names[] = { "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY",
					     "GIT_ALTERNATE_OBJECT_DIRECTORIES" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value && git_env_add(env, "%s=%s", names[i], value))
			return problem(why, -ENOMEM, "no memory for a push");
	}
	return git_env_add(env, "GIT_NO_REPLACE_OBJECTS=1") ? problem(why, -ENOMEM, "no memory")
							    : 0;
}

static int begin(struct hook *hook, char dir[PATH_MAX], char **input, size_t *size, char **home,
		 struct problem *why)
{
	int r = push_note_read(getenv(PUSH_NOTE), &hook->note, why);

	r = r ?: find_dir(&hook->note, dir, why);
	r = r ?: policy_read(hook->note.base, hook->note.project, &hook->policy, why);
	r = r ?: read_input(input, size, why);
	r = r ?: updates_parse(*input, *size, &hook->updates, why);
	r = r ?: git_home(hook->note.base, home, why);
	r = r ?: take_quarantine(&hook->quarantine, why);
	if (r)
		return r;
	hook->dir = dir;
	hook->home = *home;
	hook->workflows = hook->note.token->workflows;
	return 0;
}

static void hook_done(struct hook *hook)
{
	git_env_clear(&hook->quarantine);
	updates_done(&hook->updates);
	policy_done(&hook->policy);
	push_note_done(&hook->note);
}

/* --- before --------------------------------------------------------------------------- */

static void judge_names(struct hook *hook)
{
	struct problem why;

	if (hook->updates.n > hook->policy.max_refs) {
		hook_refuse(
		    hook, REFUSED_ALWAYS, NULL,
		    "%zu refs at once: the project's policy (max_refs) allows %llu; push them in "
		    "parts",
		    hook->updates.n, (unsigned long long)hook->policy.max_refs);
		return;
	}
	for (size_t i = 0; i < hook->updates.n; i++) {
		struct update *update = &hook->updates.item[i];
		enum refusal about = update_judge(update, hook->note.token, &hook->policy, &why);

		if (about)
			hook_refuse(hook, about, update, "%s", why.text);
	}
}

static int say_refused(const struct hook *hook)
{
	unsigned n = hook->n_refused < HOOK_REFUSALS ? hook->n_refused : HOOK_REFUSALS;

	for (unsigned i = 0; i < n; i++) {
		const struct refused *refused = &hook->refused[i];

		SAY("refused%s%s: %s", *refused->ref ? " " : "", refused->ref, refused->why.text);
	}
	if (hook->n_refused > n)
		SAY("refused: and %u more", hook->n_refused - n);
	return 1;
}

/* What cannot be kept now is tried again when the push has been taken. */
static void keep_all(const struct hook *hook)
{
	for (size_t i = 0; i < hook->updates.n; i++) {
		_cleanup_free_ char *ref = NULL;
		struct problem unsaid;

		if (hook_displaces(&hook->updates.item[i]))
			hook_keep(hook, &hook->updates.item[i], &ref, &unsaid);
	}
}

static const struct ask_kind asks = {
	.who = "gate",
	.id = "push-",
	.dest = TEROK_PUSH_DEST,
	.asks = "a push to git, this once",
	.by = "pushed_by",
	.over = "the push is over",
	.again = "push",
};

/* Does a person lift what it was refused for? All of it was said before. */
static bool asked(struct hook *hook)
{
	const struct token *token = hook->note.token;
	struct ask ask = { .kind = &asks,
			   .runtime = hook->note.runtime,
			   .project = hook->note.project,
			   .task = token->task,
			   .container = token->container,
			   .ref = hook->updates.n ? hook->updates.item[0].ref : "",
			   .seconds = hook->policy.ask_seconds };
	struct problem why = {};
	bool allowed = false;
	int r;

	if (!ask.seconds || !hook_may_ask(hook))
		return false;
	for (unsigned i = 0; i < hook->n_refused; i++, ask.n++)
		if (asprintf(&ask.reason[i], "%s%s%s", hook->refused[i].ref,
			     *hook->refused[i].ref ? ": " : "", hook->refused[i].why.text) < 0)
			return false; /* nobody says yes to half of it */
	SAY("waiting up to %llu s for an answer of the operator ...",
	    (unsigned long long)ask.seconds);
	r = ask_operator(&ask, &allowed, &why);
	if (r)
		SAY("refused: nobody was asked: %s", why.text);
	else
		SAY("%s", allowed ? "allowed by the operator, this once" : why.text);
	for (unsigned i = 0; i < ask.n; i++)
		free(ask.reason[i]);
	return !r && allowed;
}

static int pre_receive(struct hook *hook)
{
	struct problem why = {};
	int r;

	hook->until_ns = now_boot_ns() + hook->policy.check_seconds * GIT_SECOND;
	judge_names(hook);
	if (!hook_may_ask(hook)) /* no more is said than is known already */
		return say_refused(hook);
	r = hook_look(hook, &why);
	if (r) {
		SAY("refused: %s", why.text);
		return 1;
	}
	if (hook->n_refused && (say_refused(hook), !asked(hook)))
		return 1;
	hook->until_ns = now_boot_ns() + AFTER_NS; /* a person may have taken long */
	keep_all(hook);
	return 0;
}

/* --- after ---------------------------------------------------------------------------- */

__attribute__((__format__(__printf__, 2, 3))) static void note(char **text, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list ap;
	char *more;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		line = NULL;
	if (n >= 0 && asprintf(&more, "%s%s\n", *text ?: "", line) >= 0) {
		free(*text);
		*text = more;
	}
}

static void keep_one(struct hook *hook, struct update *update, char **notes)
{
	_cleanup_free_ char *ref = NULL;
	const char *branch = update_branch(update) ?: update->ref;
	struct problem why = {};
	int r = hook_step(hook, update, &why);

	if (r) /* not known to be a step forward: kept as if it were none */
		update->forced = true;
	if (!hook_displaces(update))
		return;
	r = hook_keep(hook, update, &ref, &why);
	if (!r) {
		SAY("saved %s", ref);
		note(notes, "backed-up %s", ref);
	} else {
		SAY("warning: %s was %.12s, which could not be saved: %s", branch, update->old,
		    why.text);
		note(notes, "backup-FAILED %s %s", branch, update->old);
	}
}

static void write_marker(const char *input, size_t size, const char *notes)
{
	_cleanup_close_ int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct problem why = {};
	time_t now = time(NULL);
	char stamp[40];
	struct tm tm;
	int n;

	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&now, &tm));
	n = asprintf(&text, "%s\n%.*s%s", stamp, (int)size, input, notes ?: "");
	if (n < 0)
		text = NULL;
	else if (dir < 0 || dir_replace(dir, MARKER, text, n, &why))
		SAY("warning: the mark of this push could not be written: %s", why.text);
}

static void post_receive(struct hook *hook, const char *input, size_t size)
{
	_cleanup_free_ char *notes = NULL;

	hook->until_ns = now_boot_ns() + AFTER_NS;
	for (size_t i = 0; i < hook->updates.n; i++)
		keep_one(hook, &hook->updates.item[i], &notes);
	write_marker(input, size, notes);
}

int verb_hook(int argc, char **argv)
{
	_cleanup_free_ char *input = NULL, *home = NULL;
	_cleanup_(hook_done) struct hook hook = {};
	char dir[PATH_MAX];
	struct problem why = {};
	size_t size = 0;
	bool before;
	int r = cli_parse(argc, argv, NULL, 1, 1);

	if (r < 0)
		return r;
	before = !strcmp(argv[1], "pre-receive");
	if (!before && strcmp(argv[1], "post-receive"))
		return log_error(0, "hook what? pre-receive or post-receive"), -EINVAL;
	umask(077);
	r = begin(&hook, dir, &input, &size, &home, &why);
	if (r && before)
		SAY("refused: %s", why.text);
	else if (r)
		SAY("warning: %s", why.text);
	else if (!before)
		post_receive(&hook, input, size);
	if (before)
		return r ? 1 : pre_receive(&hook);
	return 0; /* the push has been taken, whatever became of this */
}
