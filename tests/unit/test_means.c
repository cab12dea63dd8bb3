// SPDX-License-Identifier: Apache-2.0
/* test_means.c - tools/hook_means*.c: configurations that let a container leave, and what mends them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/json.h"
#include "tools/hook_means.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define ALLOW         "\"action\":\"SCMP_ACT_ALLOW\""
#define ERRNO         "\"action\":\"SCMP_ACT_ERRNO\""
#define ARG(index, op, value)                                                                      \
	"{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_" #op "\"}"
/* One more than a system call has; crun would not read it. */
#define SEVEN                                                                                      \
	ARG(0, EQ, 2)                                                                              \
	"," ARG(1, EQ, 1) "," ARG(2, EQ, 1) "," ARG(3, EQ, 1) "," ARG(4, EQ, 1) "," ARG(           \
	    5, EQ, 1) "," ARG(1, EQ, 2)
#define SOCKET(rule) "{\"names\":[\"socket\",\"socketpair\"]," rule "}"
#define FILTER(action, archs, rules)                                                               \
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_" action "\",\"architectures\":[" archs "],"    \
	"\"syscalls\":[" rules "]}"

/* Enough for a child that asks and tells. */
#define LIVE  "{\"names\":[\"write\",\"exit_group\",\"socketcall\"]," ALLOW "}"
#define ARCHS "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\""

/* As podman 4.3 has it: the audit kind of netlink is refused, everything else is allowed. */
#define PODMAN                                                                                     \
	FILTER("ERRNO", ARCHS,                                                                     \
	       LIVE                                                                                \
	       ",{\"names\":[\"socket\"]," ERRNO                                                   \
	       ",\"errnoRet\":22,\"args\":[" ARG(0, EQ, 16) "," ARG(                               \
		   2, EQ, 9) "]},{\"names\":[\"socket\"]," ALLOW                                   \
			     ",\"args\":[" ARG(                                                    \
				 2, NE, 9) "]},"                                                   \
					   "{\"names\":[\"socket\"]," ALLOW ",\"args\":[" ARG(     \
					       0, NE, 16) "]},{\"names\":[\"socketpair\"]," ALLOW  \
							  "}")

static struct json_object *config;

static int forget(void **state)
{
	(void)state;
	json_putp(&config);
	return 0;
}

/* A configuration that is sound but for what the test puts into it. */
static void make(const char *capabilities, const char *annotations, const char *mounts,
		 const char *platform)
{
	char text[8192];
	int n = snprintf(text, sizeof(text),
			 "{\"process\":{\"capabilities\":{%s}},\"annotations\":{%s},"
			 "\"mounts\":[{\"type\":\"proc\"}%s],\"linux\":{%s}}",
			 capabilities, annotations, mounts, platform);

	json_putp(&config);
	assert_true(n < (int)sizeof(text));
	if (json_parse(text, n, &config))
		fail_msg("the test's own JSON is none: %s", text);
}

#define PATHS "\"readonlyPaths\":[\"/proc/bus\",\"/proc/sys\"],"

static void make_filter(const char *filter)
{
	char platform[4096];

	snprintf(platform, sizeof(platform), PATHS "\"x\":0%s%s", *filter ? "," : "", filter);
	make("\"bounding\":[\"CAP_CHOWN\"]", "\"terok.guard\":\"\"", "", platform);
}

static const char *text_of(void)
{
	return json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN);
}

static void refused(const char *said)
{
	struct problem why = {};
	int r = means_check(config, &why);

	if ((r != -EPERM && r != -EBADMSG) || !strstr(why.text, said))
		fail_msg("%d '%s', not '%s': %s", r, why.text, said, text_of());
}

static void passed(void)
{
	struct problem why = {};

	if (means_check(config, &why))
		fail_msg("refused, '%s': %s", why.text, text_of());
}

static void what_podman_gives_is_mended(void **state)
{
	(void)state;
	make_filter(PODMAN);
	refused("socketcall()");
	means_mend(config);
	passed();
}

