// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_podman.c - podman and what setup installed for it; containers that should be guarded
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/json.h"
#include "base/spawn.h"
#include "doctor.h"
#include "doctor_proc.h"
#include "setup.h"

#define ASK_NS      UINT64_C(10000000000) /* from a cold disk it takes long */
#define NOBODY      65534
#define CMDLINE_MAX 16384
#define CONFIG_MAX  (1 << 20) /* of one container: its configuration, generously */
#define STEPS_SHOWN 4
#define SETUP_IT    "terok-bpfd setup --root"

/* --- podman ----------------------------------------------------------------------------------------- */

static bool in_path(const char *program)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					    "/usr/bin",        "/sbin",          "/bin" };
	char path[64];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void check_podman(struct doctor *doctor)
{
	const char *const argv[] = { "podman", "--version", NULL };
	const struct spawn spawn = { .argv = argv, .limit_ns = ASK_NS, .output_max = 256 };
	bool crun = in_path("crun"), runc = in_path("runc");
	struct spawn_result result;
	struct problem why = {};
	unsigned major = 0;
	int r = spawn_run(&spawn, &result, &why);

	if (r == -ENOENT) {
		doctor_say(doctor, VERDICT_OK, "", "not installed");
		return;
	}
	if (r) {
		doctor_say(doctor, VERDICT_WARN, "", "podman cannot be asked: %s", why.text);
		return;
	}
	result.output[strcspn(result.output, "\n")] = '\0';
	sscanf(result.output, "podman version %u", &major);
	if (result.status || !major)
		doctor_say(doctor, VERDICT_WARN, "", "podman --version ends with %d",
			   result.status);
	else if (!crun && !runc)
		doctor_say(doctor, VERDICT_FAIL, "apt-get install crun",
			   "%s, and neither crun nor runc", result.output);
	else if (major < 4)
		doctor_say(doctor, VERDICT_WARN, "podman 4.3 or later", "%s: nobody has tried that",
			   result.output);
	else
		doctor_say(doctor, VERDICT_OK, "", "%s, with %s%s%s", result.output,
			   crun ? "crun" : "", crun && runc ? " and " : "", runc ? "runc" : "");
	spawn_result_done(&result);
}

/* --- what setup installed ------------------------------------------------------------------------------ */

static void check_hookfiles(struct doctor *doctor)
{
	struct setup_health health;

	setup_health(&health);
	if (!strcmp(health.health, "ok"))
		doctor_say(doctor, VERDICT_OK, "", "podman calls those in %s, version %d",
			   health.dir, health.version);
	else
		doctor_say(doctor,
			   strcmp(health.health, "stale-hooks") ? VERDICT_WARN : VERDICT_FAIL,
			   *health.hint ? health.hint : SETUP_IT, "%s",
			   *health.issue ? health.issue
					 : "podman calls none: no container is guarded by itself");
}

static bool is_for_people(const struct setup_step *step)
{
	return step->act != SETUP_RECORD && step->act != SETUP_RUN;
}

/* Units, folders and the line in containers.conf too: what setup --check says. */
static void check_setup(struct doctor *doctor)
{
	struct problem why = {};
	struct setup setup = {};
	char text[DOCTOR_TEXT] = "";
	size_t at = 0;
	unsigned n = 0;
	int r = setup_plan(SETUP_ROOT, false, &setup, &why);

	for (unsigned i = 0; !r && i < setup.n; i++) {
		const struct setup_step *step = &setup.step[i];

		if (!is_for_people(step))
			continue;
		if (n++ < STEPS_SHOWN && at < sizeof(text))
			at += snprintf(text + at, sizeof(text) - at, "%s %s %s%s%s",
				       n > 1 ? ";" : "", setup_act_name(step->act), step->what,
				       *step->why ? ": " : "", step->why);
	}
	setup_done(&setup);
	if (r)
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s", why.text);
	else if (n)
		doctor_say(doctor, VERDICT_WARN, SETUP_IT, "%u to do:%s%s", n, text,
			   n > STEPS_SHOWN ? "; ..." : "");
	else
		doctor_say(doctor, VERDICT_OK, "", "hooks, units and folders are this version's");
}

/* --- containers that carry the annotation ---------------------------------------------------------------- */

