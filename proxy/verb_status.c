// SPDX-License-Identifier: Apache-2.0
/* verb_status.c - terok-proxy status, ensure-reachable: does it run, who runs it, what has it */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/knock.h"
#include "base/log.h"
#include "proxy.h"
#include "service/own_file.h"
#include "service/show.h"
#include "service/systemd.h"
#include "store/credential.h"
#include "verbs.h"

#define PROBE_MS   2000
#define REACH_MS   5000 /* for one that is begun by it */
#define BEGIN_S    10
#define ROUTES_MAX (1 << 20)

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct stored {
	char **provider; /* of the default set, in order */
	size_t n;
	bool known;
};

struct told {
	struct proxy_files files;
	struct life_place place;
	struct life life;
	unsigned agent_port;
	bool healthy;
	size_t routes;
	struct stored stored;
};

static void told_done(struct told *told)
{
	for (size_t i = 0; i < told->stored.n; i++)
		free(told->stored.provider[i]);
	free(told->stored.provider);
	life_done(&told->life);
	life_place_done(&told->place);
	proxy_files_done(&told->files);
}

/* --- what it has ------------------------------------------------------------------------- */

/* What runs says where its files are; what is not said stays as it is. */
static void take(const struct told *told, const char *option, char **at)
{
	char *value = life_option(&proxy_service, &told->place, &told->life, option);

	if (!value)
		return;
	free(*at);
	*at = value;
}

static unsigned agent_port(const struct told *told)
{
	_cleanup_free_ char *text =
	    life_option(&proxy_service, &told->place, &told->life, "--ssh-agent-port");

	return text ? (unsigned)atoi(text) : PROXY_AGENT_PORT;
}

/* 0 also of a file that is none: a status is shown whatever is there. */
static size_t routes_count(const char *path)
{
	_cleanup_(json_putp) struct json_object *routes = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (own_file_read(path, ROUTES_MAX, &text, &size, NULL, NULL) || !text ||
	    json_parse(text, size, &routes) || !json_object_is_type(routes, json_type_object))
		return 0;
	return (size_t)json_object_object_length(routes);
}

static int note_provider(const struct credential *credential, void *user)
{
	struct stored *stored = user;
	char **more = reallocarray(stored->provider, stored->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	stored->provider = more;
	more[stored->n] = strdup(credential->provider);
	return more[stored->n] ? (stored->n++, 0) : -ENOMEM;
}

/* No store is made by looking for one. */
static void stored_read(const char *path, struct stored *ret)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct problem why;

	if (access(path, F_OK) || store_open(path, STORE_READ, &store, &why))
		return;
	ret->known = !credential_each(store, CREDENTIAL_SET, note_provider, ret, &why);
}

/* Of one that systemd begins for who comes in, and that nobody has come to: its socket stands for it. */
static bool is_healthy(const struct life *life)
{
	if (!life->running)
		return false;
	if (life->mode == LIFE_SYSTEMD && !life->pid)
		return true;
	return !knock_http(life->port, KNOCK_HEALTH, KNOCK_GOOD, PROBE_MS);
}

static int told_read(const struct proxy_said *said, struct told *told, struct problem *why)
{
	int r = proxy_files_find(said, &told->files, why)
		    ?: proxy_place(&told->files, &told->place, why)
		    ?: life_read(&proxy_service, &told->place, &told->life);

	if (r)
		return r;
	if (told->life.mode != LIFE_NONE) {
		take(told, "--socket-path", &told->files.socket);
		take(told, "--db-path", &told->files.db);
		take(told, "--routes-file", &told->files.routes);
	}
	told->agent_port = agent_port(told);
	return 0;
}

/* --- shown ------------------------------------------------------------------------------- */

static int show_json(const struct told *told)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	show_add_begin(&json, &told->life);
	show_add(&json, "address", told->life.address);
	show_add_end(&json, &told->life);
	json_add_bool(&json, "healthy", told->healthy);
	json_add_int(&json, "ssh_agent_port", told->agent_port);
	json_add_string(&json, "socket_path", told->files.socket);
	json_add_string(&json, "db_path", told->files.db);
	json_add_string(&json, "routes_path", told->files.routes);
	json_add_uint(&json, "routes_configured", told->routes);
	json_open_array(&json, "credentials_stored");
	for (size_t i = 0; i < told->stored.n; i++)
		json_add_string(&json, NULL, told->stored.provider[i]);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	return text ? puts(text), 0 : -ENOMEM;
}

static int show_text(const struct told *told)
{
	const struct life *life = &told->life;
	char text[600];

	show_line("mode", life_word(life->mode));
	show_line("running", life->running ? "yes" : "no");
	if (life->running)
		show_line("healthy", told->healthy ? "yes" : "no");
	snprintf(text, sizeof(text), "%.200s port %u, SSH agent port %u", life->address ?: "?",
		 life->port, told->agent_port);
	show_line("at", text);
	show_line("socket", told->files.socket);
	show_line("store", told->files.db);
	snprintf(text, sizeof(text), "%.400s (%zu configured)", told->files.routes, told->routes);
	show_line("routes", text);
	printf("%-10s", "stored");
	for (size_t i = 0; i < told->stored.n; i++)
		printf(" %s", log_safe(text, sizeof(text), told->stored.provider[i]));
	puts(told->stored.n ? "" : " none");
	show_end(life);
	return 0;
}

int verb_status(int argc, char **argv)
{
	_cleanup_(told_done) struct told told = {};
	struct proxy_said said = {};
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "db-path", "FILE", "the store of credentials", CLI_STRING, &said.db },
		{ "routes-file", "FILE", "which provider is where", CLI_STRING, &said.routes },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &said.pid_file },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = told_read(&said, &told, &why);
	if (!r) {
		told.healthy = is_healthy(&told.life);
		told.routes = routes_count(told.files.routes);
		stored_read(told.files.db, &told.stored);
		r = json ? show_json(&told) : show_text(&told);
	}
	if (r)
		log_error(0, "status: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

/* --- may containers be sent to it? ------------------------------------------------------- */

/* Where its sockets listen the service is begun, so that the first container does not wait for it. */
static int reach(const struct told *told, struct problem *why)
{
	_cleanup_close_ int agent = -1;
	int r = life_reachable(&proxy_service, &told->life, why);

	if (!r && told->life.mode == LIFE_SYSTEMD)
		r = systemd_do(&proxy_service, WORDS("start", proxy_service.unit), BEGIN_S, why);
	if (r)
		return r;
	r = knock_http(told->life.port, KNOCK_HEALTH, KNOCK_GOOD, REACH_MS);
	if (r)
		return problem(why, r,
			       "The proxy does not answer at port %u (%s). Its log says why: "
			       "journalctl --user -u %s",
			       told->life.port, strerror(-r), proxy_service.unit);
	agent = knock_port(told->agent_port, REACH_MS);
	return agent < 0 ? problem(why, agent, "The SSH agent does not answer at port %u (%s).",
				   told->agent_port, strerror(-agent))
			 : 0;
}

int verb_ensure_reachable(int argc, char **argv)
{
	_cleanup_(told_done) struct told told = {};
	struct proxy_said said = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "db-path", "FILE", "the store of credentials", CLI_STRING, &said.db },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &said.pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = told_read(&said, &told, &why) ?: reach(&told, &why);
	if (r)
		log_error(0, "%s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
