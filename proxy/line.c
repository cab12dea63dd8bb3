// SPDX-License-Identifier: Apache-2.0
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tls.h"

#define URL_SIZE 2048

enum stage {
	STAGE_CONNECT, /* libcurl has it */
	STAGE_GREET,   /* TLS begins */
	STAGE_OPEN,
};

struct line {
	struct lines *lines;
	struct line *next, **slot; /* of those that are taken, or kept */
	struct upstream_call call; /* STAGE_CONNECT */
	struct source source;
	struct tls_side *tls; /* NULL: in the clear */
	const struct line_use *use;
	void *user;
	int fd;
	enum stage stage;
	bool kept, readable, in, out;
	uint64_t moved_ns, mark;
	char origin[];
};

struct known {
	char *origin;
	uint64_t until_ns;
	bool speaks;
};

struct lines {
	struct upstream *upstream;
	struct loop *loop;
	const char *ca_file;
	struct tls *tls;           /* NULL: nobody wanted it yet */
	struct line *taken, *kept; /* the last that was kept first */
	unsigned n_kept;
	struct timer late; /* who does not move, or is kept too long */
	struct known known[LINES_KNOWN];
};

static uint64_t mark_of(const char *origin)
{
	uint64_t mark = 14695981039346656037u;

	for (; *origin; origin++)
		mark = (mark ^ (unsigned char)*origin) * 1099511628211u;
	return mark;
}

/* --- in which list it is -------------------------------------------------------------- */

static void unlink_line(struct line *line)
{
	*line->slot = line->next;
	if (line->next)
		line->next->slot = line->slot;
	line->lines->n_kept -= line->kept;
	line->kept = false;
}

static void link_line(struct line *line, struct line **list)
{
	line->next = *list;
	line->slot = list;
	if (line->next)
		line->next->slot = &line->next;
	*list = line;
	line->kept = list == &line->lines->kept;
	line->lines->n_kept += line->kept;
}

/* --- who is late ---------------------------------------------------------------------- */

static uint64_t deadline(const struct line *line)
{
	return line->moved_ns + (line->kept ? LINES_KEEP_NS
				 : line->stage == STAGE_GREET
				     ? UPSTREAM_CONNECT_MS * 1000000
				     : upstream_idle_ns(line->lines->upstream));
}

static uint64_t close_old(struct lines *lines, uint64_t now, uint64_t first)
{
	for (struct line *line = lines->kept, *next; line; line = next) {
		uint64_t at = deadline(line);

		next = line->next;
		if (at <= now)
			line_free(line);
		else
			first = at < first ? at : first;
	}
	return first;
}

/* failed() may free its line and take another, so each round begins anew. */
static struct line *first_late(struct lines *lines, uint64_t now, uint64_t *first)
{
	for (struct line *line = lines->taken; line; line = line->next) {
		uint64_t at = deadline(line);

		if (line->stage == STAGE_CONNECT) /* libcurl sees to that */
			continue;
		if (at <= now)
			return line;
		*first = at < *first ? at : *first;
	}
	return NULL;
}

static int on_late(struct timer *timer)
{
	struct lines *lines = container_of(timer, struct lines, late);
	uint64_t now = now_boot_ns(), first = UINT64_MAX;
	struct line *line;

	while ((line = first_late(lines, now, &first))) {
		line->moved_ns = now; /* not again at once */
		line->use->failed(line, -ETIMEDOUT, line->user);
	}
	first = close_old(lines, now, first);
	if (first != UINT64_MAX && (!timer->loop || timer->at_ns > first))
		timer_arm(lines->loop, timer, first, on_late);
	return 0;
}

static void moved(struct line *line)
{
	struct timer *late = &line->lines->late;
	uint64_t at;

	line->moved_ns = now_boot_ns();
	at = deadline(line);
	if (!late->loop || late->at_ns > at) /* it may fire for nothing, and is set again then */
		timer_arm(line->lines->loop, late, at, on_late);
}

/* --- being made ----------------------------------------------------------------------- */

static void failed(struct line *line, int r)
{
	line->use->failed(line, r, line->user);
}

static int on_ready(struct source *source, uint32_t events);

static void watch(struct line *line)
{
	uint32_t events = (line->in ? EPOLLIN : 0) | (line->out ? EPOLLOUT : 0);

	if (!events) /* a connection that was reset would be told of for ever */
		source_del(&line->source);
	else if (line->source.loop)
		source_set(&line->source, events);
	else if (source_add(line->lines->loop, &line->source, line->fd, events, on_ready))
		shutdown(line->fd, SHUT_RDWR); /* whoever sends or reads next is told */
}

