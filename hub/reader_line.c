// SPDX-License-Identifier: Apache-2.0
#include "reader_line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"

/* The members that a line may have. */
enum field {
	FIELD_TYPE,
	FIELD_CONTAINER,
	FIELD_ID,
	FIELD_DEST,
	FIELD_DOMAIN,
	FIELD_REASON,
	FIELD_PORT,
	FIELD_PROTO,
	FIELD_DOSSIER,
	FIELD_MAX_
};

static const char *const field_names[FIELD_MAX_] = {
	[FIELD_TYPE] = "type", [FIELD_CONTAINER] = "container", [FIELD_ID] = "id",
	[FIELD_DEST] = "dest", [FIELD_DOMAIN] = "domain",       [FIELD_REASON] = "reason",
	[FIELD_PORT] = "port", [FIELD_PROTO] = "proto",         [FIELD_DOSSIER] = "dossier",
};

/* What readers say, and what is made of it. */
static const struct {
	const char *name;
	enum reader_type type;
} types[] = {
	{ "pending", READER_BLOCKED },
	{ "connection_blocked", READER_BLOCKED },
	{ "container_started", READER_STARTED },
	{ "container_exited", READER_EXITED },
	{ "shield_up", READER_UP },
	{ "shield_down", READER_DOWN },
	{ "shield_disengaged", READER_DISENGAGED },
	{ "shield_down_all", READER_DISENGAGED },
};

const char *reader_type_name(enum reader_type type)
{
	static const char *const names[READER_TYPE_MAX_] = {
		[READER_BLOCKED] = "connection_blocked", [READER_STARTED] = "container_started",
		[READER_EXITED] = "container_exited",    [READER_UP] = "shield_up",
		[READER_DOWN] = "shield_down",           [READER_DISENGAGED] = "shield_disengaged",
	};

	return names[type];
}

/* A line as its members; an empty span (no text): absent, or null. */
struct members {
	struct json_span field[FIELD_MAX_];
};

static void member_keep(const struct json_span *key, const struct json_span *value, void *user)
{
	struct members *members = user;

	for (int i = 0; i < FIELD_MAX_; i++) {
		if (!json_span_is(key, field_names[i]))
			continue;
		members->field[i] = value->type == json_type_null ? (struct json_span){} : *value;
		return;
	}
}

/* Enough characters that the sanitiser sees a longer text to be longer. */
#define DECODED (4 * (SANITISE_MAX + 2))

/* A value as people are shown it; what is no text is as its reader's language prints it. */
static void text_show(char ret[static READER_TEXT], const struct json_span *span)
{
	char buf[DECODED];

	if (span->type == json_type_boolean)
		strcpy(ret, span->n == strlen("true") ? "True" : "False");
	else if (span->type == json_type_null)
		strcpy(ret, "None");
	else if (!span->escaped)
		sanitise(ret, SANITISE_MAX, span->text, span->n);
	else
		sanitise(ret, SANITISE_MAX, buf, json_span_text(span, buf, sizeof(buf)));
}

static int text_get(char ret[static READER_TEXT], const struct members *members, enum field field,
		    bool required, struct problem *why)
{
	const struct json_span *span = &members->field[field];

	*ret = '\0';
	if (!span->text)
		return required ? problem(why, -EINVAL, "no %s", field_names[field]) : 0;
	if (span->type == json_type_object || span->type == json_type_array)
		return problem(why, -EINVAL, "%s is no text", field_names[field]);
	text_show(ret, span);
	return 0;
}

/* A number, also one that is written as a text; a fraction is cut off. */
static int number_get(unsigned max, unsigned *ret, const struct members *members, enum field field,
		      struct problem *why)
{
	const struct json_span *span = &members->field[field];
	char buf[32], *end;
	double value;

