// SPDX-License-Identifier: Apache-2.0
#include "standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/descriptors.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/passed.h"
#include "base/sock.h"
#include "history.h"
#include "hub_reader.h"
#include "ingest.h"
#include "life.h"
#include "serve.h"
#include "terok/core_msg.h"

#define PATH_SIZE 256 /* more than a socket's may have: then it is said */

/* Where clients look that know of many hubs: a socket of each, or a folder of each. */
static const struct {
	const char *name;
	enum msg_place place;
} others[] = {
	{ "terok/clearance/terok-session.sock", PLACE_FLAT },
	{ "terok/clearance/terok-session/hub.sock", PLACE_DEEP },
};

#define OTHERS (sizeof(others) / sizeof(*others))

struct standalone {
	struct life life;
	struct passed passed;
	struct sock_place readers, clients, other[OTHERS];
	char readers_path[PATH_SIZE], clients_path[PATH_SIZE], helper_path[PATH_SIZE];
	struct history *history; /* NULL: none is kept */
	char history_path[PATH_MAX];
	int history_folder; /* -1: none */
	struct hub_reader *hub;
	struct varlink_server *server;
	struct ingest *ingest;
};

/* What it may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_ctl",
	/* base/varlink.c, ingest.c, base/sock.c: peers come, go, and are asked who they are */
	"accept4",
	"getsockopt",
	"shutdown",
	"close",
	"recvfrom",
	"sendto",
	/* helper_client.c: a connection for each verdict */
	"socket(unix)",
	"connect",
	"getuid",
	/* life.c: signals */
	"read",
	/* base/sock.c: at the end the sockets go, if they are ours */
	"newfstatat",
	"unlinkat",
	/* history.c: sqlite with its files, also begun anew; base/dir.c: their folder */
	"access",
	"clock_nanosleep",
	"faccessat",
	"faccessat2",
	"fallocate",
	"fchmod",
	"fchown",
	"fcntl",
	"fdatasync",
	"fsync",
	"ftruncate",
	"getcwd",
	"geteuid",
	"getpid",
	"gettimeofday",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"nanosleep",
	"openat", /* base/comm.c as well: who answered */
	"pread64",
	"pwrite64",
	"readlink",
	"readlinkat",
	"rename",
	"renameat",
	"renameat2",
	"stat",
	"umask",
	"unlink",
	/* now_boot_ns() where the vdso cannot help */
	"clock_gettime",
	/* malloc */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"madvise",
	/* libc's own locks and hash seeds */
	"futex",
	"getrandom",
	/* base/log.c: stderr */
	"write",
	"fstat",
	/* the end */
	"rt_sigreturn",
	"restart_syscall",
	"exit_group",
	"exit",
	NULL,
};

/* No line is heard any more; answers that are with the helper have a moment. */
static void on_end(void *user)
{
	struct standalone *all = user;

	ingest_free(all->ingest);
	all->ingest = NULL;
	hub_reader_close(all->hub, life_over, &all->life);
}

static int paths_set(struct standalone *all, const struct standalone_paths *paths,
		     struct problem *why)
{
	int r = life_path(all->readers_path, PATH_SIZE, paths->readers, "terok-shield-events.sock",
			  why);

	if (!r)
		r = life_path(all->clients_path, PATH_SIZE, paths->clients, "terok-clearance.sock",
			      why);
	if (!r)
		r = life_path(all->helper_path, PATH_SIZE, paths->helper,
			      "terok-clearance-verdict.sock", why);
	return r;
}

/* The journal's folder, opened: the last part of its path is made, and those above. */
static int history_place(struct standalone *all, const char *given, struct problem *why)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = all->history_path, *slash;
	int n;

	if (given)
		n = snprintf(path, PATH_MAX, "%s%s", strchr(given, '/') ? "" : "./", given);
	else if (state && *state == '/')
		n = snprintf(path, PATH_MAX, "%s/terok/" HISTORY_FILE, state);
	else if (home && *home == '/')
		n = snprintf(path, PATH_MAX, "%s/.local/state/terok/" HISTORY_FILE, home);
	else
		return problem(why, -ENOENT, "neither XDG_STATE_HOME nor HOME is set");
	if (n >= PATH_MAX)
		return problem(why, -ENAMETOOLONG, "%.60s... is too long for a file", path);
	slash = strrchr(path, '/');
	if (slash == path)
		return problem(why, -EPERM, "%s: there no history is kept", path);
	*slash = '\0';
	dir_make(path);
	n = dir_open(AT_FDCWD, path, why);
	if (n >= 0)
		setenv("SQLITE_TMPDIR", path, 1); /* where it may make files */
	*slash = '/';
	return n;
}

/* As well as it goes: without it the hub is whole all the same. */
static void history_begin(struct standalone *all, const struct history_limits *wanted)
{
	struct history_limits limits = *wanted;
	struct problem why = {};

	if (!limits.days)
		return;
	all->history_folder = history_place(all, wanted->file, &why);
	limits.file = all->history_path;
	if (all->history_folder < 0)
		log_warn(0, "%s: no history is kept", why.text);
	else if (history_new(all->life.loop, &limits, &all->history))
		log_warn(-ENOMEM, "no history is kept");
	history_open(all->history);
}

