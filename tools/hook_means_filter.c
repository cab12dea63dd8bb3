// SPDX-License-Identifier: Apache-2.0
/*
 * hook_means_filter.c - a container's system call filter: which kinds of socket it lets be made
 *
 * The filter that podman chose is narrowed, not replaced: what it refused stays refused, what
 * it allowed of socket() it allows for four families. Both runtimes hand the rules to
 * libseccomp, which takes an allow before or after a deny of the same call as it comes; so no
 * two rules here may hold for the same arguments with different actions.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "hook_means.h"

#define ARGS 6 /* of a system call */

/* Hooks decide for IPv4 and IPv6; Unix and netlink sockets reach no other host by themselves. */
static const uint64_t families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static const char *const sockets[] = { "socket", "socketpair" };

/*
 * Rings make sockets that no filter sees. request_key() makes the kernel start a program outside
 * of every container, which for one type of key asks name servers.
 */
static const char *const closed[] = { "io_uring_setup", "io_uring_enter", "io_uring_register",
				      "request_key" };

/*
 * The architectures on which socket() is a system call and nothing else. On the others it also
 * is socketcall(), whose arguments lie in memory, where no filter looks; and libseccomp makes
 * of "socket of one family" there "socketcall of any". What an architecture that is not in the
 * list calls is killed by the filter.
 */
static const char *const plain[] = { "SCMP_ARCH_X86_64",  "SCMP_ARCH_X32",
				     "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
				     "SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64" };

#if defined(__x86_64__) || defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64) ||     \
    defined(__loongarch64)
#define PLAIN_HERE true
#else
#define PLAIN_HERE false
#endif

enum op { OP_NE, OP_LT, OP_LE, OP_EQ, OP_GE, OP_GT, OP_MASKED, OP_MAX_ };

static const char *const op_name[OP_MAX_] = {
	[OP_NE] = "SCMP_CMP_NE",
	[OP_LT] = "SCMP_CMP_LT",
	[OP_LE] = "SCMP_CMP_LE",
	[OP_EQ] = "SCMP_CMP_EQ",
	[OP_GE] = "SCMP_CMP_GE",
	[OP_GT] = "SCMP_CMP_GT",
	[OP_MASKED] = "SCMP_CMP_MASKED_EQ",
};

struct condition {
	unsigned arg;
	enum op op;
	uint64_t value, two;
};

#define FAMILY(is, of)                                                                             \
	{                                                                                          \
		.arg = 0, .op = OP_##is, .value = (of)                                             \
	}

/* Every other family, one condition each: two on the same argument would mean either. */
static const struct condition others[] = {
	FAMILY(LT, AF_UNIX),      FAMILY(EQ, AF_AX25),    FAMILY(EQ, AF_IPX),
	FAMILY(EQ, AF_APPLETALK), FAMILY(EQ, AF_NETROM),  FAMILY(EQ, AF_BRIDGE),
	FAMILY(EQ, AF_ATMPVC),    FAMILY(EQ, AF_X25),     FAMILY(EQ, AF_ROSE),
	FAMILY(EQ, AF_DECnet),    FAMILY(EQ, AF_NETBEUI), FAMILY(EQ, AF_SECURITY),
	FAMILY(EQ, AF_KEY),       FAMILY(GT, AF_NETLINK),
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
	for (size_t i = 0; text && i < n; i++)
		if (!strcmp(text, list[i]))
			return true;
	return false;
}

static bool passes(const char *action)
{
	static const char *const refuse[] = { "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
					      "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS",
					      "SCMP_ACT_TRAP" };

	return !is_one_of(action, refuse, LENGTH(refuse));
}

/* What is not there is 0, as both runtimes have it. */
static bool number_read(struct json_object *from, const char *key, uint64_t *ret)
{
	struct json_object *number = NULL;

	*ret = 0;
	if (!json_object_object_get_ex(from, key, &number))
		return true;
	if (!json_object_is_type(number, json_type_int) || json_object_get_int64(number) < 0)
		return false;
	*ret = json_object_get_uint64(number);
	return true;
}

static bool condition_read(struct json_object *from, struct condition *ret)
{
	const char *op = json_text(from, "op");
	uint64_t arg;

	if (!op || !number_read(from, "index", &arg) || arg >= ARGS ||
	    !number_read(from, "value", &ret->value) || !number_read(from, "valueTwo", &ret->two))
		return false;
	ret->arg = arg;
	for (ret->op = 0; ret->op < OP_MAX_ && strcmp(op, op_name[ret->op]);)
		ret->op++;
	return ret->op < OP_MAX_;
}

static bool condition_holds(const struct condition *c, uint64_t value)
{
	switch (c->op) {
	case OP_NE: return value != c->value;
	case OP_LT: return value < c->value;
	case OP_LE: return value <= c->value;
	case OP_EQ: return value == c->value;
	case OP_GE: return value >= c->value;
	case OP_GT: return value > c->value;
	default: return (value & c->value) == c->two;
	}
}

static struct json_object *condition_new(const struct condition *c)
{
	struct json_object *made = json_object_new_object();

