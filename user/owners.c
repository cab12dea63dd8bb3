// SPDX-License-Identifier: Apache-2.0
#include "owners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "owner_child.h"

#define BUCKETS  256
#define FOLDER   "/run/user"
#define BACKLOG  128
#define LATE_NS  (5 * SECOND_NS)  /* for what takes a millisecond */
#define AGAIN_NS (10 * SECOND_NS) /* between two tries, whatever a user does in their folder */
#define STOP_NS  (1 * SECOND_NS)
#define CHANGES  (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF)

enum state { AWAY, OPENING, OPEN, CLOSING };

struct owner {
	struct owner *next;
	struct owners *owners;
	uint32_t uid;
	unsigned guards;
	struct guarded *first; /* of them */
	enum state state;
	bool said;              /* what is in our way */
	uint64_t tried_ns;      /* the last time */
	uint64_t device, inode; /* of the folder that the files are in */
	int fd[MSG_PLACES];     /* -1: none */
	struct owner_file file[MSG_PLACES];
	struct owner_child child;
	struct source ended;
	struct timer late, again;
};

struct guarded {
	struct guarded *next;
	struct guarded *next_same; /* of its owner */
	uint32_t guard;
	struct owner *owner;
};

struct owners {
	struct loop *loop;
	const struct owners_events *events;
	void *user;
	char folder[OWNER_FOLDER - 12]; /* "": none; the rest is for a number */
	int inotify_fd, mounts_fd;
	int above; /* watch of the folder that it will be in; -1: none */
	struct source changes, mounts;
	struct owner *owner;
	struct guarded *bucket[BUCKETS];
};

/* A private agent, as tests run it, has nothing to look for in real users' folders. */
const char *owners_folder(void)
{
	const char *folder = getenv("TEROK_USER_RUN"), *run = getenv("TEROK_RUN");

	if (folder)
		return folder;
	return run && *run ? "" : FOLDER;
}

static void folder_of(const struct owner *owner, char ret[static OWNER_FOLDER])
{
	snprintf(ret, OWNER_FOLDER, "%s/%u", owner->owners->folder, owner->uid);
}

/*
 * Is the user's folder there, and which is it? The kernel must not ask whoever serves a file
 * system that the user mounted there: that is for the child.
 */
static bool folder_look(const struct owner *owner, uint64_t *device, uint64_t *inode)
{
	char path[OWNER_FOLDER];
	struct statx st;

	folder_of(owner, path);
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_UID | STATX_INO, &st))
		return false;
	*device = makedev(st.stx_dev_major, st.stx_dev_minor);
	*inode = st.stx_ino;
	return S_ISDIR(st.stx_mode) && st.stx_uid == owner->uid;
}

static void owner_look(struct owner *owner);

/* --- one user ------------------------------------------------------------------------ */

static void owner_close_sockets(struct owner *owner)
{
	for (unsigned i = 0; i < MSG_PLACES; i++) {
		closep(&owner->fd[i]);
		owner->file[i].result = -ENOENT;
	}
}

static void owner_free(struct owner *owner)
{
	struct owner **slot = &owner->owners->owner;

	while (*slot != owner)
		slot = &(*slot)->next;
	*slot = owner->next;
	timer_disarm(&owner->late);
	timer_disarm(&owner->again);
	owner_close_sockets(owner);
	free(owner);
}

static void owner_tell(const struct owner *owner)
{
	const struct owners *owners = owner->owners;
	int fd[MSG_PLACES];
	uint32_t places = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < MSG_PLACES; i++) {
		if (owner->file[i].result)
			continue;
		fd[n++] = owner->fd[i];
		places |= 1U << i;
	}
	owners->events->open(owner->uid, places, fd, n, owners->user);
}

static const char *in_the_way(int error)
{
	switch (error) {
	case -EADDRINUSE: return "somebody listens there already, and is left alone";
	case -EEXIST: return "a file that is no socket is there, and is left alone";
	case -EPERM: return "a folder on the way is not that user's alone";
	case -EXDEV:
	case -ELOOP: return "a link or a mount is on the way";
	default: return strerror(-error);
	}
}

