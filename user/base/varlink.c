// SPDX-License-Identifier: Apache-2.0
#include "base/varlink.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sock.h"

#define BITE      (16 << 10) /* bytes read from one peer a round */
#define SERVICE   "org.varlink.service"
#define VIOLATION "invalid.asyncvarlink.ProtocolViolation"

static const char service_description[] =
    "# The Varlink Service Interface is provided by every varlink service.\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string, "
    "interfaces: []string)\n\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
    "error InterfaceNotFound (interface: string)\n\n"
    "error MethodNotFound (method: string)\n\n"
    "error MethodNotImplemented (method: string)\n\n"
    "error InvalidParameter (parameter: string)\n\n"
    "error PermissionDenied ()\n\n"
    "error ExpectedMore ()\n";

/* A peer has at most one call at a time, so the call is part of the peer. */
struct varlink_call {
	struct source source;
	struct varlink_server *server;
	struct varlink_call *next, *prev;
	int fd;
	uint32_t uid;
	char *in; /* what was read and not yet served */
	size_t n_in, size_in;
	struct json out; /* only its buffer: bytes not yet taken by the kernel */
	size_t out_sent;
	bool active; /* a call is being served */
	bool oneway, more;
	bool stream;  /* ... and never ends */
	bool serving; /* inside peer_serve(): an answer must not serve the next call itself */
	bool eof;     /* it will say no more, but may listen */
	bool broken;  /* an answer could not be kept: it goes, rather than miss one */
	void *owner;
	void (*drained)(void *owner);
	void (*gone)(void *owner);
};

struct varlink_server {
	struct source source;
	struct loop *loop;
	int fd;
	struct varlink_info info;
	const struct varlink_interface *interfaces;
	unsigned n;
	void *user;
	struct varlink_call *peers;
	unsigned n_peers;
};

uint32_t varlink_call_uid(const struct varlink_call *call)
{
	return call->uid;
}

void *varlink_call_user(const struct varlink_call *call)
{
	return call->server->user;
}

static size_t out_pending(const struct varlink_call *peer)
{
	return peer->out.n - peer->out_sent;
}

/* Interest follows state: read unless done or busy writing, write only when blocked. */
static void peer_interest(struct varlink_call *peer)
{
	uint32_t events = 0;

	if (!peer->eof && !peer->broken && (!peer->active || peer->stream) &&
	    out_pending(peer) < VARLINK_OUT_MAX && peer->n_in < VARLINK_FRAME_MAX)
		events |= EPOLLIN;
	if (out_pending(peer))
		events |= EPOLLOUT;
	source_set(&peer->source, events);
}

static void peer_free(struct varlink_call *peer)
{
	struct varlink_server *server = peer->server;

	if (peer->active && peer->gone)
		peer->gone(peer->owner);
	source_del(&peer->source);
	closep(&peer->fd);
	if (peer->prev)
		peer->prev->next = peer->next;
	else
		server->peers = peer->next;
	if (peer->next)
		peer->next->prev = peer->prev;
	if (server->n_peers-- == VARLINK_PEERS_MAX)
		source_set(&server->source, EPOLLIN);
	json_free(&peer->out);
	free(peer->in);
	free(peer);
}

