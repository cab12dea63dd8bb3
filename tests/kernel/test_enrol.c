// SPDX-License-Identifier: Apache-2.0
/*
 * test_enrol.c - CONTROL_ATTACH: who may have which process guarded, by the kernel's word alone
 *
 * Boxes stand for containers (boxes.h). Every refusal has its control beside it.
 */
#include "boxes.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "cgroup.h"
#include "enrol_word.h"
#include "hooks.h"
#include "journal.h"
#include "owned.h"
#include "programs.h"
#include "support.h"

static unsigned guards(void)
{
	uint32_t key, *prev = NULL;
	unsigned n = 0;

	for (; !bpf_map_get_next_key(world->kernel->map[MAP_INFO], prev, &key); prev = &key)
		n++;
	return n;
}

static void assert_refused(int result, const char *why)
{
	_cleanup_close_ int fd = -1;

	assert_int_equal(word->result, result);
	if (!strstr(word->why.text, why))
		fail_msg("'%s' is not in '%s'", why, word->why.text);
	assert_int_equal(word->guard, 0);
	for (unsigned i = 0; i < n_boxes; i++) {
		fd = cgroup_open(boxes[i].cgroup, NULL);
		if (fd >= 0 && hooks_count(world->kernel, fd))
			fail_msg("there are hooks on %s", boxes[i].cgroup);
		closep(&fd);
	}
	assert_int_equal(guards(), 0);
}

/* --- whose it is ------------------------------------------------------------------------- */

static void a_user_has_their_own_guarded(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct guard guard;

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	guard = guard_now();
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_int_equal(guard.info.uid, ANNE);
	assert_int_equal(guard.info.kind, TEROK_KIND_CONTAINER);
	assert_string_equal(guard.info.container, box->id);
	assert_string_equal(guard.info.path, box->cgroup);
}

static void what_is_another_users_is_refused(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));

	(void)state;
	attach_by(BERT, box);
	assert_refused(-EPERM, "is not user 4002's");
	assert_int_equal(attach_by(ANNE, box), 0);
}

static void what_is_roots_is_refused(void **state)
{
	struct box *box = BOX(.of = 0, .id = ID(1));

	(void)state;
	attach_by(ANNE, box);
	assert_refused(-EPERM, "is not user 4001's");
	assert_int_equal(attach_by(0, box), 0);
	assert_int_equal(guard_now().info.uid, 0);
}

static void a_process_in_no_namespace_of_theirs_is_refused(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1), .no_userns = true);

	(void)state;
	attach_by(ANNE, box);
	assert_refused(-EPERM, "in no user namespace of user 4001");
}

/* Bert's process, in a cgroup that is Anne's by its directory. */
static void a_directory_of_theirs_is_not_enough(void **state)
{
	struct box *box = BOX(.of = BERT, .id = ID(1), .parent_of = ANNE, .folder_of = ANNE);

	(void)state;
	attach_by(ANNE, box);
	assert_refused(-EPERM, "that process is not user 4001's");
	attach_by(BERT, box);
	assert_refused(-EPERM, "is not user 4002's");
}

static void map_users(pid_t pid, uid_t uid)
{
	char path[48], text[64];
	int fd, n = snprintf(text, sizeof(text), "0 %u 1\n1 %u 10\n", uid, SUB);

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

/* As crun hands the directory to the container's root. */
static void a_directory_may_be_a_users_of_the_container(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1), .folder_of = SUB + 3);
	struct box *roots = BOX(.of = ANNE, .id = ID(2), .folder_of = SUB + 3, .parent_of = BERT);
	struct box *others = BOX(.of = ANNE, .id = ID(3), .folder_of = SUB + 10);

	(void)state;
	map_users(box->pid, ANNE);
	map_users(roots->pid, ANNE);
	map_users(others->pid, ANNE);
	attach_by(ANNE, roots); /* in a directory that is not Anne's */
	assert_refused(-EPERM, "is not user 4001's");
	attach_by(ANNE, others); /* of nobody whom the container has */
	assert_refused(-EPERM, "is not user 4001's");
	assert_int_equal(attach_by(ANNE, box), 0);
}