static void greet(struct line *line)
{
	struct problem why = {};
	int r = tls_greet(line->tls, &why);

	if (!r) {
		line->stage = STAGE_OPEN;
		line->readable = true;
		line_wait(line, true, false);
		line->use->can(line, line->user);
	} else if (r == -EAGAIN) {
		line_wait(line, true, tls_wants_out(line->tls));
	} else {
		log_debug(0, "an upstream's TLS: %s", why.text);
		failed(line, r);
	}
}

static int tls_begin(struct line *line)
{
	struct lines *lines = line->lines;
	const char *host = line->origin + strlen("https://");
	size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
	_cleanup_free_ char *name = NULL;
	struct problem why = {};
	int r = 0;

	name = *host == '[' ? strndup(host + 1, n - 1) : strndup(host, n);
	if (!name)
		return -ENOMEM;
	if (!lines->tls)
		r = tls_new(lines->ca_file, &lines->tls, &why);
	if (r)
		log_warn(0, "%s", why.text);
	return r ?: tls_side_new(lines->tls, line->fd, name, &line->tls);
}

/* libcurl has connected: its descriptor is closed with its handle, ours is the same connection. */
static void on_connected(struct upstream_call *call, CURLcode result)
{
	struct line *line = container_of(call, struct line, call);
	curl_socket_t fd = CURL_SOCKET_BAD;
	int r = 0;

	if (!result)
		curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
	else
		log_debug(0, "an upstream: %s", curl_easy_strerror(result));
	if (fd != CURL_SOCKET_BAD)
		line->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	upstream_call_done(call);
	if (line->fd < 0)
		return failed(line, -ECONNREFUSED);
	line->stage = STAGE_GREET;
	line->readable = line->in = true;
	moved(line);
	if (!strncmp(line->origin, "https:", 6))
		r = tls_begin(line);
	else
		line->stage = STAGE_OPEN;
	r = r ?: source_add(line->lines->loop, &line->source, line->fd, EPOLLIN, on_ready);
	if (r)
		failed(line, r);
	else if (line->tls)
		greet(line);
	else
		line->use->can(line, line->user);
}

/* A port is what the scheme has, if none is said: it is always in the clear for libcurl. */
static int url_of(const char *origin, char *url, size_t size)
{
	bool tls = !strncmp(origin, "https:", 6);
	const char *host = origin + (tls ? 8 : 7), *end = strrchr(host, ']') ?: host;
	bool port = strchr(end, ':') != NULL;
	int n = snprintf(url, size, "http://%s%s", host, port ? "" : tls ? ":443" : ":80");

	return n < 0 || (size_t)n >= size ? -E2BIG : 0;
}

static int connect_begin(struct line *line)
{
	char url[URL_SIZE];
	CURL *easy;
	int r = url_of(line->origin, url, sizeof(url));

	r = r ?: upstream_call_init(line->lines->upstream, &line->call, on_connected);
	if (r)
		return r;
	easy = line->call.easy;
	line->call.stays = true;
	if (curl_easy_setopt(easy, CURLOPT_URL, url) ||
	    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) ||
	    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
	    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L))
		return -ENOMEM;
	return upstream_start(&line->call);
}

/* --- being used ----------------------------------------------------------------------- */

/* Whoever speaks without being asked is not asked anything; TLS has words of its own. */
static bool is_silent(struct line *line)
{
	char byte;

	line->readable = true;
	return line_recv(line, &byte, 1) == -EAGAIN;
}

static int on_ready(struct source *source, uint32_t events)
{
	struct line *line = container_of(source, struct line, source);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		line->readable = true;
	if (line->kept) {
		if (!is_silent(line))
			line_free(line);
	} else if (line->stage == STAGE_GREET)
		greet(line);
	else
		line->use->can(line, line->user);
	return 0;
}

bool line_is_open(const struct line *line)
{
	return line->stage == STAGE_OPEN;
}

