// SPDX-License-Identifier: Apache-2.0
/*
 * forward_line.c - a request and its reply by a connection of ours, in HTTP/1.1
 *
 * A request costs a call to send it and one to read its reply, which goes on in another if all of
 * it is there. What is not, the client's side fetches when it can send it: fill() reads from the
 * upstream into what is sent next, so that nothing is kept of a stream, and nothing is read for
 * who does not.
 *
 * Threads: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "forward_within.h"

#define IN_SIZE sizeof(((struct forwards *)NULL)->in)

static void push(struct forward *forward);

/* --- its line ------------------------------------------------------------------------- */

static bool is_sent(const struct forward *forward)
{
	const struct by_line *by = &forward->by_line;

	return forward->up_end && by->wire_at == forward->wire_n &&
	       forward->up_at == forward->up_n && by->tail_at == by->tail_n &&
	       (by->tail || !forward->chunked);
}

static bool is_over(const struct by_line *by)
{
	return by->reply.at == REPLY_OVER;
}

/* For the next request, if nothing of this one is left on it. */
static void release(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	bool keeps = is_over(by) && by->reply.keeps && !by->excess && !by->deaf &&
		     by->rest_at == by->rest_n && is_sent(forward);

	timer_disarm(&by->later);
	if (by->line && keeps)
		line_keep(by->line);
	else
		line_free(by->line);
	by->line = NULL;
}

/* What is here of a reply that nobody is to see. */
static void swallow(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	size_t used = 0;

	if (by->rest_n > by->rest_at && by->reply.at != REPLY_BAD)
		reply_take(&by->reply, by->rest + by->rest_at, by->rest_n - by->rest_at, &used);
	by->rest_at += used;
}

static void stop(struct forward *forward)
{
	struct by_line *by = &forward->by_line;

	if (by->line)
		swallow(forward);
	release(forward);
	reply_done(&by->reply);
	free(by->tail);
	free(by->rest);
	*by = (struct by_line){};
}

/* The reply is no more to be waited for; what still comes of the body is for nobody. */
static void leave(struct forward *forward)
{
	release(forward);
	if (forward->up_full)
		forward_more(forward);
}

static void bad(struct forward *forward)
{
	forward->by_line.reply.at = REPLY_BAD;
	leave(forward);
	forward_fail(forward);
}

static void gone(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	enum forward_end end = by->spoke   ? FORWARD_LOST
			       : by->began ? FORWARD_SILENT
					   : FORWARD_UNSENT;

	stop(forward);
	forward_gone(forward, end);
}

/* --- the request ---------------------------------------------------------------------- */

static unsigned pieces(const struct forward *forward, struct iovec *iov)
{
	const struct by_line *by = &forward->by_line;
	unsigned n = 0;

	if (by->wire_at < forward->wire_n)
		iov[n++] =
		    (struct iovec){ forward->wire + by->wire_at, forward->wire_n - by->wire_at };
	if (forward->up_at < forward->up_n)
		iov[n++] =
		    (struct iovec){ forward->up + forward->up_at, forward->up_n - forward->up_at };
	if (by->tail_at < by->tail_n)
		iov[n++] = (struct iovec){ by->tail + by->tail_at, by->tail_n - by->tail_at };
	return n;
}

static void pass(size_t *at, size_t end, size_t *n)
{
	size_t step = *n < end - *at ? *n : end - *at;

	*at += step;
	*n -= step;
}

/* A line that takes no more may have said why: whoever reads finds out. */
static void push(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	struct iovec iov[3];
	ssize_t n = 0;
	unsigned left;

	by->waits = false;
	while ((left = pieces(forward, iov)) && !by->deaf) {
		size_t passed;

		n = line_send(by->line, iov, (int)left);
		if (n < 0)
			break;
		by->began = true;
		passed = (size_t)n;
		pass(&by->wire_at, forward->wire_n, &passed);
		pass(&forward->up_at, forward->up_n, &passed);
		pass(&by->tail_at, by->tail_n, &passed);
	}
	by->deaf |= n < 0 && n != -EAGAIN;
	line_wait(by->line, true, left && !by->deaf);
	if (forward->up_full && !by->expects && (by->deaf || !left))
		forward_more(forward);
}

struct tail {
	char *bytes;
	size_t n;
};

static int on_trailer(const char *name, const char *value, void *user)
{
	struct tail *tail = user;
	size_t more = strlen(name) + strlen(value) + 4;
	char *grown = realloc(tail->bytes, tail->n + more + 3);

	if (!grown)
		return -ENOMEM;
	tail->bytes = grown;
	stpcpy(stpcpy(stpcpy(stpcpy(grown + tail->n, name), ": "), value), "\r\n");
	tail->n += more;
	return 0;
}

/* What ends a body of chunks. */
static int add_tail(struct forward *forward)
{
	struct tail tail = { strdup("0\r\n"), 3 };

	if (!tail.bytes || forward_each_trailer(forward, on_trailer, &tail)) {
		free(tail.bytes);
		return -ENOMEM;
	}
	if (tail.n == 3) {
		free(tail.bytes);
		tail.bytes = strdup("0\r\n\r\n");
		tail.n = 5;
	} else
		tail.n = (size_t)(stpcpy(tail.bytes + tail.n, "\r\n") - tail.bytes);
	forward->by_line.tail = tail.bytes;
	forward->by_line.tail_n = tail.bytes ? tail.n : 0;
	return tail.bytes ? 0 : -ENOMEM;
}

