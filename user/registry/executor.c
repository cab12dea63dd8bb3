// SPDX-License-Identifier: Apache-2.0
#include "executor.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define STRANGE_MAX 4 /* lines of the log about what is not for us: a peer can say it for ever */

typedef Clawker__Clawkerd__V1__ShellCommand Shell;
typedef Clawker__Clawkerd__V1__PipeStage Stage;
typedef Clawker__Clawkerd__V1__PipeStage__EnvEntry EnvEntry;

struct executor {
	struct executor_use use;
	struct timer turn; /* the next step is begun, or this one is late */
	unsigned at, n;    /* the step; n: with the last */
	bool runs;         /* a step does */
	bool over;
	unsigned strange;
	uint64_t begun_ns, step_ns; /* CLOCK_BOOTTIME */
	char id[COMMAND_ID_LEN];
	char err[EXECUTOR_STDERR_MAX + 1];
	size_t n_err; /* with what was left out */
};

/* --- what is told ----------------------------------------------------------------------- */

static const struct plan_step *step_of(const struct executor *executor)
{
	return executor->at + 1 < executor->n ? &executor->use.plan->step[executor->at] : NULL;
}

static const char *step_name(const struct executor *executor)
{
	const struct plan_step *step = step_of(executor);

	return step ? step->name : PLAN_READY;
}

static void tell(struct executor *executor, struct agent_event *event)
{
	event->container = executor->use.container;
	event->agent = executor->use.agent;
	event->project = executor->use.project;
	event->step_index = executor->at;
	event->step_count = executor->n;
	(void)bus_publish(executor->use.bus, event); /* the bus counts what it could not take */
}

#define TELL(executor, ...) tell(executor, &(struct agent_event){ __VA_ARGS__ })

/* What it wrote on standard error, in the form of the contract; NUL is no end of it. */
static void err_text(const struct executor *executor, char *ret, size_t size)
{
	size_t n = executor->n_err < EXECUTOR_STDERR_MAX ? executor->n_err : EXECUTOR_STDERR_MAX;
	int at = snprintf(ret, size, "; stderr: ");

	for (size_t i = 0; i < n; i++)
		ret[at++] = executor->err[i] ?: '?';
	ret[at] = '\0';
	if (executor->n_err > n)
		snprintf(ret + at, size - (size_t)at, "... [%zu bytes truncated]",
			 executor->n_err - n);
}

static void over(struct executor *executor, bool ok)
{
	executor->over = true;
	executor->runs = false;
	timer_disarm(&executor->turn);
	executor->use.done(executor->use.user, ok);
}

static void fail(struct executor *executor, const char *reason, int code, const char *what)
{
	char detail[EXECUTOR_STDERR_MAX + 512], safe[128];
	int at = snprintf(detail, sizeof(detail), "%.300s", what);
	uint64_t now = now_boot_ns();

	if (executor->n_err)
		err_text(executor, detail + at, sizeof(detail) - (size_t)at);
	log_error(0, "event=agent_init_failed container=%.12s step=%s reason=%s %s",
		  executor->use.container, step_name(executor), reason,
		  log_safe(safe, sizeof(safe), what));
	if (executor->runs)
		TELL(executor, .type = AGENT_EVENT_STEP_FAILED, .step = step_name(executor),
		     .duration_ns = now - executor->step_ns, .exit_code = code, .reason = reason,
		     .detail = detail);
	TELL(executor, .type = AGENT_EVENT_INIT_FAILED, .step = step_name(executor),
	     .reason = reason, .detail = detail, .duration_ns = now - executor->begun_ns);
	over(executor, false);
}

/* --- steps ------------------------------------------------------------------------------ */

static int shell_send(struct executor *executor, const struct plan_step *step)
{
	_cleanup_free_ EnvEntry *entries = calloc(step->n_env + 1, sizeof(*entries));
	_cleanup_free_ EnvEntry **env = calloc(step->n_env + 1, sizeof(*env));
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;
	Shell shell = CLAWKER__CLAWKERD__V1__SHELL_COMMAND__INIT;
	Stage stage = CLAWKER__CLAWKERD__V1__PIPE_STAGE__INIT, *stages = &stage;

	if (!entries || !env)
		return -ENOMEM;
	for (size_t i = 0; i < step->n_env; i++) {
		entries[i] = (EnvEntry)CLAWKER__CLAWKERD__V1__PIPE_STAGE__ENV_ENTRY__INIT;
		entries[i].key = step->env[i].key;
		entries[i].value = step->env[i].value;
		env[i] = &entries[i];
	}
	stage.argv = step->argv;
	stage.n_argv = step->n_argv;
	stage.uid = step->uid;
	stage.gid = step->gid;
	if (step->cwd)
		stage.cwd = step->cwd;
	stage.env = env;
	stage.n_env = step->n_env;
	shell.stages = &stages;
	shell.n_stages = 1;
	shell.timeout_seconds = step->timeout_s;
	shell.initial_stdin.data = (uint8_t *)step->input;
	shell.initial_stdin.len = step->n_input;
	command.payload_case = COMMAND_IS(SHELL);
	command.shell = &shell;
	return command_send(&executor->use.way, executor->id, &command)
		   ?: command_send_empty(&executor->use.way, executor->id, COMMAND_IS(CLOSE_STDIN));
}

static int on_late(struct timer *timer)
{
	struct executor *executor = container_of(timer, struct executor, turn);

	fail(executor, "timeout", -1, "the peer does not say how it ended");
	return 0;
}

