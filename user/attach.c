// SPDX-License-Identifier: Apache-2.0
#include "attach.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/log.h"
#include "caller.h"
#include "compose.h"
#include "control.h"
#include "domains.h"
#include "dossier.h"
#include "lists.h"
#include "policy.h"
#include "rule_text.h"
#include "terok/names.h"

#define OPEN_TRIES 5

int attach_state_parse(const char *text, enum terok_state *ret, struct problem *why)
{
	for (int state = TEROK_STATE_UP; state < TEROK_STATE_MAX_; state++) {
		if (!strcmp(text, terok_state_name(state))) {
			*ret = state;
			return 0;
		}
	}
	return problem(why, -EINVAL, "state '%s' is none of up, down, down_all, block", text);
}

int attach_names_parse(const char *text, uint16_t *ret, struct problem *why)
{
	if (!strcmp(text, "learn"))
		*ret = 0;
	else if (!strcmp(text, "synthetic"))
		*ret = TEROK_NAMES_EXACT;
	else if (!strcmp(text, "off"))
		*ret = TEROK_NAMES_OFF;
	else
		return problem(why, -EINVAL, "names '%s' are none of learn, synthetic, off", text);
	return 0;
}

/* --- plans ------------------------------------------------------------------------------- */

static int infra_add(struct attach_plan *plan, const struct dest *dest, struct problem *why)
{
	if (plan->n_infra == ATTACH_INFRA_MAX)
		return problem(why, -EINVAL, "more than %d resolvers and ports of gateways",
			       ATTACH_INFRA_MAX);
	plan->infra[plan->n_infra++] = *dest;
	return 0;
}

int attach_plan_resolver(struct attach_plan *plan, const char *addr, struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(addr, "resolver", &dest, why);

	dest.port = 53;
	for (int i = 0; !r && i < 2; i++) {
		dest.proto = i ? IPPROTO_TCP : IPPROTO_UDP;
		r = infra_add(plan, &dest, why);
	}
	return r;
}

int attach_plan_host_port(struct attach_plan *plan, const char *gateway, const char *port,
			  struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(gateway, "gateway", &dest, why);

	if (!r)
		r = port_parse(port, &dest.port, why);
	dest.proto = IPPROTO_TCP;
	return r ? r : infra_add(plan, &dest, why);
}

int attach_plan_port(struct attach_plan *plan, const char *port, struct problem *why)
{
	if (plan->n_ports == ATTACH_PORTS_MAX)
		return problem(why, -EINVAL, "more than %d published ports", ATTACH_PORTS_MAX);
	return publish_port_parse(port, &plan->port[plan->n_ports++], why);
}

/* --- in force ---------------------------------------------------------------------------- */

static int infra_apply(const struct kernel *kernel, uint32_t guard, const struct attach_plan *plan,
		       struct problem *why)
{
	struct rule rule = { .guard = guard,
			     .keep = true,
			     .value = { .action = TEROK_ALLOW,
					.uid = caller_uid(),
					.author = TEROK_AUTHOR_INFRA,
					.flags = TEROK_RULE_INFRA } };
	int r = 0;

	for (unsigned i = 0; !r && i < plan->n_infra; i++) {
		rule.dest = plan->infra[i];
		r = policy_add(kernel, &rule, why);
	}
	return r;
}

/* The guard stands without its ports: closed is the safe side, so a failure is a warning. */
static void ports_apply(const struct kernel *kernel, uint32_t guard, const struct publish *port,
			unsigned n)
{
	struct problem why = {};
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = policy_publish(kernel, guard, &port[i], true, &why);
	if (r)
		log_warn(0, "published ports stay closed: %s", why.text);
}

static void note(const struct guard *guard, const char *names)
{
	char detail[JOURNAL_PROFILES_LEN + 10];

	snprintf(detail, sizeof(detail), "profiles=%s", names);
	for (char *p = detail; *p; p++)
		if (*p == ':')
			*p = ',';
	audit_deed(&guard->info, &(struct audit_deed){
				     .action = "setup", .detail = detail, .uid = caller_uid() });
	lists_write(&guard->info);
}

static int plan_apply(const struct kernel *kernel, const struct guard *guard,
		      const struct attach_plan *plan, const struct composition *composition,
		      bool existing, struct problem *why)
{
	int r = infra_apply(kernel, guard->id, plan, why);

	if (!r && (!existing || composition->said))
		r = compose_apply(kernel, guard, composition, why);
	if (r)
		return r;
	ports_apply(kernel, guard->id, plan->port, plan->n_ports);
	if (!existing)
		ports_apply(kernel, guard->id, plan->found, plan->n_found);
	return 0;
}

/* stale: an agent that ended unloaded what was there between the two steps */
static int attach_loaded(const struct guard_spec *spec, struct kernel **kernel, struct guard *ret,
			 bool *existing, struct problem *why)
{
	int r = -ESTALE;

	for (int i = 0; r == -ESTALE && i < OPEN_TRIES; i++) {
		kernel_freep(kernel);
		r = kernel_open(kernel, why);
		if (r == -ENOENT || r == -EUCLEAN) /* nothing, or not all: attaching asks for it */
			r = kernel_load(kernel, NULL, why);
		if (!r)
			r = guard_attach(*kernel, spec, ret, existing, why);
	}
	return r;
}

int attach_guard(const struct guard_spec *spec, const struct attach_plan *plan, struct guard *ret,
		 bool *existing, struct problem *why)
{
	_cleanup_(compose_done) struct composition composition = {};
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	uint16_t names = 0;
	int r = plan->names ? attach_names_parse(plan->names, &names, why) : 0;

	if (!r)
		r = compose_read(spec, plan->profiles, &composition, why);
	if (!r)
		r = attach_loaded(spec, &kernel, ret, existing, why);
	if (r)
		return r;
	if (plan->names)
		r = guard_set_names(kernel, ret->id, names, why);
	/* with a resolver its domains are in force by name, and the host is not asked for them */
	control_notify(ret->id);
	if (!r)
		r = plan_apply(kernel, ret, plan, &composition, *existing, why);
	if (!r)
		note(ret, composition.names);
	if (r && !*existing && guard_detach(kernel, ret, NULL))
		log_warn(0, "guard %u stands, with less than was asked for", ret->id);
	control_notify(ret->id);
	return r;
}

int attach_held(struct guard_spec *spec, const struct attach_plan *plan, struct guard *ret,
		bool *existing, struct problem *why)
{
	_cleanup_(compose_done) struct composition composition = {};
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	uint16_t names = 0;
	int r = plan->names ? attach_names_parse(plan->names, &names, why) : 0;

	spec->held = true;
	domains_expect_resolver();
	if (!r)
		r = compose_read(spec, plan->profiles, &composition, why);
	if (!r)
		r = attach_loaded(spec, &kernel, ret, existing, why);
	if (r || *existing)
		return r;
	if (plan->names)
		r = guard_set_names(kernel, ret->id, names, why);
	if (!r && plan->dossier)
		r = dossier_write(kernel, ret->id, plan->dossier, why);
	if (!r)
		r = plan_apply(kernel, ret, plan, &composition, false, why);
	if (!r)
		r = guard_release(kernel, spec, ret, why);
	if (r && guard_detach(kernel, ret, NULL))
		log_warn(0, "guard %u stands, and denies all", ret->id);
	return r;
}

void attach_note(const struct guard *guard)
{
	char key[JOURNAL_KEY_LEN], names[JOURNAL_PROFILES_LEN] = "";

	if (journal_key(&guard->info, key))
		journal_get_profiles(key, names, NULL);
	note(guard, names);
}
