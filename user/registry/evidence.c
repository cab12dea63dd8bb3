// SPDX-License-Identifier: Apache-2.0
#include "evidence.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/log.h"

#define PAUSE_NS (SECOND_NS / 5) /* when the agent is away, or has no time */
#define KEPT     1024            /* connections: one that gives way to another costs a question */
#define ORIGINAL_DST                                                                               \
	80 /* SO_ORIGINAL_DST, and IP6T_SO_ORIGINAL_DST: their headers do not go with ours */

/* The kernel never gives a cookie twice. */
struct kept {
	uint64_t cookie;
	char container[AGENT_ID_LEN];
};

struct guards {
	struct evidence evidence;
	struct loop *loop;
	char path[WORD_PATH];
	bool required, heard; /* an agent has answered */
	struct evidence_ask *first, **last;
	unsigned asking;
	struct timer pause;
	struct kept kept[KEPT];
};

static struct guards *guards_of(struct evidence *evidence)
{
	return container_of(evidence, struct guards, evidence);
}

static void go(struct guards *guards);

/* --- the end of a question --------------------------------------------------------------- */

static void forget(struct evidence *evidence, struct evidence_ask *ask)
{
	struct guards *guards = guards_of(evidence);
	struct evidence_ask **at;

	if (!ask->evidence)
		return;
	for (at = &guards->first; *at != ask; at = &(*at)->next)
		;
	*at = ask->next;
	if (!*at)
		guards->last = at;
	guards->asking -= word_is_said(&ask->word);
	word_end(&ask->word);
	timer_disarm(&ask->late);
	ask->evidence = NULL;
}

/* A socket with these ends that is not our connection's other end can be there after it only. */
static bool is_connected(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) &&
	       (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

static void over(struct evidence_ask *ask, enum evidence_is is)
{
	struct guards *guards = guards_of(ask->evidence);

	forget(ask->evidence, ask);
	if (is != EVIDENCE_ERROR && !is_connected(ask->fd))
		is = EVIDENCE_GONE;
	if (is == EVIDENCE_AGREES && ask->cookie) {
		struct kept *kept = &guards->kept[ask->cookie % KEPT];

		kept->cookie = ask->cookie;
		strcpy(kept->container, ask->container);
	}
	ask->done(ask, is);
}

static int ask_late(struct timer *timer)
{
	struct evidence_ask *ask = container_of(timer, struct evidence_ask, late);
	struct guards *guards = guards_of(ask->evidence);

	log_error(0,
		  "event=peer_evidence_failed container=%s the agent at %s did not answer in %u s",
		  ask->container, guards->path, (unsigned)(EVIDENCE_NS / SECOND_NS));
	over(ask, EVIDENCE_ERROR);
	go(guards);
	return 0;
}

/* --- the agent ---------------------------------------------------------------------------- */

static int pause_over(struct timer *timer)
{
	go(container_of(timer, struct guards, pause));
	return 0;
}

static void pause_begin(struct guards *guards)
{
	timer_arm(guards->loop, &guards->pause, now_boot_ns() + PAUSE_NS, pause_over);
}

static enum evidence_is owner_read(const struct control_owner *owner, const char *container,
				   bool required)
{
	if (owner->is == CONTROL_OWNER_NONE)
		return required ? EVIDENCE_UNGUARDED : EVIDENCE_NOTHING;
	return owner->is == CONTROL_OWNER_SAME && control_text_ok(owner->container) &&
		       !strcmp(owner->container, container)
		   ? EVIDENCE_AGREES
		   : EVIDENCE_OTHER;
}

int evidence_read(const struct control_packet *reply, const char *container, bool required,
		  enum evidence_is *ret)
{
	*ret = EVIDENCE_ERROR;
	if (reply->type == CONTROL_OWNER)
		*ret = owner_read(&reply->OWNER, container, required);
	else if (reply->type == CONTROL_DONE && reply->DONE.result == -EAGAIN)
		return -EAGAIN;
	else if (reply->type == CONTROL_DONE && reply->DONE.result == -ENOTCONN)
		*ret = EVIDENCE_GONE;
	return 0;
}

/* Whoever asks hears one word; what it was stands in the log. */
static void say_what(const struct control_packet *reply, const char *container, enum evidence_is is)
{
	char text[CONTROL_TEXT], safe[CONTROL_TEXT];

	if (reply->type == CONTROL_DONE) {
		snprintf(text, sizeof(text), "%.*s", CONTROL_TEXT - 1, reply->DONE.problem);
		log_warn(0, "event=peer_evidence_%s container=%s %s",
			 is == EVIDENCE_GONE ? "gone" : "failed", container,
			 log_safe(safe, sizeof(safe), text));
	} else if (is == EVIDENCE_OTHER) {
		snprintf(text, sizeof(text), "%.*s", TEROK_NAME_LEN - 1, reply->OWNER.container);
		log_error(0, "event=peer_evidence_other container=%s socket_of=%s", container,
			  *text ? log_safe(safe, sizeof(safe), text) : "-");
	}
}

static void on_heard(struct word *word, int error, const struct control_packet *reply, int *fd)
{
	struct evidence_ask *ask = container_of(word, struct evidence_ask, word);
	struct guards *guards = guards_of(ask->evidence);
	enum evidence_is is;

	(void)fd;
	guards->asking--;
	guards->heard = guards->heard || !error;
	if (error || evidence_read(reply, ask->container, guards->required, &is)) {
		pause_begin(guards); /* it is asked again, until it is late */
		return;
	}
	say_what(reply, ask->container, is);
	over(ask, is);
	go(guards);
}

/* --- a question ---------------------------------------------------------------------------- */

static void addr_take(const struct sockaddr_storage *from, uint8_t addr[static 16], uint16_t *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	if (from->ss_family == AF_INET) {
		addr_of_v4(addr, (const uint8_t *)&v4->sin_addr);
		*port = ntohs(v4->sin_port);
	} else {
		memcpy(addr, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
	}
}

/* Our end as it is at the peer's: what a NAT made of it only the connections' table knows. */
static int own_end(int fd, struct control_whose *ret)
{
	struct sockaddr_storage at = {};
	socklen_t size = sizeof(at);
	bool v4;

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&at, &size))
		return fd < 0 ? -EBADF : -errno;
	addr_take(&at, ret->own, &ret->own_port);
	v4 = addr_is_v4(ret->own);
	size = v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	if (!getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, ORIGINAL_DST, &at, &size))
		addr_take(&at, ret->own, &ret->own_port);
	return 0;
}

