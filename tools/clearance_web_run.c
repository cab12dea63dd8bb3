// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_run.c - what a request that passed all checks does, and how it is answered
 *
 * What waits for the hub suspends its connection until the hub has answered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "clearance_web_http.h"

#define WRONG_LOGGED 5 /* wrong links that are logged one by one */

/* --- responses -------------------------------------------------------------------------- */

static const char *const headers[][2] = {
	/* nothing but our own files, no script in the page, no frame around it */
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	  "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
	  "require-trusted-types-for 'script'; trusted-types 'none'" },
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
};

/* Takes @response. */
enum MHD_Result respond(struct request *request, unsigned status, const char *type,
			struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (request->peer)
		peer_owes(request->web, request->peer, WEB_DRAIN_NS);
	r = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return r;
}

enum MHD_Result respond_json(struct request *request, unsigned status, const char *text,
			     const char *header, const char *value)
{
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);

	if (response && header)
		MHD_add_response_header(response, header, value);
	return respond(request, status, "application/json", response);
}

enum MHD_Result refuse(struct request *request, unsigned status, const char *error,
		       const char *text)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "error", error);
	json_add_string(&json, "problem", text);
	json_close_object(&json);
	return respond_json(request, status, json_done(&json) ?: "{}", NULL, NULL);
}

static enum MHD_Result respond_asset(struct request *request)
{
	const struct web_asset *asset = request->asset;

	return respond(request, MHD_HTTP_OK, asset->type,
		       MHD_create_response_from_buffer(asset->size, (void *)asset->text,
						       MHD_RESPMEM_PERSISTENT));
}

/* --- calls ------------------------------------------------------------------------------ */

void request_wake(struct request *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	web_resume(request->web, request->connection);
}

static void on_asked(unsigned status, const char *text, void *user)
{
	struct request *request = user;

	request->status = status;
	request->text = text;
	request_wake(request);
}

static enum MHD_Result ask_begin(struct request *request)
{
	request->ask = ask_new(request->web->loop, request->web->hub, on_asked, request);
	if (!request->ask)
		return MHD_NO;
	if (request->peer) { /* now we owe */
		peer_owes(request->web, request->peer, 0);
		request->peer->request = request;
	}
	request->suspended = true;
	MHD_suspend_connection(request->connection);
	return MHD_YES;
}

static enum MHD_Result run_login(struct request *request)
{
	char token[DOOR_SECRET_LEN + 1] = "", cookie[160];
	_cleanup_json_ struct json json = {};
	const struct door_session *session;
	struct web *web = request->web;
	struct problem why = {};

	if (web_text_parse(request->body, request->n, "token", token, sizeof(token), &why))
		session = NULL; /* too long or no token at all: as wrong as any */
	else
		session = door_login(web->door, token, now_boot_ns());
	if (!session) {
		if (++web->wrong <= WRONG_LOGGED)
			log_warn(0, "a login with a wrong or used link was refused%s",
				 web->wrong == WRONG_LOGGED ? "; more are not logged" : "");
		return refuse(request, MHD_HTTP_FORBIDDEN, "WrongToken",
			      "this link is good once and for ten minutes, and is not any more");
	}
	log_info("a browser has logged in");
	snprintf(cookie, sizeof(cookie), "%s=%s; Path=/; HttpOnly; SameSite=Strict",
		 web->door->cookie_name, session->cookie);
	json_open_object(&json, NULL);
	json_add_string(&json, "page", session->page);
	json_close_object(&json);
	return respond_json(request, MHD_HTTP_OK, json_done(&json) ?: "{}", "Set-Cookie", cookie);
}

static enum MHD_Result run_logout(struct request *request)
{
	char cookie[96];

	door_logout(request->web->door, request->session);
	streams_check(request->web);
	snprintf(cookie, sizeof(cookie), "%s=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
		 request->web->door->cookie_name);
	return respond_json(request, MHD_HTTP_OK, "{}", "Set-Cookie", cookie);
}

static enum MHD_Result run_answer(struct request *request)
{
	struct web_answer answer;
	struct problem why = {};
	enum MHD_Result r;

	if (web_answer_parse(request->body, request->n, &answer, &why))
		return refuse(request, MHD_HTTP_BAD_REQUEST, "Invalid", why.text);
	r = ask_begin(request);
	if (r == MHD_YES)
		ask_answer(request->ask, &answer);
	web_answer_done(&answer);
	return r;
}

static enum MHD_Result run_revoke(struct request *request)
{
	char grant[WEB_ID_LEN];
	struct problem why = {};
	enum MHD_Result r;

	if (web_text_parse(request->body, request->n, "grant", grant, sizeof(grant), &why))
		return refuse(request, MHD_HTTP_BAD_REQUEST, "Invalid", why.text);
	r = ask_begin(request);
	if (r == MHD_YES)
		ask_revoke(request->ask, grant);
	return r;
}

static enum MHD_Result run_history(struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	int64_t after = 0, limit = 100;
	struct problem why = {};
	enum MHD_Result r;

	if (web_number_parse(
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "after"), INT64_MAX,
		&after, &why) ||
	    web_number_parse(
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "limit"),
		WEB_HISTORY_MAX, &limit, &why))
		return refuse(request, MHD_HTTP_BAD_REQUEST, "Invalid", why.text);
	r = ask_begin(request);
	if (r == MHD_YES)
		ask_history(request->ask, after, limit);
	return r;
}

static enum MHD_Result run_list(struct request *request)
{
	enum MHD_Result r = ask_begin(request);

	if (r == MHD_YES && request->route == ROUTE_GUARDS)
		ask_guards(request->ask);
	else if (r == MHD_YES)
		ask_grants(request->ask);
	return r;
}

enum MHD_Result request_run(struct request *request)
{
	if (request->ask && !request->text) /* awake, and nothing was said: we end */
		return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Ending", "this program ends");
	if (request->ask)
		return respond_json(request, request->status, request->text, NULL, NULL);
	switch (request->route) {
	case ROUTE_ASSET: return respond_asset(request);
	case ROUTE_LOGIN: return run_login(request);
	case ROUTE_LOGOUT: return run_logout(request);
	case ROUTE_EVENTS: return stream_new(request);
	case ROUTE_ANSWER: return run_answer(request);
	case ROUTE_REVOKE: return run_revoke(request);
	case ROUTE_HISTORY: return run_history(request);
	default: return run_list(request);
	}
}
