// SPDX-License-Identifier: Apache-2.0
#include "annotation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct parser {
	struct annotation *to;
	const char *gateway[ATTACH_PORTS_MAX], *host_ports; /* into its text */
	unsigned gateways;
};

/* PORT:PORT */
static int ports_each(char *list, int (*fn)(struct attach_plan *, const char *, struct problem *),
		      struct attach_plan *plan, struct problem *why)
{
	char *save, *one = strtok_r(list, ":", &save);
	int r = one ? 0 : problem(why, -EINVAL, "a port is missing");

	for (; !r && one; one = strtok_r(NULL, ":", &save))
		r = fn(plan, one, why);
	return r;
}

static int gateway_add(struct parser *parser, const char *addr, struct problem *why)
{
	if (parser->gateways == sizeof(parser->gateway) / sizeof(parser->gateway[0]))
		return problem(why, -EINVAL, "too many gateways");
	parser->gateway[parser->gateways++] = addr;
	return 0;
}

static int option_parse(struct parser *parser, const char *key, char *value, struct problem *why)
{
	struct attach_plan *plan = &parser->to->plan;

	if (!strcmp(key, "publish"))
		return ports_each(value, attach_plan_port, plan, why);
	if (!strcmp(key, "resolver"))
		return attach_plan_resolver(plan, value, why);
	if (!strcmp(key, "gateway"))
		return gateway_add(parser, value, why);
	if (!strcmp(key, "names") && !plan->names) {
		uint16_t unused;

		plan->names = value;
		return attach_names_parse(value, &unused, why);
	}
	if (!strcmp(key, "profiles") && !plan->profiles) {
		plan->profiles = value;
		return 0;
	}
	if (!strcmp(key, "host-ports") && !parser->host_ports) {
		parser->host_ports = value;
		return 0;
	}
	return problem(
	    why, -EINVAL,
	    "none of profiles, publish, host-ports, names, resolver, gateway, or said twice");
}

static int word_parse(struct parser *parser, char *word, bool first, struct problem *why)
{
	char *value = strchr(word, '=');

	if (value) {
		*value = '\0';
		return option_parse(parser, word, value + 1, why);
	}
	if (!first)
		return problem(why, -EINVAL, "a state stands before all else");
	if (!strcmp(word, "1") || !strcmp(word, "true"))
		return 0;
	parser->to->state_said = true;
	return attach_state_parse(word, &parser->to->state, why);
}

/* Every port at every gateway, known when all words are read. */
static int host_ports_apply(struct parser *parser, struct problem *why)
{
	struct attach_plan *plan = &parser->to->plan;
	char list[ANNOTATION_MAX], *save;
	int r = 0;

	if (!parser->host_ports)
		return parser->gateways
			   ? problem(why, -EINVAL,
				     "gateway= says where host-ports= are: name a port")
			   : 0;
	snprintf(list, sizeof(list), "%s", parser->host_ports);
	if (!*list)
		return problem(why, -EINVAL, "host-ports=: a port is missing");
	for (char *one = strtok_r(list, ":", &save); !r && one; one = strtok_r(NULL, ":", &save)) {
		r = attach_plan_host_port(plan, ATTACH_PASTA_MAP, one, why);
		for (unsigned i = 0; !r && i < parser->gateways; i++)
			r = attach_plan_host_port(plan, parser->gateway[i], one, why);
	}
	return r;
}

int annotation_parse(const char *text, struct annotation *ret, struct problem *why)
{
	struct parser parser = { .to = ret };
	struct problem wrong = {};
	char *save, shown[80];
	int r = 0;

	*ret = (struct annotation){ .state = TEROK_STATE_UP };
	if (strlen(text) >= sizeof(ret->text))
		return problem(why, -EINVAL, "annotation " ANNOTATION_KEY " is too long");
	strcpy(ret->text, text);
	for (char *word = strtok_r(ret->text, " ", &save), *first = word; !r && word;
	     word = strtok_r(NULL, " ", &save)) {
		snprintf(shown, sizeof(shown), "%s", word);
		r = word_parse(&parser, word, word == first, &wrong);
	}
	if (r)
		return problem(why, -EINVAL, "annotation " ANNOTATION_KEY ", '%s': %.140s", shown,
			       wrong.text);
	r = host_ports_apply(&parser, &wrong);
	return r ? problem(why, r, "annotation " ANNOTATION_KEY ": %.180s", wrong.text) : 0;
}
