// SPDX-License-Identifier: Apache-2.0
#include "base/varlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sock.h"
#include "base/varlink_call.h"
#include "base/varlink_share.h"

#define BITE     (16 << 10)          /* bytes read from one peer a round */
#define OUT_KEPT (4 << 10)           /* bytes that a buffer keeps when it is empty */
#define PAUSE_NS UINT64_C(100000000) /* before accepting again what could not be accepted */

struct peer {
	struct varlink_call call; /* it has at most one at a time */
	struct source source;
	struct varlink_server *server;
	struct peer *next, *prev;
	struct share *share;
	struct peer *next_waiting;
	size_t bytes; /* of its buffers, as its share knows them */
	int fd;
	char *in;                     /* what was read and not yet served */
	size_t n_in, size_in, n_seen; /* n_seen: the first bytes of it, known to end no frame */
	struct json out;              /* only its buffer: bytes not yet taken by the kernel */
	size_t out_sent;
	bool serving; /* inside peer_serve(): an answer must not serve the next call itself */
	bool waiting; /* its user's time is over, and calls are left for the next turn */
	bool eof;     /* it will say no more, but may listen */
	bool left;    /* it has gone, and calls wait behind the one that is being served */
	bool broken;  /* an answer could not be kept: it goes, rather than miss one */
};

/* A socket where peers come from. */
struct listener {
	struct listener *next;
	struct varlink_server *server;
	struct source source;
	int fd;       /* borrowed where anybody is served */
	uint32_t uid; /* who is served there besides root, or VARLINK_ANYBODY */
	unsigned place;
};

struct varlink_server {
	bool own;           /* of one user: .shares.exempt */
	struct timer pause; /* armed: accept() failed for want of something */
	struct timer turn;  /* armed: peers wait for the next one */
	struct loop *loop;
	struct listener *listeners;
	struct varlink_service service;
	struct shares shares;
	struct peer *peers;
};

static struct peer *peer_of(const struct varlink_call *call)
{
	return container_of(call, struct peer, call);
}

static size_t out_pending(const struct peer *peer)
{
	return peer->out.n - peer->out_sent;
}

/* Interest follows state: read unless done or busy writing, write only when blocked. */
static void peer_interest(struct peer *peer)
{
	/* a hang-up is told whatever we ask for; as an edge, once and not until the call ends */
	uint32_t events = peer->left && (peer->call.active || peer->waiting) ? EPOLLET : 0;

	if (!peer->eof && !peer->broken && !peer->waiting &&
	    (!peer->call.active || peer->call.stream) && out_pending(peer) < VARLINK_OUT_MAX &&
	    peer->n_in < VARLINK_FRAME_MAX)
		events |= EPOLLIN;
	if (out_pending(peer))
		events |= EPOLLOUT;
	source_set(&peer->source, events);
}

/* Its share learns what its buffers take now. */
static void peer_weigh(struct peer *peer)
{
	size_t bytes = peer->size_in + peer->out.size;

	share_resize(&peer->server->shares, peer->share, peer->bytes, bytes);
	peer->bytes = bytes;
}

static void server_interest(struct varlink_server *server, uint32_t events)
{
	for (struct listener *l = server->listeners; l; l = l->next)
		source_set(&l->source, events);
}

static void server_listen(struct varlink_server *server)
{
	timer_disarm(&server->pause);
	server_interest(server, EPOLLIN);
}

/* --- turns: a user's calls are served for a slice of time, then the others' ------------ */

static int server_turn(struct timer *timer);

static void server_wait(struct varlink_server *server)
{
	if (!server->turn.loop)
		timer_arm(server->loop, &server->turn, now_boot_ns(), server_turn);
}

static void peer_wait(struct peer *peer)
{
	struct share *share = peer->share;

	if (peer->waiting)
		return;
	peer->waiting = true;
	if (share->waiting)
		share->last->next_waiting = peer;
	else
		share->waiting = peer;
	share->last = peer;
	server_wait(peer->server);
}

static void peer_wait_no_more(struct peer *peer)
{
	struct share *share = peer->share;
	struct peer **slot = &share->waiting, *before = NULL;

	if (!peer->waiting)
		return;
	for (; *slot != peer; slot = &(*slot)->next_waiting)
		before = *slot;
	*slot = peer->next_waiting;
	if (share->last == peer)
		share->last = before;
	peer->next_waiting = NULL;
	peer->waiting = false;
}

