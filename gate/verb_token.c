// SPDX-License-Identifier: Apache-2.0
/*
 * verb_token.c - terok-gate token create, list, revoke: what containers come in with
 *
 * A whole token is printed once, when it is made; what is shown later is its beginning, by which
 * it can be revoked. A gate that runs sees a change at the next request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/paths.h"
#include "gate.h"
#include "token_file.h"
#include "verbs.h"

#define FILE_OPTION                                                                                \
	{                                                                                          \
		"token-file", "FILE", "the file of tokens", CLI_STRING, &path                      \
	}

/* The file that is meant, the caller's to free. */
static char *file_path(const char *given)
{
	char *path = given ? strdup(given) : place_default(PLACE_TOKENS);

	if (!path)
		log_error(0, "where the tokens are is not known: no home; say --token-file FILE");
	return path;
}

/* --- create --------------------------------------------------------------------------- */

static int take_name(const char *what, const char *name, char *ret, size_t size)
{
	struct problem why;

	if (strlen(name) >= size)
		return log_error(0, "%s: at most %zu bytes are allowed", what, size - 1), -EINVAL;
	if (project_check(name, &why))
		return log_error(0, "%s: %s", what, why.text), -EINVAL;
	strcpy(ret, name);
	return 0;
}

static int take_life(const char *text, struct token *want)
{
	struct problem why;
	uint64_t seconds;

	if (!text)
		return 0;
	if (duration_parse(text, &seconds, &why))
		return log_error(0, "--for: %s", why.text), -EINVAL;
	want->expires = time(NULL) + seconds;
	return 0;
}

#define URL_SIZE (TOKEN_SIZE + PROJECT_MAX + 64)

/* Where a container that has no listener of its own reaches the gate, as it is installed or runs. */
static int make_url(const struct token *want, const char *text, char url[URL_SIZE])
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_life_ struct life life = {};
	struct problem why = {};
	int r = gate_place(NULL, NULL, &place, &why) ?: life_read(&gate_service, &place, &life);

	if (r)
		return log_error(0, "where the gate listens is not known: %s",
				 *why.text ? why.text : strerror(-r)),
		       -EIO;
	snprintf(url, URL_SIZE, "http://%s@host.containers.internal:%u/%s.git", text,
		 life.port ?: GATE_PORT, want->project);
	return 0;
}

/* @url: "" is none */
static void print_made(const struct token *want, const char *text, const char *url, bool as_json)
{
	_cleanup_json_ struct json json = {};

	if (!as_json) {
		puts(*url ? url : text);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "token", text);
	json_add_string(&json, "project", want->project);
	json_add_string(&json, "task", want->task);
	if (want->expires)
		json_add_uint(&json, "expires", want->expires);
	if (*url)
		json_add_string(&json, "url", url);
	json_close_object(&json);
	puts(json_done(&json) ?: "null");
}

