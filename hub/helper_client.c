// SPDX-License-Identifier: Apache-2.0
#include "helper_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/sanitise.h"
#include "base/sock.h"

#define APPLY     "org.terok.ClearanceVerdict1.Apply"
#define TRIES     2
#define REPLY_MAX (64 << 10) /* bytes; what is said to people is far shorter */
#define BITE      4096

struct apply {
	struct apply *next, **slot;
	struct helper_client *client;
	struct source source; /* not in a loop: no connection */
	struct timer again, late;
	uint64_t token;
	unsigned tries;
	int fd, error;    /* error: why there is no connection */
	struct json call; /* with its NUL */
	size_t sent;
	struct json reply; /* as far as it came */
};

struct helper_client {
	struct loop *loop;
	const char *path;
	uint64_t limit_ns;
	helper_fn fn;
	void *user;
	struct apply *applies;
	unsigned n;
};

int helper_client_new(struct loop *loop, const char *path, uint64_t limit_ns, helper_fn fn,
		      void *user, struct helper_client **ret)
{
	struct helper_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	*client = (struct helper_client){
		.loop = loop, .path = path, .limit_ns = limit_ns, .fn = fn, .user = user
	};
	*ret = client;
	return 0;
}

static void connection_drop(struct apply *apply)
{
	source_del(&apply->source);
	closep(&apply->fd);
	apply->sent = 0;
	json_reset(&apply->reply);
}

static void apply_free(struct apply *apply)
{
	connection_drop(apply);
	timer_disarm(&apply->again);
	timer_disarm(&apply->late);
	json_free(&apply->call);
	json_free(&apply->reply);
	*apply->slot = apply->next;
	if (apply->next)
		apply->next->slot = apply->slot;
	apply->client->n--;
	free(apply);
}

void helper_client_free(struct helper_client *client)
{
	if (!client)
		return;
	while (client->applies)
		apply_free(client->applies);
	free(client);
}

unsigned helper_client_pending(const struct helper_client *client)
{
	return client->n;
}

/* Its outcome; @apply is no more when it is told. */
static int apply_over(struct apply *apply, bool ok, const char *text)
{
	struct helper_client *client = apply->client;
	char safe[HELPER_TEXT_SHOWN + 1];
	uint64_t token = apply->token;

	sanitise(safe, HELPER_TEXT_SHOWN, text, strlen(text));
	apply_free(apply);
	client->fn(token, ok, safe, client->user);
	return 0;
}

static int apply_unreachable(struct apply *apply)
{
	char text[128];

	snprintf(text, sizeof(text), "verdict helper unreachable: %s", strerror(-apply->error));
	return apply_over(apply, false, text);
}

static int apply_try(struct timer *timer);

/* Nothing was carried out: try once more in a while, or say so. */
static int apply_failed(struct apply *apply, int error)
{
	connection_drop(apply);
	apply->error = error;
	if (apply->tries == TRIES)
		return apply_unreachable(apply);
	timer_arm(apply->client->loop, &apply->again, now_boot_ns() + HELPER_AGAIN_NS, apply_try);
	return 0;
}

/* An answer to the call, as far as it is one. */
static int reply_take(struct apply *apply)
{
	_cleanup_(json_putp) struct json_object *frame = NULL;
	struct json_object *parameters, *ok;
	char text[HELPER_TEXT_SHOWN + 1];

	if (json_parse(apply->reply.text, strlen(apply->reply.text), &frame))
		return apply_over(apply, false, "the verdict helper's answer is no JSON");
	if (json_text(frame, "error")) {
		snprintf(text, sizeof(text), "the verdict helper answered with the error %s",
			 json_text(frame, "error"));
		return apply_over(apply, false, text);
	}
	parameters = json_member(frame, "parameters", json_type_object);
	ok = json_member(parameters, "ok", json_type_boolean);
	if (!ok)
		return apply_over(apply, false,
				  "the verdict helper's answer says neither yes nor no");
	return apply_over(apply, json_object_get_boolean(ok),
			  json_text(parameters, "stderr") ?: "");
}

static int reply_read(struct apply *apply)
{
	char bite[BITE];
	ssize_t n = recv(apply->fd, bite, sizeof(bite), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return apply_over(apply, false,
				  "the verdict helper went away; what became of it is not known");
	apply->reply.comma = false;
	json_add_raw(&apply->reply, NULL, bite, n);
	if (apply->reply.error || apply->reply.n > REPLY_MAX)
		return apply_over(apply, false, "the verdict helper's answer is too long");
	return memchr(bite, '\0', n) ? reply_take(apply) : 0;
}

/* What it has not heard to the end it does not begin: a call ends with its NUL. */
static int call_send(struct apply *apply)
{
	ssize_t n = send(apply->fd, apply->call.text + apply->sent, apply->call.n - apply->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : apply_failed(apply, -errno);
	apply->sent += n;
	if (apply->sent == apply->call.n)
		source_set(&apply->source, EPOLLIN);
	return 0;
}

static int on_ready(struct source *source, uint32_t events)
{
	struct apply *apply = container_of(source, struct apply, source);

	(void)events;
	return apply->sent < apply->call.n ? call_send(apply) : reply_read(apply);
}

static int apply_try(struct timer *timer)
{
	struct apply *apply = container_of(timer, struct apply, again);
	struct ucred peer;
	int r;

	apply->tries++;
	apply->fd = sock_connect(apply->client->path);
	if (apply->fd < 0)
		return apply_failed(apply, apply->fd);
	r = sock_peer(apply->fd, &peer);
	if (!r && peer.uid != getuid())
		r = -EPERM;
	if (!r)
		r = source_add(apply->client->loop, &apply->source, apply->fd, EPOLLOUT, on_ready);
	return r ? apply_failed(apply, r) : 0;
}

static int on_late(struct timer *timer)
{
	struct apply *apply = container_of(timer, struct apply, late);

	if (apply->fd < 0)
		return apply_unreachable(apply);
	return apply_over(apply, false, "the verdict helper does not answer");
}

static bool call_make(struct json *call, const char *container, const char *dest,
		      const char *action)
{
	json_open_object(call, NULL);
	json_add_string(call, "method", APPLY);
	json_open_object(call, "parameters");
	json_add_string(call, "container", container);
	json_add_string(call, "dest", dest);
	json_add_string(call, "action", action);
	json_close_object(call);
	json_close_object(call);
	call->comma = false;
	json_add_raw(call, NULL, "", 1);
	return json_done(call);
}

int helper_client_apply(struct helper_client *client, const char *container, const char *dest,
			const char *action, uint64_t token)
{
	struct apply *apply;

	if (client->n == HELPER_CALLS_MAX)
		return -EBUSY;
	apply = calloc(1, sizeof(*apply));
	if (!apply)
		return -ENOMEM;
	apply->client = client;
	apply->token = token;
	apply->fd = -1;
	if (!call_make(&apply->call, container, dest, action)) {
		json_free(&apply->call);
		free(apply);
		return -ENOMEM;
	}
	apply->next = client->applies;
	apply->slot = &client->applies;
	if (apply->next)
		apply->next->slot = &apply->next;
	client->applies = apply;
	client->n++;
	timer_arm(client->loop, &apply->late, now_boot_ns() + client->limit_ns, on_late);
	timer_arm(client->loop, &apply->again, 0, apply_try); /* not before we have returned */
	return 0;
}
