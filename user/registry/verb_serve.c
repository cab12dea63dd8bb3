// SPDX-License-Identifier: Apache-2.0
/*
 * verb_serve.c - terok-cp serve: the registry is opened, rows of containers that are gone go, then
 * agents and people's programs are served until it is told to end
 *
 * Containers of agents are dialled beside that (sessions.c). SIGHUP: certificates, keys and the plan are
 * read again; those that cannot be stay as they are.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "base/addr.h"
#include "base/cli.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/signals.h"
#include "grpc/server.h"
#include "grpc/tls.h"
#include "methods.h"
#include "pki.h"
#include "session_line.h"
#include "reap.h"
#include "service/listen.h"
#include "service/own_file.h"
#include "sessions.h"
#include "verbs.h"

#define AGENT_PORT 7444
#define ADMIN_PORT 7443

/* An agent calls once and says two names: what its container can make us keep is 24 MiB. */
#define AGENT_CONNECTIONS 16
#define AGENT_STREAMS     8
#define AGENT_MESSAGE     (64 << 10) /* bytes */

static const struct service cp = { .program = "terok-cp", .noun = "control plane", .early = true };

struct serve {
	const char *pki_dir, *db, *network, *audience, *introspect, *introspect_ca;
	const char *agent_bind, *admin_bind, *agent_port, *admin_port, *session_port;
	const char *plan, *socket, *guard;
	char *folder, *path;
	struct own_file alone; /* one writer, as long as it is held */
	struct loop *loop;
	struct signals signals;
	struct notify notify;
	struct pki pki;
	struct grpc_tls *tls;
	struct agents *agents;
	struct registrar *registrar;
	struct runtime *runtime;
	struct peers *peers;
	struct evidence *evidence; /* NULL: the kernel is not asked */
	struct identity *identity;
	struct auth *auth;
	struct admission *to_agents, *to_admin;
	struct grpc_server_use agents_use, admin_use;
	struct grpc_server *agent_server, *admin_server;
	struct reap *reap;
	struct sessions *sessions;
	int failed;
};

static const struct grpc_method agent_methods[] = {
	{ "/clawker.agent.v1.AgentService/Register", method_register },
};
static const struct grpc_method admin_methods[] = {
	{ "/clawker.admin.v1.AdminService/ListAgents", method_list_agents },
};

/* --- certificates ----------------------------------------------------------------------- */

static int tls_read(const char *folder, struct grpc_tls **ret, struct problem *why)
{
	_cleanup_free_ char *ca = NULL, *server = NULL;
	struct grpc_tls_use use = { .verify = GRPC_VERIFY_CHAIN };

	if (asprintf(&ca, "%s/" PKI_CA_FILE, folder) < 0 ||
	    asprintf(&server, "%s/%s", folder, pki_file(CERT_SERVER)) < 0)
		return problem(why, -ENOMEM, "no memory for a path");
	use.cert.file = use.key.file = server;
	use.ca.file = ca;
	return grpc_tls_new(&use, ret, why);
}

static int certificates_read(struct serve *serve, struct problem *why)
{
	_cleanup_pki_ struct pki pki = {};
	struct grpc_tls *tls = NULL;
	int r = pki_open(serve->folder, &pki, why) ?: tls_read(serve->folder, &tls, why);

	if (r)
		return r;
	pki_done(&serve->pki);
	serve->pki = pki;
	pki = (struct pki){};
	if (serve->agent_server)
		grpc_server_tls(serve->agent_server, tls);
	if (serve->admin_server)
		grpc_server_tls(serve->admin_server, tls);
	grpc_tls_free(serve->tls);
	serve->tls = tls;
	return 0;
}

/* --- listeners --------------------------------------------------------------------------- */

static void on_refused(const struct grpc_peer *peer, const char *why, void *user)
{
	char addr[ADDR_TEXT], safe[160];

	(void)user;
	log_info("event=connection_refused peer=%s %s", addr_format(addr, peer->addr),
		 log_safe(safe, sizeof(safe), why));
}

static int listen_at(struct serve *serve, const char *bind, unsigned port,
		     const struct grpc_server_use *use, const struct grpc_limits *limits,
		     struct grpc_server **ret, struct problem *why)
{
	int fd = -1, r = listen_tcp(&cp, bind, port, &fd, why);

	if (r)
		return r;
	r = grpc_server_new(serve->loop, fd, serve->tls, use, limits, ret);
	if (r)
		return problem(why, r, "port %u cannot be served: %s", port, strerror(-r));
	log_info("serves %s at %s port %u", use->methods[0].path, bind, port);
	return 0;
}