/* --- what it is -------------------------------------------------------------------------- */

static void a_cgroup_without_the_id_is_shared(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));

	(void)state;
	attach_word(box);
	strcpy(word->ask.word.ATTACH.id, ID(2));
	said_by(ANNE);
	assert_refused(-EREMCHG, "no cgroup of its own");
}

static void a_process_that_is_gone_is_refused(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));

	(void)state;
	attach_word(box);
	kill(box->pid, SIGKILL);
	waitpid(box->pid, NULL, 0);
	box->pid = 0;
	said_by(ANNE);
	assert_refused(-ESRCH, "does not run");
}

static int join_and_say(void *arg)
{
	const struct box *box = arg;
	int fd = cgroup_open(box->cgroup, NULL);

	return fd < 0 || cgroup_join(fd) || setresuid(box->of, box->of, box->of) ? 1 : say(NULL);
}

static void who_asks_is_not_in_it(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));

	(void)state;
	attach_word(box);
	assert_int_equal(person_as(0, join_and_say, box), 0);
	assert_refused(-EREMCHG, "who asks for its guard is in its cgroup");
	assert_int_equal(attach_by(ANNE, box), 0);
}

static void from_within_a_guard_nothing_is_changed(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1)), *other = BOX(.of = ANNE, .id = ID(2));

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	attach_word(other);
	assert_int_equal(person_as(0, join_and_say, box), 0);
	assert_int_equal(word->result, -EPERM);
	assert_string_equal(word->why.text, "from within a guard nothing is changed");
	assert_int_equal(guards(), 1);
	assert_int_equal(attach_by(ANNE, other), 0); /* from outside */
}

/* --- what it may want -------------------------------------------------------------------- */

static void a_word_out_of_order_is_refused(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct control_attach *attach = &word->ask.word.ATTACH;

	(void)state;
	attach_word(box), attach->version++, said_by(ANNE);
	assert_refused(-EPROTO, "files are of version 2");
	attach_word(box), memset(attach->name, 'x', sizeof(attach->name)), said_by(ANNE);
	assert_refused(-EINVAL, "without an end");
	attach_word(box), strcpy(attach->name, "a b"), said_by(ANNE);
	assert_refused(-EINVAL, "no container's id or name");
	attach_word(box), attach->state = TEROK_STATE_MAX_, said_by(ANNE);
	assert_refused(-EINVAL, "does not exist");
	attach_word(box), attach->n_infra = CONTROL_INFRA + 1, said_by(ANNE);
	assert_refused(-EINVAL, "more addresses or ports");
	attach_word(box), attach->n_ports = 1, said_by(ANNE);
	assert_refused(-EINVAL, "published port that is none");
	attach_word(box), strcpy(attach->profiles, "/etc/passwd"), said_by(ANNE);
	assert_refused(-EPERM, "profiles by name");
	attach_word(box), strcpy(attach->profiles, "../../passwd"), said_by(ANNE);
	assert_refused(-EPERM, "profiles by name");
	attach_word(box), strcpy(attach->profiles, "nowhere"), said_by(ANNE);
	assert_refused(-ENOENT, "no profile 'nowhere'");
	attach_word(box), attach->n_infra = ENROL_USER_INFRA + 1;
	for (int i = 0; i <= ENROL_USER_INFRA; i++)
		attach->infra[i] = (struct control_dest){ .port = i + 1, .proto = IPPROTO_TCP };
	said_by(ANNE);
	assert_refused(-EPERM, "more than 64 resolvers");
	attach->n_infra--; /* the control */
	assert_int_equal(said_by(ANNE), 0);
}

