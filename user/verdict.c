// SPDX-License-Identifier: Apache-2.0
#include "verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/event.h"
#include "domains.h"
#include "explain.h"
#include "guard.h"
#include "lists.h"
#include "names.h"
#include "policy.h"
#include "rule_text.h"
#include "terok/names.h"

#define ONCE_S 60 /* scope once: long enough for a person's retry */
#define MAX_S  (366 * 86400)

static uint64_t scope_end(const struct msg_verdict *verdict)
{
	if (verdict->scope == SCOPE_SESSION || verdict->scope == SCOPE_FOREVER)
		return 0;
	return now_boot_ns() +
	       (verdict->scope == SCOPE_ONCE ? ONCE_S : verdict->seconds) * SECOND_NS;
}

static bool is_an_answer(const struct msg_verdict *verdict)
{
	return verdict->action <= TEROK_ALLOW && verdict->scope < SCOPE_MAX_ &&
	       verdict->reach < REACH_MAX_ && verdict->ports < PORTS_MAX_ &&
	       (verdict->scope != SCOPE_TIME || (verdict->seconds && verdict->seconds <= MAX_S));
}

/* By what name it was asked about; "": by none. */
static const char *asked_name(const struct asked *asked)
{
	return *asked->name ? asked->name : asked->told;
}

/*
 * What an answer that says nothing of it means. An address that its name has no more is opened by
 * itself: the name alone would not let the next attempt out.
 */
static enum reach reach_of(const struct kernel *kernel, const struct asked *asked,
			   const struct msg_verdict *verdict)
{
	if (verdict->reach != REACH_ASKED)
		return verdict->reach;
	if (*asked->name)
		return REACH_NAME;
	return *asked->told &&
		       names_has(kernel, asked->record.guard, asked->record.dst, asked->told)
		   ? REACH_NAME
		   : REACH_ADDRESS;
}

static int rule_of(const struct kernel *kernel, const struct asked *asked,
		   const struct msg_verdict *verdict, struct verdict_rule *ret, struct problem *why)
{
	enum reach reach = reach_of(kernel, asked, verdict);

	if (reach == REACH_ADDRESS && *asked->name)
		return problem(why, -EINVAL, "a name was refused, which has no address yet");
	if (reach != REACH_ADDRESS && !*asked_name(asked))
		return problem(why, -EINVAL, "no name of that address is known");
	if (reach == REACH_CHILDREN && !strchr(asked_name(asked), '.'))
		return problem(why, -EINVAL, "everything below a top level is more than was asked");
	*ret = (struct verdict_rule){ .by_name = reach != REACH_ADDRESS,
				      .until_ns = scope_end(verdict) };
	if (verdict->ports == PORTS_SAME) {
		ret->dest.port = asked->record.dst_port;
		ret->dest.proto = asked->record.proto;
	}
	if (ret->by_name) {
		snprintf(ret->domain, sizeof(ret->domain), "%s%.*s",
			 reach == REACH_CHILDREN ? "*." : "", PROFILE_DOMAIN_MAX,
			 asked_name(asked));
		return 0;
	}
	ret->dest.bits = 128;
	memcpy(ret->dest.addr, asked->record.dst, sizeof(ret->dest.addr));
	return 0;
}

/* --- does it hold? ------------------------------------------------------------------------ */

static int not_in_force(const struct terok_guard *value, const char *what, const char *reason,
			struct problem *why)
{
	return problem(why, -EPERM, "the guard is %s and this stays %s (%s): no rule was made",
		       terok_state_name(explain_state(value)), what, reason);
}

/*
 * A verdict is in force or it failed: something that stands above rules (a transition to
 * block, a deny of the whole range) may have come since it was asked.
 */
static int dest_proof(const struct kernel *kernel, uint32_t guard, const struct dest *dest,
		      enum terok_action action, struct problem *why)
{
	struct terok_guard value;
	struct explanation now;
	struct terok_info info;
	int r = guard_value(kernel, guard, &info, &value, why);

	if (r) /* not known to be in force: what failed must not be */
		return r;
	now = explain_dest(kernel, &value, dest);
	if (now.action == action)
		return 0;
	return not_in_force(&value, now.action == TEROK_ALLOW ? "allowed" : "refused",
			    terok_reason_name(now.reason), why);
}

static bool grant_fits(const struct terok_grant *grant, const struct dest *dest)
{
	return (!grant->port || grant->port == dest->port) &&
	       (!grant->proto || grant->proto == dest->proto);
}