static bool triggers(const char *key)
{
	return !strcmp(key, "terok.guard") || !strcmp(key, "terok.shield.profiles");
}

/*
 * What podman wrote. It is read with the rights of who runs that podman and no others: a user may
 * have put anything there, and a monitor's command line is the user's choice.
 */
static int config_open(const char *path, uid_t uid)
{
	struct stat st;
	int fd;

	setfsgid(uid ? NOBODY : 0); /* no group of root's either */
	setfsuid(uid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	setfsuid(0);
	setfsgid(0);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode)))
		closep(&fd);
	return fd;
}

static bool wants_guard(const char *bundle, uid_t uid)
{
	_cleanup_free_ char *text = malloc(CONFIG_MAX);
	struct json_object *config = NULL, *annotations;
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX + 16];
	bool wants = false;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/config.json", bundle);
	fd = config_open(path, uid);
	n = fd < 0 || !text ? -1 : read(fd, text, CONFIG_MAX);
	if (n <= 0 || json_parse(text, n, &config))
		return false;
	annotations = json_member(config, "annotations", json_type_object);
	if (annotations) {
		json_object_object_foreach(annotations, key, value)
		{
			(void)value;
			wants = wants || triggers(key);
		}
	}
	json_object_put(config);
	return wants;
}

static bool word_after(const char *line, ssize_t size, const char *option, char *ret, size_t room)
{
	for (const char *word = line; word < line + size; word += strlen(word) + 1) {
		const char *next = word + strlen(word) + 1;

		if (!strcmp(word, option) && next < line + size)
			return snprintf(ret, room, "%s", next) < (int)room;
	}
	return false;
}

struct roll {
	struct doctor *doctor;
	ino_t processes; /* our process namespace: a container's own conmon is no monitor of ours */
	unsigned seen, unguarded;
};

static int is_of(uint32_t number, const struct terok_info *info, void *id)
{
	(void)number;
	return !strcmp(info->container, id);
}

static bool is_here(pid_t pid, ino_t processes)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return !stat(path, &st) && st.st_ino == processes;
}

static void say_unguarded(struct doctor *doctor, const char *id, const char *name, uid_t uid)
{
	char fix[TEROK_NAME_LEN + 64], of[32] = "";

	if (uid)
		snprintf(of, sizeof(of), "%u:", uid);
	snprintf(fix, sizeof(fix), "terok-bpfd attach %s%s, or start it again", of, name);
	doctor_say(doctor, VERDICT_FAIL, fix,
		   "container %s%s (%.12s) carries the annotation, and has no guard", of, name, id);
}

static int look_at_process(pid_t pid, void *user)
{
	char line[CMDLINE_MAX], id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN], bundle[PATH_MAX];
	struct roll *roll = user;
	struct proc_status status;
	ssize_t n = proc_cmdline(pid, line, sizeof(line));

	if (n <= 0 || container_of_monitor(line, n, id, name) || !is_here(pid, roll->processes) ||
	    proc_status(pid, &status) || !word_after(line, n, "-b", bundle, sizeof(bundle)) ||
	    !wants_guard(bundle, status.uid))
		return 0;
	roll->seen++;
	if (roll->doctor->kernel &&
	    kernel_each_label(roll->doctor->kernel->map[MAP_INFO], is_of, id) > 0)
		return 0;
	roll->unguarded++;
	say_unguarded(roll->doctor, id, name, status.uid);
	return 0;
}

static void check_unguarded(struct doctor *doctor)
{
	struct roll roll = { .doctor = doctor };
	struct stat st;
	int r = stat("/proc/self/ns/pid", &st) ? -errno : 0;

	roll.processes = st.st_ino;
	if (!r)
		r = proc_each(look_at_process, &roll);
	if (r)
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s", strerror(-r));
	else if (!roll.unguarded)
		doctor_say(doctor, VERDICT_OK, "", "%u containers want a guard, and have one",
			   roll.seen);
}

const struct check doctor_podman[] = {
	{ .name = "podman", .host = check_podman, .limit_s = 15 },
	{ .name = "hookfiles", .host = check_hookfiles },
	{ .name = "setup", .host = check_setup, .limit_s = 20 },
	{ .name = "unguarded", .host = check_unguarded },
	{},
};
