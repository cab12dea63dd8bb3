// SPDX-License-Identifier: Apache-2.0
#include "session_line.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "grpc/channel.h"

#define SESSION "/clawker.clawkerd.v1.ClawkerdService/Session"
#define MESSAGE (2U << 20) /* bytes: the longest step of a plan, and no more of a peer's */

struct line {
	struct loop *loop;
	const struct line_events *events;
	void *user;
	struct grpc_channel *channel;
	struct grpc_call *call; /* NULL: not yet, or over */
	bool over;
};

struct grpc_lines {
	struct lines lines;
	struct loop *loop;
	struct grpc_tls *tls;
};

static void line_over(struct line *line, bool eof, const char *why)
{
	if (line->over)
		return;
	line->over = true;
	line->events->over(line->user, eof, why);
}

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct line *line = grpc_call_mine(call);

	line->events->message(line->user, bytes, n);
}

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	struct line *line = grpc_call_mine(call);
	char why[256];

	line->call = NULL;
	snprintf(why, sizeof(why), "%s: %.200s", grpc_code_name(code), text);
	line_over(line, code == GRPC_OK, why);
}

static const struct grpc_events call_events = { .message = on_message, .over = on_over };

static void on_up(struct grpc_channel *channel, void *user)
{
	struct line *line = user;
	int r = grpc_call_new(channel, SESSION, NULL, 0, 0, &call_events, line, &line->call);

	if (r)
		line_over(line, false, strerror(-r));
	else
		line->events->up(line->user, grpc_channel_peer(channel));
}

static void on_down(struct grpc_channel *channel, const char *why, void *user)
{
	(void)channel;
	line_over(user, false, why);
}

static const struct grpc_channel_events channel_events = { .up = on_up, .down = on_down };

static socklen_t address(const uint8_t addr[static 16], uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	*ret = (struct sockaddr_storage){};
	if (addr_is_v4(addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, addr, 16);
	return sizeof(*v6);
}

static int line_open(struct lines *lines, int fd, const uint8_t addr[static 16],
		     const struct line_events *events, void *user, struct line **ret)
{
	struct grpc_lines *of = container_of(lines, struct grpc_lines, lines);
	struct grpc_limits limits = GRPC_LIMITS;
	struct line *line = calloc(1, sizeof(*line));
	struct sockaddr_storage to;
	socklen_t size = address(addr, lines->port, &to);
	int r;

	if (!line) {
		closep(&fd);
		return -ENOMEM;
	}
	*line = (struct line){ .loop = of->loop, .events = events, .user = user };
	limits.streams = 1;
	limits.message = limits.queue = MESSAGE;
	if (fd < 0)
		r = grpc_channel_new(of->loop, (const struct sockaddr *)&to, size, of->tls, NULL,
				     &limits, &channel_events, line, &line->channel);
	else
		r = grpc_channel_connect(of->loop, fd, (const struct sockaddr *)&to, size, of->tls,
					 NULL, &limits, &channel_events, line, &line->channel);
	if (r)
		free(line);
	else
		*ret = line;
	return r;
}

static int line_send(struct line *line, const void *bytes, size_t n)
{
	return line->call ? grpc_send(line->call, bytes, n) : -EPIPE;
}

static int line_close(struct line *line)
{
	int r;

	line->over = true;
	if (line->call)
		grpc_end(TAKE_PTR(line->call), GRPC_CANCELLED, NULL);
	r = grpc_channel_free(line->channel);
	free(line);
	return r;
}

static void grpc_lines_free(struct lines *lines)
{
	struct grpc_lines *of = container_of(lines, struct grpc_lines, lines);

	grpc_tls_free(of->tls);
	free(of);
}

int lines_grpc_new(struct loop *loop, struct grpc_tls *tls, uint16_t port, struct lines **ret)
{
	struct grpc_lines *of = calloc(1, sizeof(*of));

	if (!of)
		return -ENOMEM;
	*of = (struct grpc_lines){
		.lines = { line_open, line_send, line_close, grpc_lines_free, port },
		.loop = loop,
		.tls = tls,
	};
	*ret = &of->lines;
	return 0;
}

void lines_grpc_tls(struct lines *lines, struct grpc_tls *tls)
{
	struct grpc_lines *of = container_of(lines, struct grpc_lines, lines);

	grpc_tls_free(of->tls);
	of->tls = tls;
}

void lines_free(struct lines *lines)
{
	if (lines)
		lines->free(lines);
}
