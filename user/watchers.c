// SPDX-License-Identifier: Apache-2.0
#include "watchers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "owners.h"
#include "worker.h"

/* A thousand containers that are told at once, and as many a second: a look takes longer. */
#define SAYS_BURST 2048
#define SAYS_RATE  1024
#define REST_NS    (SECOND_NS / 10)

static const char *const podman_folders[] = { "/run/libpod", "/run/containers" };

struct watcher {
	struct watcher *next;
	struct watchers *watchers;
	uint32_t uid;
	uint64_t whole_ns; /* when its budget of messages is whole again */
	struct worker worker;
};

struct watchers {
	struct loop *loop;
	const struct watchers_events *events;
	void *user;
	const char *folder; /* of users' folders; "": nobody is watched */
	int run_fd;         /* inotify: root's podman may come; -1: it is there */
	struct source run;
	struct watcher *watcher;
	struct watcher *leaving; /* killed, and not gone yet: no other of that user begins */
	unsigned n;              /* of both */
};

/* --- one ----------------------------------------------------------------------------- */

static void on_ready(void *user)
{
	struct watcher *watcher = user;
	struct msg_packet packet = { .type = MSG_WATCH, .WATCH = { .uid = watcher->uid } };

	if (watcher->uid)
		snprintf(packet.WATCH.run, sizeof(packet.WATCH.run), "%s/%u",
			 watcher->watchers->folder, watcher->uid);
	watcher->watchers->events->begun(watcher->uid, watcher->watchers->user);
	worker_send(&watcher->worker, &packet);
}

static void on_message(const struct msg_packet *packet, void *user)
{
	struct watcher *watcher = user;
	struct watchers *watchers = watcher->watchers;
	uint64_t now = now_boot_ns();

	if (watcher->whole_ns < now)
		watcher->whole_ns = now;
	watcher->whole_ns += SECOND_NS / SAYS_RATE;
	if (watcher->whole_ns - now > SAYS_BURST * (SECOND_NS / SAYS_RATE))
		worker_rest(&watcher->worker, now + REST_NS);
	watchers->events->message(watcher->uid, packet, watchers->user);
}

static const struct worker_events worker_events = { .ready = on_ready, .message = on_message };

/* Whether it lives is all that is asked. */
static void on_answered(void *user)
{
	(void)user;
}

static struct watcher **watcher_slot(struct watcher **slot, uint32_t uid)
{
	while (*slot && (*slot)->uid != uid)
		slot = &(*slot)->next;
	return slot;
}

void watchers_user(struct watchers *watchers, uint32_t uid)
{
	struct watcher *watcher;
	int r;

	if (!watchers || !*watchers->folder || *watcher_slot(&watchers->watcher, uid) ||
	    *watcher_slot(&watchers->leaving, uid) || watchers->n == WATCHERS_MAX)
		return;
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return;
	watcher->watchers = watchers;
	watcher->uid = uid;
	watcher->worker = (struct worker){ .loop = watchers->loop,
					   .name = "watcher",
					   .peer = FROM_WATCHER,
					   .listen_fd = -1,
					   .events = &worker_events,
					   .user = watcher };
	watcher->next = watchers->watcher;
	watchers->watcher = watcher;
	watchers->n++;
	r = worker_start(&watcher->worker);
	if (r)
		log_warn(r, "containers of user %u are not watched", uid);
	else
		worker_attend(&watcher->worker, on_answered, NULL);
}

void watchers_ping(struct watchers *watchers)
{
	struct watcher *watcher = watchers ? watchers->watcher : NULL;

	for (; watcher; watcher = watcher->next)
		worker_ping(&watcher->worker);
}

static void watcher_free(struct watcher **slot)
{
	struct watcher *watcher = *slot;

	*slot = watcher->next;
	watcher->watchers->n--;
	worker_end(&watcher->worker);
	free(watcher);
}

/* --- users --------------------------------------------------------------------------- */

/* Nobody is asked who serves a file system that a user mounted there. */
static bool has_folder(const struct watchers *watchers, uint32_t uid)
{
	struct statx st;
	char path[MSG_FOLDER];

	snprintf(path, sizeof(path), "%s/%u", watchers->folder, uid);
	return !statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		      STATX_TYPE | STATX_UID, &st) &&
	       S_ISDIR(st.stx_mode) && st.stx_uid == uid;
}

