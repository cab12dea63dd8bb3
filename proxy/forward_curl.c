// SPDX-License-Identifier: Apache-2.0
/*
 * forward_curl.c - a request and its reply by libcurl: HTTP/2, and whoever was not asked yet
 *
 * libcurl pushes: what has come waits in a buffer here, and when that is full, libcurl does. Its
 * handles and buffers are large, and kept for the next.
 *
 * Threads: none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "forward_within.h"

#define FREE_MAX   32 /* that wait to be used again */
#define LINE_COUNT (HTTP_HEADERS_MAX + ROUTE_EXTRA_MAX + 8)

struct by_curl {
	struct upstream_call call;
	struct forward *forward;
	struct by_curl *next; /* of those that are free, or pending */
	bool pending, head_over, up_paused, down_paused;
	size_t head_at, head_n; /* the trailers begin at head_at, once the head is over */
	size_t down_at, down_n;
	unsigned n_nodes;
	size_t lines_n;
	struct curl_slist node[LINE_COUNT]; /* their texts are in lines */
	char lines[WIRE_MAX];               /* wiped */
	char head[HEAD_MAX], down[FORWARD_BUFFER];
};

/* --- the reply's head ----------------------------------------------------------------- */

/* A line that goes on the one before is part of that. */
static void unfold(struct by_curl *by)
{
	if (by->head_n - by->head_at >= 2)
		memset(by->head + by->head_n - 2, ' ', 2);
}

/*
 * HTTP/2 has no version in its lines; what libcurl makes of it is read as any other. Its streams are
 * apart, and their connection is used again.
 */
static size_t first_line(struct by_curl *by, char *to, const char *line, size_t n)
{
	static const char two[] = "HTTP/2", one[] = "HTTP/1.1";

	if (n < sizeof(two) || strncmp(line, two, sizeof(two) - 1) != 0) {
		memcpy(to, line, n);
		return n;
	}
	curl_easy_setopt(by->call.easy, CURLOPT_FORBID_REUSE, 0L);
	memcpy(to, one, sizeof(one) - 1);
	memcpy(to + sizeof(one) - 1, line + sizeof(two) - 1, n - (sizeof(two) - 1));
	return n + sizeof(one) - sizeof(two);
}

/* One line of a head as libcurl has it. -EBADMSG; 1: that was its last; 0 */
static int add_line(struct by_curl *by, const char *line, size_t n)
{
	char *to = by->head + by->head_n;
	int r;

	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n + 16 > HEAD_MAX - by->head_n)
		return -EBADMSG;
	if (n && (*line == ' ' || *line == '\t'))
		unfold(by);
	if (by->head_n == by->head_at && !by->head_over)
		to += first_line(by, to, line, n);
	else
		to = mempcpy(to, line, n);
	to = mempcpy(to, "\r\n", 2);
	by->head_n = (size_t)(to - by->head);
	if (n || by->head_over)
		return 0;
	r = http_head_reply(by->head, by->head_n, &by->forward->reply);
	return r ? -EBADMSG : 1;
}

/* Whose head is there: not within libcurl. */
static void settle(struct by_curl *by)
{
	struct by_curl **at = &by->forward->forwards->pending;
	struct forward *forward = by->forward;
	long version = 0;

	if (!by->pending)
		return;
	while (*at != by)
		at = &(*at)->next;
	*at = by->next;
	by->pending = false;
	curl_easy_getinfo(by->call.easy, CURLINFO_HTTP_VERSION, &version);
	lines_learn(forward->forwards->lines, forward->want.place,
		    version == CURL_HTTP_VERSION_1_1);
	if (forward->reply.status == 417 && http_lists(forward->request, "Expect", "100-continue"))
		forward->whole = ""; /* libcurl drops its body, to ask again without */
	forward_settle(forward);
	forward->whole = NULL;
	forward->whole_n = 0;
	if (forward->following)
		by->down_n = by->down_at = 0;
}

void forward_curl_settle(struct forwards *forwards)
{
	while (forwards->pending)
		settle(forwards->pending);
}

/* --- libcurl's callbacks --------------------------------------------------------------- */