static int ask_say(struct guards *guards, struct evidence_ask *ask)
{
	struct control_packet packet = { .type = CONTROL_WHOSE };
	int r = own_end(ask->fd, &packet.WHOSE);

	if (r)
		return r;
	memcpy(packet.WHOSE.peer, ask->addr, sizeof(packet.WHOSE.peer));
	packet.WHOSE.peer_port = ask->port;
	snprintf(packet.WHOSE.container, sizeof(packet.WHOSE.container), "%s", ask->container);
	ask->word.heard = on_heard;
	r = word_say(guards->loop, &ask->word, guards->path, &packet, EVIDENCE_NS);
	guards->asking += !r;
	return r;
}

static void ask_failed(struct guards *guards, struct evidence_ask *ask, int error)
{
	bool known = guards->heard || word_agent_is_known(guards->path);

	if (error == -ETIMEDOUT || error == -EAGAIN || (error == -ENOENT && known)) {
		pause_begin(guards);
	} else if (error == -ENOENT && !guards->required) {
		over(ask, EVIDENCE_NOTHING);
	} else {
		log_error(error, "event=peer_evidence_failed container=%s the agent at %s",
			  ask->container, guards->path);
		over(ask, EVIDENCE_ERROR);
	}
}

/* Those that wait, in their order. Who is answered may ask again, and end others. */
static void go(struct guards *guards)
{
	struct evidence_ask *ask;
	int r;

	while (guards->asking < EVIDENCE_ASKING && !guards->pause.loop) {
		for (ask = guards->first; ask && word_is_said(&ask->word); ask = ask->next)
			;
		r = ask ? ask_say(guards, ask) : 0;
		if (r)
			ask_failed(guards, ask, r);
		if (!ask)
			return;
	}
}

static bool is_kept(const struct guards *guards, const struct evidence_ask *ask)
{
	const struct kept *kept = &guards->kept[ask->cookie % KEPT];

	return ask->cookie && kept->cookie == ask->cookie &&
	       !strcmp(kept->container, ask->container);
}

static void begin(struct evidence *evidence, struct evidence_ask *ask)
{
	struct guards *guards = guards_of(evidence);
	socklen_t size = sizeof(ask->cookie);

	if (getsockopt(ask->fd, SOL_SOCKET, SO_COOKIE, &ask->cookie, &size))
		ask->cookie = 0;
	ask->evidence = evidence;
	ask->next = NULL;
	*guards->last = ask;
	guards->last = &ask->next;
	if (is_kept(guards, ask)) {
		over(ask, EVIDENCE_AGREES);
		return;
	}
	timer_arm(guards->loop, &ask->late, now_boot_ns() + EVIDENCE_NS, ask_late);
	go(guards);
}

static void guards_free(struct evidence *evidence)
{
	struct guards *guards = guards_of(evidence);

	while (guards->first)
		forget(evidence, guards->first);
	timer_disarm(&guards->pause);
	free(guards);
}

int evidence_new(struct loop *loop, bool required, struct evidence **ret)
{
	struct guards *guards = calloc(1, sizeof(*guards));
	int r = guards ? word_path(guards->path) : -ENOMEM;

	if (r) {
		free(guards);
		return r;
	}
	guards->evidence = (struct evidence){ begin, forget, guards_free };
	guards->loop = loop;
	guards->required = required;
	guards->last = &guards->first;
	*ret = &guards->evidence;
	return 0;
}

void evidence_free(struct evidence *evidence)
{
	if (evidence)
		evidence->free(evidence);
}
