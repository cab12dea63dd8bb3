// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "service/audit_line.h"

static void refs_write(struct json *json, const struct audit_deed *deed)
{
	json_open_array(json, "refs");
	for (unsigned i = 0; i < deed->n_refs; i++) {
		const struct audit_ref *ref = &deed->ref[i];

		json_open_object(json, NULL);
		json_add_string(json, "ref", ref->name ?: "");
		json_add_string(json, "old", ref->old ?: "");
		json_add_string(json, "new", ref->new ?: "");
		if (ref->result)
			json_add_string(json, "result", ref->result);
		else
			json_add_null(json, "result");
		json_close_object(json);
	}
	json_close_array(json);
	if (deed->more_refs)
		json_add_uint(json, "more_refs", deed->more_refs);
}

static const char *line(struct json *json, const struct audit_deed *deed)
{
	char shown[TOKEN_SIZE];

	json_open_object(json, NULL);
	audit_time(json);
	json_add_string(json, "what", deed->what);
	json_add_string(json, "project", deed->project);
	json_add_string(json, "task", deed->token->task);
	json_add_string(json, "container", deed->container ?: deed->token->container);
	json_add_string(json, "token", token_shown(deed->token->text, shown));
	json_add_string(json, "outcome", deed->outcome);
	json_add_uint(json, "in", deed->in);
	json_add_uint(json, "out", deed->out);
	json_add_uint(json, "ms", deed->took_ns / 1000000);
	if (!strcmp(deed->what, "push"))
		refs_write(json, deed);
	json_close_object(json);
	return json_done(json);
}

int audit_note(const char *path, const struct audit_deed *deed, struct problem *why)
{
	_cleanup_json_ struct json json = {};
	const char *written = line(&json, deed);
	int r = written ? audit_line(path, written) : -ENOMEM;

	return r ? problem(why, r, "a %s of %s is not noted in %s: %s", deed->what, deed->project,
			   path, strerror(-r))
		 : 0;
}