static void more(struct forward *forward)
{
	struct by_line *by = &forward->by_line;

	if (!by->line)
		return;
	if (forward->chunked && forward->up_end && !by->tail && add_tail(forward)) {
		by->deaf = true; /* without its end it must not look whole */
		return bad(forward);
	}
	if (by->waits)
		timer_disarm(&by->later);
	if (line_is_open(by->line))
		push(forward);
}

/* Nothing of a body came with its head; or nobody has said whether it is wanted. */
static int on_later(struct timer *timer)
{
	struct forward *forward = container_of(timer, struct forward, by_line.later);

	if (forward->by_line.waits)
		push(forward);
	else {
		forward->by_line.expects = false;
		forward_more(forward);
	}
	return 0;
}

/* It is open: the head goes with what there is of the body, or will be in a moment. */
static void send_first(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	struct loop *loop = upstream_loop(forward->forwards->upstream);

	if (forward->upload && http_lists(forward->request, "Expect", "100-continue") &&
	    !forward->up_n && !forward->up_end) {
		by->expects = true;
		timer_arm(loop, &by->later, now_boot_ns() + EXPECT_NS, on_later);
	} else if (!forward->up_end && !forward->up_n) {
		by->waits = true;
		timer_arm(loop, &by->later, 0, on_later);
		return;
	}
	push(forward);
}

/* --- the reply's head ----------------------------------------------------------------- */

/* It comes again, behind what follows. */
static int keep_rest(struct by_line *by, const char *bytes, size_t n)
{
	char *kept = n ? malloc(n) : NULL;

	if (n && !kept)
		return -ENOMEM;
	if (n)
		memcpy(kept, bytes, n);
	free(by->rest);
	by->rest = kept;
	by->rest_at = 0;
	by->rest_n = n;
	return 0;
}

/* 1: a head was read, of @ret bytes; 0: more has to come; -EBADMSG, -ENOMEM */
static int read_head(struct forward *forward, const char *bytes, size_t n, size_t *ret)
{
	ssize_t end = http_head_end(bytes, n);

	if (end < 0 || (size_t)(end ?: (ssize_t)n) > HEAD_MAX)
		return -EBADMSG;
	if (!end)
		return 0;
	free(forward->head);
	forward->head = malloc((size_t)end);
	if (!forward->head)
		return -ENOMEM;
	memcpy(forward->head, bytes, (size_t)end);
	*ret = (size_t)end;
	return http_head_reply(forward->head, (size_t)end, &forward->reply) ? -EBADMSG : 1;
}

/* The body is all here: it goes on with the head, in one piece. */
static bool is_whole(const struct forward *forward, size_t n)
{
	const struct by_line *by = &forward->by_line;

	return by->reply.at == REPLY_DATA && by->reply.left <= n && is_sent(forward);
}

static void go_elsewhere(struct forward *forward)
{
	stop(forward);
	forward_follow(forward);
}

/* The head is there, and @n bytes of what follows it. */
static void settle(struct forward *forward, char *bytes, size_t n)
{
	struct by_line *by = &forward->by_line;
	bool head = !strcmp(http_method(forward->request), "HEAD");
	size_t used = 0;

	timer_disarm(&by->later);
	by->expects = false;
	if (reply_begin(&by->reply, &forward->reply, head))
		return bad(forward);
	if (is_whole(forward, n)) {
		forward->whole = bytes;
		forward->whole_n = by->reply.left;
	}
	forward_settle(forward);
	if (forward->whole && forward->replied)
		reply_take(&by->reply, bytes, n, &used);
	forward->whole = NULL;
	by->excess = is_over(by) && n > used;
	if (!is_over(by) && keep_rest(by, bytes + used, n - used))
		return bad(forward);
	if (forward->following)
		return go_elsewhere(forward);
	if (forward->down_failed)
		by->reply.at = REPLY_BAD;
	forward->down_end = is_over(by);
	if (is_over(by) || forward->down_failed)
		leave(forward);
}

/* 1: settled; 0: more has to come; or as read_head() */
static int heads(struct forward *forward, char *in, size_t n)
{
	struct by_line *by = &forward->by_line;
	size_t at = 0, end = 0;
	int r;

	while ((r = read_head(forward, in + at, n - at, &end)) == 1) {
		at += end;
		if (forward->reply.status >= 200 || forward->reply.status == 101) {
			settle(forward, in + at, n - at);
			return 1;
		}
		by->interims_n += end;
		if (++by->interims > INTERIMS_MAX || by->interims_n > HEAD_MAX)
			return -EBADMSG;
		if (forward->reply.status == 100) {
			timer_disarm(&by->later);
			by->expects = false;
		}
		forward_interim(forward);
	}
	return r ?: keep_rest(by, in + at, n - at);
}