/* What the rules say of a name, port and protocol: as the hooks read them, a deny before all. */
static enum terok_action grants_say(const struct terok_name *entry, const struct dest *dest)
{
	enum terok_action action = TEROK_DENY;

	for (unsigned i = 0; i < entry->n; i++) {
		if (!grant_fits(&entry->grant[i], dest))
			continue;
		if (entry->grant[i].action == TEROK_DENY)
			return TEROK_DENY;
		action = TEROK_ALLOW;
	}
	return action;
}

static int policy_says(const struct kernel *kernel, uint32_t guard, const char *name,
		       const struct dest *dest, enum terok_action *ret, struct problem *why)
{
	_cleanup_(dns_policy_freep) struct dns_policy *policy = NULL;
	struct terok_name entry = {};
	int r = dns_policy_new(&policy);

	if (!r)
		r = names_policy(kernel, guard, policy);
	if (r)
		return problem(why, r, "read the domains of guard %u: %s", guard, strerror(-r));
	*ret = dns_policy_look(policy, name, now_boot_ns(), &entry, NULL) == 1
		   ? grants_say(&entry, dest)
		   : TEROK_DENY;
	return 0;
}

/* The same of a name: the rules of its domains, and the state. */
static int name_proof(const struct kernel *kernel, uint32_t guard, const char *name,
		      const struct dest *dest, enum terok_action action, struct problem *why)
{
	struct terok_guard value;
	struct terok_info info;
	enum terok_action now = TEROK_DENY;
	int r = guard_value(kernel, guard, &info, &value, why);

	if (!r)
		r = policy_says(kernel, guard, name, dest, &now, why);
	if (r)
		return r;
	if (explain_state(&value) == TEROK_STATE_BLOCK || explain_state(&value) == TEROK_STATE_NONE)
		now = TEROK_DENY;
	if (now == action)
		return 0;
	return not_in_force(&value, now == TEROK_ALLOW ? "allowed" : "refused",
			    now == TEROK_ALLOW ? "another rule" : "a rule, or the state", why);
}

/* --- making it ---------------------------------------------------------------------------- */

static int address_apply(const struct kernel *kernel, uint32_t guard,
			 const struct msg_verdict *verdict, const struct verdict_rule *made,
			 struct problem *why)
{
	struct rule rule = { .guard = guard,
			     .keep = verdict->scope == SCOPE_FOREVER,
			     .dest = made->dest,
			     .value = { .until_ns = made->until_ns,
					.uid = verdict->uid,
					.action = verdict->action,
					.author = TEROK_AUTHOR_VERDICT } };
	int r = policy_add(kernel, &rule, why);

	if (r)
		return r;
	r = dest_proof(kernel, guard, &rule.dest, verdict->action, why);
	if (r)
		policy_remove(kernel, &rule, NULL);
	return r;
}

/* There is one that says the same, and for no shorter time: it stays as it is. */
static bool is_said_already(const struct kernel *kernel, uint32_t guard,
			    const struct msg_verdict *verdict, struct verdict_rule *made)
{
	struct domain_rule rule = { .dest = made->dest };

	memcpy(rule.domain, made->domain, sizeof(rule.domain));
	if (verdict->scope == SCOPE_FOREVER || !names_domain(kernel, guard, &rule) ||
	    rule.value.action != verdict->action)
		return false;
	if (rule.value.until_ns && (!made->until_ns || rule.value.until_ns < made->until_ns))
		return false;
	made->until_ns = rule.value.until_ns;
	return true;
}

/* Of an address that the name has: it, too. One that it had is asked for again. */
static int named_proof(const struct kernel *kernel, const struct asked *asked,
		       const struct verdict_rule *made, enum terok_action action,
		       struct problem *why)
{
	const struct terok_record *record = &asked->record;
	struct dest dest = { .bits = 128, .port = record->dst_port, .proto = record->proto };
	int r = name_proof(kernel, record->guard, asked_name(asked), &made->dest, action, why);

	if (r || *asked->name || !names_has(kernel, record->guard, record->dst, asked->told))
		return r;
	memcpy(dest.addr, record->dst, sizeof(dest.addr));
	return dest_proof(kernel, record->guard, &dest, action, why);
}