static void what_was_mended_does_not_change_again(void **state)
{
	static const char *const filters[] = { "",
					       PODMAN,
					       FILTER("ALLOW", "", ""),
					       FILTER("ALLOW", "", SOCKET(ERRNO)),
					       FILTER("ERRNO", "",
						      SOCKET(ALLOW ",\"args\":[{\"index\":9}]")),
					       "\"seccomp\":7" };

	(void)state;
	for (size_t i = 0; i < LENGTH(filters); i++) {
		_cleanup_free_ char *once = NULL;

		make_filter(filters[i]);
		means_mend(config);
		once = strdup(text_of());
		means_mend(config);
		assert_string_equal(text_of(), once);
	}
}

static void raw_sockets_capability_is_dropped_everywhere(void **state)
{
	(void)state;
	make("\"bounding\":[\"CAP_NET_RAW\",\"CAP_CHOWN\",\"CAP_NET_RAW\"],"
	     "\"effective\":[\"CAP_NET_RAW\"],\"permitted\":[\"CAP_NET_RAW\"],"
	     "\"inheritable\":[\"CAP_NET_RAW\"],\"ambient\":[\"CAP_NET_RAW\"]",
	     "", "", PATHS PODMAN);
	refused("it has CAP_NET_RAW: ");
	means_mend(config);
	assert_null(strstr(text_of(), "NET_RAW"));
	assert_non_null(strstr(text_of(), "CAP_CHOWN"));
	passed();
}

/* Mending leaves them: somebody asked for them by name, and is told. */
static void capabilities_that_lead_out_are_refused_by_name(void **state)
{
	static const char *const out[] = {
		"CAP_NET_ADMIN",
		"CAP_SYS_ADMIN",
		"CAP_BPF",
		"CAP_PERFMON",
		"CAP_SYS_MODULE",
		"CAP_SYS_RAWIO",
		"CAP_SYS_PTRACE",
		"CAP_DAC_READ_SEARCH",
		"CAP_SYS_BOOT",
		"CAP_OF_LATER",
		"cap_net_admin",
		"NET_ADMIN",
		"ALL",
		"",
		"CAP_CHOWN,CAP_X",
	};
	static const char *const sets[] = { "bounding", "effective", "permitted", "inheritable",
					    "ambient" };

	(void)state;
	for (size_t i = 0; i < LENGTH(out); i++) {
		char capabilities[128], said[64];

		snprintf(capabilities, sizeof(capabilities), "\"%s\":[\"CAP_CHOWN\",\"%s\"]",
			 sets[i % LENGTH(sets)], out[i]);
		make(capabilities, "", "", PATHS PODMAN);
		means_mend(config);
		snprintf(said, sizeof(said), "it has %s: ", out[i]);
		refused(said);
	}
	make("\"bounding\":\"all\"", "", "", PATHS PODMAN);
	means_mend(config);
	refused("cannot be read");
	make("\"bounding\":[7]", "", "", PATHS PODMAN);
	means_mend(config);
	refused("it has 7: ");
}

static void many_capabilities_fit_one_sentence(void **state)
{
	char capabilities[2048] = "\"bounding\":[\"CAP_NUMBER_00\"";
	struct problem why = {};

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		sprintf(capabilities + strlen(capabilities), ",\"CAP_NUMBER_%02u\"", i);
	strcat(capabilities, "]");
	make(capabilities, "", "", PATHS PODMAN);
	assert_int_equal(means_check(config, &why), -EPERM);
	assert_non_null(strstr(why.text, "CAP_NUMBER_00, CAP_NUMBER_01, "));
	assert_non_null(strstr(why.text, "...: start it without --privileged"));
}

