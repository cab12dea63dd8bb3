// SPDX-License-Identifier: Apache-2.0
#include "enrol_word.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/container.h"

static bool is_port(uint16_t port, uint8_t proto)
{
	return port && (proto == IPPROTO_TCP || proto == IPPROTO_UDP);
}

static int lists_check(const struct control_attach *word, struct problem *why)
{
	if (word->n_infra > CONTROL_INFRA || word->n_ports > CONTROL_PORTS)
		return problem(why, -EINVAL, "more addresses or ports than there can be");
	for (unsigned i = 0; i < word->n_infra; i++)
		if (!is_port(word->infra[i].port, word->infra[i].proto))
			return problem(why, -EINVAL, "a resolver or gateway without a port");
	for (unsigned i = 0; i < word->n_ports; i++)
		if (!is_port(word->port[i].port, word->port[i].proto))
			return problem(why, -EINVAL, "a published port that is none");
	return 0;
}

/* A path would be opened by root. */
static int user_check(const struct control_attach *word, struct problem *why)
{
	if (strchr(word->profiles, '/'))
		return problem(why, -EPERM,
			       "a user's container has profiles by name; files of one's own are "
			       "root's containers' only");
	if (word->n_infra > ENROL_USER_INFRA)
		return problem(why, -EPERM,
			       "more than %d resolvers and ports of gateways in a user's container",
			       ENROL_USER_INFRA);
	return 0;
}

int enrol_want_check(const struct control_attach *word, uint32_t uid, struct problem *why)
{
	int r;

	if (!control_text_ok(word->id) || !control_text_ok(word->name) ||
	    !control_text_ok(word->profiles))
		return problem(why, -EINVAL, "a text without an end");
	if (word->state >= TEROK_STATE_MAX_ || word->names >= CONTROL_NAMES_MAX_ ||
	    word->profiles_said > 1)
		return problem(why, -EINVAL, "a state or a word that does not exist");
	r = lists_check(word, why);
	return r || !uid ? r : user_check(word, why);
}

int enrol_word_check(const struct control_attach *word, uint32_t uid, struct problem *why)
{
	int r;

	if (word->version != CONTROL_HOOK_VERSION)
		return problem(why, -EPROTO,
			       "the hook's files are of version %u, this agent's of %d; try: "
			       "terok-bpfd setup",
			       word->version, CONTROL_HOOK_VERSION);
	r = enrol_want_check(word, uid, why);
	if (!r && (!container_is_id(word->id) || !container_is_name(word->name)))
		return problem(why, -EINVAL, "that is no container's id or name");
	return r;
}
