// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_plain.c - the face for pipes, plain terminals and screen readers: lines out, lines in
 *
 * "a N" and "d N" are what users of the system we replace type; for how long and how far may
 * follow. A request that is told again is no news unless something has become of it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "clearance.h"

#define LINE_MAX_ 128 /* of input; no command is longer */
#define WORDS_MAX 6   /* of a line */

struct plain {
	struct session session;
	struct source input, signals;
	int signal_fd;
	bool follow, colour, interrupted;
	size_t n;
	char line[LINE_MAX_];
};

static const struct {
	const char *word;
	enum plain_verb verb;
} words[] = {
	{ "a", PLAIN_ALLOW },   { "allow", PLAIN_ALLOW }, { "d", PLAIN_DENY },
	{ "deny", PLAIN_DENY }, { "l", PLAIN_LIST },      { "list", PLAIN_LIST },
	{ "h", PLAIN_HELP },    { "help", PLAIN_HELP },   { "?", PLAIN_HELP },
	{ "q", PLAIN_QUIT },    { "quit", PLAIN_QUIT },   { "exit", PLAIN_QUIT },
};

/* One word behind the request: for how long, how far, or which ports. */
static int choice_parse(const char *text, struct answer_choice *choice, bool *scoped,
			struct problem *why)
{
	static const char *const scopes[] = { "once", "session", "forever" };
	uint64_t seconds;

	for (int i = 0; i < 3; i++) {
		if (strcasecmp(text, scopes[i]))
			continue;
		if (*scoped)
			return problem(why, -EINVAL, "one scope is enough: '%s' is a second", text);
		*scoped = true;
		choice->scope = scopes[i];
		return 0;
	}
	if (!strcasecmp(text, "name") || !strcasecmp(text, "children") ||
	    !strcasecmp(text, "address")) {
		choice->reach = tolower((unsigned char)*text) == 'n'   ? "name"
				: tolower((unsigned char)*text) == 'c' ? "children"
								       : "address";
		return 0;
	}
	if (!strcasecmp(text, "any")) {
		choice->ports = "any";
		return 0;
	}
	if (*scoped || duration_parse(text, &seconds, NULL))
		return problem(why, -EINVAL,
			       "'%s' is none of once, session, forever, 10m, 2h, name, children, "
			       "address, any",
			       text);
	*scoped = true;
	choice->scope = "time";
	choice->seconds = seconds;
	return 0;
}

static struct plain_command bad(struct problem *why, const char *text)
{
	problem(why, -EINVAL, "%s", text);
	return (struct plain_command){ .verb = PLAIN_BAD };
}

/* A request's number, or the name of a group: it has a letter, and a dot or dash at most besides. */
static bool target_parse(const char *text, struct plain_command *command)
{
	static const char *const scopes[] = { "once", "session", "forever", "any" };
	bool letter = false, number = *text;
	unsigned long value;

	for (const char *p = text; *p; p++) {
		letter |= isalpha((unsigned char)*p) != 0;
		number &= isdigit((unsigned char)*p) != 0;
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return false;
	}
	for (int i = 0; i < 4; i++)
		if (!strcasecmp(text, scopes[i]))
			return false; /* the number was forgotten */
	value = number ? strtoul(text, NULL, 10) : 0;
	if (number && value && value <= UINT_MAX) {
		command->number = value;
		return true;
	}
	text_copy(command->group, sizeof(command->group), text);
	return letter && isalnum((unsigned char)*text);
}

static enum plain_verb verb_parse(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(word, words[i].word))
			return words[i].verb;
	return PLAIN_BAD;
}

struct plain_command plain_parse(const char *line, struct problem *why)
{
	struct plain_command command = { .choice.scope = "session" };
	char copy[LINE_MAX_], *word[WORDS_MAX + 1], *rest = copy;
	bool scoped = false;
	int n = 0;

	text_copy(copy, sizeof(copy), line);
	while (n <= WORDS_MAX && (word[n] = strtok_r(n ? NULL : copy, " \t\r", &rest)))
		n++;
	if (!n)
		return command;
	command.verb = verb_parse(word[0]);
	if (command.verb == PLAIN_BAD)
		return bad(why, "no such command; h lists them");
	if (command.verb != PLAIN_ALLOW && command.verb != PLAIN_DENY)
		return n > 1 ? bad(why, "nothing follows that command") : command;
	if (n == 1 || !target_parse(word[1], &command))
		return bad(why, "which request? its number follows, as in: a 1");
	if (n > WORDS_MAX - 1)
		return bad(why, "too many words: a number, a scope, how far");
	command.choice.allow = command.verb == PLAIN_ALLOW;
	for (int i = 2; i < n; i++)
		if (choice_parse(word[i], &command.choice, &scoped, why))
			command.verb = PLAIN_BAD;
	return command;
}

