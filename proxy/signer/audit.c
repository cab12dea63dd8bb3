// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "service/audit_line.h"

#define SHOWN 64 /* characters of a text that a client chose */

static const char *shown(char buf[static SHOWN + 1], struct span text)
{
	return sanitise(buf, SHOWN, (const char *)text.at, text.n);
}

static struct span host_of(const struct deed *deed)
{
	return deed->bound ? span_of(deed->bound->host, deed->bound->host_n) : deed->purpose.host;
}

const char *deed_text(const struct deed *deed, char *buf, size_t size)
{
	char name[SHOWN + 1], fingerprint[KEY_FINGERPRINT] = "";
	struct span host = host_of(deed);

	switch (deed->purpose.kind) {
	case PURPOSE_LOGIN:
		if (host.n)
			key_fingerprint(host, fingerprint);
		snprintf(buf, size, "a login as %s at %s%s%s%s", shown(name, deed->purpose.user),
			 deed->to ? deed->to->host
			 : host.n ? "the host "
				  : "a host that was not told",
			 deed->to ? " (" : "", fingerprint, deed->to ? ")" : "");
		break;
	case PURPOSE_TEXT:
		snprintf(buf, size, "a signed text for %s", shown(name, deed->purpose.name));
		break;
	case PURPOSE_UNKNOWN: snprintf(buf, size, "%zu bytes of no known kind", deed->size); break;
	}
	return buf;
}

static void purpose_add(struct json *json, const struct deed *deed)
{
	struct span host = host_of(deed);
	char text[SHOWN + 1], fingerprint[KEY_FINGERPRINT];

	json_add_string(json, "purpose", purpose_word(&deed->purpose));
	if (deed->purpose.kind == PURPOSE_LOGIN)
		json_add_string(json, "user", shown(text, deed->purpose.user));
	if (deed->purpose.kind == PURPOSE_LOGIN && deed->to)
		json_add_string(json, "host", deed->to->host);
	if (deed->purpose.kind == PURPOSE_LOGIN && host.n) {
		key_fingerprint(host, fingerprint);
		json_add_string(json, "host_key", fingerprint);
		json_add_bool(json, "host_proved", deed->bound);
	}
	if (deed->purpose.kind == PURPOSE_TEXT)
		json_add_string(json, "namespace", shown(text, deed->purpose.name));
	json_add_uint(json, "bytes", deed->size);
}

static const char *line(struct json *json, const struct deed *deed)
{
	json_open_object(json, NULL);
	audit_time(json);
	json_add_string(json, "what", "sign");
	json_add_string(json, "project", deed->project);
	json_add_string(json, "task", deed->task);
	json_add_string(json, "container", deed->container);
	json_add_string(json, "token", deed->token);
	if (*deed->peer)
		json_add_string(json, "peer", deed->peer);
	json_add_string(json, "key", deed->held ? deed->held->key->fingerprint : "");
	json_add_string(json, "comment", deed->held ? deed->held->comment : "");
	purpose_add(json, deed);
	json_add_bool(json, "confirmed", deed->confirmed);
	json_add_string(json, "outcome", deed->outcome);
	if (deed->why)
		json_add_string(json, "why", deed->why);
	json_close_object(json);
	return json_done(json);
}

static void put(const char *path, const char *text)
{
	static bool failed;
	int r = text ? audit_line(path, text) : -ENOMEM;

	if (r && !failed)
		log_error(r, "what is signed is not noted in %s", path);
	failed = r;
}

/* What was not signed takes no line's place: when half of the file is full, it has one of its own. */
static void put_refused(const char *path, const char *text)
{
	_cleanup_free_ char *other = NULL;
	struct stat st;

	if (stat(path, &st) || st.st_size < AUDIT_SIZE / 2) {
		put(path, text);
	} else if (asprintf(&other, "%s" AUDIT_REFUSED, path) < 0) {
		other = NULL;
		put(path, NULL);
	} else {
		put(other, text);
	}
}

void audit_sign(const char *path, const struct deed *deed)
{
	_cleanup_json_ struct json json = {};

	if (path && strcmp(deed->outcome, "signed"))
		put_refused(path, line(&json, deed));
	else if (path)
		put(path, line(&json, deed));
}

void audit_left_out(const char *path, const struct deed *deed, uint64_t n)
{
	_cleanup_json_ struct json json = {};

	if (!path)
		return;
	json_open_object(&json, NULL);
	audit_time(&json);
	json_add_string(&json, "what", "sign");
	json_add_string(&json, "project", deed->project);
	json_add_string(&json, "task", deed->task);
	json_add_string(&json, "container", deed->container);
	json_add_string(&json, "outcome", "refused");
	json_add_uint(&json, "left_out", n);
	json_close_object(&json);
	put_refused(path, json_done(&json));
}