static int listen_both(struct serve *serve, struct problem *why)
{
	const struct grpc_limits of_people = GRPC_LIMITS;
	struct grpc_limits of_agents = GRPC_LIMITS;
	unsigned agent_port = AGENT_PORT, admin_port = ADMIN_PORT;
	int r;

	/* said and right already: options_check() */
	(void)cli_number("agent-port", serve->agent_port, 1, 65535, &agent_port);
	(void)cli_number("admin-port", serve->admin_port, 1, 65535, &admin_port);
	serve->agents_use = (struct grpc_server_use){ .methods = agent_methods,
						      .n_methods = 1,
						      .admit = admission_admit,
						      .refused = on_refused,
						      .user = serve->to_agents };
	serve->admin_use = serve->agents_use;
	serve->admin_use.methods = admin_methods;
	serve->admin_use.user = serve->to_admin;
	of_agents.per_address = AGENT_CONNECTIONS;
	of_agents.streams = AGENT_STREAMS;
	of_agents.message = of_agents.queue = AGENT_MESSAGE;
	r = listen_at(serve, serve->agent_bind ?: "127.0.0.1", agent_port, &serve->agents_use,
		      &of_agents, &serve->agent_server, why);
	return r
		   ?: listen_at(serve, serve->admin_bind ?: "127.0.0.1", admin_port,
				&serve->admin_use, &of_people, &serve->admin_server, why);
}

/* Whether or not that went well: what it knows too much of costs an agent nothing. */
static void on_reaped(unsigned evicted, const char *degraded, void *user)
{
	struct serve *serve = user;
	struct problem why = {};

	serve->reap = NULL;
	if (evicted)
		log_info("event=agent.reap.evicted rows=%u", evicted);
	serve->failed = listen_both(serve, &why) ?: sessions_begin(serve->sessions, degraded);
	if (serve->failed) {
		log_error(0, "serve: %s", *why.text ? why.text : strerror(-serve->failed));
		loop_stop(serve->loop);
		return;
	}
	notify_say(&serve->notify, "READY=1\nSTATUS=%s", *degraded ? degraded : "serves");
}

/* --- begin and end ------------------------------------------------------------------------ */

static void read_again(struct serve *serve)
{
	struct problem why = {};

	if (certificates_read(serve, &why) || sessions_renew(serve->sessions, &why))
		log_error(0, "certificates were not read again: %s", why.text);
	else
		log_info("certificates were read again");
	if (!serve->plan)
		return;
	if (sessions_replan(serve->sessions, &why))
		log_error(0, "the plan was not read again: %s", why.text);
	else
		log_info("the plan was read again");
}

static int on_signal(struct signals *signals, int number)
{
	struct serve *serve = container_of(signals, struct serve, signals);

	if (number == SIGHUP) {
		read_again(serve);
		return 0;
	}
	notify_say(&serve->notify, "STOPPING=1");
	loop_stop(serve->loop);
	return 0;
}

/* Its folder is ours to make only where nobody said another. */
static int registry_open(struct serve *serve, struct problem *why)
{
	_cleanup_free_ char *folder = serve->path ? strdup(serve->path) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int r;

	if (!slash)
		return problem(why, -ENOENT,
			       "where the registry is is not known: no home; say --db FILE");
	*slash = '\0';
	if (!serve->db)
		dir_make(folder);
	r = own_file_begin(serve->path, &serve->alone, why);
	return r ?: agents_open(serve->path, &serve->agents, why)
		       ?: registrar_new(serve->loop, serve->agents, &serve->registrar);
}

#define GUARD_AUTO    "auto" /* the kernel is asked where there is, or was, an agent */
#define GUARD_REQUIRE "require"
#define GUARD_OFF     "off"

static int evidence_open(struct serve *serve)
{
	const char *guard = serve->guard ?: GUARD_AUTO;

	return strcmp(guard, GUARD_OFF)
		   ? evidence_new(serve->loop, !strcmp(guard, GUARD_REQUIRE), &serve->evidence)
		   : 0;
}

static int gates_open(struct serve *serve, struct problem *why)
{
	const struct auth_use auth = { .methods = auth_methods,
				       .introspect = serve->introspect,
				       .ca_file = serve->introspect_ca,
				       .keys = &serve->pki.trusted,
				       .audience = serve->audience ?: ASSERTION_AUDIENCE,
				       .agents = serve->agents };
	struct admission_use use = { .loop = serve->loop,
				     .agents = serve->agents,
				     .registrar = serve->registrar };
	int r = runtime_podman_new(serve->loop, serve->network ?: RUNTIME_NETWORK, &serve->runtime)
		    ?: peers_new(serve->runtime, &serve->peers)
			   ?: evidence_open(serve);

	r = r ?: identity_new(serve->peers, serve->evidence, &serve->identity)
		       ?: auth_new(serve->loop, &auth, &serve->auth, why);
	use.auth = serve->auth;
	r = r ?: admission_new(&use, &serve->to_admin);
	use.identity = serve->identity;
	return r ?: admission_new(&use, &serve->to_agents);
}

