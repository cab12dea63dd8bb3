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
#include "roots.h"
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

static const char *const names_said[CONTROL_NAMES_MAX_] = {
	[CONTROL_NAMES_LEARN] = "learn",
	[CONTROL_NAMES_SYNTHETIC] = "synthetic",
	[CONTROL_NAMES_OFF] = "off",
};

int attach_names_parse(const char *text, __u32 *ret, struct problem *why)
{
	for (int names = CONTROL_NAMES_LEARN; names < CONTROL_NAMES_MAX_; names++) {
		if (!strcmp(text, names_said[names])) {
			*ret = names;
			return 0;
		}
	}
	return problem(why, -EINVAL, "names '%s' are none of learn, synthetic, off", text);
}

/* --- what is wanted ----------------------------------------------------------------------- */

static int infra_add(struct control_attach *want, const struct dest *dest, struct problem *why)
{
	struct control_dest *at = &want->infra[want->n_infra];

	if (want->n_infra == CONTROL_INFRA)
		return problem(why, -EINVAL, "more than %d resolvers and ports of gateways",
			       CONTROL_INFRA);
	*at = (struct control_dest){ .port = dest->port, .proto = dest->proto };
	memcpy(at->addr, dest->addr, sizeof(at->addr));
	want->n_infra++;
	return 0;
}

int attach_want_resolver(struct control_attach *want, const char *addr, struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(addr, "resolver", &dest, why);

	dest.port = 53;
	for (int i = 0; !r && i < 2; i++) {
		dest.proto = i ? IPPROTO_TCP : IPPROTO_UDP;
		r = infra_add(want, &dest, why);
	}
	return r;
}

int attach_want_host_port(struct control_attach *want, const char *gateway, const char *port,
			  struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(gateway, "gateway", &dest, why);

	if (!r)
		r = port_parse(port, &dest.port, why);
	dest.proto = IPPROTO_TCP;
	return r ? r : infra_add(want, &dest, why);
}

int attach_want_port(struct control_attach *want, const char *port, struct problem *why)
{
	struct publish publish;
	int r = publish_port_parse(port, &publish, why);

	if (!r && want->n_ports == CONTROL_PORTS)
		return problem(why, -EINVAL, "more than %d published ports", CONTROL_PORTS);
	if (!r)
		want->port[want->n_ports++] =
		    (struct control_port){ .port = publish.port, .proto = publish.proto };
	return r;
}

void attach_plan_of(const struct control_attach *word, struct attach_plan *ret)
{
	*ret = (struct attach_plan){ .profiles = word->profiles_said ? word->profiles : NULL,
				     .names = word->names,
				     .n_infra = word->n_infra,
				     .n_ports = word->n_ports,
				     .dossier = &word->dossier };
	for (unsigned i = 0; i < word->n_infra; i++) {
		ret->infra[i] = (struct dest){ .bits = 128,
					       .port = word->infra[i].port,
					       .proto = word->infra[i].proto };
		memcpy(ret->infra[i].addr, word->infra[i].addr, 16);
	}
	for (unsigned i = 0; i < word->n_ports; i++)
		ret->port[i] = (struct publish){ word->port[i].port, word->port[i].proto };
}

/* --- in force ---------------------------------------------------------------------------- */

static int infra_apply(const struct kernel *kernel, uint32_t guard, const struct attach_plan *plan,
		       struct problem *why)
{
	struct rule rules[CONTROL_INFRA];

	for (unsigned i = 0; i < plan->n_infra; i++)
		rules[i] = (struct rule){ .guard = guard,
					  .dest = plan->infra[i],
					  .keep = true,
					  .value = { .action = TEROK_ALLOW,
						     .uid = caller_uid(),
						     .author = TEROK_AUTHOR_INFRA,
						     .flags = TEROK_RULE_INFRA } };
	return policy_add_all(kernel, rules, plan->n_infra, why);
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

static int names_apply(const struct kernel *kernel, uint32_t guard, enum control_names names,
		       struct problem *why)
{
	static const uint16_t modes[CONTROL_NAMES_MAX_] = {
		[CONTROL_NAMES_SYNTHETIC] = TEROK_NAMES_EXACT,
		[CONTROL_NAMES_OFF] = TEROK_NAMES_OFF,
	};

	return names == CONTROL_NAMES_KEPT ? 0 : guard_set_names(kernel, guard, modes[names], why);
}

static int plan_apply(const struct kernel *kernel, const struct guard *guard,
		      const struct attach_plan *plan, const struct composition *composition,
		      bool existing, struct problem *why)
{
	int r = infra_apply(kernel, guard->id, plan, why);

	if (!r && (!existing || composition->said))
		r = compose_apply(kernel, guard, composition, !existing, why);
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
	int r = *kernel && kernel_is_latest(*kernel)
		    ? guard_attach(*kernel, spec, ret, existing, why)
		    : -ESTALE;

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
	int r = compose_read(spec, plan->profiles, &composition, why);
	if (!r)
		r = attach_loaded(spec, &kernel, ret, existing, why);
	if (r)
		return r;
	r = names_apply(kernel, ret->id, plan->names, why);
	/* with a resolver its domains are in force by name, and the host is not asked for them */
	control_notify(ret->id);
	/* it may be a cgroup of before, with what root said of it then */
	if (!r && plan->n_infra && caller_scope() != CALLER_ALL)
		r = roots_any(kernel, ret, why);
	if (!r)
		r = plan_apply(kernel, ret, plan, &composition, *existing, why);
	if (!r)
		note(ret, composition.names);
	if (r && !*existing && guard_detach(kernel, ret, NULL))
		log_warn(0, "guard %u stands, with less than was asked for", ret->id);
	control_notify(ret->id);
	return r;
}

struct kernel *attach_ahead(void)
{
	struct kernel *kernel = NULL;

	journal_ahead(NULL);
	kernel_open(&kernel, NULL);
	return kernel;
}

int attach_held(struct kernel **kernel, struct guard_spec *spec, const struct attach_plan *plan,
		struct guard *ret, bool *existing, struct problem *why)
{
	_cleanup_(compose_done) struct composition composition = {};
	int r;

	spec->held = true;
	domains_expect_resolver();
	journal_refresh();
	r = compose_read(spec, plan->profiles, &composition, why);
	if (!r)
		r = attach_loaded(spec, kernel, ret, existing, why);
	if (r || *existing)
		return r;
	r = names_apply(*kernel, ret->id, plan->names, why);
	if (!r && plan->dossier)
		r = dossier_write(*kernel, ret->id, plan->dossier, why);
	if (!r)
		r = plan_apply(*kernel, ret, plan, &composition, false, why);
	if (!r)
		r = guard_release(*kernel, spec, ret, why);
	if (r && guard_detach(*kernel, ret, NULL))
		log_warn(0, "guard %u stands, and denies all", ret->id);
	return r;
}

void attach_note(const struct guard *guard)
{
	char key[JOURNAL_KEY_LEN], names[JOURNAL_PROFILES_LEN] = "";

	journal_tidy();
	if (journal_key(&guard->info, key))
		journal_get_profiles(key, names, NULL);
	note(guard, names);
}
