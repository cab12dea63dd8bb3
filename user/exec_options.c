// SPDX-License-Identifier: Apache-2.0
#include "exec_options.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "guard.h"
#include "terok/abi.h"

static int add_rules(struct exec_options *options, const struct cli_list *list, bool allow,
		     struct problem *why)
{
	for (unsigned i = 0; i < list->n; i++) {
		const char *text = list->item[i];
		struct profile_entry entry;
		int r = *text == '!' ? problem(why, -EINVAL, "'!' is for profiles: say --deny")
				     : profile_entry_parse(text, &entry, why);

		if (r)
			return r;
		memcpy(options->rule[options->n_rules].domain, entry.domain, sizeof(entry.domain));
		options->rule[options->n_rules].dest = entry.dest;
		options->rule[options->n_rules++].allow = allow;
	}
	return 0;
}

/* Does the word behind this one belong to it? */
static bool takes_value(const struct cli_option *options, const char *word)
{
	for (; options->name; options++)
		if (options->arg && !strcmp(word + 2, options->name))
			return true;
	return false;
}

/* Where CMD begins: behind "--", or at the first word that is no option and no value of one. */
static int find_cmd(char **argv, const struct cli_option *options)
{
	int i = 1;

	while (argv[i] && *argv[i] == '-') {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (!strncmp(argv[i], "--", 2) && takes_value(options, argv[i]) && argv[i + 1])
			i++;
		i++;
	}
	return i;
}

static int parse(char **argv, const struct cli_option *options, struct exec_options *ret)
{
	int cmd = find_cmd(argv, options), r;
	_cleanup_free_ char **ours = calloc(cmd + 2, sizeof(*ours));

	if (!ours)
		return -ENOMEM;
	memcpy(ours, argv, cmd * sizeof(*ours)); /* cli_parse() moves words: CMD's stay put */
	ret->argv = argv + cmd;
	r = cli_parse(cmd, ours, options, 0, 0);
	return r < 0 ? r : 0;
}

static int check(const char *verb, const struct exec_options *options, struct problem *why)
{
	int r = options->name ? guard_name_check(options->name, why) : 0;

	if (!r && (!options->argv[0] || !*options->argv[0]))
		r = problem(why, -EINVAL, "which command? terok-bpfd %s [OPTIONS] -- CMD", verb);
	return r;
}

int options_parse(int argc, char **argv, struct exec_options *ret, struct problem *why)
{
	struct cli_list allow = { .n = 0 }, deny = { .n = 0 };
	const struct cli_option options[] = {
		{ "allow", "DEST", "open an address or domain; repeatable", CLI_LIST, &allow },
		{ "deny", "DEST", "close one, whatever is allowed; repeatable", CLI_LIST, &deny },
		{ "name", "NAME", "what the guard is called (exec-PID)", CLI_STRING, &ret->name },
		{ "no-ask", NULL, "print refusals, ask nothing", CLI_FLAG, &ret->no_ask },
		{ "json", NULL, "the summary as JSON, the last line on standard error", CLI_FLAG,
		  &ret->json },
		{},
	};
	int r = parse(argv, options, ret);

	(void)argc;
	ret->state = TEROK_STATE_UP;
	if (!r)
		r = add_rules(ret, &allow, true, why);
	if (!r)
		r = add_rules(ret, &deny, false, why);
	return r ? r : check("exec", ret, why);
}

/* Their addresses: those that no range opens, because whoever reaches them gets keys. */
static int add_metadata(struct exec_options *options, struct problem *why)
{
	static const struct cli_list services = { .item = { "169.254.169.254", "fd00:ec2::254" },
						  .n = 2 };

	return add_rules(options, &services, true, why);
}

int learn_options_parse(int argc, char **argv, struct exec_options *ret, struct problem *why)
{
	struct cli_list deny = { .n = 0 };
	bool private = false;
	const struct cli_option options[] = {
		{ "deny", "DEST", "close a destination all the same; may be repeated", CLI_LIST,
		  &deny },
		{ "private", NULL, "open private ranges and metadata services too", CLI_FLAG,
		  &private },
		{ "name", "NAME", "what the guard is called (exec-PID)", CLI_STRING, &ret->name },
		{ "json", NULL, "one JSON object", CLI_FLAG, &ret->json },
		{},
	};
	int r = parse(argv, options, ret);

	(void)argc;
	ret->notes = true;
	ret->state = private ? TEROK_STATE_DOWN_ALL : TEROK_STATE_DOWN;
	if (!r)
		r = add_rules(ret, &deny, false, why);
	if (!r && private)
		r = add_metadata(ret, why);
	return r ? r : check("learn-session", ret, why);
}
