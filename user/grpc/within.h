/* SPDX-License-Identifier: Apache-2.0 */
/*
 * within.h - what the files of gRPC share; nobody else includes it
 *
 * A conn is a connection of either side; its owner is a server or a channel, which hears of it by
 * a struct conn_use. Callbacks of those who have calls run while nghttp2 is at work, and may end
 * calls, connections and owners: so a conn that is dead, and a call that is gone, are freed by
 * conn_leave() when nothing of ours is on the stack any more. Threads: none.
 */
#ifndef GRPC_WITHIN_H
#define GRPC_WITHIN_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "base/event.h"
#include "base/meter.h"
#include "grpc/call.h"
#include "grpc/channel.h"
#include "grpc/frame.h"
#include "grpc/limits.h"
#include "grpc/status.h"
#include "grpc/tls.h"

#define PIECE (16 << 10)         /* bytes that are read or written at once: a record of TLS */
#define PULL  (2 * PIECE + 1024) /* what was nearly a piece, and one more frame */

struct conn;

/* What the owner of a connection hears of it. */
struct conn_use {
	void (*up)(struct conn *conn);
	void (*asked)(struct conn *conn, struct grpc_call *call); /* server: headers are there */
	void (*down)(struct conn *conn, const char *why);         /* it is nobody's after that */
};

enum conn_state {
	CONN_CONNECTS,
	CONN_SHAKES,  /* TLS */
	CONN_SETTLES, /* for the peer's SETTINGS */
	CONN_UP,
	CONN_LAST, /* all was said: what still comes is forgotten, so that it can be read */
};

struct conn {
	struct conn *next, **slot; /* the owner's list */
	struct loop *loop;
	const struct conn_use *use; /* NULL: nobody wants to know */
	void *owner;
	void *kept; /* by whoever has the server, of this connection */
	struct grpc_limits limits;
	enum conn_state state;
	bool client;
	int fd;        /* -1: bytes come and go by session_feed() and session_pull() */
	int close_ret; /* what close(2) said */
	struct source source;
	struct timer late, again;
	struct grpc_tls *tls;
	SSL *ssl;
	nghttp2_session *http;
	struct grpc_call *calls, *gone;
	unsigned n_calls, busy;
	uint8_t *out; /* plain bytes that TLS has not taken; NULL: none */
	size_t out_at, out_n;
	uint64_t since_ns, heard_ns, moved_ns,
	    pinged_ns; /* CLOCK_BOOTTIME; pinged: 0: no PING is out */
	struct meter resets, controls, pings;
	bool wants_write; /* TLS does, whatever we have to say */
	bool stirred;     /* a call has something to tell */
	bool leaving;     /* GOAWAY came or went: no new calls */
	bool was_up, shut;
	bool dead;
	struct grpc_peer peer;
	char why[160];
};

struct queued {
	struct queued *next;
	size_t n, at;
	uint8_t bytes[];
};

struct grpc_call {
	struct grpc_call *next, **slot;
	struct conn *conn; /* NULL: gone */
	const struct grpc_events *events;
	void *mine;
	void (*start)(struct grpc_call *call, void *user); /* server: what admission leads to */
	int32_t id;
	struct timer deadline; /* or, once ended, for how long the peer may not take the rest */
	uint64_t deadline_ns;
	char *headers;                         /* name, NUL, value, NUL ...; .n_headers bytes */
	size_t n_headers, room_headers, block; /* block: where the last list begins */
	size_t listed;                         /* its bytes as HTTP/2 counts them */
	struct frame frame;
	uint8_t *wait; /* bytes of messages that cannot be told yet */
	size_t wait_at, n_wait, room_wait;
	struct queued *first, **last;
	size_t queued;
	enum grpc_code code; /* once ended, or closed */
	char *text;
	bool held, feeding;
	bool replied;   /* server: headers are submitted */
	bool half;      /* no more messages from us */
	bool ended;     /* who had it hears nothing more */
	bool over;      /* the stream is closed, .code says how: over() waits for the messages */
	bool peer_half; /* the peer has said all */
	bool half_told;
	bool choked;  /* -ENOBUFS was said */
	bool large;   /* its headers are too long */
	bool foreign; /* client: the reply is no gRPC */
};

/* conn.c */
/** conn_new() - @fd is the connection's, in any case; NULL use: nobody is told */
int conn_new(struct loop *loop, int fd, const struct grpc_tls *tls, bool connected,
	     const struct grpc_limits *limits, const struct conn_use *use, void *owner,
	     struct conn **ret);
