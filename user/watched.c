// SPDX-License-Identifier: Apache-2.0
#include "watched.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "cgroup.h"
#include "flows.h"
#include "netns.h"

#define BUCKETS 256
/* exec detaches its guard itself; if it was killed, this is how long its cgroup may be empty */
#define EXEC_GRACE_NS (2 * UINT64_C(1000000000))

struct entry {
	struct entry *next;
	struct watched *watched;
	uint32_t id;
	enum terok_state state; /* as people were told */
	enum terok_kind kind;
	int cgroup_fd, netns_fd, watch_fd; /* watch_fd: addresses; -1 each */
	struct source cgroup, addresses;
	struct timer grace;
	struct timer bypass; /* when the window ends: people hear that it did */
	char path[TEROK_PATH_LEN];
};

struct watched {
	struct loop *loop;
	const struct kernel *kernel;
	const struct watched_events *events;
	void *user;
	int parents_fd; /* inotify: the folders that guarded cgroups live in */
	struct source parents;
	unsigned n;
	struct entry *bucket[BUCKETS];
};

static int parents_event(struct source *source, uint32_t events);

int watched_new(struct loop *loop, const struct kernel *kernel, const struct watched_events *events,
		void *user, struct watched **ret)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	int r;

	if (!watched)
		return -ENOMEM;
	watched->loop = loop;
	watched->kernel = kernel;
	watched->events = events;
	watched->user = user;
	watched->parents_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = watched->parents_fd < 0
		? -errno
		: source_add(loop, &watched->parents, watched->parents_fd, EPOLLIN, parents_event);
	if (r) {
		watched_free(watched);
		return r;
	}
	*ret = watched;
	return 0;
}

unsigned watched_count(const struct watched *watched)
{
	return watched->n;
}

