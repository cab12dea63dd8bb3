// SPDX-License-Identifier: Apache-2.0
/* verb_state.c - terok-bpfd up, down, block: one word in the kernel, read back */
#include <errno.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "control.h"
#include "guard.h"
#include "verbs.h"
#include "terok/names.h"

static int state_change(const char *text, enum terok_state state, bool json)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_json_ struct json out = {};
	struct problem why = {};
	struct guard before, after;
	int r = verb_open(text, &kernel, &before);

	if (r)
		return r;
	r = guard_set_state(kernel, before.id, state, &why);
	if (!r)
		r = guard_get(kernel, before.id, &after);
	if (!r && after.state != state)
		r = problem(&why, -EIO, "guard %u: the kernel says %s, not %s", before.id,
			    terok_state_name(after.state), terok_state_name(state));
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	control_notify(before.id);
	if (!json) {
		printf("guard %u (%s): %s -> %s\n", after.id, after.info.name,
		       terok_state_name(before.state), terok_state_name(after.state));
		return 0;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", after.id);
	json_add_string(&out, "name", after.info.name);
	json_add_string(&out, "before", terok_state_name(before.state));
	json_add_string(&out, "state", terok_state_name(after.state));
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
	return 0;
}

static int state_verb(int argc, char **argv, enum terok_state state)
{
	bool json = false, all = false;
	/* only down has --all: it is first, and the other verbs begin behind it */
	const struct cli_option options[] = {
		{ "all", NULL, "private ranges too", CLI_FLAG, &all },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options + (state != TEROK_STATE_DOWN), 1, 1);

	if (r < 0)
		return r;
	return state_change(argv[1], all ? TEROK_STATE_DOWN_ALL : state, json);
}

int verb_up(int argc, char **argv)
{
	return state_verb(argc, argv, TEROK_STATE_UP);
}

int verb_down(int argc, char **argv)
{
	return state_verb(argc, argv, TEROK_STATE_DOWN);
}

int verb_block(int argc, char **argv)
{
	return state_verb(argc, argv, TEROK_STATE_BLOCK);
}
