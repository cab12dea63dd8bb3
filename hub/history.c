// SPDX-License-Identifier: Apache-2.0
#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "request.h"

#define BUCKETS  256
#define GAP_NS   (SECOND_NS / HISTORY_RATE)
#define WRITE_NS (SECOND_NS / 5)  /* entries wait so long for others */
#define BITE_NS  (SECOND_NS / 20) /* between two bites of what must go */
#define RETRY_NS SECOND_NS        /* after a failure nothing is tried for so long */
#define DUE_NS   (60 * SECOND_NS) /* what gets too old is looked for so often at most */

/*
 * A guard that there is, or a container where there are none: what its entries say of it, and how
 * many more of them there may be.
 */
struct known {
	struct known *next;
	uint32_t id, guard, owner; /* guard: its number for people; 0: it has none */
	char container[TEROK_NAME_LEN], name[TEROK_NAME_LEN];
	uint64_t whole_ns; /* when its budget is whole again */
	uint64_t missed;   /* entries that were not noted, since the last that was */
};

struct history {
	struct loop *loop;
	struct history_limits limits;
	struct history_db *db;        /* NULL: not opened yet, or it could not be */
	struct msg_entry *waiting;    /* NULL: none */
	uint32_t of[HISTORY_WAITING]; /* whose each is */
	unsigned n;
	struct timer timer;
	uint64_t retry_ns; /* not before */
	uint64_t lost;     /* entries, since it failed */
	bool failing;      /* said already */
	struct known *bucket[BUCKETS];
};