static int run_create(int argc, char **argv)
{
	const char *path = NULL, *container = NULL, *life = NULL;
	struct problem warning = {}, why = {};
	struct cli_list push = { .n = 0 };
	struct token want = { .refs = 1 };
	_cleanup_free_ char *file = NULL;
	char text[TOKEN_SIZE], where[URL_SIZE] = "";
	bool json = false, url = false;
	const struct cli_option options[] = {
		{ "container", "NAME", "good only where this container comes in", CLI_STRING,
		  &container },
		{ "for", "TIME", "good for so long: 90s, 10m, 2h, 1d; else for ever", CLI_STRING,
		  &life },
		{ "read-only", NULL, "clone and fetch, no push", CLI_FLAG, &want.read_only },
		{ "push", "PATTERN", "only these branches; may be repeated", CLI_LIST, &push },
		{ "force", NULL, "may replace history", CLI_FLAG, &want.force },
		{ "remove", NULL, "may delete branches and tags", CLI_FLAG, &want.remove },
		{ "workflows", NULL, "may push what runs elsewhere: .github/workflows", CLI_FLAG,
		  &want.workflows },
		FILE_OPTION,
		{ "url", NULL, "print the URL to clone from, with the token in it", CLI_FLAG,
		  &url },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	if (push.n > TOKEN_PUSH_MAX)
		return log_error(0, "--push: at most %d times", TOKEN_PUSH_MAX), -EINVAL;
	if (container && (!*container || strlen(container) >= sizeof(want.container)))
		return log_error(0, "--container: a name of 1 to %zu bytes",
				 sizeof(want.container) - 1),
		       -EINVAL;
	if (container)
		strcpy(want.container, container);
	for (want.n_push = 0; want.n_push < push.n; want.n_push++)
		want.push[want.n_push] = (char *)push.item[want.n_push];
	if (take_name("PROJECT", argv[1], want.project, sizeof(want.project)) ||
	    take_name("TASK", argv[2], want.task, sizeof(want.task)) || take_life(life, &want))
		return -EINVAL;
	file = file_path(path);
	if (!file)
		return -ENOENT;
	r = token_create(file, &want, text, &warning, &why);
	if (*warning.text)
		log_warn(0, "%s", warning.text);
	if (r)
		return log_error(0, "%s", why.text), r == -EINVAL ? r : -EIO;
	r = url ? make_url(&want, text, where) : 0;
	print_made(&want, text, where, json);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(where, sizeof(where));
	return r;
}

/* --- list ----------------------------------------------------------------------------- */

struct listing {
	struct json json;
	const char *project;
	bool as_json;
	unsigned n;
};

static void time_text(char *ret, size_t size, uint64_t seconds)
{
	time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(ret, size, "?");
}

static bool is_over(const struct token *token)
{
	return token->expires && token->expires <= (uint64_t)time(NULL);
}

static void add_json(const struct token *token, const char *shown, struct json *json)
{
	json_open_object(json, NULL);
	json_add_string(json, "id", shown);
	json_add_string(json, "project", token->project);
	json_add_string(json, "task", token->task);
	if (*token->container)
		json_add_string(json, "container", token->container);
	if (token->created)
		json_add_uint(json, "created", token->created);
	if (token->expires)
		json_add_uint(json, "expires", token->expires);
	json_add_bool(json, "expired", is_over(token));
	json_add_bool(json, "read_only", token->read_only);
	json_add_bool(json, "force", token->force);
	json_add_bool(json, "remove", token->remove);
	json_add_bool(json, "workflows", token->workflows);
	json_open_array(json, "push");
	for (unsigned i = 0; i < token->n_push; i++)
		json_add_string(json, NULL, token->push[i]);
	json_close_array(json);
	json_close_object(json);
}

static void print_line(const struct token *token, const char *shown)
{
	char task[TOKEN_CONTAINER], container[TOKEN_CONTAINER], until[32];

	printf("%s  %s %s  %s%s%s%s", shown, token->project,
	       log_safe(task, sizeof(task), token->task), token->read_only ? "read" : "push",
	       token->force ? " force" : "", token->remove ? " remove" : "",
	       token->workflows ? " workflows" : "");
	for (unsigned i = 0; i < token->n_push; i++) {
		char pattern[256];

		printf("%s%s", i ? "," : "  to ",
		       log_safe(pattern, sizeof(pattern), token->push[i]));
	}
	if (*token->container)
		printf("  in %s", log_safe(container, sizeof(container), token->container));
	if (token->expires) {
		time_text(until, sizeof(until), token->expires);
		printf("  %s %s", is_over(token) ? "expired" : "until", until);
	}
	putchar('\n');
}

static int list_one(const struct token *token, void *user)
{
	struct listing *listing = user;
	char shown[TOKEN_SIZE];

	if (listing->project && strcmp(listing->project, token->project))
		return 0;
	listing->n++;
	token_shown(token->text, shown);
	if (listing->as_json)
		add_json(token, shown, &listing->json);
	else
		print_line(token, shown);
	return 0;
}

static int run_list(int argc, char **argv)
{
	const char *path = NULL;
	struct listing listing = {};
	const struct cli_option options[] = {
		{ "json", NULL, "a JSON array", CLI_FLAG, &listing.as_json },
		FILE_OPTION,
		{},
	};
	_cleanup_(tokens_freep) struct tokens *tokens = NULL;
	_cleanup_free_ char *file = NULL;
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	listing.project = r ? argv[1] : NULL;
	file = file_path(path);
	if (!file)
		return -ENOENT;
	if (tokens_open(file, NULL, &tokens, &why))
		return log_error(0, "%s", why.text), -ENOMEM;
	json_open_array(&listing.json, NULL);
	tokens_each(tokens, list_one, &listing);
	json_close_array(&listing.json);
	if (listing.as_json)
		puts(json_done(&listing.json) ?: "null");
	json_free(&listing.json);
	if (tokens_complaint(tokens, &why)) /* what is left is not all: no "there are none" */
		return log_error(0, "%s", why.text), -EIO;
	return 0;
}

/* --- revoke --------------------------------------------------------------------------- */

static int run_revoke(int argc, char **argv)
{
	const char *path = NULL;
	struct problem warning = {}, why = {};
	struct token_which which = {};
	_cleanup_free_ char *file = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "expired", NULL, "those whose time is over", CLI_FLAG, &which.expired },
		FILE_OPTION,
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 2);

	if (r < 0)
		return r;
	if (!r && !which.expired)
		return log_error(0, "which? PROJECT TASK, TOKEN, or --expired"), -EINVAL;
	if (r == 1)
		which.text = argv[1];
	if (r == 1 && strlen(which.text) < TOKEN_SHOWN)
		return log_error(0,
				 "'%s' is no token: give %d bytes of it at least, as token list "
				 "shows them, or PROJECT TASK",
				 which.text, TOKEN_SHOWN),
		       -EINVAL;
	if (r == 2) {
		which.project = argv[1];
		which.task = argv[2];
	}
	file = file_path(path);
	if (!file)
		return -ENOENT;
	r = token_revoke(file, &which, &warning, &why);
	if (*warning.text)
		log_warn(0, "%s", warning.text);
	if (r < 0)
		return log_error(0, "%s", why.text), -EIO;
	if (json)
		printf("{\"revoked\":%d}\n", r);
	else
		printf("%d revoked\n", r);
	return 0;
}

int verb_token(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} deeds[] = { { "create", run_create }, { "list", run_list }, { "revoke", run_revoke } };
	bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

	for (size_t i = 0; argc > 1 && i < sizeof(deeds) / sizeof(*deeds); i++)
		if (!strcmp(argv[1], deeds[i].name))
			return deeds[i].run(argc - 1, argv + 1);
	if (help)
		return cli_parse(argc, argv, NULL, 0, 0) == -ECANCELED ? 0 : -EINVAL;
	return log_error(0, "token what? create, list or revoke"), -EINVAL;
}
