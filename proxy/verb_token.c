// SPDX-License-Identifier: Apache-2.0
/*
 * verb_token.c - terok-proxy token create, list, revoke: what a container shows in place of a secret
 *
 * A whole token is printed once, when it is made; what is shown later is its beginning, by which
 * it can be revoked. A proxy that runs sees a change at the next request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "deeds.h"
#include "opened.h"
#include "store/credential.h"
#include "store/token.h"
#include "verbs.h"

#define BUDGET_MAX 1000000000

/* --- create ----------------------------------------------------------------------------- */

static int take(const char *what, const char *text, char *ret, size_t size)
{
	if (!*text || strlen(text) >= size)
		return log_error(0, "%s: 1 to %zu bytes are allowed", what, size - 1), -EINVAL;
	strcpy(ret, text);
	return 0;
}

/* What was said several times, as one text. */
static int take_list(const char *what, const struct cli_list *list, char *ret, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < list->n; i++) {
		size_t here = strlen(list->item[i]);

		if (!here || n + here + 2 > size || strchr(list->item[i], ' '))
			return log_error(0, "%s: no spaces, and %zu bytes in all", what, size - 1),
			       -EINVAL;
		if (n)
			ret[n++] = ' ';
		memcpy(ret + n, list->item[i], here + 1);
		n += here;
	}
	return 0;
}

static int take_limits(const char *life, const char *budget, struct token *want)
{
	struct problem why;
	uint64_t seconds;
	unsigned requests = 0;

	want->budget = TOKEN_UNLIMITED;
	if (budget) {
		if (cli_number("--budget", budget, 1, BUDGET_MAX, &requests))
			return -EINVAL;
		want->budget = requests;
	}
	if (!life)
		return 0;
	if (duration_parse(life, &seconds, &why))
		return log_error(0, "--for: %s", why.text), -EINVAL;
	want->created = time(NULL); /* its life begins there, not some moment later */
	want->expires = want->created + seconds;
	return 0;
}

/* What both a new one and a listed one have. */
static void add_members(const struct token *token, struct json *json)
{
	json_add_string(json, "project", token->project);
	json_add_string(json, "task", token->task);
	json_add_string(json, "set", token->set);
	json_add_string(json, "provider", token->provider);
	if (*token->container)
		json_add_string(json, "container", token->container);
	if (token->created)
		json_add_int(json, "created", token->created);
	if (token->expires)
		json_add_int(json, "expires", token->expires);
	if (*token->methods)
		json_add_string(json, "methods", token->methods);
	if (*token->paths)
		json_add_string(json, "paths", token->paths);
	if (token->budget == TOKEN_UNLIMITED)
		return;
	json_add_int(json, "budget", token->budget);
	json_add_int(json, "used", token->used);
}

static void print_made(const struct token *token, bool as_json)
{
	_cleanup_json_ struct json json = {};

	if (!as_json) {
		puts(token->text);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "token", token->text);
	add_members(token, &json);
	json_close_object(&json);
	puts(json_done(&json) ?: "null");
}

static int run_create(int argc, char **argv)
{
	const char *set = CREDENTIAL_SET, *container = NULL, *life = NULL, *budget = NULL;
	struct cli_list methods = {}, paths = {};
	_cleanup_(store_freep) struct store *store = NULL;
	struct opened opened = {};
	struct token want = {};
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "set", "NAME", "for a credential of this set", CLI_STRING, &set },
		{ "for", "TIME", "good for so long: 90s, 10m, 2h, 1d; else for ever", CLI_STRING,
		  &life },
		{ "container", "NAME", "good only where this container comes in", CLI_STRING,
		  &container },
		{ "method", "METHOD", "only this one; may be repeated", CLI_LIST, &methods },
		{ "path", "PATTERN", "only these paths; may be repeated", CLI_LIST, &paths },
		{ "budget", "N", "good for so many requests", CLI_STRING, &budget },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 3, 3);

	if (r < 0)
		return r;
	if (take("PROJECT", argv[1], want.project, sizeof(want.project)) ||
	    take("TASK", argv[2], want.task, sizeof(want.task)) ||
	    take("PROVIDER", argv[3], want.provider, sizeof(want.provider)) ||
	    take("--set", set, want.set, sizeof(want.set)) ||
	    (container && take("--container", container, want.container, sizeof(want.container))) ||
	    take_list("--method", &methods, want.methods, sizeof(want.methods)) ||
	    take_list("--path", &paths, want.paths, sizeof(want.paths)) ||
	    take_limits(life, budget, &want))
		return -EINVAL;
	r = opened_store(&opened, STORE_WRITE, &store);
	if (r)
		return r;
	r = token_mint(store, &want, &why);
	if (r)
		return log_error(0, "%s", why.text), r == -EINVAL ? r : -EIO;
	print_made(&want, json);
	explicit_bzero(&want, sizeof(want));
	return 0;
}

