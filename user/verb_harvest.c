// SPDX-License-Identifier: Apache-2.0
/*
 * verb_harvest.c - terok-bpfd harvest: a profile of what a guard was refused
 *
 * Every refusal in its audit files is put to its present rules once more: what would not be
 * refused any more, or is denied on purpose, is left out. A guard that is gone has no rules;
 * its lines are found by its name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit_read.h"
#include "caller.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "domains.h"
#include "explain.h"
#include "guard.h"
#include "guard_dir.h"
#include "harvest.h"
#include "verbs.h"

struct reaper {
	struct harvest harvest;
	const char *text;             /* what the person called it */
	char since[HARVEST_WHEN_LEN]; /* lines before are passed over; "": none */
	bool gone;                    /* there is no such guard; what follows is empty */
	unsigned lines;               /* of a guard that is gone: any at all */
	struct guard guard;
	struct kernel *kernel;
	struct terok_guard value; /* its word, as if it were up */
	struct domain_rule *domain;
	int n_domains;
};

/* --- what the guard's rules say now -------------------------------------------------------- */

static bool domain_covers(const char *rule, const char *domain)
{
	size_t n = strlen(domain), m = strlen(rule + 2);

	if (strncmp(rule, "*.", 2))
		return !strcmp(rule, domain);
	return n >= m && !strcmp(domain + n - m, rule + 2) && (n == m || domain[n - m - 1] == '.');
}

/* A name alone is refused only where no rule at all allows it, and denied only as a whole. */
static bool port_covers(const struct domain_rule *rule, const struct dest *dest)
{
	if (!dest->port && !dest->proto)
		return rule->value.action == TEROK_ALLOW || (!rule->dest.port && !rule->dest.proto);
	return (!rule->dest.port || rule->dest.port == dest->port) &&
	       (!rule->dest.proto || rule->dest.proto == dest->proto);
}

static enum harvest_left domains_say(const struct reaper *reaper, const struct harvest_wish *wish)
{
	enum harvest_left said = HARVEST_LEFT_MAX_;
	char domain[PROFILE_DOMAIN_LEN];

	if (!wish->domain || !harvest_domain(wish->domain, domain))
		return said;
	for (int i = 0; i < reaper->n_domains; i++) {
		const struct domain_rule *rule = &reaper->domain[i];

		if (!domain_covers(rule->domain, domain) || !port_covers(rule, &wish->dest))
			continue;
		if (rule->value.action == TEROK_DENY)
			return HARVEST_DENIED;
		if (!rule->value.until_ns) /* one that ends is no part of a profile */
			said = HARVEST_ALLOWED;
	}
	return said;
}

static enum harvest_left address_says(const struct reaper *reaper, const struct harvest_wish *wish)
{
	struct explanation now;

	if (!wish->dest.bits)
		return HARVEST_LEFT_MAX_;
	now = explain_dest(reaper->kernel, &reaper->value, &wish->dest);
	if (now.reason == TEROK_REASON_RULE_DENY)
		return HARVEST_DENIED;
	if (now.action != TEROK_ALLOW || (now.by_rule && now.rule.value.until_ns))
		return HARVEST_LEFT_MAX_;
	return HARVEST_ALLOWED;
}

static enum harvest_left rules_say(const struct reaper *reaper, const struct harvest_wish *wish)
{
	enum harvest_left name = domains_say(reaper, wish), address = address_says(reaper, wish);

	return name == HARVEST_LEFT_MAX_ || address == HARVEST_DENIED ? address : name;
}

/* --- lines ------------------------------------------------------------------------------- */

static int line_take(const char *text, struct json_object *line, void *user)
{
	struct reaper *reaper = user;
	struct harvest *harvest = &reaper->harvest;
	struct harvest_wish wish;
	enum harvest_left left;

	(void)text;
	if (!line) {
		/* in other guards' files it is none of ours */
		harvest->left[HARVEST_UNREADABLE] += !reaper->gone;
		return 0;
	}
	if (reaper->gone && !audit_line_is_of(line, reaper->text))
		return 0;
	reaper->lines++;
	if (strcmp(audit_line_text(line, "ts"), reaper->since) < 0)
		return 0;
	if (harvest_line(line, &wish, &left)) {
		if (!reaper->gone)
			left = rules_say(reaper, &wish);
		else if (!strcmp(audit_line_text(line, "reason"), "rule_deny"))
			left = HARVEST_DENIED;
		if (left == HARVEST_LEFT_MAX_)
			return harvest_add(harvest, &wish);
	}
	if (left != HARVEST_LEFT_MAX_)
		harvest->left[left]++;
	return 0;
}

