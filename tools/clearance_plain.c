// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_plain.c - the face for pipes, plain terminals and screen readers: lines out, lines in
 *
 * A request that is told again is no news unless something has become of it. What holds and what
 * has happened is asked for when somebody wants it, and printed when it has come.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/signals.h"
#include "clearance.h"
#include "clearance_command.h"
#include "clearance_say.h"

#define PAST_LINES 20              /* of what has happened */
#define LEAVE_NS   (5 * SECOND_NS) /* for what is on its way, when the input has ended */

struct plain {
	struct session session;
	struct source input;
	struct signals signals;
	bool follow, colour, interrupted;
	bool leaving; /* when what was answered and asked has been told */
	struct timer give_up;
	/* what is printed when it has come, and what is asked for then; WATCH_REQUESTS: nothing */
	enum session_watch asked, next;
	size_t grants; /* that were printed last, by their numbers */
	size_t n;
	char line[COMMAND_MAX];
};

const char *plain_format(char *buf, size_t size, const struct item *item)
{
	char where[TARGET_LEN], who[200], times[32] = "", answer[128] = "", scope[64];
	const char *what = item->state == ITEM_OPEN ? "BLOCKED" : item_state_name(item->state);
	const char *why = *item->rule ? item->rule : item_reason(item);
	char reason[160] = "";

	if (item->count > 1)
		snprintf(times, sizeof(times), "  %" PRId64 " times", item->count);
	if (item->state == ITEM_ALLOWED || item->state == ITEM_DENIED)
		snprintf(answer, sizeof(answer), "  %s, by uid %" PRId64 "%s%s",
			 item_answer_format(scope, sizeof(scope), item), item->answer.uid,
			 *item->answer.client ? " " : "", item->answer.client);
	item_who(who, sizeof(who), item);
	if (*why)
		snprintf(reason, sizeof(reason), "  (%s)", why);
	snprintf(buf, size, "[%u] %s  %s  %s%s%s%s%s%s%s%s", item->node.number, what,
		 item_where(where, item), item->name, *who ? "  " : "", who, reason, times, answer,
		 !*item->problem            ? ""
		 : item->state == ITEM_OPEN ? "  failed: "
					    : "  ",
		 item->problem);
	return log_safe(buf, size, buf);
}

static bool is_settled(const struct plain *plain)
{
	for (struct item *item = plain->session.list.alive.oldest; item; item = item->newer)
		if (item->state == ITEM_ANSWERED)
			return false;
	return plain->asked == WATCH_REQUESTS;
}

/* Where nobody reads any more there is nobody who could answer either. */
static void put_out(struct plain *plain)
{
	if (fflush(stdout) || (plain->leaving && is_settled(plain)))
		loop_stop(plain->session.loop);
}

static int on_give_up(struct timer *timer)
{
	struct plain *plain = container_of(timer, struct plain, give_up);

	say("- not everything was answered in time");
	loop_stop(plain->session.loop);
	return 0;
}

/* Who sends an answer and closes the pipe is told what became of it. */
static void leave(struct plain *plain)
{
	plain->leaving = true;
	timer_arm(plain->session.loop, &plain->give_up, now_boot_ns() + LEAVE_NS, on_give_up);
	put_out(plain);
}

static void print_item(struct item *item, struct plain *plain)
{
	static const char *const colours[] = { "33", "0", "32", "31", "2" };
	char buf[1400];

	plain_format(buf, sizeof(buf), item);
	if (plain->colour)
		printf("\033[%sm%s\033[0m\n", colours[item->state], buf);
	else
		puts(buf);
	put_out(plain);
}

/* What is told again is printed when something became of it, or when it is asked twice as often. */
static void on_item(struct item *item, bool fresh, void *user)
{
	bool same = item->state == item->printed.state && !*item->problem;

	if (!fresh && same && item->count < 2 * item->printed.count)
		return;
	item->printed.state = item->state;
	item->printed.count = item->count;
	print_item(item, user);
}

static void on_note(const char *text, void *user)
{
	say("- %s", text);
	put_out(user);
}

/* --- what holds, and what has happened --------------------------------------------------- */

