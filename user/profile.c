// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitise.h"

void profile_done(struct profile *profile)
{
	free(profile->entry);
	free(profile->slot);
	*profile = (struct profile){};
}

/* --- entries ----------------------------------------------------------------------------- */

/* One label: letters, digits and inner hyphens, 63 at most. Its length; 0: it is none. */
static size_t label_take(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 63 || *text == '-' || (n && text[n - 1] == '-') ? 0 : n;
}

/* In place: lower case. At least two labels, the last not all digits. */
static int domain_check(char *domain, struct problem *why)
{
	char *label = domain + (strncmp(domain, "*.", 2) ? 0 : 2);
	unsigned labels = 0;

	for (char *p = domain; *p; p++)
		*p = tolower((unsigned char)*p);
	for (;;) {
		size_t len = label_take(label);

		if (!len || (label[len] && label[len] != '.'))
			return problem(why, -EINVAL,
				       "'%.100s' is no domain: labels of letters, digits and inner "
				       "hyphens, with dots between",
				       domain);
		labels++;
		if (!label[len])
			break;
		label += len + 1;
	}
	if (labels < 2 || strspn(label, "0123456789") == strlen(label))
		return problem(why, -EINVAL, "'%.100s' is no domain with a top level", domain);
	return 0;
}

/* domain[:port][/proto] */
static int domain_parse(const char *text, struct profile_entry *ret, struct problem *why)
{
	size_t n = strcspn(text, ":/"),
	       most = PROFILE_DOMAIN_MAX + (strncmp(text, "*.", 2) ? 0 : 2);
	const char *rest = text + n, *slash = strchr(rest, '/');
	char port[8] = "";
	int r = 0;

	if (n && text[n - 1] == '.')
		n--;
	if (n > most)
		return problem(why, -EINVAL, "a domain has at most %d characters",
			       PROFILE_DOMAIN_MAX);
	memcpy(ret->domain, text, n);
	ret->domain[n] = '\0';
	if (*rest == ':') {
		size_t len = slash ? (size_t)(slash - rest - 1) : strlen(rest + 1);

		snprintf(port, sizeof(port), "%.*s", (int)len, rest + 1);
		r = len >= sizeof(port)
			? problem(why, -EINVAL, "port '%.20s' is not a number", rest + 1)
			: port_parse(port, &ret->dest.port, why);
	}
	if (!r && slash)
		r = proto_parse(slash + 1, &ret->dest.proto, why);
	return r ? r : domain_check(ret->domain, why);
}

/* Meant as an address: then an error should speak of one. */
static bool looks_like_address(const char *text)
{
	size_t host = strcspn(text, "/");

	return *text == '[' || strspn(text, "0123456789.:") >= host ||
	       (strspn(text, "0123456789abcdefABCDEF:.") >= host && strchr(text, ':') &&
		strchr(strchr(text, ':') + 1, ':'));
}

int profile_entry_parse(const char *text, struct profile_entry *ret, struct problem *why)
{
	struct profile_entry entry = {};
	int r;

	if (*text == '!') {
		entry.deny = true;
		text++;
	}
	r = looks_like_address(text) ? dest_parse(text, &entry.dest, why)
				     : domain_parse(text, &entry, why);
	if (!r)
		*ret = entry;
	return r;
}

const char *profile_entry_format(char buf[static PROFILE_TEXT_LEN], const struct profile_entry *e)
{
	char addr[ADDR_TEXT], proto[8], port[8] = "";
	const char *host = *e->domain ? e->domain : dest_format(addr, &e->dest);
	bool brackets = !*e->domain && e->dest.port && e->dest.bits == 128 && strchr(host, ':');

	if (e->dest.port)
		snprintf(port, sizeof(port), ":%u", e->dest.port);
	snprintf(buf, PROFILE_TEXT_LEN, "%s%s%s%s%s%s%s", e->deny ? "!" : "", brackets ? "[" : "",
		 host, brackets ? "]" : "", port, e->dest.proto ? "/" : "",
		 e->dest.proto ? proto_name(e->dest.proto, proto) : "");
	return buf;
}

/* --- composition ------------------------------------------------------------------------- */