static size_t on_line(char *line, size_t one, size_t n, void *user)
{
	struct by_curl *by = user;
	struct forward *forward = by->forward;
	int r = add_line(by, line, n);

	(void)one;
	upstream_moved(&by->call);
	if (r < 0)
		return 0;
	if (!r)
		return n;
	if (forward->reply.status >= 200 || forward->reply.status == 101) {
		by->head_over = true;
		by->head_at = by->head_n;
		by->pending = true;
		by->next = forward->forwards->pending;
		forward->forwards->pending = by;
		return n;
	}
	forward_interim(forward);
	by->head_n = 0;
	return n;
}

static size_t on_write(char *bytes, size_t one, size_t n, void *user)
{
	struct by_curl *by = user;

	(void)one;
	upstream_moved(&by->call);
	if (by->forward->following)
		return n;
	if (n > FORWARD_BUFFER - by->down_n && by->down_at) {
		memmove(by->down, by->down + by->down_at, by->down_n - by->down_at);
		by->down_n -= by->down_at;
		by->down_at = 0;
	}
	if (n > FORWARD_BUFFER - by->down_n) {
		by->down_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(by->down + by->down_n, bytes, n);
	by->down_n += n;
	if (by->forward->replied)
		http_wake(by->forward->request);
	return n;
}

static size_t on_read(char *bytes, size_t one, size_t n, void *user)
{
	struct by_curl *by = user;
	struct forward *forward = by->forward;
	size_t there = forward->up_n - forward->up_at;

	n *= one;
	upstream_moved(&by->call);
	if (!there && forward->up_end)
		return 0;
	if (!there) {
		by->up_paused = true;
		forward_more(forward);
		return CURL_READFUNC_PAUSE;
	}
	n = n < there ? n : there;
	memcpy(bytes, forward->up + forward->up_at, n);
	forward->up_at += n;
	if (forward->up_n == forward->up_size)
		forward_more(forward); /* there is room again, if nothing has to be kept */
	return n;
}

/* To the beginning only, while it is still here. */
static int on_seek(void *user, curl_off_t to, int whence)
{
	struct by_curl *by = user;

	if (to || whence != SEEK_SET || by->forward->up_lost)
		return CURL_SEEKFUNC_FAIL;
	by->forward->up_at = 0;
	return CURL_SEEKFUNC_OK;
}

/* Before each time that it is sent: libcurl repeats one that found a dead connection. */
static int on_send(void *user, char *to, char *from, int to_port, int from_port)
{
	struct by_curl *by = user;
	struct forward *forward = by->forward;

	(void)to, (void)from, (void)to_port, (void)from_port;
	return forward->sent++ && (forward->sent > 2 || !forward->may_repeat || by->head_over)
		   ? CURL_PREREQFUNC_ABORT
		   : CURL_PREREQFUNC_OK;
}

static int on_trailer(const char *name, const char *value, void *user)
{
	struct curl_slist **list = user, *longer;
	char line[1024];

	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
		return 0;
	longer = curl_slist_append(*list, line);
	*list = longer ?: *list;
	return 0;
}

static int on_trailers(struct curl_slist **list, void *user)
{
	forward_each_trailer(((struct by_curl *)user)->forward, on_trailer, list);
	return CURL_TRAILERFUNC_OK;
}

/* What followed the last chunk: its head was passed on. */
static void pass_trailers(struct by_curl *by)
{
	struct http_head *after = &by->forward->reply;
	char *bytes = by->head + by->head_at;
	size_t n = by->head_n - by->head_at;

	if (!n || n + 2 > HEAD_MAX - by->head_at)
		return;
	if (n < 2 || memcmp(bytes + n - 2, "\r\n", 2) || n < 4 || memcmp(bytes + n - 4, "\r\n", 2))
		n = (size_t)(stpcpy(bytes + n, "\r\n") - bytes);
	after->n = 0;
	if (!http_head_fields(bytes, n, after))
		forward_trailers(by->forward, after);
}

/* --- its end -------------------------------------------------------------------------- */

static enum forward_end end_of(const struct by_curl *by, CURLcode result)
{
	switch (result) {
	case CURLE_ABORTED_BY_CALLBACK: return FORWARD_LOST;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: return by->head_n ? FORWARD_LOST : FORWARD_SILENT;
	default: return FORWARD_FAILED;
	}
}

static void stop(struct forward *forward);

static void lost(struct forward *forward, CURLcode result)
{
	enum forward_end end = end_of(forward->by_curl, result);

	log_debug(0, "an upstream: %s", curl_easy_strerror(result));
	stop(forward);
	forward_gone(forward, end);
}

static void on_over(struct upstream_call *call, CURLcode result)
{
	struct by_curl *by = container_of(call, struct by_curl, call);
	struct forward *forward = by->forward;

	settle(by);
	if (forward->following && !result) {
		stop(forward);
		return forward_follow(forward);
	}
	if (!forward->replied && (!forward->held || forward->following))
		return lost(forward, result);
	if (result)
		forward->down_failed = true;
	else if (!forward->held)
		pass_trailers(by);
	forward->down_end = !result;
	if (forward->replied)
		http_wake(forward->request);
}

/* --- the request ---------------------------------------------------------------------- */

static void add_node(struct by_curl *by, char *line)
{
	struct curl_slist *node = &by->node[by->n_nodes];

	*node = (struct curl_slist){ .data = line };
	if (by->n_nodes++)
		node[-1].next = node;
}

/*
 * The wire's lines as libcurl takes them: "Name;" for one that is empty, "Name:" for one of its own
 * that is left out. Host and how long the body is are libcurl's to say.
 */
static int set_lines(struct by_curl *by)
{
	struct forward *forward = by->forward;
	char *line = by->lines, *end, *limit = mempcpy(by->lines, forward->wire, forward->wire_n);
	unsigned skip = forward->chunked ? 3 : 2;
	bool accept = false, expects = false, length = forward->upload && !forward->chunked;

	by->lines_n = forward->wire_n;
	by->n_nodes = 0;
	for (; (end = memchr(line, '\r', (size_t)(limit - line))) != line; line = end + 2) {
		*end = '\0';
		if (skip && skip--)
			continue;
		if (length && end + 4 == limit) /* it is the last */
			continue;
		if (by->n_nodes + 2 >= LINE_COUNT)
			return -E2BIG;
		accept |= !strncasecmp(line, "accept:", 7);
		expects |= !strncasecmp(line, "expect:", 7);
		if (strchr(line, ':') == end - 1)
			end[-1] = ';';
		add_node(by, line);
	}
	if (!accept)
		add_node(by, (char *)"Accept:");
	if (forward->upload && !expects)
		add_node(by, (char *)"Expect:");
	return 0;
}

/* Of the first line, which has become a text. */
static const char *target_of(struct by_curl *by)
{
	char *target = strchr(by->lines, ' ') + 1;

	target[strcspn(target, " ")] = '\0';
	return target;
}

static int set_request(struct by_curl *by, bool fresh)
{
	struct forward *forward = by->forward;
	CURL *easy = by->call.easy;
	const char *method = http_method(forward->request);
	bool plain = !forward->upload; /* CURLOPT_UPLOAD undoes CURLOPT_NOBODY, and is a PUT then */
	bool head = plain && !strcmp(method, "HEAD"), get = plain && !strcmp(method, "GET");
	int64_t length = http_length(forward->request);
	CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, forward->want.place->origin);

	r = r ?: curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target_of(by));
	r = r ?: curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)fresh);
	/* what came after a reply of HTTP/1.1 would be the next one, which may be somebody else's */
	r = r ?: curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	r = r ?: curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
	r = r ?: curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	if (head)
		r = r ?: curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (forward->upload) {
		r = r ?: curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		r = r
			?: curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
					    (curl_off_t)(length == HTTP_CHUNKED ? -1 : length));
	}
	r = r ?: curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, head || get ? NULL : method);
	return (r ?: curl_easy_setopt(easy, CURLOPT_HTTPHEADER, by->node)) ? -ENOMEM : 0;
}

