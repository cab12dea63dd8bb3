// SPDX-License-Identifier: Apache-2.0
/*
 * test_deeds.c - verbs of users who are not root: what they see and change of their guards by
 * way of the agent, and that other people's are not there
 *
 * The program is the one that ships, run by a process that is that user.
 */
#include "programs.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "control.h"
#include "deeds.h"
#include "guard.h"
#include "persons.h"
#include "policy.h"

static uint32_t annes, berts, roots;

static const char *number(uint32_t guard)
{
	static char text[12];

	snprintf(text, sizeof(text), "%u", guard);
	return text;
}

static enum terok_state state_of(uint32_t id)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct problem why = {};
	struct guard guard;

	assert_int_equal(kernel_open(&kernel, &why), 0);
	assert_int_equal(guard_get(kernel, id, &guard), 0);
	return guard.state;
}

static int setup(void **state)
{
	if (persons_setup(state))
		return -1;
	annes = person_guard(ANNE, "annes");
	berts = person_guard(BERT, "berts");
	roots = person_guard(0, "roots");
	agent_start();
	return 0;
}

/* --- what is seen ------------------------------------------------------------------------ */

static void a_user_sees_their_guards_and_no_others(void **state)
{
	(void)state;
	assert_done(ANNE, "status");
	assert_out("annes");
	assert_not_out("berts");
	assert_not_out("roots");
	assert_done(ANNE, "status", "--json");
	assert_out("\"name\":\"annes\"");
	assert_not_out("berts");
	assert_done(BERT, "status");
	assert_out("berts");
	assert_not_out("annes");
	assert_works("status"); /* the control: root sees all three */
	assert_said("annes");
	assert_said("berts");
	assert_said("roots");
}

/* Not one byte tells what is another's from what never was. */
static void what_is_anothers_was_never_there(void **state)
{
	static const char *const verbs[] = { "status", "up",    "down",    "block",
					     "rules",  "names", "resolve", "detach" };
	const char *name;
	char want[96];

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		for (int k = 0; k < 4; k++) {
			name = k == 0 ? "berts" : k == 1 ? "roots" : number(k == 2 ? berts : roots);
			assert_int_equal(AS(ANNE, verbs[i], name), 1);
			snprintf(want, sizeof(want),
				 "terok-bpfd: no guard '%s'; terok-bpfd status lists them\n", name);
			if (i) /* status says more before it */
				assert_string_equal(person_out, want);
			else
				assert_out(want);
		}
	}
	assert_int_equal(AS(ANNE, "allow", "berts", "192.0.2.1"), 1);
	assert_out("no guard 'berts'");
	assert_int_equal(AS(ANNE, "explain", "roots", "192.0.2.1"), 1);
	assert_out("no guard 'roots'");
	assert_int_equal(state_of(berts), TEROK_STATE_UP);
	assert_int_equal(state_of(roots), TEROK_STATE_UP);
}

static void two_users_may_call_theirs_the_same(void **state)
{
	uint32_t second = person_guard(BERT, "same"), first = person_guard(ANNE, "same");

	(void)state;
	assert_done(ANNE, "block", "same");
	assert_int_equal(state_of(first), TEROK_STATE_BLOCK);
	assert_int_equal(state_of(second), TEROK_STATE_UP);
}

/* --- what is changed --------------------------------------------------------------------- */

static void a_user_changes_their_guard(void **state)
{
	(void)state;
	assert_done(ANNE, "block", "annes");
	assert_out("up -> block");
	assert_int_equal(state_of(annes), TEROK_STATE_BLOCK);
	assert_done(ANNE, "up", number(annes));
	assert_int_equal(state_of(annes), TEROK_STATE_UP);
	assert_done(ANNE, "allow", "annes", "192.0.2.7", "--port", "443", "--for", "10m");
	assert_out("192.0.2.7");
	assert_out("600 s left");
	assert_done(ANNE, "rules", "annes");
	assert_out("192.0.2.7");
	assert_done(ANNE, "explain", "annes", "192.0.2.7");
	assert_out("would be allowed");
	assert_done(ANNE, "allow", "annes", "192.0.2.7", "--port", "443", "--remove");
	assert_done(ANNE, "explain", "annes", "192.0.2.7");
	assert_out("would be refused");
	assert_done(ANNE, "publish", "annes", "8080");
	assert_done(ANNE, "bypass", "annes", "--for", "90s");
	assert_out("open for 90 s");
	assert_done(ANNE, "names", "annes", "--json");
	assert_out("\"mode\":");
	assert_done(ANNE, "flush", "annes");
	assert_done(ANNE, "detach", "annes");
	assert_int_equal(AS(ANNE, "rules", "annes"), 1);
}