/* --- list ------------------------------------------------------------------------------- */

struct listing {
	struct json json;
	const char *project;
	bool as_json;
};

static bool is_over(const struct token *token)
{
	return (token->expires && token->expires <= time(NULL)) ||
	       (token->budget != TOKEN_UNLIMITED && token->used >= token->budget);
}

static void print_line(const struct token *token, const char *shown)
{
	char text[TOKEN_PATHS], until[32];
	time_t expires = token->expires;
	struct tm tm;

	printf("%s  %s", shown, log_safe(text, sizeof(text), token->project));
	printf(" %s", log_safe(text, sizeof(text), token->task));
	printf("  %s", log_safe(text, sizeof(text), token->provider));
	if (strcmp(token->set, CREDENTIAL_SET))
		printf(" of %s", log_safe(text, sizeof(text), token->set));
	if (*token->methods)
		printf("  %s", token->methods);
	if (*token->paths)
		printf("  %s", token->paths);
	if (*token->container)
		printf("  in %s", log_safe(text, sizeof(text), token->container));
	if (token->budget != TOKEN_UNLIMITED)
		printf("  %lld of %lld used", (long long)token->used, (long long)token->budget);
	if (expires && gmtime_r(&expires, &tm) &&
	    strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm))
		printf("  until %s", until);
	puts(is_over(token) ? "  over" : "");
}

static int list_one(const struct token *token, void *user)
{
	struct listing *listing = user;
	char shown[TOKEN_SIZE];

	if (listing->project && strcmp(listing->project, token->project))
		return 0;
	token_mask(token->text, shown);
	if (!listing->as_json) {
		print_line(token, shown);
		return 0;
	}
	json_open_object(&listing->json, NULL);
	json_add_string(&listing->json, "id", shown);
	add_members(token, &listing->json);
	json_add_bool(&listing->json, "over", is_over(token));
	json_close_object(&listing->json);
	return 0;
}

static int run_list(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct listing listing = {};
	struct opened opened = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "json", NULL, "a JSON array", CLI_FLAG, &listing.as_json },
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	listing.project = r ? argv[1] : NULL;
	r = opened_store(&opened, STORE_READ, &store);
	if (r)
		return r;
	json_open_array(&listing.json, NULL);
	r = token_each(store, list_one, &listing, &why);
	json_close_array(&listing.json);
	if (!r && listing.as_json)
		puts(json_done(&listing.json) ?: "null");
	json_free(&listing.json);
	return r ? (log_error(0, "%s", why.text), -EIO) : 0;
}

/* --- revoke ----------------------------------------------------------------------------- */

static int run_revoke(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct token_which which = {};
	struct opened opened = {};
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "expired", NULL, "those whose time is over", CLI_FLAG, &which.expired },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 2);

	if (r < 0)
		return r;
	if (!r == !which.expired)
		return log_error(0, "which? PROJECT TASK, TOKEN, or --expired"), -EINVAL;
	if (r == 1 && strlen(argv[1]) < TOKEN_SHOWN)
		return log_error(0,
				 "'%s' is no token: give %d bytes of it at least, as token list "
				 "shows them, or PROJECT TASK",
				 argv[1], TOKEN_SHOWN),
		       -EINVAL;
	which.text = r == 1 ? argv[1] : NULL;
	which.project = r == 2 ? argv[1] : NULL;
	which.task = r == 2 ? argv[2] : NULL;
	r = opened_store(&opened, STORE_WRITE, &store);
	if (r)
		return r;
	r = token_withdraw(store, &which, &why);
	if (r < 0)
		return log_error(0, "%s", why.text), -EIO;
	printf(json ? "{\"revoked\":%d}\n" : "%d revoked\n", r);
	return 0;
}

int verb_token(int argc, char **argv)
{
	static const struct deed deeds[] = {
		{ "create", run_create }, { "list", run_list }, { "revoke", run_revoke }, {}
	};

	return deeds_run(deeds, "create, list or revoke", argc, argv);
}