	json_object_object_add(made, "index", json_object_new_int(c->arg));
	json_object_object_add(made, "value", json_object_new_uint64(c->value));
	json_object_object_add(made, "op", json_object_new_string(op_name[c->op]));
	return made;
}

/* Conditions of a rule; -1: they cannot be read. @either: one that holds is enough. */
static int conditions_read(struct json_object *args, struct condition ret[static ARGS],
			   bool *either)
{
	size_t n = args ? json_object_array_length(args) : 0;
	bool seen[ARGS] = {};

	*either = false;
	if (n > ARGS)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!condition_read(json_object_array_get_idx(args, i), &ret[i]))
			return -1;
		*either = *either || seen[ret[i].arg];
		seen[ret[i].arg] = true;
	}
	return n;
}

/* Null or nothing is no conditions; false: it is something else than a list. */
static bool args_of(struct json_object *rule, struct json_object **ret)
{
	*ret = NULL;
	return !json_object_object_get_ex(rule, "args", ret) || !*ret ||
	       json_object_is_type(*ret, json_type_array);
}

/* The rule again for these of its names, without its conditions. */
static struct json_object *rule_for(struct json_object *rule, struct json_object *names)
{
	struct json_object *made = json_object_new_object();

	json_object_object_add(made, "names", json_object_get(names));
	json_object_object_foreach(rule, key, value)
	{
		if (strcmp(key, "names") && strcmp(key, "args"))
			json_object_object_add(made, key, json_object_get(value));
	}
	return made;
}

/* Conditions that must all hold: once for each of our families for which they may. */
static void narrow(struct json_object *out, struct json_object *rule, struct json_object *names,
		   struct json_object **args, const struct condition *c, int n)
{
	for (size_t f = 0; f < LENGTH(families); f++) {
		const struct condition family = FAMILY(EQ, families[f]);
		struct json_object *made, *list;
		bool holds = true;

		for (int i = 0; i < n; i++)
			holds = holds && (c[i].arg || condition_holds(&c[i], families[f]));
		if (!holds)
			continue;
		list = json_object_new_array();
		json_object_array_add(list, condition_new(&family));
		for (int i = 0; i < n; i++)
			if (c[i].arg)
				json_object_array_add(list, json_object_get(args[i]));
		made = rule_for(rule, names);
		json_object_object_add(made, "args", list);
		json_object_array_add(out, made);
	}
}

static bool rule_narrow(struct json_object *out, struct json_object *rule,
			struct json_object *names)
{
	struct json_object *args, *arg[ARGS];
	struct condition c[ARGS];
	bool either;
	int n;

	if (!args_of(rule, &args) || (n = conditions_read(args, c, &either)) < 0)
		return false;
	for (int i = 0; i < n; i++)
		arg[i] = json_object_array_get_idx(args, i);
	if (!either)
		narrow(out, rule, names, arg, c, n);
	for (int i = 0; either && i < n; i++)
		narrow(out, rule, names, &arg[i], &c[i], 1);
	return true;
}

/* What cannot be read stays as it is, for the check to refuse. */
static void rule_mend(struct json_object *out, struct json_object *rule)
{
	_cleanup_(json_putp) struct json_object *kept = json_object_new_array();
	_cleanup_(json_putp) struct json_object *ours = json_object_new_array();
	struct json_object *names = json_member(rule, "names", json_type_array), *made, *args;
	size_t n = names ? json_object_array_length(names) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *name = json_object_array_get_idx(names, i);
		const char *text = json_object_get_string(name);

		if (is_one_of(text, sockets, LENGTH(sockets)))
			json_object_array_add(ours, json_object_get(name));
		else if (!is_one_of(text, closed, LENGTH(closed)))
			json_object_array_add(kept, json_object_get(name));
	}
	if (!n || (json_object_array_length(ours) && !rule_narrow(out, rule, ours))) {
		json_object_array_add(out, json_object_get(rule));
		return;
	}
	if (!json_object_array_length(kept))
		return;
	made = rule_for(rule, kept);
	if (json_object_object_get_ex(rule, "args", &args))
		json_object_object_add(made, "args", json_object_get(args));
	json_object_array_add(out, made);
}

static struct json_object *refusal(const char *const *names, size_t n, int error)
{
	struct json_object *made = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(names[i]));
	json_object_object_add(made, "names", list);
	json_object_object_add(made, "action", json_object_new_string("SCMP_ACT_ERRNO"));
	json_object_object_add(made, "errnoRet", json_object_new_int(error));
	return made;
}

static void refusals_add(struct json_object *out)
{
	for (size_t i = 0; i < LENGTH(others); i++) {
		struct json_object *made = refusal(sockets, LENGTH(sockets), EAFNOSUPPORT);
		struct json_object *args = json_object_new_array();

		json_object_array_add(args, condition_new(&others[i]));
		json_object_object_add(made, "args", args);
		json_object_array_add(out, made);
	}
	json_object_array_add(out, refusal(closed, LENGTH(closed), ENOSYS));
}

