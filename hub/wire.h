/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - what happened -> the JSON of org.terok.Clearance1 and org.terok.Firewall1
 *
 * The one place where a struct becomes text for people, and so the one place where text
 * that a container chose is sanitised. A ClearanceEvent has exactly eleven keys in the
 * contract's order: today's clients drop the stream at any other.
 * Called by: hub.c, serve.c. Threads: none.
 */
#ifndef HUB_WIRE_H
#define HUB_WIRE_H

#include <stdbool.h>

#include "base/json.h"
#include "terok/core_msg.h"

/* A guard as the core last told it. */
struct label {
	uint32_t id, state;
	struct terok_info info;
	const struct terok_dossier *dossier; /* what else is said of it; NULL: nothing */
};

/* A reader's word for it, which is told untouched, and what it says. */
struct said {
	const char *key, *value;
};

/* One thing that happened; what does not belong to it stays zero. Texts are sanitised here. */
struct news {
	uint64_t boot_ns, wall_ns;
	const char *type;          /* of Firewall1 */
	const char *clearance;     /* of Clearance1; NULL: not told there */
	const struct label *label; /* NULL: no guard that we know; then of these what there is */
	uint32_t guard;            /* its number */
	uint32_t owner;            /* who may see it besides root */
	const char *container;
	const struct msg_refused *refused; /* a call that the kernel refused; else: */
	const char *dest, *domain;
	uint16_t port;
	uint8_t proto;
	const struct said *dossier; /* what a reader said of it */
	unsigned n_dossier;
	const char *name, *state; /* of the container, where there is no label */
	uint64_t count;           /* of what was missed; of refusals, where there is no record */
	const char *request_id;
	const char *action, *scope, *reason, *problem;
	const char *rule, *client; /* of a verdict: what was made, by which program */
	uint64_t until_ns;
	uint32_t uid; /* who answered */
	bool ok;
};

/** news_guard() - the guard's number, also where we know nothing else of it; 0: none */
static inline uint32_t news_guard(const struct news *news)
{
	return news->label ? news->label->id : news->guard;
}

/** wire_clearance() - a ClearanceEvent; wire_firewall() - a Firewall1 Event, but for its sequence */
void wire_clearance(struct json *json, const struct news *news);
void wire_firewall(struct json *json, const struct news *news);

/** wire_text() - @text (NULL: "") as people are shown it, sanitised */
void wire_text(struct json *json, const char *key, const char *text);

/** wire_field() - the same of a field of fixed size, which may fill it to its end */
void wire_field(struct json *json, const char *key, const char *text, size_t size);

/** wire_action(), wire_scope() - the words of both interfaces */
const char *wire_action(enum terok_action action);
const char *wire_scope(enum scope scope);

/** wire_guard() - a Firewall1 Guard */
void wire_guard(struct json *json, const struct label *label, const struct terok_counts *counts);

/** wire_target() - what an answer must cite: the name if one is known, else the address */
void wire_target(char ret[static TEROK_DOMAIN_LEN], const struct msg_refused *refused);

/** wire_request_id() - "<first 12 of container>:<ask>" */
void wire_request_id(char ret[static 32], const struct label *label, uint64_t ask);

/** wire_container() - the container as people are shown it, sanitised */
void wire_container(char ret[static TEROK_NAME_LEN], const struct label *label);

#endif
