/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_runtime.h - a runtime as test_registry_*.c want it: what it has, and how it fails
 */
#ifndef TESTS_REGISTRY_RUNTIME_H
#define TESTS_REGISTRY_RUNTIME_H

#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"
#include "user/registry/runtime.h"

static struct runtime_container there[4];
static struct runtime_seen has = { .container = there };
static int fails;        /* so many lists fail, with -EIO */
static int cannot;       /* ... or cannot even be begun, if not 0 */
static unsigned looks;   /* how often it was asked */
static runtime_fn later; /* who waits, if it is to answer later */
static void *later_user;
static bool answers_later;

static inline void answer_now(runtime_fn done, void *user)
{
	if (fails) {
		fails--;
		done(NULL, -EIO, "the daemon is away", user);
	} else {
		done(&has, 0, NULL, user);
	}
}

static inline int fake_ask(struct runtime *runtime, runtime_fn done, void *user)
{
	(void)runtime;
	looks++;
	if (cannot)
		return cannot;
	if (!answers_later) {
		answer_now(done, user);
		return 0;
	}
	later = done;
	later_user = user;
	return 0;
}

static inline void fake_free(struct runtime *runtime)
{
	(void)runtime;
}

static struct runtime fake = { fake_ask, fake_ask, fake_free };

static inline void addr_of(const char *text, uint8_t ret[static 16])
{
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
		addr_of_v4(ret, v4);
	else
		inet_pton(AF_INET6, text, ret);
}

/* One more container; @agent NULL: its labels name none. */
static inline void put_container(const char *id, const char *addr, const char *project,
				 const char *agent)
{
	struct runtime_container *c = &there[has.n++];

	*c = (struct runtime_container){ .labelled = agent != NULL };
	strcpy(c->id, id);
	strcpy(c->project, project);
	strcpy(c->agent, agent ?: "");
	if (addr)
		addr_of(addr, c->addr[c->n_addr++]);
}

static inline void empty_runtime(void)
{
	has = (struct runtime_seen){ .container = there };
	fails = cannot = 0;
	looks = 0;
	later = NULL;
	answers_later = false;
}

#endif