static void settings_that_lead_out_are_refused(void **state)
{
	static const struct {
		const char *annotations, *mounts, *platform, *said;
	} bad[] = {
		{ "", "", PODMAN, "/proc/sys is writable" },
		{ "", "", "\"readonlyPaths\":[\"/proc/bus\"]," PODMAN, "/proc/sys is writable" },
		{ "", "", "\"readonlyPaths\":\"/proc/sys\"," PODMAN, "/proc/sys is writable" },
		{ "", ",{\"type\":\"sysfs\",\"options\":[\"rw\"]}", PATHS PODMAN,
		  "/sys is writable" },
		{ "", ",{\"type\":\"sysfs\"}", PATHS PODMAN, "/sys is writable" },
		{ "", "", PATHS "\"resources\":{\"devices\":[{\"allow\":true}]}," PODMAN,
		  "every device" },
		{ "", "",
		  PATHS "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
			"{\"allow\":true,\"type\":\"b\",\"access\":\"r\"}]}," PODMAN,
		  "every device" },
		{ "", "",
		  PATHS "\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":-1,"
			"\"access\":\"rwm\"}]}," PODMAN,
		  "every device" },
		{ "\"run.oci.seccomp_bpf_data\":\"\"", "", PATHS PODMAN, "seccomp_bpf_data" },
		{ "\"run.oci.seccomp_bpf_data\":null", "", PATHS PODMAN, "seccomp_bpf_data" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		make("", bad[i].annotations, bad[i].mounts, bad[i].platform);
		means_mend(config);
		refused(bad[i].said);
	}
	make("", "", ",{\"type\":\"sysfs\",\"options\":[\"nosuid\",\"ro\"]}",
	     PATHS "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
		   "{\"allow\":true,\"type\":\"c\",\"access\":\"m\"},"
		   "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,"
		   "\"access\":\"rwm\"}]}," PODMAN);
	means_mend(config);
	passed();
}

static void what_is_no_configuration_is_refused(void **state)
{
	static const char *const odd[] = { "{}", "{\"process\":{}}", "{\"linux\":{}}",
					   "{\"process\":[],\"linux\":{}}",
					   "{\"process\":{},\"linux\":7}" };

	(void)state;
	for (size_t i = 0; i < LENGTH(odd); i++) {
		json_putp(&config);
		assert_int_equal(json_parse(odd[i], strlen(odd[i]), &config), 0);
		means_mend(config);
		refused("no process or no linux part");
	}
}

/* Filters that look as if they were narrow. */
static void filters_that_let_other_families_through_are_refused(void **state)
{
	static const struct {
		const char *filter, *said;
	} bad[] = {
		{ "", "no system call filter" },
		{ "\"seccomp\":null", "no system call filter" },
		{ "\"seccomp\":[]", "no system call filter" },
		{ "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":7}",
		  "cannot be read" },
		{ "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":{}}",
		  "cannot be read" },
		{ "\"seccomp\":{}", "does not refuse socket()" },
		{ FILTER("ERRNO", "\"SCMP_ARCH_X86\"", ""), "calls of SCMP_ARCH_X86," },
		{ FILTER("ERRNO", "\"x86\"", ""), "calls of x86," },
		{ FILTER("ERRNO", "\"SCMP_ARCH_S390X\"", ""), "calls of SCMP_ARCH_S390X," },
		{ FILTER("ERRNO", "null", ""), "calls of no architecture," },
		{ FILTER("ERRNO", "", SOCKET(ALLOW)), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET(ALLOW ",\"args\":[]")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET(ALLOW ",\"args\":null")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET(ALLOW ",\"args\":7")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET("\"action\":\"SCMP_ACT_LOG\"")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET("\"action\":\"SCMP_ACT_TRACE\"")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET("\"action\":\"SCMP_ACT_NOTIFY\"")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET("\"action\":\"of later\"")), "lets socket()" },
		{ FILTER("ERRNO", "", SOCKET("\"args\":[]")), "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[" ARG(0, EQ, 40) "]")),
		  "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[" ARG(0, NE, 17) "]")),
		  "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[" ARG(1, EQ, 2) "]")),
		  "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[" ARG(0, MASKED_EQ, 2) "]")),
		  "lets socket()" },
		{ FILTER("KILL", "",
			 SOCKET(ALLOW ",\"args\":[" ARG(0, EQ, 2) "," ARG(0, EQ, 17) "]")),
		  "lets socket()" },
		/* one of the two is enough for both runtimes */
		{ FILTER("KILL", "",
			 SOCKET(ALLOW ",\"args\":[" ARG(0, EQ, 2) "," ARG(1, EQ, 1) "," ARG(
			     1, EQ, 2) "]")),
		  "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[" SEVEN "]")), "lets socket()" },
		{ FILTER("KILL", "", SOCKET(ALLOW ",\"args\":[{\"op\":\"?\",\"value\":2}]")),
		  "lets socket()" },
		{ FILTER("KILL", "", "{\"names\":[\"read\",\"socketpair\"]," ALLOW "}"),
		  "lets socketpair()" },
		{ FILTER("ERRNO", "", "{\"names\":[\"read\",\"io_uring_setup\"]," ALLOW "}"),
		  "allows io_uring_setup()" },
		{ FILTER("ERRNO", "",
			 "{\"names\":[\"request_key\"]," ALLOW ",\"args\":[" ARG(0, EQ, 0) "]}"),
		  "allows request_key()" },
		{ FILTER("ALLOW", "", SOCKET(ERRNO ",\"args\":[" ARG(0, EQ, 17) "]")),
		  "does not refuse socket()" },
		{ FILTER("LOG", "", ""), "does not refuse socket()" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		make_filter(bad[i].filter);
		refused(bad[i].said);
	}
}

