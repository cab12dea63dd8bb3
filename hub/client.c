// SPDX-License-Identifier: Apache-2.0
/*
 * client.c - libclearance (terok/clearance.h): two connections behind one descriptor
 *
 * The stream carries Monitor's replies for ever, the other connection everything that is
 * answered once, in order. Nothing blocks after terok_client_open(). A hub that breaks the
 * protocol is closed; text from it is made printable although a hub sends nothing else.
 */
#include "terok/clearance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/sock.h"

#define FIREWALL  "org.terok.Firewall1"
#define IN_MAX    (16 << 20) /* bytes of one reply: a listing of every guard there can be */
#define BITE      (64 << 10)
#define CALLS_MAX 256 /* on their way; a client that needs more asks too fast */

enum conn_kind { CONN_STREAM, CONN_CALLS, CONN_MAX_ };
enum call_kind { CALL_ANSWER, CALL_GUARDS, CALL_HISTORY, CALL_GRANTS, CALL_REVOKE };

struct conn {
	int fd;
	char *in;
	size_t n, size;
	struct json out;
	size_t sent;
};

struct call {
	enum call_kind kind;
	uint64_t cookie;
};

struct terok_client {
	struct terok_client_events events;
	void *user;
	int epoll_fd;
	struct conn conn[CONN_MAX_];
	struct call calls[CALLS_MAX];
	unsigned head, n_calls;
	bool monitoring, subscribed, closed;
};

static int conn_open(struct terok_client *client, enum conn_kind kind, const char *path)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = kind };
	struct conn *conn = &client->conn[kind];

	conn->fd = sock_connect(path);
	if (conn->fd < 0)
		return conn->fd;
	return epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, conn->fd, &ev) ? -errno : 0;
}

int terok_client_open(const char *path, const struct terok_client_events *events, void *user,
		      struct terok_client **ret)
{
	struct terok_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->events = *events;
	client->user = user;
	client->conn[CONN_STREAM].fd = client->conn[CONN_CALLS].fd = -1;
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = client->epoll_fd < 0 ? -errno : 0;
	for (int i = 0; !r && i < CONN_MAX_; i++)
		r = conn_open(client, i, path ? path : TEROK_CLEARANCE_SOCKET);
	if (r) {
		terok_client_close(client);
		return r;
	}
	*ret = client;
	return 0;
}

void terok_client_close(struct terok_client *client)
{
	if (!client)
		return;
	for (int i = 0; i < CONN_MAX_; i++) {
		closep(&client->conn[i].fd);
		json_free(&client->conn[i].out);
		free(client->conn[i].in);
	}
	closep(&client->epoll_fd);
	free(client);
}

int terok_client_fd(const struct terok_client *client)
{
	return client->epoll_fd;
}

/* The end of it: told once. */
static int client_fail(struct terok_client *client, int error)
{
	if (client->closed)
		return error;
	client->closed = true;
	for (int i = 0; i < CONN_MAX_; i++)
		closep(&client->conn[i].fd);
	if (client->events.closed)
		client->events.closed(error == -EPIPE ? 0 : error, client->user);
	return error;
}

static int conn_flush(struct terok_client *client, enum conn_kind kind)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = kind };
	struct conn *conn = &client->conn[kind];

	while (conn->sent < conn->out.n) {
		ssize_t n = send(conn->fd, conn->out.text + conn->sent, conn->out.n - conn->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			break;
		conn->sent += n;
	}
	if (conn->sent == conn->out.n) {
		json_reset(&conn->out);
		conn->sent = 0;
	} else {
		ev.events |= EPOLLOUT;
	}
	return epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, conn->fd, &ev) ? -errno : 0;
}

/* @frame: a finished call, its NUL not included. */
static int conn_send(struct terok_client *client, enum conn_kind kind, struct json *frame)
{
	struct conn *conn = &client->conn[kind];

	if (client->closed)
		return -ENOTCONN;
	if (!json_done(frame))
		return -ENOMEM;
	conn->out.comma = false;
	json_add_raw(&conn->out, NULL, frame->text, frame->n + 1);
	if (conn->out.error)
		return -ENOBUFS;
	return conn_flush(client, kind);
}

static const char *make_printable(char *text)
{
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = ' ';
	return text;
}

/* An object as it came, but printable: what is not can only be inside its strings. */
static const char *json_of(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(
	    object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	return text ? make_printable((char *)text) : "";
}

/* Text of a field: never NULL, printable; made so in place, the object is ours. */
static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = object ? json_object_object_get(object, key) : NULL;

	if (!value || json_object_get_type(value) != json_type_string)
		return "";
	return make_printable((char *)json_object_get_string(value));
}

