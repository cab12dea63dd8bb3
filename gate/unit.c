// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "terok-gate.service.h" /* made from the units, by the Makefile */
#include "terok-gate.socket.h"

#define PATH_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-"
#define BLANK      " \t"

/* --- made ------------------------------------------------------------------------------ */

static int value_check(const char *what, const char *value, struct problem *why)
{
	size_t n = strlen(value), took;
	uint32_t point;

	for (size_t i = 0; i < n; i += took) {
		unsigned char byte = (unsigned char)value[i];

		took = utf8_take((const uint8_t *)value + i, n - i, &point);
		if (byte >= 0x80 && took == 1)
			return problem(why, -EINVAL,
				       "%s: byte %zu is no UTF-8, and no unit can hold it", what,
				       i + 1);
		if (byte < 0x20 || byte == 0x7f)
			return problem(why, -EINVAL,
				       "%s: byte %zu is a newline or another control character: no "
				       "unit can hold it",
				       what, i + 1);
	}
	return 0;
}

static int path_check(const char *what, const char *value, struct problem *why)
{
	return *value != '/' ? problem(why, -EINVAL, "%s: '%.100s' is not absolute", what, value)
			     : value_check(what, value, why);
}

static int values_check(const struct unit_values *values, struct problem *why)
{
	struct in6_addr any;
	int r = value_check("--bind", values->bind, why)
		    ?: path_check("--base-path", values->base, why)
		    ?: path_check("--token-file", values->tokens, why)
		    ?: path_check("the state folder", values->state, why)
		    ?: path_check("this program", values->program, why);

	if (r)
		return r;
	if (strspn(values->program, PATH_CHARS) != strlen(values->program))
		return problem(why, -EINVAL,
			       "this program is '%.100s': a unit cannot name one with other "
			       "characters than letters, digits and /._+-",
			       values->program);
	if (inet_pton(AF_INET, values->bind, &any) != 1 &&
	    inet_pton(AF_INET6, values->bind, &any) != 1)
		return problem(why, -EINVAL,
			       "--bind %.60s is no address: write it as 127.0.0.1 or "
			       "::1",
			       values->bind);
	if (!values->port || values->port > 65535)
		return problem(why, -EINVAL, "--port %u: 1 to 65535", values->port);
	return 0;
}

/* One word of a unit, as systemd.syntax(7) and systemd.service(5) quote it. */
static void put_word(FILE *to, const char *name, const char *value, bool exec)
{
	bool plain = strspn(value, PATH_CHARS) == strlen(value);

	fprintf(to, "%s%s", plain ? "" : "\"", name);
	for (; *value; value++) {
		if (*value == '%' || (*value == '$' && exec))
			fputc(*value, to);
		else if (*value == '"' || *value == '\\')
			fputc('\\', to);
		fputc(*value, to);
	}
	fputs(plain ? "" : "\"", to);
}

static bool put_value(FILE *to, const struct unit_values *values, const char *name, size_t n)
{
	bool v6 = strchr(values->bind, ':');

	if (!strncmp(name, "VERSION", n))
		fprintf(to, "%d", UNIT_VERSION);
	else if (!strncmp(name, "LISTEN", n))
		fprintf(to, "%s%s%s:%u", v6 ? "[" : "", values->bind, v6 ? "]" : "", values->port);
	else if (!strncmp(name, "STATE", n))
		put_word(to, "TEROK_SANDBOX_STATE_DIR=", values->state, false);
	else if (!strncmp(name, "PROGRAM", n))
		put_word(to, "", values->program, true);
	else if (!strncmp(name, "BASE", n))
		put_word(to, "--base-path=", values->base, true);
	else if (!strncmp(name, "TOKENS", n))
		put_word(to, "--token-file=", values->tokens, true);
	else
		return false;
	return true;
}

/* "@NAME@" is filled in; any other "@" (of @system-service) stays. */
static char *filled(const char *template, const struct unit_values *values)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	while (*template) {
		size_t n = *template == '@' ? strspn(template + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
					    : 0;

		if (n && template[n + 1] == '@' && put_value(to, values, template + 1, n))
			template += n + 2;
		else
			fputc(*template ++, to);
	}
	return fclose(to) ? NULL : TAKE_PTR(text);
}

int unit_make(const struct unit_values *values, char **ret_socket, char **ret_service,
	      struct problem *why)
{
	_cleanup_free_ char *socket = NULL, *service = NULL;
	int r = values_check(values, why);

	if (r)
		return r;
	socket = filled(terok_gate_socket, values);
	service = filled(terok_gate_service, values);
	if (!socket || !service)
		return problem(why, -ENOMEM, "no memory for the units");
	*ret_socket = TAKE_PTR(socket);
	*ret_service = TAKE_PTR(service);
	return 0;
}

/* --- read ------------------------------------------------------------------------------ */

bool unit_marked(const char *text)
{
	return !strncmp(text, UNIT_MARK, strlen(UNIT_MARK));
}

int unit_version(const char *text)
{
	int value = 0;
	size_t n;

	if (!unit_marked(text))
		return -ENOENT;
	text += strlen(UNIT_MARK);
	text += strspn(text, BLANK);
	n = strspn(text, "0123456789");
	if (!n || n > 8 || text[n + strspn(text + n, BLANK "\r")] > '\n')
		return -ENOENT;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + text[i] - '0';
	return value;
}

/* What is behind "NAME=" of the first line that has it, a copy. */
static char *setting(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
		line += strspn(line, BLANK);
		if (strncmp(line, name, n))
			continue;
		line += n;
		line += strspn(line, BLANK);
		return strndup(line, strcspn(line, "\r\n"));
	}
	return NULL;
}

/* The next word of @from, in its place, without quotes, "\\", "%%" and "$$"; NULL: no more. */
static char *next_word(char **from)
{
	char *word = *from + strspn(*from, BLANK), *to = word, *p = word, quote = '\0';

	if (!*word)
		return NULL;
	for (; *p && (quote || !strchr(BLANK, *p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? '\0' : *p;
			continue;
		}
		if ((*p == '\\' && p[1]) || (strchr("%$", *p) && p[1] == *p))
			p++;
		*to++ = *p;
	}
	*from = p + (*p != '\0');
	*to = '\0';
	return word;
}

char *unit_exec_word(const char *text, const char *begin)
{
	_cleanup_free_ char *line = setting(text, "ExecStart=");
	size_t n = strlen(begin);
	char *rest = line, *word;

	while (rest && (word = next_word(&rest)))
		if (!strncmp(word, begin, n))
			return strdup(word + n);
	return NULL;
}

char *unit_listen(const char *text, unsigned *ret_port)
{
	_cleanup_free_ char *line = setting(text, "ListenStream=");
	char *colon = line ? strrchr(line, ':') : NULL;
	const char *port = colon ? colon + 1 : line, *address = line;
	size_t n;

	*ret_port = 0;
	if (!line || !*line || *line == '/' || *line == '%' || *line == '@')
		return line && *line ? TAKE_PTR(line) : NULL;
	n = strspn(port, "0123456789");
	if (!n || n > 5 || port[n] || atoi(port) > 65535)
		return NULL;
	*ret_port = (unsigned)atoi(port);
	if (!colon)
		return strdup("::"); /* a number alone is every address */
	*colon = '\0';
	if (*address == '[') {
		address++;
		colon[-1] = '\0';
	}
	return strdup(address);
}