static struct by_curl *take(struct forwards *forwards)
{
	struct by_curl *by = forwards->curl_free;
	CURL *easy;

	if (by) {
		forwards->curl_free = by->next;
		forwards->n_curl_free--;
		return by;
	}
	by = malloc(sizeof(*by));
	if (!by)
		return NULL;
	memset(by, 0, offsetof(struct by_curl, node));
	if (upstream_call_init(forwards->upstream, &by->call, on_over)) {
		free(by);
		return NULL;
	}
	easy = by->call.easy;
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, by);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, by);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, by);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, by);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, by);
	return by;
}

/*
 * A handle that sent chunks sends nothing else: libcurl 7.88 keeps of one whether its trailers were
 * sent, and would write before its buffer in the next.
 */
static void give_back(struct by_curl *by, struct forwards *forwards, bool chunked)
{
	explicit_bzero(by->lines, by->lines_n);
	by->lines_n = 0;
	if (forwards->n_curl_free == FREE_MAX || chunked) {
		upstream_call_done(&by->call);
		free(by);
		return;
	}
	curl_easy_setopt(by->call.easy, CURLOPT_HTTPHEADER, NULL);
	by->next = forwards->curl_free;
	forwards->curl_free = by;
	forwards->n_curl_free++;
}

static void stop(struct forward *forward)
{
	struct by_curl *by = TAKE_PTR(forward->by_curl);

	if (!by)
		return;
	upstream_stop(&by->call);
	if (by->pending) {
		struct by_curl **at = &forward->forwards->pending;

		while (*at != by)
			at = &(*at)->next;
		*at = by->next;
	}
	give_back(by, forward->forwards, forward->chunked);
}

