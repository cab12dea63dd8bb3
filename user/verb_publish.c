// SPDX-License-Identifier: Apache-2.0
/* verb_publish.c - terok-bpfd publish: a port that the outside may reach */
#include <stdio.h>

#include "base/cli.h"
#include "base/json.h"
#include "audit.h"
#include "caller.h"
#include "deed.h"
#include "flows.h"
#include "guard.h"
#include "policy.h"
#include "rule_text.h"
#include "verbs.h"

static void publish_print(const struct guard *guard, const struct publish *port, bool remove,
			  unsigned ended, bool as_json)
{
	_cleanup_json_ struct json json = {};
	char proto[8];

	if (!as_json) {
		printf("guard %u (%s): port %u/%s %s\n", guard->id, guard->info.name, port->port,
		       proto_name(port->proto, proto),
		       remove ? "is no longer published" : "is published");
		if (ended)
			printf("%u connection%s ended\n", ended, ended == 1 ? "" : "s");
		return;
	}
	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", guard->id);
	json_add_string(&json, "name", guard->info.name);
	json_add_uint(&json, "port", port->port);
	json_add_string(&json, "proto", proto_name(port->proto, proto));
	json_add_bool(&json, "published", !remove);
	json_add_uint(&json, "flows_ended", ended);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

int deed_publish(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct publish port = { .port = deed->port, .proto = deed->proto };
	struct problem why = {};
	struct guard guard;
	unsigned ended = 0;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = policy_publish(kernel, guard.id, &port, !deed->remove, &why);
	if (r)
		return verb_fail(r, &why);
	if (deed->remove && !deed->keep)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	audit_deed(
	    &guard.info,
	    &(struct audit_deed){ .action = deed->remove ? "unpublished" : "published",
				  .dest = &(struct dest){ .port = port.port, .proto = port.proto },
				  .uid = caller_uid() });
	publish_print(&guard, &port, deed->remove, ended, deed->json);
	return 0;
}

int verb_publish(int argc, char **argv)
{
	bool remove = false, keep = false, json = false;
	const struct cli_option options[] = {
		{ "remove", NULL, "publish it no longer", CLI_FLAG, &remove },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct publish port;
	struct control_deed deed;
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	r = publish_port_parse(argv[2], &port, &why);
	if (!r)
		r = deed_init(&deed, DEED_PUBLISH, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	deed.port = port.port;
	deed.proto = port.proto;
	deed.remove = remove;
	deed.keep = keep;
	deed.json = json;
	return deed_do(&deed);
}
