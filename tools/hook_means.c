// SPDX-License-Identifier: Apache-2.0
#include "hook_means.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const sets[] = { "bounding", "effective", "permitted", "inheritable",
				    "ambient" };

/*
 * What a guarded container may have; whatever else there is, or will be, may lead out: by packets
 * that no socket sent (NET_ADMIN, NET_RAW), by mounts, namespaces and programs of its own
 * (SYS_ADMIN, BPF, PERFMON), by the kernel's memory (SYS_MODULE, SYS_RAWIO, SYS_BOOT), by the
 * host's files (DAC_READ_SEARCH: by handle), by the process that podman exec starts, before it
 * is one of the container's (SYS_PTRACE, CHECKPOINT_RESTORE).
 */
static const char *const harmless[] = {
	"CAP_AUDIT_CONTROL",
	"CAP_AUDIT_READ",
	"CAP_AUDIT_WRITE",
	"CAP_BLOCK_SUSPEND",
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_KILL",
	"CAP_LEASE",
	"CAP_MKNOD",
	"CAP_SETFCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_SETGID",
	"CAP_SETPCAP",
	"CAP_SETUID",
	"CAP_SYS_CHROOT",
	"CAP_SYS_NICE",
	"CAP_SYS_PACCT",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYSLOG",
	"CAP_SYS_TTY_CONFIG",
	"CAP_WAKE_ALARM",
};

static const char *at(struct json_object *array, size_t i)
{
	return json_object_get_string(json_object_array_get_idx(array, i)) ?: "";
}

static size_t length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

static bool has(struct json_object *array, const char *text)
{
	for (size_t i = 0; i < length(array); i++)
		if (!strcmp(at(array, i), text))
			return true;
	return false;
}

static bool is_harmless(const char *capability)
{
	for (size_t i = 0; i < LENGTH(harmless); i++)
		if (!strcmp(capability, harmless[i]))
			return true;
	return false;
}

/* Podman gives it by default, or not, as its version is; few ask for it by name. */
static void net_raw_drop(struct json_object *capabilities)
{
	for (size_t s = 0; s < LENGTH(sets); s++) {
		struct json_object *set = json_member(capabilities, sets[s], json_type_array);

		for (size_t i = length(set); i-- > 0;)
			if (!strcmp(at(set, i), "CAP_NET_RAW"))
				json_object_array_del_idx(set, i, 1);
	}
}

/* Are the container's users others than the host's, so that what root may it may not? */
static bool has_own_users(struct json_object *platform)
{
	_cleanup_fclose_ FILE *map = NULL;
	unsigned inside, outside, n;

	if (length(json_member(platform, "uidMappings", json_type_array)))
		return true;
	map = fopen("/proc/self/uid_map", "re");
	return map && fscanf(map, "%u %u %u", &inside, &outside, &n) == 3 &&
	       (inside || outside || n != UINT32_MAX);
}

static bool is_host_sys(struct json_object *mount)
{
	const char *from = json_text(mount, "source"), *to = json_text(mount, "destination");
	struct json_object *options = json_member(mount, "options", json_type_array);

	return from && to && !strcmp(from, "/sys") && !strcmp(to, "/sys") &&
	       has(options, "rbind") && has(options, "ro");
}

static void empty_add(struct json_object *mounts, const char *path)
{
	static const char *const options[] = { "ro", "nosuid", "nodev", "noexec" };
	struct json_object *mount = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < length(mounts); i++) {
		const char *to = json_text(json_object_array_get_idx(mounts, i), "destination");

		if (to && !strcmp(to, path)) {
			json_object_put(mount);
			json_object_put(list);
			return;
		}
	}
	for (size_t i = 0; i < LENGTH(options); i++)
		json_object_array_add(list, json_object_new_string(options[i]));
	json_object_object_add(mount, "destination", json_object_new_string(path));
	json_object_object_add(mount, "type", json_object_new_string("tmpfs"));
	json_object_object_add(mount, "source", json_object_new_string("tmpfs"));
	json_object_object_add(mount, "options", list);
	json_object_array_add(mounts, mount);
}

/*
 * On the host's network, whose owner it is not, a user's container may make no sysfs of its own:
 * podman shows it the host's, with all that is mounted below. Two of those lead out.
 */
static void host_sys_cover(struct json_object *config)
{
	struct json_object *mounts = json_member(config, "mounts", json_type_array);
	bool found = false;

	for (size_t i = 0; i < length(mounts); i++)
		found |= is_host_sys(json_object_array_get_idx(mounts, i));
	if (!found)
		return;
	/* above both, as nobody but root may open the one of the tables, to mount on it */
	empty_add(mounts, "/sys/fs");
}

