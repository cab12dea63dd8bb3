// SPDX-License-Identifier: Apache-2.0
#include "sandbox_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "sandbox_known.h"
#include "sandbox_podman.h"
#include "terok/control_msg.h"

#define FILE_MAX (64 << 10)

/* Where podman looks for a helper of its own, for --init. */
static const char *const init_places[] = { "/usr/local/libexec/podman", "/usr/local/lib/podman",
					   "/usr/libexec/podman", "/usr/lib/podman" };

static bool have_init(void)
{
	for (unsigned i = 0; i < sizeof(init_places) / sizeof(init_places[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/catatonit", init_places[i]);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* A whole small file; negative errno. */
static ssize_t read_file(const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t at = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && at + 1 < size) {
		n = read(fd, ret + at, size - 1 - at);
		if (n < 0)
			return -errno;
		at += n;
	}
	ret[at] = '\0';
	return n > 0 ? -EFBIG : (ssize_t)at;
}

/* --- podman --------------------------------------------------------------------------- */

/* A CDI device "VENDOR.com/gpu=..." in what podman lists, if it lists them. */
static void take_cdi(struct json_object *list, struct host *ret)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		for (unsigned v = 0; name && v < GPU_MAX_; v++)
			ret->command.gpu[v] |= strstr(name, spec_gpu_name[v]) != NULL;
	}
}

int host_parse_info(struct json_object *info, struct host *ret, struct problem *why)
{
	struct json_object *host = json_member(info, "host", json_type_object);
	const char *version = json_text(json_member(info, "version", json_type_object), "Version");
	const char *manager = json_text(host, "cgroupManager");
	const char *network = json_text(host, "rootlessNetworkCmd");
	struct json_object *security = json_member(host, "security", json_type_object);
	struct json_object *rootless = json_member(security, "rootless", json_type_boolean);

	if (!host || !rootless)
		return problem(why, -EIO, "podman info: what it said is not understood");
	ret->command.root = !json_object_get_boolean(rootless);
	ret->command.pasta = network && !strcmp(network, "pasta");
	snprintf(ret->version, sizeof(ret->version), "%s", version ?: "unknown");
	snprintf(ret->manager, sizeof(ret->manager), "%s", manager ?: "");
	if (sscanf(ret->version, "%u", &ret->command.podman) != 1)
		ret->command.podman = 0;
	take_cdi(json_member(host, "cdiSpecs", json_type_array), ret);
	return 0;
}

bool host_parse_dirs(const char *help, struct words *ret)
{
	static const char flag[] = "--hooks-dir ", begin[] = "(default [";
	const char *line = strstr(help, flag), *at, *end;

	at = line ? strstr(line, begin) : NULL;
	if (!at || at > line + strcspn(line, "\n"))
		return false;
	for (at += strlen(begin); *at && *at != ']' && *at != '\n';
	     at = *end == ',' ? end + 1 : end) {
		end = at + strcspn(at, ",]\n");
		if (end > at)
			words_addn(ret, at, end - at);
	}
	return ret->n;
}

/* Its help has what containers.conf and its folders say, put together by podman itself. */
static void take_dirs(const char *help, struct host *ret)
{
	if (!host_parse_dirs(help, &ret->hook_dirs) && !geteuid()) {
		words_add(&ret->hook_dirs, "/usr/share/containers/oci/hooks.d");
		words_add(&ret->hook_dirs, "/etc/containers/oci/hooks.d");
	}
	ret->hook_dirs_known = true;
}

/* podman before 5 does not say which devices there are: their files do. */
static void look_for_cdi(struct host *ret)
{
	static const char *const places[] = { "/etc/cdi", "/var/run/cdi" };

	for (unsigned i = 0; i < 2 * GPU_MAX_; i++) {
		static const char *const ends[] = { "yaml", "json" };
		const char *vendor = spec_gpu_name[i / 2];
		char path[64];

		for (unsigned end = 0; end < 2; end++) {
			snprintf(path, sizeof(path), "%s/%s.%s", places[i % 2], vendor, ends[end]);
			ret->command.gpu[i / 2] |= !access(path, F_OK);
			snprintf(path, sizeof(path), "%s/%s.com-gpu.%s", places[i % 2], vendor,
				 ends[end]);
			ret->command.gpu[i / 2] |= !access(path, F_OK);
		}
	}
}

/* --- a cgroup of its own -------------------------------------------------------------- */

/* Where cgroup2 is mounted, and where in it we are. */
static int find_cgroup(char *mount, char *path)
{
	char text[FILE_MAX], *save, *line;
	bool found = false;

	if (read_file("/proc/self/mountinfo", text, sizeof(text)) < 0)
		return -ENOENT;
	for (line = strtok_r(text, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save))
		found = strstr(line, " - cgroup2 ") &&
			sscanf(line, "%*s %*s %*s %*s %4095s", mount) == 1;
	if (!found || read_file("/proc/self/cgroup", text, sizeof(text)) < 0)
		return -ENOENT;
	line = strncmp(text, "0::", 3) ? strstr(text, "\n0::") : text;
	if (!line)
		return -ENOENT;
	line += *line == '\n' ? 4 : 3;
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, HOST_PATH_MAX, "%s", line);
	return 0;
}

