// SPDX-License-Identifier: Apache-2.0
#include "containers.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cgroup.h"
#include "claim.h"
#include "dossier.h"
#include "guard.h"

/* A hook that is about to attach has so long before people hear that there is no guard. */
#define GRACE_NS (SECOND_NS / 2)
/* Alarms of one user: these at once, and one in ten seconds more. */
#define ALARMS_BURST 32
#define ALARMS_GAP   (10 * SECOND_NS)
#define COMPLAIN_NS  (60 * SECOND_NS)
#define BUCKETS      512

enum worry { CALM, WAITING, ALARMED };

struct container {
	struct container *next;
	struct containers *containers;
	uint32_t uid;
	uint32_t over;  /* the guard that it is in; 0: none */
	uint32_t guard; /* the same, if it is its own and its user's */
	char id[MSG_CONTAINER], name[TEROK_NAME_LEN];
	char first[TEROK_NAME_LEN], last[TEROK_NAME_LEN]; /* what it was called */
	pid_t pid;
	bool annotated;
	bool left;        /* its watcher sees it no more; it is kept for its alarm */
	bool stale;       /* the watcher is a new one, and has not said it yet */
	bool unseen_said; /* of its file */
	struct terok_dossier pairs, *file; /* file: what it says over them; NULL: nothing */
	enum worry worry;
	int pidfd; /* of one that worries; -1 */
	struct source ended;
	struct timer grace;
	uint64_t since_ns;
	char why[MSG_TEXT];
};

struct whose { /* what is counted of a user */
	struct whose *next;
	uint32_t uid;
	unsigned n;
	uint64_t whole_ns, complained_ns, unseen_ns;
};

struct containers {
	struct loop *loop;
	const struct kernel *kernel;
	const struct containers_events *events;
	void *user;
	unsigned n;
	struct whose *whose;
	struct container *bucket[BUCKETS];
};

int containers_new(struct loop *loop, const struct kernel *kernel,
		   const struct containers_events *events, void *user, struct containers **ret)
{
	struct containers *containers = calloc(1, sizeof(*containers));

	if (!containers)
		return -ENOMEM;
	*containers =
	    (struct containers){ .loop = loop, .kernel = kernel, .events = events, .user = user };
	*ret = containers;
	return 0;
}

/* --- the table ----------------------------------------------------------------------- */

static struct container **slot_of(struct containers *containers, uint32_t uid, const char *id)
{
	unsigned sum = uid;
	struct container **slot;

	for (const char *p = id; *p; p++)
		sum = 31 * sum + (unsigned char)*p;
	slot = &containers->bucket[sum % BUCKETS];
	while (*slot && ((*slot)->uid != uid || strcmp((*slot)->id, id)))
		slot = &(*slot)->next;
	return slot;
}

static struct whose *whose_of(struct containers *containers, uint32_t uid)
{
	struct whose *whose = containers->whose;

	while (whose && whose->uid != uid)
		whose = whose->next;
	if (whose)
		return whose;
	whose = calloc(1, sizeof(*whose));
	if (!whose)
		return NULL;
	*whose = (struct whose){ .next = containers->whose, .uid = uid };
	containers->whose = whose;
	return whose;
}

static struct container *container_get(struct containers *containers, uint32_t uid, const char *id)
{
	struct container **slot = slot_of(containers, uid, id), *c = *slot;
	struct whose *whose;

	if (c)
		return c;
	whose = whose_of(containers, uid);
	if (!whose || whose->n == CONTAINERS_UID_MAX || containers->n == CONTAINERS_MAX)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct container){ .containers = containers, .uid = uid, .pidfd = -1 };
	snprintf(c->id, sizeof(c->id), "%s", id);
	whose->n++;
	containers->n++;
	return *slot = c;
}

static void calm(struct container *c)
{
	timer_disarm(&c->grace);
	source_del(&c->ended);
	closep(&c->pidfd);
	c->worry = CALM;
}

static void container_free(struct container *c)
{
	struct containers *containers = c->containers;
	struct container **slot = slot_of(containers, c->uid, c->id);

	calm(c);
	*slot = c->next;
	containers->n--;
	whose_of(containers, c->uid)->n--;
	free(c->file);
	free(c);
}

void containers_free(struct containers *containers)
{
	struct whose *whose;

	if (!containers)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (containers->bucket[i])
			container_free(containers->bucket[i]);
	while ((whose = containers->whose)) {
		containers->whose = whose->next;
		free(whose);
	}
	free(containers);
}

static void each(struct containers *containers, void (*fn)(struct container *c, void *user),
		 void *user)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct container *c = containers->bucket[i], *next; c; c = next) {
			next = c->next;
			fn(c, user);
		}
	}
}

/* --- alarms -------------------------------------------------------------------------- */