/* No word of one user's moves what is kept of another's, whatever id they give. */
static void an_id_of_somebody_elses_opens_nothing(void **state)
{
	struct box *roots = BOX(.of = 0, .id = ID(1)), *annes;
	struct guard guard;

	(void)state;
	assert_int_equal(attach_by(0, roots), 0);
	guard = guard_now();
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	box_end(roots);
	n_boxes--;
	annes = BOX(.of = ANNE, .id = ID(1));
	assert_int_equal(attach_by(ANNE, annes), 0);
	guard = guard_now();
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	box_end(annes);
	n_boxes--;
	roots = BOX(.of = 0, .id = ID(1));
	assert_int_equal(attach_by(0, roots), 0);
	assert_int_equal(guard_now().state, TEROK_STATE_DOWN);
	annes = BOX(.of = ANNE, .id = ID(1));
	assert_int_equal(attach_by(ANNE, annes), 0);
	assert_int_equal(guard_now().state, TEROK_STATE_BLOCK); /* the control: hers is kept */
}

/* Whatever its owner says of the state when it is started again. */
static void what_root_blocked_starts_blocked(void **state)
{
	static const enum terok_state wanted[] = { TEROK_STATE_NONE, TEROK_STATE_UP,
						   TEROK_STATE_DOWN_ALL, TEROK_STATE_UP };
	struct box *box = BOX(.of = ANNE, .id = ID(1));

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	assert_works("block", "box");
	for (int i = 0; i < 4; i++) {
		if (i == 3) { /* the control: their own block they take back so */
			assert_works("up", "box");
			assert_done(ANNE, "block", "box");
		}
		box_end(box);
		n_boxes--;
		box = BOX(.of = ANNE, .id = ID(1));
		attach_word(box);
		word->ask.word.ATTACH.state = wanted[i];
		assert_int_equal(said_by(ANNE), 0);
		assert_int_equal(guard_now().state, i == 3 ? TEROK_STATE_UP : TEROK_STATE_BLOCK);
	}
}

static void no_user_has_more_than_a_share_of_guards(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1)), *berts = BOX(.of = BERT, .id = ID(2));
	int map = world->kernel->map[MAP_INFO];
	struct terok_info info = { .uid = ANNE, .cgroup = 1 };
	uint32_t id = 2000000;

	(void)state;
	for (unsigned i = 0; i < OWNED_GUARDS; i++, id++)
		assert_int_equal(bpf_map_update_elem(map, &id, &info, BPF_ANY), 0);
	attach_by(ANNE, box);
	assert_int_equal(word->result, -EDQUOT);
	assert_int_equal(attach_by(BERT, berts), 0);
	id--;
	assert_int_equal(bpf_map_delete_elem(map, &id), 0);
	assert_int_equal(attach_by(ANNE, box), 0);
}

/* --- the same of one that runs, by terok-bpfd attach --------------------------------------- */

static void deed_word(const struct box *box)
{
	struct control_deed *deed = &word->ask.word.DEED;

	memset(word, 0, sizeof(*word));
	word->ask.patience_ns = 15 * SECOND_NS;
	word->ask.word.type = CONTROL_DEED;
	deed->kind = DEED_ATTACH;
	strcpy(deed->guard, "box");
	deed->want.pid = box->pid;
	strcpy(deed->want.id, box->id);
}

static void hear(const struct control_packet *reply, void *user)
{
	size_t n = strlen(word->text);

	(void)user;
	if (reply->type == CONTROL_EXIT)
		word->code = reply->EXIT.code;
	else if (reply->type == CONTROL_TEXT_OUT)
		snprintf(word->text + n, sizeof(word->text) - n, "%.*s", (int)reply->TEXT_OUT.size,
			 reply->TEXT_OUT.text);
}

static unsigned deed_by(uid_t uid)
{
	word->ask.reply = hear;
	assert_int_equal(said_by(uid), 0);
	return word->code;
}

static void assert_deed_refused(uid_t uid, const char *why)
{
	assert_int_equal(deed_by(uid), 1);
	if (!strstr(word->text, why))
		fail_msg("'%s' is not in '%s'", why, word->text);
	assert_int_equal(guards(), 0);
}