/* Without one of the refusals that mending adds, what is open by default is not closed. */
static void each_refusal_of_an_open_filter_is_needed(void **state)
{
	struct json_object *rules;
	size_t n;

	(void)state;
	make_filter("");
	means_mend(config);
	passed();
	n = json_object_array_length(json_object_object_get(
	    json_object_object_get(json_object_object_get(config, "linux"), "seccomp"),
	    "syscalls"));
	assert_int_equal(n, 15);
	for (size_t i = 0; i < n; i++) {
		make_filter("");
		means_mend(config);
		rules = json_object_object_get(
		    json_object_object_get(json_object_object_get(config, "linux"), "seccomp"),
		    "syscalls");
		json_object_array_del_idx(rules, i, 1);
		refused("does not refuse");
	}
}

static void what_else_a_filter_says_stays(void **state)
{
	(void)state;
	make_filter(PODMAN);
	means_mend(config);
	assert_non_null(strstr(text_of(), "\"names\":[\"write\",\"exit_group\",\"socketcall\"]"));
	/* the audit kind of netlink: EINVAL, as before */
	assert_non_null(
	    strstr(text_of(), "\"errnoRet\":22,\"args\":[" ARG(0, EQ, 16) "," ARG(2, EQ, 9) "]"));
	assert_non_null(strstr(text_of(), "\"args\":[" ARG(0, EQ, 16) "," ARG(2, NE, 9) "]"));
	assert_null(strstr(text_of(), "[\"socket\"]," ALLOW ",\"args\":[" ARG(0, EQ, 16) "]"));
	assert_non_null(strstr(text_of(), "\"architectures\":[\"SCMP_ARCH_X86_64\","
					  "\"SCMP_ARCH_X32\"]"));

	make_filter(FILTER("ALLOW", "",
			   "{\"names\":[\"io_uring_setup\",\"read\",\"socket\"]," ERRNO
			   ",\"errnoRet\":5}"));
	means_mend(config);
	assert_non_null(strstr(text_of(), "{\"names\":[\"read\"]," ERRNO ",\"errnoRet\":5}"));
	assert_non_null(strstr(text_of(), "{\"names\":[\"socket\"]," ERRNO
					  ",\"errnoRet\":5,\"args\":[" ARG(0, EQ, 2) "]}"));
	passed();
}

