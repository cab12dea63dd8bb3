/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_desktop.h - org.freedesktop.Notifications: show, replace and close, hear of clicks
 *
 * Knows whose the name is at any time: what another connection claims to be a click is not
 * heard. A service that is not there is started if the bus knows how, at most once in
 * DESKTOP_START_S, and what it showed is void when it goes. Text is made fit for it here, and nowhere else.
 * Called by: clearance_notifier.c. Threads: none, all on one loop.
 */
#ifndef TOOLS_CLEARANCE_DESKTOP_H
#define TOOLS_CLEARANCE_DESKTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

#define DESKTOP_NEVER      0    /* .timeout_ms: stays until it is closed */
#define DESKTOP_AS_IT_DOES (-1) /* as long as the service thinks fit */
#define DESKTOP_START_S    10   /* a service that ends when it starts is not started at once */
#define SUMMARY_MAX        300  /* characters that are shown; a name has 253 */
#define BODY_MAX           1200

enum urgency { URGENCY_LOW, URGENCY_NORMAL, URGENCY_CRITICAL };
enum closed_why { CLOSED_EXPIRED = 1, CLOSED_DISMISSED, CLOSED_BY_US, CLOSED_UNDEFINED };

struct desktop_note {
	const char *summary, *body;
	const char *const *actions; /* key, label, key, label, NULL; NULL: none */
	enum urgency urgency;
	bool resident, transient;
	int32_t timeout_ms;
};

/**
 * struct desktop_face - what the owner of a desktop is told; all must be there
 * @ready:  a service is there, and has shown nothing of ours
 * @lost:   it went: ids are void, calls will not be answered
 * @absent: nobody shows notifications, said once until somebody does; @why is for people
 * @sent:   what desktop_notify() sent as @call is shown as @id; 0: it is not
 * @action: somebody clicked; @key lives until the callback returns
 * @closed: it is shown no more; @why: enum closed_why, or any number
 */
struct desktop_face {
	void (*ready)(void *user);
	void (*lost)(void *user);
	void (*absent)(const char *why, void *user);
	void (*sent)(uint64_t call, uint32_t id, void *user);
	void (*action)(uint32_t id, const char *key, void *user);
	void (*closed)(uint32_t id, uint32_t why, void *user);
};

struct desktop {
	struct bus bus;
	const struct desktop_face *face;
	void *user;
	/* below: clearance_desktop.c's */
	sd_bus_slot *asking; /* the owner, what it can; NULL: not now */
	char owner[256];     /* the service's unique name; "": none that we know */
	struct timer again;  /* it is to be started, and was a moment ago */
	uint64_t start_ns;   /* CLOCK_BOOTTIME; not before */
	bool ready, starting, absent;
	bool markup, actions; /* what the service can */
};

/** desktop_start() - fill bus.loop, face and user first; -errno with @why when there is no bus */
int desktop_start(struct desktop *desktop, struct problem *why);
void desktop_stop(struct desktop *desktop);

/** desktop_wake() - something is to be shown: start a service if none is there */
void desktop_wake(struct desktop *desktop);

/**
 * desktop_notify() - show @note, in place of @replaces if that is not 0
 * @ret: what face->sent() will call it
 *
 * Return: 0; -ENOTCONN when no service is there, other negative errno.
 */
int desktop_notify(struct desktop *desktop, const struct desktop_note *note, uint32_t replaces,
		   uint64_t *ret);

/** desktop_close() - show it no more; nothing is heard of it again */
void desktop_close(struct desktop *desktop, uint32_t id);

/** desktop_show() - one note, without a loop; its id, or negative errno when nobody shows it */
int64_t desktop_show(const struct desktop_note *note);

enum desktop_text { TEXT_SUMMARY, TEXT_BODY, TEXT_BODY_MARKUP };

/**
 * desktop_text() - copy @src into @buf as text and nothing but text
 * @buf: DESKTOP_TEXT_SIZE(@max) bytes
 * @max: characters; a longer text ends in "..."
 *
 * Valid UTF-8 leaves. Control characters, those that reorder text or cannot be seen, and bytes
 * that are no UTF-8 become a space; a body keeps its line ends. & < > are written as markup
 * where there is markup, and are left out elsewhere. Return: @buf.
 */
const char *desktop_text(char *buf, size_t max, const char *src, enum desktop_text kind);
#define DESKTOP_TEXT_SIZE(max) ((max)*5 + 1) /* "&amp;" */

/** desktop_icon() - a name of the theme, a file:// address, or ""; static */
const char *desktop_icon(void);

#endif
