// SPDX-License-Identifier: Apache-2.0
#include "git.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/event.h"
#include "base/spawn.h"
#include "git_text.h"

#define SAFE_PATH "/usr/local/bin:/usr/bin:/bin"
#define SAID_MAX  4096 /* of standard error, without progress */
#define ARGS_MAX  32
#define QUIET_NS  GIT_SECOND       /* what is done by then needs no word */
#define REDRAW_NS (GIT_SECOND / 5) /* of a line of progress */

int git_env_add(struct git_env *env, const char *fmt, ...)
{
	char **bigger = realloc(env->item, (env->n + 2) * sizeof(*bigger)), *text = NULL;
	va_list ap;
	int r;

	if (!bigger)
		return -ENOMEM;
	env->item = bigger;
	env->item[env->n] = NULL;
	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0)
		return -ENOMEM;
	env->item[env->n++] = text;
	env->item[env->n] = NULL;
	return 0;
}

void git_env_clear(struct git_env *env)
{
	for (size_t i = 0; i < env->n; i++)
		free(env->item[i]);
	free(env->item);
	*env = (struct git_env){ 0 };
}

int git_home(const char *base, char **ret, struct problem *why)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/.home", base) < 0)
		return path = NULL, -ENOMEM;
	dir_make(base);
	fd = dir_open(AT_FDCWD, path, why);
	if (fd < 0)
		return fd;
	*ret = TAKE_PTR(path);
	return 0;
}

/* --- its environment ------------------------------------------------------------------ */

static int take_over(struct git_env *env, const char *const *names)
{
	int r = 0;

	for (; *names && !r; names++) {
		const char *value = getenv(*names);

		if (value && *value)
			r = git_env_add(env, "%s=%s", *names, value);
	}
	return r;
}

/*
 * Settings of the command itself, which win over the repository's. A mirror is never tidied in
 * the background: that is gate/sync.c's, which waits for it.
 */
static int add_settings(struct git_env *env)
{
	static const char *const settings[][2] = {
		{ "core.hooksPath", "/dev/null" },  { "core.fsmonitor", "false" },
		{ "gc.autoDetach", "false" },       { "maintenance.autoDetach", "false" },
		{ "advice.detachedHead", "false" }, { "init.defaultBranch", "main" },
	};
	const size_t n = sizeof(settings) / sizeof(*settings);
	int r = git_env_add(env, "GIT_CONFIG_COUNT=%zu", n);

	for (size_t i = 0; i < n && !r; i++)
		r = git_env_add(env, "GIT_CONFIG_KEY_%zu=%s", i, settings[i][0])
			?: git_env_add(env, "GIT_CONFIG_VALUE_%zu=%s", i, settings[i][1]);
	return r;
}

static int add_home(struct git_env *env, const struct git_run *run)
{
	static const char *const network[] = {
		"https_proxy",  "HTTPS_PROXY",    "http_proxy", "all_proxy",
		"ALL_PROXY",    "no_proxy",       "NO_PROXY",   "SSL_CERT_FILE",
		"SSL_CERT_DIR", "GIT_SSL_CAINFO", NULL
	};
	static const char *const personal[] = { "HOME",
						"USER",
						"LOGNAME",
						"XDG_CONFIG_HOME",
						"XDG_RUNTIME_DIR",
						"SSH_AUTH_SOCK",
						"GIT_SSH_COMMAND",
						"GIT_SSH",
						NULL };
	int r = run->allow ? take_over(env, network) : 0;

	if (r)
		return r;
	if (run->personal) /* nobody is asked for a passphrase: git has no terminal */
		return take_over(env, personal) ?: git_env_add(env, "SSH_ASKPASS_REQUIRE=force")
			?: git_env_add(env, "SSH_ASKPASS=false");
	return git_env_add(env, "HOME=%s", run->home) ?: git_env_add(env, "GIT_CONFIG_NOSYSTEM=1")
		?: git_env_add(env, "GIT_CONFIG_GLOBAL=/dev/null");
}