static int64_t int_of(struct json_object *object, const char *key)
{
	return object ? json_object_get_int64(json_object_object_get(object, key)) : 0;
}

static void process_fill(struct terok_process *process, struct json_object *from)
{
	*process = (struct terok_process){
		.pid = int_of(from, "pid"),
		.thread = int_of(from, "thread"),
		.start_ns = int_of(from, "start_ns"),
		.uid = int_of(from, "uid"),
		.gid = int_of(from, "gid"),
		.parent_pid = int_of(from, "parent_pid"),
		.comm = text_of(from, "comm"),
		.exe = text_of(from, "exe"),
		.cmdline = text_of(from, "cmdline"),
		.exe_inode = text_of(from, "exe_inode"),
		.exe_device = text_of(from, "exe_device"),
		.parent_comm = text_of(from, "parent_comm"),
	};
}

static void parents_fill(struct terok_event *event, struct json_object *from)
{
	size_t n = json_object_get_type(from) == json_type_array ? json_object_array_length(from)
								 : 0;

	for (size_t i = 0; i < n && event->parents < TEROK_PARENTS; i++) {
		struct json_object *comm = json_object_array_get_idx(from, i);

		if (json_object_get_type(comm) == json_type_string)
			event->parent[event->parents++] =
			    make_printable((char *)json_object_get_string(comm));
	}
}

static void event_hand_over(struct terok_client *client, struct json_object *from, int64_t lost)
{
	struct terok_event event = {
		.sequence = int_of(from, "sequence"),
		.boot_ns = int_of(from, "boot_ns"),
		.wall_ns = int_of(from, "wall_ns"),
		.guard = int_of(from, "guard"),
		.port = int_of(from, "port"),
		.proto = int_of(from, "proto"),
		.source_port = int_of(from, "source_port"),
		.count = int_of(from, "count"),
		.until_ns = int_of(from, "until_ns"),
		.uid = int_of(from, "uid"),
		.type = text_of(from, "type"),
		.container = text_of(from, "container"),
		.name = text_of(from, "name"),
		.request_id = text_of(from, "request_id"),
		.dest = text_of(from, "dest"),
		.domain = text_of(from, "domain"),
		.reason = text_of(from, "reason"),
		.hook = text_of(from, "hook"),
		.said = text_of(from, "said"),
		.source = text_of(from, "source"),
		.socket_cookie = text_of(from, "socket_cookie"),
		.netns_cookie = text_of(from, "netns_cookie"),
		.cgroup = text_of(from, "cgroup"),
		.state = text_of(from, "state"),
		.action = text_of(from, "action"),
		.scope = text_of(from, "scope"),
		.problem = text_of(from, "problem"),
		.rule = text_of(from, "rule"),
		.client = text_of(from, "client"),
		.ok = json_object_get_boolean(json_object_object_get(from, "ok")),
	};
	struct json_object *process = json_object_object_get(from, "process");

	process_fill(&event.process,
		     json_object_get_type(process) == json_type_object ? process : NULL);
	parents_fill(&event, json_object_object_get(from, "parents"));
	event.json = json_of(from);
	if (client->events.event)
		client->events.event(&event, lost, client->user);
}

static int on_stream(struct terok_client *client, struct json_object *parameters)
{
	struct json_object *event;

	if (!parameters) /* an error in place of a stream */
		return -EPROTO;
	if (!client->subscribed) {
		client->subscribed = true;
		if (client->events.subscribed)
			client->events.subscribed(client->user);
	}
	if (!json_object_object_get_ex(parameters, "event", &event) || !event)
		return 0;
	if (json_object_get_type(event) != json_type_object)
		return -EPROTO;
	event_hand_over(client, event, int_of(parameters, "lost"));
	return 0;
}

static void guard_hand_over(struct terok_client *client, struct json_object *from)
{
	struct json_object *counters = json_object_object_get(from, "counters");
	struct terok_guard_status guard = {
		.guard = int_of(from, "guard"),
		.uid = int_of(from, "uid"),
		.container = text_of(from, "container"),
		.name = text_of(from, "name"),
		.cgroup = text_of(from, "cgroup"),
		.kind = text_of(from, "kind"),
		.state = text_of(from, "state"),
	};

	if (json_object_get_type(counters) != json_type_object)
		counters = NULL;
	guard.counters.attempts = int_of(counters, "attempts");
	guard.counters.allowed = int_of(counters, "allowed");
	guard.counters.refused = int_of(counters, "refused");
	guard.counters.delivered = int_of(counters, "delivered");
	guard.counters.limited = int_of(counters, "limited");
	guard.counters.lost = int_of(counters, "lost");
	guard.counters.dropped = int_of(counters, "dropped");
	guard.json = json_of(from);
	client->events.guard(&guard, client->user);
}