ssize_t line_send(struct line *line, const struct iovec *iov, int n)
{
	const struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	ssize_t r;

	if (line->tls)
		r = tls_send(line->tls, iov, n);
	else {
		r = sendmsg(line->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		r = r < 0 ? (errno == EINTR ? -EAGAIN : -errno) : r;
	}
	if (r > 0)
		moved(line);
	return r;
}

ssize_t line_recv(struct line *line, char *bytes, size_t size)
{
	ssize_t r;

	if (!line->readable)
		return -EAGAIN;
	if (line->tls)
		r = tls_recv(line->tls, bytes, size);
	else {
		r = recv(line->fd, bytes, size, MSG_DONTWAIT);
		r = r < 0 ? (errno == EINTR ? -EAGAIN : -errno) : r;
	}
	/* what is not here yet is the kernel's to tell of */
	if (line->tls)
		line->readable = r > 0 && tls_pending(line->tls);
	else
		line->readable = r > 0 && (size_t)r == size;
	if (r > 0)
		moved(line);
	return r;
}

void line_wait(struct line *line, bool in, bool out)
{
	if (line->in == in && line->out == out)
		return;
	line->in = in;
	line->out = out;
	if (line->stage != STAGE_CONNECT)
		watch(line);
}

/* --- its life ------------------------------------------------------------------------- */

/* One that has said something since the loop looked, which would be the reply, is none. */
static struct line *kept_for(struct lines *lines, const char *origin)
{
	uint64_t mark = mark_of(origin);

	for (struct line *line = lines->kept, *next; line; line = next) {
		next = line->next;
		if (line->mark != mark || strcmp(line->origin, origin) != 0)
			continue;
		if (is_silent(line))
			return line;
		line_free(line);
	}
	return NULL;
}

static int line_new(struct lines *lines, const char *origin, struct line **ret)
{
	struct line *line = calloc(1, sizeof(*line) + strlen(origin) + 1);
	int r;

	if (!line)
		return -ENOMEM;
	strcpy(line->origin, origin);
	line->mark = mark_of(origin);
	line->lines = lines;
	line->fd = -1;
	link_line(line, &lines->taken);
	r = connect_begin(line);
	if (r) {
		line_free(line);
		return r;
	}
	*ret = line;
	return 0;
}

int line_take(struct lines *lines, const struct route_place *place, bool fresh,
	      const struct line_use *use, void *user, struct line **ret)
{
	struct line *line = fresh ? NULL : kept_for(lines, place->origin);
	int r = 0;

	if (line) {
		unlink_line(line);
		link_line(line, &lines->taken);
		moved(line);
	} else
		r = line_new(lines, place->origin, &line);
	if (r)
		return r;
	line->use = use;
	line->user = user;
	*ret = line;
	return 0;
}

void line_keep(struct line *line)
{
	struct lines *lines = line->lines;
	struct line *oldest;

	if (line->tls && tls_pending(line->tls) && !is_silent(line))
		return line_free(line);
	unlink_line(line);
	link_line(line, &lines->kept);
	line_wait(line, true, false);
	moved(line);
	if (lines->n_kept <= LINES_KEPT)
		return;
	for (oldest = lines->kept; oldest->next;)
		oldest = oldest->next;
	line_free(oldest);
}

void line_free(struct line *line)
{
	if (!line)
		return;
	unlink_line(line);
	upstream_call_done(&line->call);
	source_del(&line->source);
	tls_side_free(line->tls);
	closep(&line->fd);
	free(line);
}

/* --- what is spoken where ------------------------------------------------------------- */

/* Of that origin; NULL: nothing, or not any more. */
static struct known *known_of(const struct lines *lines, const struct route_place *place)
{
	const struct known *known = &lines->known[mark_of(place->origin) % LINES_KNOWN];
	bool same = known->origin && !strcmp(known->origin, place->origin);

	return same && known->until_ns > now_boot_ns() ? (struct known *)known : NULL;
}

static void know(struct lines *lines, const struct route_place *place, bool speaks)
{
	struct known *known = &lines->known[mark_of(place->origin) % LINES_KNOWN];

	free(known->origin);
	known->origin = strdup(place->origin);
	known->until_ns = now_boot_ns() + LINES_KNOWN_NS;
	known->speaks = speaks;
}

bool lines_speak(const struct lines *lines, const struct route_place *place)
{
	const struct known *known = place->tls ? known_of(lines, place) : NULL;

	return !place->tls || (known && known->speaks);
}

void lines_learn(struct lines *lines, const struct route_place *place, bool speaks)
{
	struct known *known = place->tls ? known_of(lines, place) : NULL;

	if (known && !known->speaks)
		return; /* we could not, lately */
	if (speaks)
		know(lines, place, true);
	else if (known)
		known->until_ns = 0;
}

void lines_doubt(struct lines *lines, const struct route_place *place)
{
	know(lines, place, false);
}

/* --- all of them ---------------------------------------------------------------------- */

int lines_new(struct upstream *upstream, const char *ca_file, struct lines **ret)
{
	struct lines *lines = calloc(1, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	lines->upstream = upstream;
	lines->loop = upstream_loop(upstream);
	lines->ca_file = ca_file;
	*ret = lines;
	return 0;
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	while (lines->kept)
		line_free(lines->kept);
	for (unsigned i = 0; i < LINES_KNOWN; i++)
		free(lines->known[i].origin);
	timer_disarm(&lines->late);
	tls_free(lines->tls);
	free(lines);
}
