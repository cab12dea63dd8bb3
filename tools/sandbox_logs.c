// SPDX-License-Identifier: Apache-2.0
#include "sandbox_logs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/spawn.h"

#define FOREVER_NS (UINT64_C(3600) * 24 * 365 * SECOND_NS)

struct stream {
	const struct logs_wish *wish;
	struct logs_match match[2]; /* standard output and error */
	bool c2[2], plain[2];
	bool ready;
	char said[256]; /* what podman said itself, if it failed */
};

bool logs_match(struct logs_match *match, const char *marker, const char *bytes, unsigned n)
{
	unsigned len = strlen(marker);
	char window[2 * LOGS_CARRY];
	unsigned head = n < LOGS_CARRY ? n : LOGS_CARRY;

	if (len > LOGS_CARRY)
		return false;
	memcpy(window, match->carry, match->n);
	memcpy(window + match->n, bytes, head);
	if (memmem(window, match->n + head, marker, len) || memmem(bytes, n, marker, len))
		return true;
	/* keep what may be its beginning */
	if (n < len) {
		unsigned whole = match->n + n, keep = whole < len - 1 ? whole : len - 1;

		memcpy(match->carry, window + whole - keep, keep);
		match->n = keep;
	} else {
		match->n = len - 1;
		memcpy(match->carry, bytes + n - match->n, match->n);
	}
	return false;
}

void logs_plain(char *bytes, unsigned n, bool *c2)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned char c = bytes[i];

		/* also what a terminal takes for an escape in UTF-8: c2 80 to c2 9f */
		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
		    (*c2 && c >= 0x80 && c < 0xa0))
			bytes[i] = '?';
		*c2 = c == 0xc2;
	}
}

static int put(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0)
			return -errno;
		bytes += done;
		n -= done;
	}
	return 0;
}

static int on_bytes(int fd, const char *bytes, size_t n, void *user)
{
	struct stream *stream = user;
	unsigned i = fd == 2, to = stream->wish->to_stderr ? 2 : fd;
	char copy[4096];
	int r;

	if (fd == 2 && n) /* the container's, or podman's own last words */
		snprintf(stream->said, sizeof(stream->said), "%.*s", (int)n, bytes);
	for (size_t at = 0; at < n; at += sizeof(copy)) {
		size_t some = n - at < sizeof(copy) ? n - at : sizeof(copy);

		memcpy(copy, bytes + at, some);
		if (stream->plain[to - 1])
			logs_plain(copy, some, &stream->c2[i]);
		r = put(to, copy, some);
		if (r)
			return r;
	}
	stream->ready = stream->wish->marker &&
			logs_match(&stream->match[i], stream->wish->marker, bytes, n);
	return stream->ready;
}

int logs_run(const struct logs_wish *wish, enum logs_end *ret, struct problem *why)
{
	struct stream stream = { .wish = wish, .plain = { isatty(1), isatty(2) } };
	const char *argv[8] = { "podman", "logs" };
	struct spawn spawn = { .argv = argv,
			       .env = (const char *const *)environ,
			       .limit_ns = wish->limit_s ? wish->limit_s * SECOND_NS : FOREVER_NS };
	const struct spawn_watch watch = { .bytes = on_bytes, .user = &stream };
	int status = 0, n = 2, r;

	if (wish->follow || wish->marker)
		argv[n++] = "-f";
	if (wish->tail) {
		argv[n++] = "--tail";
		argv[n++] = wish->tail;
	}
	argv[n++] = "--";
	argv[n] = wish->name;
	r = spawn_follow(&spawn, &watch, &status, why);
	*ret = stream.ready ? LOGS_READY : r == -ETIMEDOUT ? LOGS_LATE : LOGS_ENDED;
	if (r == -ETIMEDOUT)
		return 0;
	if (r)
		return r;
	return status > 0
		   ? problem(why, -EIO, "podman logs failed (%d): %.150s", status, stream.said)
		   : 0;
}
