// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_why.c - whatever a process in a guard says, the reply is a whole one, printable, and the
 * request means the same however its bytes arrive
 *
 * Input: the request; what a refusal has is made of its last bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/why_text.h"

static void check_reply(const struct json *out)
{
	const char *text = out->text, *body;
	size_t size;

	if (out->error || strncmp(text, "HTTP/1.1 ", 9))
		abort();
	for (const char *p = text; *p; p++)
		if ((*p < 0x20 || *p > 0x7e) && *p != '\n' && *p != '\r')
			abort();
	body = strstr(text, "\r\n\r\n");
	if (!body || sscanf(strstr(text, "Content-Length: "), "Content-Length: %zu", &size) != 1 ||
	    size != strlen(body + 4))
		abort();
}

/* A shorter part of it is not yet a request, or refused for the same. */
static void check_parts(const uint8_t *data, size_t size, int status)
{
	struct why_request request;

	for (size_t n = 0; n < size; n++) {
		int early = why_request_parse(data, n, &request);

		if (early && early != status)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct why_request request;
	struct msg_because because = {};
	struct why_page page = { .request = &request, .because = &because, .n = 1 };
	struct json out = {};
	int status;

	size = size > WHY_REQUEST_MAX ? WHY_REQUEST_MAX : size;
	status = why_request_parse(data, size, &request);
	if (size < 256 && status != 431)
		check_parts(data, size, status);
	memcpy(&because, data, size < sizeof(because) ? size : sizeof(because));
	memcpy(&page.last, data, size < sizeof(page.last) ? size : sizeof(page.last));
	if (status == 200 && memchr(request.dest, '\0', sizeof(request.dest)) == NULL)
		abort();
	if (status == 200)
		why_write(&out, &page);
	else if (status)
		why_write_error(&out, status);
	if (status)
		check_reply(&out);
	json_free(&out);
	return 0;
}