static void peer_free(struct peer *peer)
{
	struct varlink_server *server = peer->server;

	if (peer->call.active && peer->call.gone)
		peer->call.gone(peer->call.owner);
	source_del(&peer->source);
	peer_wait_no_more(peer);
	share_resize(&server->shares, peer->share, peer->bytes, 0);
	share_leave(&server->shares, peer->share);
	closep(&peer->fd);
	if (peer->prev)
		peer->prev->next = peer->next;
	else
		server->peers = peer->next;
	if (peer->next)
		peer->next->prev = peer->prev;
	server_listen(server); /* there is a descriptor now */
	json_free(&peer->out);
	free(peer->in);
	free(peer);
}

/* Hand over what is pending; an error shows itself as a hang-up in the next round. */
static void peer_flush(struct peer *peer)
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
	if (!peer->out.n && peer->out.size > OUT_KEPT)
		json_free(&peer->out);
	peer_weigh(peer);
}

/* The hang-up frees it in the next round: callers may still hold it. */
static void peer_break(struct peer *peer)
{
	peer->broken = true;
	shutdown(peer->fd, SHUT_RDWR);
}

/* @n bytes, at once if nothing waits before them; what the kernel does not take is kept. */
static void peer_send(struct peer *peer, const char *bytes, size_t n)
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
	if (share_may_take(&peer->server->shares, peer->share, n - sent))
		json_add_raw(&peer->out, NULL, bytes + sent, n - sent);
	else
		peer->out.error = -ENOBUFS;
	if (peer->out.error)
		peer_break(peer);
	peer_weigh(peer);
	peer_interest(peer);
}

void varlink_stream(struct varlink_call *call, const char *frames, size_t n)
{
	peer_send(peer_of(call), frames, n);
}

bool varlink_stream_full(const struct varlink_call *call)
{
	return out_pending(peer_of(call)) != 0;
}

static void peer_serve(struct peer *peer);

/* Has it said all, and heard all? */
static bool peer_is_done(const struct peer *peer)
{
	return peer->eof && !peer->call.active && !peer->waiting && !out_pending(peer);
}

void varlink_call_send(struct varlink_call *call, const char *frame, size_t n)
{
	if (frame)
		peer_send(peer_of(call), frame, n);
	else
		peer_break(peer_of(call));
}

/* The next call, if it has come already, is served. */
void varlink_call_end(struct varlink_call *call)
{
	struct peer *peer = peer_of(call);

	call->active = false;
	call->owner = NULL;
	call->drained = call->gone = NULL;
	if (peer->serving)
		return;
	peer_serve(peer);
	/* it hears its last answer and the end; the hang-up frees it in the next round */
	if (peer_is_done(peer))
		shutdown(peer->fd, SHUT_RDWR);
}

/* The NUL that ends the next frame, each byte looked at once; NULL: it has not come. */
static char *frame_end(struct peer *peer)
{
	char *nul = NULL;

	if (peer->n_seen < peer->n_in)
		nul = memchr(peer->in + peer->n_seen, '\0', peer->n_in - peer->n_seen);
	if (!nul)
		peer->n_seen = peer->n_in;
	return nul;
}

/* The first @done bytes are served. A peer that says nothing for now keeps no memory. */
static void peer_forget(struct peer *peer, size_t done)
{
	memmove(peer->in, peer->in + done, peer->n_in - done);
	peer->n_in -= done;
	peer->n_seen -= done;
	if (peer->n_in)
		return;
	free(peer->in);
	peer->in = NULL;
	peer->size_in = 0;
	peer_weigh(peer);
}

/*
 * Serve what has come, one call after the other, until one is not answered at once or its
 * user's time is over.
 */
