// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "grpc/decode.h"
#include "init.h"
#include "register.h"

typedef Clawker__Clawkerd__V1__Command Command;
typedef Clawker__Clawkerd__V1__Response Response;

#define CODE(name)       CLAWKER__CLAWKERD__V1__ERROR_CODE__ERROR_CODE_##name
#define COMMAND_IS(name) CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_##name
#define RESPONSE(name)   CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_##name

/* A ShellCommand that lives. */
struct command {
	struct command *next;
	struct agentd_session *session;
	struct pipeline *pipeline;
	char id[SESSION_ID_MAX + 1];
};

/* Who waits for an answer that comes later: of RegisterRequired and AgentReady. */
struct asked {
	struct asked *next;
	struct agentd_session *session; /* NULL: it has ended */
	char id[SESSION_ID_MAX + 1];
};

struct frame {
	uint8_t *bytes;
	size_t n;
	bool ends; /* a command */
};

struct agentd_session {
	const struct agentd_place *place;
	const struct agentd_ways *ways;
	void *user;
	char *peer;
	struct command *commands;
	unsigned n_commands;
	struct asked *asked;
	struct frame queue[SESSION_QUEUE]; /* a ring */
	unsigned first, n;
	bool broken; /* nobody hears us */
	bool held;
};

/* --- responses --- */

static bool response_ends(const Response *response)
{
	switch (response->payload_case) {
	case RESPONSE(DONE):
	case RESPONSE(ERROR):
	case RESPONSE(REGISTER_DONE): return true;
	default: return false;
	}
}

static void dropped(const struct agentd_session *session, bool ends)
{
	if (ends)
		log_warn(0, "session_send_dropped_terminal %s", session->peer);
	else
		log_debug(0, "session_send_dropped_chunk %s", session->peer);
}

static void queue_clear(struct agentd_session *session)
{
	for (; session->n; session->n--) {
		struct frame *frame = &session->queue[session->first];

		dropped(session, frame->ends);
		free(TAKE_PTR(frame->bytes));
		session->first = (session->first + 1) % SESSION_QUEUE;
	}
}

/* Commands are held back while what they would have us say has no place. */
static void hold_if_full(struct agentd_session *session)
{
	bool hold = session->n >= SESSION_ROOM;

	if (session->broken)
		return;
	for (const struct command *c = session->commands; c; c = c->next)
		hold = hold || pipeline_full(c->pipeline);
	if (hold == session->held)
		return;
	session->held = hold;
	if (session->ways->hold)
		session->ways->hold(session->user, hold);
}

/* Nobody hears what programs say any more: they end. */
static void session_break(struct agentd_session *session)
{
	session->broken = true;
	queue_clear(session);
	for (struct command *c = session->commands; c; c = c->next)
		pipeline_cancel(TAKE_PTR(c->pipeline));
}

static void queue_send(struct agentd_session *session)
{
	bool was_full = session->n >= SESSION_ROOM;

	while (session->n && !session->broken) {
		struct frame *frame = &session->queue[session->first];
		int r = session->ways->send(session->user, frame->bytes, frame->n);

		if (r == -ENOBUFS)
			break;
		if (r) {
			log_warn(r, "session_send_failed %s", session->peer);
			session_break(session);
			return;
		}
		free(TAKE_PTR(frame->bytes));
		session->first = (session->first + 1) % SESSION_QUEUE;
		session->n--;
	}
	if (was_full && session->n < SESSION_ROOM)
		for (struct command *c = session->commands; c; c = c->next)
			pipeline_go_on(c->pipeline);
	hold_if_full(session);
}

static void say(struct agentd_session *session, const char *id, Response *response)
{
	struct frame frame = { .ends = response_ends(response) };

	response->command_id = (char *)id;
	frame.n = clawker__clawkerd__v1__response__get_packed_size(response);
	if (!session->broken && session->n < SESSION_QUEUE)
		frame.bytes = malloc(frame.n ?: 1);
	if (!frame.bytes) {
		dropped(session, frame.ends);
		return;
	}
	clawker__clawkerd__v1__response__pack(response, frame.bytes);
	session->queue[(session->first + session->n++) % SESSION_QUEUE] = frame;
	queue_send(session);
}