/* The rule in the runtimes' own reading: conditions of one argument, twice, are a rule each. */
static void rule_add(scmp_filter_ctx filter, struct json_object *rule, const char *name,
		     uint32_t action)
{
	static const char *const op_name[] = { "",
					       "SCMP_CMP_NE",
					       "SCMP_CMP_LT",
					       "SCMP_CMP_LE",
					       "SCMP_CMP_EQ",
					       "SCMP_CMP_GE",
					       "SCMP_CMP_GT",
					       "SCMP_CMP_MASKED_EQ" };
	struct json_object *args = json_member(rule, "args", json_type_array);
	int call = seccomp_syscall_resolve_name(name), n = 0, either = 0, seen[6] = {};
	struct scmp_arg_cmp c[6] = {};

	for (; args && n < (int)json_object_array_length(args); n++) {
		struct json_object *arg = json_object_array_get_idx(args, n);

		c[n].arg = json_object_get_int(json_object_object_get(arg, "index"));
		for (c[n].op = 1; strcmp(json_text(arg, "op"), op_name[c[n].op]);)
			c[n].op++;
		c[n].datum_a = json_object_get_uint64(json_object_object_get(arg, "value"));
		c[n].datum_b = json_object_get_uint64(json_object_object_get(arg, "valueTwo"));
		either |= seen[c[n].arg]++;
	}
	if (!either)
		assert_int_equal(seccomp_rule_add_array(filter, action, call, n, c), 0);
	for (int i = 0; either && i < n; i++)
		assert_int_equal(seccomp_rule_add_array(filter, action, call, 1, &c[i]), 0);
}

static uint32_t action_of(const char *name, struct json_object *error)
{
	if (!strcmp(name, "SCMP_ACT_ALLOW"))
		return SCMP_ACT_ALLOW;
	if (!strcmp(name, "SCMP_ACT_LOG"))
		return SCMP_ACT_LOG;
	assert_string_equal(name, "SCMP_ACT_ERRNO");
	return SCMP_ACT_ERRNO(error ? (uint32_t)json_object_get_int(error) : EPERM);
}

/* The filter as runc and crun make it of the configuration. */
static scmp_filter_ctx filter_make(void)
{
	struct json_object *from = json_object_object_get(json_object_object_get(config, "linux"),
							  "seccomp"),
			   *rules = json_member(from, "syscalls", json_type_array),
			   *archs = json_member(from, "architectures", json_type_array);
	uint32_t fallback = action_of(json_text(from, "defaultAction"), NULL);
	scmp_filter_ctx filter = seccomp_init(fallback);

	assert_non_null(filter);
	for (size_t i = 0; archs && i < json_object_array_length(archs); i++) {
		char name[32] = "";
		const char *arch = json_object_get_string(json_object_array_get_idx(archs, i));
		int r;

		for (size_t at = 0; arch[at + 10]; at++)
			name[at] = arch[at + 10] | 0x20; /* of digits and '_' this bit is set */
		for (char *p = name; *p; p++)
			*p = *p == 0x7f ? '_' : *p;
		r = seccomp_arch_add(filter, seccomp_arch_resolve_name(name));
		assert_true(!r || r == -EEXIST);
	}
	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i);
		struct json_object *names = json_object_object_get(rule, "names");
		uint32_t action =
		    action_of(json_text(rule, "action"), json_object_object_get(rule, "errnoRet"));

		for (size_t n = 0; action != fallback && n < json_object_array_length(names); n++)
			rule_add(filter, rule,
				 json_object_get_string(json_object_array_get_idx(names, n)),
				 action);
	}
	return filter;
}

/*
 * A type that there is not: EINVAL is the kernel's word, before it looks at the family. Each
 * family, plain and with bits above the 32 that the kernel reads: 'p' passes the filter, '-'
 * does not with the errno that it should have, '!' with another.
 */