static bool may_make(const char *mount, const char *path)
{
	char whole[2 * HOST_PATH_MAX + 16];

	snprintf(whole, sizeof(whole), "%s%s/cgroup.procs", mount, path);
	if (access(whole, W_OK)) /* a process is moved below it */
		return false;
	*strrchr(whole, '/') = '\0';
	return !access(whole, W_OK);
}

/*
 * Without systemd podman leaves a user's container in the cgroup of whoever started it, beside
 * the shell. It is given one below what is delegated to us: the topmost that we may write to.
 */
static void choose_parent(struct host *ret)
{
	char mount[HOST_PATH_MAX], path[HOST_PATH_MAX], best[HOST_PATH_MAX] = "";
	bool found = false;

	if (!find_cgroup(mount, path)) {
		while (may_make(mount, path)) {
			char *slash = strrchr(path, '/');

			found = true;
			snprintf(best, sizeof(best), "%s", path);
			if (!slash || !path[1])
				break;
			*slash = '\0';
		}
	}
	if (!found) {
		snprintf(
		    ret->cgroup_problem, sizeof(ret->cgroup_problem),
		    "a container could have no cgroup of its own: podman's cgroup manager is %s "
		    "and none is delegated to this session; log in with systemd (loginctl "
		    "enable-linger), or have one delegated",
		    ret->manager);
		return;
	}
	snprintf(ret->cgroup_parent, sizeof(ret->cgroup_parent), "%.4000s/terok-sandbox",
		 strcmp(best, "/") ? best : "");
	ret->command.cgroup_parent = ret->cgroup_parent;
}

void host_done(struct host *host)
{
	words_free(&host->hook_dirs);
}

/* Both of podman's answers, side by side. */
static int ask_podman(struct host *ret, struct problem *why)
{
	static const char *const args[][4] = { { "info", "--format", "json" }, { "--help" } };
	_cleanup_(json_putp) struct json_object *info = NULL;
	struct spawn_result result[2];
	int r = podman_ask_both(args[0], args[1], PODMAN_PROBE_NS, result, why);

	if (r)
		return r;
	r = podman_take_json(args[0][0], &result[0], &info, why);
	if (!r)
		r = host_parse_info(info, ret, why);
	take_dirs(result[1].output, ret);
	for (unsigned i = 0; i < 2; i++)
		spawn_result_done(&result[i]);
	return r ?: words_error(&ret->hook_dirs);
}

/* What is known of podman, or what it says now. */
static int ask_known(bool anew, struct host *ret, struct problem *why)
{
	char mark[KNOWN_MARK_LEN];
	int64_t now_s = time(NULL);
	bool settled, marked = known_mark(now_s, mark, &settled);
	int r;

	if (marked && !anew && !known_load(mark, now_s, ret))
		return 0;
	r = ask_podman(ret, why);
	if (!r && marked && settled)
		known_save(mark, now_s, ret);
	return r;
}

int host_ask(bool anew, struct host *ret, struct problem *why)
{
	int r;

	*ret = (struct host){};
	r = ask_known(anew, ret, why);
	if (r) {
		host_done(ret);
		return r;
	}
	ret->command.init = have_init();
	look_for_cdi(ret);
	if (!ret->command.root && strcmp(ret->manager, "systemd"))
		choose_parent(ret);
	return 0;
}

/* --- the guard ------------------------------------------------------------------------ */

static bool has_stage(struct json_object *hook, const char *stage)
{
	struct json_object *list = json_member(hook, "stages", json_type_array);

	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)) ?: "",
			    stage))
			return true;
	return false;
}

/* The absolute path of a program of ours, or NULL. */
static const char *ours(struct json_object *text)
{
	const char *path =
	    json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";
	const char *base = strrchr(path, '/');

	return *path == '/' && base && !strncmp(base, "/terok-", 7) ? path : NULL;
}

