// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_response.c - whatever a peer says in its session, from Hello to the end of a plan: what
 * is told of it is JSON, and nothing of a session is left when it has ended
 *
 * Input: a byte that says what the registry has of it and how commands are taken, then Responses,
 * each behind its length in two bytes, whose upper bit says that the session ends after it, and whose
 * next that it was for the command that was sent last. Lines and the runtime are played.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "user/registry/dial.h"
#include "user/registry/plan.h"
#include "user/registry/world.h"

#define ENDS 0x8000
#define OURS 0x4000
#define PLAN                                                                                         \
	"{\"steps\":[{\"name\":\"first\",\"uid\":0,\"gid\":0,\"command\":\"true\",\"stdin\":\"x\"}," \
	"{\"name\":\"second\",\"uid\":1,\"gid\":1,\"command\":[\"a\",\"b\"],\"env\":{\"A\":\"B\"}}]}"

struct line {
	const struct line_events *events;
	void *user;
};

static struct loop *loop;
static struct bus *bus;
static struct world *world;
static struct plan *plan;
static struct line *line; /* NULL: there is none */
static struct json json;
static unsigned how;
static char sent[128]; /* the id of the last command */
static uint64_t told;

int __wrap_agents_lookup(struct agents *agents, const char *container, struct agent *ret,
			 struct problem *why);
int __wrap_agents_lookup(struct agents *agents, const char *container, struct agent *ret,
			 struct problem *why)
{
	(void)agents;
	*ret = (struct agent){ .thumbprint = { 1 } };
	strcpy(ret->container, container);
	switch (how & 3) {
	case 0: return problem(why, -ENOENT, "no row");
	case 1: return 0;
	case 2: ret->thumbprint[0] = 2; return 0;
	default: return problem(why, -EIO, "it cannot be read");
	}
}

static int look(struct runtime *runtime, runtime_fn done, void *user)
{
	static struct runtime_container there = {
		.id = "aa", .project = "p", .agent = "a", .n_addr = 1
	};
	static const struct runtime_seen seen = { .container = &there, .n = 1 };

	(void)runtime;
	done(&seen, 0, NULL, user);
	return 0;
}

static int line_open(struct lines *lines, int fd, const uint8_t addr[static 16],
		     const struct line_events *events, void *user, struct line **ret)
{
	(void)lines;
	(void)fd;
	(void)addr;
	if (line)
		abort(); /* one container has one */
	line = *ret = calloc(1, sizeof(*line));
	*line = (struct line){ events, user };
	return 0;
}

static int line_send(struct line *of, const void *bytes, size_t n)
{
	Command *command = clawker__clawkerd__v1__command__unpack(NULL, n, bytes);

	if (of != line || !command || !command->payload_case)
		abort();
	snprintf(sent, sizeof(sent), "%s", command->command_id);
	clawker__clawkerd__v1__command__free_unpacked(command, NULL);
	return how & 4 && told++ % 3 == 2 ? -EPIPE : 0;
}

static int line_close(struct line *of)
{
	if (of != line)
		abort();
	free(of);
	line = NULL;
	return how & 8 ? -EIO : 0;
}

static struct runtime runtime = { .look = look };
static struct lines lines = {
	.open = line_open, .send = line_send, .close = line_close, .port = 1
};

static void on_ready(struct bus_subscriber *subscriber)
{
	struct json_object *read;
	struct agent_event *event;

	while ((event = bus_take(subscriber))) {
		const char *text;

		world_apply(world, event);
		json_reset(&json);
		agent_event_json(&json, NULL, event);
		text = json_done(&json);
		if (!text || json_parse(text, strlen(text), &read))
			abort();
		json_object_put(read);
		agent_event_unref(event);
	}
}

static int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

/* All that is due now. */
static void go_round(void)
{
	struct timer timer = {};

	timer_arm(loop, &timer, now_boot_ns(), on_pause);
	loop_run(loop);
}

/* As a peer that knows for whom it answers: the field of the id, and what the input has. */
static void say(const uint8_t *data, size_t n, bool ours)
{
	size_t id = ours ? strlen(sent) : 0;
	uint8_t *bytes = malloc(2 + id + n);

	if (!bytes)
		return;
	memcpy(bytes, (uint8_t[]){ 0x0a, (uint8_t)id }, 2);
	memcpy(bytes + 2, sent, id);
	memcpy(bytes + 2 + id, data, n);
	line->events->message(line->user, bytes + (ours ? 0 : 2), n + (ours ? 2 + id : 0));
	free(bytes);
}

static void begin(void)
{
	static struct bus_subscriber subscriber = { .ready = on_ready };
	struct problem why;

	log_setup("fuzz", LOG_EMERG, false);
	if (loop_new(&loop) || bus_new(loop, NULL, &bus) || bus_subscribe(bus, &subscriber) ||
	    world_new(&world) || plan_parse(PLAN, strlen(PLAN), &plan, &why))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char uri[] = "urn:clawker:agent:clawker.p.a", *uris[] = { uri };
	static const struct grpc_peer peer = {
		.has_cert = true, .chain = true, .thumbprint = { 1 }, .uri = uris, .n_uri = 1
	};
	struct dialer_use use = { .loop = NULL,
				  .runtime = &runtime,
				  .lines = &lines,
				  .agents = (void *)&lines,
				  .times = DIAL_TIMES };
	struct dialer *dialer;

	if (!loop)
		begin();
	if (!size)
		return 0;
	how = *data++;
	size--;
	use.loop = loop;
	use.bus = bus;
	use.plan = how & 16 ? plan : NULL;
	use.times.backoff_ns = use.times.backoff_max_ns = 1;
	if (dialer_new(&use, &dialer) || dialer_dial(dialer, "aa"))
		abort();
	go_round();
	if (line)
		line->events->up(line->user, &peer);
	for (go_round(); line && size >= 2; go_round()) {
		unsigned head = data[0] << 8 | data[1];
		size_t n = head & (OURS - 1);

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		say(data, n, head & OURS);
		data += n;
		size -= n;
		if (line && head & ENDS)
			line->events->over(line->user, n & 1, "\xff");
	}
	dialer_free(dialer);
	if (line)
		abort();
	go_round();
	return 0;
}
