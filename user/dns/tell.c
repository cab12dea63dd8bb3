// SPDX-License-Identifier: Apache-2.0
#include "dns/tell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOLD   256 /* names that are remembered as told; two that meet in a slot are told again */
#define SECOND UINT64_C(1000000000)

struct told {
	uint64_t hash, told_ns;
	uint32_t count; /* refused since */
};

struct waiting {
	uint64_t due_ns; /* 0: free */
	struct tell_name name;
};

struct tell {
	struct told told[TOLD];
	struct waiting waiting[TELL_PENDING];
	unsigned n_waiting, n_suffixes, next_suffix;
	unsigned n_second; /* told since second_ns */
	uint64_t second_ns;
	char suffix[TELL_SUFFIXES][DNS_NAME_LEN];
};

int tell_new(struct tell **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void tell_free(struct tell *tell)
{
	free(tell);
}

/* The tail of @longer behind @name and a dot; NULL: it is not @name with one. */
static const char *tail_of(const char *longer, const char *name)
{
	size_t n = strlen(name);

	return n && !strncmp(longer, name, n) && longer[n] == '.' ? longer + n + 1 : NULL;
}

static bool has_suffix(const struct tell *tell, const char *name)
{
	for (unsigned i = 0; i < tell->n_suffixes; i++)
		if (dns_name_is_below(name, tell->suffix[i]))
			return true;
	return false;
}

void tell_suffix(struct tell *tell, const char *suffix)
{
	for (unsigned i = 0; i < tell->n_suffixes; i++)
		if (!strcmp(tell->suffix[i], suffix))
			return;
	memset(tell->suffix[tell->next_suffix], 0, DNS_NAME_LEN);
	memccpy(tell->suffix[tell->next_suffix], suffix, '\0', DNS_NAME_LEN - 1);
	tell->next_suffix = (tell->next_suffix + 1) % TELL_SUFFIXES;
	if (tell->n_suffixes < TELL_SUFFIXES)
		tell->n_suffixes++;
}

static void waiting_drop(struct tell *tell, struct waiting *waiting)
{
	waiting->due_ns = 0;
	tell->n_waiting--;
}

/* Those that are @name with a tail: the tail is a suffix, and they were nobody's wish. */
void tell_asked(struct tell *tell, const char *name)
{
	for (unsigned i = 0; tell->n_waiting && i < TELL_PENDING; i++) {
		struct waiting *waiting = &tell->waiting[i];
		const char *tail = waiting->due_ns ? tail_of(waiting->name.name, name) : NULL;

		if (!tail)
			continue;
		tell_suffix(tell, tail);
		waiting_drop(tell, waiting);
	}
}

/* Is it one of those that wait, with a tail behind it? */
static bool is_searched(struct tell *tell, const char *name)
{
	for (unsigned i = 0; tell->n_waiting && i < TELL_PENDING; i++) {
		const char *tail =
		    tell->waiting[i].due_ns ? tail_of(name, tell->waiting[i].name.name) : NULL;

		if (tail) {
			tell_suffix(tell, tail);
			return true;
		}
	}
	return false;
}

static struct told *told_slot(struct tell *tell, const char *name, uint8_t why)
{
	uint64_t hash = dns_name_hash(name) ^ why;
	struct told *told = &tell->told[hash % TOLD];

	if (told->hash != hash)
		*told = (struct told){ .hash = hash };
	told->count++;
	return told;
}

void tell_note(struct tell *tell, const struct tell_name *name, uint64_t now_ns)
{
	struct waiting *free_slot = NULL;
	struct told *told;

	if (!strchr(name->name, '.') || has_suffix(tell, name->name))
		return;
	tell_asked(tell, name->name);
	if (is_searched(tell, name->name))
		return;
	told = told_slot(tell, name->name, name->why);
	if (told->told_ns && now_ns - told->told_ns < TELL_QUIET_NS)
		return;
	for (unsigned i = 0; i < TELL_PENDING; i++) {
		struct waiting *waiting = &tell->waiting[i];

		if (!waiting->due_ns)
			free_slot = waiting;
		else if (waiting->name.why == name->why && !strcmp(waiting->name.name, name->name))
			return;
	}
	if (!free_slot) /* it is counted, and told when it comes again */
		return;
	free_slot->name = *name;
	free_slot->due_ns = now_ns + TELL_WAIT_NS;
	tell->n_waiting++;
}

void tell_hurry(struct tell *tell)
{
	for (unsigned i = 0; tell->n_waiting && i < TELL_PENDING; i++)
		if (tell->waiting[i].due_ns)
			tell->waiting[i].due_ns = 1;
}

static bool second_has_room(struct tell *tell, uint64_t now_ns)
{
	if (now_ns - tell->second_ns >= SECOND) {
		tell->second_ns = now_ns;
		tell->n_second = 0;
	}
	return tell->n_second++ < TELL_RATE;
}

uint64_t tell_due(struct tell *tell, uint64_t now_ns,
		  void (*fn)(const struct tell_name *name, void *user), void *user)
{
	uint64_t next = 0;

	for (unsigned i = 0; tell->n_waiting && i < TELL_PENDING; i++) {
		struct waiting *waiting = &tell->waiting[i];
		struct told *told;

		if (!waiting->due_ns)
			continue;
		if (waiting->due_ns > now_ns) {
			if (!next || waiting->due_ns < next)
				next = waiting->due_ns;
			continue;
		}
		waiting_drop(tell, waiting);
		/* a suffix may have become known since */
		if (has_suffix(tell, waiting->name.name) || !second_has_room(tell, now_ns))
			continue;
		told = told_slot(tell, waiting->name.name, waiting->name.why);
		waiting->name.count = told->count - 1; /* told_slot() counted this, too */
		told->count = 0;
		told->told_ns = now_ns;
		fn(&waiting->name, user);
	}
	return next;
}
