// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_core_msg.c - whatever the core says, what people hear of it is printable JSON
 *
 * Input: messages of type (1 byte), length (2 bytes), and so many bytes of the payload, the
 * rest of it zero. Type 0 answers the last question, when there is one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub_core.h"

static void check(struct subscriber *subscriber, struct event *event)
{
	const char *text = event->text[subscriber->face];
	_cleanup_(json_putp) struct json_object *object = NULL;

	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (json_parse(text, event->n[subscriber->face], &object) ||
	    json_object_object_length(object) != (subscriber->face == FACE_CLEARANCE ? 11 : 32))
		abort();
}

static int fake_send(struct msg_packet *packet, void *user)
{
	*(uint64_t *)user = packet->VERDICT.token;
	return core_msg_check(packet, core_msg_size(packet->type), FROM_HUB) ? 0 : -1;
}

static void done(const struct hub_outcome *outcome, void *user)
{
	(void)outcome, (void)user;
}

static void answer(const struct event *event, void *user)
{
	static const struct hub_answer given = { .action = TEROK_ALLOW, .scope = SCOPE_ONCE };
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct request *request;
	uint64_t token;

	if (json_parse(event->text[FACE_FIREWALL], event->n[FACE_FIREWALL], &object))
		abort();
	request =
	    hub_find(user, json_object_get_string(json_object_object_get(object, "request_id")), 0);
	if (request)
		hub_answer_send(user, request, &given, done, NULL, &token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct subscriber root = { .face = FACE_FIREWALL, .push = check };
	struct subscriber user = { .face = FACE_CLEARANCE, .uid = 1000, .push = check };
	uint64_t token = 0;
	struct hub_core *core;
	struct hub *hub;

	if (hub_core_new(fake_send, &token, &core))
		abort();
	hub = hub_core_hub(core);
	hub_subscribe(hub, &root, true);
	hub_subscribe(hub, &user, true);
	for (size_t n; size >= 3; data += 3 + n, size -= 3 + n) {
		struct msg_packet packet = { .type = data[0] };

		n = data[1] | data[2] << 8;
		n = n > size - 3 ? size - 3 : n;
		memcpy((char *)&packet + MSG_HEAD, data + 3,
		       n < sizeof(packet) - MSG_HEAD ? n : sizeof(packet) - MSG_HEAD);
		if (!packet.type)
			hub_requests(hub, 0, 0, answer, hub);
		if (packet.type == MSG_RESULT) /* of an answer that was given */
			packet.RESULT.token = packet.RESULT.token ? packet.RESULT.token : token;
		if (core_msg_check(&packet, core_msg_size(packet.type), FROM_CORE))
			hub_core_hear(core, &packet);
	}
	hub_core_free(core);
	return 0;
}
