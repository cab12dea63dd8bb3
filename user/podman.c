// SPDX-License-Identifier: Apache-2.0
#include "podman.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/spawn.h"
#include "claim.h"
#include "netns.h"

#define CMDLINE_MAX  16384 /* podman's conmon lines have about 2,000 bytes */
#define STAT_MAX     1024
#define INSPECT_MAX  (4U << 20) /* labels and environment of one container, generously */
#define INSPECT_NS   UINT64_C(10000000000)
#define ID_SHORT_MIN 12 /* fewer digits are a name */

/* What is looked for, and the best that was found so far. */
struct search {
	const char *text; /* name or id, without the user */
	bool any_user;
	uid_t uid;
	bool is_id; /* may be an id or the beginning of one */
	unsigned found, monitors;
	pid_t monitor;
	struct podman_container best;
};

static ssize_t read_proc(pid_t pid, const char *what, char *ret, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[48];
	size_t at = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, ret + at, size - at);

		if (n < 0)
			return -errno;
		at += n;
		if (n == 0)
			return at;
		if (at == size)
			return -EFBIG;
	}
}

/* Real uid of a process, in our user namespace; the owner of /proc/PID may be another. */
static int uid_of(pid_t pid, uid_t *ret)
{
	char text[4096];
	const char *line;
	ssize_t n = read_proc(pid, "status", text, sizeof(text) - 1);
	unsigned uid;

	if (n < 0)
		return n;
	text[n] = '\0';
	line = strstr(text, "\nUid:"); /* the name before it cannot hold a newline */
	if (!line || sscanf(line, "\nUid: %u", &uid) != 1)
		return -EBADMSG;
	*ret = uid;
	return 0;
}

/* In our pid namespace: a container's root cannot pass for a monitor of another container. */
static bool is_here(pid_t pid)
{
	struct stat theirs, ours;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return !stat(path, &theirs) && !stat("/proc/self/ns/pid", &ours) &&
	       theirs.st_ino == ours.st_ino;
}

static pid_t parent_of(pid_t pid)
{
	char text[STAT_MAX];
	ssize_t n = read_proc(pid, "stat", text, sizeof(text) - 1);
	const char *behind;
	int parent;

	if (n < 0)
		return n;
	text[n] = '\0';
	behind = strrchr(text, ')'); /* the name may hold anything, ')' too */
	return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : -EBADMSG;
}

static int each_process(int (*fn)(pid_t pid, struct search *search), struct search *search)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	if (!proc)
		return -errno;
	while (!r && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			r = fn(pid, search);
	}
	closedir(proc);
	return r;
}

static bool fits(const struct search *search, const char *id, const char *name, uid_t uid)
{
	if (!search->any_user && search->uid != uid)
		return false;
	return !strcmp(name, search->text) ||
	       (search->is_id && !strncmp(id, search->text, strlen(search->text)));
}

/* Root's come before all others: no user can hide or shadow one of root's by its name. */
static int look_at_monitor(pid_t pid, struct search *search)
{
	char comm[20], line[CMDLINE_MAX], id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN];
	ssize_t n = read_proc(pid, "comm", comm, sizeof(comm));
	uid_t uid = UINT32_MAX;

	if (n != 7 || memcmp(comm, "conmon\n", 7) || !is_here(pid))
		return 0;
	n = read_proc(pid, "cmdline", line, sizeof(line));
	if (n <= 0 || container_of_monitor(line, n, id, name) || uid_of(pid, &uid))
		return 0;
	search->monitors++;
	if (!fits(search, id, name, uid))
		return 0;
	if (search->found && search->best.uid == 0 && uid != 0)
		return 0;
	if (search->found && search->best.uid != 0 && uid == 0)
		search->found = 0;
	search->found++;
	search->monitor = pid;
	search->best.uid = uid;
	strcpy(search->best.id, id);
	strcpy(search->best.name, name);
	return 0;
}

/* The container's first process is the monitor's child whose cgroup carries the id. */
static int look_at_child(pid_t pid, struct search *search)
{
	char path[TEROK_PATH_LEN];

	if (parent_of(pid) != search->monitor)
		return 0;
	search->best.pid = pid;
	if (cgroup_of_pid(pid, path, NULL))
		return 0;
	return container_cgroup(path, search->best.id, search->best.cgroup) ? 0 : 1;
}

