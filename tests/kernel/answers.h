/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers.h - a client of the hub: ask about what a guard was refused, answer, hear the end
 *
 * One client at a time, of the agent that programs.h runs; the question is always a datagram
 * to TEST_FAR. Every call fails the running test on error.
 */
#ifndef TESTS_ANSWERS_H
#define TESTS_ANSWERS_H

#include <stdbool.h>

#include "terok/clearance.h"

extern struct hub {
	struct terok_client *client;
	char id[40]; /* of the request */
	bool subscribed, asked;
	bool answered, applied; /* there was a reply to the answer, and it was no error */
	bool closed;
} hub;

/** hub_ask() - connect, have something refused, wait for the request; the caller closes */
void hub_ask(void);

/** hub_answer() - send it, do not wait */
void hub_answer(const char *action, const char *scope);

/** hub_listen() - what has arrived, or arrives in @ms */
void hub_listen(int ms);

/** hub_done() - has the answer's reply arrived, or the hub gone? Looks, does not wait */
bool hub_done(void);

#endif
