// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "service/audit_line.h"

struct audit {
	struct audit_file *file;
	struct json json; /* of the last line, whose memory the next one has */
	time_t second;    /* of when */
	char when[32];
};

int audit_new(struct loop *loop, const char *path, struct audit **ret)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int r = audit ? audit_file_new(loop, path, &audit->file) : -ENOMEM;

	if (r) {
		free(audit);
		return r;
	}
	audit->second = -1;
	*ret = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	audit_file_free(audit->file);
	json_free(&audit->json);
	free(audit);
}

/* The same for a second, as most lines of it are. */
static const char *when(struct audit *audit)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != audit->second)
		strftime(audit->when, sizeof(audit->when), "%Y-%m-%dT%H:%M:%SZ",
			 gmtime_r(&now, &tm));
	audit->second = now;
	return audit->when;
}

static void add_text(struct json *json, const char *key, const char *value)
{
	if (value && *value)
		json_add_string(json, key, value);
	else
		json_add_null(json, key);
}

void audit_request(struct audit *audit, const struct audit_request *request)
{
	const struct token *token = request->token;
	struct json *json;

	if (!audit)
		return;
	json = &audit->json;
	json_reset(json);
	json_open_object(json, NULL);
	json_add_string(json, "ts", when(audit));
	add_text(json, "scope", token ? token->project : NULL);
	add_text(json, "subject", token ? token->task : NULL);
	add_text(json, "credential_set", token ? token->set : NULL);
	add_text(json, "provider", token ? token->provider : NULL);
	json_add_string(json, "method", request->method);
	json_add_bytes(json, "path", request->path, strcspn(request->path, "?"));
	json_add_uint(json, "status", request->status);
	json_add_string(json, "outcome", request->outcome);
	json_add_uint(json, "duration_ms", request->took_ns / 1000000);
	json_close_object(json);
	if (json_done(json))
		audit_file_add(audit->file, json->text, json->n);
	else
		audit_file_lost(audit->file, -ENOMEM);
}
