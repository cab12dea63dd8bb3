/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_web.h - the parts of `terok-clearance web`
 *
 *   clearance_web.c        the verb: options, where we listen, links, signals
 *   clearance_web_http.c   HTTP by libmicrohttpd: requests, refusals, responses, streams
 *   clearance_web_call.c   what a call of the page says: JSON to struct
 *   clearance_web_hub.c    the hub: libclearance behind a feed for each stream, an ask for each call
 *   clearance_web_confine.c  what it gives up before it hears anybody
 *   clearance_door.c       who may come in
 *   web/                   the page: files as they are, put into the program by the Makefile
 *
 * A stream is a hub client of its own, so what is open is replayed to it, and what it was too
 * slow for is counted by the hub: we keep no list and lose nothing by ourselves. A call is a hub
 * client for as long as it takes.
 *
 * Threads: none, all on one loop.
 */
#ifndef TOOLS_CLEARANCE_WEB_H
#define TOOLS_CLEARANCE_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/json.h"
#include "base/problem.h"
#include "terok/clearance.h"

#include "clearance_door.h"

#define WEB_BODY_MAX    8192 /* of a call: WEB_ANSWERS ids and a few words */
#define WEB_ANSWERS     64   /* requests that one call may answer */
#define WEB_HISTORY_MAX 1000 /* entries of one page of history, as of the hub's */
#define WEB_ID_LEN      64   /* a request's or grant's id, with NUL */

/* --- calls of the page (clearance_web_call.c) ------------------------------------------ */

enum web_route {
	ROUTE_NONE,
	ROUTE_ASSET,
	ROUTE_LOGIN,
	ROUTE_LOGOUT,
	ROUTE_EVENTS,
	ROUTE_ANSWER,
	ROUTE_GUARDS,
	ROUTE_GRANTS,
	ROUTE_REVOKE,
	ROUTE_HISTORY,
};

struct web_asset {
	const char *path, *type, *text;
	size_t size;
};

/**
 * web_route_find() - what is at @path for @method?
 * @asset: set with ROUTE_ASSET
 * @allow: set with ROUTE_NONE: the method that is there, NULL: nothing is
 */
enum web_route web_route_find(const char *method, const char *path, const struct web_asset **asset,
			      const char **allow);

/** web_route_changes() - does a call of it change something? then it is a POST */
bool web_route_changes(enum web_route route);

/* What to answer, as the page says it; text lives as long as .body. */
struct web_answer {
	struct json_object *body;
	const char *ids[WEB_ANSWERS];
	unsigned n;
	const char *action, *scope, *reach, *ports;
	int64_t seconds;
};

/**
 * web_answer_parse() - {"requests": [...], "action": ..., "scope": ..., "seconds": ...,
 *			  "reach": ..., "ports": ...}
 *
 * Return: 0, then @ret is the caller's to web_answer_done(); -EINVAL with @why.
 */
int web_answer_parse(const char *text, size_t size, struct web_answer *ret, struct problem *why);
void web_answer_done(struct web_answer *answer);

/** web_text_parse() - the one string of {"KEY": "..."}, at most @size - 1 bytes; -EINVAL with @why */
int web_text_parse(const char *text, size_t n, const char *key, char *ret, size_t size,
		   struct problem *why);

/** web_number_parse() - digits from 0 to @max, @text NULL: @ret stays; -EINVAL with @why */
int web_number_parse(const char *text, int64_t max, int64_t *ret, struct problem *why);

/* --- the hub (clearance_web_hub.c) ------------------------------------------------------ */

struct feed_face {
	/* one event of the stream: its name and its JSON, one line each */
	void (*tell)(const char *event, const char *data, void *user);
	/* is there no room for more? then nothing is read until feed_resume() */
	bool (*full)(void *user);
};

/* The hub's events for one stream; embedded in it. */
struct feed {
	struct loop *loop;
	const char *path;
	const struct feed_face *face;
	void *user;
	/* below: clearance_web_hub.c's */
	struct terok_client *client;
	struct source source;
	struct timer again;
	struct json json;
	unsigned tries;
	bool closed, listed, ready;
	int64_t lost;
};

/** feed_start() - connect, now or as soon as there is a hub; fill loop, path, face, user first */
void feed_start(struct feed *feed);

/** feed_resume() - there is room again */
void feed_resume(struct feed *feed);
void feed_stop(struct feed *feed);

/* One call to the hub: NULL until it is done, or forgotten by ask_free(). */
struct ask;

/**
 * ask_fn - what became of it, once, from the loop; the ask may be freed in it
 * @status: of HTTP; @text: JSON, lives until the ask is freed
 */
typedef void (*ask_fn)(unsigned status, const char *text, void *user);

/** ask_new() - a call that has not been made; NULL: no memory */
struct ask *ask_new(struct loop *loop, const char *path, ask_fn done, void *user);
void ask_free(struct ask *ask);

/**
 * ask_answer() - make it an answer to each of @answer's requests
 *
 * All of these: what cannot be asked is told through done() as well, not from within the call.
 */
void ask_answer(struct ask *ask, const struct web_answer *answer);

/** ask_guards(), ask_grants(), ask_history(), ask_revoke() - the others */
void ask_guards(struct ask *ask);
void ask_grants(struct ask *ask);
void ask_history(struct ask *ask, int64_t after, int64_t limit);
void ask_revoke(struct ask *ask, const char *grant);

/* --- what it gives up (clearance_web_confine.c) ------------------------------------------ */

#define WEB_FILES 2 /* the socket, the link's file */

/**
 * web_confine() - from now on no file is opened and no program started
 * @files: @n paths, at most WEB_FILES, that may still be removed, and with them what is beside them
 *
 * Return: 0; negative errno: then it must not go on.
 */
int web_confine(const char *const *files, unsigned n);

/* --- HTTP (clearance_web_http.c) --------------------------------------------------------- */

struct web;

/**
 * web_new() - serve at @fd, a listening socket, which is ours from now on, also on failure
 * @door: borrowed; @hub: path of the hub's socket, borrowed
 *
 * Return: 0 or negative errno.
 */
int web_new(struct loop *loop, int fd, struct door *door, const char *hub, struct web **ret);
void web_free(struct web *web);

#endif
