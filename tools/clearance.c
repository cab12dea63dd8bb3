// SPDX-License-Identifier: Apache-2.0
/*
 * clearance.c - terok-clearance: verbs for people who answer
 *
 * Without a verb: the live list, on a terminal as a screen (clearance_tui.c), else as lines
 * (clearance_plain.c), with --json as one event a line. All of it is a hub client.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "clearance.h"
#include "clearance_serve.h"
#include "why_ask.h"

#define ANSWER_MS 5000 /* how long one question to the hub may take */

/* --- the stream of events as lines --------------------------------------------------- */

struct stream {
	struct session session;
	struct source signals;
	int64_t lost;
};

static void stream_event(const struct terok_event *event, void *user)
{
	struct stream *stream = user;

	if (stream->session.lost > stream->lost)
		log_warn(0, "%" PRId64 " events were lost: this reader is too slow",
			 stream->session.lost - stream->lost);
	stream->lost = stream->session.lost;
	puts(event->json);
	if (fflush(stdout)) /* nobody reads any more */
		loop_stop(stream->session.loop);
}

static void stream_note(const char *text, void *user)
{
	(void)user;
	log_info("%s", text);
}

static const struct session_face stream_face = { .event = stream_event, .note = stream_note };

static int stream_signal(struct source *source, uint32_t events)
{
	struct stream *stream = container_of(source, struct stream, signals);

	(void)events;
	loop_stop(stream->session.loop);
	return 0;
}

static int stream_run(const char *path, bool reconnect)
{
	struct stream stream = {};
	struct problem why = {};
	int fd = -1, r;
	sigset_t set;

	stream.session = (struct session){
		.path = path, .reconnect = reconnect, .face = &stream_face, .user = &stream
	};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = loop_new(&stream.session.loop);
	if (!r) {
		fd = signalfd(-1, &set, SFD_CLOEXEC);
		r = source_add(stream.session.loop, &stream.signals, fd, EPOLLIN, stream_signal);
	}
	if (!r)
		r = session_start(&stream.session, &why);
	if (!r)
		r = loop_run(stream.session.loop);
	if (r)
		log_error(0, "%s", why.text[0] ? why.text : "the hub went away");
	session_stop(&stream.session);
	source_del(&stream.signals);
	loop_free(stream.session.loop);
	close(fd);
	return r;
}

static int verb_clearance(int argc, char **argv)
{
	bool json = false, plain = false, follow = false, once = false;
	const char *path = NULL, *term = getenv("TERM");
	const struct cli_option options[] = {
		{ "json", NULL, "events as JSON, one a line", CLI_FLAG, &json },
		{ "plain", NULL, "lines, also on a terminal", CLI_FLAG, &plain },
		{ "follow", NULL, "lines: go on when the input ends", CLI_FLAG, &follow },
		{ "no-reconnect", NULL, "end when the hub goes away", CLI_FLAG, &once },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, 0);

	if (n < 0)
		return n;
	signal(SIGPIPE, SIG_IGN);
	path = path ?: session_socket();
	if (json)
		return stream_run(path, !once);
	if (plain || !isatty(0) || !isatty(1) || !term || !strcmp(term, "dumb"))
		return plain_run(path, follow, !once);
	return tui_run(path);
}

/* --- one question, one answer -------------------------------------------------------- */

struct single {
	bool json, done;
	int result;
	unsigned n;
	const char *id;
	struct terok_client *client;
};

static void single_closed(int error, void *user)
{
	struct single *single = user;

	single->done = true;
	single->result = log_error(error ? error : -EPIPE, "the hub went away");
}

/* Process the hub's words until @single is done or too late. */
static int single_wait(struct terok_client *client, struct single *single)
{
	uint64_t until = now_boot_ns() + ANSWER_MS * UINT64_C(1000000);

	while (!single->done) {
		struct pollfd ready = { .fd = terok_client_fd(client), .events = POLLIN };
		int64_t left = (int64_t)(until - now_boot_ns()) / 1000000;

		if (left <= 0 || poll(&ready, 1, left) == 0)
			return log_error(-ETIMEDOUT, "the hub does not answer");
		terok_client_process(client);
	}
	return single->result;
}

