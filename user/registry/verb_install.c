// SPDX-License-Identifier: Apache-2.0
/* verb_install.c - terok-cp install, uninstall: units of a user's service manager, or root's of the system's */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "control_plane.h"
#include "service/install.h"
#include "verbs.h"

#define UNIT_VALUES 8 /* beside the command line */

struct wish {
	struct cp_said said;
	struct cp_ports ports;
	struct cp_files files;
	struct life_place place;
	bool dry;
};

static void wish_done(struct wish *wish)
{
	cp_files_done(&wish->files);
	life_place_done(&wish->place);
}

static int make_units(const struct wish *wish, struct problem *why)
{
	_cleanup_(install_roots_done) struct install_roots roots = {};
	struct unit_value values[UNIT_VALUES + INSTALL_ROOTS + CP_WORDS + 1] = {};
	_cleanup_free_ char *program = NULL;
	char agent[UNIT_TCP], admin[UNIT_TCP];
	const struct cp_said *said = &wish->said;
	struct cp_words words;
	unsigned n = 0;
	int r = install_program(&program, why) ?: install_roots_find(&roots, why);

	r = r ?: unit_tcp(said->agent_bind ?: CP_LOOPBACK, wish->ports.agent, agent, why);
	r = r ?: unit_tcp(said->admin_bind ?: CP_LOOPBACK, wish->ports.admin, admin, why);
	if (r)
		return r;
	cp_words_make(said, &wish->files, &wish->ports, &words);
	values[n++] =
	    (struct unit_value){ "SOCKET", UNIT_LINE, "--socket", "", wish->files.socket };
	values[n++] = (struct unit_value){ "AGENT", UNIT_LINE, "--agent-bind", "", agent };
	values[n++] = (struct unit_value){ "ADMIN", UNIT_LINE, "--admin-bind", "", admin };
	values[n++] = (struct unit_value){ "PROGRAM", UNIT_PROGRAM, "this program", "", program };
	values[n++] = (struct unit_value){ "TARGET", UNIT_LINE, "the target", "",
					   install_target(&cp_service) };
	n += install_roots_values(&roots, &values[n]);
	for (unsigned i = 0; i < words.n; i++)
		values[n++] = (struct unit_value){ "WORDS", UNIT_NUMBER, words.word[i].begin,
						   words.word[i].begin, words.word[i].value };
	return install_units(&cp_service,
			     &(struct install){ .place = &wish->place,
						.values = values,
						.prepare = cp_prepare,
						.prepared = &wish->files,
						.dry = wish->dry },
			     why);
}

static int place_find(struct wish *wish, struct problem *why)
{
	return cp_files_find(&wish->said, &wish->files, why)
		   ?: cp_place(&wish->files, &wish->place, why);
}

int verb_install(int argc, char **argv)
{
	_cleanup_(wish_done) struct wish wish = {};
	struct problem why = {};
	const struct cli_option options[] = {
		CP_OPTIONS(wish.said),
		{ "dry-run", NULL, "show the units, do nothing", CLI_FLAG, &wish.dry },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0)
		    ?: cp_ports_read(&wish.said, "install", &wish.ports);

	if (r)
		return r;
	r = place_find(&wish, &why) ?: make_units(&wish, &why);
	if (r)
		log_error(0, "install: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_uninstall(int argc, char **argv)
{
	_cleanup_(wish_done) struct wish wish = {};
	struct problem why = {};
	const struct cli_option none[] = { {} };
	int r = cli_parse(argc, argv, none, 0, 0);

	if (r)
		return r;
	r = place_find(&wish, &why) ?: install_remove(&cp_service, &wish.place, &why);
	if (r)
		log_error(0, "uninstall: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
