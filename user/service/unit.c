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

static int one_check(const struct unit_value *value, struct problem *why)
{
	bool path = value->kind <= UNIT_SETTING;

	if (path && *value->value != '/')
		return problem(why, -EINVAL, "%s: '%.100s' is not absolute", value->what,
			       value->value);
	if (value->kind == UNIT_PROGRAM && strspn(value->value, PATH_CHARS) != strlen(value->value))
		return problem(why, -EINVAL,
			       "%s is '%.100s': a unit cannot name one with other "
			       "characters than letters, digits and /._+-",
			       value->what, value->value);
	return value_check(value->what, value->value, why);
}

int unit_tcp(const char *bind, unsigned port, char ret[static UNIT_TCP], struct problem *why)
{
	bool v6 = strchr(bind, ':');
	struct in6_addr any;
	int r = value_check("--bind", bind, why);

	if (r)
		return r;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, bind, &any) != 1)
		return problem(why, -EINVAL,
			       "--bind %.60s is no address: write it as 127.0.0.1 or "
			       "::1",
			       bind);
	if (!port || port > 65535)
		return problem(why, -EINVAL, "--port %u: 1 to 65535", port);
	snprintf(ret, UNIT_TCP, "%s%s%s:%u", v6 ? "[" : "", bind, v6 ? "]" : "", port);
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

/* All of a line: it is no list of words, but what begins with "%" is read in it. */
static void put_line(FILE *to, const char *value)
{
	for (; *value; value++) {
		if (*value == '%')
			fputc('%', to);
		fputc(*value, to);
	}
}

static bool put_value(FILE *to, const struct service *service, const struct unit_value *values,
		      const char *name, size_t n)
{
	bool put = false;

	if (n == strlen("VERSION") && !strncmp(name, "VERSION", n)) {
		fprintf(to, "%d", service->version);
		return true;
	}
	for (; values->name; values++) {
		if (strlen(values->name) != n || strncmp(values->name, name, n))
			continue;
		if (put)
			fputc(' ', to);
		put = true;
		if (values->kind == UNIT_LINE)
			put_line(to, values->value);
		else
			put_word(to, values->begin, values->value, values->kind != UNIT_SETTING);
	}
	return put;
}

/* "@NAME@" is filled in; any other "@" (of @system-service) stays. */
static char *filled(const char *template, const struct service *service,
		    const struct unit_value *values)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	while (*template) {
		size_t n = *template == '@' ? strspn(template + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
					    : 0;

		if (n && template[n + 1] == '@' && put_value(to, service, values, template + 1, n))
			template += n + 2;
		else
			fputc(*template ++, to);
	}
	return fclose(to) ? NULL : TAKE_PTR(text);
}

int unit_make(const struct service *service, const struct unit_value *values, char **ret_socket,
	      char **ret_unit, struct problem *why)
{
	_cleanup_free_ char *socket = NULL, *unit = NULL;
	int r = 0;

	for (const struct unit_value *value = values; !r && value->name; value++)
		r = one_check(value, why);
	if (r)
		return r;
	socket = filled(service->socket_text, service, values);
	unit = filled(service->unit_text, service, values);
	if (!socket || !unit)
		return problem(why, -ENOMEM, "no memory for the units");
	*ret_socket = TAKE_PTR(socket);
	*ret_unit = TAKE_PTR(unit);
	return 0;
}

/* --- read ------------------------------------------------------------------------------ */

bool unit_marked(const char *text, const char *mark)
{
	return !strncmp(text, mark, strlen(mark));
}

int unit_version(const char *text, const char *mark)
{
	int value = 0;
	size_t n;

	if (!unit_marked(text, mark))
		return -ENOENT;
	text += strlen(mark);
	text += strspn(text, BLANK);
	n = strspn(text, "0123456789");
	if (!n || n > 8 || text[n + strspn(text + n, BLANK "\r")] > '\n')
		return -ENOENT;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + text[i] - '0';
	return value;
}

/* What is behind "NAME=" of the first line that has it, but for @skip of them; a copy. */
static char *setting(const char *text, const char *name, unsigned skip)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
		line += strspn(line, BLANK);
		if (strncmp(line, name, n) || skip--)
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
	_cleanup_free_ char *line = setting(text, "ExecStart=", 0);
	size_t n = strlen(begin);
	char *rest = line, *word;

	while (rest && (word = next_word(&rest)))
		if (!strncmp(word, begin, n))
			return strdup(word + n);
	return NULL;
}

/* An address out of @line, and the port behind it; a path, and 0. NULL: neither. */
static char *listen_read(char *line, unsigned *ret_port)
{
	char *colon = strrchr(line, ':');
	const char *port = colon ? colon + 1 : line, *address = line;
	size_t n;

	*ret_port = 0;
	if (!*line || *line == '/' || *line == '%' || *line == '@')
		return *line ? strdup(line) : NULL;
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

char *unit_listen(const char *text, unsigned *ret_port)
{
	char *first = NULL;

	*ret_port = 0;
	for (unsigned i = 0;; i++) {
		_cleanup_free_ char *line = setting(text, "ListenStream=", i);
		char *one = line ? listen_read(line, ret_port) : NULL;

		if (one && *ret_port) {
			free(first);
			return one;
		}
		if (!line)
			return first;
		if (i)
			free(one);
		else
			first = one;
	}
}
