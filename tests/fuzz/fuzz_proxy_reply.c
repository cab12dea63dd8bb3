// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_reply.c - a reply of an upstream, of whatever bytes, head and body
 *
 * The first byte says of how many bytes the pieces are that the body comes in. Where it ends and
 * what is in it is the same for a body in one piece.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/reply.h"

struct seen {
	char *body;
	size_t body_n, used;
	enum reply_at at;
	bool keeps;
};

static void look(struct reply *reply)
{
	for (unsigned i = 0; reply->after && i < reply->after->n; i++)
		if (strpbrk(reply->after->header[i].name, "\r\n: \t") ||
		    strpbrk(reply->after->header[i].value, "\r\n"))
			abort();
	if (reply->after && reply->at != REPLY_OVER && reply->at != REPLY_BAD)
		abort();
}

static void take(const struct http_head *head, const char *bytes, size_t n, size_t piece,
		 struct seen *ret)
{
	char *text = malloc(n + 1);
	struct reply reply;
	size_t used;
	ssize_t r = 0;

	*ret = (struct seen){ .body = malloc(n + 1) };
	if (!text || !ret->body || reply_begin(&reply, head, false))
		goto out;
	for (size_t end = 0; end < n && r >= 0;) {
		end = n - end < piece ? n : end + piece;
		memcpy(text, bytes + ret->used, end - ret->used);
		r = reply_take(&reply, text, end - ret->used, &used);
		if (r < 0)
			break;
		if (used > end - ret->used || (size_t)r > used)
			abort();
		memcpy(ret->body + ret->body_n, text, (size_t)r);
		ret->body_n += (size_t)r;
		ret->used += used;
	}
	if ((r < 0) != (reply.at == REPLY_BAD))
		abort();
	look(&reply);
	ret->at = reply.at;
	ret->keeps = reply.keeps;
	reply_done(&reply);
out:
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head;
	struct seen whole, cut;
	ssize_t end;
	char *text;

	if (size < 2)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	end = http_head_end(text, size - 1);
	if (end > 0 && !http_head_reply(text, (size_t)end, &head)) {
		take(&head, text + end, size - 1 - (size_t)end, size, &whole);
		take(&head, text + end, size - 1 - (size_t)end, data[0] % 16 + 1, &cut);
		/* of what is bad, pieces give out more before that is seen */
		if (whole.at != cut.at || (whole.at != REPLY_BAD && whole.used != cut.used) ||
		    (whole.at != REPLY_BAD && whole.body_n != cut.body_n) ||
		    memcmp(whole.body, cut.body, whole.body_n) != 0)
			abort();
		free(whole.body);
		free(cut.body);
	}
	free(text);
	return 0;
}
