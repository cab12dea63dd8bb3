// SPDX-License-Identifier: Apache-2.0
#include "control_plane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agents.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/paths.h"
#include "pki.h"
#include "plan.h"
#include "service/unit.h"
#include "session_line.h"
#include "terok-cp.service.h" /* made from the units, by the Makefile */
#include "terok-cp.socket.h"
#include "watch.h"

static const struct service_kind kinds[] = { { "terok-cp", "# terok-cp-version:" }, {} };

const struct service cp_service = {
	.program = "terok-cp",
	.noun = "control plane",
	.plural = "containers",
	.port = CP_AGENT_PORT,
	.early = true,
	.system = true,
	.version = UNIT_VERSION,
	.socket = "terok-cp.socket",
	.unit = "terok-cp.service",
	.socket_text = terok_cp_socket,
	.unit_text = terok_cp_service,
	.kind = kinds,
	.folder_option = "--db",
	.folder = "registry",
	.port_option = "--agent-port",
	.bind_option = "--agent-bind",
};

bool cp_dials_inside(const struct cp_said *said)
{
	return said->dial ? !strcmp(said->dial, CP_DIAL_INSIDE) : geteuid() != 0;
}

int cp_ports_read(const struct cp_said *said, const char *verb, struct cp_ports *ret)
{
	struct cp_ports ports = { CP_AGENT_PORT, CP_ADMIN_PORT, LINE_PORT };
	int r = cli_number("agent-port", said->agent_port, 1, 65535, &ports.agent)
		    ?: cli_number("admin-port", said->admin_port, 1, 65535, &ports.admin)
			   ?: cli_number("session-port", said->session_port, 1, 65535, &ports.session);

	if (r)
		return r;
	if (ports.agent == ports.admin)
		return log_error(-EINVAL, "%s: --agent-port and --admin-port are the same", verb);
	if (said->introspect_ca && !said->introspect)
		return log_error(-EINVAL, "%s: --introspect-ca is for --introspect", verb);
	if (said->contain && strcmp(said->contain, CP_CONTAIN_BLOCK) &&
	    strcmp(said->contain, CP_CONTAIN_OFF))
		return log_error(-EINVAL, "%s: --contain is block or off, not '%s'", verb,
				 said->contain);
	if (said->dial && strcmp(said->dial, CP_DIAL_ADDRESS) && strcmp(said->dial, CP_DIAL_INSIDE))
		return log_error(-EINVAL, "%s: --dial is address or inside, not '%s'", verb,
				 said->dial);
	if (said->guard && strcmp(said->guard, CP_GUARD_AUTO) &&
	    strcmp(said->guard, CP_GUARD_REQUIRE) && strcmp(said->guard, CP_GUARD_OFF))
		return log_error(-EINVAL, "%s: --guard is auto, require or off, not '%s'", verb,
				 said->guard);
	*ret = ports;
	return 0;
}

/* --- where ----------------------------------------------------------------------------- */

int cp_files_find(const struct cp_said *said, struct cp_files *ret, struct problem *why)
{
	*ret = (struct cp_files){
		.pki = pki_folder(said->pki),
		.db = agents_path(said->db),
		.socket = said->socket ? path_absolute(said->socket) : watch_path(NULL),
		.pid_file = said->pid_file ? path_absolute(said->pid_file)
					   : path_below(ROOT_RUNTIME, "control-plane.pid"),
		.plan = said->plan ? path_absolute(said->plan) : NULL,
		.introspect_ca = said->introspect_ca ? path_absolute(said->introspect_ca) : NULL,
	};
	if (ret->pki && ret->db && ret->socket && ret->pid_file && !said->plan == !ret->plan &&
	    !said->introspect_ca == !ret->introspect_ca)
		return 0;
	cp_files_done(ret);
	return problem(why, -ENOENT, "this user has no home folder: set HOME");
}

void cp_files_done(struct cp_files *files)
{
	free(files->pki);
	free(files->db);
	free(files->socket);
	free(files->pid_file);
	free(files->plan);
	free(files->introspect_ca);
	*files = (struct cp_files){};
}

int cp_place(const struct cp_files *files, struct life_place *ret, struct problem *why)
{
	return life_place_find(&cp_service, strdup(files->db), strdup(files->pid_file), ret, why);
}

/* --- made ------------------------------------------------------------------------------ */

int cp_prepare(const void *user, struct problem *why)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	const struct cp_files *files = user;
	_cleanup_pki_ struct pki pki = {};
	int r = pki_open(files->pki, &pki, why);

	if (!r && files->plan)
		r = plan_read(files->plan, &plan, why);
	return r ?: dir_make_for(files->db, why) ?: dir_make_for(files->socket, why);
}

/* --- its command line -------------------------------------------------------------------- */

static void add(struct cp_words *words, const char *begin, const char *value)
{
	if (value)
		words->word[words->n++] = (struct cp_word){ begin, value };
}

void cp_words_make(const struct cp_said *said, const struct cp_files *files,
		   const struct cp_ports *ports, struct cp_words *ret)
{
	ret->n = 0;
	snprintf(ret->agent_port, sizeof(ret->agent_port), "%u", ports->agent);
	snprintf(ret->admin_port, sizeof(ret->admin_port), "%u", ports->admin);
	add(ret, "--db=", files->db);
	add(ret, "--pki-dir=", files->pki);
	add(ret, "--socket=", files->socket);
	add(ret, "--agent-bind=", said->agent_bind ?: CP_LOOPBACK);
	add(ret, "--agent-port=", ret->agent_port);
	add(ret, "--admin-bind=", said->admin_bind ?: CP_LOOPBACK);
	add(ret, "--admin-port=", ret->admin_port);
	add(ret, "--session-port=", said->session_port);
	add(ret, "--plan=", files->plan);
	add(ret, "--network=", said->network);
	add(ret, "--guard=", said->guard);
	add(ret, "--contain=", said->contain);
	add(ret, "--dial=", said->dial);
	add(ret, "--audience=", said->audience);
	add(ret, "--introspect=", said->introspect);
	add(ret, "--introspect-ca=", files->introspect_ca);
}
