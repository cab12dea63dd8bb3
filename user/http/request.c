// SPDX-License-Identifier: Apache-2.0
/*
 * request.c - a request: its body in bites, its reply at once or as a stream
 *
 * The library takes a reply when the head is there and after the last of the body, and at no
 * other time. So a reply that is known between these waits, and what still comes of the body is
 * read and forgotten, up to SWALLOW: a client that is sending does not listen, and would see a
 * connection that broke instead of the reason. One that asks before it sends (Expect) has
 * its reply at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http/within.h"

#define SWALLOW   (16 << 20) /* bytes */
#define FILL_SIZE (64 << 10) /* of a stream with a length; others have what the library has */

/* --- what it says --------------------------------------------------------------------- */

const char *http_method(const struct http_request *request)
{
	return request->method;
}

const char *http_target(const struct http_request *request)
{
	return request->target;
}

const char *http_version(const struct http_request *request)
{
	return request->version;
}

void *http_owner(const struct http_request *request)
{
	return request->peer->owner;
}

int http_fd(const struct http_request *request)
{
	return request->peer->fd;
}

void http_set(struct http_request *request, void *mine)
{
	request->mine = mine;
}

void *http_get(const struct http_request *request)
{
	return request->mine;
}

struct walk {
	const char *name, *value; /* looked for and found */
	unsigned left;
	int (*fn)(const char *name, const char *value, void *user);
	void *user;
	int r;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct walk *walk = cls;

	(void)kind;
	if (walk->fn)
		walk->r = walk->fn(name, value ?: "", walk->user);
	else if (!strcasecmp(name, walk->name) && !walk->left--)
		walk->value = value ?: "";
	return walk->r || walk->value ? MHD_NO : MHD_YES;
}

const char *http_header(struct http_request *request, const char *name, unsigned nth)
{
	struct walk walk = { .name = name, .left = nth };

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_header, &walk);
	return walk.value;
}

int http_headers(struct http_request *request,
		 int (*fn)(const char *name, const char *value, void *user), void *user)
{
	struct walk walk = { .fn = fn, .user = user };

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_header, &walk);
	return walk.r;
}

/* The library has looked at both before: what is here is a number, or chunked. */
int64_t http_length(struct http_request *request)
{
	const char *length;

	if (http_header(request, "Transfer-Encoding", 0))
		return HTTP_CHUNKED;
	length = http_header(request, "Content-Length", 0);
	return length ? strtoll(length, NULL, 10) : 0;
}

/* --- replies -------------------------------------------------------------------------- */

void http_wake(struct http_request *request)
{
	http_resume(request);
}

void http_abort(struct http_request *request)
{
	request->abort = true;
	http_resume(request);
}

/*
 * Without an end that can be seen (HTTP/1.0) a reply that is cut must not end like a whole one.
 * The library says that we have said all before it closes: so it is reset here. Not of unix
 * sockets, which know no reset.
 */
static void cut(struct http_request *request)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	request->abort = true;
	if (!strcmp(request->version, "HTTP/1.0"))
		connect(request->peer->fd, &nobody, sizeof(nobody));
}

static ssize_t on_fill(void *cls, uint64_t position, char *bytes, size_t size)
{
	struct http_request *request = cls;
	ssize_t n;

	(void)position;
	n = request->abort ? HTTP_ABORT : request->http->use->fill(request, bytes, size);
	if (n == HTTP_ABORT || request->abort) {
		cut(request);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (n == HTTP_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n)
		peer_moved(request->peer);
	else
		http_suspend(request);
	return n;
}

static int reply(struct http_request *request, unsigned status, const struct http_header *headers,
		 unsigned n, struct MHD_Response *response)
{
	int r = response ? 0 : -ENOMEM;

	for (unsigned i = 0; !r && i < n; i++)
		if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			r = -EINVAL;
	request->replied = true;
	if (r) {
		if (response)
			MHD_destroy_response(response);
		http_abort(request);
		return r;
	}
	request->reply = response;
	request->status = status;
	http_resume(request);
	return 0;
}

int http_reply(struct http_request *request, unsigned status, const struct http_header *headers,
	       unsigned n, const char *body, size_t size)
{
	if (request->replied)
		return -EALREADY;
	request->deaf = true;
	return reply(
	    request, status, headers, n,
	    MHD_create_response_from_buffer(size, (void *)(body ?: ""), MHD_RESPMEM_MUST_COPY));
}

int http_stream(struct http_request *request, unsigned status, const struct http_header *headers,
		unsigned n, uint64_t size)
{
	if (request->replied)
		return -EALREADY;
	return reply(
	    request, status, headers, n,
	    MHD_create_response_from_callback(size == HTTP_UNKNOWN ? MHD_SIZE_UNKNOWN : size,
					      FILL_SIZE, on_fill, request, NULL));
}

static enum MHD_Result hand_over(struct http_request *request)
{
	struct MHD_Response *response = request->reply;
	enum MHD_Result r = MHD_queue_response(request->connection, request->status, response);

	request->reply = NULL;
	MHD_destroy_response(response);
	return r;
}

/* --- what the library calls ----------------------------------------------------------- */

void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct http_request *request = calloc(1, sizeof(*request));
	struct peer *peer = peer_of(connection);

	if (!request || !peer)
		goto none;
	request->http = cls;
	request->peer = peer;
	request->connection = connection;
	request->target = strdup(target);
	if (!request->target)
		goto none;
	peer->request = request;
	peer_phase(peer, PHASE_HEAD);
	return request;
none:
	free(request);
	return NULL;
}

