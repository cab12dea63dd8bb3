// SPDX-License-Identifier: Apache-2.0
#include "names/zone.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS 160

struct zone {
	struct zone_name *names;
};

struct line {
	const char *path;
	unsigned number, words;
	char *word[WORDS];
};

static const char *const behaviours[DO_MAX_] = {
	[DO_DELAY] = "delay",
	[DO_DROP] = "drop",
	[DO_WRONG_ID] = "wrong-id",
	[DO_WRONG_CASE] = "wrong-case",
	[DO_WRONG_QUESTION] = "wrong-question",
	[DO_FORGE_FIRST] = "forge-first",
	[DO_TRUNCATE_UDP] = "truncate-udp",
	[DO_SERVFAIL] = "servfail",
	[DO_REFUSED] = "refused",
	[DO_ENDLESS_TCP] = "endless-tcp",
	[DO_SLOW_TCP] = "slow-tcp",
	[DO_LOOP_CNAME] = "loop-cname",
	[DO_MANY] = "many",
	[DO_ROTATE] = "rotate",
	[DO_PRIVATE] = "private",
};

static const struct {
	const char *name;
	uint16_t type;
} types[] = {
	{ "A", TYPE_A },     { "NS", TYPE_NS },   { "CNAME", TYPE_CNAME }, { "SOA", TYPE_SOA },
	{ "PTR", TYPE_PTR }, { "MX", TYPE_MX },   { "TXT", TYPE_TXT },     { "AAAA", TYPE_AAAA },
	{ "SRV", TYPE_SRV }, { "OPT", TYPE_OPT }, { "SVCB", TYPE_SVCB },   { "HTTPS", TYPE_HTTPS },
	{ "ANY", TYPE_ANY },
};

uint16_t zone_type(const char *text)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcasecmp(text, types[i].name))
			return types[i].type;
	return 0;
}

const char *zone_type_name(uint16_t type)
{
	static char other[16];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (type == types[i].type)
			return types[i].name;
	snprintf(other, sizeof(other), "TYPE%u", type);
	return other;
}

static void __attribute__((noreturn)) wrong(const struct line *line, const char *what)
{
	errx(2, "%s:%u: %s", line->path, line->number, what);
}

static const char *word(const struct line *line, unsigned i)
{
	if (i >= line->words)
		wrong(line, "something is missing");
	return line->word[i];
}

static unsigned number(const struct line *line, unsigned i, unsigned long max)
{
	unsigned long value;
	char *end;

	value = strtoul(word(line, i), &end, 10);
	if (*end || value > max)
		wrong(line, "not such a number");
	return value;
}

unsigned zone_name_wire(uint8_t *out, const char *name)
{
	unsigned n = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (!label || label > 63 || n + label + 2 > 255)
			return 0;
		out[n++] = label;
		memcpy(out + n, name, label);
		n += label;
		name += label;
		name += *name == '.';
	}
	out[n++] = 0;
	return n;
}

/* One record's data while it is written. */
struct data {
	const struct line *line;
	struct record *to;
};

static void data_add(struct data *data, const void *bytes, size_t n)
{
	if (data->to->size + n > ZONE_DATA)
		wrong(data->line, "that is too much for one record");
	memcpy(data->to->data + data->to->size, bytes, n);
	data->to->size += n;
}

static void data_u16(struct data *data, unsigned value)
{
	data_add(data, (uint8_t[]){ value >> 8, value }, 2);
}

static void data_name(struct data *data, unsigned i)
{
	const char *name = word(data->line, i);
	uint8_t wire[256];
	unsigned n = zone_name_wire(wire, strcmp(name, ".") ? name : "");

	if (!n)
		wrong(data->line, "that is no name");
	data_add(data, wire, n);
}

static void data_addr(struct data *data, int family, const char *text)
{
	uint8_t addr[16];

	if (inet_pton(family, text, addr) != 1)
		wrong(data->line, "that is no address");
	data_add(data, addr, family == AF_INET ? 4 : 16);
}

static void data_string(struct data *data, const char *text)
{
	size_t n = strlen(text);

	if (n > 255)
		wrong(data->line, "a string has at most 255 bytes");
	data_add(data, (uint8_t[]){ n }, 1);
	data_add(data, text, n);
}

/* What HTTPS and SVCB say of the target: in the order of their keys, as the wire wants it. */
static void data_params(struct data *data, unsigned from)
{
	static const char *const keys[] = {
		[1] = "alpn=", [3] = "port=", [4] = "ipv4hint=", [6] = "ipv6hint="
	};

	for (unsigned key = 0; key < sizeof(keys) / sizeof(*keys); key++) {
		for (unsigned i = from; keys[key] && i < data->line->words; i++) {
			char *value = data->line->word[i], *part;
			unsigned at;

			if (strncmp(value, keys[key], strlen(keys[key])))
				continue;
			value += strlen(keys[key]);
			data_u16(data, key);
			at = data->to->size;
			data_u16(data, 0); /* how long it is, when that is known */
			while ((part = strsep(&value, ","))) {
				if (key == 1)
					data_string(data, part);
				else if (key == 3)
					data_u16(data, strtoul(part, NULL, 10));
				else
					data_addr(data, key == 4 ? AF_INET : AF_INET6, part);
			}
			data->to->data[at] = (data->to->size - at - 2) >> 8;
			data->to->data[at + 1] = data->to->size - at - 2;
		}
	}
}

