// SPDX-License-Identifier: Apache-2.0
#include "ingest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/sock.h"

#define BITE       4096 /* bytes of one connection a round: fewer lines than a queue holds */
#define ACCEPTS    64   /* connections taken a round */
#define HELD_FIRST 512  /* room for the beginning of a line; doubles */
#define SHOWN      120  /* characters of a line that is no good */
#define PAUSE_NS   UINT64_C(100000000) /* before accepting again what could not be accepted */

/* Complaints: so many a while, then how many there were. */
#define COMPLAINTS   10
#define COMPLAINT_NS (10 * SECOND_NS)

struct reader {
	struct source source;
	struct ingest *ingest;
	struct reader *next, *prev;
	char *held; /* the beginning of a line; NULL: none */
	unsigned n_held, size_held;
	bool skipping; /* its line is too long: what comes is dropped up to its end */
};

struct ingest {
	struct source source;
	struct timer pause; /* armed: accept() failed for want of something */
	struct loop *loop;
	ingest_fn fn;
	void *user;
	struct reader *readers;
	unsigned n_readers;
	size_t held; /* bytes allocated for all beginnings */
	unsigned said, unsaid;
	uint64_t said_ns; /* when the current while began */
	struct reader_line line;
	char bite[BITE];
};

/* --- complaints ---------------------------------------------------------------------- */

static bool may_complain(struct ingest *ingest)
{
	uint64_t now = now_boot_ns();

	if (now - ingest->said_ns >= COMPLAINT_NS) {
		if (ingest->unsaid)
			log_warn(0, "readers: %u more complaints were not written", ingest->unsaid);
		ingest->said_ns = now;
		ingest->said = ingest->unsaid = 0;
	}
	if (ingest->said < COMPLAINTS) {
		ingest->said++;
		return true;
	}
	ingest->unsaid++;
	return false;
}

static void complain(struct ingest *ingest, const char *what, const char *line, size_t n)
{
	char shown[SHOWN + 1];

	if (may_complain(ingest))
		log_warn(0, "a reader's line was dropped: %s: %s", what,
			 sanitise(shown, SHOWN, line, n));
}

/* --- lines --------------------------------------------------------------------------- */

static void line_take(struct ingest *ingest, const char *text, size_t n)
{
	struct problem why = {};

	switch (reader_line_parse(text, n, &ingest->line, &why)) {
	case 0: ingest->fn(&ingest->line, ingest->user); break;
	case -EINVAL: complain(ingest, why.text, text, n); break;
	default: break; /* blank, or of a newer reader */
	}
}

static void held_drop(struct reader *reader)
{
	reader->ingest->held -= reader->size_held;
	free(reader->held);
	reader->held = NULL;
	reader->n_held = reader->size_held = 0;
}

/* This line will not be read: it is dropped as far as it came, and up to its end. */
static void line_skip(struct reader *reader, const char *what, const char *text, size_t n)
{
	complain(reader->ingest, what, reader->held ?: text, reader->held ? reader->n_held : n);
	held_drop(reader);
	reader->skipping = true;
}

static int held_room(struct reader *reader, size_t n)
{
	struct ingest *ingest = reader->ingest;
	size_t size = reader->size_held ?: HELD_FIRST;
	char *held;

	while (size < n)
		size *= 2;
	if (size == reader->size_held)
		return 0;
	if (ingest->held - reader->size_held + size > INGEST_HELD_MAX)
		return -ENOBUFS;
	held = realloc(reader->held, size);
	if (!held)
		return -ENOMEM;
	ingest->held += size - reader->size_held;
	reader->held = held;
	reader->size_held = size;
	return 0;
}

/* The beginning of a line, or more of it, is kept until its end comes. */
static void line_hold(struct reader *reader, const char *text, size_t n)
{
	if (reader->skipping || !n)
		return;
	if (reader->n_held + n > INGEST_LINE_MAX) {
		line_skip(reader, "longer than 65536 bytes", text, n);
	} else if (held_room(reader, reader->n_held + n)) {
		line_skip(reader, "too many lines are unfinished", text, n);
	} else {
		memcpy(reader->held + reader->n_held, text, n);
		reader->n_held += n;
	}
}

