// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include "advert.h"
#include "backend.h"
#include "backend_env.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "hidden.h"
#include "listing.h"
#include "push.h"
#include "request.h"
#include "service/doors.h"
#include "witness.h"

#define SERVER_NAME "terok-gate/1.0"
#define RETRY_AFTER "5" /* seconds */

struct transfer {
	struct transfer *next, **slot;
	struct server *server;
	struct token *token;
	struct backend *backend; /* NULL: it has ended, or waits for what is asked */
	char *asked; /* of a request whose reply may be known, until it is whole; else NULL */
	size_t n_asked;
	struct request_route route;
	char container[TOKEN_CONTAINER]; /* whose door it came by, which may be gone; "": all's */
	uint64_t began_ns;
	bool lists;                 /* its reply is a plain list of refs */
	struct hidden hidden;       /* of which ours are left out */
	struct witness *witness;    /* NULL: it is nothing to note */
	struct advert_key key;      /* where its reply may be kept */
	struct advert_reply *reply; /* that reply as it comes; NULL: it is not kept */
};

struct server {
	struct loop *loop;
	struct server_options options;
	struct http *http;
	struct tokens *tokens;
	struct backend_git git;
	struct adverts adverts, listings;
	struct transfer *transfers;
	unsigned n_transfers;
	bool ending, once;
};

/* --- replies of our own --------------------------------------------------------------- */

/* One line for people; @more: one header besides, or NULL. */
static void refuse(struct http_request *request, unsigned status, const struct http_header *more,
		   const char *text)
{
	const struct http_header headers[] = {
		{ "Server", SERVER_NAME },
		{ "Content-Type", "text/plain" },
		{ more ? more->name : NULL, more ? more->value : NULL },
	};
	char body[sizeof(((struct problem *)0)->text) + 2], target[128];
	int n = snprintf(body, sizeof(body), "%s\n", text);

	/* who shows nothing asks what to show: every git does, before each fetch and push */
	log_full(status == 401 && !http_header(request, "Authorization", 0) ? LOG_DEBUG
									    : LOG_WARNING,
		 0, "%s %s: %u %s", log_safe((char[24]){ 0 }, 24, http_method(request)),
		 log_safe(target, sizeof(target), http_target(request)), status, text);
	http_reply(request, status, headers, more ? 3 : 2, body, (size_t)n);
}

static void refuse_login(struct http_request *request)
{
	static const struct http_header realm = { "WWW-Authenticate",
						  "Basic realm=\"terok gate\"" };

	refuse(request, 401, &realm, "Authentication required");
}

static void refuse_busy(struct http_request *request, const char *text)
{
	static const struct http_header retry = { "Retry-After", RETRY_AFTER };

	refuse(request, 503, &retry, text);
}

/* --- who may -------------------------------------------------------------------------- */

static void complain(struct server *server)
{
	struct problem why;

	if (tokens_complaint(server->tokens, &why))
		log_warn(0, "%s", why.text);
}

/* What comes in by a container's door is of its project; a token may name it by id or name. */
static bool reaches(const struct token *token, const char *project, const struct door_owner *door)
{
	if (!door)
		return token_reaches(token, project, NULL);
	return !strcmp(door->project, project) && (token_reaches(token, project, door->container) ||
						   token_reaches(token, project, door->name));
}

/* The token, which is the caller's to put; NULL: it was refused. */
static struct token *token_for(struct server *server, struct http_request *request,
			       const struct request_route *route)
{
	const struct door_owner *door = http_owner(request);
	_cleanup_(token_putp) struct token *token = NULL;
	const char *value = http_header(request, "Authorization", 0);
	char text[REQUEST_TOKEN_MAX];
	int n = http_header(request, "Authorization", 1) ? -EINVAL : request_token(value, text);

	if (n < 0) {
		refuse_login(request);
		return NULL;
	}
	n = tokens_find(server->tokens, text, (size_t)n, &token);
	explicit_bzero(text, sizeof(text));
	complain(server);
	if (n || !reaches(token, route->project, door)) {
		refuse(request, 403, NULL, "Forbidden");
		return NULL;
	}
	return TAKE_PTR(token);
}

static unsigned transfers_of(const struct server *server, const struct token *token)
{
	unsigned n = 0;

	for (const struct transfer *t = server->transfers; t; t = t->next)
		n += !strcmp(t->token->text, token->text);
	return n;
}

/* --- transfers ------------------------------------------------------------------------ */