static int make_env(struct git_env *env, const struct git_run *run)
{
	static const char *const own[] = { "GIT_EXEC_PATH", "TMPDIR", NULL };
	const char *path = getenv("PATH");
	int r = git_env_add(env, "PATH=%s", path && *path ? path : SAFE_PATH)
			?: take_over(env, own)
			?: add_home(env, run)
			?: add_settings(env)
			?: git_env_add(env, "LC_ALL=C")
			?: git_env_add(env, "GIT_TERMINAL_PROMPT=0")
			?: git_env_add(env, "GIT_OPTIONAL_LOCKS=0")
			?: git_env_add(env, "GIT_ALLOW_PROTOCOL=%s", run->allow ?: "");

	for (size_t i = 0; !r && run->env && i < run->env->n; i++)
		r = git_env_add(env, "%s", run->env->item[i]);
	return r;
}

/* --- what it writes ------------------------------------------------------------------- */

/* One command while it runs. */
struct heard {
	const struct git_run *run;
	const char *says;
	char *output;
	size_t size, room;
	char said[SAID_MAX]; /* whole lines of standard error, NUL-terminated */
	size_t said_n;
	char line[512]; /* the one that is not whole yet */
	size_t line_n;
	uint64_t begun_ns, drawn_ns;
	bool terminal, shown;
	bool returned; /* the line ended with a return: it is redrawn, unless a newline follows */
};

static int keep_output(struct heard *heard, const char *bytes, size_t n)
{
	if (heard->size + n > GIT_OUTPUT_MAX)
		return -EFBIG;
	if (heard->size + n + 1 > heard->room) {
		size_t room = (heard->size + n + 1) * 2;
		char *bigger = realloc(heard->output, room);

		if (!bigger)
			return -ENOMEM;
		heard->output = bigger;
		heard->room = room;
	}
	memcpy(heard->output + heard->size, bytes, n);
	heard->size += n;
	heard->output[heard->size] = '\0';
	return 0;
}

/* A terminal has one line that changes; a file has one word that it takes long. */
static void show_progress(struct heard *heard)
{
	uint64_t now = now_boot_ns();
	char clean[60];

	if (!heard->says || now - heard->begun_ns < QUIET_NS ||
	    (heard->shown && (!heard->terminal || now - heard->drawn_ns < REDRAW_NS)))
		return;
	heard->shown = true;
	heard->drawn_ns = now;
	if (heard->terminal)
		fprintf(stderr, "\r%s: %s\033[K", heard->says,
			git_text_redact(clean, sizeof(clean), heard->line));
	else
		fprintf(stderr, "%s ...\n", heard->says);
}

/* @whole: it ended with a newline, not with the return that redraws it. */
static void end_line(struct heard *heard, bool whole)
{
	heard->line[heard->line_n] = '\0';
	if (heard->line_n)
		show_progress(heard);
	/* what was fetched stands in indented lines, thousands of them */
	if (whole && heard->line_n && heard->line[0] != ' ' &&
	    heard->said_n + heard->line_n + 2 < sizeof(heard->said))
		heard->said_n += snprintf(heard->said + heard->said_n,
					  sizeof(heard->said) - heard->said_n, "%s\n", heard->line);
	heard->line_n = 0;
}

static int on_bytes(int fd, const char *bytes, size_t n, void *user)
{
	struct heard *heard = user;

	if (fd == 1 && heard->run->take)
		return heard->run->take(bytes, n, heard->run->user);
	if (fd == 1)
		return keep_output(heard, bytes, n);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || heard->returned)
			end_line(heard, bytes[i] == '\n');
		heard->returned = bytes[i] == '\r';
		if (bytes[i] != '\n' && bytes[i] != '\r' && heard->line_n + 1 < sizeof(heard->line))
			heard->line[heard->line_n++] = bytes[i] ?: ' ';
	}
	return 0;
}

