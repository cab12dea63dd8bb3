// SPDX-License-Identifier: Apache-2.0
#include "dns/upstream.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dns/exchange.h"

#define POOL 256 /* random bytes taken at a time: so many come whole or not at all */

struct server {
	struct upstream_server where;
	uint64_t down_until_ns; /* it was silent: asked last */
	uint64_t tcp_until_ns;  /* it, or somebody in its name, sent strange datagrams */
};

struct question {
	struct upstream *upstream;
	unsigned index; /* among the upstream's */
	uint32_t asker;
	uint16_t type;
	uint64_t limit_ns;
	struct timer timer; /* the end of this try, or of the question */
	struct exchange exchange;
	bool tcp;                /* so goes this try */
	bool truncated;          /* this server's answer was, so it is not silent */
	bool forged;             /* by UDP no more: UPSTREAM_STRANGE */
	unsigned strange;        /* datagrams, of all tries */
	unsigned strange_before; /* this try */
	struct dns_asked asked;
	struct upstream_server server[UPSTREAM_SERVERS]; /* in the order in which they are asked */
	unsigned n_servers, at;
	unsigned over; /* bits: not to be asked again */
	int error;     /* why the last one gave no answer */
	uint8_t rcode; /* what it said instead, 0: nothing */
	unsigned n_cookies;
	uint64_t cookie[UPSTREAM_PER_ASKER];
	char name[DNS_NAME_LEN];
};

struct upstream {
	struct loop *loop;
	upstream_fn fn;
	void *user;
	uint64_t try_ns, limit_ns, down_ns;
	struct upstream_counts counts;
	struct server server[UPSTREAM_SERVERS];
	unsigned n_servers;
	unsigned n_questions, n_cookies;
	struct question *question[UPSTREAM_MAX];
	struct question *ending; /* its cookies are being told, and it is no more among them */
	struct dns_answer answer;
	unsigned random_left;
	uint8_t random[POOL];
};

int upstream_new(struct loop *loop, upstream_fn fn, void *user, struct upstream **ret)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream)
		return -ENOMEM;
	upstream->loop = loop;
	upstream->fn = fn;
	upstream->user = user;
	upstream_limit(upstream, UPSTREAM_TRY_NS, UPSTREAM_LIMIT_NS, UPSTREAM_DOWN_NS);
	*ret = upstream;
	return 0;
}

void upstream_limit(struct upstream *upstream, uint64_t try_ns, uint64_t limit_ns, uint64_t down_ns)
{
	upstream->try_ns = try_ns ?: upstream->try_ns;
	upstream->limit_ns = limit_ns ?: upstream->limit_ns;
	upstream->down_ns = down_ns ?: upstream->down_ns;
}

static struct server *server_find(struct upstream *upstream, const struct upstream_server *where)
{
	for (unsigned i = 0; i < upstream->n_servers; i++) {
		struct server *server = &upstream->server[i];

		if (server->where.port == where->port &&
		    !memcmp(server->where.addr, where->addr, sizeof(where->addr)))
			return server;
	}
	return NULL;
}

void upstream_set(struct upstream *upstream, const struct upstream_server *server, unsigned n)
{
	struct server next[UPSTREAM_SERVERS] = {};

	if (n > UPSTREAM_SERVERS)
		n = UPSTREAM_SERVERS;
	for (unsigned i = 0; i < n; i++) {
		const struct server *known = server_find(upstream, &server[i]);

		if (known)
			next[i] = *known;
		else
			next[i].where = server[i];
	}
	memcpy(upstream->server, next, sizeof(next));
	upstream->n_servers = n;
}

/* Off the list, off the loop, off the network; its memory stays. */
static void question_unlink(struct question *question)
{
	struct upstream *upstream = question->upstream;
	struct question *last = upstream->question[--upstream->n_questions];

	upstream->question[question->index] = last;
	last->index = question->index;
	upstream->n_cookies -= question->n_cookies;
	timer_disarm(&question->timer);
	exchange_stop(&question->exchange);
}

void upstream_forget(struct upstream *upstream, uint32_t asker)
{
	if (upstream->ending && upstream->ending->asker == asker)
		upstream->ending->n_cookies = 0;
	for (unsigned i = upstream->n_questions; i-- > 0;) {
		struct question *question = upstream->question[i];

		if (question->asker != asker)
			continue;
		question_unlink(question);
		free(question);
	}
}

void upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	while (upstream->n_questions) {
		struct question *question = upstream->question[0];

		question_unlink(question);
		free(question);
	}
	free(upstream);
}