static void data_soa(struct data *data)
{
	unsigned minimum = number(data->line, 3, INT32_MAX);

	data_add(data, "\2ns\0\5admin", 11);
	for (unsigned i = 0; i < 4; i++)
		data_add(data, (uint8_t[]){ 0, 0, 0, 1 }, 4);
	data_add(data, (uint8_t[]){ minimum >> 24, minimum >> 16, minimum >> 8, minimum }, 4);
}

static void data_fill(struct data *data)
{
	const struct line *line = data->line;
	unsigned numbers = 0; /* of 16 bits, before a name */

	switch (data->to->type) {
	case TYPE_A: data_addr(data, AF_INET, word(line, 3)); return;
	case TYPE_AAAA: data_addr(data, AF_INET6, word(line, 3)); return;
	case TYPE_SOA: data_soa(data); return;
	case TYPE_TXT:
		word(line, 3);
		for (unsigned i = 3; i < line->words; i++)
			data_string(data, line->word[i]);
		return;
	case TYPE_MX:
	case TYPE_SVCB:
	case TYPE_HTTPS: numbers = 1; break;
	case TYPE_SRV: numbers = 3; break;
	case TYPE_CNAME:
	case TYPE_NS:
	case TYPE_PTR: break;
	default: wrong(line, "records of that type are not served");
	}
	for (unsigned i = 0; i < numbers; i++)
		data_u16(data, number(line, 3 + i, UINT16_MAX));
	data_name(data, 3 + numbers);
	if (data->to->type == TYPE_SVCB || data->to->type == TYPE_HTTPS)
		data_params(data, 5);
}

/* Lower case, without the dot at the end. */
static void name_copy(const struct line *line, char out[static ZONE_NAME], const char *name)
{
	size_t n = strlen(name);

	if (n >= 256)
		wrong(line, "that name is too long");
	for (size_t i = 0; i <= n; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i];
	if (n && out[n - 1] == '.')
		out[n - 1] = '\0';
}

static struct zone_name *name_exact(const struct zone *zone, const char *name)
{
	for (struct zone_name *n = zone->names; n; n = n->next)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

static struct zone_name *name_of(struct zone *zone, const struct line *line)
{
	char name[ZONE_NAME];
	struct zone_name *found;

	name_copy(line, name, line->word[0]);
	found = name_exact(zone, name);
	if (found)
		return found;
	found = calloc(1, sizeof(*found));
	if (!found)
		err(1, "zone");
	strcpy(found->name, name);
	found->next = zone->names;
	zone->names = found;
	return found;
}

static void add_behaviour(struct zone_name *name, const struct line *line)
{
	for (unsigned i = 0; i < DO_MAX_; i++) {
		if (strcmp(word(line, 2), behaviours[i]))
			continue;
		name->does[i] = true;
		if (i == DO_DELAY || i == DO_SLOW_TCP || i == DO_MANY || line->words > 3)
			name->with[i] = number(line, 3, 1000000);
		return;
	}
	wrong(line, "there is no such behaviour");
}

static void add_record(struct zone_name *name, const struct line *line)
{
	struct record *record = calloc(1, sizeof(*record)), **last = &name->records;
	struct data data = { .line = line, .to = record };

	if (!record)
		err(1, "zone");
	while (*last)
		last = &(*last)->next;
	*last = record;
	record->type = zone_type(word(line, 1));
	record->ttl = number(line, 2, INT32_MAX);
	data_fill(&data);
	if (record->type == TYPE_CNAME)
		name_copy(line, record->target, line->word[3]);
}

struct zone *zone_load(const char *path)
{
	struct zone *zone = calloc(1, sizeof(*zone));
	struct line line = { .path = path };
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!zone || !file)
		err(1, "%s", path);
	while (getline(&text, &size, file) >= 0) {
		char *rest = NULL;

		line.number++;
		line.words = 0;
		text[strcspn(text, "#\n")] = '\0';
		for (char *w = strtok_r(text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
			if (line.words == WORDS)
				wrong(&line, "too many words");
			line.word[line.words++] = w;
		}
		if (!line.words)
			continue;
		if (!strcmp(word(&line, 1), "do"))
			add_behaviour(name_of(zone, &line), &line);
		else
			add_record(name_of(zone, &line), &line);
	}
	free(text);
	fclose(file);
	return zone;
}

void zone_free(struct zone *zone)
{
	while (zone && zone->names) {
		struct zone_name *name = zone->names;

		zone->names = name->next;
		while (name->records) {
			struct record *record = name->records;

			name->records = record->next;
			free(record);
		}
		free(name);
	}
	free(zone);
}

static const char *above(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : "";
}

struct zone_name *zone_find(const struct zone *zone, const char *name)
{
	struct zone_name *found = name_exact(zone, name);
	char wild[ZONE_NAME + 2];

	for (const char *up = name; !found && *up;) {
		up = above(up);
		snprintf(wild, sizeof(wild), *up ? "*.%s" : "*", up);
		found = name_exact(zone, wild);
	}
	return found;
}

bool zone_exists(const struct zone *zone, const char *name)
{
	size_t n = strlen(name);

	if (zone_find(zone, name))
		return true;
	for (struct zone_name *at = zone->names; at; at = at->next) {
		size_t all = strlen(at->name);

		if (all > n + 1 && at->name[all - n - 1] == '.' &&
		    !strcmp(at->name + all - n, name))
			return true;
	}
	return false;
}

const struct record *zone_soa(const struct zone *zone, const char *name, const char **owner)
{
	for (const char *up = name;; up = above(up)) {
		struct zone_name *found = name_exact(zone, up);

		for (struct record *r = found ? found->records : NULL; r; r = r->next) {
			if (r->type != TYPE_SOA)
				continue;
			*owner = found->name;
			return r;
		}
		if (!*up)
			return NULL;
	}
}
