// SPDX-License-Identifier: Apache-2.0
#include "hook_annotation.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/json.h"
#include "terok/dossier.h"
#include "terok/names.h"

#define GATEWAYS_MAX 64

struct parser {
	struct control_attach *to;
	const char *gateway[GATEWAYS_MAX], *host_ports; /* into its text */
	unsigned gateways;
};

/* --- values ------------------------------------------------------------------------------ */

static int infra_add(struct control_attach *word, const struct dest *dest, struct problem *why)
{
	struct control_dest *to = &word->infra[word->n_infra];

	if (word->n_infra == CONTROL_INFRA)
		return problem(why, -EINVAL, "more than %d resolvers and ports of gateways",
			       CONTROL_INFRA);
	*to = (struct control_dest){ .port = dest->port, .proto = dest->proto };
	memcpy(to->addr, dest->addr, sizeof(to->addr));
	word->n_infra++;
	return 0;
}

static int resolver_add(struct control_attach *word, const char *addr, struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(addr, "resolver", &dest, why);

	dest.port = 53;
	for (int i = 0; !r && i < 2; i++) {
		dest.proto = i ? IPPROTO_TCP : IPPROTO_UDP;
		r = infra_add(word, &dest, why);
	}
	return r;
}

static int host_port_add(struct control_attach *word, const char *gateway, const char *port,
			 struct problem *why)
{
	struct dest dest;
	int r = dest_parse_one(gateway, "gateway", &dest, why);

	if (!r)
		r = port_parse(port, &dest.port, why);
	dest.proto = IPPROTO_TCP;
	return r ? r : infra_add(word, &dest, why);
}

static int port_add(struct control_attach *word, const char *text, struct problem *why)
{
	struct control_port *to = &word->port[word->n_ports];
	int r;

	if (word->n_ports == CONTROL_PORTS)
		return problem(why, -EINVAL, "more than %d published ports", CONTROL_PORTS);
	r = port_proto_parse(text, &to->port, &to->proto, why);
	word->n_ports += !r;
	return r;
}

/* PORT:PORT */
static int ports_add(struct control_attach *word, char *list, struct problem *why)
{
	char *save, *one = strtok_r(list, ":", &save);
	int r = one ? 0 : problem(why, -EINVAL, "a port is missing");

	for (; !r && one; one = strtok_r(NULL, ":", &save))
		r = port_add(word, one, why);
	return r;
}

static int state_parse(const char *text, __u32 *ret, struct problem *why)
{
	for (__u32 state = TEROK_STATE_UP; state < TEROK_STATE_MAX_; state++) {
		if (!strcmp(text, terok_state_name(state))) {
			*ret = state;
			return 0;
		}
	}
	return problem(why, -EINVAL, "state '%s' is none of up, down, down_all, block", text);
}

static int names_parse(const char *text, __u32 *ret, struct problem *why)
{
	if (!strcmp(text, "learn"))
		*ret = CONTROL_NAMES_LEARN;
	else if (!strcmp(text, "synthetic"))
		*ret = CONTROL_NAMES_SYNTHETIC;
	else if (!strcmp(text, "off"))
		*ret = CONTROL_NAMES_OFF;
	else
		return problem(why, -EINVAL, "names '%s' are none of learn, synthetic, off", text);
	return 0;
}

static int profiles_take(struct control_attach *word, const char *names, struct problem *why)
{
	if (strlen(names) >= sizeof(word->profiles))
		return problem(why, -EINVAL, "too many profiles");
	strcpy(word->profiles, names);
	word->profiles_said = 1;
	return 0;
}

/* --- words ------------------------------------------------------------------------------- */

static int gateway_add(struct parser *parser, const char *addr, struct problem *why)
{
	if (parser->gateways == GATEWAYS_MAX)
		return problem(why, -EINVAL, "too many gateways");
	parser->gateway[parser->gateways++] = addr;
	return 0;
}

static int option_parse(struct parser *parser, const char *key, char *value, struct problem *why)
{
	struct control_attach *word = parser->to;

	if (!strcmp(key, "publish"))
		return ports_add(word, value, why);
	if (!strcmp(key, "resolver"))
		return resolver_add(word, value, why);
	if (!strcmp(key, "gateway"))
		return gateway_add(parser, value, why);
	if (!strcmp(key, "names") && !word->names)
		return names_parse(value, &word->names, why);
	if (!strcmp(key, "profiles") && !word->profiles_said)
		return profiles_take(word, value, why);
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
	return state_parse(word, &parser->to->state, why);
}

int annotation_host_ports(const char *list, const char *gateway, struct control_attach *word,
			  struct problem *why)
{
	char copy[ANNOTATION_MAX], *save;
	int r = 0;

	if (strlen(list) >= sizeof(copy))
		return problem(why, -EINVAL, "too many ports");
	strcpy(copy, list);
	for (char *one = strtok_r(copy, ":", &save); !r && one; one = strtok_r(NULL, ":", &save))
		r = host_port_add(word, gateway ?: ANNOTATION_PASTA_MAP, one, why);
	return r;
}

/* Every port at every gateway, known when all words are read. */
static int host_ports_apply(struct parser *parser, struct problem *why)
{
	int r;

	if (!parser->host_ports)
		return parser->gateways
			   ? problem(why, -EINVAL,
				     "gateway= says where host-ports= are: name a port")
			   : 0;
	if (!*parser->host_ports)
		return problem(why, -EINVAL, "host-ports=: a port is missing");
	r = annotation_host_ports(parser->host_ports, NULL, parser->to, why);
	for (unsigned i = 0; !r && i < parser->gateways; i++)
		r = annotation_host_ports(parser->host_ports, parser->gateway[i], parser->to, why);
	return r;
}

int annotation_parse(const char *text, struct control_attach *word, struct problem *why)
{
	struct parser parser = { .to = word };
	char copy[ANNOTATION_MAX], shown[80] = "", *save;
	struct problem wrong = {};
	int r = 0;

	if (strlen(text) >= sizeof(copy))
		return problem(why, -EINVAL, "annotation " ANNOTATION_KEY " is too long");
	strcpy(copy, text);
	for (char *one = strtok_r(copy, " ", &save), *first = one; !r && one;
	     one = strtok_r(NULL, " ", &save)) {
		snprintf(shown, sizeof(shown), "%s", one);
		r = word_parse(&parser, one, one == first, &wrong);
	}
	if (r)
		return problem(why, -EINVAL, "annotation " ANNOTATION_KEY ", '%s': %.140s", shown,
			       wrong.text);
	r = host_ports_apply(&parser, &wrong);
	return r ? problem(why, r, "annotation " ANNOTATION_KEY ": %.180s", wrong.text) : 0;
}

void annotation_dossier(struct json_object *annotations, struct control_attach *word)
{
	if (!json_object_is_type(annotations, json_type_object))
		return;
	json_object_object_foreach(annotations, key, value)
	{
		if (json_object_is_type(value, json_type_string))
			terok_dossier_annotate(&word->dossier, key, json_object_get_string(value));
	}
}
