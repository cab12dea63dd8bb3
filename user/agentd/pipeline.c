// SPDX-License-Identifier: Apache-2.0
#include "pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "account.h"
#include "base/cleanup.h"
#include "child.h"

#define KILL_GRACE_NS (2 * SECOND_NS) /* what does not die of SIGKILL by then is not waited for */

#define INPUT_ROOM    4096 /* of a piece at least: who says it byte by byte has no piece for each */

/* Bytes that a program has not taken yet. */
struct input {
	struct input *next;
	size_t at, n, room;
	uint8_t bytes[];
};

/* One pipe that we read. */
struct output {
	struct pipeline *pipeline;
	struct source source;
	int fd;       /* -1: it has ended */
	size_t limit; /* bytes that are read yet; 0: all */
	int stage;    /* whose standard error; -1: the standard output of all */
};

struct stage {
	struct pipeline *pipeline;
	struct reaped child;
	struct output err;
	bool ended, told;
	int code, signo;
};

struct pipeline {
	struct pipelines *all;
	const struct pipeline_ways *ways; /* NULL: cancelled */
	void *user;
	pid_t group;        /* the first stage's number; 0: there is none yet */
	bool running, told; /* all have begun their programs; ... and that was told */
	bool drained;       /* what the stages left behind has had its time */
	bool killed;        /* by us, for a failure, for its time or because nobody hears */
	enum pipeline_end end;
	char text[128]; /* what failed */
	char *last;     /* name of a program, for that text */

	struct source said; /* where a child writes why it failed; ends when all run */
	struct source in;
	int in_fd; /* -1: none any more */
	bool in_end;
	struct input *in_first, **in_last;
	size_t in_n;
	bool was_full; /* and somebody holds more back */

	struct output out;
	struct timer late, drain, soon;
	unsigned n; /* of stages that are there */
	char **name;
	unsigned n_names;
	struct stage stage[];
};

static void pump(struct pipeline *pipeline);

/* --- standard input --- */

static void input_close(struct pipeline *pipeline)
{
	source_del(&pipeline->in);
	closep(&pipeline->in_fd);
	while (pipeline->in_first) {
		struct input *gone = pipeline->in_first;

		pipeline->in_first = gone->next;
		free(gone);
	}
	pipeline->in_last = &pipeline->in_first;
	pipeline->in_n = 0;
}

static int on_in(struct source *source, uint32_t events);

/* Only while there is something: a pipe whose reader has gone is always ready. */
static void input_go_on(struct pipeline *pipeline)
{
	if (!pipeline->running || pipeline->in_fd < 0)
		return;
	if (!pipeline->in_first && pipeline->in_end)
		input_close(pipeline);
	else if (pipeline->in_first && !pipeline->in.loop &&
		 source_add(pipeline->all->loop, &pipeline->in, pipeline->in_fd, EPOLLOUT, on_in))
		input_close(pipeline);
}

static int on_in(struct source *source, uint32_t events)
{
	struct pipeline *pipeline = container_of(source, struct pipeline, in);
	struct input *input = pipeline->in_first;
	ssize_t n = write(pipeline->in_fd, input->bytes + input->at, input->n - input->at);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) { /* it does not read on: its own business, `head` is no failure */
		input_close(pipeline);
		pump(pipeline);
		return 0;
	}
	input->at += n;
	pipeline->in_n -= n;
	if (input->at < input->n)
		return 0;
	pipeline->in_first = input->next;
	if (!input->next)
		pipeline->in_last = &pipeline->in_first;
	free(input);
	if (!pipeline->in_first)
		source_del(&pipeline->in);
	input_go_on(pipeline);
	pump(pipeline); /* commands may have been held back for it */
	return 0;
}