/* The line's last bytes. */
static void line_end(struct reader *reader, const char *text, size_t n)
{
	if (reader->held)
		line_hold(reader, text, n);
	if (reader->held)
		line_take(reader->ingest, reader->held, reader->n_held);
	else if (!reader->skipping)
		line_take(reader->ingest, text, n);
	reader->skipping = false;
	held_drop(reader);
}

static void bytes_take(struct reader *reader, const char *bytes, size_t n)
{
	const char *newline;

	while ((newline = memchr(bytes, '\n', n))) {
		line_end(reader, bytes, newline - bytes);
		n -= newline + 1 - bytes;
		bytes = newline + 1;
	}
	line_hold(reader, bytes, n);
}

/* --- connections --------------------------------------------------------------------- */

static void readers_listen(struct ingest *ingest)
{
	timer_disarm(&ingest->pause);
	source_set(&ingest->source, EPOLLIN);
}

static void reader_free(struct reader *reader)
{
	struct ingest *ingest = reader->ingest;
	int fd = reader->source.fd;

	held_drop(reader);
	source_del(&reader->source);
	closep(&fd);
	if (reader->prev)
		reader->prev->next = reader->next;
	else
		ingest->readers = reader->next;
	if (reader->next)
		reader->next->prev = reader->prev;
	ingest->n_readers--;
	free(reader);
	readers_listen(ingest); /* there is room now, and a descriptor */
}

static int reader_ready(struct source *source, uint32_t events)
{
	struct reader *reader = container_of(source, struct reader, source);
	struct ingest *ingest = reader->ingest;
	ssize_t n = recv(source->fd, ingest->bite, sizeof(ingest->bite), MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		bytes_take(reader, ingest->bite, n);
		return 0;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (!n && reader->held)
		line_end(reader, "", 0);
	reader_free(reader);
	return 0;
}

static int pause_over(struct timer *timer)
{
	readers_listen(container_of(timer, struct ingest, pause));
	return 0;
}

/* Descriptors or memory ran out: who waits stays in the backlog and would wake us at once. */
static void accept_failed(struct ingest *ingest)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	source_set(&ingest->source, 0);
	timer_arm(ingest->loop, &ingest->pause, now_boot_ns() + PAUSE_NS, pause_over);
}

static bool is_ours(struct ingest *ingest, int fd)
{
	struct ucred peer;
	int r = sock_peer(fd, &peer);

	if (!r && peer.uid == getuid())
		return true;
	if (may_complain(ingest))
		log_warn(r,
			 r ? "nobody knows who a reader is"
			   : "a reader of user %u is not heard: it is not ours",
			 r ? 0 : peer.uid);
	return false;
}

static void reader_add(struct ingest *ingest, int *fd)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return;
	reader->ingest = ingest;
	if (source_add(ingest->loop, &reader->source, *fd, EPOLLIN, reader_ready)) {
		free(reader);
		return;
	}
	*fd = -1; /* the source has it */
	reader->next = ingest->readers;
	if (reader->next)
		reader->next->prev = reader;
	ingest->readers = reader;
	if (++ingest->n_readers == INGEST_PEERS_MAX)
		source_set(&ingest->source, 0);
}

static int on_connect(struct source *source, uint32_t events)
{
	struct ingest *ingest = container_of(source, struct ingest, source);

	(void)events;
	for (int i = 0; i < ACCEPTS && ingest->n_readers < INGEST_PEERS_MAX; i++) {
		_cleanup_close_ int fd =
		    accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			accept_failed(ingest);
			return 0;
		}
		if (is_ours(ingest, fd))
			reader_add(ingest, &fd);
	}
	return 0;
}

int ingest_new(struct loop *loop, int fd, ingest_fn fn, void *user, struct ingest **ret)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));
	int r;

	if (!ingest)
		return -ENOMEM;
	ingest->loop = loop;
	ingest->fn = fn;
	ingest->user = user;
	r = source_add(loop, &ingest->source, fd, EPOLLIN, on_connect);
	if (r) {
		free(ingest);
		return r;
	}
	*ret = ingest;
	return 0;
}

void ingest_free(struct ingest *ingest)
{
	if (!ingest)
		return;
	while (ingest->readers)
		reader_free(ingest->readers);
	timer_disarm(&ingest->pause);
	source_del(&ingest->source);
	free(ingest);
}