static void transfer_free(struct transfer *transfer)
{
	struct server *server = transfer->server;

	if (transfer->slot) {
		*transfer->slot = transfer->next;
		if (transfer->next)
			transfer->next->slot = transfer->slot;
		server->n_transfers--;
	}
	token_put(transfer->token);
	witness_free(transfer->witness);
	advert_key_done(&transfer->key);
	free(transfer->reply);
	free(transfer->asked);
	free(transfer);
	if (server->ending && !server->n_transfers)
		loop_stop(server->loop);
}

/* The list of refs that no protocol is about: hidden.h */
static bool is_plain(const struct cgi_head *head)
{
	for (unsigned i = 0; i < head->n; i++)
		if (!strcasecmp(head->header[i].name, "Content-Type"))
			return strncasecmp(head->header[i].value, "application/x-git-", 18) != 0;
	return true;
}

static unsigned on_head(void *user, struct cgi_head *head, struct http_header *extra, unsigned n)
{
	struct transfer *transfer = user;

	(void)n;
	if (head->status >= 400)
		log_warn(0, "%s: %u by git http-backend", transfer->route.path, head->status);
	if (transfer->reply)
		advert_head(transfer->reply, head);
	transfer->lists = transfer->route.part == REQUEST_REFS && is_plain(head);
	if (transfer->lists)
		head->length = HTTP_UNKNOWN; /* some of it is left out */
	extra[0] = (struct http_header){ "Server", SERVER_NAME };
	return 1;
}

static void on_saw(void *user, bool in, const char *bytes, size_t n)
{
	struct transfer *transfer = user;

	if (!in && transfer->reply)
		advert_body(transfer->reply, bytes, n);
	witness_saw(transfer->witness, in, bytes, n);
}

static void note(const struct transfer *transfer, const struct backend_end *end)
{
	const struct server_options *options = &transfer->server->options;
	struct audit_deed deed = {
		.project = transfer->route.project,
		.container = *transfer->container ? transfer->container : NULL,
		.token = transfer->token,
		.outcome = end->failed || end->status ? "failed"
			   : end->whole               ? "done"
						      : "cut",
		.in = end->in,
		.out = end->out,
		.took_ns = now_boot_ns() - transfer->began_ns,
	};
	struct problem why;

	if (options->audit && witness_deed(transfer->witness, &deed) &&
	    audit_note(options->audit, &deed, &why))
		log_warn(0, "%s", why.text);
}

/* If nothing that it depends on has changed while it was made. */
static void reply_keep(struct transfer *transfer)
{
	struct server *server = transfer->server;
	bool listing = transfer->route.part == REQUEST_UPLOAD;
	const struct backend_git *git = &server->git;
	struct advert_key now = {};
	char path[PATH_MAX];

	if (!transfer->reply || snprintf(path, sizeof(path), "%s/%s", git->base,
					 transfer->route.name) >= (int)sizeof(path))
		return;
	if (listing) {
		if (!listing_again(&transfer->key, path, git->program, git->git, &now))
			return;
	} else if (advert_stamps(path, git->program, git->git, &now)) {
		now.env = transfer->key.env; /* borrowed */
		now.env_size = transfer->key.env_size;
	}
	advert_keep(listing ? &server->listings : &server->adverts, &transfer->key, &now,
		    transfer->reply);
	transfer->reply = NULL;
	if (listing)
		advert_key_done(&now);
}

/* Is it what every git of protocol 2 asks first, or its list of refs? Then it may be known. */
static bool reply_key(struct transfer *transfer, struct http_request *request,
		      const struct backend_env *env)
{
	const struct backend_git *git = &transfer->server->git;
	const char *protocol = http_header(request, "Git-Protocol", 0);
	char path[PATH_MAX];

	if (!protocol || !strstr(protocol, "version=2") ||
	    snprintf(path, sizeof(path), "%s/%s", git->base, transfer->route.name) >=
		(int)sizeof(path))
		return false;
	if (transfer->route.part == REQUEST_UPLOAD)
		return transfer->asked && listing_may_be(transfer->asked, transfer->n_asked) &&
		       listing_key(env->item, transfer->asked, transfer->n_asked, path,
				   git->program, git->git, &transfer->key);
	return transfer->route.part == REQUEST_REFS && !transfer->route.receives &&
	       !strcmp(http_method(request), "GET") && !http_length(request) &&
	       advert_key(env->item, path, git->program, git->git, &transfer->key);
}