/* The end, told to everybody who waits; @error with no @answer. */
static void question_end(struct question *question, const struct dns_answer *answer, int error)
{
	struct upstream *upstream = question->upstream;

	if (!answer && question->rcode) {
		memset(&upstream->answer, 0, sizeof(upstream->answer));
		upstream->answer.rcode = question->rcode;
		answer = &upstream->answer;
		error = 0;
	}
	question_unlink(question);
	upstream->ending = question;
	for (unsigned i = 0; i < question->n_cookies; i++) {
		++*(answer ? &upstream->counts.answered : &upstream->counts.failed);
		upstream->fn(upstream->user, question->cookie[i], answer, error);
	}
	upstream->ending = NULL;
	free(question);
}

static int random_take(struct upstream *upstream, void *to, size_t size)
{
	if (upstream->random_left < size) {
		if (getrandom(upstream->random, POOL, 0) != POOL)
			return -EIO;
		upstream->random_left = POOL;
	}
	upstream->random_left -= size;
	memcpy(to, upstream->random + upstream->random_left, size);
	return 0;
}

static const struct upstream_server *question_server(const struct question *question)
{
	return &question->server[question->at];
}

static void question_message(struct exchange *exchange, const uint8_t *msg, size_t size, int error);
static int question_timer(struct timer *timer);

/*
 * One message to the server whose turn it is. By TCP no letter's case says anything: nobody
 * forges a stream that he cannot see, and a server that changes the case of what it is asked
 * gets one that has none.
 */
static int question_send(struct question *question, bool tcp)
{
	struct upstream *upstream = question->upstream;
	uint8_t query[DNS_QUERY_SIZE];
	uint64_t at_ns = now_boot_ns() + upstream->try_ns;
	struct {
		uint64_t letters;
		uint16_t id;
	} random;
	int r = random_take(upstream, &random, sizeof(random));

	if (r)
		return r;
	r = dns_query_build(query, question->name, question->type, random.id,
			    tcp ? 0 : random.letters, &question->asked);
	if (r < 0)
		return r;
	question->tcp = tcp;
	question->strange_before = question->strange;
	r = exchange_start(&question->exchange, upstream->loop, question_server(question), tcp,
			   query, r, question_message);
	if (r) /* of an address that no socket takes as well: the name is not what is wrong */
		return r == -EINVAL ? -ENETUNREACH : r;
	upstream->counts.sent++;
	timer_arm(upstream->loop, &question->timer,
		  at_ns < question->limit_ns ? at_ns : question->limit_ns, question_timer);
	return 0;
}

/* What it is to those who asked: ours to mend, broken, or a server that cannot be reached. */
static int error_class(int error)
{
	switch (error) {
	case -EIO:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS: return -EIO;
	case -EBADMSG: return -EBADMSG;
	default: return -ENETUNREACH;
	}
}

/* This server is not asked again for this. */
static void question_pass_over(struct question *question, int error)
{
	question->over |= 1U << question->at;
	question->error = error_class(error);
}

/* The first try after this one that a server takes; else negative errno: none is left. */
static int question_next(struct question *question)
{
	uint64_t now_ns = now_boot_ns();

	exchange_stop(&question->exchange);
	question->truncated = false;
	while (question->over != (1U << question->n_servers) - 1) {
		const struct server *server;
		int r;

		if (++question->at >= question->n_servers) {
			/* All were asked: one that said no is heard before the silent once more. */
			if (question->rcode)
				break;
			question->at = 0;
		}
		if (question->over & 1U << question->at)
			continue;
		server = server_find(question->upstream, question_server(question));
		r = question_send(question,
				  question->forged || (server && server->tcp_until_ns > now_ns));
		if (!r || r == -EINVAL)
			return r;
		question_pass_over(question, r);
	}
	return question->error;
}

static void question_go_on(struct question *question)
{
	int r = question_next(question);

	if (r)
		question_end(question, NULL, r);
}

/* The same server again, by TCP. */
static void question_to_tcp(struct question *question)
{
	int r = question_send(question, true);

	if (!r)
		return;
	question_pass_over(question, r);
	question_go_on(question);
}

static void server_down(struct question *question)
{
	struct server *server = server_find(question->upstream, question_server(question));

	if (server && !question->truncated)
		server->down_until_ns = now_boot_ns() + question->upstream->down_ns;
}

/* It speaks. If it took TCP to hear it, those that come next begin with that. */
static void server_up(struct question *question)
{
	struct server *server = server_find(question->upstream, question_server(question));

	if (!server)
		return;
	server->down_until_ns = 0;
	if (question->tcp && !question->truncated && question->strange)
		server->tcp_until_ns = now_boot_ns() + question->upstream->down_ns;
}

/* A datagram that is no answer: forged, late, or of a server that changes the case. */
static void question_strange(struct question *question)
{
	question->upstream->counts.strange++;
	if (++question->strange < UPSTREAM_STRANGE)
		return;
	question->forged = true;
	question_to_tcp(question);
}

