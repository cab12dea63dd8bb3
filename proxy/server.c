// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "forward.h"
#include "known.h"
#include "refresh.h"
#include "complaints.h"
#include "route.h"
#include "service/doors.h"
#include "websocket.h"

#define TOKEN_MAX    512                /* bytes of a token as a client shows it; longer is none */
#define COUNTERS_MAX 256                /* providers that are counted; others are counted as one */
#define BETA         "oauth-2025-04-20" /* what clients of before were shown without being told */

/* Routes as they were at a time: requests of that time still use them. */
struct table {
	struct routes *routes;
	unsigned uses;
};

struct counter {
	char provider[STORE_NAME_SIZE];
	uint64_t requests, refused, failed;
};

struct exchange {
	struct exchange *next, **slot;
	struct server *server;
	struct http_request *request;
	struct forward *forward;
	struct websocket *websocket;
	struct table *table;
	struct token token; /* text is not kept */
	char *path, method[33];
	const struct route *route;
	struct route_header beta; /* in place of a route's oauth_extra_headers */
	uint64_t began_ns;
	unsigned status;
	const char *outcome;
	uint64_t used;    /* what the secret was that went with it, as mark_of() has it */
	bool told, waits; /* for a refresh */
	bool again;       /* there is a newer one already */
};

struct server {
	struct loop *loop;
	struct server_options options;
	struct http *http;
	struct upstream *upstream;
	struct forwards *forwards;
	struct known *known;
	struct refresh *refresh;
	struct audit *audit; /* NULL: nothing is noted */
	struct complaints *complaints;
	struct table *table;
	struct timer again;    /* who is to be sent again is */
	struct source changes; /* inotify, of the folder of routes */
	struct after round;    /* in which it was looked for changes */
	int inotify;
	struct exchange *exchanges;
	struct counter counter[COUNTERS_MAX];
	unsigned n_counters;
	bool ending, looked;
	bool other_key; /* which is said once, however many lines containers have had */
};

/* --- routes --------------------------------------------------------------------------- */

static void table_put(struct table *table)
{
	if (!table || --table->uses)
		return;
	routes_free(table->routes);
	free(table);
}

static int table_load(struct server *server, struct problem *why)
{
	struct table *table = calloc(1, sizeof(*table));
	int r = table ? routes_load(server->options.routes, &table->routes, why)
		      : problem(why, -ENOMEM, "no memory for routes");

	if (r) {
		free(table);
		return r;
	}
	table->uses = 1;
	table_put(server->table);
	server->table = table;
	return 0;
}