static void print_grants(struct plain *plain)
{
	const struct grants *grants = &plain->session.grants;
	char line[640];

	plain->grants = grants->n;
	for (size_t i = 0; i < grants->n; i++)
		say("(%zu) %s", i + 1, grant_format(line, sizeof(line), &grants->grant[i]));
	if (!grants->n)
		say("- no answer holds");
}

/* The newest last, where people read. */
static void print_past(const struct history *history)
{
	size_t n = history->n < PAST_LINES ? history->n : PAST_LINES;
	char line[1024];

	while (n--)
		say("%s", entry_format(line, sizeof(line), &history->entry[n]));
	if (!history->n)
		say("- nothing has happened");
}

static void on_listed(void *user)
{
	struct plain *plain = user;
	const struct session *session = &plain->session;
	enum session_watch asked = plain->asked;
	const char *said = asked == WATCH_GRANTS ? session->grants_said : session->history_said;

	if (asked == WATCH_REQUESTS)
		return;
	if (*said)
		say("- %s", said);
	else if (asked == WATCH_GRANTS)
		print_grants(plain);
	else
		print_past(&session->history);
	plain->asked = plain->next;
	plain->next = WATCH_REQUESTS;
	session_watch(&plain->session, plain->asked);
	put_out(plain);
}

/* One after the other: the session asks for one of them at a time. */
static void ask(struct plain *plain, enum session_watch what)
{
	if (!plain->session.connected) {
		say("- no hub");
	} else if (plain->asked != WATCH_REQUESTS) {
		plain->next = what;
	} else {
		plain->asked = what;
		session_watch(&plain->session, what);
	}
}

/* What was printed with that number: no listing has come since that was not printed, too. */
static void grant_revoke(struct plain *plain, unsigned number)
{
	int r;

	if (number > plain->grants) {
		say("- no such number; g lists what holds");
		return;
	}
	r = session_revoke(&plain->session, plain->session.grants.grant[number - 1].grant);
	if (r)
		say("- not revoked: %s", strerror(-r));
}

static const struct session_face face = { .item = on_item, .note = on_note, .listed = on_listed };

/* --- answers ----------------------------------------------------------------------------- */

static struct node *group_find(struct node *above, const char *name)
{
	struct node *found = NULL;

	for (struct node *node = above->first; node && !found; node = node->next) {
		struct group *group = node_group(node);

		if (!strcasecmp(group->kind == GROUP_CONTAINER ? group->name : group->text, name))
			return node;
		if (node->kind == NODE_CONTAINER)
			found = group_find(node, name);
	}
	return found;
}

struct answering {
	struct plain *plain;
	const struct answer_choice *choice;
	unsigned n;
};

static int answer_item(struct plain *plain, struct item *item, struct answer_choice choice)
{
	choice.scope = choice.scope ?: item_default_scope(item);
	return session_answer(&plain->session, item, &choice);
}

static void answer_one(struct item *item, void *user)
{
	struct answering *answering = user;
	struct answer_choice choice = *answering->choice;

	if (item->state != ITEM_OPEN)
		return;
	if (!*item_name(item))
		choice.reach = NULL;
	answering->n += !answer_item(answering->plain, item, choice);
}

/* Everybody who asks for that name, where there is no group of it. */
static void answer_name(struct answering *answering, const char *name)
{
	struct list *list = &answering->plain->session.list;

	for (struct item *item = list->alive.oldest, *next; item; item = next) {
		next = item->newer;
		if (!strcasecmp(item_name(item), name))
			answer_one(item, answering);
	}
}

static void answer_group(struct plain *plain, const struct command *command)
{
	struct answering answering = { .plain = plain, .choice = &command->choice };
	struct node *node = group_find(&plain->session.list.root, command->group);

	if (node)
		list_each_below(node, answer_one, &answering);
	else
		answer_name(&answering, command->group);
	if (answering.n)
		say("- %s %u request%s of %s", command->choice.allow ? "allowing" : "denying",
		    answering.n, answering.n == 1 ? "" : "s", command->group);
	else
		say("- nothing of %s is open; l lists what is", command->group);
}

