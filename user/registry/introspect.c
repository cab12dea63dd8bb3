// SPDX-License-Identifier: Apache-2.0
#include "introspect.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct introspection {
	struct introspect *introspect;
	struct introspection *next;
	CURL *easy;
	char *form, *reply;
	size_t size;
	introspect_fn done;
	void *user;
	char error[CURL_ERROR_SIZE];
};

struct introspect {
	struct loop *loop;
	CURLM *multi;
	struct timer timer;
	char *url, *ca_file;
	struct introspection *all;
	unsigned n;
};

struct watched {
	struct source source;
	struct introspect *introspect;
};

/* --- libcurl on the loop --------------------------------------------------------------- */

void introspect_end(struct introspection *introspection)
{
	struct introspect *introspect;
	struct introspection **at;

	if (!introspection)
		return;
	introspect = introspection->introspect;
	for (at = &introspect->all; *at != introspection; at = &(*at)->next)
		;
	*at = introspection->next;
	introspect->n--;
	if (introspection->easy) {
		curl_multi_remove_handle(introspect->multi, introspection->easy);
		curl_easy_cleanup(introspection->easy);
	}
	if (introspection->form)
		OPENSSL_cleanse(introspection->form, strlen(introspection->form));
	free(introspection->form);
	free(introspection->reply);
	free(introspection);
}

static void over(struct introspection *introspection, CURLcode result)
{
	introspect_fn done = introspection->done;
	void *user = introspection->user;
	char *reply = TAKE_PTR(introspection->reply);
	char why[CURL_ERROR_SIZE];
	size_t size = introspection->size;
	long status = 0;

	curl_easy_getinfo(introspection->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result)
		snprintf(why, sizeof(why), "%s",
			 *introspection->error ? introspection->error : curl_easy_strerror(result));
	else
		snprintf(why, sizeof(why), "status %ld", status);
	introspect_end(introspection);
	done(reply, size, result || status != 200 ? -EIO : 0, why, user);
	free(reply);
}

static void ended(struct introspect *introspect)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(introspect->multi, &left))) {
		struct introspection *introspection;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&introspection);
		over(introspection, message->data.result);
	}
}

static int on_socket(struct source *source, uint32_t events)
{
	struct introspect *introspect = container_of(source, struct watched, source)->introspect;
	int what = 0, running;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(introspect->multi, source->fd, what, &running);
	ended(introspect);
	return 0;
}

static int on_timer(struct timer *timer)
{
	struct introspect *introspect = container_of(timer, struct introspect, timer);
	int running;

	curl_multi_socket_action(introspect->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	ended(introspect);
	return 0;
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *user, void *mine)
{
	struct introspect *introspect = user;
	struct watched *watched = mine;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watched)
			source_del(&watched->source);
		free(watched);
		curl_multi_assign(introspect->multi, fd, NULL);
		return 0;
	}
	if (watched)
		return source_set(&watched->source, events) ? -1 : 0;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return -1;
	watched->introspect = introspect;
	if (source_add(introspect->loop, &watched->source, fd, events, on_socket)) {
		free(watched);
		return -1;
	}
	curl_multi_assign(introspect->multi, fd, watched);
	return 0;
}

static int on_when(CURLM *multi, long ms, void *user)
{
	struct introspect *introspect = user;

	(void)multi;
	if (ms < 0)
		timer_disarm(&introspect->timer);
	else
		timer_arm(introspect->loop, &introspect->timer,
			  ms ? now_boot_ns() + (uint64_t)ms * 1000000 : 0, on_timer);
	return 0;
}

/* --- questions ------------------------------------------------------------------------- */

static size_t on_bytes(char *bytes, size_t one, size_t n, void *user)
{
	struct introspection *introspection = user;
	char *bigger;

	(void)one; /* it is 1 */
	if (introspection->size + n > INTROSPECT_REPLY)
		return 0;
	bigger = realloc(introspection->reply, introspection->size + n + 1);
	if (!bigger)
		return 0;
	introspection->reply = bigger;
	memcpy(bigger + introspection->size, bytes, n);
	introspection->size += n;
	bigger[introspection->size] = '\0';
	return n;
}

static bool prepare(struct introspection *introspection, const char *token, const char *scope)
{
	struct introspect *introspect = introspection->introspect;
	CURL *easy = introspection->easy;
	char *t = curl_easy_escape(easy, token, 0), *s = curl_easy_escape(easy, scope, 0);
	bool made = t && s && asprintf(&introspection->form, "token=%s&scope=%s", t, s) >= 0;

	if (t)
		OPENSSL_cleanse(t, strlen(t));
	curl_free(t);
	curl_free(s);
	return made && !curl_easy_setopt(easy, CURLOPT_URL, introspect->url) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)INTROSPECT_MS) &&
	       !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, introspection->form) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, introspection) &&
	       !curl_easy_setopt(easy, CURLOPT_PRIVATE, introspection) &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, introspection->error) &&
	       (!introspect->ca_file ||
		!curl_easy_setopt(easy, CURLOPT_CAINFO, introspect->ca_file));
}

int introspect_ask(struct introspect *introspect, const char *token, const char *scope,
		   introspect_fn done, void *user, struct introspection **ret)
{
	struct introspection *introspection;

	if (introspect->n >= INTROSPECT_MAX)
		return -EAGAIN;
	introspection = calloc(1, sizeof(*introspection));
	if (!introspection)
		return -ENOMEM;
	introspection->introspect = introspect;
	introspection->done = done;
	introspection->user = user;
	introspection->next = introspect->all;
	introspect->all = introspection;
	introspect->n++;
	introspection->easy = curl_easy_init();
	if (!introspection->easy || !prepare(introspection, token, scope) ||
	    curl_multi_add_handle(introspect->multi, introspection->easy)) {
		introspect_end(introspection);
		return -ENOMEM;
	}
	*ret = introspection;
	return 0;
}

int introspect_new(struct loop *loop, const char *url, const char *ca_file, struct introspect **ret,
		   struct problem *why)
{
	struct introspect *introspect;

	if (strncmp(url, "https://", 8))
		return problem(why, -EINVAL, "%.150s: tokens are asked about by https alone", url);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return problem(why, -EIO, "libcurl does not begin");
	introspect = calloc(1, sizeof(*introspect));
	if (!introspect)
		return problem(why, -ENOMEM, "no memory");
	introspect->loop = loop;
	introspect->url = strdup(url);
	introspect->ca_file = ca_file ? strdup(ca_file) : NULL;
	introspect->multi = curl_multi_init();
	if (!introspect->url || (ca_file && !introspect->ca_file) || !introspect->multi ||
	    curl_multi_setopt(introspect->multi, CURLMOPT_SOCKETFUNCTION, on_watch) ||
	    curl_multi_setopt(introspect->multi, CURLMOPT_SOCKETDATA, introspect) ||
	    curl_multi_setopt(introspect->multi, CURLMOPT_TIMERFUNCTION, on_when) ||
	    curl_multi_setopt(introspect->multi, CURLMOPT_TIMERDATA, introspect)) {
		introspect_free(introspect);
		return problem(why, -ENOMEM, "no memory");
	}
	*ret = introspect;
	return 0;
}

void introspect_free(struct introspect *introspect)
{
	if (!introspect)
		return;
	while (introspect->all)
		introspect_end(introspect->all);
	if (introspect->multi)
		curl_multi_cleanup(introspect->multi);
	timer_disarm(&introspect->timer);
	free(introspect->url);
	free(introspect->ca_file);
	free(introspect);
}