static void ask_families(char ret[static 512])
{
	int pair[2];

	for (unsigned i = 0; i < 512; i++) {
		uint64_t family = (i & 127) | (i & 128 ? 1ULL << 32 : 0);
		long r = i & 256 ? syscall(SYS_socketpair, family, -1, 0, pair)
				 : syscall(SYS_socket, family, -1, 0);

		ret[i] = r >= 0 || errno == EINVAL ? 'p' : errno == EAFNOSUPPORT ? '-' : '!';
	}
}

static const long rings[] = { SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
			      SYS_request_key };

/* What a process sees under the filter: families, then the closed calls. */
static void under_filter(char ret[static 512 + LENGTH(rings)])
{
	scmp_filter_ctx filter = filter_make();
	int pipes[2], status;
	size_t n = 0;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		if (seccomp_load(filter))
			syscall(SYS_exit_group, 1);
		ask_families(ret);
		for (size_t i = 0; i < LENGTH(rings); i++)
			ret[512 + i] =
			    syscall(rings[i], -1, NULL, NULL, 0) < 0 && errno == ENOSYS ? '-' : 'p';
		syscall(SYS_write, pipes[1], ret, 512 + LENGTH(rings));
		syscall(SYS_exit_group, 0);
	}
	close(pipes[1]);
	while (n < 512 + LENGTH(rings)) {
		ssize_t got = read(pipes[0], ret + n, 512 + LENGTH(rings) - n);

		assert_true(got > 0);
		n += got;
	}
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	seccomp_release(filter);
}

/* The kernel judges: four families pass, if they did before, and nothing else does. */
static void only_four_families_pass_a_mended_filter(void **state)
{
	static const struct {
		const char *filter;
		bool unix_passes, inet_passes;
	} of[] = {
		{ PODMAN, true, true },
		{ "", true, true },
		{ FILTER("LOG", "", ""), true, true },
		{ FILTER("ALLOW", ARCHS, SOCKET(ERRNO ",\"args\":[" ARG(0, EQ, 17) "]")), true,
		  true },
		{ FILTER("ALLOW", "", SOCKET(ERRNO ",\"args\":[" ARG(0, EQ, 2) "]")), true, false },
		{ FILTER("ALLOW", "", SOCKET(ERRNO)), false, false },
		{ FILTER("ERRNO", ARCHS, LIVE), false, false },
		{ FILTER("ERRNO", ARCHS, LIVE "," SOCKET(ALLOW)), true, true },
		{ FILTER("ERRNO", "", LIVE "," SOCKET(ALLOW ",\"args\":[" ARG(0, GE, 2) "]")),
		  false, true },
		{ FILTER("ERRNO", "", LIVE "," SOCKET(ALLOW ",\"args\":[" ARG(0, LE, 1) "]")), true,
		  false },
		{ FILTER("ERRNO", "",
			 LIVE "," SOCKET(ALLOW ",\"args\":[" ARG(0, EQ, 2) "," ARG(0, EQ, 17) "]")),
		  false, true },
		{ FILTER("ERRNO", "",
			 LIVE "," SOCKET(ALLOW ",\"args\":[{\"index\":0,\"value\":3,"
					       "\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\"}]")),
		  false, true },
		{ FILTER("ERRNO", "",
			 LIVE "," SOCKET(ALLOW ",\"args\":[" ARG(0, EQ, 2) "," ARG(
			     1, EQ, 1) "," ARG(1, EQ, 2) "]")),
		  false, true },
		{ FILTER("ERRNO", "",
			 LIVE ",{\"names\":[\"io_uring_setup\",\"request_key\"]," ALLOW "}"),
		  false, false },
	};
	char seen[512 + LENGTH(rings)];

	(void)state;
	for (size_t i = 0; i < LENGTH(of); i++) {
		make_filter(of[i].filter);
		means_mend(config);
		passed();
		under_filter(seen);
		for (unsigned at = 0; at < 512; at++) {
			unsigned family = at & 255;
			bool ours = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
				    family == AF_NETLINK;

			if (!ours && seen[at] != '-')
				fail_msg("filter %zu: family %u: %c", i, at, seen[at]);
		}
		assert_int_equal(seen[AF_UNIX] == 'p', of[i].unix_passes);
		assert_int_equal(seen[AF_INET] == 'p', of[i].inet_passes);
		assert_int_equal(seen[256 + AF_UNIX] == 'p', of[i].unix_passes);
		assert_memory_equal(seen + 512, "----", LENGTH(rings));
	}
	/* the other half: before it was mended, podman's let all of them be asked for */
	make_filter(PODMAN);
	under_filter(seen);
	for (unsigned at = 0; at < 512; at++)
		assert_int_equal(seen[at], 'p');
}