static void answer(struct plain *plain, const struct command *command)
{
	struct item *item = list_find(&plain->session.list, command->number);
	int r = item ? answer_item(plain, item, command->choice) : -ENOENT;

	if (r == -ENOENT)
		say("- no request %u; l lists them", command->number);
	else if (r == -EALREADY)
		say("- request %u is %s", command->number, item_state_name(item->state));
	else if (r)
		say("- not sent: %s", strerror(-r));
}

/* What may be typed in place of a number; addresses have no such word. */
static void print_group(const struct node *node)
{
	const struct group *group = node_group((struct node *)node);
	bool named = group->kind == GROUP_DOMAIN;

	if (group->kind == GROUP_CONTAINER || named)
		say("- %s: %u open", named ? group->text : group->name, node->open);
}

/* By container, and below it those of one owner together; with @text only what has it. */
static void list(struct plain *plain, const char *text)
{
	struct node *node = node_first(&plain->session.list.root);
	unsigned n = 0;

	for (; node; node = node_next(node)) {
		if (!node->open)
			continue;
		if (node->kind != NODE_ITEM) {
			if (!*text)
				print_group(node);
		} else if (item_has(node_item(node), text)) {
			print_item(node_item(node), plain);
			n++;
		}
	}
	if (!n)
		say(*text ? "- nothing that is open has this text" : "- nothing is open");
}

static void run_line(struct plain *plain)
{
	struct problem why = {};
	struct command command = command_parse(plain->line, &why);

	switch (command.verb) {
	case COMMAND_NONE: break;
	case COMMAND_ALLOW:
	case COMMAND_DENY: (command.number ? answer : answer_group)(plain, &command); break;
	case COMMAND_LIST: list(plain, command.group); break;
	case COMMAND_GRANTS: ask(plain, WATCH_GRANTS); break;
	case COMMAND_PAST: ask(plain, WATCH_HISTORY); break;
	case COMMAND_REVOKE: grant_revoke(plain, command.number); break;
	case COMMAND_HELP: puts(command_help); break;
	case COMMAND_QUIT: leave(plain); break;
	case COMMAND_BAD: say("- %s", why.text); break;
	}
	put_out(plain);
}

static int on_input(struct source *source, uint32_t events)
{
	struct plain *plain = container_of(source, struct plain, input);
	char byte[256];
	ssize_t n = read(0, byte, sizeof(byte));

	(void)events;
	for (ssize_t i = 0; i < n; i++) {
		if (byte[i] != '\n') {
			if (plain->n < sizeof(plain->line))
				plain->line[plain->n++] = byte[i];
			continue;
		}
		if (plain->n == sizeof(plain->line)) {
			say("- that line is too long to be a command");
			put_out(plain);
		} else {
			plain->line[plain->n] = '\0';
			run_line(plain);
		}
		plain->n = 0;
	}
	if (n <= 0) {
		source_del(source);
		if (!plain->follow)
			leave(plain);
	}
	return 0;
}

static int on_signal(struct signals *signals, int signal)
{
	struct plain *plain = container_of(signals, struct plain, signals);

	plain->interrupted = signal == SIGINT;
	loop_stop(plain->session.loop);
	return 0;
}

int plain_run(const char *path, bool follow, bool reconnect)
{
	static struct plain plain;
	struct problem why = {};
	int r;

	plain.follow = follow;
	plain.colour = cli_colour(1);
	plain.session.path = path;
	plain.session.reconnect = reconnect;
	plain.session.face = &face;
	plain.session.user = &plain;
	r = loop_new(&plain.session.loop);
	if (!r)
		r = signals_add(plain.session.loop, &plain.signals, NULL, on_signal);
	if (!r)
		r = session_start(&plain.session, &why);
	/* a file or /dev/null cannot be waited for, and says nothing later: as if it had ended */
	if (!r && source_add(plain.session.loop, &plain.input, 0, EPOLLIN, on_input) && !follow)
		loop_stop(plain.session.loop);
	if (!r)
		r = loop_run(plain.session.loop);
	if (r)
		log_error(0, "%s", why.text[0] ? why.text : "the hub went away");
	session_stop(&plain.session);
	timer_disarm(&plain.give_up);
	source_del(&plain.input);
	signals_end(&plain.signals);
	loop_free(plain.session.loop);
	return r ?: plain.interrupted ? EXIT_INTERRUPTED : 0;
}