/* @what: its case of the payload, @member: its name there, @MESSAGE and @type: the message's own names */
#define RESPOND(session, id, what, member, MESSAGE, type, ...)                                     \
	do {                                                                                       \
		Clawker__Clawkerd__V1__##type said_ = CLAWKER__CLAWKERD__V1__##MESSAGE##__INIT;    \
		Response response_ = CLAWKER__CLAWKERD__V1__RESPONSE__INIT;                        \
		__VA_ARGS__;                                                                       \
		response_.payload_case = RESPONSE(what);                                           \
		response_.member = &said_;                                                         \
		say(session, id, &response_);                                                      \
	} while (0)

static void say_error(struct agentd_session *session, const char *id, int code, const char *text)
{
	RESPOND(session, id, ERROR, error, ERROR, Error, said_.code = code;
		said_.message = (char *)text);
}

static void say_done(struct agentd_session *session, const char *id, int code)
{
	RESPOND(session, id, DONE, done, DONE, Done, said_.final_exit_code = code);
}

/* --- ShellCommand --- */

static struct command *command_find(struct agentd_session *session, const char *id)
{
	struct command *c = session->commands;

	while (c && strcmp(c->id, id) != 0)
		c = c->next;
	return c;
}

static void command_free(struct command *command)
{
	struct command **p = &command->session->commands;

	while (*p != command)
		p = &(*p)->next;
	*p = command->next;
	command->session->n_commands--;
	free(command);
}

static bool on_room(void *user)
{
	const struct command *command = user;

	return command->session->n < SESSION_ROOM;
}

static void on_taken(void *user)
{
	const struct command *command = user;

	hold_if_full(command->session);
}

static void on_started(void *user)
{
	struct command *command = user;

	RESPOND(command->session, command->id, STARTED, started, STARTED, Started, );
}

static void on_output(void *user, const uint8_t *bytes, size_t n)
{
	struct command *command = user;

	RESPOND(command->session, command->id, STDOUT, stdout, STDOUT_CHUNK, StdoutChunk,
		said_.data.data = (uint8_t *)bytes;
		said_.data.len = n);
}

static void on_error(void *user, unsigned stage, const uint8_t *bytes, size_t n)
{
	struct command *command = user;

	RESPOND(command->session, command->id, STDERR, stderr, STDERR_CHUNK, StderrChunk,
		said_.stage_index = stage;
		said_.data.data = (uint8_t *)bytes; said_.data.len = n);
}

static void on_exited(void *user, unsigned stage, int code, int signo)
{
	struct command *command = user;

	RESPOND(command->session, command->id, STAGE_EXIT, stage_exit, STAGE_EXIT, StageExit,
		said_.stage_index = stage;
		said_.exit_code = code; said_.signo = signo);
}

static void done_audit(const struct agentd_session *session, const char *id, const char *outcome)
{
	char safe[SESSION_ID_MAX + 1];

	log_info("shell_command_done id=%s outcome=%s %s", log_safe(safe, sizeof(safe), id),
		 outcome, session->peer);
}

static void on_over(void *user, enum pipeline_end end, int code, const char *text)
{
	struct command *command = user;
	struct agentd_session *session = command->session;
	char id[sizeof(command->id)];

	memcpy(id, command->id, sizeof(id));
	command_free(command); /* its id is free again before anybody hears of its end */
	switch (end) {
	case PIPELINE_DONE:
		done_audit(session, id, "completed");
		say_done(session, id, code);
		break;
	case PIPELINE_SPAWN_FAILED:
		done_audit(session, id, "spawn_failed");
		say_error(session, id, CODE(SPAWN_FAILED), text);
		break;
	case PIPELINE_TIMEOUT:
		done_audit(session, id, "timeout");
		say_error(session, id, CODE(TIMEOUT), text);
		break;
	}
	hold_if_full(session);
}

static const struct pipeline_ways command_ways = {
	.room = on_room,
	.taken = on_taken,
	.started = on_started,
	.output = on_output,
	.error = on_error,
	.exited = on_exited,
	.over = on_over,
};