void means_mend(struct json_object *config)
{
	struct json_object *process = json_member(config, "process", json_type_object);
	struct json_object *platform = json_member(config, "linux", json_type_object);

	net_raw_drop(json_member(process, "capabilities", json_type_object));
	if (platform)
		means_filter_mend(platform);
	if (has_own_users(platform))
		host_sys_cover(config);
}

/* All of them in one sentence, as far as there is room, each once. */
static int capabilities_check(struct json_object *capabilities, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *named = json_object_new_array();
	char list[160] = "";
	size_t used = 0;

	for (size_t s = 0; s < LENGTH(sets); s++) {
		struct json_object *set = NULL;

		if (!json_object_object_get_ex(capabilities, sets[s], &set) || !set)
			continue;
		if (!json_object_is_type(set, json_type_array))
			return problem(why, -EBADMSG, "its capabilities cannot be read");
		for (size_t i = 0; i < length(set); i++) {
			const char *name = at(set, i);

			if (is_harmless(name) || has(named, name))
				continue;
			json_object_array_add(named, json_object_new_string(name));
			if (used < sizeof(list) - 1)
				used += snprintf(list + used, sizeof(list) - used, "%s%s",
						 used ? ", " : "", name);
		}
	}
	if (!length(named))
		return 0;
	if (used >= sizeof(list))
		strcpy(list + sizeof(list) - 4, "...");
	return problem(why, -EPERM, "it has %s: start it without --privileged and --cap-add", list);
}

/* A rule that names no one device; making nodes of all is the default and opens none. */
static bool is_every_device(struct json_object *rule)
{
	struct json_object *allow = json_member(rule, "allow", json_type_boolean);
	struct json_object *major = json_member(rule, "major", json_type_int);
	const char *type = json_text(rule, "type"), *access = json_text(rule, "access");

	if (!allow || !json_object_get_boolean(allow) || (access && !strpbrk(access, "rw")))
		return false;
	return !type || !strcmp(type, "a") || !major || json_object_get_int64(major) < 0;
}

/* /proc/sys names programs that the kernel starts outside of every container. */
static int settings_check(struct json_object *config, struct json_object *platform,
			  struct problem *why)
{
	struct json_object *resources = json_member(platform, "resources", json_type_object);
	struct json_object *devices = json_member(resources, "devices", json_type_array);
	struct json_object *mounts = json_member(config, "mounts", json_type_array);

	if (!has(json_member(platform, "readonlyPaths", json_type_array), "/proc/sys"))
		return problem(why, -EPERM,
			       "its /proc/sys is writable: start it without --privileged and "
			       "--security-opt unmask");
	for (size_t i = 0; i < length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *type = json_text(mount, "type");

		if (type && !strcmp(type, "sysfs") &&
		    !has(json_member(mount, "options", json_type_array), "ro"))
			return problem(why, -EPERM,
				       "its /sys is writable: start it without --privileged");
	}
	for (size_t i = 0; i < length(devices); i++)
		if (is_every_device(json_object_array_get_idx(devices, i)))
			return problem(why, -EPERM,
				       "it may use every device: name those that it needs");
	return 0;
}

/* Where precreate ran, none is refused but one that could not be read. */
static int filter_check(struct json_object *platform, struct problem *why)
{
	struct problem found = {};
	int r = means_filter_check(platform, &found);

	return r ? problem(why, r, "%.200s; is the precreate hook installed?", found.text) : 0;
}

int means_check(struct json_object *config, struct problem *why)
{
	struct json_object *process = json_member(config, "process", json_type_object);
	struct json_object *platform = json_member(config, "linux", json_type_object);
	struct json_object *annotations = json_member(config, "annotations", json_type_object);
	struct json_object *capabilities = json_member(process, "capabilities", json_type_object);
	int r;

	if (!process || !platform)
		return problem(why, -EBADMSG, "its configuration has no process or no linux part");
	/* an image's annotations are the container's as well */
	if (annotations && json_object_object_get_ex(annotations, "run.oci.seccomp_bpf_data", NULL))
		return problem(why, -EPERM,
			       "the annotation run.oci.seccomp_bpf_data would replace its system "
			       "call filter");
	r = capabilities_check(capabilities, why);
	if (!r)
		r = settings_check(config, platform, why);
	return r ?: filter_check(platform, why);
}
