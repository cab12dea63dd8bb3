// SPDX-License-Identifier: Apache-2.0
/* verb_state.c - terok-bpfd up, down, block, bypass: one word in the kernel, read back */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "audit.h"
#include "caller.h"
#include "control.h"
#include "deed.h"
#include "flows.h"
#include "guard.h"
#include "verbs.h"
#include "terok/names.h"

/* The words that readers of these lines know. */
static void state_note(const struct guard *guard, enum terok_state state)
{
	struct audit_deed deed = { .action = state == TEROK_STATE_UP      ? "shield_up"
					     : state == TEROK_STATE_BLOCK ? "shield_block"
									  : "shield_down",
				   .detail = state == TEROK_STATE_DOWN_ALL ? "allow_all=True"
									   : NULL,
				   .uid = caller_uid() };

	audit_deed(&guard->info, &deed);
}

static int read_back(const struct kernel *kernel, uint32_t id, struct guard *ret,
		     struct problem *why)
{
	int r = guard_get(kernel, id, ret);

	return r ? problem(why, r, "guard %u was changed, but cannot be read: %s", id, strerror(-r))
		 : 0;
}

int deed_state(const struct control_deed *deed)
{
	enum terok_state state = deed->state;
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_json_ struct json out = {};
	struct problem why = {};
	struct guard before, after;
	unsigned ended;
	int r = verb_open(deed->guard, &kernel, &before);

	if (r)
		return r;
	r = guard_set_state_as(kernel, before.id, state, caller_scope(), &why);
	if (!r)
		r = read_back(kernel, before.id, &after, &why);
	if (!r && after.state != state)
		r = problem(&why, -EIO, "guard %u: the kernel says %s, not %s", before.id,
			    terok_state_name(after.state), terok_state_name(state));
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	ended = deed->keep ? 0 : flows_end_said(kernel, before.id, FLOWS_REFUSED);
	state_note(&after, state);
	control_notify(before.id);
	if (!deed->json) {
		printf("guard %u (%s): %s -> %s", after.id, after.info.name,
		       terok_state_name(before.state), terok_state_name(after.state));
		printf(ended ? ", %u connection%s ended\n" : "\n", ended, ended == 1 ? "" : "s");
		return 0;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", after.id);
	json_add_string(&out, "name", after.info.name);
	json_add_string(&out, "before", terok_state_name(before.state));
	json_add_string(&out, "state", terok_state_name(after.state));
	json_add_uint(&out, "flows_ended", ended);
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
	return 0;
}

static void bypass_print(const struct guard *guard, uint64_t seconds, bool json)
{
	_cleanup_json_ struct json out = {};

	if (!json && seconds)
		printf("guard %u (%s): open for %llu s, then %s again; denies and private ranges "
		       "hold\n",
		       guard->id, guard->info.name, (unsigned long long)seconds,
		       terok_state_name(guard->value.state));
	else if (!json)
		printf("guard %u (%s): no bypass; state %s\n", guard->id, guard->info.name,
		       terok_state_name(guard->state));
	if (!json)
		return;
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	json_add_string(&out, "state", terok_state_name(guard->state));
	json_add_uint(&out, "bypass_until_ns", guard->value.bypass_ns);
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
}

int deed_bypass(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	uint64_t until_ns = deed->seconds ? now_boot_ns() + deed->seconds * SECOND_NS : 0;
	struct problem why = {};
	struct guard guard;
	char detail[32] = "off";
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = guard_set_bypass(kernel, guard.id, until_ns, &why);
	if (!r)
		r = read_back(kernel, guard.id, &guard, &why);
	if (r)
		return verb_fail(r, &why);
	if (until_ns)
		snprintf(detail, sizeof(detail), "for=%llu", (unsigned long long)deed->seconds);
	audit_deed(&guard.info, &(struct audit_deed){ .action = "shield_bypass",
						      .detail = detail,
						      .uid = caller_uid() });
	if (!until_ns && !deed->keep)
		flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	control_notify(guard.id);
	bypass_print(&guard, deed->seconds, deed->json);
	return 0;
}

int verb_bypass(int argc, char **argv)
{
	const char *duration = NULL;
	bool off = false, keep = false, json = false;
	const struct cli_option options[] = {
		{ "for", "TIME", "for so long: 90, 90s, 10m, 2h, 1d", CLI_STRING, &duration },
		{ "off", NULL, "end the window now", CLI_FLAG, &off },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct control_deed deed;
	uint64_t seconds = 0;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (!duration == !off)
		r = problem(&why, -EINVAL, "bypass needs either --for TIME or --off");
	else if (duration)
		r = duration_parse(duration, &seconds, &why);
	else
		r = 0;
	if (!r)
		r = deed_init(&deed, DEED_BYPASS, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	deed.seconds = seconds;
	deed.keep = keep;
	deed.json = json;
	return deed_do(&deed);
}

static int state_verb(int argc, char **argv, enum terok_state state)
{
	bool json = false, all = false, keep = false;
	/* only down has --all: it is first, and the other verbs begin behind it */
	const struct cli_option options[] = {
		{ "all", NULL, "private ranges too", CLI_FLAG, &all },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct control_deed deed;
	int r = cli_parse(argc, argv, options + (state != TEROK_STATE_DOWN), 1, 1);

	if (r < 0)
		return r;
	r = deed_init(&deed, DEED_STATE, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	deed.state = all ? TEROK_STATE_DOWN_ALL : state;
	deed.keep = keep;
	deed.json = json;
	return deed_do(&deed);
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
