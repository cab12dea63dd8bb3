/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_place.h - where things belong, and where podman looks
 *
 * podman reads hooks from the folders that hooks_dir of its configuration names, the last file
 * that sets it counts: /usr/share/containers/containers.conf, the same in /etc and its
 * containers.conf.d, for a user then those of ~/.config/containers. Where none does, root's looks
 * in /usr/share/containers/oci/hooks.d, and a user's nowhere (4.3) or there.
 *
 * Called by: setup*.c. Threads: none.
 */
#ifndef TEROK_SETUP_PLACE_H
#define TEROK_SETUP_PLACE_H

#include "setup_conf.h"
#include "setup_text.h"

#define SETUP_HOOKS_SHARED "/usr/share/containers/oci/hooks.d"
#define SETUP_HOOKS_ROOT   "/etc/containers/oci/hooks.d"

enum setup_scope { SETUP_ROOT = 1, SETUP_USER };

struct setup_place {
	enum setup_scope scope;
	char hooks[SETUP_DIR_LEN]; /* where ours go */
	char conf[SETUP_DIR_LEN];  /* the containers.conf that we may edit */
	char units[SETUP_DIR_LEN];
	char config[SETUP_DIR_LEN], state[SETUP_DIR_LEN],
	    run[SETUP_DIR_LEN]; /* config, run: root's */
	struct conf_dirs looks; /* where podman looks */
	struct conf_dirs wants; /* what the line that we put in says */
	bool set;               /* a file says so, not podman itself */
	bool line;              /* it does not look where ours go, and a line of ours can help */
	char set_by[SETUP_DIR_LEN];
	unsigned set_line;
};

/** setup_place_find() - for root or the user who asks; done with setup_place_done(), also on error */
int setup_place_find(enum setup_scope scope, struct setup_place *ret, struct problem *why);
void setup_place_done(struct setup_place *place);

/** setup_provided() - where a packaged unit of that name is, in its scope; NULL: nowhere */
const char *setup_provided(const struct setup_file *file, int *version);

#endif
