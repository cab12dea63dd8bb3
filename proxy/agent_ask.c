// SPDX-License-Identifier: Apache-2.0
/* agent_ask.c - what a person is asked before a key signs, at the hub of the session */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_within.h"
#include "base/log.h"
#include "terok/push.h"

static const struct ask_kind kind = {
	.who = "proxy",
	.id = "sign-",
	.dest = TEROK_SIGN_DEST,
	.asks = "a signature with an SSH key, this once",
	.by = "asked_by",
	.over = "the signature is over",
	.again = "try",
};

#define EACH_NS (AGENT_ASK_EACH_S * SECOND_NS)

struct agent_question {
	struct agent_client *client;
	struct word_confirm confirm;
	struct asking *asking;
};

static void answer(struct agent_client *client, uint32_t number, int result, const char *text)
{
	struct word_answer said = { .number = number, .result = result };

	snprintf(said.problem, sizeof(said.problem), "%.*s", WORD_PROBLEM - 1, text);
	link_say(&client->signer->link, WORD_ANSWER, client->id, span_of(&said, sizeof(said)),
		 (struct span){});
}

/* The project's, or a place that was quiet; NULL: so many ask that there is none. */
static struct meter *meter_of(struct agent *agent, const char *project)
{
	struct agent_asks *quiet = NULL;
	uint64_t now = now_boot_ns();

	for (struct agent_asks *asks = agent->asks; asks < agent->asks + AGENT_ASKS_OF; asks++) {
		if (!strcmp(asks->project, project))
			return &asks->meter;
		if (asks->meter.full_ns <= now)
			quiet = asks;
	}
	if (!quiet)
		return NULL;
	*quiet = (struct agent_asks){};
	snprintf(quiet->project, sizeof(quiet->project), "%s", project);
	return &quiet->meter;
}

/* A container that goes takes its questions with it, and another like it has the same person. */
static bool rate_allows(struct agent_client *client)
{
	struct meter *meter = meter_of(client->agent, client->project);

	return meter && meter_take(meter, EACH_NS, AGENT_ASKS, now_boot_ns());
}

static void on_done(int error, bool allowed, const struct problem *why, void *user)
{
	struct agent_question *question = user;
	struct agent_client *client = question->client;

	if (error)
		log_error(0, "nobody can be asked: %s", why->text);
	if (allowed) { /* who says yes is not bothered */
		struct meter *meter = meter_of(client->agent, client->project);

		if (meter)
			meter_give(meter, EACH_NS);
	}
	answer(client, question->confirm.number,
	       error     ? error
	       : allowed ? CONFIRM_YES
			 : CONFIRM_NO,
	       why->text);
	client->question = NULL;
	source_set(&client->source, 0);
	agent_client_waits(client);
	agent_ask_end(question);
}

void agent_ask(struct agent_client *client, const struct word_confirm *confirm)
{
	struct agent_question *question = calloc(1, sizeof(*question));
	const char *runtime = client->agent->options.runtime;
	struct problem why = {};
	struct ask ask;
	int r;

	if (!question || !runtime || !agent_may_ask(client) || !rate_allows(client)) {
		answer(client, confirm->number, -EBUSY,
		       runtime ? "too much is asked already" : "nobody can be asked");
		free(question);
		return;
	}
	question->client = client;
	question->confirm = *confirm;
	question->confirm.what[WORD_SHOWN - 1] = question->confirm.key[WORD_SHOWN - 1] = '\0';
	ask = (struct ask){
		.kind = &kind,
		.runtime = runtime,
		.project = client->project,
		.task = client->task,
		.container = *client->who.name ? client->who.name : client->who.container,
		.ref = question->confirm.what,
		.reason = { question->confirm.what, question->confirm.key,
			    *client->who.peer ? client->who.peer : NULL },
		.n = 3,
		.seconds = AGENT_CONFIRM_S,
	};
	r = ask_begin(client->agent->loop, &ask, on_done, question, &question->asking, &why);
	if (r) {
		log_error(0, "nobody can be asked: %s", why.text);
		answer(client, confirm->number, r, why.text);
		free(question);
		return;
	}
	client->question = question;
	timer_disarm(&client->late);
	source_set(&client->source, EPOLLRDHUP); /* who goes is not asked for any more */
}

void agent_ask_end(struct agent_question *question)
{
	if (!question)
		return;
	ask_end(question->asking);
	free(question);
}