/* Until nothing is left that the descriptor would not tell of: TLS reads more than it gives out. */
static void head_run(struct forward *forward)
{
	struct by_line *by = &forward->by_line;
	char *in = forward->forwards->in;
	ssize_t n;
	int r = 0;

	while (!r) {
		size_t had = by->rest_n - by->rest_at;

		if (had)
			memcpy(in, by->rest + by->rest_at, had);
		n = line_recv(by->line, in + had, IN_SIZE - had);
		if (n == -EAGAIN)
			return;
		if (n <= 0)
			return gone(forward);
		by->spoke = true;
		r = heads(forward, in, had + (size_t)n);
	}
	if (r < 0)
		bad(forward);
}

/* --- the reply's body ----------------------------------------------------------------- */

static ssize_t over(struct forward *forward)
{
	struct by_line *by = &forward->by_line;

	forward_trailers(forward, by->reply.after);
	forward->down_end = true;
	leave(forward);
	return HTTP_END;
}

static ssize_t broken(struct forward *forward)
{
	forward->by_line.reply.at = REPLY_BAD;
	forward->down_failed = true;
	leave(forward);
	return HTTP_ABORT;
}

/* What is here and not used, then what the line has; 0: nothing that is new; -errno */
static ssize_t fetch(struct by_line *by, char *bytes, size_t size, bool rest)
{
	size_t had = by->rest_n - by->rest_at;
	ssize_t n;

	had = had < size ? had : size;
	memcpy(bytes, by->rest ? by->rest + by->rest_at : "", had);
	if (had && rest)
		return (ssize_t)had;
	n = had < size ? line_recv(by->line, bytes + had, size - had) : -EBADMSG;
	if (n == -EAGAIN)
		return 0;
	if (n > 0) {
		by->rest_at += had; /* it is in front of what has come */
		return n + (ssize_t)had;
	}
	return n ?: -ENODATA;
}

/* What was fetched and not looked at is the rest, or still in it. */
static int unused(struct by_line *by, bool rest, const char *bytes, size_t used, size_t n)
{
	if (rest) {
		by->rest_at += used;
		return 0;
	}
	return keep_rest(by, bytes + used, n - used);
}

static ssize_t fill(struct forward *forward, char *bytes, size_t size)
{
	struct by_line *by = &forward->by_line;
	bool rest = by->rest_n > by->rest_at;
	ssize_t n, body;
	size_t used;

	by->woken = false;
	for (;;) {
		if (forward->down_end)
			return HTTP_END;
		if (forward->down_failed || !by->line)
			return HTTP_ABORT;
		n = fetch(by, bytes, size, rest);
		if (!n) {
			line_wait(by->line, true,
				  pieces(forward, (struct iovec[3]){}) && !by->deaf);
			return 0;
		}
		if (n < 0)
			return n != -ENODATA || reply_end(&by->reply) ? broken(forward)
								      : over(forward);
		body = reply_take(&by->reply, bytes, (size_t)n, &used);
		if (body < 0 || unused(by, rest, bytes, used, (size_t)n))
			return broken(forward);
		rest = rest && used && by->rest_n > by->rest_at;
		if (is_over(by)) {
			by->excess = by->rest_n > by->rest_at;
			over(forward);
		}
		if (body)
			return body;
	}
}

/* --- the way -------------------------------------------------------------------------- */

/* The client's side fetches it; if that does not, since its client does not read, nor do we. */
static void tell(struct forward *forward)
{
	struct by_line *by = &forward->by_line;

	if (by->woken || forward->held) {
		line_wait(by->line, false, pieces(forward, (struct iovec[3]){}) && !by->deaf);
		return;
	}
	by->woken = true;
	http_wake(forward->request);
}

static void on_can(struct line *line, void *user)
{
	struct forward *forward = user;
	struct by_line *by = &forward->by_line;

	if (!by->began && !by->waits)
		send_first(forward);
	else if (!by->waits)
		push(forward);
	if (by->line != line)
		return;
	if (forward->replied || forward->held)
		tell(forward);
	else
		head_run(forward);
}

static void on_failed(struct line *line, int r, void *user)
{
	struct forward *forward = user;
	bool unsent = !forward->by_line.began && !(forward->chunked && forward->up_n);

	(void)line;
	stop(forward);
	if (r == -EPROTO)
		lines_doubt(forward->forwards->lines, forward->want.place);
	/* they may speak something else by now, which libcurl finds out */
	if (r == -EPROTO && unsent) {
		forward->sent = 0;
		forward_gone(forward, FORWARD_UNSENT);
	} else
		forward_fail(forward);
}

static int start(struct forward *forward, bool fresh)
{
	static const struct line_use use = { on_can, on_failed };
	struct by_line *by = &forward->by_line;
	int r;

	*by = (struct by_line){};
	forward->sent++;
	r = line_take(forward->forwards->lines, forward->want.place, fresh, &use, forward,
		      &by->line);
	if (!r && line_is_open(by->line))
		send_first(forward);
	return r;
}

static bool runs(const struct forward *forward)
{
	return forward->by_line.line && !forward->by_line.deaf;
}

const struct forward_way forward_by_line = { start, stop, more, fill, runs };