static bool reply_known(struct transfer *transfer, struct http_request *request,
			const struct backend_env *env)
{
	struct http_header headers[ADVERT_HEADER + 1] = { { "Server", SERVER_NAME } };
	struct server *server = transfer->server;
	const struct advert_reply *reply;
	unsigned n;

	if (!reply_key(transfer, request, env))
		return false;
	reply = advert_find(transfer->asked ? &server->listings : &server->adverts, &transfer->key);
	if (!reply) {
		transfer->reply = calloc(1, sizeof(*transfer->reply));
		return false;
	}
	n = advert_headers(reply, headers + 1);
	http_reply(request, 200, headers, n + 1, reply->bytes + reply->head,
		   reply->n - reply->head);
	return true;
}

static void on_over(void *user, const struct backend_end *end)
{
	struct transfer *transfer = user;
	char text[256];

	if (*end->complaints)
		log_warn(0, "git http-backend: %s", log_safe(text, sizeof(text), end->complaints));
	if (end->failed)
		log_warn(0, "git http-backend of %s ended before its reply (status %d)",
			 transfer->route.name, end->status);
	note(transfer, end);
	if (end->whole && !end->status)
		reply_keep(transfer);
	transfer->backend = NULL;
	transfer_free(transfer);
}

static int transfer_start(struct transfer *transfer, struct http_request *request,
			  struct problem *why)
{
	struct server *server = transfer->server;
	const struct backend_owner owner = { on_head, on_saw, on_over, transfer };
	_cleanup_(backend_env_done) struct backend_env env = {};
	struct backend_start start = { .folder = server->git.home,
				       .silence_ns = server->options.silence_ns };
	int r = backend_env(&server->git, request, &transfer->route, transfer->token, &env, why);

	if (r)
		return r;
	r = backend_git_argv(&server->git, &start.argv, why);
	if (r)
		return r;
	if (reply_known(transfer, request, &env))
		return -EALREADY;
	start.env = env.item;
	if (server->options.audit &&
	    (transfer->route.part == REQUEST_UPLOAD || transfer->route.part == REQUEST_RECEIVE))
		transfer->witness = witness_new(transfer->route.part == REQUEST_RECEIVE,
						http_header(request, "Content-Encoding", 0));
	r = backend_new(server->loop, request, &start, &owner, &transfer->backend, why);
	if (!r && !http_length(request)) /* then nobody says that its body is over */
		backend_body(transfer->backend, NULL, 0);
	if (!r &&
	    transfer->n_asked) /* there was no git for it: an empty pipe takes so much at once */
		backend_body(transfer->backend, transfer->asked, transfer->n_asked);
	return r;
}

static void refuse_start(struct http_request *request, int r, const struct problem *why)
{
	if (r == -EACCES)
		refuse(request, 403, NULL, why->text);
	else if (r == -EINVAL) /* no name of a project of ours: the admin's token reaches so far */
		refuse(request, 404, NULL, "Not Found");
	else if (r == -ENOENT)
		refuse(request, 500, NULL, "git not found");
	else if (r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		refuse_busy(request, "git http-backend unavailable");
	else
		refuse(request, 500, NULL, "git http-backend unavailable");
	if (r != -EACCES)
		log_warn(0, "%s", why->text);
}

/* Start a git for it, or say what is known, or why not; then there is no transfer any more. */
static bool transfer_begin(struct transfer *transfer, struct http_request *request)
{
	struct problem why = { "" };
	int r = transfer_start(transfer, request, &why);

	transfer->route.query = ""; /* it was the request's */
	if (!r)
		return true;
	http_set(request, NULL);
	if (r != -EALREADY) /* it is known, and was said */
		refuse_start(request, r, &why);
	transfer_free(transfer);
	return false;
}

/* A fetch's request that is so short may be of those whose reply is known: all of it is read first. */
static bool asks_little(const struct transfer *transfer, struct http_request *request)
{
	int64_t length = http_length(request);

	return transfer->route.part == REQUEST_UPLOAD && length > 0 && length <= LISTING_ASKED &&
	       http_header(request, "Git-Protocol", 0) &&
	       !http_header(request, "Content-Encoding", 0);
}

static void transfer_new(struct server *server, struct http_request *request,
			 const struct request_route *route, struct token *token)
{
	const struct door_owner *door = http_owner(request);
	struct transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer) {
		token_put(token);
		return refuse_busy(request, "no memory for a transfer");
	}
	*transfer = (struct transfer){
		.server = server, .token = token, .route = *route, .began_ns = now_boot_ns()
	};
	if (door)
		strcpy(transfer->container, door->container);
	transfer->next = server->transfers;
	transfer->slot = &server->transfers;
	if (transfer->next)
		transfer->next->slot = &transfer->next;
	server->transfers = transfer;
	server->n_transfers++;
	http_set(request, transfer);
	if (asks_little(transfer, request))
		transfer->asked = malloc(LISTING_ASKED);
	if (!transfer->asked)
		transfer_begin(transfer, request);
}

