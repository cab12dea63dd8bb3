/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_doctor.h - findings of terok-sandbox doctor: what was looked at, how bad, how to mend it
 *
 * A check looks and changes nothing. To add one: a function that calls doctor_say(), and a line in the
 * list of sandbox_doctor.c that calls it. Threads: none.
 */
#ifndef TEROK_SANDBOX_DOCTOR_H
#define TEROK_SANDBOX_DOCTOR_H

#include "base/json.h"
#include "sandbox_host.h"

enum severity { SEVERITY_OK, SEVERITY_WARN, SEVERITY_ERROR, SEVERITY_MAX_ };

struct doctor {
	const char *container;           /* NULL: the host */
	const char *desired;             /* state of its guard; NULL: whatever it is */
	unsigned proxy_port, agent_port; /* 0: not looked at */
	bool as_json;
	enum severity worst;
	unsigned said;
	struct json json;
};

/**
 * doctor_say() - one finding
 * @fix: what to do about it, or ""
 */
void doctor_say(struct doctor *doctor, enum severity severity, const char *category,
		const char *label, const char *fix, const char *fmt, ...)
    __attribute__((__format__(__printf__, 6, 7)));

/* The services that a container reaches on the host's loopback, from there or from within it. */
void doctor_network(struct doctor *doctor);

/* Who serves git and credentials to containers, if anybody does. Of the host. */
void doctor_services(struct doctor *doctor);

/* The host: podman, the hook, the agent, cgroups, the kernel's keyring, what was left behind. */
void doctor_host(struct doctor *doctor);

/* What "terok-bpfd doctor" says, if there is one. */
void doctor_agent(struct doctor *doctor);

/* The container, and its guard's state; always last. */
void doctor_container(struct doctor *doctor);
void doctor_shield(struct doctor *doctor);

/** doctor_keyring() - the line of a user in /proc/key-users: SEVERITY_WARN where room is short */
enum severity doctor_keyring(const char *text, unsigned uid, char *detail, size_t size);

#endif