/* Behind what waits, in a piece of its own if the last has no room for it. */
static int input_add(struct pipeline *pipeline, const void *bytes, size_t n)
{
	size_t room = n < INPUT_ROOM ? INPUT_ROOM : n;
	struct input *input = NULL;

	if (pipeline->in_first)
		input = container_of(pipeline->in_last, struct input, next);
	if (!input || input->room - input->n < n) {
		input = malloc(sizeof(*input) + room);
		if (!input)
			return -ENOMEM;
		*input = (struct input){ .room = room };
		*pipeline->in_last = input;
		pipeline->in_last = &input->next;
	}
	memcpy(input->bytes + input->n, bytes, n);
	input->n += n;
	pipeline->in_n += n;
	return 0;
}

int pipeline_input(struct pipeline *pipeline, const void *bytes, size_t n)
{
	int r;

	if (pipeline->in_end)
		return -EPIPE;
	if (pipeline->in_fd < 0 || n == 0)
		return 0; /* it reads no more, which is no error */
	r = input_add(pipeline, bytes, n);
	if (r)
		return r;
	pipeline->was_full = pipeline->was_full || pipeline_full(pipeline);
	input_go_on(pipeline);
	return 0;
}

void pipeline_input_end(struct pipeline *pipeline)
{
	pipeline->in_end = true;
	input_go_on(pipeline);
}

bool pipeline_full(const struct pipeline *pipeline)
{
	return pipeline->in_n >= PIPELINE_INPUT;
}

/* --- its end --- */

static void output_close(struct output *output)
{
	source_del(&output->source);
	closep(&output->fd);
}

static void pipeline_free(struct pipeline *pipeline)
{
	timer_disarm(&pipeline->late);
	timer_disarm(&pipeline->drain);
	timer_disarm(&pipeline->soon);
	input_close(pipeline);
	if (pipeline->said.loop) {
		source_del(&pipeline->said);
		close(pipeline->said.fd);
	}
	output_close(&pipeline->out);
	for (unsigned i = pipeline->n;
	     i-- > 0;) { /* the first, whose number is the group's, last */
		output_close(&pipeline->stage[i].err);
		reaper_release(&pipeline->stage[i].child);
	}
	for (unsigned i = 0; i < pipeline->n_names; i++)
		free(pipeline->name[i]);
	free(pipeline->name);
	pipeline->all->n--;
	free(pipeline);
}

static void pipeline_over(struct pipeline *pipeline)
{
	const struct pipeline_ways *ways = pipeline->ways;
	const struct stage *last = &pipeline->stage[pipeline->n - 1];
	int code = last->signo ? 128 + last->signo : last->code;
	enum pipeline_end end = pipeline->end;
	void *user = pipeline->user;
	char text[sizeof(pipeline->text)];

	memcpy(text, pipeline->text, sizeof(text));
	pipeline_free(pipeline);
	if (ways)
		ways->over(user, end, code, text);
}

/* True: every stage has ended. */
static bool all_ended(const struct pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n; i++)
		if (!pipeline->stage[i].ended)
			return false;
	return true;
}

static bool outputs_ended(const struct pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n; i++)
		if (pipeline->stage[i].err.fd >= 0)
			return false;
	return pipeline->out.fd < 0;
}

static void outputs_close(struct pipeline *pipeline)
{
	output_close(&pipeline->out);
	for (unsigned i = 0; i < pipeline->n; i++)
		output_close(&pipeline->stage[i].err);
}

/* SIGKILL did not end it, so it never may: it is told, and kept until then for its number. */
static int on_stuck(struct timer *timer)
{
	struct pipeline *pipeline = container_of(timer, struct pipeline, late);
	const struct pipeline_ways *ways = pipeline->ways;

	if (all_ended(pipeline)) /* whoever reads is slow: what it has to hear waits */
		return 0;
	outputs_close(pipeline);
	pipeline->ways = NULL;
	if (ways)
		ways->over(pipeline->user, pipeline->end, -1, pipeline->text);
	return 0;
}

static void pipeline_kill(struct pipeline *pipeline)
{
	if (pipeline->killed)
		return;
	pipeline->killed = true;
	input_close(pipeline);
	if (pipeline->group)
		kill(-pipeline->group, SIGKILL);
	timer_arm(pipeline->all->loop, &pipeline->late, now_boot_ns() + KILL_GRACE_NS, on_stuck);
}

