// SPDX-License-Identifier: Apache-2.0
#include "deeds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "errand.h"

struct doing {
	struct errand errand;
	struct source ended;
	struct timer late;
	uint32_t uid;
};

struct deeds {
	struct loop *loop;
	struct doing doing[DEEDS_MAX];
};

int deeds_new(struct loop *loop, struct deeds **ret)
{
	struct deeds *deeds = calloc(1, sizeof(*deeds));

	if (!deeds)
		return -ENOMEM;
	deeds->loop = loop;
	*ret = deeds;
	return 0;
}

static void doing_end(struct doing *doing)
{
	source_del(&doing->ended);
	timer_disarm(&doing->late);
	errand_end(&doing->errand);
}

void deeds_free(struct deeds *deeds)
{
	if (!deeds)
		return;
	for (int i = 0; i < DEEDS_MAX; i++) {
		if (!deeds->doing[i].errand.pid)
			continue;
		errand_kill(&deeds->doing[i].errand);
		doing_end(&deeds->doing[i]);
	}
	free(deeds);
}

static int on_ended(struct source *source, uint32_t events)
{
	(void)events;
	doing_end(container_of(source, struct doing, ended));
	return 0;
}

static int on_late(struct timer *timer)
{
	errand_kill(&container_of(timer, struct doing, late)->errand);
	return 0;
}

static struct doing *place_for(const struct deeds *deeds, uint32_t uid)
{
	const struct doing *found = NULL;
	unsigned theirs = 0;

	for (int i = 0; i < DEEDS_MAX; i++) {
		const struct doing *doing = &deeds->doing[i];

		if (!doing->errand.pid)
			found = found ?: doing;
		else
			theirs += doing->uid == uid;
	}
	return theirs < DEEDS_UID ? (struct doing *)found : NULL;
}

int deeds_room(const struct deeds *deeds, uint32_t uid, struct problem *why)
{
	if (place_for(deeds, uid))
		return 0;
	return problem(why, -EAGAIN, "too much is being done at once; try again");
}

/* A file in memory: whole before the child begins to read. */
static int task_file(const struct control_caller *caller, const struct control_deed *deed)
{
	struct deeds_task task = { .uid = caller->uid, .pid = caller->pid, .deed = *deed };
	_cleanup_close_ int fd = memfd_create("deed", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, &task, sizeof(task), 0) != sizeof(task))
		return -EIO;
	return TAKE_FD(fd);
}

int deeds_begin(struct deeds *deeds, const struct control_caller *caller,
		const struct control_deed *deed, int fd, struct problem *why)
{
	struct doing *doing = place_for(deeds, caller->uid);
	_cleanup_close_ int file = -1;
	int r;

	if (!doing)
		return problem(why, -EAGAIN, "too much is being done at once; try again");
	file = task_file(caller, deed);
	r = file < 0 ? file : errand_start(&doing->errand, "deed", (int[]){ fd, file }, 2);
	if (r)
		return problem(why, r, "it cannot be done: %s", strerror(-r));
	doing->uid = caller->uid;
	r = source_add(deeds->loop, &doing->ended, doing->errand.pid_fd, EPOLLIN, on_ended);
	if (r) {
		errand_kill(&doing->errand);
		errand_end(&doing->errand);
		return problem(why, r, "it cannot be waited for: %s", strerror(-r));
	}
	timer_arm(deeds->loop, &doing->late, now_boot_ns() + DEEDS_LATE_NS, on_late);
	return 0;
}
