// SPDX-License-Identifier: Apache-2.0
/* multi.c - see multi.h */
#include "multi.h"

#include <errno.h>
#include <stdlib.h>

struct watched {
	struct source source;
	struct multi *multi;
};

static void take_ended(struct multi *multi)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi->handle, &left))) {
		CURLcode result = message->data.result;
		char *mine;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &mine);
		multi->ended(mine, result);
	}
	if (multi->after)
		multi->after(multi->user);
}

static int on_socket(struct source *source, uint32_t events)
{
	struct multi *multi = container_of(source, struct watched, source)->multi;
	int what = 0, running;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(multi->handle, source->fd, what, &running);
	take_ended(multi);
	return 0;
}

static int on_timer(struct timer *timer)
{
	struct multi *multi = container_of(timer, struct multi, timer);
	int running;

	curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
	take_ended(multi);
	return 0;
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *user, void *mine)
{
	struct multi *multi = user;
	struct watched *watched = mine;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watched)
			source_del(&watched->source);
		free(watched);
		curl_multi_assign(multi->handle, fd, NULL);
		return 0;
	}
	if (watched)
		return source_set(&watched->source, events) ? -1 : 0;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return -1;
	watched->multi = multi;
	if (source_add(multi->loop, &watched->source, fd, events, on_socket)) {
		free(watched);
		return -1;
	}
	curl_multi_assign(multi->handle, fd, watched);
	return 0;
}

static int on_when(CURLM *handle, long ms, void *user)
{
	struct multi *multi = user;

	(void)handle;
	if (ms < 0)
		timer_disarm(&multi->timer);
	else
		timer_arm(multi->loop, &multi->timer,
			  ms ? now_boot_ns() + (uint64_t)ms * 1000000 : 0, on_timer);
	return 0;
}

int multi_init(struct multi *multi, struct loop *loop, void (*ended)(void *mine, CURLcode result))
{
	*multi = (struct multi){ .loop = loop, .ended = ended };
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		multi->handle = curl_multi_init();
	if (!multi->handle)
		return -ENOMEM;
	curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, on_watch);
	curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, on_when);
	curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
	return 0;
}

/* What libcurl still watches is told as removed by its end. */
void multi_done(struct multi *multi)
{
	curl_multi_cleanup(multi->handle);
	multi->handle = NULL;
	timer_disarm(&multi->timer);
}