/* Hand over what is pending; an error shows itself as a hang-up in the next round. */
static void peer_flush(struct varlink_call *peer)
{
	while (out_pending(peer)) {
		ssize_t n = send(peer->fd, peer->out.text + peer->out_sent, out_pending(peer),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		peer->out_sent += n;
	}
	/* what was sent makes room: a peer may be behind for ever and still be served */
	if (peer->out_sent) {
		peer->out.n -= peer->out_sent;
		memmove(peer->out.text, peer->out.text + peer->out_sent, peer->out.n);
		peer->out_sent = 0;
	}
}

/* The hang-up frees it in the next round: callers may still hold it. */
static void peer_break(struct varlink_call *peer)
{
	peer->broken = true;
	shutdown(peer->fd, SHUT_RDWR);
}

/* @n bytes, at once if nothing waits before them; what the kernel does not take is kept. */
static void peer_send(struct varlink_call *peer, const char *bytes, size_t n)
{
	ssize_t sent = 0;

	if (peer->broken)
		return;
	if (!out_pending(peer)) {
		sent = send(peer->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == (ssize_t)n)
			return;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return;
		sent = sent < 0 ? 0 : sent;
	}
	/* json_add_raw() without a key is an append; commas are not wanted between frames */
	peer->out.comma = false;
	json_add_raw(&peer->out, NULL, bytes + sent, n - sent);
	if (peer->out.error)
		peer_break(peer);
	peer_interest(peer);
}

void varlink_stream(struct varlink_call *call, const char *frames, size_t n)
{
	peer_send(call, frames, n);
}

bool varlink_stream_full(const struct varlink_call *call)
{
	return out_pending(call) != 0;
}

static void peer_serve(struct varlink_call *peer);

/* The call is over; the next one, if it has come already, is served. */
static void call_end(struct varlink_call *peer)
{
	peer->active = false;
	peer->owner = NULL;
	peer->drained = peer->gone = NULL;
	if (peer->serving)
		return;
	peer_serve(peer);
	/* it hears its last answer and the end; the hang-up frees it in the next round */
	if (peer->eof && !peer->active && !out_pending(peer))
		shutdown(peer->fd, SHUT_RDWR);
}

static void call_answer(struct varlink_call *call, const char *error, const char *parameters)
{
	_cleanup_json_ struct json json = {};

	if (!call->oneway) {
		json_open_object(&json, NULL);
		if (error)
			json_add_string(&json, "error", error);
		if (parameters && strcmp(parameters, "{}"))
			json_add_raw(&json, "parameters", parameters, strlen(parameters));
		json_close_object(&json);
		if (json_done(&json))
			peer_send(call, json.text, json.n + 1);
		else
			peer_break(call);
	}
	call_end(call);
}

void varlink_reply(struct varlink_call *call, const char *parameters)
{
	call_answer(call, NULL, parameters);
}

void varlink_error(struct varlink_call *call, const char *error, const char *parameters)
{
	call_answer(call, error, parameters);
}

void varlink_error_text(struct varlink_call *call, const char *error, const char *key,
			const char *value)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, key, value);
	json_close_object(&json);
	call_answer(call, error, json_done(&json));
}

void varlink_keep(struct varlink_call *call, void *owner, void (*drained)(void *owner),
		  void (*gone)(void *owner))
{
	call->owner = owner;
	call->drained = drained;
	call->gone = gone;
}

static void service_get_info(struct varlink_call *call)
{
	const struct varlink_server *server = call->server;
	_cleanup_json_ struct json json = {};
	bool said = false;

	json_open_object(&json, NULL);
	json_add_string(&json, "vendor", server->info.vendor);
	json_add_string(&json, "product", server->info.product);
	json_add_string(&json, "version", server->info.version);
	json_add_string(&json, "url", server->info.url);
	json_open_array(&json, "interfaces");
	for (unsigned i = 0; i < server->n; i++) {
		if (!said && strcmp(server->interfaces[i].name, SERVICE) > 0) {
			json_add_string(&json, NULL, SERVICE);
			said = true;
		}
		json_add_string(&json, NULL, server->interfaces[i].name);
	}
	if (!said)
		json_add_string(&json, NULL, SERVICE);
	json_close_array(&json);
	json_close_object(&json);
	varlink_reply(call, json_done(&json));
}

static const struct varlink_interface *interface_find(const struct varlink_server *server,
						      const char *name)
{
	for (unsigned i = 0; i < server->n; i++)
		if (!strcmp(server->interfaces[i].name, name))
			return &server->interfaces[i];
	return NULL;
}

static void service_get_description(struct varlink_call *call, struct json_object *parameters)
{
	const char *name = json_object_get_string(json_object_object_get(parameters, "interface"));
	const struct varlink_interface *interface = interface_find(call->server, name);
	_cleanup_json_ struct json json = {};

	if (!interface && strcmp(name, SERVICE)) {
		varlink_error_text(call, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "description",
			interface ? interface->description : service_description);
	json_close_object(&json);
	varlink_reply(call, json_done(&json));
}

static void run_get_info(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	service_get_info(call);
}

static const struct varlink_param description_params[] = {
	{ "interface", json_type_string, false },
};
static const struct varlink_method service_methods[] = {
	{ "GetInfo", NULL, 0, false, run_get_info },
	{ "GetInterfaceDescription", description_params, 1, false, service_get_description },
};
static const struct varlink_interface service = { SERVICE, service_description, service_methods,
						  2 };

/* A string with a NUL in it would end there for every method: it is no value of ours. */
static bool value_is(struct json_object *value, enum json_type type)
{
	return json_object_get_type(value) == type &&
	       (type != json_type_string ||
		strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value));
}

