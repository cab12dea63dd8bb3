// SPDX-License-Identifier: Apache-2.0
/*
 * test_gate_request.c - gate/request.c, gate/cgi.c, gate/hidden.c: routes, credentials, what
 * http-backend says first, and what of a list is not told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "gate/cgi.h"
#include "gate/hidden.h"
#include "gate/request.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void four_places_of_a_repository_are_routes(void **state)
{
	static const struct {
		const char *target, *path, *query;
		enum request_part part;
		bool receives;
	} good[] = {
		{ "/p.git/info/refs", "/p.git/info/refs", "", REQUEST_REFS, false },
		{ "/p.git/info/refs?service=git-upload-pack", "/p.git/info/refs",
		  "service=git-upload-pack", REQUEST_REFS, false },
		{ "/p.git/info/refs?service=git-receive-pack", "/p.git/info/refs",
		  "service=git-receive-pack", REQUEST_REFS, true },
		{ "/a.b-c_D9.git/git-upload-pack", "/a.b-c_D9.git/git-upload-pack", "",
		  REQUEST_UPLOAD, false },
		{ "/p.git/git-receive-pack?x?y", "/p.git/git-receive-pack", "x?y", REQUEST_RECEIVE,
		  true },
		{ "/p.git.git/HEAD", "/p.git.git/HEAD", "", REQUEST_HEAD, false },
		{ "/..git/HEAD", "/..git/HEAD", "", REQUEST_HEAD, false },
	};
	struct request_route route;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(request_route(good[i].target, &route));
		assert_string_equal(route.path, good[i].path);
		assert_string_equal(route.query, good[i].query);
		assert_int_equal(route.part, good[i].part);
		assert_int_equal(route.receives, good[i].receives);
	}
	assert_true(request_route("/p.git/HEAD", &route));
	assert_string_equal(route.name, "p.git");
	assert_string_equal(route.project, "p");
}

static void nothing_else_is_a_route(void **state)
{
	static const char *const bad[] = {
		"",
		"*",
		"/",
		"p.git/HEAD",
		"/p.git",
		"/p.git/",
		"/p.git/HEAD/",
		"/p.git/HEADS",
		"/p.git/head",
		"//p.git/HEAD",
		"/p/HEAD",
		"/p.git?/HEAD",
		"/.git/HEAD",
		"/%70.git/HEAD",
		"/p%2egit/HEAD",
		"/x/../p.git/HEAD",
		"/x/p.git/HEAD",
		"/p.git/../p.git/HEAD",
		"/p.git/objects/info/packs",
		"/p.git/info/refs%3fservice=x",
		"/p.git/git-upload-archive",
		"/p.git\\HEAD",
		"/p q.git/HEAD",
		"/p\303\244.git/HEAD",
		"http://x/p.git/HEAD",
	};
	struct request_route route;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (request_route(bad[i], &route))
			fail_msg("%s is a route", bad[i]);
}

static void a_name_has_255_bytes_at_most(void **state)
{
	char target[512] = "/";
	struct request_route route;

	(void)state;
	memset(target + 1, 'a', REQUEST_NAME_MAX - 4);
	strcpy(target + 1 + REQUEST_NAME_MAX - 4, ".git/git-receive-pack");
	assert_true(request_route(target, &route));
	assert_int_equal(strlen(route.path), REQUEST_NAME_MAX + strlen("//git-receive-pack"));
	memset(target + 1, 'a', REQUEST_NAME_MAX - 3);
	strcpy(target + 1 + REQUEST_NAME_MAX - 3, ".git/HEAD");
	assert_false(request_route(target, &route));
}

static void a_user_name_is_the_token_and_the_password_is_nobodys(void **state)
{
	static const struct {
		const char *value, *token;
	} good[] = {
		{ "Basic YTpi", "a" },
		{ "Basic YTo=", "a" },
		{ "basic YTpi", "a" },
		{ "BASIC YTpi", "a" },
		{ "Basic   YTpi  ", "a" },
		{ "Basic YTpiOmM=", "a" },
		{ "Basic w6Q6eA==", "\303\244" },
	};
	char token[REQUEST_TOKEN_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(request_token(good[i].value, token), strlen(good[i].token));
		assert_string_equal(token, good[i].token);
	}
}

static void what_is_no_credential_is_none(void **state)
{
	static const char *const bad[] = {
		NULL,
		"",
		"Basic",
		"Basic ",
		"BasicYTpi",
		"Bearer YTpi",
		"Digest YTpi",
		"Basic YTpi!",
		"Basic YTp",      /* not padded */
		"Basic YT=i",     /* padded inside */
		"Basic ====",     /* nothing but padding */
		"Basic YWI=",     /* no colon */
		"Basic OmE=",     /* no user */
		"Basic /zph",     /* not UTF-8 */
		"Basic YTr/",     /* ... in the password */
		"Basic YQA6Yg==", /* a NUL */
		"Basic YTpi YTpi",
	};
	char token[REQUEST_TOKEN_MAX], big[2048] = "Basic ";

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (request_token(bad[i], token) != -EINVAL)
			fail_msg("%s is a credential", bad[i]);
	memset(big + 6, 'Y', 1024);
	assert_int_equal(request_token(big, token), -EINVAL);
}

