/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/names.h - the numbers of abi.h as people and clients read them
 *
 * One table each, for verbs, the hub and the tests alike; a number that has none is
 * "unknown". Names are part of the wire and of --json: they never change meaning.
 */
#ifndef TEROK_NAMES_H
#define TEROK_NAMES_H

#include "terok/abi.h"

#define TEROK_NAME_OF(table, max, n)                                                               \
	_Static_assert(sizeof(table) / sizeof((table)[0]) == (max), "a name for each " #max);      \
	return (n) < (max) ? (table)[n] : "unknown"

/** terok_state_name() - "error" for the state that no guard should be in */
static inline const char *terok_state_name(__u32 state)
{
	static const char *const names[] = {
		[TEROK_STATE_NONE] = "error",  [TEROK_STATE_UP] = "up",
		[TEROK_STATE_DOWN] = "down",   [TEROK_STATE_DOWN_ALL] = "down_all",
		[TEROK_STATE_BLOCK] = "block",
	};

	TEROK_NAME_OF(names, TEROK_STATE_MAX_, state);
}

/** terok_reason_name() - why a decision was taken */
static inline const char *terok_reason_name(__u32 reason)
{
	static const char *const names[] = {
		[TEROK_REASON_NO_GUARD] = "no_guard",
		[TEROK_REASON_LOOPBACK] = "loopback",
		[TEROK_REASON_SELF] = "self",
		[TEROK_REASON_BLOCKED] = "blocked",
		[TEROK_REASON_INFRA] = "infrastructure",
		[TEROK_REASON_HARD] = "hard_deny",
		[TEROK_REASON_RULE_DENY] = "rule_deny",
		[TEROK_REASON_RULE_ALLOW] = "rule_allow",
		[TEROK_REASON_EXPIRED] = "expired",
		[TEROK_REASON_PRIVATE] = "private",
		[TEROK_REASON_DEFAULT] = "default",
		[TEROK_REASON_FLOW] = "flow",
		[TEROK_REASON_SOCKET_KIND] = "socket_kind",
		[TEROK_REASON_UNSOLICITED] = "unsolicited",
		[TEROK_REASON_ROUTED] = "routing_header",
		[TEROK_REASON_MALFORMED] = "malformed",
		[TEROK_REASON_PUBLISHED] = "published",
		[TEROK_REASON_NAME] = "name",
		[TEROK_REASON_NAME_DENY] = "name_deny",
		[TEROK_REASON_HELLO] = "hello",
	};

	TEROK_NAME_OF(names, TEROK_REASON_MAX_, reason);
}

/** terok_hook_name() - also the names of the pins of programs */
static inline const char *terok_hook_name(__u32 hook)
{
	static const char *const names[] = {
		[TEROK_HOOK_NONE] = "none",
		[TEROK_HOOK_CONNECT4] = "connect4",
		[TEROK_HOOK_CONNECT6] = "connect6",
		[TEROK_HOOK_SENDMSG4] = "sendmsg4",
		[TEROK_HOOK_SENDMSG6] = "sendmsg6",
		[TEROK_HOOK_SOCK_CREATE] = "sock_create",
		[TEROK_HOOK_EGRESS] = "egress",
		[TEROK_HOOK_INGRESS] = "ingress",
		[TEROK_HOOK_SETSOCKOPT] = "setsockopt",
		[TEROK_HOOK_RECVMSG4] = "recvmsg4",
		[TEROK_HOOK_RECVMSG6] = "recvmsg6",
		[TEROK_HOOK_GETPEERNAME4] = "getpeername4",
		[TEROK_HOOK_GETPEERNAME6] = "getpeername6",
	};

	TEROK_NAME_OF(names, TEROK_HOOK_MAX_, hook);
}

/** terok_kind_name() - what is guarded */
static inline const char *terok_kind_name(__u32 kind)
{
	static const char *const names[] = {
		[TEROK_KIND_CGROUP] = "cgroup",
		[TEROK_KIND_CONTAINER] = "container",
		[TEROK_KIND_EXEC] = "exec",
	};

	TEROK_NAME_OF(names, TEROK_KIND_MAX_, kind);
}

#endif
