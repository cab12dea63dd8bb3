// SPDX-License-Identifier: Apache-2.0
#include "exec_summary.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

static const char *const outcome_name[] = {
	[TRIED_REFUSED] = "refused", [TRIED_OPEN] = "unanswered", [TRIED_IGNORED] = "ignored",
	[TRIED_ALLOWED] = "allowed", [TRIED_DENIED] = "denied",
};
_Static_assert(sizeof(outcome_name) / sizeof(*outcome_name) == TRIED_OUTCOME_MAX_,
	       "a name for each outcome");

static struct tried *find_id(struct summary *summary, const char *id)
{
	for (size_t i = 0; *id && i < summary->n; i++)
		if (!strcmp(summary->tried[i].id, id))
			return &summary->tried[i];
	return NULL;
}

/* @reason NULL: whatever it was */
static struct tried *find_dest(struct summary *summary, const struct terok_event *event,
			       const char *reason)
{
	for (size_t i = 0; i < summary->n; i++) {
		struct tried *tried = &summary->tried[i];

		if (!strcmp(tried->dest, event->dest) && tried->port == event->port &&
		    tried->proto == event->proto && (!reason || !strcmp(tried->reason, reason)))
			return tried;
	}
	return NULL;
}

static struct tried *add_dest(struct summary *summary, const struct terok_event *event)
{
	struct tried *tried;

	if (summary->n == SUMMARY_MAX)
		return NULL;
	tried = &summary->tried[summary->n++];
	*tried = (struct tried){ .port = event->port, .proto = event->proto };
	snprintf(tried->dest, sizeof(tried->dest), "%s", event->dest);
	snprintf(tried->reason, sizeof(tried->reason), "%s", event->reason);
	tried->by_name = *event->domain && !strcmp(event->domain, event->dest);
	return tried;
}

static struct tried *take_refusal(struct summary *summary, const struct terok_event *event,
				  bool asks)
{
	struct tried *tried = find_dest(summary, event, event->reason);
	uint64_t count = event->count > 0 ? event->count : 1;

	if (!tried)
		tried = add_dest(summary, event);
	if (!tried) {
		summary->beyond++;
		return NULL;
	}
	if (!*event->request_id) {
		tried->count++; /* nothing to tell two of them apart: each is one */
	} else if (!strcmp(tried->id, event->request_id)) {
		tried->count += count > tried->last ? count - tried->last : 0;
	} else {
		tried->count += count;
		tried->last = 0;
		snprintf(tried->id, sizeof(tried->id), "%s", event->request_id);
		if (asks)
			tried->outcome = TRIED_OPEN;
	}
	if (count > tried->last)
		tried->last = count;
	return tried;
}

static void set_outcome(struct tried *tried, enum tried_outcome outcome, const char *scope)
{
	tried->outcome = outcome;
	snprintf(tried->scope, sizeof(tried->scope), "%s", scope);
}

struct tried *summary_event(struct summary *summary, const struct terok_event *event)
{
	struct tried *tried;

	if (!strcmp(event->type, "request"))
		return take_refusal(summary, event, true);
	if (!strcmp(event->type, "refused"))
		return take_refusal(summary, event, false);
	tried = find_id(summary, event->request_id);
	if (!tried && *event->dest) /* asked again meanwhile, under another number */
		tried = find_dest(summary, event, NULL);
	if (tried && !strcmp(event->type, "verdict") && event->ok)
		set_outcome(tried, strcmp(event->action, "allow") ? TRIED_DENIED : TRIED_ALLOWED,
			    event->scope);
	return tried;
}

void summary_outcome(struct summary *summary, const char *id, enum tried_outcome outcome,
		     const char *scope)
{
	struct tried *tried = find_id(summary, id);

	if (tried)
		set_outcome(tried, outcome, scope);
}

uint64_t summary_refusals(const struct summary *summary)
{
	uint64_t sum = summary->beyond;

	for (size_t i = 0; i < summary->n; i++)
		sum += summary->tried[i].count;
	return sum;
}

/* Those that a hook refused, which the guard's counters have: a name is refused by the resolver. */
static uint64_t hook_refusals(const struct summary *summary)
{
	uint64_t sum = summary_refusals(summary);

	for (size_t i = 0; i < summary->n; i++)
		if (summary->tried[i].by_name)
			sum -= summary->tried[i].count;
	return sum;
}

