// SPDX-License-Identifier: Apache-2.0
#include "register.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

struct waiting {
	agentd_registrar_fn fn;
	void *user;
};

struct agentd_registrar {
	struct loop *loop;
	agentd_registrar_attempt_fn attempt;
	void *user;
	struct waiting waiting[REGISTER_WAITING]; /* the first is whom the attempt is for */
	unsigned n;
	bool trying;
	bool known; /* the outcome is everybody's */
	bool ok;
	char error[160];
	struct timer turn;
};

/* Who asked first hears it; all do when there will be no other outcome. */
static void tell(struct agentd_registrar *registrar, bool ok, const char *error, bool all)
{
	unsigned n = all ? registrar->n : registrar->n ? 1 : 0;
	struct waiting told[REGISTER_WAITING];

	memcpy(told, registrar->waiting, n * sizeof(told[0]));
	registrar->n -= n;
	memmove(registrar->waiting, registrar->waiting + n, registrar->n * sizeof(told[0]));
	for (unsigned i = 0; i < n; i++)
		told[i].fn(told[i].user, ok, error);
}

static int on_turn(struct timer *timer)
{
	struct agentd_registrar *registrar = container_of(timer, struct agentd_registrar, turn);

	if (registrar->known) {
		tell(registrar, registrar->ok, registrar->error, true);
	} else if (registrar->n && !registrar->trying) {
		registrar->trying = true;
		registrar->attempt(registrar, registrar->user);
	}
	return 0;
}

static void turn(struct agentd_registrar *registrar)
{
	timer_arm(registrar->loop, &registrar->turn, 0, on_turn);
}

void agentd_registrar_done(struct agentd_registrar *registrar, const char *error, bool consumed)
{
	char text[sizeof(registrar->error)] = "", safe[sizeof(registrar->error)];

	if (!registrar->trying)
		return;
	registrar->trying = false;
	if (error)
		snprintf(text, sizeof(text), "%s", log_safe(safe, sizeof(safe), error));
	if (error)
		log_warn(0, "register: %s%s", text, consumed ? "" : " (may be tried again)");
	else
		log_info("registered with the control plane");
	registrar->known = consumed || !error;
	registrar->ok = !error;
	memcpy(registrar->error, text, sizeof(text));
	if (!registrar->known)
		tell(registrar, false, text, false);
	turn(registrar);
}

void agentd_registrar_ask(struct agentd_registrar *registrar, agentd_registrar_fn fn, void *user)
{
	if (registrar->n == REGISTER_WAITING) {
		fn(user, false, "too many wait already");
		return;
	}
	registrar->waiting[registrar->n++] = (struct waiting){ .fn = fn, .user = user };
	turn(registrar);
}

int agentd_registrar_new(struct loop *loop, agentd_registrar_attempt_fn attempt, void *user,
			 struct agentd_registrar **ret)
{
	struct agentd_registrar *registrar = calloc(1, sizeof(*registrar));

	if (!registrar)
		return -ENOMEM;
	registrar->loop = loop;
	registrar->attempt = attempt;
	registrar->user = user;
	*ret = registrar;
	return 0;
}

void agentd_registrar_free(struct agentd_registrar *registrar)
{
	if (!registrar)
		return;
	timer_disarm(&registrar->turn);
	tell(registrar, false, "it is over", true);
	free(registrar);
}
