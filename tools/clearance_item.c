// SPDX-License-Identifier: Apache-2.0
#include "clearance_item.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/suffix.h"
#include "clearance_hub.h"

static const char *const state_names[] = { "open", "answered", "allowed", "denied", "gone" };

const char *item_state_name(enum item_state state)
{
	return state_names[state];
}

void text_copy(char *buf, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memcpy(buf, text, n);
	buf[n] = '\0';
}

#define COPY(field, text) text_copy(field, sizeof(field), text)

static bool is_address(const char *text)
{
	uint8_t addr[16];

	return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

void item_fill(struct item *item, const struct terok_event *event)
{
	struct hub_more more;
	uint64_t now = now_boot_ns();

	hub_more(event, &more);
	item->told_ns = event->boot_ns > 0 ? (uint64_t)event->boot_ns : now;
	if (item->told_ns > now)
		item->told_ns = now;
	if (!item->seen_ns) {
		item->seen_ns = item->told_ns;
		item->from_first = event->count <= 1;
	}
	item->guard = event->guard;
	item->count = event->count > 0 ? event->count : 1;
	item->port = event->port;
	item->proto = event->proto;
	item->pid = event->process.pid;
	item->uid = event->process.uid;
	item->parent_pid = event->process.parent_pid;
	COPY(item->request_id, event->request_id);
	COPY(item->container, event->container);
	COPY(item->name, *event->name ? event->name : event->container);
	COPY(item->dest, event->dest);
	COPY(item->domain, *event->domain || is_address(event->dest) ? event->domain : event->dest);
	COPY(item->reason, event->reason);
	COPY(item->hook, event->hook);
	COPY(item->said, event->said);
	COPY(item->rule, more.rule);
	COPY(item->comm, event->process.comm);
	COPY(item->parents, *more.parents ? more.parents : event->process.parent_comm);
	COPY(item->exe, event->process.exe);
	COPY(item->cmdline, event->process.cmdline);
}

const char *item_name(const struct item *item)
{
	return item->domain;
}

const char *item_who(char *buf, size_t size, const struct item *item)
{
	buf[0] = '\0';
	if (item->pid || *item->comm)
		snprintf(buf, size, "%s[%" PRId64 "]%s%s", item->comm, item->pid,
			 *item->exe ? " " : "", item->exe);
	return buf;
}

const char *item_reason(const struct item *item)
{
	static const struct {
		const char *reason, *words;
	} known[] = {
		{ "default", "no rule allows it" },  { "name_deny", "no rule allows the name" },
		{ "rule_deny", "a rule denies it" }, { "expired", "its rule has ended" },
		{ "private", "private address" },    { "hard_deny", "metadata or link-local" },
		{ "blocked", "all is blocked" },     { "hello", "it names somebody else" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(item->reason, known[i].reason))
			return known[i].words;
	return item->reason;
}

const char *item_address(const struct item *item)
{
	return strcmp(item->dest, item->domain) ? item->dest : "";
}

static bool v4_is_local(uint32_t a)
{
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || /* RFC 1918 */
	       a >> 16 == 0xa9fe || a >> 24 == 127 || a >> 24 == 0 || a >> 22 == 0x6440 >> 6;
}

/* Lower case without a dot at its end, as the list of suffixes has it. */
static void canonical_name(char ret[static 256], const struct item *item)
{
	size_t n;

	text_copy(ret, 256, item_name(item));
	n = strlen(ret);
	if (n && ret[n - 1] == '.')
		ret[n - 1] = '\0';
	for (char *p = ret; *p; p++)
		*p = tolower((unsigned char)*p);
}

void item_domain(char ret[static 256], const struct item *item)
{
	const char *owner;

	canonical_name(ret, item);
	owner = suffix_registrable(ret);
	if (owner)
		memmove(ret, owner, strlen(owner) + 1);
}

bool item_is_shared(const struct item *item)
{
	char name[256];

	canonical_name(name, item);
	return *name && !suffix_registrable(name);
}

bool item_is_local(const struct item *item)
{
	struct in6_addr six;
	struct in_addr four;

	if (!strcmp(item->reason, "private") || !strcmp(item->reason, "hard_deny"))
		return true;
	if (inet_pton(AF_INET, item->dest, &four) == 1)
		return v4_is_local(ntohl(four.s_addr));
	if (inet_pton(AF_INET6, item->dest, &six) != 1)
		return false;
	return (six.s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(&six) ||
	       IN6_IS_ADDR_SITELOCAL(&six) || IN6_IS_ADDR_LOOPBACK(&six);
}

const char *target_format(char buf[static TARGET_LEN], const char *dest, int64_t port,
			  int64_t proto)
{
	bool v6 = strchr(dest, ':') != NULL;
	char number[8];

	if (!port && !proto) /* a name that was refused */
		snprintf(buf, TARGET_LEN, "%s", dest);
	else
		snprintf(buf, TARGET_LEN, v6 ? "[%s]:%" PRId64 "/%s" : "%s:%" PRId64 "/%s", dest,
			 port, proto_name(proto, number));
	return buf;
}

const char *item_where(char buf[static TARGET_LEN], const struct item *item)
{
	return target_format(buf, *item->domain ? item->domain : item->dest, item->port,
			     item->proto);
}

bool item_has(const struct item *item, const char *text)
{
	const char *const shown[] = { item->name, item->domain,  item->dest,       item->comm,
				      item->exe,  item->cmdline, item->rule,       item->reason,
				      item->said, item->parents, item_reason(item) };
	char where[TARGET_LEN];

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcasestr(shown[i], text))
			return true;
	return strcasestr(item_where(where, item), text) || !strcmp(item->request_id, text);
}

const char *item_default_scope(const struct item *item)
{
	return item->guard ? "session" : "forever";
}

const char *scope_words(const char *scope)
{
	return !strcmp(scope, "session")   ? "until the container ends"
	       : !strcmp(scope, "forever") ? "for ever"
					   : scope;
}

/* For how long: what was asked for, or of another's answer what is left. */
static const char *time_words(char *buf, size_t size, const struct item *item)
{
	uint64_t now = now_boot_ns(), until = item->answer.until_ns;
	int64_t seconds = item->answer.seconds;
	char age[16];

	if (seconds)
		snprintf(buf, size, seconds % 60 ? "%" PRId64 "s" : "%" PRId64 "m",
			 seconds % 60 ? seconds : seconds / 60);
	else if (until > now)
		snprintf(buf, size, "%s", age_format(age, until - now));
	else
		snprintf(buf, size, "for a time");
	return buf;
}

const char *item_answer_brief(char *buf, size_t size, const struct item *item)
{
	const char *scope = item->answer.scope;
	char time[32];

	snprintf(buf, size, "%s%s%s",
		 !strcmp(scope, "session")   ? "container"
		 : !strcmp(scope, "forever") ? "ever"
		 : !strcmp(scope, "time")    ? time_words(time, sizeof(time), item)
					     : scope,
		 *item->answer.client ? "  " : "", item->answer.client);
	return buf;
}

const char *item_answer_format(char *buf, size_t size, const struct item *item)
{
	bool timed = !strcmp(item->answer.scope, "time");
	char time[32];

	snprintf(buf, size, "%s%s%s%s", strcmp(item->answer.reach, "children") ? "" : "children, ",
		 strcmp(item->answer.reach, "address") ? "" : "address, ",
		 strcmp(item->answer.ports, "any") ? "" : "any port, ",
		 timed ? time_words(time, sizeof(time), item) : scope_words(item->answer.scope));
	return buf;
}

const char *age_format(char buf[static 16], uint64_t ns)
{
	uint64_t s = ns / SECOND_NS;

	if (s < 100)
		snprintf(buf, 16, "%" PRIu64 "s", s);
	else if (s < 6000)
		snprintf(buf, 16, "%" PRIu64 "m", s / 60);
	else if (s < 360000)
		snprintf(buf, 16, "%" PRIu64 "h", s / 3600);
	else
		snprintf(buf, 16, "%" PRIu64 "d", s / 86400);
	return buf;
}