/* --- requests ------------------------------------------------------------------------- */

static void on_request_head(struct http_request *request, void *user)
{
	struct server *server = user;
	const char *method = http_method(request);
	struct request_route route;
	struct token *token;

	if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0) {
		struct problem why;

		problem(&why, 0, "Unsupported method ('%.32s')", method);
		return refuse(request, 501, NULL, why.text);
	}
	if (!request_route(http_target(request), &route))
		return refuse(request, 404, NULL, "Not Found");
	token = token_for(server, request, &route);
	if (!token)
		return;
	if (server->ending || server->n_transfers >= server->options.transfers) {
		token_put(token);
		return refuse_busy(request, "too many transfers at once: try again");
	}
	if (transfers_of(server, token) >= server->options.per_token) {
		token_put(token);
		return refuse_busy(request, "too many transfers of this token at once: try again");
	}
	transfer_new(server, request, &route, token);
}

static size_t on_body(struct http_request *request, const char *bytes, size_t n)
{
	struct transfer *transfer = http_get(request);

	if (!transfer)
		return n;
	if (transfer->backend)
		return backend_body(transfer->backend, bytes, n);
	if (!transfer->asked)
		return n;
	if (n > LISTING_ASKED - transfer->n_asked) { /* more than was said: no server gives that */
		http_abort(request);
		return n;
	}
	if (n)
		memcpy(transfer->asked + transfer->n_asked, bytes, n);
	transfer->n_asked += n;
	if (n && listing_may_be(transfer->asked, transfer->n_asked))
		return n;
	if (transfer_begin(transfer, request) && !n)
		backend_body(transfer->backend, NULL, 0);
	return n;
}

static ssize_t on_fill(struct http_request *request, char *bytes, size_t size)
{
	struct transfer *transfer = http_get(request);
	ssize_t n;

	if (!transfer->backend)
		return HTTP_ABORT;
	if (!transfer->lists)
		return backend_fill(transfer->backend, bytes, size);
	if (size <= HIDDEN_ROOM)
		return HTTP_ABORT;
	do {
		n = backend_fill(transfer->backend, bytes + HIDDEN_ROOM, size - HIDDEN_ROOM);
		if (n <= 0)
			return n;
		n = (ssize_t)hidden_pass(&transfer->hidden, bytes + HIDDEN_ROOM, (size_t)n, bytes);
	} while (!n); /* all of it was ours */
	return n;
}

static void on_request_over(struct http_request *request, bool whole)
{
	struct transfer *transfer = http_get(request);

	if (transfer && transfer->backend)
		backend_gone(transfer->backend, whole);
	else if (transfer)
		transfer_free(transfer); /* it was waited for what it asks */
}

static void on_empty(void *user)
{
	struct server *server = user;

	if (server->once)
		loop_stop(server->loop);
}

static const struct http_use use = {
	.head = on_request_head,
	.body = on_body,
	.fill = on_fill,
	.over = on_request_over,
	.empty = on_empty,
};

/* --- its life ------------------------------------------------------------------------- */

struct http *server_http(struct server *server)
{
	return server->http;
}

void server_end(struct server *server)
{
	server->ending = true;
	http_close(server->http);
	if (!server->n_transfers)
		loop_stop(server->loop);
}

void server_once(struct server *server)
{
	server->once = true;
}

int server_new(struct loop *loop, const struct server_options *options, struct server **ret,
	       struct problem *why)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return problem(why, -ENOMEM, "no memory for a server");
	server->loop = loop;
	server->options = *options;
	server->listings.kind = ADVERT_REFS_LIST;
	r = backend_git_open(&server->git, options->base, why);
	if (!r)
		r = tokens_open(options->tokens, options->admin, &server->tokens, why);
	if (!r) {
		r = http_new(loop, &options->limits, &use, server, &server->http);
		if (r)
			problem(why, r, "cannot begin to serve: %s", strerror(-r));
	}
	if (r) {
		server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	http_free(server->http); /* its requests are over, and their transfers told so */
	while (server->transfers) {
		backend_kill(server->transfers->backend);
		transfer_free(server->transfers);
	}
	adverts_done(&server->adverts);
	adverts_done(&server->listings);
	tokens_free(server->tokens);
	backend_git_done(&server->git);
	free(server);
}