static void question_broken(struct question *question)
{
	question->upstream->counts.broken++;
	question_pass_over(question, -EBADMSG);
	question_go_on(question);
}

static void question_answer(struct question *question, const struct dns_answer *answer)
{
	server_up(question);
	if (answer->rcode != DNS_NOERROR && answer->rcode != DNS_NXDOMAIN) {
		question->rcode = answer->rcode;
		question_pass_over(question, -EIO);
		question_go_on(question);
	} else if (answer->truncated && question->tcp) {
		question_broken(question);
	} else if (answer->truncated) {
		question->truncated = true;
		question_to_tcp(question);
	} else {
		question_end(question, answer, 0);
	}
}

static void question_message(struct exchange *exchange, const uint8_t *msg, size_t size, int error)
{
	struct question *question = container_of(exchange, struct question, exchange);
	struct dns_answer *answer = &question->upstream->answer;
	int r;

	if (error == -EBADMSG) {
		question_broken(question);
		return;
	}
	if (error) {
		server_down(question);
		question_pass_over(question, error);
		question_go_on(question);
		return;
	}
	r = dns_answer_parse(msg, size, &question->asked, answer);
	if (!r)
		question_answer(question, answer);
	else if (r == -ENOMSG && !question->tcp)
		question_strange(question);
	else
		question_broken(question);
}

/*
 * The server was silent, or the time is over; or nothing could be sent from within
 * upstream_ask(), which leaves it to be said now.
 */
static int question_timer(struct timer *timer)
{
	struct question *question = container_of(timer, struct question, timer);

	if (question->exchange.fd < 0) {
		question_end(question, NULL, question->error);
	} else if (timer->at_ns >= question->limit_ns) {
		question_end(question, NULL, -ETIMEDOUT);
	} else if (!question->tcp && question->strange > question->strange_before) {
		/* It may have answered, in another case than we asked. */
		question_to_tcp(question);
	} else {
		server_down(question);
		question->error = -ETIMEDOUT;
		question_go_on(question);
	}
	return 0;
}

/* Servers in order of preference, those that were silent lately behind all others. */
static void question_order(struct question *question, uint64_t now_ns)
{
	const struct upstream *upstream = question->upstream;

	for (int down = 0; down < 2; down++)
		for (unsigned i = 0; i < upstream->n_servers; i++)
			if (down == (upstream->server[i].down_until_ns > now_ns))
				question->server[question->n_servers++] = upstream->server[i].where;
}

/* -EBUSY; 0 with *@same: the question on its way that this one is equal to, or NULL. */
static int question_find(const struct upstream *upstream, uint32_t asker, const char *name,
			 uint16_t type, struct question **same)
{
	unsigned n = 0;

	*same = NULL;
	for (unsigned i = 0; i < upstream->n_questions; i++) {
		struct question *question = upstream->question[i];

		if (question->asker != asker)
			continue;
		n += question->n_cookies;
		if (question->type == type && !strcmp(question->name, name))
			*same = question;
	}
	return n >= UPSTREAM_PER_ASKER || upstream->n_cookies >= UPSTREAM_MAX ? -EBUSY : 0;
}

static int question_new(struct upstream *upstream, uint32_t asker, const char *name, uint16_t type,
			struct question **ret)
{
	uint64_t now_ns = now_boot_ns();
	struct question *question;

	if (strlen(name) > DNS_NAME_MAX)
		return -EINVAL;
	question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	question->upstream = upstream;
	question->asker = asker;
	question->type = type;
	strcpy(question->name, name);
	question->limit_ns = now_ns + upstream->limit_ns;
	question->error = -ENETUNREACH;
	exchange_init(&question->exchange);
	question_order(question, now_ns);
	question->at = question->n_servers - 1; /* the next is the first */
	question->index = upstream->n_questions;
	upstream->question[upstream->n_questions++] = question;
	*ret = question;
	return 0;
}

int upstream_ask(struct upstream *upstream, uint32_t asker, const char *name, uint16_t type,
		 uint64_t cookie)
{
	struct question *question;
	int r;

	if (!upstream->n_servers)
		return -ENETUNREACH;
	r = question_find(upstream, asker, name, type, &question);
	if (r) {
		upstream->counts.full++;
		return r;
	}
	if (!question) {
		r = question_new(upstream, asker, name, type, &question);
		if (r)
			return r;
		r = question_next(question);
	}
	if (r == -EINVAL) {
		question_unlink(question);
		free(question);
		return r;
	}
	if (r) /* no server takes it: said in the next round */
		timer_arm(upstream->loop, &question->timer, 0, question_timer);
	question->cookie[question->n_cookies++] = cookie;
	upstream->n_cookies++;
	upstream->counts.asked++;
	return 0;
}

const struct upstream_counts *upstream_counts(const struct upstream *upstream)
{
	return &upstream->counts;
}
