// SPDX-License-Identifier: Apache-2.0
#include "grpc/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grpc/within.h"

struct grpc_channel {
	struct conn *conn; /* NULL: down */
	const struct grpc_channel_events *events;
	void *user;
	char *authority;
	int close_ret;
	unsigned busy;
	bool freed, closing;
};

static void done(struct grpc_channel *channel)
{
	free(channel->authority);
	free(channel);
}

static void on_up(struct conn *conn)
{
	struct grpc_channel *channel = conn->owner;

	if (channel->events->up)
		channel->events->up(channel, channel->user);
}

static void on_down(struct conn *conn, const char *why)
{
	struct grpc_channel *channel = conn->owner;

	channel->close_ret = conn->close_ret;
	channel->busy++;
	if (channel->events->down)
		channel->events->down(channel, why, channel->user);
	channel->conn = NULL;
	channel->busy--;
	if (channel->freed)
		done(channel);
}

static const struct conn_use conn_use = { .up = on_up, .down = on_down };

static int channel_new(struct loop *loop, int fd, bool connected, const struct grpc_tls *tls,
		       const char *authority, const struct grpc_limits *limits,
		       const struct grpc_channel_events *events, void *user,
		       struct grpc_channel **ret)
{
	struct grpc_channel *channel = calloc(1, sizeof(*channel));
	int r = -ENOMEM;

	if (channel) {
		channel->events = events;
		channel->user = user;
		channel->authority = strdup(authority ?: tls_name(tls) ?: "localhost");
	}
	if (!channel || !channel->authority || !limits_fit(limits) || !tls_is_client(tls)) {
		if (channel && channel->authority)
			r = -EINVAL;
		close(fd);
	} else {
		r = conn_new(loop, fd, tls, connected, limits, &conn_use, channel, &channel->conn);
	}
	if (!r)
		*ret = channel;
	else if (channel)
		done(channel);
	return r;
}

int grpc_channel_new(struct loop *loop, const struct sockaddr *addr, socklen_t size,
		     const struct grpc_tls *tls, const char *authority,
		     const struct grpc_limits *limits, const struct grpc_channel_events *events,
		     void *user, struct grpc_channel **ret)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno
		      : grpc_channel_connect(loop, fd, addr, size, tls, authority, limits, events,
					     user, ret);
}

int grpc_channel_connect(struct loop *loop, int fd, const struct sockaddr *addr, socklen_t size,
			 const struct grpc_tls *tls, const char *authority,
			 const struct grpc_limits *limits, const struct grpc_channel_events *events,
			 void *user, struct grpc_channel **ret)
{
	bool connected = !connect(fd, addr, size);

	/* what it failed for is told by the socket, from the loop */
	if (!connected && errno != EINPROGRESS) {
		int r = -errno;

		close(fd);
		return r;
	}
	return channel_new(loop, fd, connected, tls, authority, limits, events, user, ret);
}

int grpc_channel_adopt(struct loop *loop, int fd, const struct grpc_tls *tls, const char *authority,
		       const struct grpc_limits *limits, const struct grpc_channel_events *events,
		       void *user, struct grpc_channel **ret)
{
	return channel_new(loop, fd, true, tls, authority, limits, events, user, ret);
}

int grpc_channel_free(struct grpc_channel *channel)
{
	int r;

	if (!channel || channel->freed)
		return 0;
	channel->freed = true;
	if (channel->busy) /* on_down() frees it */
		return channel->close_ret;
	if (channel->conn) {
		struct conn *conn = channel->conn;

		conn->use = NULL;
		if (conn->dead) /* its calls are being told: nobody asks for it after that */
			channel->close_ret = conn->close_ret;
		else
			channel->close_ret =
			    conn_kill(conn, GRPC_CANCELLED, "the call was cancelled");
	}
	r = channel->close_ret;
	done(channel);
	return r;
}

void grpc_channel_close(struct grpc_channel *channel)
{
	channel->closing = true;
	if (!channel->conn || channel->conn->dead)
		return;
	if (channel->conn->http)
		session_leave(channel->conn, NGHTTP2_NO_ERROR, "");
	else
		conn_kill(channel->conn, GRPC_UNAVAILABLE, "it was closed");
}

const struct grpc_peer *grpc_channel_peer(const struct grpc_channel *channel)
{
	static const struct grpc_peer nobody;

	return channel->conn ? &channel->conn->peer : &nobody;
}

int grpc_call_new(struct grpc_channel *channel, const char *path, const struct grpc_metadata *md,
		  unsigned n, uint64_t timeout_ns, const struct grpc_events *events, void *mine,
		  struct grpc_call **ret)
{
	struct conn *conn = channel->conn;
	struct grpc_call *call;
	uint32_t most;
	int r;

	if (channel->closing || (conn && conn->leaving))
		return -ESHUTDOWN;
	if (!conn || conn->dead || conn->state != CONN_UP)
		return -ENOTCONN;
	most = nghttp2_session_get_remote_settings(conn->http,
						   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (conn->n_calls >= most || conn->n_calls >= conn->limits.streams)
		return -EAGAIN;
	call = call_new(conn, 0);
	if (!call)
		return -ENOMEM;
	call->events = events;
	call->mine = mine;
	r = call_request(call, channel->authority, path, md, n, timeout_ns);
	if (r) {
		call_gone(call);
		return r;
	}
	*ret = call;
	return 0;
}
