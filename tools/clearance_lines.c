// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_lines.c - terok-clearance session --json: one container's requests as JSON lines
 *
 * Out: {"type":"pending","id":1,"dest":"192.0.2.1","port":443,"proto":6,"domain":""} for each
 * request, once, and {"type":"verdict_applied","id":1,"dest":"192.0.2.1","action":"accept",
 * "ok":true} for what became of it, whoever answered. In: {"type":"verdict","id":1,
 * "action":"accept"}; a line that is nothing of the kind is said on stderr and has no reply.
 *
 * The hub says what is asked once, and what is asked again because an answer has ended. Ids
 * stay what they are while a hub is away. An answer that did not arrive, or was refused, ends
 * as "ok":false and can be given again: who answers is never left waiting.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/signals.h"
#include "clearance.h"
#include "clearance_called.h"
#include "clearance_relay.h"

#define LINE_MAX_ (64 << 10) /* of input; no line that means something has a hundredth of it */
#define BITE      4096
#define LINGER_S  5 /* for answers on their way when the input ends */

struct sent { /* an answer that is with the hub */
	struct sent *next;
	unsigned number;
	bool allow;
};

struct lines {
	struct relay relay;
	struct source input;
	struct signals signals;
	struct timer next_bite, linger;
	const char *container; /* as it was named on the command line */
	unsigned numbers, matching;
	struct sent *sent;
	bool once;
	bool known;          /* such a container was there */
	bool reading, ended; /* the input */
	int result;
	bool too_long; /* the line that is being read */
	size_t n;
	char line[LINE_MAX_];
};

/* --- out ----------------------------------------------------------------------------- */

/* Where nobody reads any more there is nobody who could answer either. */
static void put_line(struct lines *lines, struct json *json)
{
	const char *text = json_done(json);

	if (text)
		puts(text);
	if (!text || fflush(stdout))
		loop_stop(lines->relay.loop);
}

static void put_pending(struct lines *lines, const struct relay_request *request)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "type", "pending");
	json_add_int(&json, "id", request->number);
	json_add_string(&json, "dest", request->dest);
	json_add_int(&json, "port", request->port);
	json_add_int(&json, "proto", request->proto);
	json_add_string(&json, "domain", request->domain);
	json_close_object(&json);
	put_line(lines, &json);
}

static void put_applied(struct lines *lines, const struct relay_request *request, bool allow,
			bool ok)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "type", "verdict_applied");
	json_add_int(&json, "id", request->number);
	json_add_string(&json, "dest", request->dest);
	json_add_string(&json, "action", allow ? "accept" : "deny");
	json_add_bool(&json, "ok", ok);
	json_close_object(&json);
	put_line(lines, &json);
}

/* --- answers ------------------------------------------------------------------------- */

struct wanted {
	unsigned number;
	struct relay_request *request;
};

static void compare(struct relay_request *request, void *arg)
{
	struct wanted *wanted = arg;

	if (request->number == wanted->number)
		wanted->request = request;
}

static struct relay_request *request_by_number(struct lines *lines, int64_t number)
{
	struct wanted wanted = { .number = number };

	if (number > 0 && number <= lines->numbers)
		relay_each(&lines->relay, compare, &wanted);
	return wanted.request;
}

static void lines_end_when_done(struct lines *lines)
{
	if (lines->ended && !lines->sent)
		loop_stop(lines->relay.loop);
}

/* Its outcome is known, or never will be. */
static void sent_end(struct lines *lines, struct sent **slot)
{
	struct sent *sent = *slot;

	*slot = sent->next;
	free(sent);
	lines_end_when_done(lines);
}

static struct sent **sent_slot(struct lines *lines, unsigned number)
{
	struct sent **slot = &lines->sent;

	while (*slot && (*slot)->number != number)
		slot = &(*slot)->next;
	return slot;
}

static void answer(struct lines *lines, struct relay_request *request, bool allow)
{
	struct sent *sent;
	int r;

	if (*sent_slot(lines, request->number)) {
		log_warn(0, "id %u: an answer is on its way already", request->number);
		return;
	}
	sent = calloc(1, sizeof(*sent));
	r = sent ? relay_answer(&lines->relay, request, allow, request->number) : -ENOMEM;
	if (r) {
		free(sent);
		log_warn(r, "id %u: not answered", request->number);
		put_applied(lines, request, allow, false);
		return;
	}
	*sent = (struct sent){ .next = lines->sent, .number = request->number, .allow = allow };
	lines->sent = sent;
}

/* --- in ------------------------------------------------------------------------------ */

