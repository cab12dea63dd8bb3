// SPDX-License-Identifier: Apache-2.0
#include "dial.h"

#include <errno.h>
#include <string.h>

#include "admission.h"
#include "base/log.h"
#include "grpc/decode.h"

/* bytes: twice what a message may have, which is mostly one piece */
#define RESPONSE_DECODED (4U << 20)
#define STRANGE_MAX      4 /* lines of the log about what nobody asked for: a peer can say it for ever */

/* --- what is told ------------------------------------------------------------------------- */

static void tell(struct dial *dial, struct agent_event *event)
{
	event->container = dial->id;
	event->agent = dial->agent;
	event->project = dial->project;
	(void)bus_publish(dial->use->bus, event); /* the bus counts what it could not take */
}

#define TELL(dial, ...) tell(dial, &(struct agent_event){ __VA_ARGS__ })

static void note(const struct dial *dial, const char *event, const char *why)
{
	char safe[256];

	log_warn(0, "event=%s container=%.12s %s", event, dial->id,
		 log_safe(safe, sizeof(safe), why));
}

static void untrusted(struct dial *dial, const char *reason, const char *detail)
{
	char safe[256];

	log_error(0, "event=agent_untrusted container=%.12s reason=%s %s", dial->id, reason,
		  log_safe(safe, sizeof(safe), detail));
	TELL(dial, .type = AGENT_EVENT_UNTRUSTED, .reason = reason, .detail = detail);
}

/* --- the ends of a cycle -------------------------------------------------------------------- */

/* The agent was here: when its session begins, and again when that ends. */
static void was_here(const struct dial *dial)
{
	if (dial->known && dial->use->seen)
		dial->use->seen(dial->use->user, dial->id);
}

/* The line, and what lives on it. */
static void cut(struct dial *dial)
{
	timer_disarm(&dial->timer);
	was_here(dial);
	dial->known = false;
	executor_free(TAKE_PTR(dial->executor));
	if (!dial->line)
		return;
	if (!dial->use->lines->close(TAKE_PTR(dial->line))) {
		dial->close_failed = 0;
	} else {
		dial->close_failed++;
		note(dial, "agentdial_conn_close_failed", "a socket could not be closed");
	}
}

static void failed(struct dial *dial, const char *reason)
{
	cut(dial);
	TELL(dial, .type = AGENT_EVENT_FAILED, .address = dial->address, .reason = reason,
	     .attempts = dial->attempts);
	if (dial->again && dial->close_failed < DIAL_CLOSES)
		dial_begin(dial); /* that somebody asked meanwhile must not be lost */
	else
		dial_gone(dial);
}

static bool leaks(struct dial *dial)
{
	char reason[64];

	if (dial->close_failed < DIAL_CLOSES)
		return false;
	snprintf(reason, sizeof(reason), "fd-leak-ceiling: %u consecutive close failures",
		 dial->close_failed);
	failed(dial, reason);
	return true;
}

static int on_paused(struct timer *timer)
{
	struct dial *dial = container_of(timer, struct dial, timer);

	if (now_boot_ns() - dial->cycle_ns < dial->use->times.total_ns) {
		dial_look(dial);
		return 0;
	}
	note(dial, dial->told ? "agentdial_connect_timeout" : "agentdial_inspect_timeout",
	     "its time is over");
	failed(dial, "connect_total_timeout");
	return 0;
}

/* Full jitter: those that failed together do not come again together. */
static void pause_and_retry(struct dial *dial)
{
	const struct dial_times *times = &dial->use->times;
	uint64_t end = dial->cycle_ns + times->total_ns, at = now_boot_ns();

	if (dial->backoff_ns)
		at += dial->use->random() % dial->backoff_ns;
	dial->backoff_ns *= 2;
	if (dial->backoff_ns > times->backoff_max_ns)
		dial->backoff_ns = times->backoff_max_ns;
	dial->state = DIAL_PAUSES;
	timer_arm(dial->use->loop, &dial->timer, at < end ? at : end, on_paused);
}

/* Before there was a session. */
static void attempt_failed(struct dial *dial, const char *event, const char *why)
{
	note(dial, event, why);
	cut(dial);
	if (!leaks(dial))
		pause_and_retry(dial);
}

static void cycle_reset(struct dial *dial)
{
	dial->cycle_ns = now_boot_ns();
	dial->attempts = 0;
	dial->told = dial->again = false;
}