static void say_missing(struct owner *owner, int folder)
{
	char path[OWNER_FOLDER];
	bool missing = false;

	folder_of(owner, path);
	for (unsigned i = 0; !folder && i < MSG_PLACES; i++) {
		if (!owner->file[i].result)
			continue;
		missing = true;
		if (!owner->said)
			log_warn(0, "the hub is not at %s/%s: %s", path, owner_place(i),
				 in_the_way(owner->file[i].result));
	}
	if (folder && !owner->said)
		log_warn(0, "the hub is not in %s: %s", path,
			 folder == -ECHILD ? "who was to open its sockets was stopped or killed"
					   : in_the_way(folder));
	owner->said = missing || folder;
}

/* Clients ask the kernel who listens: the agent, not the child that was there for a moment. */
static bool places_take(struct owner *owner, const struct owner_report *report)
{
	bool any = false;

	for (unsigned i = 0; i < MSG_PLACES; i++) {
		owner->file[i] = report->file[i];
		if (!owner->file[i].result && listen(owner->fd[i], BACKLOG))
			owner->file[i].result = -errno;
		if (owner->file[i].result)
			closep(&owner->fd[i]);
		else
			any = true;
	}
	owner->device = report->device;
	owner->inode = report->inode;
	return any;
}

static void owner_opened(struct owner *owner, int result, const struct owner_report *report)
{
	bool any = !result && places_take(owner, report);

	say_missing(owner, result);
	owner->state = any ? OPEN : AWAY;
	if (any)
		owner_tell(owner);
	else
		owner_close_sockets(owner);
}

static int owner_ended(struct source *source, uint32_t events)
{
	struct owner *owner = container_of(source, struct owner, ended);
	struct owner_report report = {};
	int r;

	(void)events;
	source_del(&owner->ended);
	timer_disarm(&owner->late);
	r = owner_child_end(&owner->child, &report);
	if (owner->state == OPENING) {
		owner_opened(owner, r, &report);
	} else {
		owner_close_sockets(owner);
		owner->state = AWAY;
		owner->tried_ns = 0;
	}
	owner_look(owner);
	return 0;
}

static int owner_late(struct timer *timer)
{
	owner_child_kill(&container_of(timer, struct owner, late)->child);
	return 0;
}

static int owner_start(struct owner *owner, enum owner_deed deed)
{
	struct owner_task task = { .uid = owner->uid, .deed = deed };
	struct owner_report report;
	int r;

	folder_of(owner, task.folder);
	memcpy(task.file, owner->file, sizeof(task.file));
	r = owner_child_start(&owner->child, &task, owner->fd);
	if (r)
		return r;
	r = source_add(owner->owners->loop, &owner->ended, owner->child.self.pid_fd, EPOLLIN,
		       owner_ended);
	if (r) {
		owner_child_kill(&owner->child);
		owner_child_end(&owner->child, &report);
		return r;
	}
	timer_arm(owner->owners->loop, &owner->late, now_boot_ns() + LATE_NS, owner_late);
	return 0;
}

static void owner_open(struct owner *owner)
{
	int r = 0;

	owner->tried_ns = now_boot_ns();
	for (unsigned i = 0; !r && i < MSG_PLACES; i++) {
		owner->fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = owner->fd[i] < 0 ? -errno : 0;
		if (!r)
			sock_no_fds(owner->fd[i]); /* the hub would close them, and wait */
	}
	if (!r)
		r = owner_start(owner, OWNER_BIND);
	if (!r) {
		owner->state = OPENING;
		return;
	}
	log_warn(r, "open the hub's sockets of user %u", owner->uid);
	owner_close_sockets(owner);
}

static void owner_close(struct owner *owner)
{
	owner->owners->events->close(owner->uid, owner->owners->user);
	owner->state = CLOSING;
	if (!owner_start(owner, OWNER_REMOVE))
		return;
	/* dead files stay behind, which the next one replaces */
	owner_close_sockets(owner);
	owner->state = AWAY;
}

/* The folder is another one now, or gone: so are the files. */
static void owner_lose(struct owner *owner)
{
	owner->owners->events->close(owner->uid, owner->owners->user);
	owner_close_sockets(owner);
	owner->state = AWAY;
	owner->tried_ns = 0;
}