static uint64_t wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static struct known **known_slot(struct history *history, uint32_t id)
{
	struct known **slot = &history->bucket[id % BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

/* --- the file ------------------------------------------------------------------------------ */

/* They are missing: their guards will say so, those that are there still. */
static void waiting_lose(struct history *history)
{
	for (unsigned i = 0; i < history->n; i++) {
		const struct msg_entry *entry = &history->waiting[i];
		struct known *known = *known_slot(history, history->of[i]);

		/* what a "missed" stands for was counted when it was */
		history->lost += entry->type != ENTRY_MISSED;
		if (known)
			known->missed += entry->type == ENTRY_MISSED ? entry->count : 1;
	}
}

static void fail(struct history *history, const struct problem *why)
{
	history_db_close(history->db);
	history->db = NULL;
	history->retry_ns = now_boot_ns() + RETRY_NS;
	if (!history->failing)
		log_warn(0, "%s: history is not kept until that is mended; decisions go on",
			 why->text);
	history->failing = true;
}

static void mended(struct history *history)
{
	if (history->failing)
		log_info("history is kept again; %llu entries are missing",
			 (unsigned long long)history->lost);
	history->failing = false;
	history->lost = 0;
}

static int db_ready(struct history *history, struct problem *why)
{
	if (history->db)
		return 0;
	if (now_boot_ns() < history->retry_ns)
		return problem(why, -EAGAIN, "it failed a moment ago");
	return history_db_open(&history->limits, &history->db, why);
}

/* What is found broken while it is open is set aside by opening it again. */
static int write_all(struct history *history, struct problem *why)
{
	int r = db_ready(history, why);

	if (!r)
		r = history_db_write(history->db, history->waiting, history->n, why);
	if (r != -EUCLEAN || !history->db)
		return r;
	history_db_close(history->db);
	history->db = NULL;
	r = db_ready(history, why);
	return r ? r : history_db_write(history->db, history->waiting, history->n, why);
}

static int on_timer(struct timer *timer);

static void arm(struct history *history, uint64_t in_ns)
{
	timer_arm(history->loop, &history->timer, now_boot_ns() + in_ns, on_timer);
}

/* The next thing to do when nothing waits: what must go, a bite at a time. */
static void arm_next(struct history *history, bool more)
{
	uint64_t due = more ? 0 : history_db_due(history->db), now = wall_now_ns();

	if (more)
		arm(history, BITE_NS);
	else if (due)
		arm(history, due > now + DUE_NS ? due - now : DUE_NS);
	else
		timer_disarm(&history->timer);
}

/* Somebody else has it for a moment: what waits can wait for one more. */
static bool may_wait(const struct history *history, int error)
{
	return error == -EBUSY && history->db && history->n < HISTORY_WAITING;
}

static void flush(struct history *history)
{
	struct problem why = {};
	int r;

	if (!history->n)
		return;
	r = write_all(history, &why);
	if (may_wait(history, r)) {
		arm(history, RETRY_NS);
		return;
	}
	if (r) {
		waiting_lose(history);
		if (r != -EAGAIN)
			fail(history, &why);
	} else {
		mended(history);
	}
	free(history->waiting);
	history->waiting = NULL;
	history->n = 0;
	if (history->db)
		arm_next(history, true);
}

static int on_timer(struct timer *timer)
{
	struct history *history = container_of(timer, struct history, timer);
	struct problem why = {};
	int more;

	if (history->n) {
		flush(history);
		return 0;
	}
	if (!history->db)
		return 0;
	more = history_db_trim(history->db, &why);
	if (more < 0 && more != -EBUSY)
		fail(history, &why);
	else
		arm_next(history, more > 0);
	return 0;
}

/* --- entries ------------------------------------------------------------------------------- */

/* May one more request of it be noted? */
static bool budget_spend(struct known *known)
{
	uint64_t now = now_boot_ns();

	if (known->whole_ns < now)
		known->whole_ns = now;
	if (known->whole_ns - now > (HISTORY_BURST - 1) * GAP_NS) {
		known->missed++;
		return false;
	}
	known->whole_ns += GAP_NS;
	return true;
}

static struct msg_entry *entry_add(struct history *history, struct known *known,
				   enum entry_type type)
{
	struct msg_entry *entry;

	if (history->n == HISTORY_WAITING)
		flush(history);
	if (!history->waiting)
		history->waiting = calloc(HISTORY_WAITING, sizeof(*history->waiting));
	if (!history->waiting) {
		known->missed++;
		return NULL;
	}
	if (!history->n)
		arm(history, WRITE_NS);
	history->of[history->n] = known->id;
	entry = &history->waiting[history->n++];
	*entry = (struct msg_entry){
		.type = type, .wall_ns = wall_now_ns(), .guard = known->guard, .owner = known->owner
	};
	memcpy(entry->container, known->container, sizeof(entry->container));
	memcpy(entry->name, known->name, sizeof(entry->name));
	return entry;
}

/* What people do has no budget, and of guards what becomes of them has none either. */
static bool has_budget(const struct known *known, enum entry_type type)
{
	if (type == ENTRY_VERDICT || type == ENTRY_REVOKED)
		return false;
	return !known->guard || type == ENTRY_REQUEST || type == ENTRY_EXPIRED;
}

struct msg_entry *history_entry(struct history *history, uint32_t id, enum entry_type type)
{
	struct known *known = history ? *known_slot(history, id) : NULL;
	struct msg_entry *missed;

	if (!known || (has_budget(known, type) && !budget_spend(known)))
		return NULL;
	if (known->missed) {
		missed = entry_add(history, known, ENTRY_MISSED);
		if (missed) {
			missed->count = known->missed;
			known->missed = 0;
		}
	}
	return entry_add(history, known, type);
}

/* The one of that number, new if need be; NULL: no memory, or nothing is noted. */
static struct known *known_get(struct history *history, uint32_t id)
{
	struct known **slot = history ? known_slot(history, id) : NULL;

	if (slot && !*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (*slot)
			(*slot)->id = id;
	}
	return slot ? *slot : NULL;
}

void history_guard(struct history *history, uint32_t id, const struct terok_info *info,
		   bool attached)
{
	struct known *known = known_get(history, id);
	struct msg_entry *entry;

	if (!known)
		return;
	known->guard = id;
	known->owner = info->uid;
	memcpy(known->container, info->container, sizeof(known->container) - 1);
	memcpy(known->name, info->name, sizeof(known->name) - 1);
	entry = attached ? history_entry(history, id, ENTRY_ATTACHED) : NULL;
	if (entry)
		entry->uid = info->uid;
}

uint32_t history_container(struct history *history, uint32_t owner, const char *container,
			   const char *name)
{
	uint32_t id = 1 + request_hash(container) % HISTORY_CONTAINERS;
	struct known *known = known_get(history, id);

	if (!known)
		return id;
	known->owner = owner;
	if (strncmp(known->container, container, sizeof(known->container) - 1)) {
		snprintf(known->container, sizeof(known->container), "%s", container);
		*known->name = '\0';
	}
	if (name)
		snprintf(known->name, sizeof(known->name), "%s", name);
	return id;
}

void history_gone(struct history *history, uint32_t id)
{
	struct known **slot = history ? known_slot(history, id) : NULL, *known;

	if (!slot || !*slot)
		return;
	history_entry(history, id, ENTRY_DETACHED);
	known = *slot;
	*slot = known->next;
	free(known);
}

int history_read(struct history *history, const struct history_query *query, history_fn fn,
		 void *user)
{
	struct history_query mine = *query;
	struct problem why = {};
	int r;

	if (!history)
		return -ENOSYS;
	flush(history);
	r = db_ready(history, &why);
	mine.since_ns = history_db_oldest(&history->limits);
	if (!r)
		r = history_db_read(history_db_handle(history->db), &mine, fn, user, &why);
	if (r < 0 && r != -EAGAIN && r != -EBUSY)
		fail(history, &why);
	return r;
}

int history_new(struct loop *loop, const struct history_limits *limits, struct history **ret)
{
	*ret = NULL;
	if (!limits->days)
		return 0;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->loop = loop;
	(*ret)->limits = *limits;
	return 0;
}

void history_open(struct history *history)
{
	struct problem why = {};

	if (!history)
		return;
	if (db_ready(history, &why))
		fail(history, &why);
	else
		arm_next(history, true);
}

void history_free(struct history *history)
{
	if (!history)
		return;
	flush(history);
	timer_disarm(&history->timer);
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct known *known;

		while ((known = history->bucket[i])) {
			history->bucket[i] = known->next;
			free(known);
		}
	}
	history_db_close(history->db);
	free(history);
}
