// SPDX-License-Identifier: Apache-2.0
#include "watcher/text.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/json_scan.h"

/* A text of at most so many bytes; a longer one is cut, which is seen by its length. */
static const char *span_text(const struct json_span *span, char *buf, size_t size)
{
	size_t n = json_span_text(span, buf, size - 1);

	buf[n] = '\0';
	return buf;
}

/* --- config.json --------------------------------------------------------------------- */

struct config {
	bool annotated;
	struct terok_dossier dossier;
};

static void annotation_take(const struct json_span *key, const struct json_span *value, void *user)
{
	struct config *config = user;
	char name[TEROK_DOSSIER_KEY + sizeof(TEROK_DOSSIER_PREFIX) + 1], text[TEROK_PATH_LEN + 1];

	if (value->type != json_type_string)
		return;
	if (json_span_is(key, ANNOTATION_GUARD) || json_span_is(key, ANNOTATION_PROFILES))
		config->annotated = true;
	span_text(key, name, sizeof(name));
	terok_dossier_annotate(&config->dossier, name, span_text(value, text, sizeof(text)));
}

static void config_member(const struct json_span *key, const struct json_span *value, void *user)
{
	if (json_span_is(key, "annotations") && value->type == json_type_object)
		json_scan(value->text, value->n, annotation_take, user);
}

int text_config(const char *json, size_t size, bool *annotated, struct terok_dossier *ret)
{
	struct config config = {};

	if (json_scan(json, size, config_member, &config))
		return -EBADMSG;
	*annotated = config.annotated;
	*ret = config.dossier;
	return 0;
}

/* --- the file over a dossier --------------------------------------------------------- */

/* As the language of those who write it has it: nothing, no number, nothing in it. */
static bool is_falsy(const struct json_span *value)
{
	switch (value->type) {
	case json_type_null: return true;
	case json_type_boolean: return value->text[0] == 'f';
	case json_type_string: return !value->n;
	case json_type_int:
	case json_type_double:
		for (size_t i = 0; i < value->n && value->text[i] != 'e' && value->text[i] != 'E';
		     i++)
			if (value->text[i] >= '1' && value->text[i] <= '9')
				return false;
		return true;
	default: /* an object or a list: white space and brackets alone */
		for (size_t i = 0; i < value->n; i++)
			if (!strchr("[]{} \t\r\n", value->text[i]))
				return false;
		return true;
	}
}

static void meta_member(const struct json_span *key, const struct json_span *value, void *user)
{
	char name[TEROK_DOSSIER_KEY + 1], text[TEROK_DOSSIER_VALUE + 4];

	if (is_falsy(value))
		return;
	if (value->type == json_type_boolean)
		strcpy(text, "True");
	else
		span_text(value, text, sizeof(text));
	terok_dossier_put(user, span_text(key, name, sizeof(name)), text);
}

int text_meta(const char *json, size_t size, struct terok_dossier *ret)
{
	struct terok_dossier dossier = {};

	if (json_scan(json, size, meta_member, &dossier))
		return -EBADMSG;
	*ret = dossier;
	return 0;
}

/* --- events -------------------------------------------------------------------------- */

struct event {
	bool other; /* of an image, a volume, ... */
	bool quiet; /* of a container, and none of those below */
};

static void event_member(const struct json_span *key, const struct json_span *value, void *user)
{
	static const char *const news[] = { "create", "init",  "start",   "died",   "die",
					    "stop",   "kill",  "cleanup", "remove", "rename",
					    "sync",   "mount", "restart", "pause",  "unpause" };
	struct event *event = user;

	if (json_span_is(key, "Type")) {
		event->other = !json_span_is(value, "container") && !json_span_is(value, "system");
	} else if (json_span_is(key, "Status") || json_span_is(key, "status")) {
		event->quiet = true;
		for (unsigned i = 0; i < sizeof(news) / sizeof(news[0]); i++)
			if (json_span_is(value, news[i]))
				event->quiet = false;
	}
}

bool text_event(const char *json, size_t size)
{
	struct event event = {};

	if (json_scan(json, size, event_member, &event))
		return true;
	return !event.other && !event.quiet;
}

/* --- the storage's list -------------------------------------------------------------- */

struct listed {
	char id[CONTAINER_ID_LEN + 1], name[TEROK_NAME_LEN + 1];
};

/* The first of [ "one", ... ]; no name has a quote in it. */
static void first_name(const struct json_span *list, char ret[static TEROK_NAME_LEN + 1])
{
	const char *from = memchr(list->text, '"', list->n);
	const char *to = from ? memchr(from + 1, '"', list->text + list->n - from - 1) : NULL;

	if (!to || to - from - 1 > TEROK_NAME_LEN)
		return;
	memcpy(ret, from + 1, to - from - 1);
	ret[to - from - 1] = '\0';
}

static void listed_member(const struct json_span *key, const struct json_span *value, void *user)
{
	struct listed *listed = user;

	if (json_span_is(key, "id") && value->type == json_type_string)
		span_text(value, listed->id, sizeof(listed->id));
	else if (json_span_is(key, "names") && value->type == json_type_array)
		first_name(value, listed->name);
}

/* Where the object that begins at @at ends; the whole text is JSON, so it does. */
static const char *object_end(const char *at, const char *end)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; at < end; at++) {
		if (quoted && *at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && *at == '{')
			depth++;
		else if (!quoted && *at == '}' && !--depth)
			return at + 1;
	}
	return NULL;
}

int text_names(const char *json, size_t size,
	       void (*fn)(const char *id, const char *name, void *user), void *user)
{
	const char *end = json + size, *at = json, *next;

	if (!json_check(json, size))
		return -EBADMSG;
	while (at < end && strchr(" \t\r\n", *at))
		at++;
	if (*at != '[') /* what is JSON has more than space in it */
		return -EBADMSG;
	while ((at = memchr(at, '{', end - at)) && (next = object_end(at, end))) {
		struct listed listed = {};

		if (!json_scan(at, next - at, listed_member, &listed) &&
		    container_is_id(listed.id) && container_is_name(listed.name))
			fn(listed.id, listed.name, user);
		at = next;
	}
	return 0;
}