static int on_late(struct timer *timer)
{
	struct pipeline *pipeline = container_of(timer, struct pipeline, late);

	if (all_ended(pipeline))
		return 0; /* in time: only what it wrote is not yet with whoever reads */
	pipeline->end = PIPELINE_TIMEOUT;
	snprintf(pipeline->text, sizeof(pipeline->text), "its time is over");
	pipeline_kill(pipeline);
	return 0;
}

int pipeline_signal(struct pipeline *pipeline, int signo)
{
	return kill(-pipeline->group, signo) ? -errno : 0;
}

void pipeline_cancel(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	pipeline->ways = NULL;
	pipeline_kill(pipeline);
	outputs_close(pipeline);
	pump(pipeline);
}

/* --- output --- */

static bool room(const struct pipeline *pipeline)
{
	return pipeline->ways && pipeline->ways->room(pipeline->user);
}

static int on_output(struct source *source, uint32_t events)
{
	static uint8_t bytes[PIPELINE_CHUNK];
	struct output *output = container_of(source, struct output, source);
	struct pipeline *pipeline = output->pipeline;
	ssize_t n;

	(void)events;
	if (!room(pipeline)) {
		pump(pipeline);
		return 0;
	}
	n = read(output->fd, bytes,
		 output->limit && output->limit < sizeof(bytes) ? output->limit : sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		output_close(output);
	else if (output->stage < 0)
		pipeline->ways->output(pipeline->user, bytes, n);
	else
		pipeline->ways->error(pipeline->user, output->stage, bytes, n);
	if (n > 0 && output->limit && !(output->limit -= n))
		output_close(output);
	pump(pipeline);
	return 0;
}

/* Not in the loop while there is no room: a pipe whose writers have gone is always ready. */
static void output_follow(struct pipeline *pipeline, struct output *output, bool follow)
{
	if (output->fd < 0 || follow == !!output->source.loop)
		return;
	if (!follow)
		source_del(&output->source);
	else if (source_add(pipeline->all->loop, &output->source, output->fd, EPOLLIN, on_output))
		output_close(output);
}

/* Of what is written from now on nothing is read any more: it is not the stages'. */
static void output_limit(struct output *output)
{
	int n = 0;

	if (output->fd < 0)
		return;
	if (ioctl(output->fd, FIONREAD, &n) || n <= 0)
		output_close(output);
	else
		output->limit = n;
}

/* The stages have ended, and others have their pipes. */
static int on_drain(struct timer *timer)
{
	struct pipeline *pipeline = container_of(timer, struct pipeline, drain);

	pipeline->drained = true;
	output_limit(&pipeline->out);
	for (unsigned i = 0; i < pipeline->n; i++)
		output_limit(&pipeline->stage[i].err);
	pump(pipeline);
	return 0;
}

static void tell_ended(struct pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n; i++) {
		struct stage *stage = &pipeline->stage[i];

		if (!stage->ended || stage->told || !room(pipeline))
			continue;
		stage->told = true;
		pipeline->ways->exited(pipeline->user, i, stage->code, stage->signo);
	}
}

static bool all_told(const struct pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n; i++)
		if (!pipeline->stage[i].told)
			return false;
	return true;
}

/* All that there is room for. Its caller may not have @pipeline afterwards: see on_soon(). */
static int on_soon(struct timer *timer)
{
	struct pipeline *pipeline = container_of(timer, struct pipeline, soon);
	bool silent, follow;

	if (pipeline->was_full && !pipeline_full(pipeline)) {
		pipeline->was_full = false;
		if (pipeline->ways)
			pipeline->ways->taken(pipeline->user);
	}
	if (pipeline->said.loop)
		return 0; /* whether all run is not known yet */
	silent = !pipeline->ways || pipeline->end == PIPELINE_SPAWN_FAILED;
	if (silent) {
		outputs_close(pipeline);
	} else {
		if (pipeline->running && !pipeline->told && room(pipeline)) {
			pipeline->told = true;
			pipeline->ways->started(pipeline->user);
		}
		if (pipeline->told)
			tell_ended(pipeline);
		follow = pipeline->told && room(pipeline);
		output_follow(pipeline, &pipeline->out, follow);
		for (unsigned i = 0; i < pipeline->n; i++)
			output_follow(pipeline, &pipeline->stage[i].err, follow);
	}
	if (!all_ended(pipeline))
		return 0;
	input_close(pipeline);
	if (!outputs_ended(pipeline)) {
		if (!pipeline->drain.loop && !pipeline->drained)
			timer_arm(pipeline->all->loop, &pipeline->drain,
				  now_boot_ns() + PIPELINE_DRAIN_NS, on_drain);
		return 0;
	}
	if (silent || (all_told(pipeline) && room(pipeline)))
		pipeline_over(pipeline);
	return 0;
}