static bool head_fits(const struct http_request *request)
{
	const union MHD_ConnectionInfo *is =
	    MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return is && is->header_size <= request->http->limits.head;
}

/* Two ways to say where the body ends are one too many: what is between is whose request? */
static bool ends_once(struct http_request *request)
{
	const char *coding = http_header(request, "Transfer-Encoding", 0);
	const char *length = http_header(request, "Content-Length", 0);

	if (http_header(request, "Transfer-Encoding", 1) ||
	    http_header(request, "Content-Length", 1) || (coding && length))
		return false;
	return !coding || !strcasecmp(coding, "chunked");
}

static void on_head(struct http_request *request)
{
	static const struct http_header plain[] = { { "Content-Type", "text/plain" } };
	static const char big[] = "Request header fields too large\n";
	static const char end[] = "Where the request's body ends is not clear\n";
	struct http *http = request->http;

	peer_phase(request->peer, PHASE_BUSY);
	if (!head_fits(request))
		http_reply(request, 431, plain, 1, big, sizeof(big) - 1);
	else if (!ends_once(request))
		http_reply(request, 400, plain, 1, end, sizeof(end) - 1);
	else {
		request->told = true;
		http->use->head(request, http->user);
	}
}

/*
 * Is a reply that is known now told at once, or after the body? At once it is the connection's
 * last one.
 */
static bool tells_now(struct http_request *request)
{
	return request->deaf && (http_header(request, "Expect", 0) || !ends_once(request) ||
				 http_length(request) > SWALLOW);
}

static enum MHD_Result take_head(struct http_request *request)
{
	if (!request->begun) {
		request->begun = true;
		on_head(request);
	}
	if (request->abort)
		return MHD_NO;
	request->head_over = true;
	return request->reply && tells_now(request) ? hand_over(request) : MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, const char *bytes, size_t *size)
{
	const struct http_use *use = request->http->use;
	size_t n = 1, at = 0;

	peer_moved(request->peer);
	while (n && at < *size && !request->deaf && !request->abort && use->body) {
		n = use->body(request, bytes + at, *size - at);
		at += n;
	}
	if (request->abort)
		return MHD_NO;
	if (request->deaf || !use->body) {
		request->swallowed += *size - at;
		at = *size;
		if (request->swallowed > SWALLOW)
			return MHD_NO;
	}
	*size -= at;
	if (*size)
		http_suspend(request);
	return MHD_YES;
}

static enum MHD_Result take_end(struct http_request *request)
{
	if (!request->body_over) {
		request->body_over = true;
		if (!request->deaf && request->http->use->body)
			request->http->use->body(request, NULL, 0);
	}
	if (request->abort)
		return MHD_NO;
	if (request->reply)
		return hand_over(request);
	http_suspend(request);
	return MHD_YES;
}

enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
			   const char *method, const char *version, const char *upload,
			   size_t *upload_size, void **context)
{
	struct http_request *request = *context;

	(void)cls, (void)connection, (void)path;
	if (!request || request->abort)
		return MHD_NO;
	request->method = method;
	request->version = version;
	if (!request->head_over)
		return take_head(request);
	return *upload_size ? take_body(request, upload, upload_size) : take_end(request);
}

void on_completed(void *cls, struct MHD_Connection *connection, void **context,
		  enum MHD_RequestTerminationCode how)
{
	struct http_request *request = *context;
	struct http *http = cls;

	(void)connection;
	if (!request)
		return;
	*context = NULL;
	request->peer->request = NULL;
	source_del(&request->peer->gone);
	peer_phase(request->peer, PHASE_KEEP);
	request->suspended = false;
	if (request->told && http->use->over)
		http->use->over(request,
				how == MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->abort);
	if (request->reply)
		MHD_destroy_response(request->reply);
	free(request->target);
	free(request);
}