static bool entry_same(const struct profile_entry *a, const struct profile_entry *b)
{
	return a->deny == b->deny && !memcmp(&a->dest, &b->dest, sizeof(a->dest)) &&
	       !strcmp(a->domain, b->domain);
}
_Static_assert(sizeof(struct dest) == 20, "no padding that would differ");

/* FNV-1a */
static uint32_t hash(uint32_t so_far, const void *bytes, size_t n)
{
	for (const uint8_t *p = bytes; n; p++, n--)
		so_far = (so_far ^ *p) * 16777619U;
	return so_far;
}

/*
 * Where it is, or would be; an allow and its deny are neighbours. There are twice as many slots
 * as entries, and a power of two.
 */
static uint32_t *entry_slot(const struct profile *profile, const struct profile_entry *entry)
{
	uint32_t at = hash(2166136261U, entry->domain, strlen(entry->domain));
	size_t mask = 2 * profile->room - 1;

	at = hash(at, &entry->dest, sizeof(entry->dest));
	while (profile->slot[at & mask] &&
	       !entry_same(&profile->entry[profile->slot[at & mask] - 1], entry))
		at++;
	return &profile->slot[at & mask];
}

static void slots_fill(struct profile *profile)
{
	for (size_t i = 0; i < profile->n; i++)
		*entry_slot(profile, &profile->entry[i]) = i + 1;
}

static int profile_grow(struct profile *profile)
{
	size_t room = profile->room ? 2 * profile->room : 32;
	struct profile_entry *more = reallocarray(profile->entry, room, sizeof(*more));
	uint32_t *slot;

	if (!more)
		return -ENOMEM;
	profile->entry = more;
	slot = calloc(2 * room, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	free(profile->slot);
	profile->slot = slot;
	profile->room = room;
	slots_fill(profile);
	return 0;
}

ssize_t profile_find(const struct profile *profile, const struct profile_entry *entry)
{
	return profile->n ? (ssize_t)*entry_slot(profile, entry) - 1 : -1;
}

int profile_add(struct profile *profile, const struct profile_entry *entry)
{
	int r;

	if (profile_find(profile, entry) >= 0)
		return 0;
	r = profile->n == profile->room ? profile_grow(profile) : 0;
	if (r)
		return r;
	profile->entry[profile->n++] = *entry;
	*entry_slot(profile, entry) = profile->n;
	return 0;
}

/* --- lines ------------------------------------------------------------------------------- */

/* One line, cut to its words; false: it says nothing. */
static bool line_trim(char *line)
{
	size_t n;

	memmove(line, line + strspn(line, " \t"), strlen(line + strspn(line, " \t")) + 1);
	n = strlen(line);
	while (n && strchr(" \t\r", line[n - 1]))
		line[--n] = '\0';
	return n && *line != '#';
}

static int line_parse(const char *text, size_t n, struct profile_entry *entry, struct problem *why)
{
	char line[PROFILE_LINE_MAX + 1], safe[64];

	if (n > PROFILE_LINE_MAX)
		return problem(why, -EINVAL, "longer than %d bytes", PROFILE_LINE_MAX);
	if (memchr(text, '\0', n))
		return problem(why, -EINVAL, "a NUL byte");
	memcpy(line, text, n);
	line[n] = '\0';
	if (!line_trim(line))
		return 1;
	for (const char *p = line; *p; p++)
		if (*p <= 0x20 || *p > 0x7e)
			return problem(why, -EINVAL,
				       "'%s': one entry a line, of printable characters without "
				       "spaces",
				       sanitise(safe, sizeof(safe) - 1, line, strlen(line)));
	return profile_entry_parse(line, entry, why);
}

int profile_parse(const char *text, size_t size,
		  int (*fn)(unsigned line, const struct profile_entry *e, const struct problem *why,
			    void *user),
		  void *user)
{
	const char *end = text + size;
	unsigned number = 0;
	int r = 0;

	while (!r && text < end) {
		const char *newline = memchr(text, '\n', end - text) ?: end;
		struct profile_entry entry;
		struct problem why = {};
		int said = line_parse(text, newline - text, &entry, &why);

		entry.line = ++number;
		if (said <= 0)
			r = fn(number, said ? NULL : &entry, &why, user);
		text = newline + 1;
	}
	return r;
}