static void a_user_guards_a_container_that_runs(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct box *bare = BOX(.of = ANNE, .id = ID(2), .no_userns = true);
	struct guard guard;

	(void)state;
	deed_word(box);
	assert_deed_refused(BERT, "is not user 4002's");
	deed_word(bare);
	assert_deed_refused(ANNE, "in no user namespace of user 4001");
	deed_word(box), strcpy(word->ask.word.DEED.want.id, ID(3));
	assert_deed_refused(ANNE, "no cgroup of its own");
	deed_word(box), word->ask.word.DEED.want.pid = 1;
	assert_deed_refused(ANNE, "no cgroup of its own");
	deed_word(box), word->ask.word.DEED.want.pid = 0;
	assert_deed_refused(ANNE, "no container's id and pid");
	deed_word(box), strcpy(word->ask.word.DEED.guard, "a b");
	assert_deed_refused(ANNE, "no container's name");
	deed_word(box);
	strcpy(word->ask.word.DEED.want.profiles, "/etc/passwd");
	word->ask.word.DEED.want.profiles_said = 1;
	assert_deed_refused(ANNE, "profiles by name");
	deed_word(box), strcpy(word->ask.word.DEED.want.name, "-x");
	assert_deed_refused(ANNE, "a name is");
	deed_word(box);
	assert_int_equal(deed_by(ANNE), 0); /* the control */
	assert_int_equal(guard_of_container(world->kernel, box->id, ANNE, &guard), 0);
	assert_int_equal(guard.info.kind, TEROK_KIND_CONTAINER);
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_string_equal(guard.info.name, "box");
	assert_string_equal(guard.info.path, box->cgroup);
}

/* --- how it ends ------------------------------------------------------------------------- */

static void an_end_that_is_said_ends_nobody_who_lives(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	uint32_t guard;

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	guard = word->guard;
	for (uid_t uid = ANNE; uid <= BERT; uid++) {
		memset(word, 0, sizeof(*word));
		word->ask.word.type = CONTROL_STOPPED;
		strcpy(word->ask.word.STOPPED.id, box->id);
		assert_int_equal(said_by(uid), 0);
		word->guard = guard;
		assert_int_equal(guard_now().state, TEROK_STATE_UP);
	}
}

/* The process's own first connect, which it makes as soon as it hears that it is guarded. */
static void a_container_is_guarded_when_the_word_is_answered(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct test_dest far = { .addr = TEST_FAR, .port = TEST_PORT };
	int fd, status;
	pid_t pid;

	(void)state;
	for (int guarded = 0; guarded < 2; guarded++) {
		if (guarded)
			assert_int_equal(attach_by(ANNE, box), 0);
		fflush(NULL);
		pid = fork();
		if (!pid) {
			fd = cgroup_open(box->cgroup, NULL);
			_exit(fd < 0 || cgroup_join(fd) ? 255 : test_connect(&far));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), guarded ? EHOSTUNREACH : 0);
	}
}

/* --- a child that has waited for it ------------------------------------------------------ */

static unsigned files_of(pid_t pid)
{
	struct dirent *entry;
	char path[48];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The child that waits, with all maps and programs open; not @last, which has done its errand. */
static pid_t child_waits(pid_t last)
{
	uint64_t until_ns = now_boot_ns() + LIMIT_MS * (SECOND_NS / 1000);
	struct control_ask coming = { .patience_ns = 15 * SECOND_NS,
				      .word = { .type = CONTROL_COMING } };
	pid_t pid;

	assert_int_equal(control_ask(&coming, NULL, NULL), 0);
	while (!(pid = test_worker(agent, "enrol")) || pid == last ||
	       files_of(pid) < MAP_MAX_ + TEROK_HOOK_MAX_)
		if (now_boot_ns() > until_ns || poll(NULL, 0, 1) < 0)
			fail_msg("no child waits for a container");
	return pid;
}

static uint32_t program_pinned(void)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;

	assert_int_equal(kernel_open(&kernel, NULL), 0);
	return kernel->prog_id[TEROK_HOOK_CONNECT4];
}

static uint32_t program_of(const struct box *box)
{
	_cleanup_close_ int fd = cgroup_open(box->cgroup, NULL);
	uint32_t id[4], n = 4;

	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, NULL, id, &n), 0);
	assert_int_equal(n, 1);
	return id[0];
}

