// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - terok-agentd: the peer of the control plane, the first process of an agent's container
 *
 * It puts the parts together: who we are (bootstrap.c), who may speak to us (serve.c), what they may
 * have us do (session.c), and the container's own command (init.c). Its exit code is that command's;
 * 2: what was configured is wrong, 1: it cannot listen.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

#include "account.h"
#include "base/cli.h"
#include "base/log.h"
#include "init.h"
#include "register_rpc.h"
#include "serve.h"

#define USER_FALLBACK 1001 /* of the image that the contract knows */

struct agentd {
	struct loop *loop;
	struct reaper reaper;
	struct pipelines pipelines;
	struct agentd_place place;
	struct bootstrap bootstrap;
	struct register_rpc *rpc;
	struct agentd_serve *serve;
	int code;
};

/* Before orphans are waited for: a session could make new ones. */
static void on_leaving(void *user)
{
	struct agentd *agentd = user;

	agentd_serve_free(agentd->serve);
	agentd->serve = NULL;
}

static void on_gone(void *user, int code)
{
	struct agentd *agentd = user;

	agentd->code = code;
	loop_stop(agentd->loop);
}

/* A number that is not root's; else the fallback, aloud. */
static unsigned host_id(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long n = text && *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;

	if (n && !*end && n < UINT_MAX)
		return n;
	log_warn(0, "host_id_unavailable %s: %u instead", name, USER_FALLBACK);
	return USER_FALLBACK;
}

/* Who the command runs as: root only by name. */
static int account_choose(struct account *ret, struct problem *why)
{
	const char *user = getenv("CLAWKER_USER");

	if (geteuid()) { /* there is nobody else that we could become */
		account_by_uid(geteuid(), ret);
		ret->gid = getegid();
		return 0;
	}
	if (user && *user)
		return account_by_name(user, ret, why);
	account_by_uid(host_id("CLAWKER_HOST_UID"), ret);
	ret->groups[0] = ret->gid = host_id("CLAWKER_HOST_GID");
	return 0;
}

static int registrar_begin(struct agentd *agentd, struct problem *why)
{
	const char *token_url = getenv("CLAWKER_CP_HYDRA_URL");
	struct register_rpc_use use = {
		.loop = agentd->loop,
		.reaper = &agentd->reaper,
		.bootstrap = &agentd->bootstrap,
		.address = getenv("CLAWKER_CP_AGENT_ADDR"),
		.token_url = token_url && *token_url ? token_url : NULL,
		.agent = getenv("CLAWKER_AGENT") ?: "",
		.project = getenv("CLAWKER_PROJECT") ?: "",
	};
	int r;

	if (!use.address || !*use.address) {
		log_warn(0, "CLAWKER_CP_AGENT_ADDR is not set: nobody to register with");
		return 0;
	}
	r = register_rpc_new(&use, &agentd->rpc, why);
	if (!r)
		r = agentd_registrar_new(agentd->loop, register_rpc_attempt, agentd->rpc,
					 &agentd->place.registrar);
	return r;
}

static int agentd_begin(struct agentd *agentd, const char *listen, const char *dir,
			char *const *argv, struct problem *why)
{
	struct init_use use = { .reaper = &agentd->reaper,
				.argv = argv,
				.ready_file = INIT_READY_FILE,
				.leaving = on_leaving,
				.gone = on_gone,
				.user = agentd };
	int r;

	if (bootstrap_read(dir, &agentd->bootstrap, why) || account_choose(&use.account, why))
		return -EINVAL;
	r = loop_new(&agentd->loop);
	if (r)
		return problem(why, r, "a loop: %s", strerror(-r));
	use.loop = agentd->reaper.loop = agentd->pipelines.loop = agentd->loop;
	agentd->pipelines.reaper = &agentd->reaper;
	agentd->place.loop = agentd->loop;
	agentd->place.pipelines = &agentd->pipelines;
	r = registrar_begin(agentd, why);
	if (!r)
		r = agentd_serve_new(&agentd->place, listen, &agentd->bootstrap, &agentd->serve,
				     why);
	if (r)
		return r;
	r = init_new(&use, &agentd->place.init);
	return r ? problem(why, r, "signals: %s", strerror(-r)) : 0;
}

static void agentd_done(struct agentd *agentd)
{
	agentd_serve_free(agentd->serve);
	agentd_registrar_free(agentd->place.registrar);
	register_rpc_free(agentd->rpc);
	init_free(agentd->place.init);
	bootstrap_done(&agentd->bootstrap);
	loop_free(agentd->loop);
}

static int verb_run(int argc, char **argv)
{
	const char *listen = SERVE_PORT, *dir = BOOTSTRAP_DIR;
	const struct cli_option options[] = {
		{ "listen", "HOST:PORT", "where the control plane connects to (" SERVE_PORT ")",
		  CLI_STRING, &listen },
		{ "bootstrap", "DIR", "who we are (" BOOTSTRAP_DIR ")", CLI_STRING, &dir },
		{},
	};
	struct agentd agentd = {};
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, INT_MAX - 1);

	if (r < 0)
		return r;
	r = agentd_begin(&agentd, listen, dir, argv + 1, &why);
	if (r)
		log_error(0, "%s", why.text);
	else
		log_info("listens at %s", listen);
	if (!r)
		r = loop_run(agentd.loop);
	agentd_done(&agentd);
	return r ?: agentd.code;
}

static const struct cli_verb verbs[] = {
	{ "run", "[OPTIONS] [--] [CMD [ARG...]]", "serve the control plane, and run CMD when told",
	  verb_run },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "terok-agentd",
	.version = TEROK_VERSION,
	.summary = "The control plane's peer, and the first process, of an agent's container.",
	.section = "8",
	.verbs = verbs,
	.default_verb = "run",
};

int main(int argc, char **argv)
{
	log_setup(program.name, LOG_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0); /* the key is in our memory */
	/* the image's openssl.cnf may name modules to load, and the environment may name another one */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	return cli_main(&program, argc, argv);
}