static int on_guards(struct terok_client *client, struct json_object *parameters)
{
	struct json_object *list = parameters ? json_object_object_get(parameters, "guards") : NULL;

	if (json_object_get_type(list) != json_type_array)
		return -EPROTO;
	if (!client->events.guard)
		return 0;
	for (size_t i = 0; !client->closed && i < json_object_array_length(list); i++) {
		struct json_object *guard = json_object_array_get_idx(list, i);

		if (json_object_get_type(guard) == json_type_object)
			guard_hand_over(client, guard);
	}
	client->events.guard(NULL, client->user);
	return 0;
}

/* Each object of a list in a reply, until somebody closes; NULL @each: nobody hears it. */
static int list_hand_over(struct terok_client *client, struct json_object *parameters,
			  const char *key, const char *problem,
			  void (*each)(struct terok_client *client, struct json_object *one),
			  bool *ret_more)
{
	struct json_object *list = parameters ? json_object_object_get(parameters, key) : NULL;

	if (problem)
		return 0;
	if (json_object_get_type(list) != json_type_array)
		return -EPROTO;
	for (size_t i = 0; each && !client->closed && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_get_type(one) == json_type_object)
			each(client, one);
	}
	*ret_more = json_object_get_boolean(json_object_object_get(parameters, "more"));
	return 0;
}

static void grant_hand_over(struct terok_client *client, struct json_object *from)
{
	struct terok_grant_status grant = {
		.guard = int_of(from, "guard"),
		.port = int_of(from, "port"),
		.proto = int_of(from, "proto"),
		.uid = int_of(from, "uid"),
		.until_ns = int_of(from, "until_ns"),
		.since_ns = int_of(from, "since_ns"),
		.grant = text_of(from, "grant"),
		.container = text_of(from, "container"),
		.name = text_of(from, "name"),
		.dest = text_of(from, "dest"),
		.action = text_of(from, "action"),
		.scope = text_of(from, "scope"),
	};

	grant.json = json_of(from);
	client->events.grant(&grant, false, NULL, client->user);
}

/* @problem: NULL, or why there is nothing in @parameters. */
static int on_grants(struct terok_client *client, struct json_object *parameters,
		     const char *problem)
{
	bool more = false, heard = client->events.grant;
	int r = list_hand_over(client, parameters, "grants", problem,
			       heard ? grant_hand_over : NULL, &more);

	if (!r && heard)
		client->events.grant(NULL, more, problem, client->user);
	return r;
}

static void entry_hand_over(struct terok_client *client, struct json_object *from)
{
	struct terok_entry entry = {
		.number = int_of(from, "number"),
		.wall_ns = int_of(from, "wall_ns"),
		.guard = int_of(from, "guard"),
		.port = int_of(from, "port"),
		.proto = int_of(from, "proto"),
		.until_ns = int_of(from, "until_ns"),
		.uid = int_of(from, "uid"),
		.count = int_of(from, "count"),
		.type = text_of(from, "type"),
		.container = text_of(from, "container"),
		.name = text_of(from, "name"),
		.request_id = text_of(from, "request_id"),
		.dest = text_of(from, "dest"),
		.domain = text_of(from, "domain"),
		.action = text_of(from, "action"),
		.scope = text_of(from, "scope"),
		.client = text_of(from, "client"),
		.process = text_of(from, "process"),
		.ok = json_object_get_boolean(json_object_object_get(from, "ok")),
	};

	entry.json = json_of(from);
	client->events.entry(&entry, false, NULL, client->user);
}

/* @problem: NULL, or why there is nothing in @parameters. */
static int on_history(struct terok_client *client, struct json_object *parameters,
		      const char *problem)
{
	bool more = false, heard = client->events.entry;
	int r = list_hand_over(client, parameters, "entries", problem,
			       heard ? entry_hand_over : NULL, &more);

	if (!r && heard)
		client->events.entry(NULL, more, problem, client->user);
	return r;
}