void dial_begin(struct dial *dial)
{
	cycle_reset(dial);
	dial->backoff_ns = dial->use->times.backoff_ns;
	dial_look(dial);
}

/*
 * There was a session, and it has ended: another cycle. A peer that ends each at once is dialled as
 * seldom as one that does not answer.
 */
static void broken(struct dial *dial, bool eof, const char *why)
{
	bool lived = now_boot_ns() - dial->session_ns >= dial->use->times.backoff_max_ns;
	char safe[256], reason[256];

	snprintf(reason, sizeof(reason), "%s", eof ? "eof" : why);
	if (dial->executor) /* on_executed() comes from within */
		executor_broken(dial->executor, reason);
	log_warn(0, "event=%s container=%.12s %s",
		 eof ? "agentdial_session_eof" : "agentdial_session_recv_failed", dial->id,
		 log_safe(safe, sizeof(safe), eof ? "" : reason));
	TELL(dial, .type = AGENT_EVENT_BROKEN, .address = dial->address, .reason = reason);
	cut(dial);
	if (leaks(dial))
		return;
	log_info("event=agentdial_session_reconnecting container=%.12s", dial->id);
	cycle_reset(dial);
	if (lived)
		dial->backoff_ns = dial->use->times.backoff_ns;
	pause_and_retry(dial);
}

/* --- a session ------------------------------------------------------------------------------ */

static int way_send(void *user, const void *bytes, size_t n)
{
	struct dial *dial = user;

	return dial->use->lines->send(dial->line, bytes, n);
}

static void on_executed(void *user, bool ok)
{
	struct dial *dial = user;

	executor_free(TAKE_PTR(dial->executor));
	dial->state = DIAL_DRAINS;
	if (!ok)
		note(dial, "agent_init_run_failed", "the session goes on");
}

/* Whatever the peer is: commands reach one that was taken over as well. */
static void init(struct dial *dial)
{
	const struct executor_use use = {
		.loop = dial->use->loop,
		.bus = dial->use->bus,
		.plan = dial->use->plan,
		.container = dial->id,
		.agent = dial->agent,
		.project = dial->project,
		.way = { way_send, dial },
		.grace_ns = dial->use->times.step_grace_ns,
		.done = on_executed,
		.user = dial,
	};
	int r;

	timer_disarm(&dial->timer);
	dial->state = DIAL_INITS;
	r = executor_new(&use, &dial->executor);
	if (!r)
		return;
	log_error(r, "event=agent_init_executor_unavailable container=%.12s", dial->id);
	dial->state = DIAL_DRAINS;
}

enum dial_row dial_classify(struct agents *agents, const char *container, const struct leaf *leaf,
			    struct problem *why)
{
	struct agent row;
	int r;

	if (!agents)
		return problem(why, 0, "there is no registry"), ROW_NOT_QUERIED;
	if (!leaf->present)
		return problem(why, 0, "the peer's certificate cannot be read"), ROW_NOT_QUERIED;
	if (leaf->agent_san != SAN_FOUND)
		return problem(why, 0, "the peer's certificate names no agent"), ROW_NOT_QUERIED;
	r = agents_lookup(agents, container, &row, why);
	if (r == -ENOENT || r == -EBADMSG)
		return ROW_MISS;
	if (r)
		return ROW_NOT_QUERIED;
	if (!memcmp(row.thumbprint, leaf->thumbprint, LEAF_THUMBPRINT))
		return ROW_MATCH;
	return problem(why, 0, "the registry has another certificate of its container"),
	       ROW_MISMATCH;
}

/* --- registering ---------------------------------------------------------------------------- */

static void register_id(const struct dial *dial, char ret[static COMMAND_ID_LEN])
{
	snprintf(ret, COMMAND_ID_LEN, "register-%s", dial->id);
}

static void register_failed(struct dial *dial, const char *why)
{
	note(dial, "agent_register_failed", why);
	TELL(dial, .type = AGENT_EVENT_REGISTERED, .reason = why);
	untrusted(dial, "register_failed", why);
}

