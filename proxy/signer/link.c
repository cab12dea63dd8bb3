// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BITE   65536
#define SPARED (1 << 16) /* bytes of a buffer that stay with it when it is empty */

static int end(struct link *link, int error)
{
	if (link->over)
		return 0;
	link->over = true;
	source_del(&link->source);
	link->ended(link, error);
	return 0;
}

/* Room for @more bytes behind what is used. */
static int grow(uint8_t **bytes, size_t *from, size_t *n, size_t *room, size_t more)
{
	size_t used = *n - *from, want = *room ?: 4096;
	uint8_t *to;

	if (*room - *n >= more)
		return 0;
	while (want < used + more)
		want *= 2;
	if (want == *room) {
		memmove(*bytes, *bytes + *from, used);
	} else {
		to = malloc(want);
		if (!to)
			return -ENOMEM;
		if (used)
			memcpy(to, *bytes + *from, used);
		if (*bytes)
			explicit_bzero(*bytes, *room); /* tokens go this way */
		free(*bytes);
		*bytes = to;
		*room = want;
	}
	*from = 0;
	*n = used;
	return 0;
}

#define GROW(buffer, more)                                                                         \
	grow(&(buffer).bytes, &(buffer).from, &(buffer).n, &(buffer).room, (more))

static void spare(uint8_t **bytes, size_t *from, size_t *n, size_t *room)
{
	if (*from != *n)
		return;
	*from = *n = 0;
	if (*room <= SPARED)
		return;
	explicit_bzero(*bytes, *room);
	free(*bytes);
	*bytes = NULL;
	*room = 0;
}

#define SPARE(buffer) spare(&(buffer).bytes, &(buffer).from, &(buffer).n, &(buffer).room)

static int send_some(struct link *link)
{
	while (link->out.from < link->out.n) {
		ssize_t sent = send(link->fd, link->out.bytes + link->out.from,
				    link->out.n - link->out.from, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		link->out.from += (size_t)sent;
	}
	SPARE(link->out);
	return 0;
}

/* All words that are there as a whole. */
static int words_read(struct link *link)
{
	struct word word;
	int r = 0;

	while (!r && !link->over && link->in.n - link->in.from >= sizeof(word)) {
		memcpy(&word, link->in.bytes + link->in.from, sizeof(word));
		if (word.size > WORD_PAYLOAD || !word.type || word.type >= WORD_TYPES_)
			return -EPROTO;
		if (link->in.n - link->in.from < sizeof(word) + word.size)
			break;
		r = link->said(link, &word,
			       span_of(link->in.bytes + link->in.from + sizeof(word), word.size));
		link->in.from += sizeof(word) + word.size;
	}
	SPARE(link->in);
	return r;
}

static int receive(struct link *link)
{
	ssize_t got;
	int r = GROW(link->in, BITE);

	if (r)
		return r;
	got = recv(link->fd, link->in.bytes + link->in.n, BITE, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!got)
		return -EPIPE;
	link->in.n += (size_t)got;
	return words_read(link);
}

static void interest(struct link *link)
{
	if (!link->over)
		source_set(&link->source,
			   link->out.from < link->out.n ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int on_ready(struct source *source, uint32_t events)
{
	struct link *link = container_of(source, struct link, source);
	int r = 0;

	if (events & EPOLLOUT)
		r = send_some(link);
	if (!r && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = receive(link);
	if (r)
		return end(link, r == -EPIPE || r == -ECONNRESET ? 0 : r);
	interest(link);
	if (link->full && link->out.n - link->out.from < LINK_OWED / 2) {
		link->full = false;
		if (link->drained && !link->over)
			link->drained(link);
	}
	return 0;
}

int link_begin(struct loop *loop, struct link *link, int fd)
{
	int r;

	link->loop = loop;
	link->fd = fd;
	r = source_add(loop, &link->source, fd, EPOLLIN, on_ready);
	if (r)
		link->fd = -1;
	return r;
}

int link_say(struct link *link, enum word_type type, uint64_t session, struct span head,
	     struct span rest)
{
	struct word word = { .size = (uint32_t)(head.n + rest.n),
			     .type = type,
			     .session = session };
	bool waits = link->out.from < link->out.n;
	int r;

	if (link->over || link->fd < 0)
		return -EPIPE;
	if (head.n + rest.n > WORD_PAYLOAD)
		return -EMSGSIZE;
	r = GROW(link->out, sizeof(word) + word.size);
	if (r)
		return r;
	memcpy(link->out.bytes + link->out.n, &word, sizeof(word));
	link->out.n += sizeof(word);
	if (head.n)
		memcpy(link->out.bytes + link->out.n, head.at, head.n);
	link->out.n += head.n;
	if (rest.n)
		memcpy(link->out.bytes + link->out.n, rest.at, rest.n);
	link->out.n += rest.n;
	/* what cannot be sent is told when the loop hears of it: nobody is ended from here */
	if (!waits)
		send_some(link);
	interest(link);
	return 0;
}

bool link_is_full(struct link *link)
{
	link->full |= link->out.n - link->out.from > LINK_OWED;
	return link->full;
}

void link_done(struct link *link)
{
	source_del(&link->source);
	closep(&link->fd);
	if (link->in.bytes)
		explicit_bzero(link->in.bytes, link->in.room);
	if (link->out.bytes)
		explicit_bzero(link->out.bytes, link->out.room);
	free(link->in.bytes);
	free(link->out.bytes);
	*link = LINK_NONE;
}