static void peer_serve(struct peer *peer)
{
	uint64_t begun = now_boot_ns(), now;
	size_t done = 0;

	peer->serving = true;
	while (!peer->call.active && !peer->broken && out_pending(peer) < VARLINK_OUT_MAX) {
		char *nul = frame_end(peer);
		struct json_object *frame = NULL;

		if (!nul)
			break;
		if (peer->share->spent_ns >= SHARE_SLICE_NS) {
			peer_wait(peer);
			break;
		}
		/* what cannot be parsed is ignored: a contract with older peers */
		if (!json_parse(peer->in + done, nul - (peer->in + done), &frame) &&
		    json_object_get_type(frame) == json_type_object)
			varlink_call_begin(&peer->call, frame);
		json_object_put(frame);
		done = peer->n_seen = nul + 1 - peer->in;
		now = now_boot_ns();
		peer->share->spent_ns += now - begun;
		begun = now;
	}
	peer->serving = false;
	if (done)
		peer_forget(peer, done);
	peer_interest(peer);
}

/* Everyone's time begins anew; of those who wait each user's are served for a slice. */
static int server_turn(struct timer *timer)
{
	struct varlink_server *server = container_of(timer, struct varlink_server, turn);

	for (struct share *share = server->shares.first; share; share = share->next) {
		share->spent_ns = 0;
		while (share->waiting && share->spent_ns < SHARE_SLICE_NS) {
			struct peer *peer = share->waiting;

			peer_wait_no_more(peer);
			peer_serve(peer);
			/* the hang-up frees it in the next round: the share may go with it */
			if (peer_is_done(peer))
				shutdown(peer->fd, SHUT_RDWR);
		}
		if (share->waiting)
			server_wait(server);
	}
	return 0;
}

/* One bite; false: the peer has to go. */
static bool peer_read(struct peer *peer)
{
	ssize_t n;

	if (peer->size_in - peer->n_in < BITE) {
		/* room for two: bytes that come one at a time do not move the rest each time */
		size_t size = peer->n_in + 2 * BITE;
		char *in = share_may_take(&peer->server->shares, peer->share, size - peer->size_in)
			       ? realloc(peer->in, size)
			       : NULL;

		if (!in)
			return false;
		peer->in = in;
		peer->size_in = size;
		peer_weigh(peer);
	}
	n = recv(peer->fd, peer->in + peer->n_in, BITE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		peer->eof = true;
	else if (!peer->call.stream || !peer->call.active)
		peer->n_in += n; /* behind a stream nothing is served any more */
	/* the first frame's end, wherever the bites fell */
	return peer->n_in < VARLINK_FRAME_MAX || memchr(peer->in, '\0', VARLINK_FRAME_MAX);
}

/*
 * The peer has gone for good. What it said before is served to the end, in its order: a
 * oneway caller does not wait. False: all was read and nothing of it waits.
 */
static bool peer_outlives(struct peer *peer, bool more)
{
	char byte;

	/* nobody hears what still waits for room */
	peer->out.n = peer->out_sent = 0;
	if (!peer->call.active)
		return more;
	if (peer->call.stream)
		return false;
	peer->left = peer->n_in || recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	return peer->left;
}

/*
 * What a user's peers say takes time to read as well, also where it is no call: behind a stream,
 * or never to its end. False: the peer has to go.
 */
static bool peer_hear(struct peer *peer, uint32_t *events)
{
	uint64_t begun = now_boot_ns();
	bool good;

	if (!(*events & EPOLLIN))
		return true;
	if (peer->share->spent_ns >= SHARE_SLICE_NS && !(*events & (EPOLLHUP | EPOLLERR))) {
		*events &= ~EPOLLIN; /* the next turn reads it */
		peer_wait(peer);
		return true;
	}
	good = peer_read(peer);
	peer->share->spent_ns += now_boot_ns() - begun;
	return good;
}

static int peer_ready(struct source *source, uint32_t events)
{
	struct peer *peer = container_of(source, struct peer, source);
	bool was_full = out_pending(peer) != 0, gone = events & (EPOLLHUP | EPOLLERR);
	size_t had = peer->n_in;

	if (!peer_hear(peer, &events)) {
		peer_free(peer);
		return 0;
	}
	if (gone)
		gone = !peer_outlives(peer, !(events & EPOLLIN) || peer->n_in != had);
	else if (events & EPOLLOUT)
		peer_flush(peer);
	if (!gone && was_full && !out_pending(peer) && peer->call.active && peer->call.drained)
		peer->call.drained(peer->call.owner);
	peer_serve(peer);
	if (events & (EPOLLHUP | EPOLLERR) && peer->waiting && !peer->broken) {
		peer->left = true;
		peer_interest(peer);
	} else if (gone || peer->broken || peer_is_done(peer)) {
		/* a half-closed peer still hears its answers; one that is gone for good does not */
		peer_free(peer);
	}
	return 0;
}

static int pause_over(struct timer *timer)
{
	server_listen(container_of(timer, struct varlink_server, pause));
	return 0;
}

/*
 * Nobody was accepted. If descriptors or memory ran out, who waits stays in the backlog and
 * would wake us again at once: look away until a peer goes or a while has passed.
 */
static void accept_failed(struct varlink_server *server)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	server_interest(server, 0);
	timer_arm(server->loop, &server->pause, now_boot_ns() + PAUSE_NS, pause_over);
}