	if (!span->text)
		return problem(why, -EINVAL, "no %s", field_names[field]);
	if (span->type == json_type_boolean) {
		*ret = span->n == strlen("true");
		return 0;
	}
	if (span->type == json_type_object || span->type == json_type_array || !span->n ||
	    span->n >= sizeof(buf))
		return problem(why, -EINVAL, "%s is no number", field_names[field]);
	memcpy(buf, span->text, span->n);
	buf[span->n] = '\0';
	if (span->type == json_type_string && buf[strspn(buf, "0123456789")])
		return problem(why, -EINVAL, "%s is no number", field_names[field]);
	value = strtod(buf, &end);
	if (*end || !(value > -1 && value < max + 1.0))
		return problem(why, -EINVAL, "%s is not within 0 to %u", field_names[field], max);
	*ret = (unsigned)value;
	return 0;
}

/* A copy of @n bytes in the dossier; NULL: no room. */
static const char *dossier_keep(struct dossier *dossier, const char *bytes, size_t n)
{
	char *copy = dossier->text + dossier->used;

	if (n >= sizeof(dossier->text) - dossier->used)
		return NULL;
	memcpy(copy, bytes, n);
	copy[n] = '\0';
	dossier->used += n + 1;
	return copy;
}

static void dossier_add(const struct json_span *key, const struct json_span *value, void *user)
{
	struct dossier *dossier = user;
	char name[DOSSIER_KEY_MAX + 1], text[READER_TEXT];
	size_t n = json_span_text(key, name, sizeof(name));
	unsigned at = 0, used = dossier->used;
	struct said entry;

	/* a key that is cut is another key; it has no NUL, or the scan fails */
	if (n > DOSSIER_KEY_MAX)
		return;
	while (at < dossier->n &&
	       (strlen(dossier->entry[at].key) != n || memcmp(dossier->entry[at].key, name, n)))
		at++;
	if (at == DOSSIER_MAX)
		return;
	text_show(text, value);
	entry.key = at < dossier->n ? dossier->entry[at].key : dossier_keep(dossier, name, n);
	entry.value = entry.key ? dossier_keep(dossier, text, strlen(text)) : NULL;
	if (!entry.value) {
		dossier->used = used;
		return;
	}
	dossier->entry[at] = entry;
	dossier->n += at == dossier->n;
}

static int blocked_fill(struct reader_line *line, const struct members *members,
			struct problem *why)
{
	unsigned port = 0, proto = 0;
	int r = text_get(line->id, members, FIELD_ID, true, why);

	if (!r)
		r = text_get(line->dest, members, FIELD_DEST, true, why);
	if (!r)
		r = text_get(line->domain, members, FIELD_DOMAIN, false, why);
	if (!r)
		r = number_get(UINT16_MAX, &port, members, FIELD_PORT, why);
	if (!r)
		r = number_get(UINT8_MAX, &proto, members, FIELD_PROTO, why);
	line->port = port;
	line->proto = proto;
	return r;
}

static int line_fill(struct reader_line *line, const struct members *members, struct problem *why)
{
	const struct json_span *dossier = &members->field[FIELD_DOSSIER];
	int r = text_get(line->container, members, FIELD_CONTAINER, true, why);

	*line->id = *line->dest = *line->domain = *line->reason = '\0';
	line->port = line->proto = 0;
	line->dossier.n = line->dossier.used = 0;
	if (!r && line->type == READER_BLOCKED)
		r = blocked_fill(line, members, why);
	if (!r && line->type == READER_EXITED)
		r = text_get(line->reason, members, FIELD_REASON, false, why);
	if (!r && dossier->type == json_type_object)
		json_scan(dossier->text, dossier->n, dossier_add, &line->dossier);
	return r;
}

static bool is_blank(const char *text, size_t n)
{
	while (n && strchr(" \t\r\v\f", *text) && *text)
		text++, n--;
	return !n;
}

int reader_line_parse(const char *text, size_t n, struct reader_line *ret, struct problem *why)
{
	struct members members = {};
	const struct json_span *type = &members.field[FIELD_TYPE];

	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) /* some editors' mark */
		text += 3, n -= 3;
	if (is_blank(text, n))
		return -ENODATA;
	if (json_scan(text, n, member_keep, &members))
		return problem(why, -EINVAL, "no JSON object");
	if (type->type == json_type_object || type->type == json_type_array)
		return problem(why, -EINVAL, "type is no text");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!json_span_is(type, types[i].name))
			continue;
		ret->type = types[i].type;
		return line_fill(ret, &members, why);
	}
	return -ENOMSG;
}