/* By the user's own number, whatever their environment says. */
static void a_rule_says_who_made_it(void **state)
{
	(void)state;
	setenv("SUDO_UID", "0", 1);
	assert_done(ANNE, "deny", "annes", "192.0.2.9");
	unsetenv("SUDO_UID");
	assert_works("rules", "annes", "--json");
	assert_said("\"uid\":4001");
}

static void what_root_said_is_roots(void **state)
{
	(void)state;
	assert_works("deny", "annes", "192.0.2.66");
	assert_int_equal(AS(ANNE, "deny", "annes", "192.0.2.66", "--remove"), 1);
	assert_out("root said something of just that destination");
	assert_int_equal(AS(ANNE, "allow", "annes", "192.0.2.66"), 1);
	assert_int_equal(AS(ANNE, "allow", "annes", "192.0.2.66", "--port", "443", "--infra"), 1);
	assert_out("only root opens what no deny can close");
	assert_int_equal(AS(ANNE, "detach", "annes"), 1);
	assert_out("root said something of this guard");
	assert_done(ANNE, "allow", "annes", "192.0.2.0/24"); /* a deny wins over it */
	assert_done(ANNE, "explain", "annes", "192.0.2.66");
	assert_out("would be refused");
	assert_works("deny", "annes", "192.0.2.66", "--remove");
	assert_done(ANNE, "explain", "annes", "192.0.2.66"); /* the control */
	assert_out("would be allowed");
	assert_done(ANNE, "detach", "annes");
}

static void what_root_blocked_only_root_opens(void **state)
{
	(void)state;
	assert_done(ANNE, "block", "annes");
	assert_done(ANNE, "up", "annes"); /* the control: their own block */
	assert_works("block", "annes");
	assert_int_equal(AS(ANNE, "up", "annes"), 1);
	assert_out("root blocked it: only root opens it");
	assert_int_equal(AS(ANNE, "down", "annes", "--all"), 1);
	assert_int_equal(AS(ANNE, "bypass", "annes", "--for", "9s"), 1);
	assert_int_equal(AS(ANNE, "detach", "annes"), 1);
	assert_int_equal(state_of(annes), TEROK_STATE_BLOCK);
	assert_works("up", "annes");
	assert_done(ANNE, "down", "annes");
}

/* --- how it ends ------------------------------------------------------------------------- */

static void mistakes_are_told_as_to_root(void **state)
{
	(void)state;
	assert_int_equal(AS(ANNE, "allow", "annes", "300.1.1.1"), 2);
	assert_int_equal(AS(ANNE, "allow", "annes"), 2);
	assert_int_equal(AS(ANNE, "bypass", "annes"), 2);
	assert_done(ANNE, "down", "annes");
	assert_int_equal(AS(ANNE, "bypass", "annes", "--for", "9s"), 1); /* only up has one */
	assert_int_equal(AS(ANNE, "allow", "annes", "192.0.2.9", "--remove"), 1);
}

static void without_an_agent_it_says_how_to_have_one(void **state)
{
	(void)state;
	agent_end(SIGTERM);
	assert_int_equal(AS(ANNE, "status"), 1);
	assert_out("systemctl start terok-bpfd");
	assert_works("status"); /* the control: root needs none */
}

static void much_is_printed_whole(void **state)
{
	char addr[20];
	unsigned lines = 0;

	(void)state;
	for (int i = 0; i < 600; i++) {
		_cleanup_(kernel_freep) struct kernel *kernel = NULL;
		struct rule rule = { .guard = annes, .value = { .action = TEROK_ALLOW } };
		struct problem why = {};

		assert_int_equal(kernel_open(&kernel, &why), 0);
		snprintf(addr, sizeof(addr), "10.9.%d.%d", i / 200, i % 200 + 1);
		assert_int_equal(dest_parse(addr, &rule.dest, &why), 0);
		assert_int_equal(policy_add(kernel, &rule, &why), 0);
	}
	assert_done(ANNE, "rules", "annes");
	assert_true(strlen(person_out) > 4 * CONTROL_TEXT_MAX);
	for (const char *p = person_out; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 601);
	assert_done(ANNE, "rules", "annes", "--json");
	assert_int_equal(person_out[strlen(person_out) - 2], '}');
}

/* --- who does not use the program -------------------------------------------------------- */

static struct control_deed forged;