/* Who came back meanwhile has another. */
static void on_gone(void *user)
{
	struct watcher *watcher = user;
	struct watchers *watchers = watcher->watchers;
	uint32_t uid = watcher->uid;

	watcher_free(watcher_slot(&watchers->leaving, uid));
	if (has_folder(watchers, uid))
		watchers_user(watchers, uid);
}

static void watcher_leave(struct watchers *watchers, struct watcher **slot)
{
	struct watcher *watcher = *slot;

	*slot = watcher->next;
	watcher->next = watchers->leaving;
	watchers->leaving = watcher;
	worker_dismiss(&watcher->worker, on_gone);
}

static bool number_of(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*ret = number;
	return isdigit((unsigned char)*text) && !*end && number < UINT32_MAX;
}

void watchers_folders(struct watchers *watchers)
{
	struct watcher **slot;
	struct dirent *entry;
	uint32_t uid;
	DIR *dir;

	if (!watchers || !*watchers->folder)
		return;
	for (slot = &watchers->watcher; *slot;) {
		uid = (*slot)->uid;
		if (uid && !has_folder(watchers, uid) &&
		    !watchers->events->has_guard(uid, watchers->user))
			watcher_leave(watchers, slot);
		else
			slot = &(*slot)->next;
	}
	dir = opendir(watchers->folder);
	while (dir && (entry = readdir(dir)))
		if (number_of(entry->d_name, &uid) && uid && has_folder(watchers, uid))
			watchers_user(watchers, uid);
	if (dir)
		closedir(dir);
}

/* Whose monitors run already: their users have containers. A hint; their watcher looks closer. */
static void look_for_monitors(struct watchers *watchers)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint32_t pid;

	while (proc && (entry = readdir(proc))) {
		char path[40], comm[16] = "";
		_cleanup_close_ int fd = -1;
		struct stat st;

		if (!number_of(entry->d_name, &pid))
			continue;
		snprintf(path, sizeof(path), "/proc/%u/comm", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, comm, sizeof(comm)) == 7 && !memcmp(comm, "conmon\n", 7) &&
		    !fstat(fd, &st))
			watchers_user(watchers, st.st_uid);
	}
	if (proc)
		closedir(proc);
}

/* --- root ---------------------------------------------------------------------------- */

static bool root_has_podman(void)
{
	for (unsigned i = 0; i < sizeof(podman_folders) / sizeof(podman_folders[0]); i++)
		if (!access(podman_folders[i], F_OK))
			return true;
	return false;
}

static void run_end(struct watchers *watchers)
{
	source_del(&watchers->run);
	closep(&watchers->run_fd);
}

static int on_run(struct source *source, uint32_t events)
{
	struct watchers *watchers = container_of(source, struct watchers, run);
	char buf[4096];

	(void)events;
	while (read(watchers->run_fd, buf, sizeof(buf)) > 0)
		;
	if (root_has_podman()) {
		run_end(watchers);
		watchers_user(watchers, 0);
	}
	return 0;
}

static int watch_run(struct watchers *watchers)
{
	int r;

	watchers->run_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watchers->run_fd < 0 ||
	    inotify_add_watch(watchers->run_fd, "/run", IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -errno;
	r = source_add(watchers->loop, &watchers->run, watchers->run_fd, EPOLLIN, on_run);
	if (!r && root_has_podman()) {
		run_end(watchers);
		watchers_user(watchers, 0);
	}
	return r;
}

int watchers_new(struct loop *loop, const struct watchers_events *events, void *user,
		 struct watchers **ret)
{
	struct watchers *watchers = calloc(1, sizeof(*watchers));
	int r;

	if (!watchers)
		return -ENOMEM;
	*watchers = (struct watchers){ .loop = loop,
				       .events = events,
				       .user = user,
				       .folder = owners_folder(),
				       .run_fd = -1 };
	*ret = watchers;
	if (!*watchers->folder || strlen(watchers->folder) > MSG_FOLDER - 12) {
		watchers->folder = "";
		return 0;
	}
	r = watch_run(watchers);
	if (r)
		log_warn(r, "/run is not followed: root's containers are not watched");
	watchers_folders(watchers);
	look_for_monitors(watchers);
	return 0;
}

void watchers_free(struct watchers *watchers)
{
	if (!watchers)
		return;
	run_end(watchers);
	while (watchers->watcher)
		watcher_free(&watchers->watcher);
	while (watchers->leaving)
		watcher_free(&watchers->leaving);
	free(watchers);
}
