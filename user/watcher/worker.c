// SPDX-License-Identifier: Apache-2.0
#include "watcher/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/event.h"
#include "base/log.h"
#include "watcher/look.h"

#define CORE_FD  3
#define NOBODY   65534
#define NICE     5

#define LOOK_NS  (20 * UINT64_C(1000000)) /* changes that come together are one look */
#define REST     20                       /* ... and looking takes a twentieth of the time */
#define AGAIN_NS (10 * SECOND_NS)         /* after one that failed */

struct watcher {
	struct loop *loop;
	struct source core;
	struct timer look, files;
	uint64_t rested_ns; /* the next look is not before */
	struct look around;
	bool looked; /* since the core was last told so */
	bool asked;  /* ping is not answered yet */
	struct msg_ping ping;
};

/* What the worker may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_ctl",
	/* watcher/places.c */
	"inotify_add_watch",
	"inotify_rm_watch",
	/* files and folders, to be read */
	"openat",
	"open",
	"read",
	"pread64",
	"lseek",
	"close",
	"fstat",
	"stat",
	"newfstatat",
	"fcntl",
	"getdents64",
	"getuid",
	/* the core */
	"recvfrom",
	"sendto",
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
	/* the end */
	"rt_sigreturn",
	"restart_syscall",
	"exit_group",
	"exit",
	NULL,
};

static bool say(struct msg_packet *packet, void *user)
{
	struct watcher *watcher = user;

	if (send(CORE_FD, packet, core_msg_size(packet->type), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != EINTR)
		loop_stop(watcher->loop); /* it has ended */
	return false;
}

/* What the core has no room for now it is told when it has. */
static void say_all(struct watcher *watcher)
{
	struct msg_packet swept = { .type = MSG_SWEPT };
	struct msg_packet pong = { .type = MSG_PONG, .PONG = watcher->ping };
	bool all = table_say(&watcher->around.table, say, watcher);

	if (all && watcher->looked) {
		swept.SWEPT.running = watcher->around.table.n;
		all = say(&swept, watcher);
		watcher->looked = !all;
	}
	if (all && watcher->asked) {
		all = say(&pong, watcher);
		watcher->asked = !all;
	}
	source_set(&watcher->core, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static int on_look(struct timer *timer)
{
	struct watcher *watcher = container_of(timer, struct watcher, look);
	uint64_t begin = now_boot_ns(), end;
	int r = look_around(&watcher->around);

	end = now_boot_ns();
	watcher->rested_ns = end + REST * (end - begin);
	if (r) {
		log_warn(r, "containers cannot be looked for; trying again");
		timer_arm(watcher->loop, &watcher->look, end + AGAIN_NS, on_look);
		return 0;
	}
	watcher->looked = true;
	say_all(watcher);
	return 0;
}

static void look_soon(struct watcher *watcher)
{
	uint64_t at = now_boot_ns() + LOOK_NS;

	if (!watcher->look.loop)
		timer_arm(watcher->loop, &watcher->look,
			  at > watcher->rested_ns ? at : watcher->rested_ns, on_look);
}

static int on_files(struct timer *timer)
{
	struct watcher *watcher = container_of(timer, struct watcher, files);

	look_at_files(&watcher->around);
	say_all(watcher);
	return 0;
}

/* A file that is written in a hundred pieces is read a few times. */
static void on_places(unsigned kinds, void *user)
{
	struct watcher *watcher = user;

	if (kinds & 1U << PLACE_META && !watcher->files.loop)
		timer_arm(watcher->loop, &watcher->files, now_boot_ns() + LOOK_NS / 4, on_files);
	if ((kinds & 1U << PLACE_LOG && tail_read(&watcher->around.tail)) ||
	    kinds & 1U << PLACE_LOOK)
		look_soon(watcher);
}

static int on_core(struct source *source, uint32_t events)
{
	struct watcher *watcher = container_of(source, struct watcher, core);
	struct msg_packet packet;
	ssize_t n;

	if (events & EPOLLOUT)
		say_all(watcher);
	if (!(events & ~EPOLLOUT))
		return 0;
	n = recv(CORE_FD, &packet, sizeof(packet), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) { /* it has ended, maybe with something of ours unread */
		loop_stop(watcher->loop);
	} else if (core_msg_check(&packet, n, FROM_CORE) && packet.type == MSG_PING) {
		watcher->ping = packet.PING;
		watcher->asked = true;
		say_all(watcher);
	}
	return 0; /* whose we are it has said, and it has nothing else to say */
}

/* Every file may be read that the user may read, and none be written. */
static int read_only(void)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct confine_folder folder = { .fd = root, .may = CONFINE_LOOK };

	return root < 0 ? -errno : confine_files_but(&folder, 1);
}

static int become(uint32_t uid)
{
	int r = confine_early(CORE_FD);

	if (!r && uid)
		r = confine_become(uid, NOBODY);
	if (!r)
		r = confine_caps(0);
	/* the new uid has reset it: what this can do ends with who asked for it */
	if (!r && prctl(PR_SET_PDEATHSIG, SIGKILL))
		r = -errno;
	return r ?: read_only();
}

static int watch(struct watcher *watcher, const struct msg_watch *who)
{
	int r = loop_new(&watcher->loop);

	if (!r)
		r = places_new(watcher->loop, on_places, watcher, &watcher->around.places);
	if (!r)
		r = source_add(watcher->loop, &watcher->core, CORE_FD, EPOLLIN, on_core);
	if (!r)
		r = confine_calls(calls);
	if (r)
		return r;
	look_begin(&watcher->around, who->run);
	look_soon(watcher);
	return loop_run(watcher->loop);
}

int watcher_main(void)
{
	struct watcher watcher = { .around.tail.fd = -1 };
	struct msg_packet packet;
	ssize_t n;
	int r;

	log_setup("terok-bpfd watcher", LOG_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C ends the core, which ends us */
	n = recv(CORE_FD, &packet, sizeof(packet), 0);
	if (n < 0 || !core_msg_check(&packet, n, FROM_CORE) || packet.type != MSG_WATCH ||
	    !memchr(packet.WATCH.run, '\0', sizeof(packet.WATCH.run)))
		return 1;
	setpriority(PRIO_PROCESS, 0, NICE); /* the core is in a hurry, we are not */
	r = become(packet.WATCH.uid);
	if (!r)
		r = watch(&watcher, &packet.WATCH);
	if (r)
		log_error(r, "watcher of user %u", packet.WATCH.uid);
	look_end(&watcher.around);
	places_free(watcher.around.places);
	loop_free(watcher.loop);
	return r ? 1 : 0;
}
