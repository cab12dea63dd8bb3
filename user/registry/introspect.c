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
#include "service/multi.h"

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
	struct multi multi;
	char *url, *ca_file;
	struct introspection *all;
	unsigned n;
};

/* --- how they end ---------------------------------------------------------------------- */

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
		curl_multi_remove_handle(introspect->multi.handle, introspection->easy);
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

static void ended(void *mine, CURLcode result)
{
	over(mine, result);
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
	    curl_multi_add_handle(introspect->multi.handle, introspection->easy)) {
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
	introspect = calloc(1, sizeof(*introspect));
	if (!introspect)
		return problem(why, -ENOMEM, "no memory");
	introspect->url = strdup(url);
	introspect->ca_file = ca_file ? strdup(ca_file) : NULL;
	if (!introspect->url || (ca_file && !introspect->ca_file) ||
	    multi_init(&introspect->multi, loop, ended)) {
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
	multi_done(&introspect->multi);
	free(introspect->url);
	free(introspect->ca_file);
	free(introspect);
}