/* What the resolver remembers of it is forgotten by who calls us, before anybody is told. */
static int name_apply(const struct kernel *kernel, const struct asked *asked,
		      const struct msg_verdict *verdict, struct verdict_rule *made,
		      struct problem *why)
{
	uint32_t guard = asked->record.guard;
	static const struct resolved nothing = { .error = -ENODATA };
	struct domains_done done;
	struct domain_rule rule = { .dest = made->dest,
				    .value = { .until_ns = made->until_ns,
					       .uid = verdict->uid,
					       .action = verdict->action,
					       .author = TEROK_AUTHOR_VERDICT } };
	bool said = is_said_already(kernel, guard, verdict, made);
	int r = 0;

	memcpy(rule.domain, made->domain, sizeof(rule.domain));
	if (!said)
		r = verdict->scope == SCOPE_FOREVER
			? domains_put(kernel, guard, &rule, 1, &nothing, &done, why)
			: domains_put_session(kernel, guard, &rule, why);
	if (r)
		return r;
	r = named_proof(kernel, asked, made, verdict->action, why);
	if (r && !said)
		domains_drop(kernel, guard, &rule, NULL);
	return r;
}

int verdict_apply(const struct kernel *kernel, const struct asked *asked,
		  const struct msg_verdict *verdict, struct verdict_rule *ret, struct problem *why)
{
	struct verdict_rule made;
	int r;

	if (!is_an_answer(verdict))
		return problem(why, -EINVAL, "an answer allows or denies, for 366 days at most");
	r = rule_of(kernel, asked, verdict, &made, why);
	if (!r)
		r = made.by_name ? name_apply(kernel, asked, verdict, &made, why)
				 : address_apply(kernel, asked->record.guard, verdict, &made, why);
	if (!r)
		*ret = made;
	return r;
}

/* --- what else it decides ----------------------------------------------------------------- */

/* "one.example" is of itself; "*.one.example" of that and of all below it. */
static bool domain_covers(const char *domain, const char *name)
{
	const char *base = strncmp(domain, "*.", 2) ? NULL : domain + 2;
	size_t n = strlen(name), below = base ? strlen(base) : 0;

	if (!base || !strcmp(base, name))
		return !strcmp(base ?: domain, name);
	return n > below && name[n - below - 1] == '.' && !strcmp(name + n - below, base);
}

bool verdict_covers(const struct kernel *kernel, const struct verdict_rule *rule,
		    enum terok_action action, const struct asked *asked)
{
	const struct terok_record *record = &asked->record;
	struct dest dest = { .bits = 128, .port = record->dst_port, .proto = record->proto };

	if ((rule->dest.port && rule->dest.port != dest.port) ||
	    (rule->dest.proto && rule->dest.proto != dest.proto))
		return false;
	memcpy(dest.addr, record->dst, sizeof(dest.addr));
	if (rule->by_name && !domain_covers(rule->domain, asked_name(asked)))
		return false;
	if (rule->by_name && *asked->name)
		return true;
	if (!rule->by_name && memcmp(rule->dest.addr, dest.addr, sizeof(dest.addr)))
		return false;
	/* a name that was refused has no address, and one that was lost is asked for again */
	return !*asked->name && !dest_proof(kernel, record->guard, &dest, action, NULL);
}

/* --- telling it --------------------------------------------------------------------------- */

void verdict_text(char ret[static MSG_RULE], enum terok_action action,
		  const struct verdict_rule *rule)
{
	char host[ADDR_TEXT];

	rule_line(ret, MSG_RULE, action,
		  rule->by_name ? rule->domain : dest_format(host, &rule->dest), &rule->dest);
}

void verdict_note(const struct kernel *kernel, uint32_t guard, const struct msg_verdict *verdict,
		  const struct verdict_rule *rule)
{
	static const char *const scopes[] = { [SCOPE_ONCE] = "once",
					      [SCOPE_TIME] = "time",
					      [SCOPE_SESSION] = "session",
					      [SCOPE_FOREVER] = "forever" };
	struct audit_deed deed = { .action = verdict->action == TEROK_ALLOW ? "allowed" : "denied",
				   .dest = &rule->dest,
				   .domain = rule->by_name ? rule->domain : NULL,
				   .uid = verdict->uid };
	struct terok_info info;
	char detail[40];

	if (guard_info(kernel, guard, &info))
		return;
	snprintf(detail, sizeof(detail), "verdict scope=%s", scopes[verdict->scope]);
	deed.detail = detail;
	audit_deed(&info, &deed);
	if (verdict->scope == SCOPE_FOREVER)
		lists_write(&info);
}
