// SPDX-License-Identifier: Apache-2.0
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "place.h"
#include "service/unit.h"
#include "terok-gate.service.h" /* made from the units, by the Makefile */
#include "terok-gate.socket.h"

static const struct service_kind kinds[] = { { "terok-gate", "# terok-gate-version:" }, {} };

const struct service gate_service = {
	.program = "terok-gate",
	.noun = "gate",
	.plural = "mirrors",
	.port = GATE_PORT,
	.version = UNIT_VERSION,
	.socket = "terok-gate.socket",
	.unit = "terok-gate.service",
	.socket_text = terok_gate_socket,
	.unit_text = terok_gate_service,
	.kind = kinds,
	.folder_option = "--base-path",
	.folder = "base path",
};

int gate_place(const char *base, const char *pid_file, struct life_place *ret, struct problem *why)
{
	return life_place_find(&gate_service, place_absolute(base, PLACE_BASE),
			       place_absolute(pid_file, PLACE_PID), ret, why);
}

int gate_prepare(const void *place, struct problem *why)
{
	const char *base = ((const struct life_place *)place)->folder;
	struct stat st;

	dir_make(base);
	if (stat(base, &st))
		return problem(why, -errno, "the folder of mirrors %.150s (--base-path): %s", base,
			       strerror(errno));
	return S_ISDIR(st.st_mode)
		   ? 0
		   : problem(why, -ENOTDIR, "%.150s (--base-path) is no folder", base);
}