static void step_begin(struct executor *executor)
{
	const struct plan_step *step = step_of(executor);
	uint64_t limit = step ? step->timeout_s : EXECUTOR_READY_S;
	int r;

	snprintf(executor->id, sizeof(executor->id), "init-%.*s-%s-%u", EXECUTOR_ID_LEN - 1,
		 executor->use.container, step_name(executor), executor->at);
	executor->n_err = 0;
	executor->runs = true;
	executor->step_ns = now_boot_ns();
	log_info("event=agent_init_step_started container=%.12s step=%s", executor->use.container,
		 step_name(executor));
	TELL(executor, .type = AGENT_EVENT_STEP_STARTED, .step = step_name(executor));
	timer_arm(executor->use.loop, &executor->turn,
		  executor->step_ns + limit * SECOND_NS + executor->use.grace_ns, on_late);
	r = step ? shell_send(executor, step)
		 : command_send_empty(&executor->use.way, executor->id, COMMAND_IS(AGENT_READY));
	if (r)
		fail(executor, "transport_error", -1, strerror(-r));
}

static int on_turn(struct timer *timer)
{
	struct executor *executor = container_of(timer, struct executor, turn);

	if (!executor->begun_ns) {
		executor->begun_ns = now_boot_ns();
		log_info("event=agent_init_started container=%.12s steps=%u",
			 executor->use.container, executor->n);
		TELL(executor, .type = AGENT_EVENT_INIT_STARTED);
	}
	step_begin(executor);
	return 0;
}

static void step_done(struct executor *executor, int code)
{
	uint64_t now = now_boot_ns();
	char what[32];

	snprintf(what, sizeof(what), "exit_code=%d", code);
	if (code) {
		fail(executor, "exit_code", code, what);
		return;
	}
	log_info("event=agent_init_step_completed container=%.12s step=%s", executor->use.container,
		 step_name(executor));
	TELL(executor, .type = AGENT_EVENT_STEP_COMPLETED, .step = step_name(executor),
	     .duration_ns = now - executor->step_ns);
	executor->runs = false;
	if (executor->at + 1 < executor->n) {
		executor->at++;
		step_begin(executor);
		return;
	}
	log_info("event=agent_init_completed container=%.12s", executor->use.container);
	TELL(executor, .type = AGENT_EVENT_INIT_COMPLETED, .duration_ns = now - executor->begun_ns);
	over(executor, true);
}

/* --- what the peer says ------------------------------------------------------------------- */

static const char *reason_of(Clawker__Clawkerd__V1__ErrorCode code)
{
	switch (code) {
	case CODE_IS(TIMEOUT): return "timeout";
	case CODE_IS(SPAWN_FAILED): return "spawn_failed";
	case CODE_IS(IO_ERROR):
	case CODE_IS(NOT_FOUND): return "io_error";
	case CODE_IS(INVALID_REQUEST):
	case CODE_IS(UNKNOWN_COMMAND_ID): return "protocol_error";
	default: return "unknown";
	}
}

static void take_err(struct executor *executor, const ProtobufCBinaryData *data)
{
	size_t have = executor->n_err, room;

	room = have < EXECUTOR_STDERR_MAX ? EXECUTOR_STDERR_MAX - have : 0;
	if (room && data->len)
		memcpy(executor->err + have, data->data, data->len < room ? data->len : room);
	executor->n_err += data->len;
}

static void strange(struct executor *executor, const char *event, const Response *response)
{
	char safe[64];

	if (executor->strange++ < STRANGE_MAX)
		log_warn(0, "event=%s container=%.12s command_id=%s payload=%d", event,
			 executor->use.container,
			 log_safe(safe, sizeof(safe), response->command_id),
			 (int)response->payload_case);
}

void executor_take(struct executor *executor, const Response *response)
{
	char what[300];

	if (executor->over)
		return;
	if (!executor->runs || strcmp(response->command_id, executor->id) != 0) {
		strange(executor, "agent_init_unexpected_command_id", response);
		return;
	}
	switch (response->payload_case) {
	case RESPONSE_IS(STARTED):
	case RESPONSE_IS(STDOUT):
	case RESPONSE_IS(STAGE_EXIT): break;
	case RESPONSE_IS(STDERR): take_err(executor, &response->stderr->data); break;
	case RESPONSE_IS(DONE): step_done(executor, response->done->final_exit_code); break;
	case RESPONSE_IS(ERROR):
		snprintf(what, sizeof(what), "%s: %.200s", code_name(response->error->code),
			 response->error->message);
		fail(executor, reason_of(response->error->code), -1, what);
		break;
	default: strange(executor, "agent_init_unknown_payload", response);
	}
}

void executor_broken(struct executor *executor, const char *why)
{
	if (executor->over)
		return;
	if (executor->begun_ns)
		fail(executor, "transport_error", -1, why);
	else
		over(executor, false); /* nothing was begun that could have failed */
}

/* --- begin and end ------------------------------------------------------------------------ */

int executor_new(const struct executor_use *use, struct executor **ret)
{
	struct executor *executor;

	if (!use->bus || !use->loop || !use->way.send || !use->done)
		return -EINVAL;
	executor = calloc(1, sizeof(*executor));
	if (!executor)
		return -ENOMEM;
	executor->use = *use;
	plan_ref(use->plan);
	if (!executor->use.grace_ns)
		executor->use.grace_ns = EXECUTOR_GRACE_NS;
	executor->n = (use->plan ? use->plan->n : 0) + 1;
	timer_arm(use->loop, &executor->turn, 0, on_turn);
	*ret = executor;
	return 0;
}

void executor_free(struct executor *executor)
{
	if (!executor)
		return;
	timer_disarm(&executor->turn);
	plan_free(executor->use.plan);
	free(executor);
}
