// SPDX-License-Identifier: Apache-2.0
#include "refresh.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/dir.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "store/credential.h"

#define ANSWER_MAX (64 << 10) /* bytes of a reply; tokens are some KiB */

struct job {
	struct job *next;
	struct refresh *refresh;
	struct upstream_call call;
	struct curl_slist *headers;
	char set[STORE_NAME_SIZE], provider[STORE_NAME_SIZE];
	struct secret *json;   /* the credential as it was */
	struct secret *body;   /* what is sent */
	struct secret *answer; /* room for ANSWER_MAX; len: bytes that came */
	int lock;
};

/* When one was refreshed last since an upstream had refused it. */
struct refused {
	struct refused *next;
	uint64_t at_ns;
	char set[STORE_NAME_SIZE], provider[STORE_NAME_SIZE];
};

struct refresh {
	struct loop *loop;
	struct upstream *upstream;
	struct store *store;
	const char *locks;
	struct refresh_use use;
	struct timer timer, sweep;
	struct job *jobs, *over;
	struct refused *refused;
};

/* --- the lock ------------------------------------------------------------------------- */

/* Part of a file's name, which no other text has. */
static void part(const char *text, char *to, size_t size)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t n = 0;

	SHA256((const unsigned char *)text, strlen(text), digest);
	for (; *text && n + 16 < size; text++)
		to[n++] = isalnum((unsigned char)*text) || strchr("._-", *text) ? *text : '_';
	to[n++] = '-';
	for (int i = 0; i < 6; i++)
		n += (size_t)sprintf(to + n, "%02x", digest[i]);
}

static int lock_take(const struct refresh *refresh, const char *set, const char *provider, int *ret)
{
	char one[128], two[128], name[300];
	_cleanup_close_ int dir = -1, fd = -1;

	dir_make(refresh->locks);
	dir = dir_open(AT_FDCWD, refresh->locks, NULL);
	if (dir < 0)
		return dir;
	part(set, one, sizeof(one));
	part(provider, two, sizeof(two));
	snprintf(name, sizeof(name), "refresh-%s-%s.lock", one, two);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

/* --- what is asked -------------------------------------------------------------------- */

/* "@key":"@text", at the end of a secret, which has the room (6 bytes for each of text's). */
static void add(struct secret *to, const char *key, const char *text, size_t n)
{
	char *at = to->bytes + to->len;

	at += sprintf(at, "%s\"%s\":\"", to->len ? "," : "{", key);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			*at++ = '\\';
		if (c < ' ')
			at += sprintf(at, "\\u%04x", c);
		else
			*at++ = (char)c;
	}
	*at++ = '"';
	to->len = (size_t)(at - to->bytes);
}

static int body_make(struct job *job, const struct route *route, const struct credential_use *use)
{
	size_t room = 256 + 6 * (use->refresh->len + strlen(route->client_id) +
				 strlen(route->scope ?: "") + strlen(route->client_secret ?: ""));

	job->body = secret_new(room);
	job->answer = secret_new(ANSWER_MAX);
	if (!job->body || !job->answer)
		return -ENOMEM;
	job->body->len = job->answer->len = 0;
	add(job->body, "grant_type", "refresh_token", 13);
	add(job->body, "refresh_token", use->refresh->bytes, use->refresh->len);
	add(job->body, "client_id", route->client_id, strlen(route->client_id));
	if (route->scope)
		add(job->body, "scope", route->scope, strlen(route->scope));
	if (route->client_secret)
		add(job->body, "client_secret", route->client_secret, strlen(route->client_secret));
	job->body->bytes[job->body->len++] = '}';
	return 0;
}

static size_t on_answer(char *bytes, size_t one, size_t n, void *user)
{
	struct job *job = user;
	struct secret *to = job->answer;

	(void)one;
	if (n > ANSWER_MAX - to->len)
		return 0;
	memcpy(to->bytes + to->len, bytes, n);
	to->len += n;
	return n;
}

static int job_send(struct job *job, const char *url)
{
	CURL *easy = job->call.easy;

	job->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!job->headers || curl_easy_setopt(easy, CURLOPT_URL, url) ||
	    curl_easy_setopt(easy, CURLOPT_POST, 1L) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, job->body->bytes) ||
	    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)job->body->len) ||
	    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers) ||
	    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, REFRESH_TOTAL_MS) ||
	    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) || /* it must not go twice */
	    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) ||
	    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job))
		return -ENOMEM;
	return upstream_start(&job->call);
}

