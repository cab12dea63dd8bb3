// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_web.c - whatever a browser sends, what we read of it ourselves is what it may be
 *
 * Input: what it is (1 byte), then it: 'a' the body of an answer, 't' of a call with one text,
 * 'n' a number of a query, 'c' a Cookie header, 'h' a Host header, 'o' Origin and Host with a
 * newline between, 'p' method and path with a newline between. A refusal is printable JSON; no
 * cookie but ours is a session's; a host is loopback's; an origin is its host's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "tools/clearance_door.h"
#include "tools/clearance_web.h"

static struct door door;
static const struct door_session *inside;

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What people read of it, as refuse() sends it. */
static void check_problem(const struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "problem", why->text);
	json_close_object(&json);
	text = json_done(&json);
	check(*why->text && text && !json_parse(text, strlen(text), &object));
	for (const char *p = text; *p; p++)
		check(*p >= 0x20 && *p <= 0x7e);
}

static void try_answer(const char *text, size_t size)
{
	struct web_answer answer;
	struct problem why = {};

	if (web_answer_parse(text, size, &answer, &why)) {
		check_problem(&why);
		return;
	}
	check(answer.n >= 1 && answer.n <= WEB_ANSWERS && answer.scope);
	check(!strcmp(answer.action, "allow") || !strcmp(answer.action, "deny"));
	for (unsigned i = 0; i < answer.n; i++)
		check(strlen(answer.ids[i]) < WEB_ID_LEN);
	web_answer_done(&answer);
}

static void try_text(const char *text, size_t size)
{
	struct problem why = {};
	char token[8];

	if (web_text_parse(text, size, "token", token, sizeof(token), &why))
		check_problem(&why);
	else
		check(strlen(token) < sizeof(token));
}

static void try_number(const char *text)
{
	struct problem why = {};
	int64_t number = -1;

	if (web_number_parse(text, 1000, &number, &why))
		check_problem(&why);
	else
		check(number >= 0 && number <= 1000);
}

static void try_cookie(const char *text)
{
	const struct door_session *session = door_session(&door, text, 1);

	check(!session || (session == inside && strstr(text, inside->cookie)));
	check(!door_page(inside, text) || !strcmp(text, inside->page));
	check(!door_login(&door, text, 1)); /* there is no link */
}

static void try_host(const char *text)
{
	if (door_host(text))
		check(strspn(text, "[]:.0123456789abcdefABCDEF") == strlen(text) ||
		      !strncasecmp(text, "localhost", 9));
}

static void try_origin(const char *origin, const char *host)
{
	if (door_origin(origin, host))
		check(!strcasecmp(origin + strlen("http://"), host));
	check(!door_site(origin) || !strcmp(origin, "same-origin"));
}

static void try_path(const char *method, const char *path)
{
	const struct web_asset *asset = NULL;
	const char *allow = "";
	enum web_route route = web_route_find(method, path, &asset, &allow);

	check(route == ROUTE_NONE || !allow);
	check(route != ROUTE_ASSET || (asset && !strcmp(asset->path, path)));
	check(!web_route_changes(route) || !strcmp(method, "POST"));
}

static void open_once(void)
{
	char token[DOOR_SECRET_LEN + 1];

	if (inside)
		return;
	check(!door_open(&door));
	strcpy(token, door_token_new(&door, 0));
	inside = door_login(&door, token, 0);
	check(inside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *second;

	open_once();
	if (!size || size > WEB_BODY_MAX)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	check(text);
	second = strchr(text, '\n');
	if (second)
		*second++ = '\0';
	switch (*data) {
	case 'a': try_answer((const char *)data + 1, size - 1); break;
	case 't': try_text((const char *)data + 1, size - 1); break;
	case 'n': try_number(text); break;
	case 'c': try_cookie(text); break;
	case 'h': try_host(text); break;
	case 'o': try_origin(text, second ?: ""); break;
	case 'p': try_path(text, second ?: ""); break;
	}
	free(text);
	return 0;
}