/* "8080/tcp": [ { "HostIp": ..., "HostPort": ... } ]; null where it is only exposed. */
static void take_ports(struct json_object *container, struct podman_container *ret)
{
	struct json_object *ports = json_member(
	    json_member(container, "NetworkSettings", json_type_object), "Ports", json_type_object);

	ret->n_published = 0;
	if (!ports)
		return;
	json_object_object_foreach(ports, key, hosts)
	{
		char *end;
		unsigned long port = strtoul(key, &end, 10);
		bool udp = !strcmp(end, "/udp");

		if (isdigit((unsigned char)*key) && port && port <= 65535 &&
		    (udp || !strcmp(end, "/tcp")) && json_object_is_type(hosts, json_type_array) &&
		    json_object_array_length(hosts) && ret->n_published < PODMAN_PORTS_MAX)
			ret->published[ret->n_published++] =
			    (struct publish){ port, udp ? IPPROTO_UDP : IPPROTO_TCP };
	}
}

static int take_inspect(struct json_object *list, struct podman_container *ret, struct problem *why)
{
	struct json_object *first, *id, *name, *state, *pid;
	int64_t number;

	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) != 1)
		return problem(why, -EBADMSG, "podman inspect: one container expected");
	first = json_object_array_get_idx(list, 0);
	id = json_member(first, "Id", json_type_string);
	name = json_member(first, "Name", json_type_string);
	state = json_member(first, "State", json_type_object);
	pid = state ? json_member(state, "Pid", json_type_int) : NULL;
	if (!id || !name || !pid)
		return problem(why, -EBADMSG, "podman inspect: no Id, Name or State.Pid");
	number = json_object_get_int64(pid);
	if (!container_is_id(json_object_get_string(id)) ||
	    !container_is_name(json_object_get_string(name)) || number < 0 || number > INT32_MAX)
		return problem(why, -EBADMSG, "podman inspect: Id, Name or State.Pid is odd");
	strcpy(ret->id, json_object_get_string(id));
	strcpy(ret->name, json_object_get_string(name));
	ret->pid = number;
	take_ports(first, ret);
	return 0;
}

int podman_parse_inspect(const char *json, size_t size, struct podman_container *ret,
			 struct problem *why)
{
	_cleanup_(json_putp) struct json_object *list = NULL;

	if (size > INSPECT_MAX || json_parse(json, size, &list))
		return problem(why, -EBADMSG, "podman inspect: not JSON");
	return take_inspect(list, ret, why);
}

/* What root's podman says of a container. */
static int ask_podman(const char *text, struct podman_container *ret, struct problem *why)
{
	const char *const argv[] = { "podman", "inspect", "--type", "container", "--", text, NULL };
	static const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
					   "/usr/bin:/sbin:/bin",
					   "HOME=/root", "LANG=C.UTF-8", NULL };
	struct spawn spawn = { argv, env, INSPECT_NS, INSPECT_MAX, 0 };
	struct spawn_result result;
	int r = spawn_run(&spawn, &result, why);

	if (r)
		return r;
	r = result.status ? -ENOENT : podman_parse_inspect(result.output, result.size, ret, why);
	spawn_result_done(&result);
	return r;
}

/* For containers that lost their monitor and for those that do not run. */
static int search_podman(struct search *search, struct problem *why)
{
	int r = ask_podman(search->text, &search->best, why);

	if (r)
		return r;
	search->best.uid = 0;
	if (!search->best.pid)
		return problem(why, -ESRCH, "container %s does not run; podman start %s",
			       search->best.name, search->best.name);
	return 0;
}

int podman_ask_ports(struct podman_container *container, struct problem *why)
{
	struct podman_container said = {};
	int r;

	container->n_published = 0;
	if (container->uid)
		return 0;
	r = ask_podman(container->id, &said, why);
	if (r)
		return r;
	if (strcmp(said.id, container->id))
		return problem(why, -EBADMSG, "podman inspect: another container");
	memcpy(container->published, said.published, sizeof(said.published));
	container->n_published = said.n_published;
	return 0;
}