/* That it says so is nothing: the row says who has registered. */
static void register_done(struct dial *dial)
{
	struct problem why = {};
	char text[320];

	switch (dial_classify(dial->use->agents, dial->id, &dial->leaf, &why)) {
	case ROW_MATCH:
		log_info("event=agent_registered container=%.12s", dial->id);
		dial->known = true; /* that it was seen now stands in its row */
		TELL(dial, .type = AGENT_EVENT_REGISTERED, .ok = true);
		break;
	case ROW_MISS: register_failed(dial, "it says so, and has no row"); break;
	case ROW_MISMATCH: register_failed(dial, why.text); break;
	default:
		snprintf(text, sizeof(text), "its row cannot be read: %s", why.text);
		register_failed(dial, text);
	}
	init(dial);
}

static int on_register_late(struct timer *timer)
{
	struct dial *dial = container_of(timer, struct dial, timer);

	register_failed(dial, "the peer does not say whether it has registered");
	broken(dial, false, "register timeout");
	return 0;
}

static void register_begin_at(struct dial *dial)
{
	char id[COMMAND_ID_LEN];
	const struct command_way way = { way_send, dial };
	int r;

	register_id(dial, id);
	dial->state = DIAL_REGISTERS;
	timer_arm(dial->use->loop, &dial->timer, now_boot_ns() + dial->use->times.register_ns,
		  on_register_late);
	r = command_send_empty(&way, id, COMMAND_IS(REGISTER_REQUIRED));
	if (!r)
		return;
	register_failed(dial, strerror(-r));
	init(dial);
}

static void register_take(struct dial *dial, const Response *response)
{
	char id[COMMAND_ID_LEN], text[300];

	register_id(dial, id);
	if (strcmp(response->command_id, id) != 0)
		return;
	if (response->payload_case == RESPONSE_IS(REGISTER_DONE) && response->register_done->ok) {
		register_done(dial);
		return;
	}
	if (response->payload_case == RESPONSE_IS(REGISTER_DONE))
		snprintf(text, sizeof(text), "%.250s", response->register_done->error);
	else if (response->payload_case == RESPONSE_IS(ERROR))
		snprintf(text, sizeof(text), "%s: %.250s", code_name(response->error->code),
			 response->error->message);
	else
		return;
	register_failed(dial, text);
	init(dial);
}

/* --- what the peer says ----------------------------------------------------------------------- */

static void established(struct dial *dial)
{
	char hex[LEAF_HEX_LEN];
	struct problem why = {};

	timer_disarm(&dial->timer);
	dial->session_ns = now_boot_ns();
	dial->strange = 0;
	leaf_hex(dial->leaf.thumbprint, hex);
	if (*dial->why_not)
		note(dial, "agentdial_peer_not_verified", dial->why_not);
	TELL(dial, .type = AGENT_EVENT_CONNECTED, .address = dial->address,
	     .attempts = dial->attempts, .peer_name = dial->leaf.agent,
	     .peer_thumbprint = dial->leaf.present ? hex : NULL);
	switch (dial_classify(dial->use->agents, dial->id, &dial->leaf, &why)) {
	case ROW_MATCH:
		dial->known = true;
		was_here(dial);
		init(dial);
		return;
	case ROW_MISS: register_begin_at(dial); return;
	case ROW_MISMATCH: untrusted(dial, "cert_thumbprint_mismatch", why.text); break;
	default: untrusted(dial, "cert_invalid", why.text);
	}
	init(dial);
}

static void strange(struct dial *dial, const Response *response)
{
	char safe[64];

	if (dial->strange++ < STRANGE_MAX)
		log_warn(0, "event=agentdial_unexpected_response container=%.12s command_id=%s",
			 dial->id, log_safe(safe, sizeof(safe), response->command_id));
}

static void take(struct dial *dial, const Response *response)
{
	switch (dial->state) {
	case DIAL_GREETS:
		if (response->payload_case == RESPONSE_IS(HELLO_ACK))
			established(dial);
		else
			attempt_failed(dial, "agentdial_hello_unexpected_response",
				       "its first response is no HelloAck");
		break;
	case DIAL_REGISTERS: register_take(dial, response); break;
	case DIAL_INITS: executor_take(dial->executor, response); break;
	default: strange(dial, response);
	}
}

static void on_over(void *user, bool eof, const char *why)
{
	struct dial *dial = user;

	if (dial->state < DIAL_REGISTERS) {
		attempt_failed(dial, "agentdial_connect_retry", eof ? "eof" : why);
		return;
	}
	if (dial->state == DIAL_REGISTERS)
		register_failed(dial, eof ? "eof" : why);
	broken(dial, eof, why);
}