static void alarm_of(const struct container *c, struct msg_alarm *ret)
{
	*ret = (struct msg_alarm){ .uid = c->uid, .pid = c->pid, .since_ns = c->since_ns };
	memcpy(ret->id, c->id, sizeof(ret->id));
	memcpy(ret->name, c->name, sizeof(ret->name));
	memcpy(ret->why, c->why, sizeof(ret->why));
	terok_dossier_take(&c->pairs, &ret->pairs);
	memset(ret->pairs.meta_path, 0, sizeof(ret->pairs.meta_path));
}

static void alarm_end(struct container *c, const char *why)
{
	struct msg_alarm alarm;

	if (c->worry == ALARMED) {
		snprintf(c->why, sizeof(c->why), "%s", why);
		alarm_of(c, &alarm);
		alarm.over = true;
		c->containers->events->alarm(&alarm, c->containers->user);
	}
	calm(c);
}

/* What nobody speaks of and nobody worries about is forgotten. */
static void container_settle(struct container *c)
{
	if (c->left && c->worry == CALM)
		container_free(c);
}

static int on_ended(struct source *source, uint32_t events)
{
	struct container *c = container_of(source, struct container, ended);

	(void)events;
	alarm_end(c, "it has ended");
	container_settle(c);
	return 0;
}

/* Whoever starts containers to have alarms has some of them, and then few. */
static bool alarm_spend(struct container *c)
{
	struct whose *whose = whose_of(c->containers, c->uid);
	uint64_t now = now_boot_ns();

	if (!whose)
		return false;
	if (whose->whole_ns < now)
		whose->whole_ns = now;
	if (whose->whole_ns - now > (ALARMS_BURST - 1) * ALARMS_GAP)
		return false;
	whose->whole_ns += ALARMS_GAP;
	return true;
}

static bool container_look(struct container *c);

static int on_grace(struct timer *timer)
{
	struct container *c = container_of(timer, struct container, grace);
	struct msg_alarm alarm;

	if (!container_look(c))
		return 0;
	if (!alarm_spend(c)) {
		timer_arm(c->containers->loop, &c->grace, now_boot_ns() + ALARMS_GAP, on_grace);
		return 0;
	}
	c->worry = ALARMED;
	c->since_ns = now_boot_ns();
	alarm_of(c, &alarm);
	c->containers->events->alarm(&alarm, c->containers->user);
	return 0;
}

static void worry(struct container *c)
{
	int r;

	if (c->worry != CALM)
		return;
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		return;
	r = source_add(c->containers->loop, &c->ended, c->pidfd, EPOLLIN, on_ended);
	if (r) {
		closep(&c->pidfd);
		return;
	}
	c->worry = WAITING;
	timer_arm(c->containers->loop, &c->grace, now_boot_ns() + GRACE_NS, on_grace);
}

/* --- what the kernel says ------------------------------------------------------------ */

/* The guard of that cgroup, or of the closest above it; false: none that stands. */
static bool guard_over(const struct kernel *kernel, const char *path, struct guard *ret)
{
	char above[TEROK_PATH_LEN];

	for (strcpy(above, path); *above; *strrchr(above, '/') = '\0') {
		_cleanup_close_ int fd = cgroup_open(above, NULL);
		struct terok_guard value;
		uint64_t id;

		if (fd >= 0 && !cgroup_id(fd, &id) &&
		    !bpf_map_lookup_elem(kernel->map[MAP_GUARDS], &id, &value) && value.id &&
		    !guard_get(kernel, value.id, ret) && ret->alive && ret->info.cgroup == id)
			return true;
	}
	return false;
}

/* One without a cgroup of its own: whose it is its user namespace says. */
static int shared_check(const struct container *c)
{
	_cleanup_close_ int ns = -1;
	char path[40];
	uid_t owner;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", c->pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || ioctl(ns, NS_GET_OWNER_UID, &owner))
		return -errno;
	return owner == c->uid ? 0 : -EPERM;
}

/* Its cgroup, if it is what it is said to be. */
static int claim_path(const struct container *c, char ret[static TEROK_PATH_LEN],
		      struct problem *why)
{
	struct claim claim;
	int r = claim_open(c->pid, c->id, c->name, &claim, why);

	if (r == -EREMCHG) {
		int whose = shared_check(c);

		if (whose)
			return problem(why, whose, "that process is not user %u's", c->uid);
		return cgroup_of_pid(c->pid, ret, NULL) ?: 1;
	}
	if (r)
		return r;
	r = claim_check(&claim, c->uid, why);
	memcpy(ret, claim.cgroup, TEROK_PATH_LEN);
	claim_done(&claim);
	return r;
}