static int bad_line(const char *what)
{
	return log_warn(0, "a line of the input was ignored: %s", what), -EINVAL;
}

/* A word that goes on behind a NUL is another word. */
static const char *word_of(struct json_object *line, const char *key)
{
	struct json_object *value = json_member(line, key, json_type_string);

	if (!value ||
	    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return NULL;
	return json_object_get_string(value);
}

static int line_parse(const char *text, size_t n, int64_t *ret_id, bool *ret_allow)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	struct json_object *id;
	const char *type, *action;

	if (json_parse(text, n, &line))
		return bad_line("it is not JSON");
	if (json_object_get_type(line) != json_type_object)
		return bad_line("it is no object");
	type = word_of(line, "type");
	if (!type || strcmp(type, "verdict"))
		return bad_line("its type is not \"verdict\"");
	id = json_member(line, "id", json_type_int);
	if (!id)
		return bad_line("its id is no whole number");
	action = word_of(line, "action");
	if (!action || relay_action(action, ret_allow))
		return bad_line("its action is neither \"accept\" nor \"deny\"");
	*ret_id = json_object_get_int64(id);
	return 0;
}

static void run_line(struct lines *lines)
{
	struct relay_request *request;
	int64_t id;
	bool allow;

	lines->line[lines->n] = '\0';
	if (lines->line[strspn(lines->line, " \t\r")] == '\0' && !lines->too_long)
		return;
	if (lines->too_long) {
		bad_line("it is too long");
		return;
	}
	if (line_parse(lines->line, lines->n, &id, &allow))
		return;
	request = request_by_number(lines, id);
	if (request)
		answer(lines, request, allow);
	else
		log_warn(0, "id %" PRId64 ": no such request, or it was answered", id);
}

static int on_linger(struct timer *timer)
{
	struct lines *lines = container_of(timer, struct lines, linger);

	log_warn(0, "the hub does not answer");
	loop_stop(lines->relay.loop);
	return 0;
}

static void input_end(struct lines *lines)
{
	if (lines->n || lines->too_long) /* the last line may lack its end */
		run_line(lines);
	lines->ended = true;
	source_del(&lines->input);
	timer_arm(lines->relay.loop, &lines->linger, now_boot_ns() + LINGER_S * SECOND_NS,
		  on_linger);
	lines_end_when_done(lines);
}

static void input_take(struct lines *lines, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			run_line(lines);
			lines->n = 0;
			lines->too_long = false;
		} else if (lines->n < sizeof(lines->line) - 1) {
			lines->line[lines->n++] = bytes[i];
		} else {
			lines->too_long = true;
		}
	}
}

/* false: it has ended. */
static bool input_bite(struct lines *lines)
{
	char bytes[BITE];
	ssize_t n = read(0, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n > 0)
		input_take(lines, bytes, n);
	else
		input_end(lines);
	return n > 0;
}

static int on_input(struct source *source, uint32_t events)
{
	(void)events;
	input_bite(container_of(source, struct lines, input));
	return 0;
}

/* A file cannot be waited for: it is always there. */
static int on_next_bite(struct timer *timer)
{
	struct lines *lines = container_of(timer, struct lines, next_bite);

	if (input_bite(lines))
		timer_arm(lines->relay.loop, timer, now_boot_ns(), on_next_bite);
	return 0;
}

/* --- what the relay says ------------------------------------------------------------- */

static bool is_ours(const struct lines *lines, const struct relay_guard *guard)
{
	return called_is(lines->container, guard->name, guard->container);
}

static void on_named(struct relay_guard *guard, void *user)
{
	struct lines *lines = user;

	if (guard->of || !is_ours(lines, guard))
		return;
	guard->of = lines;
	lines->known = true;
	lines->matching++;
}

static void on_guard(struct relay_guard *guard, bool here, void *user)
{
	struct lines *lines = user;

	if (!here) {
		if (guard->of && !--lines->matching && lines->relay.client)
			log_info("%s is not guarded any more", lines->container);
		return;
	}
	on_named(guard, lines);
}

static void on_request(struct relay_request *request, struct relay_guard *guard, void *user)
{
	struct lines *lines = user;

	if (!guard->of || request->number)
		return;
	request->number = ++lines->numbers;
	put_pending(lines, request);
}

static void on_verdict(struct relay_request *request, const struct terok_event *event, void *user)
{
	struct lines *lines = user;
	struct sent **slot;

	if (!request || !request->number)
		return;
	if (!event->ok)
		log_warn(0, "id %u: %s", request->number, event->problem);
	put_applied(lines, request, !strcmp(event->action, "allow"), event->ok);
	slot = sent_slot(lines, request->number);
	if (*slot)
		sent_end(lines, slot);
}