static void on_message(void *user, const uint8_t *bytes, size_t n)
{
	struct decode decode;
	ProtobufCAllocator *within = decode_within(&decode, RESPONSE_DECODED);
	Response *response = clawker__clawkerd__v1__response__unpack(within, n, bytes);

	if (!response) {
		on_over(user, false, "a Response cannot be read");
		return;
	}
	take(user, response);
	clawker__clawkerd__v1__response__free_unpacked(response, within);
}

static void on_up(void *user, const struct grpc_peer *peer)
{
	struct dial *dial = user;
	const struct command_way way = { way_send, dial };
	struct grpc_peer shown = *peer;
	int r;

	shown.chain = true; /* it is told whom this is, also where that is not believed */
	leaf_of_peer(&shown, &dial->leaf);
	snprintf(dial->why_not, sizeof(dial->why_not), "%s",
		 peer->chain ? "" : peer->why_not ?: "it has none");
	dial->state = DIAL_GREETS;
	r = command_send_empty(&way, "hello", COMMAND_IS(HELLO));
	if (r)
		attempt_failed(dial, "agentdial_connect_retry", strerror(-r));
}

static const struct line_events line_events = { on_up, on_message, on_over };

/* --- an attempt ------------------------------------------------------------------------------- */

static int on_attempt_late(struct timer *timer)
{
	struct dial *dial = container_of(timer, struct dial, timer);

	attempt_failed(dial, "agentdial_connect_retry",
		       dial->state == DIAL_GREETS ? "no HelloAck in time"
						  : "no connection in time");
	return 0;
}

static void connect_to(struct dial *dial)
{
	const struct dial_times *times = &dial->use->times;
	uint64_t end = dial->cycle_ns + times->total_ns, at = now_boot_ns() + times->hello_ns;
	int r, fd = dial->use->inside ? dial->use->inside(dial->use->user, dial->id) : -1;

	if (dial->use->inside && fd < 0) { /* its guard may be there in a moment */
		attempt_failed(dial, "agentdial_connect_retry",
			       "no socket in its network: is it guarded?");
		return;
	}
	if (!dial->told) {
		dial->told = true;
		TELL(dial, .type = AGENT_EVENT_CONNECTING, .address = dial->address);
	}
	dial->leaf = (struct leaf){};
	dial->state = DIAL_CONNECTS;
	timer_arm(dial->use->loop, &dial->timer, at < end ? at : end, on_attempt_late);
	r = dial->use->lines->open(dial->use->lines, fd, dial->addr, &line_events, dial,
				   &dial->line);
	if (r)
		attempt_failed(dial, "agentdial_connect_retry", strerror(-r));
}

static int on_turn(struct timer *timer)
{
	connect_to(container_of(timer, struct dial, timer));
	return 0;
}

void dial_unknown(struct dial *dial, const char *why)
{
	attempt_failed(dial, "agentdial_inspect_retry", why);
}

void dial_seen(struct dial *dial, const struct runtime_container *container, uint64_t spread_ns)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 };
	char text[ADDR_TEXT];

	if (!container) {
		failed(dial, "container_not_running");
		return;
	}
	strcpy(dial->agent, container->agent);
	strcpy(dial->project, container->project);
	if (!dial->use->inside && !container->n_addr) {
		note(dial, "agentdial_attempt_addr_extract_failed", "it is not in the network");
		failed(dial, "clawker_net_endpoint_missing");
		return;
	}
	if (dial->use->inside)
		addr_of_v4(dial->addr, loopback);
	else
		memcpy(dial->addr, container->addr[dial->attempts % container->n_addr],
		       sizeof(dial->addr));
	dial->attempts++;
	snprintf(dial->address, sizeof(dial->address), addr_is_v4(dial->addr) ? "%s:%u" : "[%s]:%u",
		 addr_format(text, dial->addr), dial->use->lines->port);
	if (!spread_ns) {
		connect_to(dial);
		return;
	}
	dial->state = DIAL_WAITS;
	timer_arm(dial->use->loop, &dial->timer, now_boot_ns() + dial->use->random() % spread_ns,
		  on_turn);
}

void dial_done(struct dial *dial)
{
	cut(dial);
}