/* What a hook runs, itself or by "env", which is there where the program no more is. */
static const char *hook_program(struct json_object *hook)
{
	struct json_object *path = json_member(hook, "path", json_type_string);
	struct json_object *args = json_member(hook, "args", json_type_array);
	const char *program = ours(path);

	for (size_t i = 0; !program && args && i < json_object_array_length(args); i++)
		program = ours(json_object_array_get_idx(args, i));
	return program;
}

/* One of ours, by its program's name, that our annotation calls before the first instruction. */
bool host_parse_hook(const char *text, size_t size, char path[static HOST_PATH_MAX])
{
	_cleanup_(json_putp) struct json_object *hook = NULL;
	struct json_object *when;
	const char *program;
	bool called = false;

	if (json_parse(text, size, &hook) || !has_stage(hook, "createRuntime"))
		return false;
	program = hook_program(json_member(hook, "hook", json_type_object));
	if (!program)
		return false;
	when = json_member(json_member(hook, "when", json_type_object), "annotations",
			   json_type_object);
	if (when) {
		json_object_object_foreach(when, key, value)
		{
			(void)value;
			called |= strstr(key, "guard") != NULL;
		}
	}
	snprintf(path, HOST_PATH_MAX, "%s", program);
	return called;
}

/* The first of a folder's; @stale gets one whose program is not there. */
static bool hook_in(const char *folder, char *ret_path, char *stale)
{
	_cleanup_(closedirp) DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[HOST_PATH_MAX], program[HOST_PATH_MAX], text[FILE_MAX];
		size_t n = strlen(entry->d_name);
		ssize_t size;

		if (n < 6 || strcmp(entry->d_name + n - 5, ".json"))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >=
		    (int)sizeof(path))
			continue;
		size = read_file(path, text, sizeof(text));
		if (size < 0 || !host_parse_hook(text, size, program))
			continue;
		if (access(program, X_OK)) {
			snprintf(stale, HOST_PATH_MAX, "%s", path);
			continue;
		}
		snprintf(ret_path, HOST_PATH_MAX, "%s", path);
		return true;
	}
	return false;
}

static int ask_dirs(struct host *ret, struct problem *why)
{
	static const char *const args[] = { "--help", NULL };
	struct spawn_result result;
	int r = podman_ask(args, PODMAN_PROBE_NS, &result, why);

	if (r)
		return r;
	take_dirs(result.output, ret);
	spawn_result_done(&result);
	return 0;
}

int host_hook(const struct host *host, char *ret_path, struct problem *why)
{
	_cleanup_(host_done) struct host asked = {};
	bool known = host && host->hook_dirs_known;
	const struct words *dirs = known ? &host->hook_dirs : &asked.hook_dirs;
	char stale[HOST_PATH_MAX] = "";
	int r = known ? 0 : ask_dirs(&asked, why);

	if (r)
		return r;
	for (unsigned i = 0; i < dirs->n; i++)
		if (hook_in(dirs->word[i], ret_path, stale))
			return 0;
	if (*stale)
		return problem(why, -ENOENT,
			       "the program of the hook %.120s is not there; install it again: "
			       "terok-bpfd setup",
			       stale);
	return problem(
	    why, -ENOENT,
	    "no hook of terok-bpfd is where podman looks for hooks (%.100s); install it: "
	    "terok-bpfd setup %s",
	    dirs->n ? dirs->word[0] : "nowhere", geteuid() ? "--user" : "--root");
}

int host_agent(struct problem *why)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const char *run = getenv("TEROK_RUN");

	run = run && *run ? run : "/run/terok";
	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" CONTROL_SOCKET, run) >=
	    (int)sizeof(addr.sun_path))
		return problem(why, -ENAMETOOLONG, "%.100s is too long for a socket", run);
	/* a queue that is full is somebody's; and the hook asks once more */
	if (fd >= 0 && (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)) || errno == EAGAIN))
		return 0;
	return problem(
	    why, -errno,
	    "the agent does not answer at %.100s: %s; start it: systemctl start terok-bpfd",
	    addr.sun_path, strerror(errno));
}

int host_guard(const struct host *host, struct problem *why)
{
	char path[HOST_PATH_MAX];
	int r = host_hook(host, path, why) ?: host_agent(why);

	if (!r && *host->cgroup_problem)
		r = problem(why, -ENOENT, "%s", host->cgroup_problem);
	return r;
}