/* The first parameter that is wrong, in the order of the declaration; NULL: none. */
static const char *params_check(const struct varlink_method *method, struct json_object *parameters)
{
	struct json_object *value;

	for (unsigned i = 0; i < method->n; i++) {
		const struct varlink_param *param = &method->params[i];
		bool there = parameters &&
			     json_object_object_get_ex(parameters, param->name, &value);

		if (param->optional && (!there || !value))
			continue;
		if (!there || !value || !value_is(value, param->type))
			return param->name;
	}
	if (!parameters)
		return NULL;
	json_object_object_foreach(parameters, key, unused)
	{
		bool known = false;

		(void)unused;
		for (unsigned i = 0; !known && i < method->n; i++)
			known = !strcmp(method->params[i].name, key);
		if (!known)
			return key;
	}
	return NULL;
}

static void call_dispatch(struct varlink_call *call, const char *name, const char *method_name,
			  struct json_object *parameters)
{
	const struct varlink_interface *interface =
	    strcmp(name, SERVICE) ? interface_find(call->server, name) : &service;
	const struct varlink_method *method = NULL;
	const char *wrong;

	if (!interface) {
		varlink_error_text(call, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	for (unsigned i = 0; !method && i < interface->n; i++)
		if (!strcmp(interface->methods[i].name, method_name))
			method = &interface->methods[i];
	if (!method) {
		varlink_error_text(call, SERVICE ".MethodNotFound", "method", method_name);
		return;
	}
	wrong = params_check(method, parameters);
	if (wrong) {
		varlink_error_text(call, SERVICE ".InvalidParameter", "parameter", wrong);
		return;
	}
	if (method->stream && !call->more) {
		varlink_error(call, SERVICE ".ExpectedMore", NULL);
		return;
	}
	call->stream = method->stream;
	method->run(call, parameters);
}

/* "org.example.Name.Method": cut at the last dot if both halves are what varlink allows. */
static const char *method_cut(char *name)
{
	char *dot = strrchr(name, '.');

	if (!dot || !isupper((unsigned char)dot[1]))
		return NULL;
	for (const char *p = dot + 1; *p; p++)
		if (!isalnum((unsigned char)*p))
			return NULL;
	*dot = '\0';
	if (!isalpha((unsigned char)*name) || !strchr(name, '.') || strstr(name, "..") ||
	    name[strlen(name) - 1] == '.')
		return NULL;
	if (strstr(name, ".-") || strstr(name, "-.") || name[strlen(name) - 1] == '-')
		return NULL;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			return NULL;
	return dot + 1;
}

/* A flag of a call: absent is false; -1: not a boolean. */
static int flag_get(struct json_object *frame, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(frame, key, &value))
		return 0;
	if (json_object_get_type(value) != json_type_boolean)
		return -1;
	return json_object_get_boolean(value);
}

/* One frame that is a JSON object: a call, or a violation. */
static void call_begin(struct varlink_call *call, struct json_object *frame)
{
	int more = flag_get(frame, "more"), oneway = flag_get(frame, "oneway"),
	    upgrade = flag_get(frame, "upgrade");
	struct json_object *method = json_object_object_get(frame, "method"), *parameters = NULL;
	_cleanup_free_ char *name = NULL;
	const char *method_name = NULL;
	bool object;

	call->active = true;
	call->stream = false;
	call->oneway = oneway == 1;
	call->more = more == 1;
	object = !json_object_object_get_ex(frame, "parameters", &parameters) ||
		 (parameters && json_object_get_type(parameters) == json_type_object);
	if (method && value_is(method, json_type_string))
		name = strdup(json_object_get_string(method));
	if (name)
		method_name = method_cut(name);
	if (!method_name || !object || more < 0 || oneway < 0 || upgrade < 0 ||
	    more + oneway + upgrade > 1)
		varlink_error(call, VIOLATION, NULL);
	else
		call_dispatch(call, name, method_name, parameters);
}

/* Serve what has come, one call after the other, until one is not answered at once. */
static void peer_serve(struct varlink_call *peer)
{
	size_t done = 0;

	peer->serving = true;
	while (!peer->active && !peer->broken && out_pending(peer) < VARLINK_OUT_MAX) {
		char *nul = memchr(peer->in + done, '\0', peer->n_in - done);
		struct json_object *frame = NULL;

		if (!peer->n_in || !nul)
			break;
		/* what cannot be parsed is ignored: a contract with older peers */
		if (!json_parse(peer->in + done, nul - (peer->in + done), &frame) &&
		    json_object_get_type(frame) == json_type_object)
			call_begin(peer, frame);
		json_object_put(frame);
		done = nul + 1 - peer->in;
	}
	peer->serving = false;
	if (done) {
		memmove(peer->in, peer->in + done, peer->n_in - done);
		peer->n_in -= done;
	}
	peer_interest(peer);
}

/* One bite; false: the peer has to go. */
static bool peer_read(struct varlink_call *peer)
{
	ssize_t n;

	if (peer->size_in - peer->n_in < BITE) {
		char *in = realloc(peer->in, peer->n_in + BITE);

		if (!in)
			return false;
		peer->in = in;
		peer->size_in = peer->n_in + BITE;
	}
	n = recv(peer->fd, peer->in + peer->n_in, BITE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		peer->eof = true;
	else if (!peer->stream || !peer->active) /* after a stream nothing is served any more */
		peer->n_in += n;
	/* the first frame's end, wherever the bites fell */
	return peer->n_in < VARLINK_FRAME_MAX || memchr(peer->in, '\0', VARLINK_FRAME_MAX);
}

static int peer_ready(struct source *source, uint32_t events)
{
	struct varlink_call *peer = container_of(source, struct varlink_call, source);
	bool was_full = out_pending(peer) != 0, gone = events & (EPOLLHUP | EPOLLERR);
	size_t had = peer->n_in;

	if (events & EPOLLIN && !peer_read(peer)) {
		peer_free(peer);
		return 0;
	}
	if (events & EPOLLOUT)
		peer_flush(peer);
	if (was_full && !out_pending(peer) && peer->active && peer->drained)
		peer->drained(peer->owner);
	/* what it said before it went is served to the end: a oneway caller does not wait */
	gone = gone && (peer->n_in == had || peer->active);
	peer_serve(peer);
	/* a half-closed peer still hears its answers; one that is gone for good does not */
	if (gone || peer->broken || (peer->eof && !peer->active && !out_pending(peer)))
		peer_free(peer);
	return 0;
}

static unsigned peers_of(const struct varlink_server *server, uint32_t uid)
{
	unsigned n = 0;

	for (const struct varlink_call *peer = server->peers; peer; peer = peer->next)
		n += peer->uid == uid;
	return n;
}

static int server_accept(struct source *source, uint32_t events)
{
	struct varlink_server *server = container_of(source, struct varlink_server, source);
	_cleanup_close_ int fd = -1;
	struct varlink_call *peer;
	struct ucred cred;

	(void)events;
	fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || sock_peer(fd, &cred))
		return 0;
	if (cred.uid && peers_of(server, cred.uid) >= VARLINK_UID_MAX)
		return 0; /* closed: the user has to end another first */
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return 0;
	peer->server = server;
	peer->uid = cred.uid;
	if (source_add(server->loop, &peer->source, fd, EPOLLIN, peer_ready)) {
		free(peer);
		return 0;
	}
	peer->fd = TAKE_FD(fd);
	peer->next = server->peers;
	if (peer->next)
		peer->next->prev = peer;
	server->peers = peer;
	if (++server->n_peers == VARLINK_PEERS_MAX) /* the others wait in the backlog */
		source_set(&server->source, 0);
	return 0;
}

int varlink_server_new(struct loop *loop, int fd, const struct varlink_info *info,
		       const struct varlink_interface *interfaces, unsigned n, void *user,
		       struct varlink_server **ret)
{
	struct varlink_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->fd = fd;
	server->info = *info;
	server->interfaces = interfaces;
	server->n = n;
	server->user = user;
	r = source_add(loop, &server->source, fd, EPOLLIN, server_accept);
	if (r) {
		free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void varlink_server_free(struct varlink_server *server)
{
	if (!server)
		return;
	while (server->peers)
		peer_free(server->peers);
	source_del(&server->source);
	free(server);
}