static int sessions_open(struct serve *serve, struct problem *why)
{
	struct sessions_use use = { .loop = serve->loop,
				    .runtime = serve->runtime,
				    .agents = serve->agents,
				    .registrar = serve->registrar,
				    .folder = serve->folder,
				    .plan = serve->plan,
				    .socket = serve->socket,
				    .port = LINE_PORT };

	(void)cli_number("session-port", serve->session_port, 1, 65535, &use.port);
	return sessions_new(&use, &serve->sessions, why);
}

static int begin(struct serve *serve, struct problem *why)
{
	static const int more[] = { SIGHUP, 0 };
	int r;

	signal(SIGPIPE, SIG_IGN);
	notify_open(&serve->notify);
	serve->folder = pki_folder(serve->pki_dir);
	serve->path = agents_path(serve->db);
	if (!serve->folder)
		return problem(why, -ENOENT, "where the certificates are is not known: no home");
	r = loop_new(&serve->loop) ?: signals_add(serve->loop, &serve->signals, more, on_signal);
	r = r ?: certificates_read(serve, why) ?: registry_open(serve, why) ?: gates_open(serve, why);
	r = r ?: sessions_open(serve, why);
	return r
		   ?: reap_begin(serve->loop, serve->runtime, serve->agents, on_reaped, serve,
				 &serve->reap);
}

static void serve_done(struct serve *serve)
{
	grpc_server_free(serve->agent_server);
	grpc_server_free(serve->admin_server);
	admission_free(serve->to_agents);
	admission_free(serve->to_admin);
	auth_free(serve->auth);
	identity_free(serve->identity);
	evidence_free(serve->evidence);
	runtime_free(serve->runtime);
	peers_free(serve->peers);
	reap_end(serve->reap);
	sessions_free(serve->sessions);
	registrar_free(serve->registrar);
	agents_free(serve->agents);
	grpc_tls_free(serve->tls);
	pki_done(&serve->pki);
	signals_end(&serve->signals);
	loop_free(serve->loop);
	notify_close(&serve->notify);
	own_file_done(&serve->alone);
	free(serve->folder);
	free(serve->path);
}

static int options_check(const struct serve *serve)
{
	unsigned port = 0;
	int r = cli_number("agent-port", serve->agent_port, 1, 65535, &port);

	r = r ?: cli_number("admin-port", serve->admin_port, 1, 65535, &port);
	r = r ?: cli_number("session-port", serve->session_port, 1, 65535, &port);
	if (!r && serve->introspect_ca && !serve->introspect)
		r = log_error(-EINVAL, "serve: --introspect-ca is for --introspect");
	if (!r && serve->guard && strcmp(serve->guard, GUARD_AUTO) &&
	    strcmp(serve->guard, GUARD_REQUIRE) && strcmp(serve->guard, GUARD_OFF))
		r = log_error(-EINVAL, "serve: --guard is auto, require or off, not '%s'",
			      serve->guard);
	return r;
}

int verb_serve(int argc, char **argv)
{
	_cleanup_(serve_done) struct serve serve = { .alone = OWN_FILE_NONE,
						     .notify = NOTIFY_NONE };
	struct problem why = {};
	const struct cli_option options[] = {
		{ "agent-bind", "ADDRESS", "where agents come in (127.0.0.1)", CLI_STRING,
		  &serve.agent_bind },
		{ "agent-port", "N", "of it (7444)", CLI_STRING, &serve.agent_port },
		{ "admin-bind", "ADDRESS", "where people's programs do (127.0.0.1)", CLI_STRING,
		  &serve.admin_bind },
		{ "admin-port", "N", "of it (7443)", CLI_STRING, &serve.admin_port },
		{ "session-port", "N", "where agents' peers listen (7700)", CLI_STRING,
		  &serve.session_port },
		{ "plan", "FILE", "what runs before an agent starts", CLI_STRING, &serve.plan },
		{ "socket", "PATH", "of those who watch", CLI_STRING, &serve.socket },
		{ "pki-dir", "DIR", "certificates and keys", CLI_STRING, &serve.pki_dir },
		{ "db", "FILE", "the registry", CLI_STRING, &serve.db },
		{ "network", "NAME", "podman's, that agents are in (clawker-net)", CLI_STRING,
		  &serve.network },
		{ "guard", "MODE", "is the kernel asked who calls? auto, require, off", CLI_STRING,
		  &serve.guard },
		{ "audience", "URL", "whom assertions are for", CLI_STRING, &serve.audience },
		{ "introspect", "URL", "a server that knows tokens (RFC 7662)", CLI_STRING,
		  &serve.introspect },
		{ "introspect-ca", "FILE", "who signed that server", CLI_STRING,
		  &serve.introspect_ca },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0) ?: options_check(&serve);

	if (r)
		return r;
	r = begin(&serve, &why);
	if (r)
		log_error(0, "serve: %s", *why.text ? why.text : strerror(-r));
	else
		r = loop_run(serve.loop) ?: serve.failed;
	return r == -EINVAL ? -EIO : r;
}
