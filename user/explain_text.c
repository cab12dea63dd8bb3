// SPDX-License-Identifier: Apache-2.0
#include "explain_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/json.h"
#include "names_text.h"
#include "rule_text.h"
#include "terok/names.h"

#define FIX_LEN (3 * TEROK_DOMAIN_LEN + 256)

/* --- what is known of its names ----------------------------------------------------------- */

static int shared_add(const struct names_shared *shared, void *user)
{
	struct explain_view *view = user;

	if (view->n_shared == view->shared_room) {
		size_t room = view->shared_room ? 2 * view->shared_room : 16;
		struct names_shared *more = reallocarray(view->shared, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		view->shared = more;
		view->shared_room = room;
	}
	view->shared[view->n_shared++] = *shared;
	return 0;
}

int explain_view_read(struct explain_view *view, struct problem *why)
{
	int r;

	if (view->guard.state == TEROK_STATE_NONE)
		return 0;
	r = names_list(view->kernel, view->guard.id, &view->list, why);
	if (!r)
		r = names_shared_each(view->kernel, view->guard.id, &view->list, shared_add, view,
				      why);
	return r;
}

void explain_view_done(struct explain_view *view)
{
	names_list_done(&view->list);
	free(view->shared);
}

/* --- an address --------------------------------------------------------------------------- */

/* A sentence for each reason that no rule gives by itself. */
static const char *reason_text(enum terok_reason reason)
{
	switch (reason) {
	case TEROK_REASON_NO_GUARD: return "the guard is half attached: everything is denied";
	case TEROK_REASON_LOOPBACK: return "loopback is always open";
	case TEROK_REASON_SELF: return "it is an address of the guard's own interfaces";
	case TEROK_REASON_BLOCKED: return "state block lets nothing out but loopback";
	case TEROK_REASON_HARD:
		return "link-local and metadata addresses stay closed in every state unless an "
		       "exact rule allows them";
	case TEROK_REASON_PRIVATE: return "private ranges stay closed unless a rule allows them";
	case TEROK_REASON_SOCKET_KIND: return "a guard has no sockets of that protocol";
	case TEROK_REASON_DEFAULT: return "no rule names it: the state's default";
	case TEROK_REASON_NAME_DENY:
		return "it is of the synthetic range and stands for nothing that is allowed now";
	case TEROK_REASON_NAME: return "a name that is allowed has it";
	default: return "a rule";
	}
}

static bool is_address(const struct name_address *address, const struct dest *dest)
{
	return !memcmp(address->addr, dest->addr, 16);
}

/* The address by which the name that decided has it; NULL: the list is older than the decision. */
static const struct name_address *address_of(const struct explain_view *view, const char *name,
					     const struct dest *dest)
{
	const struct listed_name *listed = names_list_find(&view->list, name);

	for (unsigned i = 0; listed && i < listed->n; i++)
		if (is_address(&listed->address[i], dest))
			return &listed->address[i];
	return NULL;
}

static void because_name(const struct explain_view *view, const struct dest *dest, const char *name)
{
	const struct name_address *address = address_of(view, name, dest);
	uint64_t now = now_boot_ns();
	char addr[ADDR_TEXT];

	if (address && name_is_synthetic(address))
		printf("because: %s is allowed, and this address stands for %s of it (name)\n",
		       name, addr_format(addr, address->real));
	else if (address && address->until_ns > now)
		printf("because: %s is allowed and has this address for %llu s more (name)\n", name,
		       (unsigned long long)((address->until_ns - now + SECOND_NS - 1) / SECOND_NS));
	else
		printf("because: %s is allowed and has this address (name)\n", name);
}

static void because(const struct explain_view *view, const struct dest *dest,
		    const struct explanation *e)
{
	const char *text = reason_text(e->reason);

	if (*e->name) {
		because_name(view, dest, e->name);
		return;
	}
	if (e->reason == TEROK_REASON_PRIVATE && view->guard.state == TEROK_STATE_DOWN)
		text = "private ranges stay closed in state down; up with a rule, or down --all";
	else if (e->reason == TEROK_REASON_EXPIRED && !e->by_rule)
		text = "a name had it, and that has ended: it must be asked for again";
	printf("because: %s (%s)\n", text, terok_reason_name(e->reason));
}

static void names_of_text(const struct explain_view *view, const struct dest *dest)
{
	char when[NAME_WHEN_LEN], grants[NAME_GRANTS_LEN];
	uint64_t now = now_boot_ns();

	for (size_t i = 0; i < view->list.n; i++) {
		const struct listed_name *name = &view->list.name[i];

		for (unsigned k = 0; k < name->n; k++)
			if (is_address(&name->address[k], dest))
				printf("name:    %s has it, %s; %s%s\n", name->name.text,
				       name_when(when, &name->address[k], now),
				       name_grants(grants, &name->name, now),
				       name->name.flags & TEROK_RULE_CHECK
					   ? "; its flows must name it first"
					   : "");
	}
}

/* By the address that was asked about, or by the one that it stands for. */
static bool is_shared(const struct explain_view *view, const struct names_shared *shared,
		      const struct dest *dest)
{
	if (!memcmp(shared->addr, dest->addr, 16))
		return true;
	for (size_t i = 0; i < view->list.n_addresses; i++)
		if (is_address(&view->list.address[i], dest) &&
		    !memcmp(view->list.address[i].real, shared->addr, 16))
			return true;
	return false;
}

static void shared_text(const struct explain_view *view, const struct dest *dest)
{
	char fix[FIX_LEN];

	for (size_t i = 0; i < view->n_shared; i++) {
		const struct names_shared *shared = &view->shared[i];

		if (!is_shared(view, shared, dest))
			continue;
		if (shared->how == SHARED_DENIED)
			printf("shared:  %s is denied and has this address too: %s is not reached "
			       "by it\n",
			       shared->other, shared->name);
		else
			printf("shared:  %s, which is allowed less, has this address too: it is "
			       "reached as %s is\n",
			       shared->other, shared->name);
		printf("fix:     %s\n",
		       names_shared_fix(fix, sizeof(fix), shared, view->guard.info.name));
	}
}

static void address_text(const struct explain_view *view, const struct dest *dest,
			 const struct explanation *e)
{
	const struct guard *guard = &view->guard;
	char addr[ADDR_TEXT], proto[8], port[8] = "any";

	if (dest->port)
		snprintf(port, sizeof(port), "%u", dest->port);
	printf("guard %u (%s), state %s: %s port %s %s would be %s\n", guard->id, guard->info.name,
	       terok_state_name(guard->state), dest_format(addr, dest), port,
	       proto_name(dest->proto, proto), e->action == TEROK_ALLOW ? "allowed" : "refused");
	because(view, dest, e);
	if (e->by_rule) {
		printf("rule:    ");
		rule_text(&e->rule, now_boot_ns());
	}
	names_of_text(view, dest);
	shared_text(view, dest);
}

static void names_of_json(const struct explain_view *view, const struct dest *dest,
			  struct json *json)
{
	uint64_t now = now_boot_ns();

	json_open_array(json, "names");
	for (size_t i = 0; i < view->list.n; i++) {
		const struct listed_name *name = &view->list.name[i];

		for (unsigned k = 0; k < name->n; k++) {
			if (!is_address(&name->address[k], dest))
				continue;
			json_open_object(json, NULL);
			json_add_string(json, "name", name->name.text);
			json_add_bool(json, "check", name->name.flags & TEROK_RULE_CHECK);
			name_address_json(json, "address", &name->address[k], now);
			name_grants_json(json, "grants", &name->name, now);
			json_close_object(json);
		}
	}
	json_close_array(json);
}

static void shared_json(const struct explain_view *view, const struct dest *dest, struct json *json)
{
	char fix[FIX_LEN];

	json_open_array(json, "shared");
	for (size_t i = 0; i < view->n_shared; i++) {
		const struct names_shared *shared = &view->shared[i];

		if (!is_shared(view, shared, dest))
			continue;
		json_open_object(json, NULL);
		json_add_string(json, "how", shared->how == SHARED_DENIED ? "denied" : "wider");
		json_add_string(json, "name", shared->name);
		json_add_string(json, "other", shared->other);
		json_add_string(json, "fix",
				names_shared_fix(fix, sizeof(fix), shared, view->guard.info.name));
		json_close_object(json);
	}
	json_close_array(json);
}

static void address_json(const struct explain_view *view, const struct dest *dest,
			 const struct explanation *e)
{
	_cleanup_json_ struct json json = {};
	char addr[ADDR_TEXT], proto[8];

	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", view->guard.id);
	json_add_string(&json, "name", view->guard.info.name);
	json_add_string(&json, "state", terok_state_name(view->guard.state));
	json_add_string(&json, "dest", dest_format(addr, dest));
	json_add_uint(&json, "port", dest->port);
	json_add_string(&json, "proto", proto_name(dest->proto, proto));
	json_add_string(&json, "action", e->action == TEROK_ALLOW ? "allow" : "deny");
	json_add_string(&json, "reason", terok_reason_name(e->reason));
	if (e->by_rule)
		rule_json(&json, "rule", &e->rule, now_boot_ns());
	else
		json_add_null(&json, "rule");
	json_add_string(&json, "by_name", e->name);
	names_of_json(view, dest, &json);
	shared_json(view, dest, &json);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

void explain_address(const struct explain_view *view, const struct dest *dest)
{
	struct explanation e = explain_dest(view->kernel, &view->guard.value, dest);

	if (view->json)
		address_json(view, dest, &e);
	else
		address_text(view, dest, &e);
}

/* --- a name ------------------------------------------------------------------------------- */

/* What the resolver reads of it: the same policy, and the state that counts now. */
static enum name_fate name_fate(const struct guard *guard, int allowed,
				const struct terok_name *entry)
{
	if (guard->state == TEROK_STATE_BLOCK || guard->state == TEROK_STATE_NONE)
		return NAME_BLOCKED;
	if (allowed)
		return allowed < 0 ? NAME_CROWDED : NAME_ADDRESSES;
	for (unsigned i = 0; i < entry->n; i++)
		if (entry->grant[i].action == TEROK_DENY && !entry->grant[i].port &&
		    !entry->grant[i].proto)
			return NAME_DENIED;
	return guard->state == TEROK_STATE_UP ? NAME_UNKNOWN : NAME_PASSED;
}

static bool name_is_exact(const struct guard *guard, const struct terok_name *entry)
{
	return guard->value.names & TEROK_NAMES_EXACT || entry->flags & TEROK_RULE_SYNTHETIC;
}

static void name_because(const struct guard *guard, const struct terok_name *entry,
			 enum name_fate fate)
{
	char grants[NAME_GRANTS_LEN];

	switch (fate) {
	case NAME_ADDRESSES:
		printf("because: its rules are: %s%s\n", name_grants(grants, entry, now_boot_ns()),
		       entry->flags & TEROK_RULE_CHECK ? "; its flows must name it first" : "");
		break;
	case NAME_PASSED:
		printf("because: state %s lets out what nobody denies\n",
		       terok_state_name(guard->state));
		break;
	case NAME_UNKNOWN:
		printf("because: nobody allowed it; asked would be root");
		if (guard->info.uid)
			printf(" and user %u", guard->info.uid);
		printf(", as clients of the hub\n");
		break;
	case NAME_DENIED: printf("because: it is denied; nobody is asked\n"); break;
	case NAME_BLOCKED:
		printf("because: state block lets nothing out but loopback; nobody is asked\n");
		break;
	case NAME_CROWDED:
		printf("because: more than %d rules fit this name; take some of them away\n",
		       TEROK_GRANTS);
		break;
	case NAME_FATE_MAX_: break;
	}
}

static const char *const fates[] = {
	[NAME_ADDRESSES] = "addresses", [NAME_PASSED] = "passed_on", [NAME_UNKNOWN] = "unknown",
	[NAME_DENIED] = "denied",       [NAME_BLOCKED] = "blocked",  [NAME_CROWDED] = "crowded",
};
_Static_assert(sizeof(fates) / sizeof(fates[0]) == NAME_FATE_MAX_, "all fates");

static void name_fate_text(const struct explain_view *view, const char *name,
			   const struct terok_name *entry, enum name_fate fate)
{
	const struct guard *guard = &view->guard;
	const char *what = "is answered \"no such name\"";

	if (fate == NAME_ADDRESSES)
		what = name_is_exact(guard, entry) ? "is answered with synthetic addresses"
						   : "is answered with its addresses";
	else if (fate == NAME_PASSED)
		what = "is answered as it is";
	else if (fate == NAME_CROWDED)
		what = "is answered with a failure";
	printf("guard %u (%s), state %s: %s %s\n", guard->id, guard->info.name,
	       terok_state_name(guard->state), name, what);
	name_because(guard, entry, fate);
	if (!kernel_agent_pid())
		printf("now:     no agent runs: no name is answered until one does\n");
	if (fate == NAME_ADDRESSES && !names_list_find(&view->list, name))
		printf("now:     nobody in it has asked yet, so it has no address\n");
}

static void name_fate_json(const struct explain_view *view, const char *name,
			   const struct terok_name *entry, enum name_fate fate)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", view->guard.id);
	json_add_string(&json, "name", view->guard.info.name);
	json_add_string(&json, "state", terok_state_name(view->guard.state));
	json_add_string(&json, "domain", name);
	json_add_string(&json, "answer", fates[fate]);
	json_add_bool(&json, "synthetic",
		      fate == NAME_ADDRESSES && name_is_exact(&view->guard, entry));
	json_add_bool(&json, "check", entry->flags & TEROK_RULE_CHECK);
	json_add_bool(&json, "asks", fate == NAME_UNKNOWN);
	json_add_uint(&json, "owner", view->guard.info.uid);
	json_add_bool(&json, "agent", kernel_agent_pid());
	json_add_bool(&json, "known", names_list_find(&view->list, name));
	name_grants_json(&json, "grants", entry, now_boot_ns());
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

int explain_name(const struct explain_view *view, const char *name, enum name_fate *ret,
		 struct problem *why)
{
	_cleanup_(dns_policy_freep) struct dns_policy *policy = NULL;
	struct terok_name entry = {};
	int r = dns_policy_new(&policy);

	if (!r)
		r = names_policy(view->kernel, view->guard.id, policy);
	if (r)
		return problem(why, r, "read the domains of guard %u: %s", view->guard.id,
			       strerror(-r));
	*ret = name_fate(&view->guard, dns_policy_look(policy, name, now_boot_ns(), &entry, NULL),
			 &entry);
	if (view->json)
		name_fate_json(view, name, &entry, *ret);
	else
		name_fate_text(view, name, &entry, *ret);
	return 0;
}
