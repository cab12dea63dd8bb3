// SPDX-License-Identifier: Apache-2.0
#include "person.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

struct person person;
static int stream, calls;

void person_comes(void)
{
	session_helper("echo ran >>ran; exit 1");
	session_hub();
	stream = session_subscribe();
	calls = session_dial(session.clients);
}

static void copy(char *ret, size_t size, struct json_object *from, const char *key)
{
	const char *text = json_text(from, key);

	assert_non_null(text);
	snprintf(ret, size, "%s", text);
}

void person_hears(const char *type)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	const char *text = session_heard(stream);
	struct json_object *event;

	if (json_parse(text, strlen(text), &root))
		fail_msg("no event: %s", text);
	event = json_member(json_member(root, "parameters", json_type_object), "event",
			    json_type_object);
	assert_non_null(event);
	if (strcmp(json_text(event, "type"), type))
		fail_msg("%s, not %s", text, type);
	if (strcmp(type, "connection_blocked"))
		return;
	copy(person.request_id, sizeof(person.request_id), event, "request_id");
	copy(person.container, sizeof(person.container), event, "container");
	copy(person.dest, sizeof(person.dest), event, "dest");
	snprintf(person.dossier, sizeof(person.dossier), "%s",
		 json_object_to_json_string_ext(json_member(event, "dossier", json_type_object),
						JSON_C_TO_STRING_NOSLASHESCAPE));
}

void person_answers(const char *action, const char *reply)
{
	char frame[2048];

	snprintf(frame, sizeof(frame),
		 "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"%s\","
		 "\"request_id\":\"%s\",\"dest\":\"%s\",\"action\":\"%s\"}}",
		 person.container, person.request_id, person.dest, action);
	session_ask(calls, frame, reply);
}

void person_is_unknown(void)
{
	char reply[256];

	snprintf(reply, sizeof(reply),
		 "{\"error\":\"" CLEARANCE
		 ".UnknownRequest\",\"parameters\":{\"request_id\":\"%s\"}}",
		 person.request_id);
	person_answers("allow", reply);
}

void person_ran_no_shield(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ran", session.folder);
	assert_int_not_equal(access(path, F_OK), 0);
}
