/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_shield.h - org.terok.Shield1 of one container: a connection to the session bus
 *
 * Every container has a connection of its own, as it had a process of its own when this
 * interface was made, and its clients count on that: they forget what they know of a sender
 * when one of its names goes, they send Verdict to the sender of a signal, and a match for
 * one container's name brings the signals of whoever owns it. On one connection for all, the
 * end of one container would make the requests of the others unanswerable, and a client of
 * one would hear them all.
 *
 * A name that somebody else owns is said, and queued for at the bus; nothing is signalled
 * before it is ours.
 * Called by: clearance_bridge.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_SHIELD_H
#define TOOLS_CLEARANCE_SHIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"

#define SHIELD_PREFIX "org.terok.Shield1.Container_"
#define SHIELD_PATH   "/org/terok/Shield1"
#define SHIELD_KEY    12 /* hexadecimal digits behind it */

struct shield;

/**
 * struct shield_face - what its owner is told, and asked; none may free the shield
 * @owned:   the name is ours: signals reach clients from now on
 * @lost:    the connection is no more, nor are the calls of it; it is tried again
 * @verdict: a call of Verdict; true: shield_reply() follows, false: it is refused
 */
struct shield_face {
	void (*owned)(struct shield *shield);
	void (*lost)(struct shield *shield);
	bool (*verdict)(struct shield *shield, sd_bus_message *call, const char *request_id,
			const char *action);
};

struct shield {
	struct bus bus;
	const struct shield_face *face;
	const char *path; /* of the object: SHIELD_PATH, or what older clients know */
	/* below: clearance_shield.c's */
	char name[sizeof(SHIELD_PREFIX) + SHIELD_KEY];
	bool owned;
};

/** shield_start() - begin to connect; fill bus.loop, face and path first; @key: of the name */
void shield_start(struct shield *shield, const char key[static SHIELD_KEY + 1]);

/** shield_stop() - the name is nobody's any more; tells nobody */
void shield_stop(struct shield *shield);

/** shield_blocked(), shield_applied() - send a signal, if the name is ours */
void shield_blocked(struct shield *shield, const char *container, const char *dest, uint16_t port,
		    uint16_t proto, const char *domain, const char *request_id);
void shield_applied(struct shield *shield, const char *container, const char *dest,
		    const char *request_id, const char *action, bool ok);

/** shield_reply() - answer a call that face->verdict took; it is put */
void shield_reply(struct shield *shield, sd_bus_message *call, bool ok);

/** shield_key() - the part of a container's name that is its own: see terok-clearance(1) */
void shield_key(char ret[static SHIELD_KEY + 1], const char *container);

#endif