/* --- running -------------------------------------------------------------------------- */

static int make_args(const struct git_run *run, const char *argv[ARGS_MAX])
{
	static const char *const scratch[] = { "-c", "core.fsync=none", "-c",
					       "core.logAllRefUpdates=false" };
	size_t n = 0;

	argv[n++] = "git";
	for (size_t i = 0; run->scratch && i < sizeof(scratch) / sizeof(*scratch); i++)
		argv[n++] = scratch[i];
	if (run->dir) {
		argv[n++] = "-C";
		argv[n++] = run->dir;
	}
	for (size_t i = 0; run->args[i]; i++) {
		if (n + 1 == ARGS_MAX)
			return -E2BIG;
		argv[n++] = run->args[i];
	}
	argv[n] = NULL;
	return 0;
}

static int make_input(const struct git_run *run, int *ret)
{
	_cleanup_close_ int fd = memfd_create("git-input", MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < run->input_size) {
		ssize_t n = write(fd, run->input + done, run->input_size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
	}
	if (lseek(fd, 0, SEEK_SET))
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

/* What git's end means. */
static int judge(const struct git_run *run, const struct heard *heard, int status,
		 struct problem *why)
{
	char said[200];

	if (status <= 0) /* -1: the caller has had enough */
		return 0;
	if (status == 128 + SIGINT || status == 128 + SIGTERM)
		return problem(why, -EINTR, "git %s was told to end", run->args[0]);
	git_text_error(said, sizeof(said), heard->said);
	problem(why, 0, "git %s: %s", run->args[0], *said ? said : "it failed and did not say why");
	if (strstr(heard->said, "No space left on device") ||
	    strstr(heard->said, "Disk quota exceeded"))
		return -ENOSPC;
	return status > 128 ? -EIO : status;
}

static int run_with(const struct git_run *run, struct git_env *env, int input, struct heard *heard,
		    struct problem *why)
{
	const char *argv[ARGS_MAX];
	struct spawn spawn = {
		.argv = argv,
		.env = (const char *const *)env->item,
		.limit_ns = run->limit_ns ?: GIT_LIMIT_NS,
	};
	const struct spawn_watch watch = { .bytes = on_bytes,
					   .user = heard,
					   .pass_signals = true,
					   .input = input > 0 ? input : 0 };
	int status, r = make_args(run, argv);

	if (r)
		return r;
	r = spawn_follow(&spawn, &watch, &status, why);
	end_line(heard, true);
	if (heard->shown && heard->terminal)
		fputs("\r\033[K", stderr);
	if (r == -ETIMEDOUT)
		return problem(why, r, "git %s did not end in %llu seconds", run->args[0],
			       (unsigned long long)(spawn.limit_ns / GIT_SECOND));
	return r ?: judge(run, heard, status, why);
}

int git_run(const struct git_run *run, char **ret, size_t *ret_size, struct problem *why)
{
	_cleanup_git_env_ struct git_env env = {};
	_cleanup_free_ struct heard *heard = calloc(1, sizeof(*heard));
	_cleanup_close_ int input = -1;
	int r;

	if (!heard)
		return -ENOMEM;
	heard->run = run;
	heard->says = run->says;
	heard->terminal = isatty(2);
	heard->begun_ns = now_boot_ns();
	r = make_env(&env, run);
	if (!r && run->input)
		r = make_input(run, &input);
	if (r)
		return problem(why, r, "git %s: no memory for what it needs", run->args[0]);
	r = run_with(run, &env, input, heard, why);
	if (r >= 0 && ret && !heard->output && keep_output(heard, "", 0))
		r = -ENOMEM;
	if (r >= 0 && ret) {
		*ret = TAKE_PTR(heard->output);
		if (ret_size)
			*ret_size = heard->size;
	}
	free(heard->output);
	return r;
}

int git_failed(int r)
{
	return r > 0 ? -EIO : r;
}