#ifdef __x86_64__
/* A packet socket by the calls of 32 bits, where the family lies in memory; how the child ends. */
static int socketcall_under_filter(void)
{
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	scmp_filter_ctx filter = filter_make();
	int status, r;
	pid_t child;

	assert_ptr_not_equal(args, MAP_FAILED);
	args[0] = AF_PACKET;
	args[1] = -1; /* EINVAL is the kernel's */
	child = fork();
	if (!child) {
		if (seccomp_load(filter))
			syscall(SYS_exit_group, 1);
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(102), "b"(1), "c"(args) : "memory");
		syscall(SYS_exit_group, r == -EINVAL ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	munmap(args, 4096);
	seccomp_release(filter);
	return status;
}
#endif

static void the_calls_of_32_bits_are_no_way_around(void **state)
{
	(void)state;
#ifdef __x86_64__
	int status;

	make_filter(PODMAN);
	status = socketcall_under_filter();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) {
		print_message("SKIP: this kernel has no 32-bit calls\n");
		skip();
	}
	assert_int_equal(status, 0); /* it was asked of the kernel */
	means_mend(config);
	status = socketcall_under_filter();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
#else
	print_message("SKIP: only x86 has socketcall() beside the calls of 64 bits\n");
	skip();
#endif
}

static void the_hosts_sys_of_a_users_container_is_covered(void **state)
{
	static const char *const own = ",{\"type\":\"bind\",\"source\":\"/sys\","
				       "\"destination\":\"/sys\",\"options\":[\"ro\",\"rbind\"]}",
				 *const wr = ",{\"type\":\"bind\",\"source\":\"/sys\","
					     "\"destination\":\"/sys\",\"options\":[\"rbind\"]}",
				 *const users = "\"uidMappings\":[{}]";
	const struct {
		const char *mounts, *platform;
		size_t n;
	} cases[] = {
		{ own, users, 3 }, { wr, users, 2 }, { own, "\"x\":[]", 2 }, { "", users, 1 }
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		make("", "", cases[i].mounts, cases[i].platform);
		means_mend(config);
		means_mend(config);
		if (json_object_array_length(json_object_object_get(config, "mounts")) !=
		    cases[i].n)
			fail_msg("%zu: %s", i, json_object_to_json_string(config));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_podman_gives_is_mended),
		cmocka_unit_test(what_was_mended_does_not_change_again),
		cmocka_unit_test(raw_sockets_capability_is_dropped_everywhere),
		cmocka_unit_test(capabilities_that_lead_out_are_refused_by_name),
		cmocka_unit_test(many_capabilities_fit_one_sentence),
		cmocka_unit_test(settings_that_lead_out_are_refused),
		cmocka_unit_test(what_is_no_configuration_is_refused),
		cmocka_unit_test(filters_that_let_other_families_through_are_refused),
		cmocka_unit_test(each_refusal_of_an_open_filter_is_needed),
		cmocka_unit_test(what_else_a_filter_says_stays),
		cmocka_unit_test(only_four_families_pass_a_mended_filter),
		cmocka_unit_test(the_calls_of_32_bits_are_no_way_around),
		cmocka_unit_test(the_hosts_sys_of_a_users_container_is_covered),
	};

	return cmocka_run_group_tests_name("means", tests, NULL, forget);
}