/* What a ShellCommand lacks; NULL: nothing. */
static const char *shell_wrong(struct agentd_session *session, const char *id,
			       const Clawker__Clawkerd__V1__ShellCommand *shell)
{
	if (command_find(session, id))
		return "a command with this command_id is running";
	if (!shell->n_stages)
		return "stages required";
	if (shell->n_stages > PIPELINE_STAGES)
		return "too many stages";
	for (size_t i = 0; i < shell->n_stages; i++)
		if (!shell->stages[i]->n_argv || !*shell->stages[i]->argv[0])
			return "argv required";
	return NULL;
}

static void take_shell(struct agentd_session *session, const char *id,
		       const Clawker__Clawkerd__V1__ShellCommand *shell)
{
	const char *wrong = shell_wrong(session, id, shell);
	_cleanup_free_ struct command *command = NULL;
	struct problem why = {};
	char safe[SESSION_ID_MAX + 1];
	int r = 0;

	if (wrong) {
		say_error(session, id, CODE(INVALID_REQUEST), wrong);
		return;
	}
	log_info("shell_command_started id=%s stages=%zu uid=%u %s",
		 log_safe(safe, sizeof(safe), id), shell->n_stages, shell->stages[0]->uid,
		 session->peer);
	if (session->n_commands >= SESSION_COMMANDS)
		r = problem(&why, -EAGAIN, "%d commands run already", SESSION_COMMANDS);
	else if (!(command = calloc(1, sizeof(*command))))
		r = problem(&why, -ENOMEM, "no memory");
	else
		r = pipeline_new(session->place->pipelines, shell, &command_ways, command,
				 &command->pipeline, &why);
	if (r) {
		done_audit(session, id, "spawn_failed");
		say_error(session, id, CODE(SPAWN_FAILED), why.text);
		return;
	}
	command->session = session;
	strcpy(command->id, id);
	command->next = session->commands;
	session->commands = TAKE_PTR(command);
	session->n_commands++;
}

/* --- the other commands --- */

static void take_stdin(struct agentd_session *session, struct command *command, const char *id,
		       const Clawker__Clawkerd__V1__Stdin *more)
{
	int r = pipeline_input(command->pipeline, more->data.data, more->data.len);

	if (r)
		say_error(session, id, r == -EPIPE ? CODE(INVALID_REQUEST) : CODE(IO_ERROR),
			  r == -EPIPE ? "its stdin is closed" : strerror(-r));
}

static void take_signal(struct agentd_session *session, struct command *command, const char *id,
			int signo)
{
	int r;

	if (signo <= 0 || signo >= NSIG) {
		say_error(session, id, CODE(INVALID_REQUEST), "no such signo");
		return;
	}
	r = pipeline_signal(command->pipeline, signo);
	if (r)
		say_error(session, id, CODE(IO_ERROR), strerror(-r));
}

/* What is for a ShellCommand that lives. */
static void take_for_command(struct agentd_session *session, const char *id, const Command *in)
{
	struct command *command = command_find(session, id);

	if (in->payload_case == COMMAND_IS(SIGNAL) && in->signal->signo <= 0)
		say_error(session, id, CODE(INVALID_REQUEST), "signo must be positive");
	else if (!command || !command->pipeline)
		say_error(session, id, CODE(UNKNOWN_COMMAND_ID), "no such command is running");
	else if (in->payload_case == COMMAND_IS(STDIN))
		take_stdin(session, command, id, in->stdin);
	else if (in->payload_case == COMMAND_IS(CLOSE_STDIN))
		pipeline_input_end(command->pipeline);
	else
		take_signal(session, command, id, in->signal->signo);
}

/* Somebody who answers later. NULL: refused, and said. */
static struct asked *asked_new(struct agentd_session *session, const char *id)
{
	struct asked *asked;
	unsigned n = 0;

	for (asked = session->asked; asked; asked = asked->next)
		n++;
	asked = n < SESSION_COMMANDS ? calloc(1, sizeof(*asked)) : NULL;
	if (!asked) {
		say_error(session, id, CODE(IO_ERROR), "too many wait already");
		return NULL;
	}
	asked->session = session;
	strcpy(asked->id, id);
	asked->next = session->asked;
	session->asked = asked;
	return asked;
}

/* It was answered; its session, NULL if that has ended. */
static struct agentd_session *asked_done(struct asked *asked)
{
	struct agentd_session *session = asked->session;
	struct asked **p;