/* --- what is answered ----------------------------------------------------------------- */

struct answer {
	struct secret *access, *refresh;
	double expires_in;
	bool bad;
};

static struct secret *text_of(const struct json_span *value)
{
	struct secret *ret = secret_new(value->n + 1);

	if (ret)
		ret->len = json_span_text(value, ret->bytes, value->n);
	return ret;
}

static void on_member(const struct json_span *key, const struct json_span *value, void *user)
{
	struct answer *answer = user;
	bool text = value->type == json_type_string && value->n;
	char number[32];
	size_t n;

	if (text && json_span_is(key, "access_token") && !answer->access)
		answer->access = text_of(value);
	else if (text && json_span_is(key, "refresh_token") && !answer->refresh)
		answer->refresh = text_of(value);
	else if (json_span_is(key, "expires_in")) {
		n = json_span_text(value, number, sizeof(number) - 1);
		number[n] = '\0';
		answer->expires_in = strtod(number, NULL);
	}
}

static int answer_keep(struct job *job, struct problem *why)
{
	_cleanup_secret_ struct secret *json = NULL;
	struct answer answer = {};
	int64_t expires;
	int r;

	r = json_scan(job->answer->bytes, job->answer->len, on_member, &answer);
	if (!r && !answer.access)
		r = -EINVAL;
	if (r)
		problem(why, r, "the reply has no access_token");
	expires = (int64_t)time(NULL) + (answer.expires_in > 0 && answer.expires_in < 1e9
					     ? (int64_t)answer.expires_in
					     : REFRESH_EXPIRES_S);
	r = r ?: credential_renew(job->json, answer.access, answer.refresh, expires, &json, why);
	r = r
		?: credential_replace(job->refresh->store, job->set, job->provider, job->json,
				      json->bytes, json->len, why);
	secret_free(answer.access);
	secret_free(answer.refresh);
	return r;
}

/* --- jobs ----------------------------------------------------------------------------- */

static void job_free(struct job *job)
{
	upstream_call_done(&job->call);
	curl_slist_free_all(job->headers);
	secret_free(job->json);
	secret_free(job->body);
	secret_free(job->answer);
	closep(&job->lock);
	free(job);
}

static int on_sweep(struct timer *timer)
{
	struct refresh *refresh = container_of(timer, struct refresh, sweep);

	for (struct job *job; (job = refresh->over);) {
		refresh->over = job->next;
		job_free(job);
	}
	return 0;
}

static void on_over(struct upstream_call *call, CURLcode result)
{
	struct job *job = container_of(call, struct job, call), **at;
	struct refresh *refresh = job->refresh;
	struct problem why = {};
	char set[64], provider[64];
	long status = 0;
	int r;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result)
		r = problem(&why, -EIO, "%s", curl_easy_strerror(result));
	else if (status != 200)
		r = problem(&why, -EPERM, "status %ld", status);
	else
		r = answer_keep(job, &why);
	if (r)
		log_warn(0, "credential %s of set %s is not refreshed: %s",
			 log_safe(provider, sizeof(provider), job->provider),
			 log_safe(set, sizeof(set), job->set), why.text);
	for (at = &refresh->jobs; *at != job; at = &(*at)->next)
		;
	*at = job->next;
	closep(&job->lock);
	job->next = refresh->over; /* its handle is libcurl's until this returns */
	refresh->over = job;
	timer_arm(refresh->loop, &refresh->sweep, 0, on_sweep);
	refresh->use.done(refresh->use.user, job->set, job->provider, r);
}

static struct job *job_find(struct refresh *refresh, const char *set, const char *provider)
{
	for (struct job *job = refresh->jobs; job; job = job->next)
		if (!strcmp(job->set, set) && !strcmp(job->provider, provider))
			return job;
	return NULL;
}

/* 1: it needs to be refreshed */
static int look(struct job *job, bool refused, struct credential_use *use)
{
	struct refresh *refresh = job->refresh;
	int r;

	credential_use_done(use);
	secret_free(job->json);
	job->json = NULL;
	r = credential_load(refresh->store, job->set, job->provider, &job->json, NULL);
	r = r ?: credential_read(job->json->bytes, job->json->len, use, NULL);
	if (r)
		return r;
	if (use->kind != CREDENTIAL_OAUTH || !use->refresh)
		return -ENOENT;
	return refused || use->expires_at <= 0 ||
	       use->expires_at - (double)time(NULL) < REFRESH_MARGIN_S;
}