/* Here is what no event tells of: an answer that was not even tried. */
static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct lines *lines = user;
	struct sent **slot = sent_slot(lines, cookie);
	struct relay_request *request;
	bool allow;

	if (relay_is_told(error) || !*slot)
		return;
	log_warn(0, "id %" PRIu64 ": not answered: %s", cookie, problem);
	allow = (*slot)->allow;
	request = request_by_number(lines, cookie);
	if (request)
		put_applied(lines, request, allow, false);
	sent_end(lines, slot);
}

static void on_unanswered(void *user)
{
	struct lines *lines = user;

	while (lines->sent) {
		struct relay_request *request = request_by_number(lines, lines->sent->number);

		log_warn(0, "id %u: the hub went away; it may have applied the answer",
			 lines->sent->number);
		if (request)
			put_applied(lines, request, lines->sent->allow, false);
		sent_end(lines, &lines->sent);
	}
}

/* Answers are read when it is known that there is somebody to answer for. */
static int on_listed(void *user)
{
	struct lines *lines = user;
	int r;

	if (lines->reading)
		return 0;
	if (!lines->known && relay_lists_guards(&lines->relay))
		return log_error(-ENOENT,
				 "no guarded container '%s'; terok-clearance guards lists them",
				 lines->container);
	if (!lines->known)
		log_info("nothing is guarded yet; waiting for %s", lines->container);
	lines->reading = true;
	r = source_add(lines->relay.loop, &lines->input, 0, EPOLLIN, on_input);
	if (r == -EPERM) {
		timer_arm(lines->relay.loop, &lines->next_bite, now_boot_ns(), on_next_bite);
		r = 0;
	}
	return r;
}

static int on_hub_lost(void *user)
{
	struct lines *lines = user;

	return lines->once ? log_error(-EPIPE, "the hub went away") : 0;
}

static const struct relay_face face = {
	.guard = on_guard,
	.named = on_named,
	.request = on_request,
	.verdict = on_verdict,
	.answered = on_answered,
	.unanswered = on_unanswered,
	.listed = on_listed,
	.lost = on_hub_lost,
};

/* --- the verb ------------------------------------------------------------------------ */

static int on_signal(struct signals *signals, int signal)
{
	struct lines *lines = container_of(signals, struct lines, signals);

	(void)signal;
	loop_stop(lines->relay.loop);
	return 0;
}

static int lines_run(struct lines *lines)
{
	struct problem why = {};
	int r = loop_new(&lines->relay.loop);

	if (!r)
		r = signals_add(lines->relay.loop, &lines->signals, NULL, on_signal);
	if (r)
		return log_error(r, "cannot start");
	r = relay_start(&lines->relay, false, &why);
	if (r)
		return log_error(0, "%s", why.text), r;
	return loop_run(lines->relay.loop);
}

static void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	relay_stop(&lines->relay);
	while (lines->sent) {
		struct sent *sent = lines->sent;

		lines->sent = sent->next;
		free(sent);
	}
	source_del(&lines->input);
	signals_end(&lines->signals);
	loop_free(lines->relay.loop);
	free(lines);
}
DEFINE_CLEANUP(struct lines, lines_free)

int verb_session(int argc, char **argv)
{
	_cleanup_(lines_freep) struct lines *lines = calloc(1, sizeof(*lines));
	const char *path = NULL, *scope = "forever";
	bool json = false, once = false;
	const struct cli_option options[] = {
		{ "json", NULL, "JSON lines; there is no other form", CLI_FLAG, &json },
		{ "scope", "SCOPE", "of answers: once, session or forever (default)", CLI_STRING,
		  &scope },
		{ "no-reconnect", NULL, "end when the hub goes away", CLI_FLAG, &once },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (!json)
		return log_error(0, "session speaks JSON only: session --json %s; for people: live",
				 argv[1]),
		       -EINVAL;
	if (!relay_scope(scope))
		return log_error(0, "scope '%s' is none of once, session, forever", scope), -EINVAL;
	if (!lines)
		return log_error(-ENOMEM, "cannot start");
	signal(SIGPIPE, SIG_IGN);
	lines->once = once;
	lines->container = argv[1];
	lines->relay.path = path ?: session_socket();
	lines->relay.scope = scope;
	lines->relay.face = &face;
	lines->relay.user = lines;
	return lines_run(lines);
}