/* Believe the kernel. */
static int verify(struct podman_container *c, struct problem *why)
{
	_cleanup_close_ int ours = -1;
	uint64_t inode = 0, our_inode = 0;
	struct claim claim;
	int r = claim_open(c->pid, c->id, c->name, &claim, why);

	if (r)
		return r;
	ours = netns_of_pid(0, NULL);
	if (netns_inode(claim.netns_fd, &inode) || netns_inode(ours, &our_inode)) {
		claim_done(&claim);
		return problem(why, -EIO, "cannot tell the network namespace of %s", c->name);
	}
	c->host_network = inode == our_inode;
	strcpy(c->cgroup, claim.cgroup);
	c->cgroup_fd = TAKE_FD(claim.cgroup_fd);
	c->netns_fd = TAKE_FD(claim.netns_fd);
	claim_done(&claim);
	return 0;
}

/* "USER:NAME", "UID:NAME" or "NAME"; the text after the colon is what fits() compares. */
static int parse_text(const char *text, struct search *search, struct problem *why)
{
	const char *colon = strchr(text, ':');
	size_t len;

	search->text = colon ? colon + 1 : text;
	search->any_user = !colon;
	if (colon) {
		_cleanup_free_ char *user = strndup(text, colon - text);
		struct passwd *entry = user ? getpwnam(user) : NULL;
		char *end = NULL;
		unsigned long uid = user && isdigit((unsigned char)*user) ? strtoul(user, &end, 10)
									  : UINT32_MAX;

		if (!entry && (!end || *end || uid >= UINT32_MAX))
			return problem(why, -EINVAL, "no user '%s'", user ? user : "");
		search->uid = entry ? entry->pw_uid : (uid_t)uid;
	}
	if (!container_is_name(search->text))
		return problem(why, -EINVAL, "'%s' is no container name or id", text);
	len = strlen(search->text);
	search->is_id = len >= ID_SHORT_MIN && len <= 64 &&
			strspn(search->text, "0123456789abcdef") == len;
	return 0;
}

/* From the monitors that were found, or none, to a pid. */
static int resolve(struct search *search, struct problem *why)
{
	bool of_user = search->found && search->best.uid;
	int r = -ENOENT;

	/* a user's container must not stand in for one of root's that lost its monitor */
	if (search->any_user ? !search->found || of_user : !search->found && !search->uid) {
		struct search asked = *search;

		r = search_podman(&asked, search->found ? NULL : why);
		if (!r)
			search->best = asked.best;
	}
	if (!r || !search->found)
		return r;
	r = each_process(look_at_child, search);
	if (!search->best.pid)
		return problem(why, -ESRCH, "container %s does not run", search->best.name);
	return r < 0 ? r : 0;
}

static int too_many(const struct search *search, struct problem *why)
{
	return problem(why, -ENOTUNIQ, "%u containers fit '%s'; say USER:%s, or the full id",
		       search->found, search->text, search->text);
}

int podman_hint(const char *text, struct podman_container *ret, struct problem *why)
{
	struct search search = { .best = { .cgroup_fd = -1, .netns_fd = -1 } };
	int r = parse_text(text, &search, why);

	if (!r && !search.any_user && search.uid != geteuid())
		return problem(why, -EPERM, "'%.80s' is another user's; sudo terok-bpfd attach",
			       text);
	search.any_user = false;
	search.uid = geteuid();
	if (!r && each_process(look_at_monitor, &search) < 0)
		r = problem(why, -EIO, "cannot read /proc");
	if (!r && search.found > 1)
		return too_many(&search, why);
	if (!r && !search.found)
		return problem(why, -ENOENT, "no running container '%.80s' of yours", text);
	if (!r)
		r = each_process(look_at_child, &search);
	if (r >= 0 && !search.best.pid)
		return problem(why, -ESRCH, "container %s does not run", search.best.name);
	if (r >= 0)
		*ret = search.best;
	return r < 0 ? r : 0;
}

int podman_find(const char *text, struct podman_container *ret, struct problem *why)
{
	struct search search = { .best = { .cgroup_fd = -1, .netns_fd = -1 } };
	int r = parse_text(text, &search, why);

	if (r)
		return r;
	r = each_process(look_at_monitor, &search);
	if (r < 0)
		return problem(why, r, "cannot read /proc");
	if (search.found > 1)
		return too_many(&search, why);
	r = resolve(&search, why);
	if (r == -ENOENT)
		return problem(why, r,
			       "no running container '%s' (root's podman and every "
			       "user's monitors were asked)",
			       text);
	if (!r)
		r = verify(&search.best, why);
	if (!r)
		*ret = search.best;
	return r;
}

void podman_container_done(struct podman_container *container)
{
	closep(&container->cgroup_fd);
	closep(&container->netns_fd);
}
