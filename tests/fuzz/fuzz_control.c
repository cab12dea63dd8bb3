// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_control.c - what passes for a word at the control socket has the size and the form of one
 *
 * Input: what somebody sends. Its bytes beyond the size are not looked at: the packet is on the
 * heap and has exactly so many, so that a sanitizer sees it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "enrol_word.h"
#include "terok/control_msg.h"
#include "whose.h"

/* What is in order for a user is in order for root, and every text of it has an end. */
static void attach(const struct control_attach *word)
{
	struct problem why = {};

	if (enrol_word_check(word, 1000, &why)) {
		if (!*why.text)
			abort();
		return;
	}
	if (enrol_word_check(word, 0, NULL) || strlen(word->id) != 64 || !*word->name ||
	    strlen(word->profiles) >= sizeof(word->profiles) || strchr(word->profiles, '/') ||
	    word->n_infra > CONTROL_INFRA || word->n_ports > CONTROL_PORTS)
		abort();
}

/* Each text has an end, both addresses are of one family, and there are ports. */
static void whose(const struct control_whose *word)
{
	struct problem why = {};

	if (whose_check(word, &why)) {
		if (!*why.text)
			abort();
		return;
	}
	if (strlen(word->container) != 64 || !word->peer_port || !word->own_port ||
	    addr_is_v4(word->peer) != addr_is_v4(word->own))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_packet *packet;

	if (size > sizeof(*packet))
		return 0;
	/* the core has room for the biggest; a shorter one must be judged by what came */
	packet = malloc(size < CONTROL_HEAD ? CONTROL_HEAD : size);
	if (!packet)
		abort();
	memset(packet, 0, CONTROL_HEAD);
	memcpy(packet, data, size);
	if (control_msg_check(packet, size) && size != control_msg_size(packet->type))
		abort();
	if (control_msg_may(packet->type) && !control_msg_size(packet->type))
		abort();
	if (control_msg_check(packet, size) && packet->type == CONTROL_ATTACH)
		attach(&packet->ATTACH);
	if (control_msg_check(packet, size) && packet->type == CONTROL_WHOSE)
		whose(&packet->WHOSE);
	free(packet);
	return 0;
}
