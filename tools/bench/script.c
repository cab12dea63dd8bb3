// SPDX-License-Identifier: Apache-2.0
/* script.c - a shell script that has the programs a family compares; see script.h */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MORE_MAX 8

static _Noreturn void script_run(const struct script *script, const char *name,
				 const char *const *more, const int in[2], const int out[2])
{
	const char *argv[MORE_MAX + 4] = { NULL, bench.build, script->folder };
	char file[600];

	snprintf(file, sizeof(file), "%s/%s", bench.source, name);
	argv[0] = file;
	for (int i = 0; more && more[i] && i < MORE_MAX; i++)
		argv[3 + i] = more[i];
	dup2(in[0], 0);
	dup2(out[1], 1);
	close(in[1]);
	close(out[0]);
	execv(file, (char **)argv);
	bench_fail(-errno, "%s", file);
	_exit(127);
}

int script_start(struct script *script, const char *name, const char *const *more)
{
	int in[2], out[2];

	snprintf(script->folder, sizeof(script->folder), "%s/%s-%s", bench.dir, bench.family, name);
	if (mkdir(script->folder, 0700) || pipe(in) || pipe(out))
		return -errno;
	fflush(NULL);
	script->pid = fork();
	if (!script->pid)
		script_run(script, name, more, in, out);
	close(in[0]);
	close(out[1]);
	script->to = fdopen(in[1], "we");
	script->from = fdopen(out[0], "re");
	return script->pid < 0 || !script->to || !script->from ? -errno : 0;
}

int script_end(struct script *script)
{
	int status = 0;

	if (script->pid <= 0)
		return 0;
	fclose(script->to);
	fclose(script->from);
	waitpid(script->pid, &status, 0);
	script->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