static struct entry **entry_slot(struct watched *watched, uint32_t id)
{
	struct entry **slot = &watched->bucket[id % BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

int watched_netns(const struct watched *watched, uint32_t id)
{
	struct entry *entry = *entry_slot((struct watched *)watched, id);

	return entry ? entry->netns_fd : -1;
}

static void entry_free(struct entry *entry)
{
	source_del(&entry->cgroup);
	source_del(&entry->addresses);
	timer_disarm(&entry->grace);
	timer_disarm(&entry->bypass);
	closep(&entry->cgroup_fd);
	closep(&entry->watch_fd);
	closep(&entry->netns_fd);
	free(entry);
}

void watched_free(struct watched *watched)
{
	if (!watched)
		return;
	source_del(&watched->parents);
	closep(&watched->parents_fd);
	for (int i = 0; i < BUCKETS; i++) {
		while (watched->bucket[i]) {
			struct entry *entry = watched->bucket[i];

			watched->bucket[i] = entry->next;
			entry_free(entry);
		}
	}
	free(watched);
}

/* The guard is no more: forget it, and tell. @id by value: the entry goes. */
static void entry_end(struct watched *watched, uint32_t id, const char *reason)
{
	struct entry **slot = entry_slot(watched, id), *entry = *slot;

	if (!entry)
		return;
	*slot = entry->next;
	watched->n--;
	entry_free(entry);
	watched->events->gone(id, reason, watched->user);
}

static void guard_end(struct watched *watched, uint32_t id, const char *reason)
{
	struct problem why = {};
	struct guard guard;
	int r = guard_get(watched->kernel, id, &guard);

	/* removed, or about to be */
	if (!r)
		r = guard_retire(watched->kernel, &guard, &why);
	if (r && r != -ENOENT)
		log_error(r, "detach guard %u: %s", id, why.text);
	entry_end(watched, id, reason);
}

/* The exec that made this cgroup was killed: end what it would have ended. */
static int entry_grace(struct timer *timer)
{
	struct entry *entry = container_of(timer, struct entry, grace);
	struct watched *watched = entry->watched;
	char path[TEROK_PATH_LEN];
	uint32_t id = entry->id;

	if (cgroup_populated_at(entry->cgroup_fd) > 0)
		return 0;
	memcpy(path, entry->path, sizeof(path));
	guard_end(watched, id, "cgroup empty");
	cgroup_remove(path, NULL, NULL);
	cgroup_rmdir("/terok"); /* what exec made it in, if that was the last of it */
	return 0;
}

/*
 * A cgroup that was empty already when it is removed says nothing by itself: its parent
 * does. Which one it was is asked of each, since a name may come back at once.
 */
static int parents_event(struct source *source, uint32_t events)
{
	struct watched *watched = container_of(source, struct watched, parents);
	char buf[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));

	(void)events;
	while (read(watched->parents_fd, buf, sizeof(buf)) > 0)
		;
	for (int i = 0; i < BUCKETS; i++) {
		for (struct entry *entry = watched->bucket[i], *next; entry; entry = next) {
			next = entry->next;
			if (entry->cgroup_fd >= 0 && cgroup_populated_at(entry->cgroup_fd) < 0)
				guard_end(watched, entry->id, "cgroup removed");
		}
	}
	return 0;
}

/* A watch ends with its folder; one on a folder that no guard is in any more costs nothing. */
static int parent_watch(struct watched *watched, const char *path)
{
	char full[CGROUP_ROOT_LEN + TEROK_PATH_LEN];
	int r = cgroup_root(full, NULL);

	if (r)
		return r;
	strncat(full, path, TEROK_PATH_LEN - 1);
	*strrchr(full, '/') = '\0';
	return inotify_add_watch(watched->parents_fd, full, IN_DELETE | IN_ONLYDIR) < 0 ? -errno
											: 0;
}

static int entry_addresses_event(struct source *source, uint32_t events)
{
	struct entry *entry = container_of(source, struct entry, addresses);
	int r = netns_changed(entry->watch_fd);

	(void)events;
	if (r > 0)
		r = guard_refresh_self(entry->watched->kernel, entry->id, entry->netns_fd);
	if (r < 0)
		log_warn(r, "own addresses of guard %u", entry->id);
	return 0;
}

/* Follow the addresses of the namespace that the guard's first process lives in. */
static void entry_watch_addresses(struct entry *entry, int cgroup_fd)
{
	pid_t pid = cgroup_first_pid(cgroup_fd);
	int r;

	if (!pid && entry->kind != TEROK_KIND_EXEC)
		return; /* empty: what it was attached with holds */
	entry->netns_fd = netns_of_pid(pid, NULL);
	if (entry->netns_fd < 0)
		return;
	entry->watch_fd = netns_watch(entry->netns_fd);
	r = entry->watch_fd < 0 ? entry->watch_fd
				: source_add(entry->watched->loop, &entry->addresses,
					     entry->watch_fd, EPOLLIN, entry_addresses_event);
	if (!r)
		r = guard_refresh_self(entry->watched->kernel, entry->id, entry->netns_fd);
	if (r)
		log_warn(r, "own addresses of guard %u are not followed", entry->id);
}

/* Nothing of ours keeps a network namespace that nobody lives in; ours lives as long as we do. */
static void entry_empty(struct entry *entry)
{
	_cleanup_close_ int ours = netns_of_pid(0, NULL);
	uint64_t here, there;

	if (entry->netns_fd < 0 || (ours >= 0 && !netns_inode(ours, &here) &&
				    !netns_inode(entry->netns_fd, &there) && here == there))
		return;
	source_del(&entry->addresses);
	closep(&entry->watch_fd);
	closep(&entry->netns_fd);
	entry->watched->events->emptied(entry->id, entry->watched->user);
}

/* Somebody lives in it again, or for the first time. */
static void entry_settle(struct entry *entry)
{
	_cleanup_close_ int fd = cgroup_open(entry->path, NULL);

	if (entry->netns_fd < 0 && fd >= 0)
		entry_watch_addresses(entry, fd);
	entry->watched->events->placed(entry->id, entry->netns_fd, entry->watched->user);
}

static int entry_cgroup_event(struct source *source, uint32_t events)
{
	struct entry *entry = container_of(source, struct entry, cgroup);
	int populated = cgroup_populated_at(entry->cgroup_fd);

	(void)events;
	if (populated < 0) {
		guard_end(entry->watched, entry->id, "cgroup removed");
		return 0;
	}
	if (!populated && entry->kind == TEROK_KIND_EXEC)
		timer_arm(entry->watched->loop, &entry->grace, now_boot_ns() + EXEC_GRACE_NS,
			  entry_grace);
	else
		timer_disarm(&entry->grace);
	if (populated)
		entry_settle(entry);
	else
		entry_empty(entry);
	return 0;
}

static int entry_watch(struct entry *entry, const struct guard *guard)
{
	_cleanup_close_ int cgroup_fd = cgroup_open_id(guard->info.cgroup, NULL);
	int r;

	if (cgroup_fd < 0)
		return cgroup_fd;
	entry->cgroup_fd = cgroup_watch(cgroup_fd);
	if (entry->cgroup_fd < 0)
		return entry->cgroup_fd;
	entry_watch_addresses(entry, cgroup_fd);
	r = parent_watch(entry->watched, entry->path);
	if (r)
		return r;
	return source_add(entry->watched->loop, &entry->cgroup, entry->cgroup_fd, EPOLLPRI,
			  entry_cgroup_event);
}

static int entry_bypass_ended(struct timer *timer)
{
	struct entry *entry = container_of(timer, struct entry, bypass);

	flows_end_said(entry->watched->kernel, entry->id, FLOWS_REFUSED);
	watched_look(entry->watched, entry->id);
	return 0;
}

/* The kernel ends the window by itself; this is for the news, and for sockets left hanging. */
static void entry_await_bypass(struct entry *entry, const struct guard *guard)
{
	if (guard->state != guard->value.state)
		timer_arm(entry->watched->loop, &entry->bypass, guard->value.bypass_ns,
			  entry_bypass_ended);
	else
		timer_disarm(&entry->bypass);
}

static void entry_begin(struct watched *watched, const struct guard *guard, enum guard_news news)
{
	struct entry **slot = entry_slot(watched, guard->id);
	struct entry *entry = calloc(1, sizeof(*entry));
	int r;

	if (!entry) {
		log_error(-ENOMEM, "watch guard %u", guard->id);
		return;
	}
	*entry = (struct entry){ .watched = watched,
				 .id = guard->id,
				 .state = guard->state,
				 .kind = guard->info.kind,
				 .cgroup_fd = -1,
				 .netns_fd = -1,
				 .watch_fd = -1 };
	memcpy(entry->path, guard->info.path, sizeof(entry->path));
	*slot = entry;
	watched->n++;
	r = entry_watch(entry, guard);
	if (r)
		log_warn(r, "watch the cgroup of guard %u", guard->id);
	entry_await_bypass(entry, guard);
	watched->events->guard(guard, news, 0, watched->user);
	watched->events->placed(guard->id, entry->netns_fd, watched->user);
}

void watched_meet(struct watched *watched, uint32_t id)
{
	if (id && !*entry_slot(watched, id))
		watched_look(watched, id);
}

void watched_look(struct watched *watched, uint32_t id)
{
	struct entry *entry = *entry_slot(watched, id);
	struct guard guard;

	if (guard_get(watched->kernel, id, &guard)) {
		entry_end(watched, id, "detached");
		return;
	}
	if (!entry) {
		entry_begin(watched, &guard, GUARD_ATTACHED);
		return;
	}
	entry_await_bypass(entry, &guard);
	if (entry->state != guard.state) {
		entry->state = guard.state;
		watched->events->guard(&guard, GUARD_STATE, 0, watched->user);
	}
	watched->events->placed(id, entry->netns_fd, watched->user);
}

void watched_check(struct watched *watched, uint32_t id)
{
	_cleanup_close_ int fd = -1;
	struct terok_info info;

	if (guard_info(watched->kernel, id, &info))
		return;
	fd = cgroup_open_id(info.cgroup, NULL);
	if (fd == -ENOENT)
		guard_end(watched, id, "cgroup removed");
}

void watched_end(struct watched *watched, uint32_t id)
{
	guard_end(watched, id, "container ended");
}

void watched_renamed(struct watched *watched, uint32_t id)
{
	struct guard guard;

	if (*entry_slot(watched, id) && !guard_get(watched->kernel, id, &guard))
		watched->events->guard(&guard, GUARD_RENAMED, 0, watched->user);
}

/* A guard that was there before us: dead ones are swept, half-attached ones shown as error. */
static int adopt_one(const struct guard *guard, void *user)
{
	struct watched *watched = user;
	_cleanup_close_ int fd = cgroup_open_id(guard->info.cgroup, NULL);

	if (fd == -ENOENT) {
		log_info("guard %u (%s): its cgroup is gone; detached", guard->id,
			 guard->info.name);
		guard_end(watched, guard->id, "cgroup removed");
		return 0;
	}
	if (guard->state == TEROK_STATE_NONE)
		log_error(0,
			  "guard %u (%s) is half attached: everything is denied; attach it again",
			  guard->id, guard->info.name);
	entry_begin(watched, guard, GUARD_LISTED);
	return 0;
}

void watched_adopt(struct watched *watched)
{
	guard_each(watched->kernel, adopt_one, watched);
}

struct listing {
	struct watched *watched;
	uint64_t token;
};

static int list_one(const struct guard *guard, void *user)
{
	struct listing *listing = user;

	listing->watched->events->guard(guard, GUARD_LISTED, listing->token,
					listing->watched->user);
	return 0;
}

void watched_list(struct watched *watched, uint64_t token)
{
	struct listing listing = { .watched = watched, .token = token };

	guard_each(watched->kernel, list_one, &listing);
}
