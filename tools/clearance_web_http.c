// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_http.c - libmicrohttpd on our loop: connections, deadlines, checks
 *
 * A request is looked at when its head is there, before a byte of its body is taken: host,
 * path, whose page it is from, session, size. Whoever sends or reads too slowly, or says
 * nothing, is shut out by a deadline per connection.
 */
#include "clearance_web_http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define CONNECTIONS 64 /* a browser opens six */
#define CONN_MEMORY                                                                                \
	(32 << 10) /* bytes of a request's head: cookies of all ports of localhost come along */

/* --- deadlines -------------------------------------------------------------------------- */

static int on_watch(struct timer *timer);

static void watch_arm(struct web *web)
{
	uint64_t first = 0;

	for (struct peer *peer = web->peers; peer; peer = peer->next)
		if (peer->until_ns && (!first || peer->until_ns < first))
			first = peer->until_ns;
	if (first)
		timer_arm(web->loop, &web->watch, first, on_watch);
	else
		timer_disarm(&web->watch);
}

void peer_owes(struct web *web, struct peer *peer, uint64_t ns)
{
	peer->until_ns = ns ? now_boot_ns() + ns : 0;
	/* later than all others, or none: the timer may fire for nothing */
	if (ns && (!web->watch.loop || web->watch.at_ns > peer->until_ns))
		timer_arm(web->loop, &web->watch, peer->until_ns, on_watch);
}

static int on_watch(struct timer *timer)
{
	struct web *web = container_of(timer, struct web, watch);
	uint64_t now = now_boot_ns();

	for (struct peer *peer = web->peers; peer; peer = peer->next) {
		const union MHD_ConnectionInfo *is;

		if (!peer->until_ns || peer->until_ns > now)
			continue;
		peer->until_ns = 0;
		is = MHD_get_connection_info(peer->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (is)
			shutdown(is->connect_fd, SHUT_RDWR);
	}
	watch_arm(web);
	return 0;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct peer *peer = *context;
	struct web *web = cls;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!peer)
			return;
		*peer->slot = peer->next;
		if (peer->next)
			peer->next->slot = peer->slot;
		free(peer);
		*context = NULL;
		return;
	}
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return;
	peer->connection = connection;
	peer->next = web->peers;
	peer->slot = &web->peers;
	if (peer->next)
		peer->next->slot = &peer->next;
	web->peers = peer;
	*context = peer;
	peer_owes(web, peer, WEB_HEAD_NS);
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *is =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return is ? is->socket_context : NULL;
}

/* --- requests --------------------------------------------------------------------------- */

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key,
				 const char *value)
{
	static const char *const names[HEAD_MAX_] = {
		[HEAD_HOST] = "Host",
		[HEAD_ORIGIN] = "Origin",
		[HEAD_SITE] = "Sec-Fetch-Site",
		[HEAD_COOKIE] = "Cookie",
		[HEAD_PAGE] = "X-Terok-Page",
		[HEAD_TYPE] = "Content-Type",
		[HEAD_LENGTH] = "Content-Length",
	};
	struct request *request = cls;

	(void)kind;
	for (int i = 0; i < HEAD_MAX_; i++) {
		if (strcasecmp(key, names[i]))
			continue;
		request->twice |= request->head[i] != NULL;
		request->head[i] = value ?: "";
	}
	return MHD_YES;
}

/* Is it from a page of ours, and from somebody who is logged in? YES: nothing was refused. */
static enum MHD_Result check_from(struct request *request, bool *refused)
{
	const char *const *head = request->head;
	const struct door_session *session;
	bool changes = web_route_changes(request->route);

	*refused = true;
	if (!door_site(head[HEAD_SITE]) ||
	    ((changes || head[HEAD_ORIGIN]) && !door_origin(head[HEAD_ORIGIN], head[HEAD_HOST])))
		return refuse(request, MHD_HTTP_FORBIDDEN, "WrongOrigin",
			      "this call is not from a page of ours");
	if (changes && (!head[HEAD_TYPE] || strcasecmp(head[HEAD_TYPE], "application/json")))
		return refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "WrongType",
			      "Content-Type is application/json");
	*refused = false;
	if (request->route == ROUTE_LOGIN)
		return MHD_YES;
	*refused = true;
	session = door_session(request->web->door, head[HEAD_COOKIE], now_boot_ns());
	if (!session)
		return refuse(request, MHD_HTTP_UNAUTHORIZED, "NotLoggedIn",
			      "log in with a new link");
	if (!door_page(session, head[HEAD_PAGE]))
		return refuse(request, MHD_HTTP_FORBIDDEN, "WrongPage",
			      "X-Terok-Page is not what the login gave");
	request->session = session->number;
	*refused = false;
	return MHD_YES;
}