/* 0: it runs; 1: there is no need to */
static int job_begin(struct job *job, const struct route *route, bool refused)
{
	struct credential_use use = {};
	int r = look(job, refused, &use);

	if (r == 1)
		r = lock_take(job->refresh, job->set, job->provider, &job->lock) ?: 1;
	if (r == 1)
		r = look(job, refused, &use); /* who had the lock may have done it */
	if (r == 1) {
		r = body_make(job, route, &use);
		r = r ?: upstream_call_init(job->refresh->upstream, &job->call, on_over);
		r = r ?: job_send(job, route->token_url);
	} else if (!r)
		r = 1;
	credential_use_done(&use);
	return r;
}

static int begin(struct refresh *refresh, const char *set, const char *provider, bool refused)
{
	const struct route *route = routes_find(refresh->use.routes(refresh->use.user), provider);
	struct job *job;
	int r;

	if (!route || !route->token_url)
		return -ENOENT;
	if (job_find(refresh, set, provider))
		return 0;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->refresh = refresh;
	job->lock = -1;
	snprintf(job->set, sizeof(job->set), "%s", set);
	snprintf(job->provider, sizeof(job->provider), "%s", provider);
	r = job_begin(job, route, refused);
	if (r) {
		job_free(job);
		return r;
	}
	job->next = refresh->jobs;
	refresh->jobs = job;
	return 0;
}

/* --- when ----------------------------------------------------------------------------- */

struct names {
	char (*item)[2][STORE_NAME_SIZE];
	unsigned n;
};

static int on_credential(const struct credential *credential, void *user)
{
	struct names *names = user;
	void *grown = realloc(names->item, (names->n + 1) * sizeof(*names->item));

	if (!grown)
		return -ENOMEM;
	names->item = grown;
	snprintf(names->item[names->n][0], STORE_NAME_SIZE, "%s", credential->set);
	snprintf(names->item[names->n++][1], STORE_NAME_SIZE, "%s", credential->provider);
	return 0;
}

static int on_timer(struct timer *timer)
{
	struct refresh *refresh = container_of(timer, struct refresh, timer);
	struct names names = {};
	struct problem why;
	int r = credential_each(refresh->store, NULL, on_credential, &names, &why);

	if (r)
		log_warn(0, "credentials are not refreshed: %s", why.text);
	for (unsigned i = 0; i < names.n; i++)
		begin(refresh, names.item[i][0], names.item[i][1], false);
	free(names.item);
	timer_arm(refresh->loop, timer, now_boot_ns() + REFRESH_EVERY_NS, on_timer);
	return 0;
}

int refresh_now(struct refresh *refresh, const char *set, const char *provider)
{
	struct refused *one = refresh->refused;
	uint64_t now = now_boot_ns();
	int r;

	while (one && (strcmp(one->set, set) || strcmp(one->provider, provider)))
		one = one->next;
	if (job_find(refresh, set, provider))
		return 0;
	if (one && now - one->at_ns < REFRESH_PAUSE_NS)
		return -EALREADY;
	if (!one) {
		one = calloc(1, sizeof(*one));
		if (!one)
			return -ENOMEM;
		snprintf(one->set, sizeof(one->set), "%s", set);
		snprintf(one->provider, sizeof(one->provider), "%s", provider);
		one->next = refresh->refused;
		refresh->refused = one;
	}
	one->at_ns = now;
	r = begin(refresh, set, provider, true);
	return r == 1 ? -EALREADY : r;
}

int refresh_new(struct loop *loop, struct upstream *upstream, struct store *store,
		const char *locks, const struct refresh_use *use, struct refresh **ret)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));

	if (!refresh)
		return -ENOMEM;
	refresh->loop = loop;
	refresh->upstream = upstream;
	refresh->store = store;
	refresh->locks = locks;
	refresh->use = *use;
	timer_arm(loop, &refresh->timer, 0, on_timer);
	*ret = refresh;
	return 0;
}

void refresh_free(struct refresh *refresh)
{
	if (!refresh)
		return;
	timer_disarm(&refresh->timer);
	timer_disarm(&refresh->sweep);
	on_sweep(&refresh->sweep);
	for (struct job *job; (job = refresh->jobs);) {
		refresh->jobs = job->next;
		job_free(job);
	}
	for (struct refused *one; (one = refresh->refused);) {
		refresh->refused = one->next;
		free(one);
	}
	free(refresh);
}