static int owner_try_again(struct timer *timer)
{
	owner_look(container_of(timer, struct owner, again));
	return 0;
}

/* Something may have changed. Frees it when there is nothing left of it. */
static void owner_look(struct owner *owner)
{
	uint64_t device = 0, inode = 0, now = now_boot_ns();
	bool there;

	if (owner->child.self.pid)
		return; /* it comes here when that has ended */
	there = *owner->owners->folder && folder_look(owner, &device, &inode);
	if (owner->state == OPEN && (!there || device != owner->device || inode != owner->inode))
		owner_lose(owner);
	else if (owner->state == OPEN && !owner->guards)
		owner_close(owner);
	if (owner->state != AWAY)
		return;
	if (!owner->guards)
		owner_free(owner);
	else if (there && owner->tried_ns && now < owner->tried_ns + AGAIN_NS)
		timer_arm(owner->owners->loop, &owner->again, owner->tried_ns + AGAIN_NS,
			  owner_try_again);
	else if (there)
		owner_open(owner);
}

/* --- guards -------------------------------------------------------------------------- */

static struct guarded **guarded_slot(const struct owners *owners, uint32_t guard)
{
	struct guarded **slot = (struct guarded **)&owners->bucket[guard % BUCKETS];

	while (*slot && (*slot)->guard != guard)
		slot = &(*slot)->next;
	return slot;
}

static struct owner *owner_get(struct owners *owners, uint32_t uid)
{
	struct owner *owner = owners->owner;

	while (owner && owner->uid != uid)
		owner = owner->next;
	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	*owner = (struct owner){ .next = owners->owner, .owners = owners, .uid = uid };
	for (unsigned i = 0; i < MSG_PLACES; i++) {
		owner->fd[i] = -1;
		owner->file[i].result = -ENOENT;
	}
	owners->owner = owner;
	return owner;
}

void owners_guard(struct owners *owners, uint32_t guard, uint32_t uid)
{
	struct guarded **slot = guarded_slot(owners, guard), *guarded;
	struct owner *owner;

	if (*slot)
		return;
	guarded = calloc(1, sizeof(*guarded));
	owner = guarded ? owner_get(owners, uid) : NULL;
	if (!owner) {
		free(guarded);
		return;
	}
	*guarded = (struct guarded){ .next_same = owner->first, .guard = guard, .owner = owner };
	*slot = owner->first = guarded;
	owner->guards++;
	owner_look(owner);
}

void owners_gone(struct owners *owners, uint32_t guard)
{
	struct guarded **slot = guarded_slot(owners, guard), *guarded = *slot;
	struct owner *owner;

	if (!guarded)
		return;
	owner = guarded->owner;
	*slot = guarded->next;
	for (slot = &owner->first; *slot != guarded;)
		slot = &(*slot)->next_same;
	*slot = guarded->next_same;
	free(guarded);
	if (!--owner->guards)
		owner_look(owner);
}

void owners_each(const struct owners *owners, uint32_t uid, void (*fn)(uint32_t guard, void *user),
		 void *user)
{
	const struct owner *owner = owners->owner;

	while (owner && owner->uid != uid)
		owner = owner->next;
	for (const struct guarded *guarded = owner ? owner->first : NULL; guarded;
	     guarded = guarded->next_same)
		fn(guarded->guard, user);
}

void owners_tell(struct owners *owners)
{
	for (struct owner *owner = owners->owner; owner; owner = owner->next)
		if (owner->state == OPEN)
			owner_tell(owner);
}

/* --- folders that come and go --------------------------------------------------------- */

static void look_at_all(struct owners *owners)
{
	for (struct owner *owner = owners->owner, *next; owner; owner = next) {
		next = owner->next;
		owner_look(owner);
	}
}

/* The folder of all users' folders, or, as long as it is not there, the one that it will be in. */
static int folder_watch(struct owners *owners)
{
	char above[OWNER_FOLDER];

	if (inotify_add_watch(owners->inotify_fd, owners->folder, CHANGES | IN_ONLYDIR) >= 0) {
		if (owners->above >= 0)
			inotify_rm_watch(owners->inotify_fd, owners->above);
		owners->above = -1;
		return 0;
	}
	if (errno != ENOENT)
		return -errno;
	snprintf(above, sizeof(above), "%s", owners->folder);
	*strrchr(above, '/') = '\0';
	owners->above =
	    inotify_add_watch(owners->inotify_fd, *above ? above : "/", IN_CREATE | IN_MOVED_TO);
	return owners->above < 0 ? -errno : 0;
}