/* What is in our socket already and takes more than one bite. */
static int single_drain(struct terok_client *client)
{
	struct pollfd ready = { .fd = terok_client_fd(client), .events = POLLIN };
	int r = 0;

	while (!r && poll(&ready, 1, 0) > 0)
		r = terok_client_process(client);
	return r;
}

static int single_open(const char *path, const struct terok_client_events *events,
		       struct single *single, struct terok_client **ret)
{
	int r;

	signal(SIGPIPE, SIG_IGN);
	path = path ?: session_socket();
	r = terok_client_open(path, events, single, ret);
	return r ? log_error(r,
			     "cannot reach the hub at %s (is the agent running? try: sudo "
			     "terok-bpfd run)",
			     path)
		 : 0;
}

static void guards_one(const struct terok_guard_status *guard, void *user)
{
	struct single *single = user;

	if (!guard) {
		single->done = true;
		return;
	}
	if (single->json) {
		puts(guard->json);
		return;
	}
	if (!single->n++)
		printf("%5s  %-20s  %-8s  %9s  %9s  %9s\n", "GUARD", "NAME", "STATE", "ATTEMPTS",
		       "REFUSED", "UNTOLD");
	printf("%5" PRId64 "  %-20.20s  %-8s  %9" PRId64 "  %9" PRId64 "  %9" PRId64 "\n",
	       guard->guard, guard->name, guard->state, guard->counters.attempts,
	       guard->counters.refused, guard->counters.limited + guard->counters.lost);
}

static int verb_guards(int argc, char **argv)
{
	const struct terok_client_events events = { .guard = guards_one, .closed = single_closed };
	struct terok_client *client = NULL;
	struct single single = {};
	const char *path = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object a line", CLI_FLAG, &single.json },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = single_open(path, &events, &single, &client);
	if (!r)
		r = terok_client_list_guards(client);
	if (!r)
		r = single_wait(client, &single);
	if (!r && !single.json && !single.n)
		puts("no guards");
	terok_client_close(client);
	return r;
}

static void list_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct single *single = user;
	char where[TARGET_LEN];

	(void)lost;
	if (strcmp(event->type, "request"))
		return;
	single->n++;
	if (single->json)
		puts(event->json);
	else
		printf("%-24s  %s  %s  %s[%" PRId64 "] %s  (%s)  %" PRId64 " times\n",
		       event->request_id,
		       target_format(where, event->dest, event->port, event->proto), event->name,
		       event->process.comm, event->process.pid, event->process.exe, event->reason,
		       event->count);
}

/*
 * The replay is over when an answer to something asked after it has come: it is asked when
 * the subscription stands, and by then the replay is on its way to us.
 */
static void list_subscribed(void *user)
{
	struct single *single = user;

	single->result = terok_client_list_guards(single->client);
	single->done = single->result != 0;
}

static void list_end(const struct terok_guard_status *guard, void *user)
{
	struct single *single = user;

	single->done = !guard;
}

static int verb_list(int argc, char **argv)
{
	const struct terok_client_events events = { .subscribed = list_subscribed,
						    .event = list_event,
						    .guard = list_end,
						    .closed = single_closed };
	struct terok_client *client = NULL;
	struct single single = {};
	const char *path = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object a line", CLI_FLAG, &single.json },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = single_open(path, &events, &single, &client);
	single.client = client;
	if (!r)
		r = terok_client_monitor(client, 0, true);
	if (!r)
		r = single_wait(client, &single);
	if (!r)
		r = single_drain(client);
	if (!r && !single.json && !single.n)
		puts("nothing waits for an answer");
	terok_client_close(client);
	return r;
}

static void answer_done(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct single *single = user;

	(void)cookie;
	single->done = true;
	if (!error)
		return;
	log_error(0, "%s: %s", single->id, problem);
	single->result = -EIO;
}