const char *tried_dest(const struct tried *tried, char buf[static TRIED_TEXT])
{
	char number[8], port[8] = "";
	const char *proto = tried->proto ? proto_name(tried->proto, number) : "";
	bool v6 = strchr(tried->dest, ':') && tried->port;

	if (tried->port)
		snprintf(port, sizeof(port), ":%u", tried->port);
	snprintf(buf, TRIED_TEXT, "%s%s%s%s%s%s", v6 ? "[" : "", tried->dest, v6 ? "]" : "", port,
		 *proto ? "/" : "", proto);
	return buf;
}

/*
 * A socket kind that is refused has no destination that --allow could name, and of a name with
 * none but private addresses it is those that would have to be allowed.
 */
static bool can_allow(const struct tried *tried)
{
	if (tried->by_name && !strcmp(tried->reason, "private"))
		return false;
	return *tried->dest && strcmp(tried->reason, "socket_kind") &&
	       strcmp(tried->reason, "malformed") && strcmp(tried->reason, "routed");
}

static void print_tried(const struct tried *tried, FILE *to)
{
	char dest[TRIED_TEXT];

	fprintf(to, "terok:   %s refused %" PRIu64 " time%s (%s)", tried_dest(tried, dest),
		tried->count, tried->count == 1 ? "" : "s", tried->reason);
	switch (tried->outcome) {
	case TRIED_ALLOWED: fprintf(to, ", then allowed (%s)\n", tried->scope); return;
	case TRIED_DENIED: fprintf(to, ", denied (%s)\n", tried->scope); return;
	case TRIED_OPEN: fprintf(to, ", not answered"); break;
	case TRIED_IGNORED: fprintf(to, ", ignored"); break;
	case TRIED_REFUSED:
	case TRIED_OUTCOME_MAX_: break;
	}
	if (can_allow(tried))
		fprintf(to, "; to allow it next time: --allow %s", dest);
	fputc('\n', to);
}

void summary_print(const struct summary *summary, const struct ending *ending, FILE *to)
{
	const struct terok_counts *c = &ending->counts;

	if (ending->counted)
		fprintf(to,
			"terok: %llu attempts, %llu allowed, %llu refused "
			"(%llu delivered, %llu limited, %llu lost)\n",
			c->allowed + c->refused, c->allowed, c->refused, c->delivered, c->limited,
			c->lost);
	for (size_t i = 0; i < summary->n; i++)
		print_tried(&summary->tried[i], to);
	if (ending->counted && c->refused > hook_refusals(summary))
		fprintf(to, "terok:   and %llu more that were counted, not told one by one\n",
			c->refused - (unsigned long long)hook_refusals(summary));
	if (summary->beyond)
		fprintf(to, "terok:   %" PRIu64 " refusals of further destinations\n",
			summary->beyond);
	if (ending->killed)
		fprintf(to, "terok: %u process%s left behind %s killed\n", ending->killed,
			ending->killed == 1 ? "" : "es", ending->killed == 1 ? "was" : "were");
}

static void add_int(struct json_object *to, const char *key, int64_t value)
{
	json_object_object_add(to, key, json_object_new_int64(value));
}

static void add_text(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static struct json_object *json_tried(const struct tried *tried)
{
	struct json_object *o = json_object_new_object();
	char dest[TRIED_TEXT], number[8];

	add_text(o, "dest", tried->dest);
	add_int(o, "port", tried->port);
	add_text(o, "proto", proto_name(tried->proto, number));
	add_text(o, "reason", tried->reason);
	add_int(o, "count", tried->count);
	add_text(o, "outcome", outcome_name[tried->outcome]);
	add_text(o, "scope", tried->scope);
	add_text(o, "allow", can_allow(tried) ? tried_dest(tried, dest) : "");
	return o;
}

void summary_json(const struct summary *summary, const struct ending *ending, FILE *to)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	const struct terok_counts *c = &ending->counts;

	add_int(o, "guard", ending->guard);
	add_text(o, "name", ending->name);
	add_int(o, "exit_code", ending->code);
	add_int(o, "signal", ending->signal);
	add_int(o, "killed", ending->killed);
	add_int(o, "attempts", c->allowed + c->refused);
	add_int(o, "allowed", c->allowed);
	add_int(o, "refused", c->refused);
	add_int(o, "delivered", c->delivered);
	add_int(o, "limited", c->limited);
	add_int(o, "lost", c->lost);
	add_int(o, "dropped", c->dropped);
	for (size_t i = 0; i < summary->n; i++)
		json_object_array_add(list, json_tried(&summary->tried[i]));
	json_object_object_add(o, "destinations", list);
	add_int(o, "beyond", summary->beyond);
	fprintf(to, "%s\n",
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
