/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - a user's session for tests: its hub and its verdict helper as processes
 *
 * Both run confined as in service, in a private folder, with a script for a shield and the test
 * for a service manager; every wait is for a descriptor and has an end.
 * Called by: tests/hub/test_standalone*.c, fixtures of cmocka: what goes wrong is an assertion.
 */
#ifndef TESTS_HUB_SESSION_H
#define TESTS_HUB_SESSION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>
#include <cmocka.h>

#define SESSION_WAIT_S 10 /* for what comes in a millisecond */

#define CLEARANCE      "org.terok.Clearance1"
#define SUBSCRIBE      "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define VERDICT(container, id, dest, action)                                                       \
	"{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"" container         \
	"\",\"request_id\":\"" id "\",\"dest\":\"" dest "\",\"action\":\"" action "\"}}"
#define OK                "{\"parameters\":{\"ok\":true}}"
#define ERROR(name, more) "{\"error\":\"" CLEARANCE "." name "\",\"parameters\":{" more "}}"
#define UNKNOWN(id)       ERROR("UnknownRequest", "\"request_id\":\"" id "\"")

/* An event as its subscribers hear it: eleven keys, always. */
#define EVENT(type, container, id, flow, action, ok, reason, dossier)                              \
	"{\"continues\":true,\"parameters\":{\"event\":{\"type\":\"" type                          \
	"\",\"container\":\"" container "\",\"request_id\":\"" id "\"," flow                       \
	",\"action\":\"" action "\",\"ok\":" ok ",\"reason\":\"" reason "\",\"dossier\":{" dossier \
	"}}}}"
#define FLOW(dest, port, proto, domain)                                                            \
	"\"dest\":\"" dest "\",\"port\":" port ",\"proto\":" proto ",\"domain\":\"" domain "\""
#define NO_FLOW FLOW("", "0", "0", "")
#define APPLIED(container, id, action, ok)                                                         \
	EVENT("verdict_applied", container, id, NO_FLOW, action, ok, "", "")
#define BLOCKED(container, id, flow)                                                               \
	EVENT("connection_blocked", container, id, flow, "", "false", "", "")

/* What a reader writes. */
#define PENDING(container, id, more)                                                               \
	"{\"type\":\"pending\",\"container\":\"" container "\",\"id\":\"" id "\"," more "}"
#define SAYS(type, container, more)                                                                \
	"{\"type\":\"" type "\",\"container\":\"" container "\"" more "}"

struct session {
	char folder[48], clients[80], readers[80], helper[80], shield[80];
	pid_t hub, verdicts;
	int manager;         /* what they say to the service manager */
	uid_t uid;           /* whose session it is */
	const char *history; /* file of the hub's journal; NULL: it keeps none */
};
extern struct session session;

/** session_setup() - a folder and nothing in it; session_teardown() - and nothing left */
int session_setup(void **state);
int session_teardown(void **state);

/** session_give() - from now on it is that user's: as root, before anything runs */
void session_give(uid_t uid);

/** session_hub() - start the hub and wait until it serves */
void session_hub(void);

/** session_hub_tries() - start another, which must end by itself; its exit code */
int session_hub_tries(void);

/** session_helper() - start the helper with a line of shell for a shield, and wait likewise */
void session_helper(const char *script);

/** session_end() - end one of them by that signal; its exit code */
int session_end(pid_t *process, int signal);

/** session_told() - the next thing that the service manager is told */
const char *session_told(void);

/** session_dial() - connect to one of the sockets; it waits, up to its patience; teardown closes it */
int session_dial(const char *path);

/** session_dial_as() - the same as another user, if this is root */
int session_dial_as(uid_t uid, const char *path);

/** session_say() - a frame with its NUL; session_line() - a line with its newline */
void session_say(int fd, const char *frame);
void session_line(int fd, const char *text);

/** session_heard() - the next frame, until the next call; "": the end */
const char *session_heard(int fd);
void session_hear(int fd, const char *frame);

/** session_ask() - session_say() and session_hear() */
void session_ask(int fd, const char *frame, const char *answer);

/** session_subscribe() - a connection that hears every event from now on */
int session_subscribe(void);

#endif