static void a_status_and_headers_are_read(void **state)
{
	char text[] =
	    "Status: 404 Not Found\r\nExpires: never\nno colon here\nContent-Length: 5\r\n"
	    "X-A:  b  \nTransfer-Encoding: chunked\nBad Name: x\n\nbody";
	struct cgi_head head;
	size_t n = cgi_end(text, strlen(text));

	(void)state;
	assert_string_equal(text + n, "body");
	assert_int_equal(cgi_read(text, n, &head), 0);
	assert_int_equal(head.status, 404);
	assert_int_equal(head.length, 5);
	assert_int_equal(head.n, 2);
	assert_string_equal(head.header[0].name, "Expires");
	assert_string_equal(head.header[0].value, "never");
	assert_string_equal(head.header[1].value, "b");
}

static void a_status_that_is_none_is_200(void **state)
{
	static const char *const none[] = { "\n",
					    "A: b\r\n\r\n",
					    "Status: no\n\n",
					    "Status: \n\n",
					    "Status: 2000\n\n",
					    "Status: 404x\n\n",
					    "Status: 99999999999999999999\n\n",
					    "Status: -404\n\n",
					    "Status: 404 cut off" };
	struct cgi_head head;
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(none) - 1; i++) {
		strcpy(text, none[i]);
		assert_int_equal(cgi_read(text, strlen(text), &head), 0);
		assert_int_equal(head.status, 200);
	}
	strcpy(text, none[COUNT(none) - 1]); /* the end is an end as well */
	assert_int_equal(cgi_end(text, strlen(text)), 0);
	assert_int_equal(cgi_read(text, strlen(text), &head), 0);
	assert_int_equal(head.status, 404);
}

static void a_head_that_is_not_all_there_has_no_end(void **state)
{
	static const char text[] = "A: b\r\n\r\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(cgi_end(text, n), 0);
	assert_int_equal(cgi_end(text, sizeof(text) - 1), sizeof(text) - 1);
}

static void more_headers_than_there_is_room_for_are_an_error(void **state)
{
	char text[CGI_HEADERS_MAX * 5 + 16] = "";
	struct cgi_head head;

	(void)state;
	for (int i = 0; i < CGI_HEADERS_MAX; i++)
		strcat(text, "A: b\n");
	strcat(text, "\n");
	assert_int_equal(cgi_read(text, strlen(text), &head), 0);
	assert_int_equal(head.n, CGI_HEADERS_MAX);
	*text = '\0';
	for (int i = 0; i < CGI_HEADERS_MAX + 1; i++)
		strcat(text, "A: b\n");
	assert_int_equal(cgi_read(text, strlen(text), &head), -EINVAL);
	memcpy(text, "A: \0b\n\n", 7);
	assert_int_equal(cgi_read(text, 7, &head), -EINVAL);
}

/* Statement 39. */
static void refs_of_ours_are_left_out_however_the_list_comes(void **state)
{
#define OID "0123456789012345678901234567890123456789"
	static const char list[] = OID "\trefs/heads/a\n" OID "\trefs/terok/backup/a/b\n" OID
				       "\trefs/terokk\n" OID "\trefs/terok/x\n" OID
				       "\trefs/tags/refs/terok/\nshort\n" OID "\trefs/terok/y\n";
	static const char told[] = OID "\trefs/heads/a\n" OID "\trefs/terokk\n" OID
				       "\trefs/tags/refs/terok/\nshort\n";
	char out[sizeof(list) + HIDDEN_ROOM], at[2 * HIDDEN_ROOM];

	(void)state;
	for (size_t bite = 1; bite < HIDDEN_ROOM; bite++) {
		struct hidden hidden = {};
		size_t n = 0;

		for (size_t i = 0; i < sizeof(list) - 1; i += bite) {
			size_t take = sizeof(list) - 1 - i < bite ? sizeof(list) - 1 - i : bite;
			size_t got;

			memcpy(at + HIDDEN_ROOM, list + i, take);
			got = hidden_pass(&hidden, at + HIDDEN_ROOM, take, at);
			memcpy(out + n, at, got);
			n += got;
		}
		assert_int_equal(n, sizeof(told) - 1);
		assert_memory_equal(out, told, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_places_of_a_repository_are_routes),
		cmocka_unit_test(nothing_else_is_a_route),
		cmocka_unit_test(a_name_has_255_bytes_at_most),
		cmocka_unit_test(a_user_name_is_the_token_and_the_password_is_nobodys),
		cmocka_unit_test(what_is_no_credential_is_none),
		cmocka_unit_test(a_status_and_headers_are_read),
		cmocka_unit_test(a_status_that_is_none_is_200),
		cmocka_unit_test(a_head_that_is_not_all_there_has_no_end),
		cmocka_unit_test(more_headers_than_there_is_room_for_are_an_error),
		cmocka_unit_test(refs_of_ours_are_left_out_however_the_list_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