static int start(struct forward *forward, bool fresh)
{
	struct by_curl *by = take(forward->forwards);
	int r;

	if (!by)
		return -ENOMEM;
	forward->by_curl = by;
	by->forward = forward;
	by->head_at = by->head_n = by->down_at = by->down_n = 0;
	by->pending = by->head_over = by->up_paused = by->down_paused = false;
	if (forward->chunked) {
		curl_easy_setopt(by->call.easy, CURLOPT_TRAILERFUNCTION, on_trailers);
		curl_easy_setopt(by->call.easy, CURLOPT_TRAILERDATA, by);
	}
	r = set_lines(by);
	r = r ?: set_request(by, fresh);
	r = r ?: upstream_start(&by->call);
	if (r)
		stop(forward);
	return r;
}

/* --- the way -------------------------------------------------------------------------- */

/* Pauses of libcurl are of both ways at once. */
static void unpause(struct by_curl *by)
{
	int pause = (by->up_paused ? CURLPAUSE_SEND : 0) | (by->down_paused ? CURLPAUSE_RECV : 0);

	if (by->call.slot)
		curl_easy_pause(by->call.easy, pause);
}

static void more(struct forward *forward)
{
	struct by_curl *by = forward->by_curl;

	if (!by || !by->up_paused)
		return;
	by->up_paused = false;
	unpause(by);
}

static bool runs(const struct forward *forward)
{
	return forward->by_curl && forward->by_curl->call.slot;
}

static ssize_t fill(struct forward *forward, char *bytes, size_t size)
{
	struct by_curl *by = forward->by_curl;
	size_t n;

	if (!by)
		return HTTP_ABORT;
	do {
		n = by->down_n - by->down_at;
		n = n < size ? n : size;
		memcpy(bytes, by->down + by->down_at, n);
		by->down_at += n;
		if (by->down_at == by->down_n)
			by->down_at = by->down_n = 0;
		if (by->down_paused && by->down_n - by->down_at <= FORWARD_BUFFER / 2) {
			by->down_paused = false;
			unpause(by);
		}
	} while (!n && by->down_n > by->down_at);
	if (n)
		return (ssize_t)n;
	return forward->down_end ? HTTP_END : forward->down_failed ? HTTP_ABORT : 0;
}

const struct forward_way forward_by_curl = { start, stop, more, fill, runs };

void forward_curl_free(struct forwards *forwards)
{
	for (struct by_curl *by; (by = forwards->curl_free);) {
		forwards->curl_free = by->next;
		upstream_call_done(&by->call);
		free(by);
	}
}