/* From the loop, so that nobody who calls us loses the pipeline meanwhile. */
static void pump(struct pipeline *pipeline)
{
	if (!pipeline->soon.loop)
		timer_arm(pipeline->all->loop, &pipeline->soon, 0, on_soon);
}

void pipeline_go_on(struct pipeline *pipeline)
{
	pump(pipeline);
}

/* --- its start --- */

static void on_stage_ended(struct reaped *child)
{
	struct stage *stage = container_of(child, struct stage, child);

	stage->ended = true;
	stage->code = child->code;
	stage->signo = child->signo;
	pump(stage->pipeline);
}

static void spawn_failed(struct pipeline *pipeline, const char *what, int err)
{
	if (pipeline->end != PIPELINE_DONE)
		return;
	pipeline->end = PIPELINE_SPAWN_FAILED;
	snprintf(pipeline->text, sizeof(pipeline->text), "%s: %s", what, strerror(-err));
	pipeline_kill(pipeline);
}

static int on_said(struct source *source, uint32_t events)
{
	struct pipeline *pipeline = container_of(source, struct pipeline, said);
	struct child_failure failure;
	ssize_t n = read(source->fd, &failure, sizeof(failure));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == sizeof(failure)) {
		if (pipeline->end == PIPELINE_DONE && failure.number < pipeline->n_names) {
			pipeline->end = PIPELINE_SPAWN_FAILED;
			child_failed(&failure, pipeline->name[failure.number], pipeline->text,
				     sizeof(pipeline->text));
			pipeline_kill(pipeline);
		}
		return 0;
	}
	source_del(&pipeline->said);
	close(source->fd);
	pipeline->running = pipeline->end != PIPELINE_SPAWN_FAILED;
	input_go_on(pipeline);
	pump(pipeline);
	return 0;
}

static int output_open(struct pipeline *pipeline, struct output *output, int stage, int *ret)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	fcntl(fd[0], F_SETFL, O_NONBLOCK); /* our end alone */
	*output = (struct output){ .pipeline = pipeline, .fd = fd[0], .stage = stage };
	*ret = fd[1];
	return 0;
}

/* One stage between @in, which is its now, and @out. */
static int stage_begin(struct pipeline *pipeline, const Clawker__Clawkerd__V1__PipeStage *want,
		       int in, int out, int said)
{
	struct stage *stage = &pipeline->stage[pipeline->n];
	_cleanup_(account_env_freep) char **env = NULL;
	_cleanup_free_ char **argv = calloc(want->n_argv + 1, sizeof(*argv));
	_cleanup_close_ int err = -1;
	struct child_spec spec = { .argv = argv,
				   .cwd = want->cwd,
				   .uid = want->uid,
				   .gid = want->gid,
				   .groups = &want->gid,
				   .n_groups = 1,
				   .group = pipeline->group,
				   .said = said,
				   .number = pipeline->n };
	pid_t pid;
	int r;

	if (!argv)
		return -ENOMEM;
	for (size_t i = 0; i < want->n_argv; i++)
		argv[i] = want->argv[i];
	stage->err.fd = -1;
	r = account_env(want, &env);
	if (!r)
		r = output_open(pipeline, &stage->err, pipeline->n, &err);
	if (r)
		return r;
	spec.env = env;
	spec.fd[0] = in;
	spec.fd[1] = out;
	spec.fd[2] = err;
	pid = child_begin(&spec);
	r = pid < 0 ? pid : reaper_watch(pipeline->all->reaper, &stage->child, pid, on_stage_ended);
	if (r) {
		if (pid > 0)
			kill(pid, SIGKILL); /* an orphan now */
		output_close(&stage->err);
		return r;
	}
	stage->pipeline = pipeline;
	pipeline->group = pipeline->group ?: pid;
	pipeline->n++;
	return 0;
}

