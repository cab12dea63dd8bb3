// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_stream.c - server-sent events: what the hub tells, as long as the page is open
 *
 * What was told and not read waits in a buffer; when that is full the hub is not read, and counts
 * what is missed. An idle stream is a suspended connection, which the library does not look at:
 * whether its peer is still there we see ourselves.
 */
#include <stdlib.h>
#include <string.h>

#include "clearance_web_http.h"

#define FULL (512 << 10) /* bytes that wait for a reader; then the hub is not read */

struct stream {
	struct stream *next, **slot;
	struct web *web;
	struct peer *peer;
	struct MHD_Connection *connection;
	struct source gone; /* its peer has closed */
	uint64_t session;
	struct feed feed;
	char *text;
	size_t n, size, sent;
	bool suspended, over;
};

static void stream_wake(struct stream *stream)
{
	if (!stream->suspended)
		return;
	stream->suspended = false;
	web_resume(stream->web, stream->connection);
}

static void stream_put(struct stream *stream, const char *text, size_t n)
{
	size_t size = stream->size ?: 4096;
	char *grown;

	if (stream->over)
		return;
	while (size - stream->n < n)
		size *= 2;
	grown = size == stream->size ? stream->text : realloc(stream->text, size);
	if (!grown) {
		stream->over = true;
	} else {
		stream->text = grown;
		stream->size = size;
		memcpy(stream->text + stream->n, text, n);
		if (!stream->n && stream->peer)
			peer_owes(stream->web, stream->peer, WEB_DRAIN_NS);
		stream->n += n;
	}
	stream_wake(stream);
}

static void stream_tell(const char *event, const char *data, void *user)
{
	struct stream *stream = user;

	stream_put(stream, "event: ", 7);
	stream_put(stream, event, strlen(event));
	stream_put(stream, "\ndata: ", 7);
	stream_put(stream, data, strlen(data));
	stream_put(stream, "\n\n", 2);
}

static bool stream_full(void *user)
{
	const struct stream *stream = user;

	return stream->n - stream->sent >= FULL;
}

static const struct feed_face stream_face = { .tell = stream_tell, .full = stream_full };

static ssize_t stream_read(void *cls, uint64_t at, char *buf, size_t max)
{
	struct stream *stream = cls;
	size_t n = stream->n - stream->sent;

	(void)at;
	if (!n && stream->over)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!n) {
		stream->suspended = true;
		MHD_suspend_connection(stream->connection);
		return 0;
	}
	n = n < max ? n : max;
	memcpy(buf, stream->text + stream->sent, n);
	stream->sent += n;
	if (stream->peer) /* it reads: as much time again */
		peer_owes(stream->web, stream->peer, stream->sent < stream->n ? WEB_DRAIN_NS : 0);
	if (stream->sent == stream->n) {
		stream->sent = stream->n = 0;
		feed_resume(&stream->feed);
	}
	return n;
}

static int on_gone(struct source *source, uint32_t events)
{
	struct stream *stream = container_of(source, struct stream, gone);

	(void)events;
	source_del(source);
	stream->sent = stream->n; /* nobody reads it */
	stream->over = true;
	stream_wake(stream);
	return 0;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	feed_stop(&stream->feed);
	source_del(&stream->gone);
	*stream->slot = stream->next;
	if (stream->next)
		stream->next->slot = stream->slot;
	stream->web->n_streams--;
	free(stream->text);
	free(stream);
}

enum MHD_Result stream_new(struct request *request)
{
	const union MHD_ConnectionInfo *is;
	struct web *web = request->web;
	struct stream *stream;

	if (web->n_streams == WEB_STREAMS)
		return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "TooMany",
			      "too many pages are open; close one");
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return MHD_NO;
	*stream = (struct stream){ .web = web,
				   .peer = request->peer,
				   .connection = request->connection,
				   .session = request->session,
				   .next = web->streams,
				   .slot = &web->streams };
	if (stream->next)
		stream->next->slot = &stream->next;
	web->streams = request->stream = stream;
	web->n_streams++;
	stream->feed = (struct feed){
		.loop = web->loop, .path = web->hub, .face = &stream_face, .user = stream
	};
	is = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (is)
		source_add(web->loop, &stream->gone, is->connect_fd, EPOLLRDHUP, on_gone);
	feed_start(&stream->feed);
	return respond(
	    request, MHD_HTTP_OK, "text/event-stream",
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, stream, NULL));
}

static void stream_end(struct stream *stream)
{
	stream->over = true;
	stream_wake(stream);
}

void streams_check(struct web *web)
{
	uint64_t now = now_boot_ns();

	for (struct stream *stream = web->streams; stream; stream = stream->next) {
		if (!web->closing && door_alive(web->door, stream->session, now)) {
			if (!stream->n)
				stream_put(stream, ":\n\n", 3);
			continue;
		}
		if (!web->closing)
			stream_tell("bye", "{}", stream);
		stream_end(stream);
	}
}
