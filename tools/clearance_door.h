/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_door.h - who may come in: the login link, sessions, and whom a request is from
 *
 * A link holds a token, good once and for ten minutes. It is exchanged for two secrets: the
 * cookie, which no script can read, and the page's, which only scripts of our own origin can
 * (cookies of localhost are sent to every port of it, what a page keeps is not). Every call
 * needs both. Whose page a request is from is read from what a browser says of itself and no
 * page can change: Host against names that an attacker points at us, Origin and Sec-Fetch-Site
 * against pages of others.
 *
 * Called by: clearance_web_http.c, clearance_web.c. Owns: the secrets. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_DOOR_H
#define TOOLS_CLEARANCE_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"

#define DOOR_SECRET_LEN 32                /* characters of base64url: 192 bits */
#define DOOR_TOKEN_NS   (600 * SECOND_NS) /* how long a link waits to be opened */
#define DOOR_SESSION_NS (12 * 3600 * SECOND_NS)
#define DOOR_SESSIONS   8  /* browsers of one person; the oldest gives way */
#define DOOR_COOKIE_LEN 24 /* name of the cookie, with NUL */

struct door_session {
	uint64_t number;   /* from 1, never reused; 0: free */
	uint64_t until_ns; /* CLOCK_BOOTTIME */
	char cookie[DOOR_SECRET_LEN + 1];
	char page[DOOR_SECRET_LEN + 1];
};

struct door {
	char token[DOOR_SECRET_LEN + 1]; /* "": none */
	uint64_t token_until_ns;
	char cookie_name[DOOR_COOKIE_LEN]; /* of this process: two of them may share a browser */
	uint64_t numbers;
	struct door_session sessions[DOOR_SESSIONS];
};

/** door_open() - no link, no sessions; 0 or negative errno when there are no random numbers */
int door_open(struct door *door);

/**
 * door_token_new() - a new link; the one before is dead
 * @now_ns: CLOCK_BOOTTIME
 *
 * Return: the token, owned by @door; NULL: no random numbers.
 */
const char *door_token_new(struct door *door, uint64_t now_ns);

/**
 * door_login() - exchange the token for a session
 * @token: as it came, of any length
 *
 * A wrong one leaves the right one as it is: nobody else can use up somebody's link.
 * Return: the session, owned by @door; NULL: wrong, used or too old.
 */
const struct door_session *door_login(struct door *door, const char *token, uint64_t now_ns);

/**
 * door_session() - whose cookie is this?
 * @cookies: the Cookie header; NULL: none
 *
 * Return: the session; NULL: nobody's, or it has ended.
 */
const struct door_session *door_session(const struct door *door, const char *cookies,
					uint64_t now_ns);

/** door_alive() - is the session with that number still there? */
bool door_alive(const struct door *door, uint64_t number, uint64_t now_ns);

/** door_page() - is @secret (NULL: none came) the one of the session's page? */
bool door_page(const struct door_session *session, const char *secret);

/** door_logout() - the end of it */
void door_logout(struct door *door, uint64_t number);

/** door_host() - does the Host header name this machine's loopback? any port: tunnels change it */
bool door_host(const char *host);

/** door_origin() - is the Origin header (NULL: none came) the one of pages that @host serves? */
bool door_origin(const char *origin, const char *host);

/** door_site() - does Sec-Fetch-Site (NULL: none came) speak of a page of ours? */
bool door_site(const char *site);

/** door_loopback() - may we listen there? @address: IPv4 or IPv6 as text */
bool door_loopback(const char *address);

#endif