/* Which it was does not matter: one look at a user's folder costs a microsecond. */
static int on_changes(struct source *source, uint32_t events)
{
	struct owners *owners = container_of(source, struct owners, changes);
	char buf[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));

	(void)events;
	while (read(owners->inotify_fd, buf, sizeof(buf)) > 0)
		;
	folder_watch(owners);
	look_at_all(owners);
	owners->events->folders(owners->user);
	return 0;
}

/* A login makes the folder first and mounts it then, which no watch of a folder tells. */
static int on_mounts(struct source *source, uint32_t events)
{
	struct owners *owners = container_of(source, struct owners, mounts);

	(void)events;
	look_at_all(owners);
	owners->events->folders(owners->user);
	return 0;
}

static int owners_follow(struct owners *owners)
{
	int r = 0;

	owners->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	owners->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (owners->inotify_fd < 0 || owners->mounts_fd < 0)
		r = -errno;
	if (!r)
		r = folder_watch(owners);
	if (!r)
		r = source_add(owners->loop, &owners->changes, owners->inotify_fd, EPOLLIN,
			       on_changes);
	if (!r)
		r = source_add(owners->loop, &owners->mounts, owners->mounts_fd, EPOLLPRI,
			       on_mounts);
	return r;
}

int owners_new(struct loop *loop, const struct owners_events *events, void *user,
	       struct owners **ret)
{
	struct owners *owners = calloc(1, sizeof(*owners));
	const char *folder = owners_folder();
	int r = 0;

	if (!owners)
		return -ENOMEM;
	*owners = (struct owners){ .loop = loop,
				   .events = events,
				   .user = user,
				   .inotify_fd = -1,
				   .mounts_fd = -1,
				   .above = -1 };
	if (*folder == '/' && strlen(folder) < sizeof(owners->folder))
		strcpy(owners->folder, folder);
	else if (*folder)
		log_warn(0, "%.60s is no folder that users' sockets can be in", folder);
	if (*owners->folder)
		r = owners_follow(owners);
	if (r)
		log_warn(r,
			 "%s is not followed: who logs in later finds no hub there until "
			 "another of their guards begins",
			 owners->folder);
	*ret = owners;
	return 0;
}

bool owners_settled(const struct owners *owners)
{
	for (const struct owner *owner = owners->owner; owner; owner = owner->next)
		if (owner->state == OPENING)
			return false;
	return true;
}

/* What is open or on its way goes; whoever cannot be waited for leaves dead sockets behind. */
static void owner_stop(struct owner *owner, uint64_t until_ns)
{
	struct owner_report report = {};
	bool opening = owner->state == OPENING;

	if (owner->child.self.pid) {
		source_del(&owner->ended);
		if (!owner_child_await(&owner->child, until_ns))
			owner_child_kill(&owner->child);
		if (!owner_child_end(&owner->child, &report) && opening &&
		    places_take(owner, &report))
			owner->state = OPEN;
	}
	if (owner->state == OPEN && !owner_start(owner, OWNER_REMOVE))
		owner->state = CLOSING;
}

void owners_free(struct owners *owners)
{
	uint64_t until_ns = now_boot_ns() + STOP_NS;

	if (!owners)
		return;
	/* all at the same time: first those that are open begin to close */
	for (struct owner *owner = owners->owner; owner; owner = owner->next)
		owner_stop(owner, owner->state == OPEN ? 0 : until_ns);
	while (owners->owner) {
		owner_stop(owners->owner, until_ns);
		owner_free(owners->owner);
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct guarded *guarded; (guarded = owners->bucket[i]);) {
			owners->bucket[i] = guarded->next;
			free(guarded);
		}
	}
	source_del(&owners->changes);
	source_del(&owners->mounts);
	closep(&owners->inotify_fd);
	closep(&owners->mounts_fd);
	free(owners);
}