static void changes_take(struct server *server)
{
	const char *slash = strrchr(server->options.routes, '/');
	const char *name = slash ? slash + 1 : server->options.routes;
	char buf[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
	ssize_t n = read(server->inotify, buf, sizeof(buf));
	bool ours = false;
	struct problem why;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (void *)(buf + at);

		ours |= event->mask & IN_Q_OVERFLOW || (event->len && !strcmp(event->name, name));
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (!ours)
		return;
	if (table_load(server, &why))
		log_warn(0, "routes stay as they were: %s", why.text);
	else
		log_info("%u routes, anew", routes_count(server->table->routes));
}

static int on_changes(struct source *source, uint32_t events)
{
	(void)events;
	changes_take(container_of(source, struct server, changes));
	return 0;
}

static void on_round(struct after *after)
{
	container_of(after, struct server, round)->looked = false;
}

/* In what a round finds, a request may stand before the change of routes that it came after. */
static void changes_look(struct server *server)
{
	if (!server->looked)
		changes_take(server);
	server->looked = true;
	loop_after(server->loop, &server->round, on_round);
}

static int changes_watch(struct server *server, struct problem *why)
{
	_cleanup_free_ char *folder = strdup(server->options.routes);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return problem(why, -ENOMEM, "no memory for routes");
	if (slash)
		slash[slash == folder] = '\0';
	server->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (server->inotify < 0 || inotify_add_watch(server->inotify, slash ? folder : ".",
						     IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
		return problem(why, -errno, "watch the folder of %.160s: %s",
			       server->options.routes, strerror(errno));
	return source_add(server->loop, &server->changes, server->inotify, EPOLLIN, on_changes);
}

static const struct routes *routes_now(void *user)
{
	return ((struct server *)user)->table->routes;
}

/* --- counters and audit --------------------------------------------------------------- */

static struct counter *counter_of(struct server *server, const char *provider)
{
	struct counter *counter = server->counter;

	for (unsigned i = 0; i < server->n_counters; i++, counter++)
		if (!strcmp(counter->provider, provider))
			return counter;
	if (server->n_counters == COUNTERS_MAX)
		return counter - 1;
	server->n_counters++;
	snprintf(counter->provider, sizeof(counter->provider), "%s", provider);
	return counter;
}

static void reply_counters(struct server *server, struct http_request *request)
{
	static const struct http_header type = { "Content-Type", "application/json" };
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	for (unsigned i = 0; i < server->n_counters; i++) {
		const struct counter *counter = &server->counter[i];

		json_open_object(&json, *counter->provider ? counter->provider : "-");
		json_add_uint(&json, "requests", counter->requests);
		json_add_uint(&json, "refused", counter->refused);
		json_add_uint(&json, "failed", counter->failed);
		json_close_object(&json);
	}
	json_close_object(&json);
	text = json_done(&json) ?: "{}";
	http_reply(request, 200, &type, 1, text, strlen(text));
}

static void note(struct exchange *x)
{
	struct server *server = x->server;
	struct counter *counter = counter_of(server, x->token.provider);
	const struct audit_request line = {
		.token = *x->token.project ? &x->token : NULL,
		.method = x->method,
		.path = x->path,
		.status = x->status,
		.outcome = x->outcome,
		.took_ns = now_boot_ns() - x->began_ns,
	};

	counter->requests++;
	counter->refused += x->status == 401 || x->status == 403 || x->status == 429;
	counter->failed += x->status == 502 || x->status == 503;
	audit_request(server->audit, &line);
}

/* --- replies of our own --------------------------------------------------------------- */

/* A line of the log, if who asks has one left. */
static void complain(struct exchange *x, const char *text)
{
	const struct server *server = x->server;
	const struct door_owner *door = http_owner(x->request);
	const char *from = door && (const void *)door != server ? door->name : "";
	char path[160], method[24], name[DOOR_CONTAINER];

	if (complaints_may(server->complaints, from, x->began_ns))
		log_warn(0, "%s%s%s %.*s: %s", log_safe(name, sizeof(name), from),
			 *from ? ": " : "", log_safe(method, sizeof(method), x->method),
			 (int)strcspn(x->path, "?"), log_safe(path, sizeof(path), x->path), text);
}

static void refuse(struct exchange *x, unsigned status, const char *outcome, const char *text)
{
	static const struct http_header plain[] = { { "Content-Type",
						      "text/plain; charset=utf-8" } };
	char line[STORE_NAME_SIZE + 64];

	x->status = status;
	x->outcome = outcome;
	snprintf(line, sizeof(line), "%u %s", status, text);
	complain(x, line);
	http_reply(x->request, status, plain, 1, text, strlen(text));
}

static void on_known(void *user, unsigned status, const char *outcome)
{
	struct exchange *x = user;

	x->status = status;
	x->outcome = outcome ?: "ok";
	x->told = true;
}

/* --- who may -------------------------------------------------------------------------- */

/* What a client shows: the first of three headers that is not empty, without a scheme before it. */
static size_t shown(struct http_request *request, const char **ret)
{
	static const char *const names[] = { "authorization", "x-api-key", "private-token" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = http_header(request, names[i], 0), *blank;

		if (!value || !*value)
			continue;
		blank = value + strcspn(value, " \t");
		*ret = *blank ? blank + strspn(blank, " \t") : value;
		return strlen(*ret);
	}
	return 0;
}

/* What comes in by a container's door is of its project; a token may name it by id or name. */
static bool is_from(const struct server *server, const struct token *token, void *owner)
{
	const struct door_owner *door = owner;

	if (!door || owner == server)
		return token_is_for(token, "");
	return !strcmp(door->project, token->project) &&
	       (token_is_for(token, door->container) || token_is_for(token, door->name));
}

static const struct token *token_for(struct exchange *x)
{
	const struct token *token;
	const char *text;
	struct problem why = {};
	size_t n = shown(x->request, &text);
	int r;

	if (!n)
		return refuse(x, 401, "missing_token", "Missing authentication"), NULL;
	r = n < TOKEN_MAX ? known_token(x->server->known, text, n, &token, &why) : -ENOENT;
	if (r && r != -ENOENT && r != -EKEYEXPIRED) {
		complain(x, why.text);
		return refuse(x, 503, "store_error", "Credential store is not available"), NULL;
	}
	if (!r) {
		x->token = *token;
		explicit_bzero(x->token.text, sizeof(x->token.text));
	}
	if (r || !is_from(x->server, token, http_owner(x->request)))
		return refuse(x, 401, "invalid_token", "Invalid token"), NULL;
	return token;
}

static const struct credential_use *credential_for(struct exchange *x)
{
	const struct credential_use *use;
	struct problem why = {};
	int r = known_credential(x->server->known, x->token.set, x->token.provider, &use, &why);

	if (!r)
		return use;
	if (r == -ENOENT)
		refuse(x, 502, "credential_missing", "Credential not configured for this provider");
	else if (r == -EINVAL)
		refuse(x, 502, "credential_misconfigured", "Credential misconfigured");
	else if (r == -EKEYREJECTED) {
		/* we gave up the files that the new one could be in */
		if (!store_locked(x->server->options.store, STORE_HTTP) && !x->server->other_key) {
			x->server->other_key = true;
			log_warn(0, "the store has another key than we began with; try: "
				    "terok-proxy stop; terok-proxy start");
		}
		refuse(x, 503, "store_locked", "Credential store is locked");
	} else {
		complain(x, why.text);
		refuse(x, 503, "store_error", "Credential store is not available");
	}
	return NULL;
}

/* For who has headers in an environment, as CGI does, these two are one. */
static bool is_same(const char *name, const char *one)
{
	while (*name && (tolower((unsigned char)*name) == tolower((unsigned char)*one) ||
			 (*name == '_' && *one == '-')))
		name++, one++;
	return !*name && !*one;
}

static int other(const char *name, const char *value, void *user)
{
	static const char *const names[] = { "X-HTTP-Method-Override", "X-HTTP-Method",
					     "X-Method-Override",      "X-Original-URL",
					     "X-Rewrite-URL",          NULL };

	(void)value, (void)user;
	for (const char *const *one = names; *one; one++)
		if (is_same(name, *one))
			return 1;
	return 0;
}

/* Some upstreams take a method or a path from a header, and not from the first line. */
static bool says_other(struct http_request *request)
{
	return http_headers(request, other, NULL);
}

static bool allowed(struct exchange *x, const struct token *token)
{
	struct problem why = {};

	if (((*token->methods || *token->paths) && says_other(x->request)) ||
	    token_allows(token, x->method, x->path, &why)) {
		refuse(x, 403, "not_allowed", "Not allowed by this token");
		return false;
	}
	return true;
}

/* --- the secret ----------------------------------------------------------------------- */

static struct forward_secret secret_of(const struct route *route, const struct credential_use *use)
{
	bool oauth = use->kind == CREDENTIAL_OAUTH;

	return (struct forward_secret){ .header = oauth ? "Authorization" : route->header,
					.prefix = oauth ? "Bearer " : route->prefix,
					.value = use->value->bytes,
					.n = use->value->len };
}

/* Of OAuth's requests: what the route says, else what was said before there were such routes. */
static void extra_of(struct exchange *x, const struct credential_use *use,
		     struct forward_want *want)
{
	bool claude = !strcmp(x->route->provider, "claude");

	if (use->kind != CREDENTIAL_OAUTH)
		return;
	want->extra = x->route->extra;
	want->n_extra = x->route->n_extra;
	if (want->n_extra || (!*use->beta && !claude))
		return;
	x->beta = (struct route_header){ "anthropic-beta", strdup(*use->beta ? use->beta : BETA) };
	want->extra = &x->beta;
	want->n_extra = x->beta.value ? 1 : 0;
}

/* Enough to see whether two secrets are the same one. */
static uint64_t mark_of(const struct credential_use *use)
{
	uint64_t mark = 14695981039346656037u;

	for (size_t i = 0; i < use->value->len; i++)
		mark = (mark ^ (unsigned char)use->value->bytes[i]) * 1099511628211u;
	return mark;
}

static void refreshed(struct exchange *x, int r)
{
	const struct credential_use *use;
	struct forward_secret secret;

	x->waits = false;
	r = r ?: known_credential(x->server->known, x->token.set, x->token.provider, &use, NULL);
	if (!r) {
		secret = secret_of(x->route, use);
		r = forward_again(x->forward, &secret);
	}
	if (r)
		forward_go_on(x->forward);
}

static int on_again(struct timer *timer)
{
	struct server *server = container_of(timer, struct server, again);

	for (struct exchange *x = server->exchanges, *next; x; x = next) {
		next = x->next;
		if (x->again) {
			x->again = false;
			refreshed(x, 0);
		}
	}
	return 0;
}

/* An upstream does not take it any more: perhaps there is a newer one, or soon. */
static int on_refused(void *user)
{
	struct exchange *x = user;
	struct server *server = x->server;
	const struct credential_use *use;

	if (!known_credential(server->known, x->token.set, x->token.provider, &use, NULL) &&
	    mark_of(use) != x->used) {
		x->again = true;
		timer_arm(server->loop, &server->again, 0, on_again);
		return 1;
	}
	x->waits = !refresh_now(server->refresh, x->token.set, x->token.provider);
	return x->waits;
}

static void on_refreshed(void *user, const char *set, const char *provider, int r)
{
	struct server *server = user;

	known_forget(server->known);
	for (struct exchange *x = server->exchanges, *next; x; x = next) {
		next = x->next;
		if (x->waits && !strcmp(x->token.set, set) && !strcmp(x->token.provider, provider))
			refreshed(x, r);
	}
}

/* --- requests ------------------------------------------------------------------------- */

static void send_on(struct exchange *x, const struct credential_use *use)
{
	struct forward_want want = { .place = route_place(x->route, x->path),
				     .secret = secret_of(x->route, use),
				     .drop = x->route->header,
				     .stays = *x->token.paths,
				     .refused = on_refused,
				     .known = on_known,
				     .user = x };
	int r;

	if (use->kind != CREDENTIAL_OAUTH || !use->refresh || !x->route->token_url)
		want.refused = NULL;
	extra_of(x, use, &want);
	x->used = want.refused ? mark_of(use) : 0;
	if (websocket_wanted(x->request))
		r = websocket_start(x->server->upstream, x->request, &want, &x->websocket);
	else
		r = forward_start(x->server->forwards, x->request, &want, &x->forward);
	if (r)
		refuse(x, 502, "upstream_error", "Upstream request failed");
}

static void serve(struct exchange *x)
{
	const struct credential_use *use;
	const struct token *token = token_for(x);
	char text[STORE_NAME_SIZE + 32];
	struct problem why = {};
	int r;

	if (!token)
		return;
	x->table = x->server->table;
	x->table->uses++;
	x->route = routes_find(x->table->routes, token->provider);
	if (!x->route) {
		snprintf(text, sizeof(text), "No route for provider: %s", token->provider);
		return refuse(x, 404, "no_route", text);
	}
	if (!allowed(x, token))
		return;
	use = credential_for(x);
	if (!use)
		return;
	r = known_spend(x->server->known, token, &why);
	if (r == -EDQUOT)
		return refuse(x, 429, "budget_spent", "The token's requests are spent");
	if (r)
		return refuse(x, 401, "invalid_token", "Invalid token");
	send_on(x, use);
}

static bool is_ours(struct server *server, struct http_request *request)
{
	static const struct http_header type = { "Content-Type",
						 "application/json; charset=utf-8" };
	static const char health[] = "{\"status\": \"ok\"}";

	if (strcmp(http_method(request), "GET") != 0)
		return false;
	if (!strcmp(http_target(request), "/-/health"))
		http_reply(request, 200, &type, 1, health, sizeof(health) - 1);
	else if (!strcmp(http_target(request), "/-/counters") && http_owner(request) == server)
		reply_counters(server, request);
	else
		return false;
	return true;
}

/*
 * Upstreams that know TRACE say back what they were sent, and the secret is of that; those that know
 * CONNECT take all that follows for somebody else's, and their connection is one of our pool.
 */
static bool is_unfit(const char *method)
{
	return !strcasecmp(method, "TRACE") || !strcasecmp(method, "TRACK") ||
	       !strcasecmp(method, "CONNECT");
}

static void on_head(struct http_request *request, void *user)
{
	static const char bad[] = "Bad request";
	struct server *server = user;
	const char *target = http_target(request);
	struct exchange *x;

	if (is_ours(server, request))
		return;
	changes_look(server);
	x = calloc(1, sizeof(*x));
	if (x)
		x->path = strdup(target);
	if (!x || !x->path) {
		free(x);
		return http_abort(request);
	}
	snprintf(x->method, sizeof(x->method), "%s", http_method(request));
	x->server = server;
	x->request = request;
	x->began_ns = now_boot_ns();
	x->outcome = "client_gone";
	x->next = server->exchanges;
	x->slot = &server->exchanges;
	if (x->next)
		x->next->slot = &x->next;
	server->exchanges = x;
	http_set(request, x);
	/* a target with a host of its own, or a tunnel to one, is no request to an upstream of ours */
	if (*target != '/' && (strcmp(target, "*") || strcmp(x->method, "OPTIONS")))
		return refuse(x, 400, "bad_request", bad);
	/* libcurl makes a PUT of it; and it means nothing (RFC 9110, 9.3.2) */
	if (!strcmp(x->method, "HEAD") && http_length(request))
		return refuse(x, 400, "bad_request", bad);
	if (is_unfit(x->method))
		return refuse(x, 405, "bad_request", "Method not allowed");
	if (server->ending)
		return refuse(x, 503, "ending", "The proxy ends");
	serve(x);
}

static size_t on_body(struct http_request *request, const char *bytes, size_t n)
{
	struct exchange *x = http_get(request);

	if (x && x->forward)
		return forward_body(x->forward, bytes, n);
	return x && x->websocket ? websocket_body(x->websocket, bytes, n) : n;
}

static ssize_t on_fill(struct http_request *request, char *bytes, size_t size)
{
	struct exchange *x = http_get(request);

	if (x->forward)
		return forward_fill(x->forward, bytes, size);
	return x->websocket ? websocket_fill(x->websocket, bytes, size) : HTTP_ABORT;
}

static void on_over(struct http_request *request, bool whole)
{
	struct exchange *x = http_get(request);
	struct server *server;

	if (!x)
		return;
	server = x->server;
	if (!whole && x->told && !strcmp(x->outcome, "ok"))
		x->outcome = "cut";
	note(x);
	forward_free(x->forward);
	websocket_free(x->websocket);
	table_put(x->table);
	*x->slot = x->next;
	if (x->next)
		x->next->slot = x->slot;
	free(x->beta.value);
	free(x->path);
	free(x);
	if (server->ending && !server->exchanges)
		loop_stop(server->loop);
}

static const struct http_use use = {
	.head = on_head,
	.body = on_body,
	.fill = on_fill,
	.over = on_over,
};

/* --- its life ------------------------------------------------------------------------- */

struct http *server_http(struct server *server)
{
	return server->http;
}

void *server_mine(struct server *server)
{
	return server;
}

void server_end(struct server *server)
{
	server->ending = true;
	http_close(server->http);
	if (!server->exchanges)
		loop_stop(server->loop);
}

static int parts_new(struct server *server, struct problem *why)
{
	const struct refresh_use refreshes = { routes_now, on_refreshed, server };
	const struct server_options *options = &server->options;
	int r = table_load(server, why);

	r = r ?: changes_watch(server, why);
	r = r ?: upstream_new(server->loop, options->ca_file, &server->upstream, why);
	if (r)
		return r;
	upstream_limit(server->upstream, options->limits.idle_ns);
	r = known_new(options->store, &server->known);
	r = r ?: complaints_new(server->loop, &server->complaints);
	if (!r && options->audit)
		r = audit_new(server->loop, options->audit, &server->audit);
	r = r ?: http_new(server->loop, &options->limits, &use, server, &server->http);
	r = r ?: forwards_new(server->upstream, options->ca_file, server->http, &server->forwards);
	r = r
		?: refresh_new(server->loop, server->upstream, options->store, options->locks,
			       &refreshes, &server->refresh);
	return r ? problem(why, r, "cannot begin to serve: %s", strerror(-r)) : 0;
}

int server_new(struct loop *loop, const struct server_options *options, struct server **ret,
	       struct problem *why)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return problem(why, -ENOMEM, "no memory for a server");
	server->loop = loop;
	server->options = *options;
	server->inotify = -1;
	r = parts_new(server, why);
	if (r) {
		server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	server->ending = false; /* the loop is over */
	http_free(server->http);
	refresh_free(server->refresh);
	forwards_free(server->forwards);
	upstream_free(server->upstream);
	known_free(server->known);
	audit_free(server->audit);
	complaints_free(server->complaints);
	timer_disarm(&server->again);
	after_cancel(&server->round);
	source_del(&server->changes);
	closep(&server->inotify);
	table_put(server->table);
	free(server);
}