/* Somebody says what is not so: their watcher was taken over, or is no watcher of ours. */
static void complain(struct container *c, int error, const struct problem *why)
{
	struct whose *whose = whose_of(c->containers, c->uid);
	uint64_t now = now_boot_ns();

	if (error != -EPERM || !whose ||
	    (whose->complained_ns && now - whose->complained_ns < COMPLAIN_NS))
		return;
	whose->complained_ns = now;
	log_warn(0, "the watcher of user %u says that process %d is container %.12s: %s", c->uid,
		 (int)c->pid, c->id, why->text);
}

/* --- what follows from it ------------------------------------------------------------ */

/* One that somebody gave a name of its own (attach --name) keeps that. */
static bool is_called_so(const struct container *c, const struct terok_info *info)
{
	size_t n = strlen(info->name);

	return !strcmp(info->name, c->first) || !strcmp(info->name, c->last) ||
	       (n >= GUARD_ID_MIN && !strncmp(info->name, c->id, n));
}

static void guard_follow_name(struct container *c, const struct guard *guard,
			      struct terok_dossier *kept)
{
	struct containers *containers = c->containers;
	struct problem why = {};
	int r;

	if (!strcmp(guard->info.name, c->name) ||
	    (!(kept->flags & TEROK_DOSSIER_NAMED) && !is_called_so(c, &guard->info)))
		return;
	/* first: an agent that comes later has not heard what it was called before */
	kept->flags |= TEROK_DOSSIER_NAMED;
	r = dossier_write(containers->kernel, guard->id, kept, &why);
	if (!r)
		r = guard_rename(containers->kernel, guard->id, c->name, &why);
	if (r)
		log_warn(0, "guard %u is called %s still: %s", guard->id, guard->info.name,
			 why.text);
	else
		containers->events->renamed(guard->id, containers->user);
}

static void guard_describe(struct container *c, const struct guard *guard)
{
	struct containers *containers = c->containers;
	struct terok_dossier kept;
	struct problem why = {};

	c->guard = guard->id;
	if (dossier_read(containers->kernel, guard->id, &kept))
		return;
	guard_follow_name(c, guard, &kept);
	/* attached without a hook, which knows it better */
	if (terok_dossier_said(&c->pairs) && !kept.n && !*kept.meta_path) {
		uint32_t flags = kept.flags;

		kept = c->pairs;
		kept.flags = flags;
		if (dossier_write(containers->kernel, guard->id, &kept, &why))
			log_warn(0, "%s", why.text);
		else
			containers->events->described(guard->id, containers->user);
	}
	containers->events->file(guard->id, c->file, containers->user);
}

/* Look at it as it is now; true: it asks for a guard and has none. */
static bool container_look(struct container *c)
{
	char path[TEROK_PATH_LEN];
	struct problem why = {};
	struct guard guard;
	int r = claim_path(c, path, &why);

	c->guard = c->over = 0;
	if (r < 0) {
		complain(c, r, &why);
		calm(c);
		return false;
	}
	if (guard_over(c->containers->kernel, path, &guard)) {
		alarm_end(c, "it has a guard");
		c->over = guard.id;
		if (guard.info.uid == c->uid && guard.info.kind == TEROK_KIND_CONTAINER &&
		    !strcmp(guard.info.container, c->id))
			guard_describe(c, &guard);
		return false;
	}
	if (!c->annotated) {
		calm(c);
		return false;
	}
	if (r)
		snprintf(c->why, sizeof(c->why), "%s", why.text);
	else
		snprintf(c->why, sizeof(c->why),
			 "it asks for a guard and has none: terok-bpfd attach %.12s guards it from "
			 "then on; with the hooks (terok-bpfd setup) it is guarded from its start",
			 c->id);
	worry(c);
	return true;
}

/* --- what is heard ------------------------------------------------------------------- */

static void name_take(char ret[static TEROK_NAME_LEN], const char said[static TEROK_NAME_LEN],
		      const char *id)
{
	memcpy(ret, said, TEROK_NAME_LEN);
	ret[TEROK_NAME_LEN - 1] = '\0';
	if (!container_is_name(ret))
		snprintf(ret, TEROK_NAME_LEN, "%.12s", id);
}

static void on_found(struct containers *containers, uint32_t uid, const struct msg_found *found)
{
	char id[MSG_CONTAINER];
	struct container *c;

	memcpy(id, found->id, sizeof(id));
	id[sizeof(id) - 1] = '\0';
	if (!container_is_id(id) || found->pid < 1 || found->pid > INT32_MAX)
		return;
	c = container_get(containers, uid, id);
	if (!c)
		return;
	if (c->pid != (pid_t)found->pid)
		alarm_end(c, "it has ended");
	c->pid = found->pid;
	c->left = c->stale = false;
	c->annotated = found->annotated;
	memcpy(c->last, c->name, sizeof(c->last));
	name_take(c->name, found->name, id);
	name_take(c->first, found->first, id);
	terok_dossier_take(&found->pairs, &c->pairs);
	c->pairs.flags = 0;
	container_look(c);
}

