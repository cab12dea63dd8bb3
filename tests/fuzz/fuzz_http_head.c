// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_http_head.c - heads of requests and replies, trailers, lines of chunks, of whatever bytes
 *
 * The first byte says which. What was read has no line's end in it; a length is one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"

static void look(const struct http_head *head)
{
	if (head->n > HTTP_HEADERS_MAX)
		abort();
	for (unsigned i = 0; i < head->n; i++)
		if (!*head->header[i].name || strpbrk(head->header[i].name, "\r\n: \t") ||
		    strpbrk(head->header[i].value, "\r\n"))
			abort();
	if (http_head_length(head) < HTTP_CHUNKED && http_head_length(head) != -74) /* EBADMSG */
		abort();
}

static void try_head(char *text, size_t n, int which)
{
	static struct http_head head;
	ssize_t end = http_head_end(text, n);

	if (end > (ssize_t)n)
		abort();
	if (end <= 0)
		return;
	head = (struct http_head){ .version = "HTTP/1.1" };
	if (which == 0 && !http_head_request(text, (size_t)end, &head)) {
		if (!*head.method || !*head.target || strpbrk(head.target, " \r\n"))
			abort();
		look(&head);
	} else if (which == 1 && !http_head_reply(text, (size_t)end, &head)) {
		if (head.status < 100 || head.status > 999 || strpbrk(head.reason, "\r\n"))
			abort();
		look(&head);
	} else if (which == 2 && !http_head_fields(text, (size_t)end, &head))
		look(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t length;
	ssize_t took;
	char *text;

	if (!size)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	if (*data % 4 < 3) {
		try_head(text, size - 1, *data % 4);
	} else {
		took = http_chunk(text, size - 1, &length);
		if (took > (ssize_t)size - 1 || (took > 0 && text[took - 1] != '\n'))
			abort();
	}
	free(text);
	return 0;
}
