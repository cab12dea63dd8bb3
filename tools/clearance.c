// SPDX-License-Identifier: Apache-2.0
/*
 * clearance.c - terok-clearance: verbs for people who answer
 *
 * Without a verb: what waits for an answer, on a terminal as a screen (clearance_tui.c), else as
 * lines (clearance_plain.c), with --json as one event a line (clearance_stream.c). All of it is
 * a client of the hub.
 */
#include <errno.h>
#include <signal.h>

#include "base/cli.h"
#include "base/log.h"
#include "clearance.h"
#include "clearance_notifier.h"
#include "clearance_serve.h"
#include "why_ask.h"

static int verb_live(int argc, char **argv)
{
	bool json = false, plain = false, follow = false, once = false;
	const char *path = NULL;
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
	if (plain || !tui_can_run())
		return plain_run(path, follow, !once);
	return tui_run(path);
}

/* Needs no hub: it is for who is inside a guard. */
static int verb_why(int argc, char **argv)
{
	const char *wait = NULL;
	struct why_wish wish = {};
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &wish.json },
		{ "wait", "TIME", "while somebody is asked, for so long: 90s, 10m, 2h", CLI_STRING,
		  &wait },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (wait && !why_wait_parse(wait, &wish.wait_s))
		return log_error(0, "'%.20s' is no time to wait", wait), -EINVAL;
	wish.dest = r ? argv[1] : NULL;
	return why_ask(&wish);
}

static const struct cli_verb verbs[] = {
	{ "live", "[OPTIONS]", "Show requests as they come and answer them (default)", verb_live },
	{ "list", "[--json] [--socket PATH]", "Show what waits for an answer", once_list },
	{ "allow", "REQUEST_ID [OPTIONS]", "Allow what a request asks for", once_allow },
	{ "deny", "REQUEST_ID [OPTIONS]", "Deny it", once_deny },
	{ "answer", "REQUEST_ID allow|deny [OPTIONS]", "Answer one request", once_answer },
	{ "grants", "[--json] [--guard N] [--socket PATH]", "Show answers that hold, and how long",
	  once_grants },
	{ "revoke", "GRANT [--json] [--socket PATH]", "End one of them", once_revoke },
	{ "history", "[--json] [--guard N] [--limit N] [--socket PATH]", "Show what has happened",
	  once_history },
	{ "export", "--json [--guard N] [--socket PATH]", "Print the whole history", once_export },
	{ "guards", "[--json] [--socket PATH]", "Show guards and their counters", once_guards },
	{ "web", "[--socket PATH | --port N] [--link PATH] [--hub PATH]",
	  "The same in a browser, by a tunnel", verb_web },
	{ "notifier", "[--only WORDS] [--socket PATH]",
	  "Show requests as desktop notifications, with buttons", verb_notifier },
	{ "notify", "SUMMARY [BODY] [-t MS]", "Show one desktop notification", verb_notify },
	{ "session", "--json CONTAINER [OPTIONS]", "Requests and answers of one as JSON lines",
	  verb_session },
	{ "bridge", "[OPTIONS]", "Be org.terok.Shield1 on the session bus", verb_bridge },
	{ "why", "[DEST] [--json] [--wait TIME]",
	  "Say, inside a guard, what it was refused and why", verb_why },
	{ "serve", "[--socket PATH] [--readers PATH] [OPTIONS]",
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