	for (p = session ? &session->asked : &asked; *p != asked; p = &(*p)->next)
		;
	if (session)
		*p = asked->next;
	return session;
}

static void on_registered(void *user, bool ok, const char *error)
{
	_cleanup_free_ struct asked *asked = user;
	struct agentd_session *session = asked_done(asked);

	if (session)
		RESPOND(session, asked->id, REGISTER_DONE, register_done, REGISTER_DONE,
			RegisterDone, said_.ok = ok;
			said_.error = (char *)error);
}

static void on_spawned(void *user, int error, const char *text)
{
	_cleanup_free_ struct asked *asked = user;
	struct agentd_session *session = asked_done(asked);

	if (!session)
		return;
	if (error)
		say_error(session, asked->id, CODE(IO_ERROR), text);
	else
		say_done(session, asked->id, 0);
}

static void take_register(struct agentd_session *session, const char *id)
{
	struct asked *asked;

	if (!session->place->registrar)
		RESPOND(session, id, REGISTER_DONE, register_done, REGISTER_DONE, RegisterDone,
			said_.error = "there is nobody to register with");
	else if ((asked = asked_new(session, id)))
		agentd_registrar_ask(session->place->registrar, on_registered, asked);
}

static void take_ready(struct agentd_session *session, const char *id)
{
	struct asked *asked;

	if (!session->place->init)
		say_error(session, id, CODE(IO_ERROR), "there is no command to start");
	else if ((asked = asked_new(session, id)))
		init_start(session->place->init, on_spawned, asked);
}

static void take(struct agentd_session *session, const Command *in)
{
	const char *id = in->command_id;

	if (in->payload_case == COMMAND_IS(HELLO)) {
		RESPOND(session, strlen(id) > SESSION_ID_MAX ? "" : id, HELLO_ACK, hello_ack,
			HELLO_ACK, HelloAck, );
		return;
	}
	if (!*id || strlen(id) > SESSION_ID_MAX) {
		say_error(session, "", CODE(INVALID_REQUEST),
			  *id ? "command_id is too long" : "command_id required");
		return;
	}
	switch (in->payload_case) {
	case COMMAND_IS(SHELL): take_shell(session, id, in->shell); break;
	case COMMAND_IS(STDIN):
	case COMMAND_IS(CLOSE_STDIN):
	case COMMAND_IS(SIGNAL): take_for_command(session, id, in); break;
	case COMMAND_IS(REGISTER_REQUIRED): take_register(session, id); break;
	case COMMAND_IS(AGENT_READY): take_ready(session, id); break;
	default: say_error(session, id, CODE(INVALID_REQUEST), "no payload that is known here");
	}
}

int agentd_session_take(struct agentd_session *session, const uint8_t *bytes, size_t n)
{
	struct decode decode;
	ProtobufCAllocator *within = decode_within(&decode, SESSION_DECODED);
	Command *in;

	if (session->broken)
		return -EPIPE;
	in = clawker__clawkerd__v1__command__unpack(within, n, bytes);
	if (!in)
		return -EBADMSG;
	take(session, in);
	clawker__clawkerd__v1__command__free_unpacked(in, within);
	if (!session->broken)
		hold_if_full(session);
	return session->broken ? -EPIPE : 0;
}

void agentd_session_drained(struct agentd_session *session)
{
	queue_send(session);
}

int agentd_session_new(const struct agentd_place *place, const struct agentd_ways *ways, void *user,
		       const char *peer, struct agentd_session **ret)
{
	struct agentd_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->place = place;
	session->ways = ways;
	session->user = user;
	session->peer = strdup(peer);
	if (!session->peer) {
		free(session);
		return -ENOMEM;
	}
	log_info("session_started %s", session->peer);
	*ret = session;
	return 0;
}

void agentd_session_free(struct agentd_session *session)
{
	if (!session)
		return;
	session_break(session);
	while (session->commands) {
		done_audit(session, session->commands->id, "incomplete");
		command_free(session->commands);
	}
	for (struct asked *asked = session->asked; asked; asked = asked->next)
		asked->session = NULL;
	log_info("session_ended %s", session->peer);
	free(session->peer);
	free(session);
}
