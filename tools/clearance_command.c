// SPDX-License-Identifier: Apache-2.0
#include "clearance_command.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "clearance_item.h"

#define WORDS_MAX 6 /* of a line */

const char command_help[] =
    "a N [SCOPE] [REACH] [any]  allow request N, or all of a container, domain or name\n"
    "d N [SCOPE] [REACH] [any]  deny it\n"
    "  SCOPE: session (until the container ends), once, forever, 90s, 10m, 2h\n"
    "  REACH: name, children (the name and all below it), address;  any: any port\n"
    "l  list what is open; l TEXT: what has that text\n"
    "g  list answers that hold    r N  revoke one of these\n"
    "p  what has happened         h  this help             q  quit";

static const struct {
	const char *letter, *word;
	enum command_verb verb;
} verbs[] = {
	{ "a", "allow", COMMAND_ALLOW },   { "d", "deny", COMMAND_DENY },
	{ "l", "list", COMMAND_LIST },     { "g", "grants", COMMAND_GRANTS },
	{ "r", "revoke", COMMAND_REVOKE }, { "p", "history", COMMAND_PAST },
	{ "h", "help", COMMAND_HELP },     { "?", "?", COMMAND_HELP },
	{ "q", "quit", COMMAND_QUIT },     { "exit", "exit", COMMAND_QUIT },

};

static const char *const scopes[] = { "once", "session", "forever", "task" };
static const char *const reaches[] = { "name", "children", "address" };

static const char *word_find(const char *const *words, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(text, words[i]))
			return words[i];
	return NULL;
}

#define FIND(words, text) word_find(words, sizeof(words) / sizeof((words)[0]), text)

static bool scope_parse(const char *text, struct answer_choice *choice)
{
	uint64_t seconds = 0;

	choice->scope = FIND(scopes, text);
	if (choice->scope && !strcmp(choice->scope, "task"))
		choice->scope = "session";
	if (choice->scope)
		return true;
	if (duration_parse(text, &seconds, NULL))
		return false;
	choice->scope = "time";
	choice->seconds = seconds;
	return true;
}

/* One word behind the request: for how long, how far, or which ports. */
static int choice_parse(const char *text, struct answer_choice *choice, struct problem *why)
{
	struct answer_choice scope = {};

	if (FIND(reaches, text)) {
		choice->reach = FIND(reaches, text);
	} else if (!strcasecmp(text, "any")) {
		choice->ports = "any";
	} else if (!scope_parse(text, &scope)) {
		return problem(why, -EINVAL,
			       "'%s' is none of once, session, forever, 10m, 2h, name, children, "
			       "address, any",
			       text);
	} else if (choice->scope) {
		return problem(why, -EINVAL, "one scope is enough: '%s' is a second", text);
	} else {
		choice->scope = scope.scope;
		choice->seconds = scope.seconds;
	}
	return 0;
}

static struct command bad(struct problem *why, const char *text)
{
	problem(why, -EINVAL, "%s", text);
	return (struct command){ .verb = COMMAND_BAD };
}

/* 1 and more; 0: it is no number, or too long for one. */
static unsigned number_parse(const char *text)
{
	unsigned long value;

	for (const char *p = text; *p; p++)
		if (!isdigit((unsigned char)*p))
			return 0;
	value = strtoul(text, NULL, 10);
	return value <= UINT_MAX ? value : 0;
}

/* The name of a group: it begins with a letter or digit, has a letter, and dots or dashes. */
static bool is_group(const char *text)
{
	bool letter = false;

	for (const char *p = text; *p; p++) {
		letter |= isalpha((unsigned char)*p) != 0;
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return false;
	}
	/* of a scope in its place the number was forgotten */
	return letter && isalnum((unsigned char)*text) && !FIND(scopes, text) &&
	       strcasecmp(text, "any");
}

static bool target_parse(const char *text, struct command *command)
{
	command->number = number_parse(text);
	if (command->number)
		return true;
	text_copy(command->group, sizeof(command->group), text);
	return is_group(text);
}

static enum command_verb verb_parse(const char *word)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcasecmp(word, verbs[i].letter) || !strcasecmp(word, verbs[i].word))
			return verbs[i].verb;
	return COMMAND_BAD;
}

static struct command answer_parse(struct command command, char *const word[], int n,
				   struct problem *why)
{
	if (n == 1 || !target_parse(word[1], &command))
		return bad(why, "which request? its number follows, as in: a 1");
	if (n > WORDS_MAX - 1)
		return bad(why, "too many words: a number, a scope, how far");
	command.choice.allow = command.verb == COMMAND_ALLOW;
	for (int i = 2; i < n; i++)
		if (choice_parse(word[i], &command.choice, why))
			command.verb = COMMAND_BAD;
	return command;
}

struct command command_parse(const char *line, struct problem *why)
{
	char copy[COMMAND_MAX], *word[WORDS_MAX + 1], *rest = copy;
	struct command command = {};
	int n = 0;

	text_copy(copy, sizeof(copy), line);
	while (n <= WORDS_MAX && (word[n] = strtok_r(n ? NULL : copy, " \t\r", &rest)))
		n++;
	if (!n)
		return command;
	command.verb = verb_parse(word[0]);
	if (command.verb == COMMAND_BAD)
		return bad(why, "no such command; h lists them");
	if (command.verb == COMMAND_ALLOW || command.verb == COMMAND_DENY)
		return answer_parse(command, word, n, why);
	if (command.verb == COMMAND_REVOKE) {
		command.number = n == 2 ? number_parse(word[1]) : 0;
		return command.number ? command
				      : bad(why, "which one? its number follows, as in: r 1");
	}
	if (command.verb == COMMAND_LIST && n == 2)
		text_copy(command.group, sizeof(command.group), word[1]);
	else if (n > 1)
		return bad(why, "nothing follows that command");
	return command;
}