/* What a varlink error says to a person: its one telling parameter, or its name. */
static const char *problem_of(struct json_object *parameters, const char *error)
{
	const char *reason = text_of(parameters, "reason");

	if (*reason)
		return reason;
	if (!strcmp(error, FIREWALL ".UnknownRequest"))
		return "nobody waits for that answer (any more)";
	if (!strcmp(error, FIREWALL ".UnknownGrant"))
		return "there is no such grant (any more)";
	return error;
}

static void outcome_hand_over(struct terok_client *client, struct json_object *from, bool already,
			      uint64_t cookie)
{
	struct terok_outcome outcome = {
		.already = already,
		.until_ns = int_of(from, "until_ns"),
		.uid = int_of(from, "uid"),
		.action = text_of(from, "action"),
		.scope = text_of(from, "scope"),
		.client = text_of(from, "client"),
		.rule = text_of(from, "rule"),
	};

	if (client->events.outcome)
		client->events.outcome(&outcome, cookie, client->user);
}

/* Somebody was faster: what was answered, in one sentence. */
static const char *already_text(struct json_object *parameters, char *buf, size_t size)
{
	const char *by = text_of(parameters, "client"), *scope = text_of(parameters, "scope");

	snprintf(buf, size, "user %" PRId64 " has answered it already%s%.32s: %s%s%s",
		 int_of(parameters, "uid"), *by ? " by " : "", by, text_of(parameters, "action"),
		 *scope ? ", " : "", scope);
	return buf;
}

static void on_answered(struct terok_client *client, const char *error,
			struct json_object *parameters, uint64_t cookie)
{
	bool already = !strcmp(error, FIREWALL ".AlreadyAnswered");
	const char *problem = "";
	char buf[256];

	if (!*error || already)
		outcome_hand_over(client, parameters, already, cookie);
	if (already)
		problem = already_text(parameters, buf, sizeof(buf));
	else if (*error)
		problem = problem_of(parameters, error);
	if (!client->closed && client->events.answered)
		client->events.answered(*error ? error : NULL, problem, cookie, client->user);
}

static int on_reply(struct terok_client *client, struct json_object *frame,
		    struct json_object *parameters)
{
	const char *error = text_of(frame, "error");
	struct call call;

	if (!client->n_calls)
		return -EPROTO; /* an answer to nothing */
	call = client->calls[client->head];
	client->head = (client->head + 1) % CALLS_MAX;
	client->n_calls--;
	if (call.kind == CALL_GUARDS)
		return on_guards(client, parameters);
	if (call.kind == CALL_HISTORY)
		return on_history(client, parameters,
				  *error ? problem_of(parameters, error) : NULL);
	if (call.kind == CALL_GRANTS)
		return on_grants(client, parameters, *error ? problem_of(parameters, error) : NULL);
	if (call.kind == CALL_REVOKE && client->events.revoked)
		client->events.revoked(*error ? error : NULL,
				       *error ? problem_of(parameters, error) : "", call.cookie,
				       client->user);
	if (call.kind == CALL_REVOKE)
		return 0;
	on_answered(client, error, parameters, call.cookie);
	return 0;
}

static int on_frame(struct terok_client *client, enum conn_kind kind, const char *text, size_t n)
{
	_cleanup_(json_putp) struct json_object *frame = NULL;
	struct json_object *parameters;

	if (json_parse(text, n, &frame) || json_object_get_type(frame) != json_type_object)
		return -EPROTO;
	parameters = json_object_object_get(frame, "parameters");
	if (json_object_get_type(parameters) != json_type_object)
		parameters = NULL;
	return kind == CONN_STREAM ? on_stream(client, parameters)
				   : on_reply(client, frame, parameters);
}

static int conn_serve(struct terok_client *client, enum conn_kind kind)
{
	struct conn *conn = &client->conn[kind];
	size_t done = 0;
	char *nul;
	int r = 0;

	while (!r && !client->closed && conn->n > done &&
	       (nul = memchr(conn->in + done, '\0', conn->n - done))) {
		r = on_frame(client, kind, conn->in + done, nul - (conn->in + done));
		done = nul + 1 - conn->in;
	}
	memmove(conn->in, conn->in + done, conn->n - done);
	conn->n -= done;
	return r;
}

