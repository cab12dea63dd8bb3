// SPDX-License-Identifier: Apache-2.0
#include "standalone.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/sock.h"
#include "hub_reader.h"
#include "ingest.h"
#include "life.h"
#include "serve.h"

#define PATH_SIZE 256 /* more than a socket's may have: then it is said */

struct standalone {
	struct life life;
	struct sock_place readers, clients;
	char readers_path[PATH_SIZE], clients_path[PATH_SIZE], helper_path[PATH_SIZE];
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

/* Many readers are many descriptors: as many as we may have. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

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

static int start(struct standalone *all, struct problem *why)
{
	struct loop *loop = all->life.loop;
	int r = sock_place_take(all->readers_path, &all->readers, why);

	if (!r)
		r = sock_place_take(all->clients_path, &all->clients, why);
	if (!r)
		r = hub_reader_new(loop, all->helper_path, &all->hub);
	if (!r)
		r = serve_new(loop, all->clients.fd, hub_reader_hub(all->hub), &all->server);
	if (!r)
		varlink_server_own(all->server, getuid());
	if (!r)
		r = ingest_new(loop, all->readers.fd, hub_reader_hear, all->hub, &all->ingest);
	return r;
}

static int confine(const struct standalone *all)
{
	const int folders[] = { all->readers.folder, all->clients.folder };
	int r = confine_caps(0);

	if (!r)
		r = confine_files_but(folders, 2);
	return r ?: confine_calls(calls);
}

/* Readers last: who is told to go away by one socket finds none of the others half alive. */
static void stop(struct standalone *all)
{
	varlink_server_free(all->server);
	sock_place_leave(&all->clients);
	ingest_free(all->ingest);
	sock_place_leave(&all->readers);
	hub_reader_free(all->hub);
	life_done(&all->life);
}

int standalone_main(const struct standalone_paths *paths)
{
	struct standalone all = { .readers = SOCK_PLACE_NONE, .clients = SOCK_PLACE_NONE };
	struct problem why = {};
	int r = confine_early(2);

	if (!r)
		r = life_begin(&all.life, "terok-clearance-hub", on_end, &all);
	if (r)
		return log_error(r, "start");
	descriptors_raise();
	r = paths_set(&all, paths, &why);
	if (!r)
		r = start(&all, &why);
	if (r) {
		log_error(*why.text ? 0 : r, "%s", *why.text ? why.text : "start");
	} else {
		r = confine(&all);
		if (r)
			log_error(r, "give up privileges");
	}
	if (!r) {
		log_info("readers at %s, clients at %s", all.readers_path, all.clients_path);
		r = life_run(&all.life);
		if (r)
			log_error(r, "hub");
	}
	stop(&all);
	return r;
}