static void architectures_mend(struct json_object *filter)
{
	struct json_object *old = json_member(filter, "architectures", json_type_array), *kept;

	if (!old)
		return;
	kept = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(old); i++) {
		struct json_object *name = json_object_array_get_idx(old, i);

		if (is_one_of(json_object_get_string(name), plain, LENGTH(plain)))
			json_object_array_add(kept, json_object_get(name));
	}
	json_object_object_add(filter, "architectures", kept);
}

void means_filter_mend(struct json_object *platform)
{
	struct json_object *filter = NULL, *rules = NULL, *out;

	json_object_object_get_ex(platform, "seccomp", &filter);
	if (!filter) {
		filter = json_object_new_object();
		json_object_object_add(filter, "defaultAction",
				       json_object_new_string("SCMP_ACT_ALLOW"));
		json_object_object_add(platform, "seccomp", filter);
	}
	if (!json_object_is_type(filter, json_type_object))
		return;
	json_object_object_get_ex(filter, "syscalls", &rules);
	if (rules && !json_object_is_type(rules, json_type_array))
		return;
	out = json_object_new_array();
	for (size_t i = 0; rules && i < json_object_array_length(rules); i++)
		rule_mend(out, json_object_array_get_idx(rules, i));
	refusals_add(out);
	json_object_object_add(filter, "syscalls", out);
	architectures_mend(filter);
}

static bool names_one(struct json_object *rule, const char *name)
{
	struct json_object *names = json_member(rule, "names", json_type_array);

	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(names, i));

		if (text && !strcmp(text, name))
			return true;
	}
	return false;
}

/* A rule of socket() that lets pass: for one family of ours, by its first argument alone. */
static bool is_narrow(struct json_object *rule)
{
	struct condition c[ARGS];
	struct json_object *args;
	bool either;
	int n;

	if (!args_of(rule, &args) || (n = conditions_read(args, c, &either)) <= 0 || either)
		return false;
	for (int i = 0; i < n; i++)
		for (size_t f = 0; f < LENGTH(families); f++)
			if (!c[i].arg && c[i].op == OP_EQ && c[i].value == families[f])
				return true;
	return false;
}

/* Some rule refuses that call whatever else holds but @only, NULL: always. */
static bool is_refused(struct json_object *rules, const char *name, const struct condition *only)
{
	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i), *args;
		struct condition c[ARGS];
		bool either;
		int n;

		if (!names_one(rule, name) || passes(json_text(rule, "action")) ||
		    !args_of(rule, &args) || (n = conditions_read(args, c, &either)) < 0)
			continue;
		if (!only ? !n
			  : n == 1 && c[0].arg == only->arg && c[0].op == only->op &&
				c[0].value == only->value)
			return true;
	}
	return false;
}

static int rules_check(struct json_object *rules, bool open, struct problem *why)
{
	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i);

		if (!passes(json_text(rule, "action")))
			continue;
		for (size_t s = 0; s < LENGTH(sockets); s++)
			if (names_one(rule, sockets[s]) && !is_narrow(rule))
				return problem(why, -EPERM,
					       "its system call filter lets %s() make more than "
					       "Unix, IPv4, IPv6 and netlink sockets",
					       sockets[s]);
		for (size_t s = 0; s < LENGTH(closed); s++)
			if (names_one(rule, closed[s]))
				return problem(why, -EPERM, "its system call filter allows %s()",
					       closed[s]);
	}
	for (size_t s = 0; open && s < LENGTH(sockets); s++)
		for (size_t i = 0; i < LENGTH(others); i++)
			if (!is_refused(rules, sockets[s], &others[i]))
				return problem(why, -EPERM,
					       "its system call filter does not refuse %s() of "
					       "every family but Unix, IPv4, IPv6 and netlink",
					       sockets[s]);
	for (size_t s = 0; open && s < LENGTH(closed); s++)
		if (!is_refused(rules, closed[s], NULL))
			return problem(why, -EPERM, "its system call filter does not refuse %s()",
				       closed[s]);
	return 0;
}

int means_filter_check(struct json_object *platform, struct problem *why)
{
	struct json_object *filter = json_member(platform, "seccomp", json_type_object);
	struct json_object *archs = NULL, *rules = NULL;
	size_t n;

	if (!PLAIN_HERE)
		return problem(why, -EPERM,
			       "this architecture makes sockets by socketcall() as well, which no "
			       "system call filter sees into");
	if (!filter)
		return problem(why, -EPERM, "it has no system call filter");
	json_object_object_get_ex(filter, "architectures", &archs);
	json_object_object_get_ex(filter, "syscalls", &rules);
	if ((archs && !json_object_is_type(archs, json_type_array)) ||
	    (rules && !json_object_is_type(rules, json_type_array)))
		return problem(why, -EBADMSG, "its system call filter cannot be read");
	n = archs ? json_object_array_length(archs) : 0;
	for (size_t i = 0; i < n; i++) {
		const char *arch = json_object_get_string(json_object_array_get_idx(archs, i));

		if (!is_one_of(arch, plain, LENGTH(plain)))
			return problem(why, -EPERM,
				       "its system call filter takes calls of %.32s, where "
				       "socketcall() makes any socket",
				       arch ?: "no architecture");
	}
	return rules_check(rules, passes(json_text(filter, "defaultAction")), why);
}