static int conn_read(struct terok_client *client, enum conn_kind kind)
{
	struct conn *conn = &client->conn[kind];
	ssize_t n;

	if (conn->size - conn->n < BITE) {
		char *in = conn->n > IN_MAX ? NULL : realloc(conn->in, conn->n + 2 * BITE);

		if (!in)
			return conn->n > IN_MAX ? -EPROTO : -ENOMEM;
		conn->in = in;
		conn->size = conn->n + 2 * BITE;
	}
	n = recv(conn->fd, conn->in + conn->n, BITE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (!n)
		return -EPIPE;
	conn->n += n;
	return conn_serve(client, kind);
}

int terok_client_process(struct terok_client *client)
{
	struct epoll_event ev[CONN_MAX_];
	int n, r = 0;

	if (client->closed)
		return -ENOTCONN;
	n = epoll_wait(client->epoll_fd, ev, CONN_MAX_, 0);
	for (int i = 0; !r && i < n && !client->closed; i++) {
		enum conn_kind kind = ev[i].data.u32;

		if (ev[i].events & EPOLLOUT)
			r = conn_flush(client, kind);
		if (!r && ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			r = conn_read(client, kind);
	}
	return r ? client_fail(client, r) : 0;
}

int terok_client_monitor(struct terok_client *client, int64_t guard, bool replay)
{
	_cleanup_json_ struct json frame = {};

	if (client->monitoring)
		return -EALREADY;
	client->monitoring = true;
	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".Monitor");
	json_open_object(&frame, "parameters");
	if (guard)
		json_add_int(&frame, "guard", guard);
	if (replay)
		json_add_bool(&frame, "replay", true);
	json_close_object(&frame);
	json_add_bool(&frame, "more", true);
	json_close_object(&frame);
	return conn_send(client, CONN_STREAM, &frame);
}

static int call_send(struct terok_client *client, struct json *frame, struct call call)
{
	int r;

	if (client->n_calls == CALLS_MAX)
		return -EBUSY;
	r = conn_send(client, CONN_CALLS, frame);
	if (r)
		return r;
	client->calls[(client->head + client->n_calls++) % CALLS_MAX] = call;
	return 0;
}

static void add_if(struct json *frame, const char *key, const char *text)
{
	if (text)
		json_add_string(frame, key, text);
}

int terok_client_answer_with(struct terok_client *client, const char *request_id,
			     const struct terok_answer *answer, uint64_t cookie)
{
	_cleanup_json_ struct json frame = {};

	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".Answer");
	json_open_object(&frame, "parameters");
	json_add_string(&frame, "request_id", request_id);
	json_add_string(&frame, "action", answer->action);
	add_if(&frame, "scope", answer->scope);
	if (answer->scope && !strcmp(answer->scope, "time"))
		json_add_int(&frame, "seconds", answer->seconds);
	add_if(&frame, "reach", answer->reach);
	add_if(&frame, "ports", answer->ports);
	json_close_object(&frame);
	json_close_object(&frame);
	return call_send(client, &frame, (struct call){ CALL_ANSWER, cookie });
}

int terok_client_answer(struct terok_client *client, const char *request_id, const char *action,
			const char *scope, int64_t seconds, uint64_t cookie)
{
	const struct terok_answer answer = { .action = action, .scope = scope, .seconds = seconds };

	return terok_client_answer_with(client, request_id, &answer, cookie);
}

int terok_client_list_guards(struct terok_client *client)
{
	_cleanup_json_ struct json frame = {};

	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".ListGuards");
	json_close_object(&frame);
	return call_send(client, &frame, (struct call){ CALL_GUARDS, 0 });
}

int terok_client_list_grants(struct terok_client *client, int64_t guard)
{
	_cleanup_json_ struct json frame = {};

	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".ListGrants");
	json_open_object(&frame, "parameters");
	if (guard)
		json_add_int(&frame, "guard", guard);
	json_close_object(&frame);
	json_close_object(&frame);
	return call_send(client, &frame, (struct call){ CALL_GRANTS, 0 });
}

int terok_client_revoke(struct terok_client *client, const char *grant, uint64_t cookie)
{
	_cleanup_json_ struct json frame = {};

	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".Revoke");
	json_open_object(&frame, "parameters");
	json_add_string(&frame, "grant", grant);
	json_close_object(&frame);
	json_close_object(&frame);
	return call_send(client, &frame, (struct call){ CALL_REVOKE, cookie });
}

int terok_client_history(struct terok_client *client, int64_t guard, int64_t after, int64_t limit)
{
	_cleanup_json_ struct json frame = {};

	json_open_object(&frame, NULL);
	json_add_string(&frame, "method", FIREWALL ".History");
	json_open_object(&frame, "parameters");
	if (guard)
		json_add_int(&frame, "guard", guard);
	if (after)
		json_add_int(&frame, "after", after);
	json_add_int(&frame, "limit", limit);
	json_close_object(&frame);
	json_close_object(&frame);
	return call_send(client, &frame, (struct call){ CALL_HISTORY, 0 });
}