static struct container *find(struct containers *containers, uint32_t uid,
			      const char said[static MSG_CONTAINER])
{
	char id[MSG_CONTAINER];

	memcpy(id, said, sizeof(id));
	id[sizeof(id) - 1] = '\0';
	return *slot_of(containers, uid, id);
}

/* Its watcher sees it no more. What it asked for ends with its process, which the kernel tells. */
static void on_left(struct containers *containers, uint32_t uid, const struct msg_left *left)
{
	struct container *c = find(containers, uid, left->id);

	if (!c)
		return;
	c->left = true;
	container_settle(c);
}

/* PrivateTmp= of the unit: a file there is another's /tmp, and will never be seen. Once for each. */
static void unseen_say(struct container *c)
{
	struct whose *whose = whose_of(c->containers, c->uid);
	const char *path = c->pairs.meta_path;
	uint64_t now = now_boot_ns();
	char safe[MSG_TEXT];

	if (c->unseen_said || !whose ||
	    (strncmp(path, "/tmp/", 5) && strncmp(path, "/var/tmp/", 9)))
		return;
	c->unseen_said = true;
	if (whose->unseen_ns && now - whose->unseen_ns < COMPLAIN_NS)
		return;
	whose->unseen_ns = now;
	log_warn(
	    0,
	    "container %s (%.12s) of user %u: its dossier.meta_path %s cannot be read, and its "
	    "annotations are told; the agent that systemd runs has a /tmp of its own, so put the "
	    "file below /run/user/%u or into a home folder",
	    c->name, c->id, c->uid, log_safe(safe, sizeof(safe), path), c->uid);
}

static void on_meta(struct containers *containers, uint32_t uid, const struct msg_meta *meta)
{
	struct container *c = find(containers, uid, meta->id);

	if (!c)
		return;
	if (meta->there && !c->file)
		c->file = malloc(sizeof(*c->file));
	if (meta->there && c->file) {
		terok_dossier_take(&meta->says, c->file);
	} else {
		free(c->file);
		c->file = NULL;
		unseen_say(c);
	}
	if (c->guard)
		containers->events->file(c->guard, c->file, containers->user);
}

static void end_stale(struct container *c, void *user)
{
	if (c->uid != *(const uint32_t *)user || !c->stale)
		return;
	c->left = true;
	container_settle(c);
}

void containers_hear(struct containers *containers, uint32_t uid, const struct msg_packet *packet)
{
	if (packet->type == MSG_FOUND)
		on_found(containers, uid, &packet->FOUND);
	else if (packet->type == MSG_LEFT)
		on_left(containers, uid, &packet->LEFT);
	else if (packet->type == MSG_META)
		on_meta(containers, uid, &packet->META);
	else if (packet->type == MSG_SWEPT) {
		each(containers, end_stale, &uid);
		containers->events->swept(uid, containers->user);
	}
}

static void make_stale(struct container *c, void *user)
{
	c->stale = c->stale || c->uid == *(const uint32_t *)user;
}

bool containers_has(struct containers *containers, uint32_t uid, const char *id)
{
	const struct container *c = *slot_of(containers, uid, id);

	return c && !c->left;
}

void containers_begin(struct containers *containers, uint32_t uid)
{
	each(containers, make_stale, &uid);
}

static void guard_came(struct container *c, void *user)
{
	const struct terok_info *info = user;

	if (c->worry != CALM || !strcmp(c->id, info->container))
		container_look(c);
	container_settle(c);
}

void containers_guard(struct containers *containers, const struct terok_info *info)
{
	each(containers, guard_came, (void *)info);
}

static void guard_went(struct container *c, void *user)
{
	if (c->over == *(uint32_t *)user)
		container_look(c);
}

void containers_gone(struct containers *containers, uint32_t guard)
{
	each(containers, guard_went, &guard);
}

struct telling {
	uint32_t uid;
	void (*fn)(const struct msg_alarm *alarm, void *user);
	void *user;
};

static void tell_alarm(struct container *c, void *user)
{
	const struct telling *telling = user;
	struct msg_alarm alarm;

	if (c->worry != ALARMED || (telling->uid && telling->uid != c->uid))
		return;
	alarm_of(c, &alarm);
	telling->fn(&alarm, telling->user);
}

void containers_alarms(struct containers *containers, uint32_t uid,
		       void (*fn)(const struct msg_alarm *alarm, void *user), void *user)
{
	struct telling telling = { uid, fn, user };

	each(containers, tell_alarm, &telling);
}
