// SPDX-License-Identifier: Apache-2.0
#include "reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool has_body(const struct http_head *head, bool bare)
{
	return !bare && head->status != 204 && head->status != 304;
}

int reply_begin(struct reply *reply, const struct http_head *head, bool bare)
{
	bool old = !strcmp(head->version, "HTTP/1.0");
	int64_t length = http_head_length(head);

	*reply = (struct reply){};
	if (length == -EBADMSG)
		return -EBADMSG;
	reply->keeps = old ? http_list_has(head, "Connection", "keep-alive")
			   : !http_list_has(head, "Connection", "close");
	/* one that says it has what it cannot have may well send it, as the next reply */
	reply->keeps &= head->status != 204 || !length;
	if (!has_body(head, bare))
		reply->at = REPLY_OVER;
	else if (length == HTTP_CHUNKED)
		reply->at = REPLY_SIZE;
	else if (length || http_head_get(head, "Content-Length", 0))
		reply->at = length ? REPLY_DATA : REPLY_OVER;
	else {
		reply->at = REPLY_ALL;
		reply->keeps = false;
	}
	reply->left = length > 0 ? (uint64_t)length : 0;
	return 0;
}

static ssize_t take_left(struct reply *reply, size_t n, enum reply_at then)
{
	n = n < reply->left ? n : reply->left;
	reply->left -= n;
	if (!reply->left)
		reply->at = then;
	return (ssize_t)n;
}

static ssize_t take_size(struct reply *reply, const char *bytes, size_t n)
{
	ssize_t took = http_chunk(bytes, n, &reply->left);

	if (took > 0)
		reply->at = reply->left ? REPLY_CHUNK : REPLY_TRAILERS;
	return took;
}

static ssize_t take_gap(struct reply *reply, const char *bytes, size_t n)
{
	if (*bytes != '\r' || (n > 1 && bytes[1] != '\n'))
		return -EBADMSG;
	if (n == 1)
		return 0;
	reply->at = REPLY_SIZE;
	return 2;
}

static ssize_t take_trailers(struct reply *reply, const char *bytes, size_t n)
{
	ssize_t end = http_head_end(bytes, n);

	if (end < 0 || (size_t)(end ?: (ssize_t)n) > REPLY_TRAILERS_MAX)
		return -EBADMSG;
	if (!end)
		return 0;
	if (end > 2) {
		reply->after = calloc(1, sizeof(*reply->after));
		reply->bytes = malloc((size_t)end);
		if (!reply->after || !reply->bytes)
			return -ENOMEM;
		memcpy(reply->bytes, bytes, (size_t)end);
		if (http_head_fields(reply->bytes, (size_t)end, reply->after))
			return -EBADMSG;
	}
	reply->at = REPLY_OVER;
	return end;
}

/* Bytes looked at; 0: more has to come. @body: how many of them are the body's */
static ssize_t step(struct reply *reply, const char *bytes, size_t n, size_t *body)
{
	ssize_t took = 0;

	*body = 0;
	switch (reply->at) {
	case REPLY_DATA: took = take_left(reply, n, REPLY_OVER); break;
	case REPLY_CHUNK: took = take_left(reply, n, REPLY_GAP); break;
	case REPLY_ALL: took = (ssize_t)n; break;
	case REPLY_SIZE: return take_size(reply, bytes, n);
	case REPLY_GAP: return take_gap(reply, bytes, n);
	case REPLY_TRAILERS: return take_trailers(reply, bytes, n);
	case REPLY_OVER: return 0;
	case REPLY_BAD: return -EBADMSG;
	}
	*body = (size_t)took;
	return took;
}

ssize_t reply_take(struct reply *reply, char *bytes, size_t n, size_t *used)
{
	size_t at = 0, out = 0, body;
	ssize_t took = 1;

	while (at < n && took > 0) {
		took = step(reply, bytes + at, n - at, &body);
		if (took < 0) {
			reply->at = REPLY_BAD;
			return took;
		}
		if (body && out != at)
			memmove(bytes + out, bytes + at, body);
		out += body;
		at += (size_t)took;
	}
	*used = at;
	return (ssize_t)out;
}

int reply_end(struct reply *reply)
{
	bool whole = reply->at == REPLY_ALL || reply->at == REPLY_OVER;

	reply->at = whole ? REPLY_OVER : REPLY_BAD;
	reply->keeps = false;
	return whole ? 0 : -EBADMSG;
}

void reply_done(struct reply *reply)
{
	free(reply->after);
	free(reply->bytes);
	reply->after = NULL;
	reply->bytes = NULL;
}
