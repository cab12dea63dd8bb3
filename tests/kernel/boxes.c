// SPDX-License-Identifier: Apache-2.0
#include "boxes.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "cgroup.h"
#include "journal.h"
#include "programs.h"
#include "support.h"

struct box boxes[BOXES];
unsigned n_boxes;
struct said_word *word;

/* --- boxes ------------------------------------------------------------------------------- */

static void own(const char *path, uid_t uid)
{
	_cleanup_close_ int fd = cgroup_create(path, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, uid, -1), 0);
}

static void __attribute__((__noreturn__)) live(const struct box *box, int ready)
{
	_cleanup_close_ int fd = cgroup_open(box->cgroup, NULL);
	bool ok = fd >= 0 && !cgroup_join(fd);

	ok = ok && !setresgid(box->of, box->of, box->of) && !setresuid(box->of, box->of, box->of);
	ok = ok && (box->no_userns || !unshare(CLONE_NEWUSER | CLONE_NEWNET));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ok && write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

struct box *box_new(const struct box *like)
{
	struct box *box = &boxes[n_boxes];
	int ready[2];
	char byte;

	assert_true(n_boxes < BOXES);
	*box = *like;
	snprintf(box->parent, sizeof(box->parent), "/terok-test-%d-box%u", getpid(), n_boxes);
	snprintf(box->cgroup, sizeof(box->cgroup), "/terok-test-%d-box%u/libpod-%s", getpid(),
		 n_boxes, box->id);
	n_boxes++;
	own(box->parent, box->parent_of ?: box->of);
	own(box->cgroup, box->folder_of ?: box->of);
	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	box->pid = fork();
	if (!box->pid) {
		close(ready[0]);
		live(box, ready[1]);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return box;
}

void box_end(struct box *box)
{
	if (box->pid > 0) {
		kill(box->pid, SIGKILL);
		waitpid(box->pid, NULL, 0);
	}
	box->pid = 0;
	cgroup_remove(box->cgroup, NULL, NULL);
	cgroup_remove(box->parent, NULL, NULL);
}

/* --- words ------------------------------------------------------------------------------- */

int say(void *arg)
{
	(void)arg;
	word->result = control_ask(&word->ask, &word->guard, &word->why);
	return 0;
}

void attach_word(const struct box *box)
{
	struct control_attach *attach = &word->ask.word.ATTACH;

	memset(word, 0, sizeof(*word));
	word->ask.patience_ns = 15 * SECOND_NS;
	word->ask.word.type = CONTROL_ATTACH;
	attach->version = CONTROL_HOOK_VERSION;
	attach->pid = box->pid;
	strcpy(attach->id, box->id);
	strcpy(attach->name, "box");
	strcpy(attach->profiles, "none");
	attach->profiles_said = 1;
}

int said_by(uid_t uid)
{
	if (person_as(uid, say, NULL))
		fail_msg("the word was not said");
	return word->result;
}

int attach_by(uid_t uid, const struct box *box)
{
	attach_word(box);
	return said_by(uid);
}

struct guard guard_now(void)
{
	struct guard guard;

	assert_int_equal(word->result, 0);
	assert_int_equal(guard_get(world->kernel, word->guard, &guard), 0);
	assert_true(guard.alive);
	return guard;
}

int boxes_setup(void **state)
{
	n_boxes = 0;
	word = mmap(NULL, sizeof(*word), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word == MAP_FAILED || persons_setup(state))
		return -1;
	journal_close(); /* of the world before */
	agent_start();
	return 0;
}

int boxes_teardown(void **state)
{
	while (n_boxes)
		box_end(&boxes[--n_boxes]);
	munmap(word, sizeof(*word));
	return persons_teardown(state);
}
