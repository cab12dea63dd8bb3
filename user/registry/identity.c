// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "cert.h"

struct identity {
	struct peers *peers;
	struct evidence *evidence;
};

int identity_new(struct peers *peers, struct evidence *evidence, struct identity **ret)
{
	struct identity *identity;

	if (!peers)
		return log_error(-EINVAL,
				 "event=agent_identity_unavailable nobody resolves addresses");
	identity = calloc(1, sizeof(*identity));
	if (!identity)
		return -ENOMEM;
	identity->peers = peers;
	identity->evidence = evidence;
	*ret = identity;
	return 0;
}

void identity_free(struct identity *identity)
{
	free(identity);
}

static void refuse(struct identity_ask *ask, int level, const char *event)
{
	const struct reply reply = reply_make(REPLY_DENIED, IDENTITY_REFUSED);
	const struct resolved nobody = {};
	char addr[ADDR_TEXT], hex[LEAF_HEX_LEN];

	leaf_hex(ask->leaf.thumbprint, hex);
	log_full(level, 0, "event=%s peer=%s cert_thumbprint=%s", event,
		 addr_format(addr, ask->addr), hex);
	ask->done(ask, &reply, &nobody);
}

static void accept_as(struct identity_ask *ask, const struct resolved *who)
{
	const struct reply reply = { .code = REPLY_OK };

	ask->done(ask, &reply, who);
}

static void on_evidence(struct evidence_ask *evidence, enum evidence_is is)
{
	static const struct {
		int level;
		const char *event;
	} causes[] = {
		[EVIDENCE_ERROR] = { LOG_ERR, "agent_identity_evidence_error" },
		[EVIDENCE_GONE] = { LOG_WARNING, "agent_identity_evidence_gone" },
		[EVIDENCE_OTHER] = { LOG_ERR, "agent_identity_evidence_mismatch" },
		[EVIDENCE_UNGUARDED] = { LOG_WARNING, "agent_identity_evidence_no_guard" },
	};
	struct identity_ask *ask = container_of(evidence, struct identity_ask, evidence);
	struct resolved who = ask->who; /* which done() may end */

	if (is == EVIDENCE_AGREES || is == EVIDENCE_NOTHING)
		accept_as(ask, &who);
	else
		refuse(ask, causes[is].level, causes[is].event);
}

/* The kernel is asked last: each question costs the agent something. */
static void compare(struct identity_ask *ask, const struct resolved *who)
{
	struct evidence *evidence = ask->identity->evidence;
	char full[AGENT_FULL_LEN];

	agent_name_full(who->project, who->agent, full);
	if (!leaf_same(ask->leaf.agent, full)) {
		refuse(ask, LOG_WARNING, "agent_identity_san_label_mismatch");
	} else if (!evidence) {
		accept_as(ask, who);
	} else {
		ask->who = *who;
		ask->evidence = (struct evidence_ask){ .fd = ask->fd,
						       .addr = ask->addr,
						       .port = ask->port,
						       .container = ask->who.container,
						       .done = on_evidence };
		evidence->ask(evidence, &ask->evidence);
	}
}

static void on_peer(struct peer_ask *peer, enum peer_is is, const struct resolved *who)
{
	static const struct {
		int level;
		const char *event;
	} causes[] = {
		[PEER_NONE] = { LOG_WARNING, "agent_identity_peer_lookup_no_match" },
		[PEER_ERROR] = { LOG_ERR, "agent_identity_peer_lookup_error" },
		[PEER_AMBIGUOUS] = { LOG_ERR, "agent_identity_ambiguous_peer_ip" },
		[PEER_UNLABELLED] = { LOG_WARNING, "agent_identity_invalid_labels" },
	};
	struct identity_ask *ask = container_of(peer, struct identity_ask, peer);

	if (is == PEER_FOUND)
		compare(ask, who);
	else
		refuse(ask, causes[is].level, causes[is].event);
}

void identity_begin(struct identity *identity, struct identity_ask *ask)
{
	const struct leaf *leaf = &ask->leaf;

	ask->identity = identity;
	ask->evidence = (struct evidence_ask){};
	ask->peer = (struct peer_ask){ .since_ns = ask->since_ns,
				       .container = ask->container,
				       .done = on_peer };
	memcpy(ask->peer.addr, ask->addr, sizeof(ask->peer.addr));
	if (!leaf->present)
		refuse(ask, LOG_WARNING, "agent_identity_peer_auth_missing");
	else if (!leaf_same(leaf->cn, CERT_AGENT_CN))
		refuse(ask, LOG_WARNING, "agent_identity_cn_mismatch");
	else if (leaf->agent_san == SAN_MISSING)
		refuse(ask, LOG_WARNING, "agent_identity_no_agent_san");
	else if (leaf->agent_san == SAN_MALFORMED)
		refuse(ask, LOG_WARNING, "agent_identity_malformed_agent_san");
	else
		peers_ask(identity->peers, &ask->peer);
}

bool identity_holds(const struct identity *identity, const struct resolved *who)
{
	return peers_hold(identity->peers, who);
}

void identity_forget(struct identity_ask *ask)
{
	peers_forget(&ask->peer);
	if (ask->identity && ask->identity->evidence)
		ask->identity->evidence->forget(ask->identity->evidence, &ask->evidence);
}