/* What is there is asked of the kernel; what is not, or cannot be, is looked for in the files. */
static int guard_look(struct reaper *reaper, struct problem *why)
{
	int r = kernel_open(&reaper->kernel, why);

	if (!r)
		r = guard_find(reaper->kernel, reaper->text, CALLER_ALL, &reaper->guard, why);
	reaper->gone = r == -ENOENT;
	if (reaper->gone)
		*why = (struct problem){};
	if (r)
		return reaper->gone ? 0 : r;
	r = domains_list(reaper->kernel, reaper->guard.id, &reaper->domain, why);
	if (r < 0 && r != -ENODEV)
		return r;
	reaper->n_domains = r < 0 ? 0 : r;
	if (!guard_dir_room(&reaper->guard.info))
		return problem(why, -EPERM, "guard %u is of exec and keeps nothing",
			       reaper->guard.id);
	reaper->value = reaper->guard.value;
	reaper->value.state = TEROK_STATE_UP; /* what rules say, not what the state lets out */
	reaper->value.bypass_ns = 0;
	return 0;
}

static int since_parse(const char *text, char ret[static HARVEST_WHEN_LEN], struct problem *why)
{
	time_t now = time(NULL);
	uint64_t seconds;
	struct tm utc;
	int r = duration_parse(text, &seconds, why);

	if (r)
		return r;
	now -= seconds;
	strftime(ret, HARVEST_WHEN_LEN, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &utc));
	return 0;
}

static const char *reaper_name(const struct reaper *reaper)
{
	return reaper->gone ? reaper->text : reaper->guard.info.name;
}

static int reaper_print(struct reaper *reaper, bool as_json)
{
	_cleanup_json_ struct json json = {};
	char title[256], name[TEROK_NAME_LEN];
	const char *text;
	int r = harvest_sort(&reaper->harvest);

	if (r)
		return log_error(r, "harvest");
	if (!as_json) {
		snprintf(title, sizeof(title),
			 "proposed by terok-bpfd harvest: what %s was refused%s",
			 log_safe(name, sizeof(name), reaper_name(reaper)),
			 reaper->gone ? " (it is gone: its rules are not known)" : "");
		harvest_print(&reaper->harvest, title, stdout);
		return 0;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "name", reaper_name(reaper));
	json_add_bool(&json, "gone", reaper->gone);
	harvest_json(&reaper->harvest, &json);
	json_close_object(&json);
	text = json_done(&json);
	return text ? (puts(text), 0) : log_error(json.error, "too much for one JSON object");
}

static int reap(struct reaper *reaper, bool as_json, struct problem *why)
{
	uint64_t bad;
	int r = guard_look(reaper, why);

	if (!r)
		r = audit_read(reaper->gone ? NULL : &reaper->guard.info, line_take, reaper);
	if (!r && reaper->gone && !reaper->lines)
		r = problem(why, -ENOENT, "no guard '%.80s', and no audit log of one that was",
			    reaper->text);
	if (r && !*why->text)
		problem(why, r, "read the audit log: %s", strerror(-r));
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, why);
	bad = reaper->harvest.left[HARVEST_UNREADABLE];
	if (bad)
		log_warn(0, "%llu line%s of the audit log cannot be read: passed over",
			 (unsigned long long)bad, bad == 1 ? "" : "s");
	return reaper_print(reaper, as_json);
}

int verb_harvest(int argc, char **argv)
{
	struct reaper reaper = { .harvest = { .at_least = true } };
	const char *since = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "since", "TIME", "of the last 90s, 10m, 2h or 1d only", CLI_STRING, &since },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	reaper.text = argv[1];
	r = since ? since_parse(since, reaper.since, &why) : 0;
	if (r)
		return verb_fail(r, &why);
	r = reap(&reaper, json, &why);
	harvest_done(&reaper.harvest);
	free(reaper.domain);
	kernel_free(reaper.kernel);
	return r;
}
