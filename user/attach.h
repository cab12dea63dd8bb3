/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - from a cgroup to a guard, with everything around it
 *
 * Load what is not loaded, attach, put its profiles, resolver, gateways and ports in force,
 * write it down, tell the agent.
 * Called by: deed_attach.c for people, enrol_worker.c for container runtimes. Threads: none.
 */
#ifndef TEROK_ATTACH_H
#define TEROK_ATTACH_H

#include "guard.h"
#include "policy.h"
#include "profile.h"
#include "terok/control_msg.h"

#define ATTACH_PASTA_MAP "169.254.1.2" /* pasta's name for the host's own loopback */

/* What to put in force beside the guard; all of it is kept. */
struct attach_plan {
	const char *profiles;             /* names, with a colon between; NULL: not said */
	struct dest infra[CONTROL_INFRA]; /* one address and port each */
	unsigned n_infra;
	struct publish port[CONTROL_PORTS]; /* published */
	unsigned n_ports;
	enum control_names names;    /* how names are answered */
	const struct publish *found; /* what podman forwards to; only if the guard is new */
	unsigned n_found;
	const struct terok_dossier *dossier; /* NULL: none */
};

/** attach_state_parse() - "up", "down", "down_all", "block"; -EINVAL */
int attach_state_parse(const char *text, enum terok_state *ret, struct problem *why);

/** attach_names_parse() - "learn", "synthetic", "off" -> enum control_names; -EINVAL */
int attach_names_parse(const char *text, __u32 *ret, struct problem *why);

/** attach_want_resolver() - it may ask @addr, port 53, UDP and TCP; -EINVAL */
int attach_want_resolver(struct control_attach *want, const char *addr, struct problem *why);

/**
 * attach_want_host_port() - it may connect to TCP @port of the host; -EINVAL
 * @gateway: the host's address as the container sees it; ATTACH_PASTA_MAP is one of them
 */
int attach_want_host_port(struct control_attach *want, const char *gateway, const char *port,
			  struct problem *why);

/** attach_want_port() - the outside may connect to "PORT", "PORT/tcp" or "PORT/udp" of it; -EINVAL */
int attach_want_port(struct control_attach *want, const char *port, struct problem *why);

/** attach_plan_of() - what is wanted, which the plan points into */
void attach_plan_of(const struct control_attach *word, struct attach_plan *ret);

/**
 * attach_guard() - attach, or find attached, and put the plan in force
 *
 * Profiles that are not said are those that the guard had, else, for a container, the
 * default's. They are read before anything is attached: a mistyped name cuts nobody off.
 * Then denies come before allows, addresses before domains, for which the host's resolver is
 * asked; a domain without an address is a warning. So is a port that could not be published:
 * closed is safe. A guard that stood before gets only what was said. For a user (caller.h) nothing
 * is put above denies of a guard that root has said something of.
 * Return: 0, or negative errno with @why: a guard that is new is gone again then.
 */
int attach_guard(const struct guard_spec *spec, const struct attach_plan *plan, struct guard *ret,
		 bool *existing, struct problem *why);

/**
 * attach_ahead() - open what attach_held() will need, whoever it is for
 *
 * What cannot be opened now is tried again then. Return: the caller's to kernel_free(); NULL.
 */
struct kernel *attach_ahead(void);

/**
 * attach_held() - the same for the agent, of a container that has not started yet
 * @kernel: of attach_ahead(), or NULL; opened, or opened anew, if it is not what is loaded now
 *
 * All is denied until all of the plan is in force; what is less than that is an error, and who was
 * guarded already stays as it is. The agent is not told, and gives it a resolver afterwards.
 */
int attach_held(struct kernel **kernel, struct guard_spec *spec, const struct attach_plan *plan,
		struct guard *ret, bool *existing, struct problem *why);

/** attach_note() - and what people read of it, in files: when nobody waits any more */
void attach_note(const struct guard *guard);

#endif
