// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_evidence.c - what the agent replies about a socket: only the container that was asked about agrees
 *
 * Input: a packet of its. One that is a reply of ours, by its size and form, is read; its texts may
 * have no end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/registry/evidence.h"

#define ID "1111111111111111111111111111111111111111111111111111111111111111"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_packet *packet;
	enum evidence_is is = EVIDENCE_AGREES, required = EVIDENCE_AGREES;
	int r;

	if (size < CONTROL_HEAD || size > sizeof(*packet))
		return 0;
	packet = malloc(size); /* as long as what came, so that a sanitizer sees more */
	if (!packet)
		abort();
	memcpy(packet, data, size);
	if (!control_msg_check(packet, size) || control_msg_may(packet->type)) {
		free(packet);
		return 0;
	}
	r = evidence_read(packet, ID, false, &is);
	if (evidence_read(packet, ID, true, &required) != r || (r && r != -EAGAIN) ||
	    required == EVIDENCE_NOTHING || (r && is != EVIDENCE_ERROR))
		abort();
	if ((is == EVIDENCE_AGREES) != (required == EVIDENCE_AGREES))
		abort();
	if (is == EVIDENCE_AGREES &&
	    (packet->type != CONTROL_OWNER || packet->OWNER.is != CONTROL_OWNER_SAME ||
	     memcmp(packet->OWNER.container, ID, sizeof(ID))))
		abort();
	free(packet);
	return 0;
}