static void answer_print(const struct single *single, const char *what)
{
	_cleanup_json_ struct json json = {};

	if (!single->json) {
		printf("%s: %s\n", single->id, what);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "request_id", single->id);
	json_add_string(&json, "result", what);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

/* The words that an answer takes besides allow and deny; false: one of them is none. */
static bool answer_check(const struct terok_answer *answer)
{
	const struct {
		const char *option, *text, *words;
	} takes[] = {
		{ "scope", answer->scope, " once session task forever " },
		{ "reach", answer->reach, " address name children " },
		{ "ports", answer->ports, " same any " },
	};

	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
		char word[32];

		snprintf(word, sizeof(word), " %.29s ", takes[i].text ? takes[i].text : "");
		if (takes[i].text &&
		    (strchr(takes[i].text, ' ') || !strstr(takes[i].words, word))) {
			log_error(0, "%s '%s' is none of%s", takes[i].option, takes[i].text,
				  takes[i].words);
			return false;
		}
	}
	return true;
}

static int verb_answer(int argc, char **argv)
{
	const struct terok_client_events events = { .answered = answer_done,
						    .closed = single_closed };
	const char *path = NULL, *duration = NULL;
	struct terok_client *client = NULL;
	struct terok_answer answer = {};
	struct single single = {};
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &single.json },
		{ "scope", "SCOPE", "once (a minute), session (default) or forever", CLI_STRING,
		  &answer.scope },
		{ "for", "TIME", "for so long: 90s, 10m, 2h, 1d", CLI_STRING, &duration },
		{ "reach", "REACH", "address, name, or children: the name and all below it",
		  CLI_STRING, &answer.reach },
		{ "ports", "PORTS", "same (default) or any", CLI_STRING, &answer.ports },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	struct problem why = {};
	uint64_t seconds = 0;
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	if (strcmp(argv[2], "allow") && strcmp(argv[2], "deny"))
		return log_error(0, "'%s' is no answer: allow or deny", argv[2]), -EINVAL;
	if (answer.scope && duration)
		return log_error(0, "--scope and --for exclude each other"), -EINVAL;
	if (!answer_check(&answer))
		return -EINVAL;
	if (duration && duration_parse(duration, &seconds, &why))
		return log_error(0, "%s", why.text), -EINVAL;
	single.id = argv[1];
	answer.action = argv[2];
	answer.seconds = seconds;
	if (duration)
		answer.scope = "time";
	r = single_open(path, &events, &single, &client);
	if (!r)
		r = terok_client_answer_with(client, argv[1], &answer, 0);
	if (!r)
		r = single_wait(client, &single);
	if (!r)
		answer_print(&single, strcmp(argv[2], "allow") ? "denied" : "allowed");
	terok_client_close(client);
	return r;
}

/* Needs no hub: it is for who is inside a guard. */
static int verb_why(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	r = why_ask(r ? argv[1] : NULL, json);
	if (r == -EINVAL)
		log_error(0, "'%.80s' is neither an address nor a name", argv[1]);
	return r;
}

static const struct cli_verb verbs[] = {
	{ "live", "[--json] [--plain] [--follow] [--socket PATH]",
	  "Show requests as they come and answer them (default)", verb_clearance },
	{ "list", "[--json] [--socket PATH]", "Show what waits for an answer", verb_list },
	{ "guards", "[--json] [--socket PATH]", "Show guards and their counters", verb_guards },
	{ "answer", "REQUEST_ID allow|deny [OPTIONS]", "Answer one request", verb_answer },
	{ "why", "[DEST] [--json]", "Say, inside a guard, what it was refused and why", verb_why },
	{ "serve", "[--socket PATH] [--readers PATH] [--helper PATH]",
	  "Be the hub of a session: hear readers, serve clients", verb_serve },
	{ "serve-verdict", "[--socket PATH] [--shield PATH]",
	  "Carry out a session's verdicts: run the shield", verb_serve_verdict },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-clearance",
	.version = TEROK_VERSION,
	.summary = "Say what guarded containers may reach.",
	.verbs = verbs,
	.default_verb = "live",
};

int main(int argc, char **argv)
{
	log_setup("terok-clearance", LOG_INFO, false);
	return serve_main(&program, argc, argv);
}