/* Made, or what was passed to us for it. */
static int place(struct standalone *all, const char *path, struct sock_place *ret,
		 struct problem *why)
{
	int fd = passed_take(&all->passed, path), r;

	if (fd < 0)
		return sock_place_take(path, ret, why);
	r = sock_place_adopt(path, fd, ret, why);
	if (r)
		close(fd);
	return r;
}

static int start(struct standalone *all, const struct standalone_paths *paths, struct problem *why)
{
	struct loop *loop = all->life.loop;
	int r = place(all, all->readers_path, &all->readers, why);

	if (!r)
		r = place(all, all->clients_path, &all->clients, why);
	if (r || paths->check)
		return r;
	history_begin(all, &paths->history);
	if (!r)
		r = hub_reader_new(loop, all->helper_path, all->history, &all->hub);
	if (!r)
		r = serve_new(loop, all->clients.fd, hub_reader_hub(all->hub), &all->server);
	if (!r)
		varlink_server_own(all->server, getuid());
	if (!r)
		r = ingest_new(loop, all->readers.fd, hub_reader_hear, all->hub, &all->ingest);
	return r;
}

/* One of the other places, as well as it goes: without it the hub is whole all the same. */
static void other_take(struct standalone *all, unsigned i)
{
	struct problem why = {};
	char path[PATH_SIZE];
	int r = life_path(path, sizeof(path), NULL, others[i].name, &why), fd;

	if (!r)
		r = place(all, path, &all->other[i], &why);
	if (r) {
		log_warn(*why.text ? 0 : r, "%s", *why.text ? why.text : path);
		return;
	}
	fd = fcntl(all->other[i].fd, F_DUPFD_CLOEXEC, 0);
	r = fd < 0 ? -errno : varlink_server_listen(all->server, fd, getuid(), others[i].place);
	if (r)
		log_warn(r, "%s", path);
}

static int confine(const struct standalone *all)
{
	_cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct confine_folder folders[4 + OTHERS] = { { all->readers.folder, CONFINE_REMOVE },
						      { all->clients.folder, CONFINE_REMOVE } };
	unsigned n = 2;
	int r;

	for (unsigned i = 0; i < OTHERS; i++)
		if (all->other[i].folder >= 0)
			folders[n++].fd = all->other[i].folder;
	if (all->history_folder >= 0)
		folders[n++] = (struct confine_folder){ all->history_folder, CONFINE_KEEP };
	if (proc >= 0) /* what who answers is called */
		folders[n++] = (struct confine_folder){ proc, CONFINE_READ };
	r = confine_caps(0);
	if (!r)
		r = confine_files_but(folders, n);
	return r ?: confine_calls(calls);
}

/* Readers last: who is told to go away by one socket finds none of the others half alive. */
static void stop(struct standalone *all)
{
	varlink_server_free(all->server);
	for (unsigned i = 0; i < OTHERS; i++)
		sock_place_leave(&all->other[i]);
	sock_place_leave(&all->clients);
	ingest_free(all->ingest);
	sock_place_leave(&all->readers);
	hub_reader_free(all->hub);
	history_free(all->history);
	closep(&all->history_folder);
	life_done(&all->life);
}

static int serve(struct standalone *all)
{
	int r = confine(all);

	if (r)
		return log_error(r, "give up privileges");
	log_info("readers at %s, clients at %s", all->readers_path, all->clients_path);
	r = life_run(&all->life);
	return r ? log_error(r, "hub") : 0;
}

int standalone_main(const struct standalone_paths *paths)
{
	struct standalone all = { .readers = SOCK_PLACE_NONE,
				  .clients = SOCK_PLACE_NONE,
				  .history_folder = -1 };
	bool usual = !paths->clients;
	struct problem why = {};
	int r = passed_open(&all.passed, &why);

	if (!r)
		r = confine_early(passed_last(&all.passed));
	if (!r)
		r = life_begin(&all.life, "terok-clearance-hub", on_end, &all);
	if (r)
		return log_error(*why.text ? 0 : r, "%s", *why.text ? why.text : "start"), r;
	(void)descriptors_raise(); /* many readers are many */
	for (unsigned i = 0; i < OTHERS; i++)
		all.other[i] = SOCK_PLACE_NONE;
	r = paths_set(&all, paths, &why);
	if (!r)
		r = start(&all, paths, &why);
	for (unsigned i = 0; !r && !paths->check && usual && i < OTHERS; i++)
		other_take(&all, i);
	if (!r)
		r = passed_done(&all.passed, &why);
	if (r)
		log_error(*why.text ? 0 : r, "%s", *why.text ? why.text : "start");
	else if (!paths->check)
		r = serve(&all);
	stop(&all);
	return r;
}