static int stages_begin(struct pipeline *pipeline,
			const Clawker__Clawkerd__V1__ShellCommand *command, int first, int said)
{
	_cleanup_close_ int in = first;
	int r = 0;

	for (size_t i = 0; !r && i < command->n_stages; i++) {
		_cleanup_close_ int out = -1;
		int next[2] = { -1, -1 };

		if (i + 1 == command->n_stages)
			r = output_open(pipeline, &pipeline->out, -1, &out);
		else if (pipe2(next, O_CLOEXEC))
			r = -errno;
		else
			out = next[1];
		if (!r)
			r = stage_begin(pipeline, command->stages[i], in, out, said);
		closep(&in);
		in = next[0];
	}
	return r;
}

static struct pipeline *pipeline_alloc(struct pipelines *all,
				       const Clawker__Clawkerd__V1__ShellCommand *command)
{
	struct pipeline *pipeline =
	    calloc(1, sizeof(*pipeline) + command->n_stages * sizeof(pipeline->stage[0]));

	if (!pipeline)
		return NULL;
	pipeline->all = all;
	pipeline->in_fd = pipeline->out.fd = -1;
	pipeline->in_last = &pipeline->in_first;
	all->n++;
	pipeline->name = calloc(command->n_stages, sizeof(*pipeline->name));
	for (size_t i = 0; pipeline->name && i < command->n_stages; i++) {
		pipeline->name[i] = strdup(command->stages[i]->argv[0]);
		if (!pipeline->name[i])
			break;
		pipeline->n_names++;
	}
	if (pipeline->n_names == command->n_stages)
		return pipeline;
	pipeline_free(pipeline);
	return NULL;
}

int pipeline_new(struct pipelines *all, const Clawker__Clawkerd__V1__ShellCommand *command,
		 const struct pipeline_ways *ways, void *user, struct pipeline **ret,
		 struct problem *why)
{
	struct pipeline *pipeline;
	int in[2] = { -1, -1 }, said[2] = { -1, -1 }, r;

	if (all->n >= PIPELINES_MAX)
		return problem(why, -EAGAIN, "%u commands run already", all->n);
	pipeline = pipeline_alloc(all, command);
	if (!pipeline)
		return problem(why, -ENOMEM, "no memory");
	pipeline->ways = ways;
	pipeline->user = user;
	r = pipe2(in, O_CLOEXEC) || pipe2(said, O_CLOEXEC) ? -errno : 0;
	pipeline->in_fd = in[1];
	if (!r)
		r = source_add(all->loop, &pipeline->said, said[0], EPOLLIN, on_said);
	if (!r) {
		said[0] = -1; /* the source's */
		fcntl(in[1], F_SETFL, O_NONBLOCK);
		r = pipeline_input(pipeline, command->initial_stdin.data,
				   command->initial_stdin.len);
	}
	if (!r)
		r = stages_begin(pipeline, command, TAKE_FD(in[0]), said[1]);
	closep(&in[0]);
	closep(&said[0]);
	closep(&said[1]);
	if (r && !pipeline->n) {
		pipeline_free(pipeline);
		return problem(why, r, "start: %s", strerror(-r));
	}
	if (r)
		spawn_failed(pipeline, "start", r);
	else if (command->timeout_seconds)
		timer_arm(all->loop, &pipeline->late,
			  now_boot_ns() + command->timeout_seconds * SECOND_NS, on_late);
	*ret = pipeline;
	return 0;
}
