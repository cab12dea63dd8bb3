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
		int r = dest_parse(list->item[i], &options->rule[options->n_rules].dest, why);

		if (r)
			return r;
		options->rule[options->n_rules++].allow = allow;
	}
	return 0;
}

/* Where CMD begins: behind "--", or at the first word that is no option and no value of one. */
static int find_cmd(char **argv)
{
	int i = 1;

	while (argv[i] && *argv[i] == '-') {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		if ((!strcmp(argv[i], "--allow") || !strcmp(argv[i], "--deny") ||
		     !strcmp(argv[i], "--name")) &&
		    argv[i + 1])
			i++;
		i++;
	}
	return i;
}

int options_parse(int argc, char **argv, struct exec_options *ret, struct problem *why)
{
	struct cli_list allow = { .n = 0 }, deny = { .n = 0 };
	const struct cli_option options[] = {
		{ "allow", "DEST", "open a destination; may be repeated", CLI_LIST, &allow },
		{ "deny", "DEST", "close one, whatever is allowed; may be repeated", CLI_LIST,
		  &deny },
		{ "name", "NAME", "what the guard is called (exec-PID)", CLI_STRING, &ret->name },
		{ "no-ask", NULL, "print refusals, ask nothing", CLI_FLAG, &ret->no_ask },
		{ "json", NULL, "the summary as JSON, the last line on standard error", CLI_FLAG,
		  &ret->json },
		{},
	};
	int cmd = find_cmd(argv), r;
	_cleanup_free_ char **ours = calloc(cmd + 2, sizeof(*ours));

	(void)argc;
	if (!ours)
		return -ENOMEM;
	memcpy(ours, argv, cmd * sizeof(*ours)); /* cli_parse() moves words: CMD's stay put */
	r = cli_parse(cmd, ours, options, 0, 0);
	if (r < 0)
		return r;
	r = add_rules(ret, &allow, true, why);
	if (!r)
		r = add_rules(ret, &deny, false, why);
	if (!r && ret->name)
		r = guard_name_check(ret->name, why);
	if (r)
		return r;
	if (!argv[cmd] || !*argv[cmd])
		return problem(why, -EINVAL, "which command? terok-bpfd exec [OPTIONS] -- CMD");
	ret->argv = argv + cmd;
	return 0;
}
