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
#include <unistd.h>

#include "admission.h"
#include "agent_doors.h"
#include "base/addr.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/descriptors.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/passed.h"
#include "base/runner.h"
#include "confine.h"
#include "control_plane.h"
#include "grpc/server.h"
#include "grpc/tls.h"
#include "methods.h"
#include "pki.h"
#include "podman_line.h"
#include "reap.h"
#include "runtime_podman.h"
#include "service/listen.h"
#include "service/own_file.h"
#include "service/stay.h"
#include "sessions.h"
#include "verbs.h"

/* An agent calls once and says two names: what its container can make us keep is 24 MiB. */
#define AGENT_CONNECTIONS 16
#define AGENT_STREAMS     8
#define AGENT_MESSAGE     (64 << 10) /* bytes */

/* Sessions, as many callers, and what else there is. */
#define DESCRIPTORS (2 * RUNTIME_MAX + 256)

struct serve {
	struct cp_said said;
	struct cp_ports ports;
	struct cp_files files;
	bool detach;
	struct passed passed;
	int agent_fd, admin_fd; /* they listen; agents wait until rows have been looked at */
	int runner;             /* who runs podman; 0: nobody yet */
	struct source runner_gone;
	struct own_file alone; /* one writer, as long as it is held */
	struct loop *loop;
	struct stay stay;
	struct pki pki;
	struct grpc_tls *tls;
	struct agents *agents;
	struct registrar *registrar;
	struct runtime *runtime;
	struct peers *peers;
	struct evidence *evidence; /* NULL: the kernel is not asked */
	struct identity *identity;
	struct auth *auth;
	struct admission_use of_agents;
	struct admission *to_agents, *to_admin;
	struct grpc_server_use agents_use, admin_use;
	struct grpc_server *agent_server, *admin_server;
	struct agent_doors *doors;
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

/*
 * Who was let in by a root that is ours no more comes again, if another certificate lets it. A reply
 * that is lost so is of a row that is there: the same again is welcome.
 */
static void root_has_changed(struct serve *serve)
{
	log_info("the root is another: who is connected comes again");
	if (serve->agent_server)
		grpc_server_cut(serve->agent_server, "the root is another");
	if (serve->admin_server)
		grpc_server_cut(serve->admin_server, "the root is another");
	if (serve->doors)
		agent_doors_cut(serve->doors, "the root is another");
}

static int certificates_read(struct serve *serve, struct problem *why)
{
	_cleanup_pki_ struct pki pki = {};
	struct grpc_tls *tls = NULL;
	int r = pki_open(serve->files.pki, &pki, why) ?: tls_read(serve->files.pki, &tls, why);
	bool other;

	if (r)
		return r;
	cert_forget_key(&pki.ca); /* nobody is signed here: it is no longer than this in memory */
	other = serve->pki.ca.cert && X509_cmp(serve->pki.ca.cert, pki.ca.cert);
	pki_done(&serve->pki);
	serve->pki = pki;
	pki = (struct pki){};
	if (serve->agent_server)
		grpc_server_tls(serve->agent_server, tls);
	if (serve->admin_server)
		grpc_server_tls(serve->admin_server, tls);
	if (serve->doors)
		agent_doors_tls(serve->doors, tls);
	grpc_tls_free(serve->tls);
	serve->tls = tls;
	if (other)
		root_has_changed(serve);
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

static int serve_at(struct serve *serve, int *fd, unsigned port, const struct grpc_server_use *use,
		    const struct grpc_limits *limits, struct grpc_server **ret, struct problem *why)
{
	int r = grpc_server_new(serve->loop, TAKE_FD(*fd), serve->tls, use, limits, ret);

	if (r)
		return problem(why, r, "port %u cannot be served: %s", port, strerror(-r));
	log_info("serves %s at port %u", use->methods[0].path, port);
	return 0;
}

/*
 * In a user's containers, whichever they are; without the machine's agent there are none. Root's come
 * from addresses of their own.
 */
static int doors_open(struct serve *serve, const struct grpc_limits *limits)
{
	const struct agent_doors_use use = { .loop = serve->loop,
					     .admission = serve->of_agents,
					     .server = serve->agents_use,
					     .limits = *limits,
					     .dial = cp_dials_inside(&serve->said),
					     .tls = serve->tls };

	return agent_doors_new(&use, &serve->doors);
}

static int serve_both(struct serve *serve, struct problem *why)
{
	const struct grpc_limits of_people = GRPC_LIMITS;
	struct grpc_limits of_agents = GRPC_LIMITS;
	int r;

	serve->agents_use = (struct grpc_server_use){ .methods = agent_methods,
						      .n_methods = 1,
						      .admit = admission_admit,
						      .gone = admission_gone,
						      .refused = on_refused,
						      .user = serve->to_agents };
	serve->admin_use = serve->agents_use;
	serve->admin_use.methods = admin_methods;
	serve->admin_use.user = serve->to_admin;
	of_agents.per_address = AGENT_CONNECTIONS;
	of_agents.streams = AGENT_STREAMS;
	of_agents.message = of_agents.queue = AGENT_MESSAGE;
	r = serve_at(serve, &serve->agent_fd, serve->ports.agent, &serve->agents_use, &of_agents,
		     &serve->agent_server, why);
	if (!r && (geteuid() != 0 || cp_dials_inside(&serve->said)))
		r = doors_open(serve, &of_agents);
	return r
		   ?: serve_at(serve, &serve->admin_fd, serve->ports.admin, &serve->admin_use,
			       &of_people, &serve->admin_server, why);
}

/* Before it goes into the background: that a port is taken is said to who began it. */
static int listen_both(struct serve *serve, struct problem *why)
{
	const struct cp_said *said = &serve->said;
	int r = passed_open(&serve->passed, why);

	r = r
		?: listen_port(&cp_service, &serve->passed, said->agent_bind ?: CP_LOOPBACK,
			       serve->ports.agent, &serve->agent_fd, why);
	return r
		   ?: listen_port(&cp_service, &serve->passed, said->admin_bind ?: CP_LOOPBACK,
				  serve->ports.admin, &serve->admin_fd, why);
}

/* Whether or not that went well: what it knows too much of costs an agent nothing. */
static void on_reaped(unsigned evicted, const char *degraded, void *user)
{
	struct serve *serve = user;
	struct problem why = {};

	serve->reap = NULL;
	if (evicted)
		log_info("event=agent.reap.evicted rows=%u", evicted);
	serve->failed = serve_both(serve, &why) ?: sessions_begin(serve->sessions, degraded);
	if (serve->failed) {
		log_error(0, "serve: %s", *why.text ? why.text : strerror(-serve->failed));
		loop_stop(serve->loop);
		return;
	}
	stay_ready(&serve->stay, *degraded ? degraded : "serves");
}

/* --- signals -------------------------------------------------------------------------------- */

static void on_reload(struct stay *stay)
{
	struct serve *serve = container_of(stay, struct serve, stay);
	struct problem why = {};

	if (certificates_read(serve, &why) || sessions_renew(serve->sessions, &why))
		log_error(0, "certificates were not read again: %s", why.text);
	else
		log_info("certificates were read again");
	if (!serve->files.plan)
		return;
	if (sessions_replan(serve->sessions, &why))
		log_error(0, "the plan was not read again: %s", why.text);
	else
		log_info("the plan was read again");
}

/* Calls take milliseconds, and sessions are dialled again: nobody is waited for. */
static void on_end(struct stay *stay)
{
	loop_stop(stay->loop);
}

/* --- podman, which needs what we give up ---------------------------------------------------- */

static int on_runner_gone(struct source *source, uint32_t events)
{
	struct serve *serve = container_of(source, struct serve, runner_gone);

	(void)events;
	serve->failed = log_error(-ECHILD, "the process that runs podman has ended");
	loop_stop(serve->loop);
	return 0;
}

/* Before anything is read that it should not have. */
static int runner_open(struct serve *serve, struct problem *why)
{
	const char *env[PODMAN_ENV];
	int r;

	podman_environment(env);
	r = runner_begin(&(struct runner_use){ "terok-cp-podman", env, podman_line_may },
			 &serve->runner, why);
	if (r)
		return r;
	r = confine_privs();
	return r ? problem(why, r, "give up new privileges: %s", strerror(-r)) : 0;
}

static int give_up(const struct serve *serve, struct problem *why)
{
	return cp_confine(&(struct cp_confine){ .pki = serve->files.pki,
						.db = serve->files.db,
						.plan = serve->files.plan,
						.ca_file = serve->files.introspect_ca,
						.socket = serve->files.socket },
			  why);
}

/* --- begin and end ------------------------------------------------------------------------ */

/* Its folder is ours to make only where nobody said another. */
static int registry_open(struct serve *serve, struct problem *why)
{
	_cleanup_free_ char *folder = strdup(serve->files.db);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int r;

	if (!slash)
		return problem(why, -ENOMEM, "no memory");
	*slash = '\0';
	if (!serve->said.db)
		dir_make(folder);
	r = own_file_begin(serve->files.db, &serve->alone, why);
	return r ?: agents_open(serve->files.db, &serve->agents, why)
		       ?: registrar_new(serve->loop, serve->agents, &serve->registrar);
}

static int evidence_open(struct serve *serve)
{
	const char *guard = serve->said.guard ?: CP_GUARD_AUTO;

	return strcmp(guard, CP_GUARD_OFF)
		   ? evidence_new(serve->loop, !strcmp(guard, CP_GUARD_REQUIRE), &serve->evidence)
		   : 0;
}

static int gates_open(struct serve *serve, struct problem *why)
{
	const struct auth_use auth = { .methods = auth_methods,
				       .introspect = serve->said.introspect,
				       .ca_file = serve->files.introspect_ca,
				       .keys = &serve->pki.trusted,
				       .audience = serve->said.audience ?: ASSERTION_AUDIENCE,
				       .agents = serve->agents };
	struct admission_use use = { .loop = serve->loop,
				     .agents = serve->agents,
				     .registrar = serve->registrar };
	int r = runtime_podman_new(serve->loop, serve->runner, serve->said.network ?: RUNTIME_NETWORK, &serve->runtime)
		    ?: peers_new(serve->runtime, &serve->peers)
			   ?: evidence_open(serve);

	r = r ?: identity_new(serve->peers, serve->evidence, &serve->identity)
		       ?: auth_new(serve->loop, &auth, &serve->auth, why);
	use.auth = serve->auth;
	r = r ?: admission_new(&use, &serve->to_admin);
	use.identity = serve->identity;
	serve->of_agents = use;
	return r ?: admission_new(&use, &serve->to_agents);
}

static int inside(void *user, const char *container)
{
	struct serve *serve = user;

	return serve->doors ? agent_doors_socket(serve->doors, container) : -ENOENT;
}

static int sessions_open(struct serve *serve, struct problem *why)
{
	bool contain = !serve->said.contain || strcmp(serve->said.contain, CP_CONTAIN_OFF);
	struct sessions_use use = {
		.loop = serve->loop,
		.runtime = serve->runtime,
		.agents = serve->agents,
		.registrar = serve->registrar,
		.peers = serve->peers,
		.folder = serve->files.pki,
		.plan = serve->files.plan,
		.passed = &serve->passed,
		.socket = serve->files.socket,
		.port = serve->ports.session,
		.by = serve->runner,
		.contain = contain ? CONTAIN_BLOCK : CONTAIN_OFF,
		/* addresses of rootless containers are not the host's to reach */
		.inside = cp_dials_inside(&serve->said) ? inside : NULL,
		.user = serve
	};
	struct problem left;
	int r = sessions_new(&use, &serve->sessions, why);

	if (!r && passed_done(&serve->passed, &left))
		log_warn(0, "%s", left.text);
	return r;
}

static int loop_open(struct serve *serve)
{
	serve->stay.reload = on_reload;
	return loop_new(&serve->loop)
		       ?: stay_begin(&serve->stay, serve->loop, on_end)
		       ?: source_add(serve->loop, &serve->runner_gone, serve->runner, EPOLLIN,
				     on_runner_gone);
}

/* A session is one of them, a caller another. */
static void raise_descriptors(void)
{
	unsigned long n = descriptors_raise();

	if (n < DESCRIPTORS)
		log_warn(0,
			 "at most %lu open files: not all of %d containers can have a session "
			 "(LimitNOFILE= of its unit, or ulimit -Hn)",
			 n, RUNTIME_MAX);
}

static int begin(struct serve *serve, struct problem *why)
{
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = cp_files_find(&serve->said, &serve->files, why) ?: listen_both(serve, why);
	if (!r && serve->detach)
		r = listen_detach(&cp_service, serve->said.pid_file, why);
	r = r ?: runner_open(serve, why);
	raise_descriptors();
	r = r ?: loop_open(serve);
	r = r ?: certificates_read(serve, why) ?: registry_open(serve, why) ?: gates_open(serve, why);
	r = r ?: sessions_open(serve, why) ?: give_up(serve, why);
	return r
		   ?: reap_begin(serve->loop, serve->runtime, serve->agents, on_reaped, serve,
				 &serve->reap);
}

static void serve_done(struct serve *serve)
{
	agent_doors_free(serve->doors);
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
	source_del(&serve->runner_gone);
	stay_done(&serve->stay);
	loop_free(serve->loop);
	own_file_done(&serve->alone);
	closep(&serve->agent_fd);
	closep(&serve->admin_fd);
	if (serve->runner)
		closep(&serve->runner);
	cp_files_done(&serve->files);
}

int verb_serve(int argc, char **argv)
{
	_cleanup_(serve_done) struct serve serve = {
		.agent_fd = -1, .admin_fd = -1, .alone = OWN_FILE_NONE, .stay = STAY_NONE
	};
	struct problem why = {};
	const struct cli_option options[] = {
		CP_OPTIONS(serve.said),
		{ "detach", NULL, "go on in the background", CLI_FLAG, &serve.detach },
		{ "pid-file", "FILE", "with --detach: its process id", CLI_STRING,
		  &serve.said.pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (!r && serve.said.pid_file && !serve.detach)
		r = log_error(-EINVAL, "serve: --pid-file is for --detach");
	r = r ?: cp_ports_read(&serve.said, "serve", &serve.ports);
	if (r)
		return r;
	stay_open(&serve.stay);
	r = begin(&serve, &why);
	if (r)
		log_error(0, "serve: %s", *why.text ? why.text : strerror(-r));
	else
		r = loop_run(serve.loop) ?: serve.failed;
	return r == -EINVAL ? -EIO : r;
}
