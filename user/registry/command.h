/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - what is said to an agent's peer: a Command, in bytes, to whoever carries it
 *
 * Called by: dial, executor. Threads: no state, any.
 */
#ifndef REGISTRY_COMMAND_H
#define REGISTRY_COMMAND_H

#include <stddef.h>

#include "proto/clawkerd.pb-c.h"

#define COMMAND_ID_LEN 192 /* with a NUL: the longest of ours has a container's id */

/* Payloads and codes by their own names: COMMAND_IS(HELLO), RESPONSE_IS(DONE), CODE_IS(TIMEOUT). */
#define COMMAND_IS(name)  CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_##name
#define RESPONSE_IS(name) CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_##name
#define CODE_IS(name)     CLAWKER__CLAWKERD__V1__ERROR_CODE__ERROR_CODE_##name

typedef Clawker__Clawkerd__V1__Command Command;
typedef Clawker__Clawkerd__V1__Response Response;

/* Who carries it. */
struct command_way {
	/* 0, and all of it is taken; else nothing is, and the session is of no more use */
	int (*send)(void *user, const void *bytes, size_t n);
	void *user;
};

/** command_send() - @command has its payload; 0, -ENOMEM or what @way says */
int command_send(const struct command_way *way, const char *id, Command *command);

/** command_send_empty() - one whose payload has no fields: Hello, CloseStdin, ... */
int command_send_empty(const struct command_way *way, const char *id,
		       Clawker__Clawkerd__V1__Command__PayloadCase payload);

/** code_name() - "TIMEOUT"; "UNSPECIFIED" for what is no code */
const char *code_name(Clawker__Clawkerd__V1__ErrorCode code);

#endif
