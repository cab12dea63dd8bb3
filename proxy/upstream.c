// SPDX-License-Identifier: Apache-2.0
#include "upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "service/multi.h"

struct upstream {
	struct multi multi;
	char *ca_file;
	uint64_t idle_ns;
	struct timer idle;
	struct upstream_call *calls;
};

static void ended(void *mine, CURLcode result)
{
	struct upstream_call *call = mine;

	if (!call->stays || result)
		upstream_stop(call);
	call->over(call, result);
}

/* --- who does not move ---------------------------------------------------------------- */

static int on_idle(struct timer *timer)
{
	struct upstream *upstream = container_of(timer, struct upstream, idle);
	uint64_t now = now_boot_ns(), first = UINT64_MAX;

	for (struct upstream_call *call = upstream->calls, *next; call; call = next) {
		uint64_t at = call->moved_ns + upstream->idle_ns;

		next = call->next;
		if (at > now) {
			first = at < first ? at : first;
			continue;
		}
		upstream_stop(call);
		call->over(call, CURLE_OPERATION_TIMEDOUT);
	}
	if (first != UINT64_MAX)
		timer_arm(upstream->multi.loop, timer, first, on_idle);
	return 0;
}

void upstream_moved(struct upstream_call *call)
{
	call->moved_ns = now_boot_ns();
}

/* --- calls ---------------------------------------------------------------------------- */

int upstream_start(struct upstream_call *call)
{
	struct upstream *upstream = call->upstream;

	if (curl_multi_add_handle(upstream->multi.handle, call->easy))
		return -EIO;
	call->next = upstream->calls;
	call->slot = &upstream->calls;
	if (call->next)
		call->next->slot = &call->next;
	upstream->calls = call;
	upstream_moved(call);
	if (!upstream->idle.loop)
		timer_arm(upstream->multi.loop, &upstream->idle, call->moved_ns + upstream->idle_ns,
			  on_idle);
	return 0;
}

void upstream_stop(struct upstream_call *call)
{
	if (!call->slot)
		return;
	*call->slot = call->next;
	if (call->next)
		call->next->slot = call->slot;
	call->slot = NULL;
	curl_multi_remove_handle(call->upstream->multi.handle, call->easy);
}

static bool set_common(struct upstream *upstream, CURL *easy)
{
	return !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
	       (!upstream->ca_file || !curl_easy_setopt(easy, CURLOPT_CAINFO, upstream->ca_file)) &&
	       !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, UPSTREAM_CONNECT_MS) &&
	       !curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, UPSTREAM_KEEP_S) &&
	       !curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L << 10) &&
	       !curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
}

int upstream_call_init(struct upstream *upstream, struct upstream_call *call,
		       void (*over)(struct upstream_call *call, CURLcode result))
{
	CURL *easy = curl_easy_init();

	if (!easy || !set_common(upstream, easy) ||
	    curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)call)) {
		curl_easy_cleanup(easy);
		return -ENOMEM;
	}
	*call = (struct upstream_call){ .upstream = upstream, .easy = easy, .over = over };
	return 0;
}

void upstream_call_done(struct upstream_call *call)
{
	if (!call->easy)
		return;
	upstream_stop(call);
	curl_easy_cleanup(call->easy);
	call->easy = NULL;
}

void upstream_limit(struct upstream *upstream, uint64_t idle_ns)
{
	upstream->idle_ns = idle_ns;
}

uint64_t upstream_idle_ns(const struct upstream *upstream)
{
	return upstream->idle_ns;
}

struct loop *upstream_loop(const struct upstream *upstream)
{
	return upstream->multi.loop;
}

void upstream_after(struct upstream *upstream, void (*fn)(void *user), void *user)
{
	upstream->multi.after = fn;
	upstream->multi.user = user;
}

/* --- all of it ------------------------------------------------------------------------ */

int upstream_new(struct loop *loop, const char *ca_file, struct upstream **ret, struct problem *why)
{
	struct upstream *upstream = calloc(1, sizeof(*upstream));

	if (!upstream)
		return problem(why, -ENOMEM, "no memory for upstreams");
	upstream->idle_ns = UPSTREAM_IDLE_NS;
	if (ca_file && access(ca_file, R_OK)) {
		free(upstream);
		return problem(why, -errno, "who is to be trusted, %s: %s", ca_file,
			       strerror(errno));
	}
	upstream->ca_file = ca_file ? strdup(ca_file) : NULL;
	if (multi_init(&upstream->multi, loop, ended) || (ca_file && !upstream->ca_file)) {
		upstream_free(upstream);
		return problem(why, -ENOMEM, "libcurl does not begin");
	}
	curl_multi_setopt(upstream->multi.handle, CURLMOPT_MAXCONNECTS, UPSTREAM_CONNECTIONS);
	/* HTTP/2 too: one client that does not read would stop all streams of its connection */
	curl_multi_setopt(upstream->multi.handle, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret = upstream;
	return 0;
}

int upstream_alone(const struct upstream *upstream, struct upstream **ret)
{
	struct problem why;
	int r = upstream_new(upstream->multi.loop, upstream->ca_file, ret, &why);

	if (!r)
		(*ret)->idle_ns = upstream->idle_ns;
	return r;
}

void upstream_free(struct upstream *upstream)
{
	if (!upstream)
		return;
	while (upstream->calls)
		upstream_stop(upstream->calls);
	multi_done(&upstream->multi);
	timer_disarm(&upstream->idle);
	free(upstream->ca_file);
	free(upstream);
}