const char *plain_format(char *buf, size_t size, const struct item *item)
{
	char where[TARGET_LEN], times[32] = "", answer[128] = "", scope[64];
	char who[200];
	const char *what = item->state == ITEM_OPEN ? "BLOCKED" : item_state_name(item->state);

	if (item->count > 1)
		snprintf(times, sizeof(times), "  %" PRId64 " times", item->count);
	if (item->state == ITEM_ALLOWED || item->state == ITEM_DENIED)
		snprintf(answer, sizeof(answer), "  %s, by uid %" PRId64 " %s",
			 item_answer_format(scope, sizeof(scope), item), item->answer.uid,
			 item->answer.client);
	item_who(who, sizeof(who), item);
	snprintf(buf, size, "[%u] %s  %s  %s%s%s  (%s)%s%s%s%s", item->node.number, what,
		 item_where(where, item), item->name, *who ? "  " : "", who,
		 *item->rule ? item->rule : item_reason(item), times, answer,
		 !*item->problem            ? ""
		 : item->state == ITEM_OPEN ? "  failed: "
					    : "  ",
		 item->problem);
	for (char *p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return buf;
}

/* Where nobody reads any more there is nobody who could answer either. */
static void put_out(struct plain *plain)
{
	if (fflush(stdout))
		loop_stop(plain->session.loop);
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
	printf("- %s\n", text);
	put_out(user);
}

static const struct session_face face = { .item = on_item, .note = on_note };

static void print_help(void)
{
	puts("a N [SCOPE] [REACH] [any]  allow request N, or all of a group, by its name\n"
	     "d N [SCOPE] [REACH] [any]  deny it\n"
	     "  SCOPE: session (until the container ends), once, forever, 90s, 10m, 2h\n"
	     "  REACH: name, children (the name and all below it), address;  any: any port\n"
	     "l  list what is open    h  this help    q  quit");
}

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

static void answer_one(struct item *item, void *user)
{
	struct answering *answering = user;
	struct answer_choice choice = *answering->choice;

	if (item->state != ITEM_OPEN)
		return;
	if (!*item_name(item))
		choice.reach = NULL;
	answering->n += !session_answer(&answering->plain->session, item, &choice);
}

static void answer_group(struct plain *plain, const struct plain_command *command)
{
	struct answering answering = { .plain = plain, .choice = &command->choice };
	struct node *node = group_find(&plain->session.list.root, command->group);

	if (!node) {
		printf("- no group %s; l lists them\n", command->group);
		return;
	}
	list_each_below(node, answer_one, &answering);
	printf("- %s %u requests of %s\n", command->choice.allow ? "allowing" : "denying",
	       answering.n, command->group);
}

static void answer(struct plain *plain, const struct plain_command *command)
{
	struct item *item = list_find(&plain->session.list, command->number);
	int r = item ? session_answer(&plain->session, item, &command->choice) : -ENOENT;

	if (r == -ENOENT)
		printf("- no request %u; l lists them\n", command->number);
	else if (r == -EALREADY)
		printf("- request %u is %s\n", command->number, item_state_name(item->state));
	else if (r)
		printf("- not sent: %s\n", strerror(-r));
}

/* Those of one container and one domain together. */
static void list(struct plain *plain)
{
	struct node *node = node_first(&plain->session.list.root);
	unsigned open = 0;

	for (; node; node = node_next(node)) {
		struct item *item = node_item(node);

		if (node->kind != NODE_ITEM || item->state != ITEM_OPEN)
			continue;
		print_item(item, plain);
		open++;
	}
	if (!open)
		puts("- nothing is open");
}

static void run_line(struct plain *plain)
{
	struct problem why = {};
	struct plain_command command = plain_parse(plain->line, &why);

	switch (command.verb) {
	case PLAIN_NONE: break;
	case PLAIN_ALLOW:
	case PLAIN_DENY: (command.number ? answer : answer_group)(plain, &command); break;
	case PLAIN_LIST: list(plain); break;
	case PLAIN_HELP: print_help(); break;
	case PLAIN_QUIT: loop_stop(plain->session.loop); break;
	case PLAIN_BAD: printf("- %s\n", why.text); break;
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
			puts("- that line is too long to be a command");
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
			loop_stop(plain->session.loop);
	}
	return 0;
}

static int on_signal(struct source *source, uint32_t events)
{
	struct plain *plain = container_of(source, struct plain, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(plain->signal_fd, &info, sizeof(info)) == sizeof(info))
		plain->interrupted = info.ssi_signo == SIGINT;
	loop_stop(plain->session.loop);
	return 0;
}

static int plain_signals(struct plain *plain)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	plain->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (plain->signal_fd < 0)
		return -errno;
	return source_add(plain->session.loop, &plain->signals, plain->signal_fd, EPOLLIN,
			  on_signal);
}

int plain_run(const char *path, bool follow, bool reconnect)
{
	static struct plain plain = { .signal_fd = -1 };
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
		r = plain_signals(&plain);
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
	source_del(&plain.input);
	source_del(&plain.signals);
	closep(&plain.signal_fd);
	loop_free(plain.session.loop);
	return r ?: plain.interrupted ? EXIT_INTERRUPTED : 0;
}
