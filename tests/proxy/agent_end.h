/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_end.h - an SSH agent with keys, and clients of it by hand
 *
 * The agent is a process, with its signer; two projects have keys, a third one that wants a person. Every
 * wait has an end. Called by: tests/proxy/test_agent*.c, fixtures of cmocka: what goes wrong is an
 * assertion.
 */
#ifndef TESTS_PROXY_AGENT_END_H
#define TESTS_PROXY_AGENT_END_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proxy/signer/key.h"
#include "proxy/store/token.h"

struct agent_end {
	char folder[40], keys_file[80], database[80];
	char everybody[80],
	    door[80]; /* sockets; the second is container c1's, called box, of project p */
	char token[TOKEN_SIZE], other_token[TOKEN_SIZE];      /* of p, and of asks */
	char http_token[TOKEN_SIZE], bound_token[TOKEN_SIZE]; /* for something else; box's alone */
	struct key *ed, *rsa;                                 /* p's */
	struct key *other, *asked; /* q's; the one of asks, which is confirmed */
};
extern struct agent_end agent_end;

/** agent_setup() - without a hub; agent_setup_with() - with one in that folder */
int agent_setup(void **state);
int agent_setup_with(const char *hub);
int agent_teardown(void **state);

/** agent_key_put() - a new key's file, named by ssh-keys.json; agent_token_put() - a new token */
void agent_key_put(const char *project, const char *name, enum key_kind kind, struct key **ret,
		   bool confirm);
void agent_token_put(struct store *store, const char *project, const char *provider,
		     const char *container, char ret[static TOKEN_SIZE]);

/** client_come() - connect; client_enter() - and say a token */
int client_come(const char *path);
int client_enter(const char *path, const char *text);

/** client_say() - bytes; client_say_frame() - a message behind its length */
void client_say(int fd, const void *bytes, size_t n);
void client_say_frame(int fd, struct span message);

/** client_is_closed() - nothing is said, and it closes */
void client_is_closed(int fd);

/** client_hears() - the next message; its size. client_fails() - it is FAILURE */
size_t client_hears(int fd, uint8_t *bytes, size_t room);
void client_fails(int fd);

/** client_lists() - how many keys it is told of */
uint32_t client_lists(int fd);

/** client_sign_put() - a request; client_signs() - say one, and verify the reply */
void client_sign_put(struct wire_out *out, const struct key *key, const char *data, uint32_t flags);
void client_signs(int fd, const struct key *key, uint32_t flags, const char *algorithm);

#endif
