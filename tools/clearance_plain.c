// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_plain.c - the face for pipes and plain terminals: lines out, lines in
 *
 * "a N" and "d N" are what users of the system we replace type; a scope may follow.
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
#include "base/cli.h"
#include "base/log.h"
#include "clearance.h"

#define LINE_MAX_ 128 /* of input; no command is longer */

struct plain {
	struct session session;
	struct source input, signals;
	int signal_fd;
	bool follow, colour;
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

static int scope_parse(const char *text, struct scope_choice *ret, struct problem *why)
{
	uint64_t seconds;

	if (!strcasecmp(text, "once")) {
		*ret = scope_choices[0];
		return 0;
	}
	if (!strcasecmp(text, "session")) {
		*ret = scope_choices[SCOPE_DEFAULT];
		return 0;
	}
	if (!strcasecmp(text, "forever")) {
		*ret = scope_choices[SCOPES - 1];
		return 0;
	}
	if (duration_parse(text, &seconds, NULL))
		return problem(why, -EINVAL,
			       "scope '%s' is none of once, session, forever, 10m, 2h", text);
	*ret = (struct scope_choice){ "time", "time", seconds };
	return 0;
}

static struct plain_command bad(struct problem *why, const char *text)
{
	problem(why, -EINVAL, "%s", text);
	return (struct plain_command){ .verb = PLAIN_BAD };
}

struct plain_command plain_parse(const char *line, struct problem *why)
{
	struct plain_command command = { .scope = scope_choices[SCOPE_DEFAULT] };
	/* as long as a line: nothing is cut into other words */
	char word[LINE_MAX_] = "", number[LINE_MAX_] = "", scope[LINE_MAX_] = "", more[2] = "";
	int n = sscanf(line, " %127s %127s %127s %1s", word, number, scope, more);
	unsigned long value;
	char *end;

	if (n <= 0)
		return command;
	command.verb = PLAIN_BAD;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(word, words[i].word))
			command.verb = words[i].verb;
	if (command.verb == PLAIN_BAD)
		return bad(why, "no such command; h lists them");
	if (command.verb != PLAIN_ALLOW && command.verb != PLAIN_DENY)
		return n > 1 ? bad(why, "nothing follows that command") : command;
	value = strtoul(number, &end, 10);
	command.number = value;
	if (!isdigit((unsigned char)*number) || *end || !value || value > UINT_MAX)
		return bad(why, "which request? its number follows, as in: a 1");
	if (n > 3)
		return bad(why, "after the number comes one scope: once, session, forever, 10m");
	if (n == 3 && scope_parse(scope, &command.scope, why))
		command.verb = PLAIN_BAD;
	return command;
}

const char *plain_format(char *buf, size_t size, const struct item *item)
{
	char where[TARGET_LEN], times[32] = "";
	const char *what = item->state == ITEM_OPEN ? "BLOCKED" : item_state_name(item->state);

	if (item->count > 1)
		snprintf(times, sizeof(times), "  %" PRId64 " times", item->count);
	snprintf(buf, size, "[%u] %s  %s  %s  %s[%" PRId64 "] %s  (%s)%s%s%s", item->number, what,
		 target_format(where, item->dest, item->port, item->proto), item->name, item->comm,
		 item->pid, item->exe, item->reason, times, *item->problem ? "  failed: " : "",
		 item->problem);
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
	char buf[1024];

	plain_format(buf, sizeof(buf), item);
	if (plain->colour)
		printf("\033[%sm%s\033[0m\n", colours[item->state], buf);
	else
		puts(buf);
	put_out(plain);
}

static void on_item(struct item *item, bool fresh, void *user)
{
	(void)fresh;
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
	puts("a N [SCOPE]  allow request N: once, session (default), or for 90s, 10m, 2h\n"
	     "d N [SCOPE]  deny it\n"
	     "l  list what is open    h  this help    q  quit");
}

static void answer(struct plain *plain, const struct plain_command *command)
{
	struct item *item = session_find(&plain->session, command->number);
	int r = item ? session_answer(&plain->session, item, command->verb == PLAIN_ALLOW,
				      &command->scope)
		     : -ENOENT;

	if (r == -ENOENT)
		printf("- no request %u; l lists them\n", command->number);
	else if (r == -EALREADY)
		printf("- request %u is %s\n", command->number, item_state_name(item->state));
	else if (r)
		printf("- not sent: %s\n", strerror(-r));
}

static void list(struct plain *plain)
{
	unsigned open = 0;

	for (unsigned i = 0; i < plain->session.n; i++) {
		if (plain->session.items[i]->state != ITEM_OPEN)
			continue;
		print_item(plain->session.items[i], plain);
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
	case PLAIN_DENY: answer(plain, &command); break;
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
			if (plain->n < sizeof(plain->line) - 1)
				plain->line[plain->n++] = byte[i];
			continue;
		}
		plain->line[plain->n] = '\0';
		plain->n = 0;
		run_line(plain);
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

	(void)events;
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
	struct plain plain = { .signal_fd = -1, .follow = follow, .colour = cli_colour(1) };
	struct problem why = {};
	int r;

	plain.session =
	    (struct session){ .path = path, .reconnect = reconnect, .face = &face, .user = &plain };
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
	if (plain.signal_fd >= 0)
		close(plain.signal_fd);
	loop_free(plain.session.loop);
	return r;
}