/** conn_bare() - one without a socket, up as soon as SETTINGS come */
int conn_bare(struct loop *loop, bool client, const struct grpc_limits *limits,
	      const struct conn_use *use, void *owner, struct conn **ret);
/** conn_kill() - calls are over with @code, then down(@why); freed by the last conn_leave(); what close(2) said */
int conn_kill(struct conn *conn, enum grpc_code code, const char *why);
/** conn_wake() - there is something to say, or to tell */
void conn_wake(struct conn *conn);
/** conn_enter() - around everything that calls nghttp2 or others */
void conn_enter(struct conn *conn);
/** conn_leave() - see there; @conn may be no more after that */
void conn_leave(struct conn *conn);
/** conn_up() - the peer's SETTINGS are there */
void conn_up(struct conn *conn);

/** limits_fit() - can they be kept? */
bool limits_fit(const struct grpc_limits *limits);

/* session.c */
/** session_new() - nghttp2 for @conn, and our SETTINGS; 0 or -ENOMEM */
int session_new(struct conn *conn);
/** session_feed() - bytes of the peer; 0, or negative errno with conn->why: the end */
int session_feed(struct conn *conn, const uint8_t *bytes, size_t n);
/** session_pull() - bytes for the peer, PULL at most; how many, or as session_feed() */
ssize_t session_pull(struct conn *conn, uint8_t *bytes, size_t size);
/** session_leave() - GOAWAY: no more calls */
void session_leave(struct conn *conn, uint32_t error, const char *why);
/** session_key_update() - the peer has said something in TLS beside its bytes, which costs it little */
void session_key_update(struct conn *conn);
/** session_done() - nothing is to be said or heard any more */
bool session_done(const struct conn *conn);

/* pieces.c */
/** pieces() - how nghttp2 has its memory */
nghttp2_mem *pieces(void);

/* call.c */
/** call_new() - NULL: no memory */
struct grpc_call *call_new(struct conn *conn, int32_t id);
/** call_gone() - out of the connection's list; freed once nobody is on the stack */
void call_gone(struct grpc_call *call);
/** call_header() - one came; 0 or -ENOMEM */
int call_header(struct grpc_call *call, const uint8_t *name, size_t n_name, const uint8_t *value,
		size_t n_value);
/** call_block() - a list of headers begins */
void call_block(struct grpc_call *call);
/** call_asked() - server: its headers are whole */
void call_asked(struct grpc_call *call);
/** call_replied() - client: a list of headers is whole; @last: nothing follows */
void call_replied(struct grpc_call *call, bool last);
/** call_data() - bytes of messages */
void call_data(struct grpc_call *call, const uint8_t *bytes, size_t n);
/** call_peer_half() - the peer has said all */
void call_peer_half(struct grpc_call *call);
/** call_closed() - its stream is no more; @error: of HTTP/2 */
void call_closed(struct grpc_call *call, uint32_t error);
/** call_cut() - its connection is no more */
void call_cut(struct grpc_call *call, enum grpc_code code, const char *why);
/** call_stir() - tell what waits, if it may be told now */
void call_stir(struct grpc_call *call);
/** calls_free() - those that are gone */
void calls_free(struct conn *conn);

#define CALL_METADATA 16 /* headers of ours in one call */
/** call_request() - client: headers of ours; as grpc_call_new() */
int call_request(struct grpc_call *call, const char *authority, const char *path,
		 const struct grpc_metadata *md, unsigned n, uint64_t timeout_ns);

/* tls.c */
/**
 * tls_open() - TLS over @fd; NULL: no memory
 *
 * SSL_read() waits for the socket after each message of TLS that is no byte of the peer's: who sends
 * many of them has its turn and no more.
 */
SSL *tls_open(struct grpc_tls *tls, int fd);
/** tls_ref() - one more has it, until grpc_tls_free() */
struct grpc_tls *tls_ref(const struct grpc_tls *tls);
/** tls_is_client() - is it for one that connects? */
bool tls_is_client(const struct grpc_tls *tls);
/** tls_name() - the name of its use; NULL: none */
const char *tls_name(const struct grpc_tls *tls);
/** tls_why() - the last error of @ssl in words, into @buf; returns @buf */
const char *tls_why(const SSL *ssl, int err, char *buf, size_t size);

/* peer.c */
/** peer_of() - who is at the other end of @ssl, once hands are shaken; 0 or -ENOMEM */
int peer_of(SSL *ssl, struct grpc_peer *ret);
/** peer_addr() - where from */
void peer_addr(int fd, struct grpc_peer *ret);
/** peer_is() - strict: is that its CN, and may it be a client? */
bool peer_is(X509 *cert, const char *cn);

#endif
