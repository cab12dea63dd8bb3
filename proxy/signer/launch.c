// SPDX-License-Identifier: Apache-2.0
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/spawn.h"
#include "words.h"

#define ABOVE 10 /* out of the way of WORDS_FD, whatever that is now */

int launch_exec(const char *program, const char *verb, const struct signer_options *options,
		char *const *env, int fd)
{
	const struct {
		const char *name, *value;
	} given[] = { { "--store", options->store },
		      { "--keys-file", options->keys_file },
		      { "--key-file", options->key_file },
		      { "--passphrase-file", options->passphrase_file },
		      { "--audit", options->audit } };
	const char *argv[16] = { SIGNER_PROGRAM, verb };
	unsigned n = 2;

	for (unsigned i = 0; i < sizeof(given) / sizeof(*given); i++) {
		if (!given[i].value)
			continue;
		argv[n++] = given[i].name;
		argv[n++] = given[i].value;
	}
	if (options->local)
		argv[n++] = "--local";
	if (!strcmp(verb,
		    LAUNCH_RUN)) /* who has keys; a keeper outlives the keeper that begins it */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	spawn_reset_signals();
	fd = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
	if (fd < 0 || dup2(fd, WORDS_FD) != WORDS_FD || close_range(WORDS_FD + 1, ~0U, 0))
		return -errno;
	execve(program, (char *const *)argv, env);
	return -errno;
}

int launch_read(int argc, char **argv, struct signer_options *ret)
{
	struct signer_options to = {};
	const struct cli_option options[] = {
		{ "store", "FILE", "tokens, and keys in it", CLI_STRING, &to.store },
		{ "keys-file", "FILE", "which files are whose keys", CLI_STRING, &to.keys_file },
		{ "key-file", "FILE", "has the key of the store", CLI_STRING, &to.key_file },
		{ "passphrase-file", "FILE", "has what that is made of", CLI_STRING,
		  &to.passphrase_file },
		{ "audit", "FILE", "what was signed for whom", CLI_STRING, &to.audit },
		{ "local", NULL, "also for those who come without a token", CLI_FLAG, &to.local },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (!to.store)
		return log_error(-EINVAL, "--store is missing");
	*ret = to;
	return 0;
}