/* What that process is told of the deed @forged: its result, as a byte. */
static int forge(void *arg)
{
	struct control_ask ask = { .word = { .type = CONTROL_DEED, .DEED = forged },
				   .patience_ns = LIMIT_MS * 1000000ULL };
	struct problem why = {};

	(void)arg;
	return -control_ask(&ask, NULL, &why) & 0xff;
}

static void assert_forged(const struct control_deed *deed, int result)
{
	forged = *deed;
	assert_int_equal(person_as(ANNE, forge, NULL), result);
}

static void what_no_command_says_is_refused(void **state)
{
	const struct control_deed good = { .kind = DEED_STATE,
					   .state = TEROK_STATE_DOWN,
					   .guard = "annes" };
	struct control_deed deed;

	(void)state;
	assert_forged(&good, 0); /* the control */
	assert_int_equal(state_of(annes), TEROK_STATE_DOWN);
#define FORGED(change)                                                                             \
	deed = good;                                                                               \
	deed.state = TEROK_STATE_UP;                                                               \
	change;                                                                                    \
	assert_forged(&deed, EBADMSG)
	FORGED(deed.state = TEROK_STATE_NONE);
	FORGED(deed.state = TEROK_STATE_MAX_);
	FORGED(deed.kind = DEED_NONE);
	FORGED(deed.kind = DEED_MAX_);
	FORGED(deed.kind = UINT32_MAX);
	FORGED(deed.json = 2);
	FORGED(deed.keep = 255);
	FORGED(memset(deed.guard, 'a', sizeof(deed.guard)));
	FORGED(*deed.guard = '\0');
	FORGED(memset(deed.domain, 'a', sizeof(deed.domain)));
	FORGED(strcpy(deed.domain, "UPPER.example"));
	FORGED(strcpy(deed.domain, "/etc/passwd"));
	FORGED(deed.bits = 129);
	FORGED(deed.addr[15] = 1);
	FORGED(deed.flags = 0x80);
	FORGED(deed.seconds = DURATION_MAX + 1);
	FORGED(deed.kind = DEED_RULE; deed.action = 7);
	FORGED(deed.kind = DEED_RULE; deed.flags = TEROK_RULE_CHECK);
	FORGED(deed.kind = DEED_RULE; deed.action = TEROK_ALLOW; deed.flags = TEROK_RULE_INFRA);
	FORGED(deed.kind = DEED_PUBLISH; deed.port = 80; deed.proto = IPPROTO_ICMP);
	FORGED(deed.kind = DEED_PUBLISH; deed.proto = IPPROTO_TCP);
	assert_int_equal(state_of(annes), TEROK_STATE_DOWN);
}

/* Who asks and goes, or does not read: their deeds wait, nobody else's do. */
static int ask_and_sleep(void *arg)
{
	struct control_packet word = { .type = CONTROL_DEED,
				       .version = CONTROL_VERSION,
				       .DEED = { .kind = DEED_RULES, .guard = "annes" } };

	(void)arg;
	for (int i = 0; i < DEEDS_UID + 2; i++) {
		int fd = packet_connect(control_path(), now_boot_ns() + SECOND_NS);

		if (fd < 0 ||
		    packet_send(fd, &word, control_msg_size(word.type), now_boot_ns() + SECOND_NS))
			return 1;
	}
	return kill(getpid(), SIGSTOP);
}

static void who_does_not_read_is_on_nobodys_way(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (setresgid(ANNE, ANNE, ANNE) || setresuid(ANNE, ANNE, ANNE))
			_exit(1);
		_exit(ask_and_sleep(NULL));
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_done(BERT, "block", "berts");
	assert_int_equal(state_of(berts), TEROK_STATE_BLOCK);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_done(ANNE, "block", "annes");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, persons_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_user_sees_their_guards_and_no_others),
		TEST(what_is_anothers_was_never_there),
		TEST(two_users_may_call_theirs_the_same),
		TEST(a_user_changes_their_guard),
		TEST(a_rule_says_who_made_it),
		TEST(what_root_said_is_roots),
		TEST(what_root_blocked_only_root_opens),
		TEST(mistakes_are_told_as_to_root),
		TEST(without_an_agent_it_says_how_to_have_one),
		TEST(much_is_printed_whole),
		TEST(what_no_command_says_is_refused),
		TEST(who_does_not_read_is_on_nobodys_way),
	};

	test_require("deeds");
	programs_find();
	return cmocka_run_group_tests_name("deeds", tests, NULL, NULL);
}