/* When the head is there. *refused: the result is that of a response. */
static enum MHD_Result check(struct request *request, const char *method, const char *path,
			     bool *refused)
{
	const char *length, *allow;

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_header, request);
	*refused = true;
	if (request->twice)
		return refuse(request, MHD_HTTP_BAD_REQUEST, "Invalid", "a header came twice");
	if (!door_host(request->head[HEAD_HOST]))
		return refuse(request, MHD_HTTP_MISDIRECTED_REQUEST, "WrongHost",
			      "this page is localhost, 127.0.0.1 or [::1], and no other name");
	request->route = web_route_find(method, path, &request->asset, &allow);
	if (!request->route && allow)
		return respond_json(
		    request, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "{\"error\":\"WrongMethod\",\"problem\":\"not with that method\"}",
		    MHD_HTTP_HEADER_ALLOW, allow);
	if (!request->route)
		return refuse(request, MHD_HTTP_NOT_FOUND, "NotFound", "there is nothing");
	length = request->head[HEAD_LENGTH];
	if (length &&
	    strtoull(length, NULL, 10) > (web_route_changes(request->route) ? WEB_BODY_MAX : 0))
		return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "TooLarge",
			      "more than a call has to say");
	*refused = false;
	return request->route == ROUTE_ASSET ? MHD_YES : check_from(request, refused);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct request *request = *context;
	struct web *web = cls;
	bool refused;

	(void)version;
	if (!request) {
		request = calloc(1, sizeof(*request));
		if (!request)
			return MHD_NO;
		request->web = web;
		request->connection = connection;
		request->peer = peer_of(connection);
		*context = request;
		if (request->peer)
			peer_owes(web, request->peer, WEB_HEAD_NS);
		return check(request, method, path, &refused);
	}
	if (!*upload_size)
		return request_run(request);
	if (*upload_size > WEB_BODY_MAX - request->n) /* it had not said so: shut */
		return MHD_NO;
	memcpy(request->body + request->n, upload, *upload_size);
	request->n += *upload_size;
	*upload_size = 0;
	return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode how)
{
	struct request *request = *context;
	struct web *web = cls;

	(void)connection;
	(void)how;
	if (!request)
		return;
	if (request->peer) {
		request->peer->request = NULL;
		peer_owes(web, request->peer, WEB_IDLE_NS);
	}
	stream_free(request->stream);
	ask_free(request->ask);
	free(request);
	*context = NULL;
}

/* --- the library on our loop ------------------------------------------------------------- */

static int on_again(struct timer *timer);

static void web_run(struct web *web)
{
	MHD_UNSIGNED_LONG_LONG ms;

	web->running = true;
	web->woken = false;
	MHD_run(web->daemon);
	web->running = false;
	if (web->woken)
		timer_arm(web->loop, &web->again, 0, on_again);
	else if (MHD_get_timeout(web->daemon, &ms) == MHD_YES)
		timer_arm(web->loop, &web->again, now_boot_ns() + ms * 1000000, on_again);
	else
		timer_disarm(&web->again);
}

/* Nothing wakes the library by itself for that: it runs where we call it. */
void web_resume(struct web *web, struct MHD_Connection *connection)
{
	web->woken = true;
	MHD_resume_connection(connection);
	if (!web->running)
		timer_arm(web->loop, &web->again, 0, on_again);
}

static int on_again(struct timer *timer)
{
	web_run(container_of(timer, struct web, again));
	return 0;
}

static int on_ready(struct source *source, uint32_t events)
{
	(void)events;
	web_run(container_of(source, struct web, source));
	return 0;
}

static void on_log(void *cls, const char *format, va_list args)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug(0, "%s", text);
}

static int on_beat(struct timer *timer)
{
	struct web *web = container_of(timer, struct web, beat);

	streams_check(web);
	timer_arm(web->loop, &web->beat, now_boot_ns() + WEB_BEAT_NS, on_beat);
	return 0;
}

static int daemon_start(struct web *web, int fd)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	const union MHD_DaemonInfo *is;

	web->daemon = MHD_start_daemon(
	    flags, 0, NULL, NULL, on_request, web, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, web, MHD_OPTION_NOTIFY_CONNECTION,
	    on_connection, web, MHD_OPTION_END);
	if (!web->daemon) {
		close(fd);
		return -EIO;
	}
	is = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!is)
		return -EIO;
	return source_add(web->loop, &web->source, is->epoll_fd, EPOLLIN, on_ready);
}

int web_new(struct loop *loop, int fd, struct door *door, const char *hub, struct web **ret)
{
	struct web *web = calloc(1, sizeof(*web));
	int r;

	if (!web) {
		close(fd);
		return -ENOMEM;
	}
	web->loop = loop;
	web->door = door;
	web->hub = hub;
	r = daemon_start(web, fd);
	if (r) {
		web_free(web);
		return r;
	}
	timer_arm(loop, &web->beat, now_boot_ns() + WEB_BEAT_NS, on_beat);
	timer_arm(loop, &web->again, 0, on_again); /* who is there already waits for the loop */
	*ret = web;
	return 0;
}

/* The library ends with nobody suspended only; who waits for the hub is told so. */
void web_free(struct web *web)
{
	if (!web)
		return;
	web->closing = true;
	streams_check(web);
	for (struct peer *peer = web->peers; peer; peer = peer->next)
		if (peer->request)
			request_wake(peer->request);
	source_del(&web->source); /* before its descriptor is closed */
	if (web->daemon) {
		MHD_run(web->daemon);
		MHD_stop_daemon(web->daemon);
	}
	timer_disarm(&web->again);
	timer_disarm(&web->watch);
	timer_disarm(&web->beat);
	free(web);
}