static void programs_that_came_meanwhile_are_those_of_the_guard(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1)), *next = BOX(.of = ANNE, .id = ID(2));
	uint32_t before = program_pinned();
	pid_t child = child_waits(0);
	char other[600];

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	assert_int_equal(program_of(box), before); /* the control */
	child = child_waits(child);
	snprintf(other, sizeof(other), "%.*s/tests/kernel/builds/other/bpfd",
		 (int)(strrchr(bpfd, '/') - bpfd), bpfd);
	assert_int_equal(verb((const char *const[]){ other, "load", NULL }), 0);
	assert_int_not_equal(program_pinned(), before);
	assert_int_equal(child_waits(0), child); /* it is still the one, of before */
	assert_int_equal(attach_by(ANNE, next), 0);
	assert_int_equal(program_of(next), program_pinned());
}

static void a_journal_that_came_meanwhile_has_what_is_kept(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	char key[JOURNAL_KEY_LEN], names[JOURNAL_PROFILES_LEN] = "";
	char from[160], to[160];
	struct guard guard;

	(void)state;
	child_waits(0);
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end;
	     end++) {
		snprintf(from, sizeof(from), "%s/policy.db%s", getenv("TEROK_STATE"), *end);
		snprintf(to, sizeof(to), "%s/away%s", getenv("TEROK_STATE"), *end);
		assert_int_equal(rename(from, to), 0);
	}
	assert_int_equal(attach_by(ANNE, box), 0);
	guard = guard_now();
	journal_close();
	assert_true(journal_key(&guard.info, key));
	assert_int_equal(journal_get_profiles(key, names, NULL), 1);
	assert_string_equal(names, "none");
}

static unsigned children(void)
{
	unsigned n = 0;
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", agent, agent);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

/* When the next one is started that one has its task: and then it dies, before it begins. */
static void __attribute__((__noreturn__)) kill_with_its_task(pid_t child, unsigned before)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (children() == before)
		poll(NULL, 0, 1);
	_exit(kill(child, SIGKILL) != 0);
}

static void a_child_that_died_as_it_waited_costs_nobody_a_container(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1)), *next = BOX(.of = ANNE, .id = ID(2));
	pid_t child = child_waits(0), killer;
	int status;

	(void)state;
	kill(child, SIGKILL);
	assert_int_equal(attach_by(ANNE, box), 0);
	child = child_waits(child);
	kill(child, SIGSTOP);
	fflush(NULL);
	killer = fork();
	if (!killer)
		kill_with_its_task(child, children());
	assert_int_equal(attach_by(ANNE, next), 0);
	assert_int_equal(waitpid(killer, &status, 0), killer);
	assert_int_equal(status, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, boxes_setup, boxes_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_user_has_their_own_guarded),
		T(what_is_another_users_is_refused),
		T(what_is_roots_is_refused),
		T(a_process_in_no_namespace_of_theirs_is_refused),
		T(a_directory_of_theirs_is_not_enough),
		T(a_directory_may_be_a_users_of_the_container),
		T(a_cgroup_without_the_id_is_shared),
		T(a_process_that_is_gone_is_refused),
		T(who_asks_is_not_in_it),
		T(from_within_a_guard_nothing_is_changed),
		T(a_word_out_of_order_is_refused),
		T(an_id_of_somebody_elses_opens_nothing),
		T(what_root_blocked_starts_blocked),
		T(no_user_has_more_than_a_share_of_guards),
		T(a_user_guards_a_container_that_runs),
		T(an_end_that_is_said_ends_nobody_who_lives),
		T(a_container_is_guarded_when_the_word_is_answered),
		T(programs_that_came_meanwhile_are_those_of_the_guard),
		T(a_journal_that_came_meanwhile_has_what_is_kept),
		T(a_child_that_died_as_it_waited_costs_nobody_a_container),
	};

	test_require("kernel/enrol");
	programs_find();
	return cmocka_run_group_tests_name("kernel/enrol", tests, NULL, NULL);
}