/* A peer, if there is a place and memory for one more of that user. */
static struct peer *peer_new(struct varlink_server *server, int fd, const struct ucred *cred)
{
	struct share *share = share_join(&server->shares, cred->uid);
	struct peer *peer = share ? calloc(1, sizeof(*peer)) : NULL;

	if (!peer || source_add(server->loop, &peer->source, fd, EPOLLIN, peer_ready)) {
		free(peer);
		if (share)
			share_leave(&server->shares, share);
		return NULL;
	}
	peer->server = server;
	peer->share = share;
	peer->call.service = &server->service;
	peer->call.uid = cred->uid;
	peer->call.pid = cred->pid;
	return peer;
}

static bool is_welcome(const struct listener *listener, uint32_t uid)
{
	const struct varlink_server *server = listener->server;

	if (!uid)
		return true;
	return (listener->uid == VARLINK_ANYBODY || uid == listener->uid) &&
	       (!server->own || uid == server->shares.exempt);
}

static int server_accept(struct source *source, uint32_t events)
{
	struct listener *listener = container_of(source, struct listener, source);
	struct varlink_server *server = listener->server;
	_cleanup_close_ int fd = -1;
	struct peer *peer;
	struct ucred cred;

	(void)events;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		accept_failed(server);
	if (fd < 0 || sock_peer(fd, &cred))
		return 0;
	if (!is_welcome(listener, cred.uid))
		return 0; /* closed: this is somebody else's door */
	peer = peer_new(server, fd, &cred);
	if (!peer)
		return 0; /* closed: the user, or another, has to end one first */
	peer->fd = TAKE_FD(fd);
	peer->call.place = listener->place;
	peer->next = server->peers;
	if (peer->next)
		peer->next->prev = peer;
	server->peers = peer;
	return 0;
}

static int listener_new(struct varlink_server *server, int fd, uint32_t uid, unsigned place)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	*listener = (struct listener){ .server = server, .fd = fd, .uid = uid, .place = place };
	r = source_add(server->loop, &listener->source, fd, EPOLLIN, server_accept);
	if (r) {
		free(listener);
		return r;
	}
	listener->next = server->listeners;
	server->listeners = listener;
	return 0;
}

static void listener_free(struct listener **slot)
{
	struct listener *listener = *slot;

	*slot = listener->next;
	source_del(&listener->source);
	if (listener->uid != VARLINK_ANYBODY)
		close(listener->fd);
	free(listener);
}

int varlink_server_listen(struct varlink_server *server, int fd, uint32_t uid, unsigned place)
{
	int r = listener_new(server, fd, uid, place);

	if (r)
		close(fd);
	return r;
}

void varlink_server_unlisten(struct varlink_server *server, uint32_t uid)
{
	struct listener **slot = &server->listeners;

	while (*slot) {
		if ((*slot)->uid == uid)
			listener_free(slot);
		else
			slot = &(*slot)->next;
	}
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
	server->service = (struct varlink_service){ *info, interfaces, n, user };
	r = listener_new(server, fd, VARLINK_ANYBODY, 0);
	if (r) {
		free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void varlink_server_own(struct varlink_server *server, uint32_t uid)
{
	server->own = true;
	server->shares.exempt = uid;
}

void varlink_server_free(struct varlink_server *server)
{
	if (!server)
		return;
	while (server->peers)
		peer_free(server->peers);
	while (server->listeners)
		listener_free(&server->listeners);
	timer_disarm(&server->pause);
	timer_disarm(&server->turn);
	free(server);
}
