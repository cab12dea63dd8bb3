// SPDX-License-Identifier: Apache-2.0
#include "helper_main.h"

#include <errno.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/sock.h"
#include "helper_serve.h"
#include "life.h"

struct all {
	struct life life;
	struct helper *helper;
};

static void on_end(void *user)
{
	struct all *all = user;

	helper_close(all->helper, life_over, &all->life);
}

static int serve(struct all *all, int fd, const char *path, const char *program)
{
	int r = helper_new(all->life.loop, fd, program, HELPER_LIMIT_NS, &all->helper);

	if (!r) {
		log_info("verdicts at %s", path);
		r = life_run(&all->life);
	}
	helper_free(all->helper);
	return r ? log_error(r, "verdict helper") : 0;
}

int helper_main(const char *given, const char *program)
{
	struct sock_place place = SOCK_PLACE_NONE;
	struct problem why = {};
	struct all all = {};
	char path[256];
	int r = life_begin(&all.life, "terok-clearance-hub", on_end, &all);

	if (!r) {
		/* no ptrace by equals; the shield has its own again */
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		r = life_path(path, sizeof(path), given, "terok-clearance-verdict.sock", &why);
		if (!r)
			r = sock_place_take(path, &place, &why);
		r = r ? log_error(r, "%s", why.text) : serve(&all, place.fd, path, program);
	}
	sock_place_leave(&place);
	life_done(&all.life);
	return r;
}
