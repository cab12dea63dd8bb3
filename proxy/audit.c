// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "base/json.h"
#include "service/audit_line.h"

static void add_text(struct json *json, const char *key, const char *value)
{
	if (value && *value)
		json_add_string(json, key, value);
	else
		json_add_null(json, key);
}

int audit_request(const char *path, const struct audit_request *request)
{
	const struct token *token = request->token;
	_cleanup_json_ struct json json = {};
	time_t now = time(NULL);
	const char *text;
	char when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_open_object(&json, NULL);
	json_add_string(&json, "ts", when);
	add_text(&json, "scope", token ? token->project : NULL);
	add_text(&json, "subject", token ? token->task : NULL);
	add_text(&json, "credential_set", token ? token->set : NULL);
	add_text(&json, "provider", token ? token->provider : NULL);
	json_add_string(&json, "method", request->method);
	json_add_bytes(&json, "path", request->path, strcspn(request->path, "?"));
	json_add_uint(&json, "status", request->status);
	json_add_string(&json, "outcome", request->outcome);
	json_add_uint(&json, "duration_ms", request->took_ns / 1000000);
	json_close_object(&json);
	text = json_done(&json);
	return text ? audit_line(path, text) : -ENOMEM;
}
