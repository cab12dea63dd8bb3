/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desktop_end.h - a session bus of the test's own, and a mock of the notification service on it
 *
 * The bus is dbus-daemon; the mock is the test itself: it acts only while the test waits for something, and every
 * wait has an end. Threads: none. One bus per test program.
 */
#ifndef TESTS_HUB_DESKTOP_END_H
#define TESTS_HUB_DESKTOP_END_H

#include <stdbool.h>
#include <stdint.h>

struct shown {
	uint32_t id, replaces;
	int32_t timeout_ms;
	int urgency; /* -1: none was given */
	bool resident, transient;
	char app[32], icon[128], summary[512], body[2048];
	char actions[256]; /* "allow=Allow|deny=Deny|" */
};

/** desktop_end_start() - a bus in @folder; 0, or -1: SKIP, there is no dbus-daemon */
int desktop_end_start(const char *folder);
/** desktop_end_stop() - bus and service go */
void desktop_end_stop(void);
/** desktop_end_restart() - the bus dies, and another is at the same address */
void desktop_end_restart(void);
/** desktop_end_address() - of the bus */
const char *desktop_end_address(void);

/** desktop_end_startable() - the bus knows how to start a service, which does nothing, or fails */
void desktop_end_startable(bool fails);
/** desktop_end_starts() - how often it was started */
unsigned desktop_end_starts(void);

/** desktop_end_own() - the service comes; @capabilities: words with spaces between */
void desktop_end_own(const char *capabilities);
/** desktop_end_answers() - somebody asks what it can; waits */
void desktop_end_answers(void);
/** desktop_end_leave() - it goes, with all that it showed */
void desktop_end_leave(void);

/** desktop_end_shows() - the next Notify; waits. Valid until the next call */
const struct shown *desktop_end_shows(void);
/** desktop_end_closes() - the id of the next CloseNotification; waits */
uint32_t desktop_end_closes(void);
/** desktop_end_quiet() - nothing but what has been asked for was called so far, and nothing was
 *  asked of the service that a notifier has no business with */
void desktop_end_quiet(void);

/** desktop_end_click() - the service says that somebody clicked */
void desktop_end_click(uint32_t id, const char *key);
/** desktop_end_put_away() - and that somebody closed it */
void desktop_end_put_away(uint32_t id);
/** desktop_end_mumble() - signals of the right name and the wrong shape */
void desktop_end_mumble(uint32_t id);
/** desktop_end_lie() - somebody else on the bus says that there was a click */
void desktop_end_lie(uint32_t id, const char *key);

#endif
