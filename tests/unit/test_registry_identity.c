// SPDX-License-Identifier: Apache-2.0
/* test_registry_identity.c - user/registry/: who is at an address, and the three stages before agents' methods */
#include "registry_box.h"

#include "base/event.h"
#include "base/log.h"
#include "registry_runtime.h"
#include "user/registry/identity.h"
#include "user/registry/runtime_podman.h"

static struct peers *peers;
static struct identity *identity;
static struct identity_ask ask;
static struct reply got;
static struct resolved who;
static unsigned told;

/* What the log says is how stages are told apart: it goes into a file of the box. */
static char log_file[160];
static int saved_stderr;

static void log_begin(void)
{
	int fd;

	strcpy(log_file, in_box("log"));
	fflush(stderr);
	saved_stderr = dup(2);
	fd = open(log_file, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, 2);
	close(fd);
	log_setup("test", LOG_DEBUG, false);
}

static void log_end(void)
{
	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
}

/* Has the log this event, and no other of the identity's? */
static bool logged(const char *event)
{
	char text[4096] = "", want[96];
	FILE *file = fopen(log_file, "re");
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	char *first = strstr(text, "event=agent_identity_");

	fclose(file);
	text[n] = '\0';
	snprintf(want, sizeof(want), "event=%s ", event);
	return first && !strncmp(first, want, strlen(want)) &&
	       !strstr(first + 1, "event=agent_identity_");
}

static int setup(void **state)
{
	(void)state;
	empty_runtime();
	told = 0;
	if (box_make() || peers_new(&fake, &peers) || identity_new(peers, NULL, &identity))
		return -1;
	log_begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_end();
	identity_free(identity);
	peers_free(peers);
	return box_remove();
}

static void on_done(struct identity_ask *one, const struct reply *reply, const struct resolved *is)
{
	(void)one;
	told++;
	got = *reply;
	who = *is;
}

/* A peer with a certificate in order, at 10.0.0.2. */
static void prepare(void)
{
	ask = (struct identity_ask){ .leaf = { .present = true,
					       .cn = "clawker-clawkerd",
					       .agent_san = SAN_FOUND,
					       .agent = "clawker.proj.dev" },
				     .since_ns = now_boot_ns(),
				     .done = on_done };
	addr_of("10.0.0.2", ask.addr);
}

static void begin(void)
{
	told = 0;
	identity_begin(identity, &ask);
}

static void refused(const char *event)
{
	assert_int_equal(told, 1);
	assert_int_equal(got.code, REPLY_DENIED);
	assert_string_equal(got.text, "registration rejected");
	assert_string_equal(who.container, "");
	assert_true(logged(event));
}

/* --- the stages ---------------------------------------------------------------------------- */

static void who_passes_all_of_them_is_who_the_labels_say(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	prepare();
	begin();
	assert_int_equal(told, 1);
	assert_int_equal(got.code, REPLY_OK);
	assert_string_equal(who.container, "aa");
	assert_string_equal(who.project, "proj");
	assert_string_equal(who.agent, "dev");
}

static void without_a_certificate_nobody_passes(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	prepare();
	ask.leaf.present = false;
	begin();
	refused("agent_identity_peer_auth_missing");
	assert_int_equal(looks, 0);
}

static void another_cn_is_refused(void **state)
{
	static const char *const bad[] = { "", "clawker-controlplane", "clawker-clawkerd ",
					   "Clawker-clawkerd" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		prepare();
		strcpy(ask.leaf.cn, bad[i]);
		assert_int_equal(truncate(log_file, 0), 0);
		begin();
		refused("agent_identity_cn_mismatch");
	}
	assert_int_equal(looks, 0);
}

static void a_certificate_of_no_agent_is_refused_before_the_runtime_is_asked(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	prepare();
	ask.leaf.agent_san = SAN_MISSING;
	begin();
	refused("agent_identity_no_agent_san");
	assert_int_equal(looks, 0);
}

static void a_malformed_name_is_refused_too(void **state)
{
	(void)state;
	prepare();
	ask.leaf.agent_san = SAN_MALFORMED;
	begin();
	refused("agent_identity_malformed_agent_san");
	assert_int_equal(looks, 0);
}

static void nobody_at_the_address_is_nobody(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.3", "proj", "dev");
	prepare();
	begin();
	refused("agent_identity_peer_lookup_no_match");
}

static void two_at_one_address_are_nobody(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	put_container("bb", "10.0.0.2", "proj", "dev");
	prepare();
	begin();
	refused("agent_identity_ambiguous_peer_ip");
}

static void a_container_whose_labels_name_no_agent_is_nobody(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", NULL);
	prepare();
	begin();
	refused("agent_identity_invalid_labels");
}

static void a_runtime_that_does_not_answer_lets_nobody_in(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	fails = 1;
	prepare();
	begin();
	refused("agent_identity_peer_lookup_error");
	cannot = -EMFILE;
	assert_int_equal(truncate(log_file, 0), 0);
	prepare();
	begin();
	refused("agent_identity_peer_lookup_error");
}

static void a_name_that_is_not_that_of_the_labels_is_refused(void **state)
{
	static const char *const bad[] = { "clawker.proj.other", "clawker.dev", "clawker.proj.de",
					   "clawker.proj.devx", "dev" };

	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		prepare();
		strcpy(ask.leaf.agent, bad[i]);
		assert_int_equal(truncate(log_file, 0), 0);
		begin();
		refused("agent_identity_san_label_mismatch");
	}
}

static void without_who_resolves_there_is_no_gate(void **state)
{
	struct identity *none = NULL;

	(void)state;
	assert_int_equal(identity_new(NULL, NULL, &none), -EINVAL);
	assert_null(none);
	assert_true(logged("agent_identity_unavailable"));
}

/* --- the kernel -------------------------------------------------------------------------------- */

static enum evidence_is kernel_says;
static struct evidence_ask *asked; /* that waits, if it is to answer later */
static bool kernel_later;
static unsigned kernel_asked;

static void kernel_ask(struct evidence *evidence, struct evidence_ask *one)
{
	(void)evidence;
	kernel_asked++;
	asked = kernel_later ? one : NULL;
	if (!kernel_later)
		one->done(one, kernel_says);
}

static void kernel_forget(struct evidence *evidence, struct evidence_ask *one)
{
	(void)evidence;
	if (asked == one)
		asked = NULL;
}

static struct evidence kernel = { .ask = kernel_ask, .forget = kernel_forget };

static int setup_kernel(void **state)
{
	int r = setup(state);

	identity_free(identity);
	asked = NULL;
	kernel_later = false;
	kernel_asked = 0;
	put_container("aa", "10.0.0.2", "proj", "dev");
	return r ?: identity_new(peers, &kernel, &identity);
}

static void what_the_kernel_knows_must_agree(void **state)
{
	static const struct {
		enum evidence_is is;
		const char *event; /* NULL: it may come in */
	} rows[] = {
		{ EVIDENCE_AGREES, NULL },
		{ EVIDENCE_NOTHING, NULL },
		{ EVIDENCE_OTHER, "agent_identity_evidence_mismatch" },
		{ EVIDENCE_GONE, "agent_identity_evidence_gone" },
		{ EVIDENCE_UNGUARDED, "agent_identity_evidence_no_guard" },
		{ EVIDENCE_ERROR, "agent_identity_evidence_error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(truncate(log_file, 0), 0);
		kernel_says = rows[i].is;
		prepare();
		begin();
		if (rows[i].event) {
			refused(rows[i].event);
			continue;
		}
		assert_int_equal(told, 1);
		assert_int_equal(got.code, REPLY_OK);
		assert_string_equal(who.container, "aa");
		assert_string_equal(who.agent, "dev");
	}
}

static void the_kernel_is_asked_of_whom_all_else_believes(void **state)
{
	(void)state;
	kernel_later = true;
	prepare();
	strcpy(ask.leaf.agent, "clawker.proj.other");
	begin();
	refused("agent_identity_san_label_mismatch");
	assert_int_equal(kernel_asked, 0);
	prepare();
	ask.fd = 7;
	ask.port = 4711;
	begin();
	assert_int_equal(told, 0);
	assert_int_equal(kernel_asked, 1);
	assert_int_equal(asked->fd, 7);
	assert_int_equal(asked->port, 4711);
	assert_memory_equal(asked->addr, ask.addr, 16);
	assert_string_equal(asked->container, "aa");
	asked->done(asked, EVIDENCE_AGREES);
	assert_int_equal(told, 1);
	assert_string_equal(who.container, "aa");
}

static void who_ends_while_the_kernel_is_asked_is_not_told(void **state)
{
	(void)state;
	kernel_later = true;
	prepare();
	begin();
	assert_non_null(asked);
	identity_forget(&ask);
	assert_null(asked);
	assert_int_equal(told, 0);
}

/* --- who is at an address ------------------------------------------------------------------------ */

static void one_look_is_for_all_who_came_before_it_and_for_nobody_after(void **state)
{
	struct identity_ask second, third;

	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	answers_later = true;
	prepare();
	second = ask;
	begin();
	assert_int_equal(looks, 1);
	second.since_ns = 1; /* a connection of long ago */
	identity_begin(identity, &second);
	third = ask;
	third.since_ns = now_boot_ns();
	identity_begin(identity, &third);
	assert_int_equal(looks, 1);
	answer_now(later, later_user);
	assert_int_equal(told, 2);
	assert_int_equal(looks, 2); /* the third came when the first look was at work */
	answer_now(later, later_user);
	assert_int_equal(told, 3);
	/* a connection that is there already is answered by what was seen */
	second.since_ns = ask.since_ns;
	identity_begin(identity, &second);
	assert_int_equal(told, 4);
	assert_int_equal(looks, 2);
	/* one that has come since is not: the address may be another's now */
	second.since_ns = now_boot_ns();
	identity_begin(identity, &second);
	assert_int_equal(told, 4);
	assert_int_equal(looks, 3);
	identity_forget(&second);
	answer_now(later, later_user);
	assert_int_equal(told, 4);
}

/* A connection that is there for long, and asks again; the look, if there is one, is its to answer. */
static void again(void)
{
	told = 0;
	ask.since_ns = 1;
	identity_begin(identity, &ask);
}

static void a_container_that_moved_is_looked_at_again_and_no_other(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	put_container("bb", "10.0.0.3", "proj", "other");
	prepare();
	begin();
	again();
	assert_int_equal(looks, 1);
	peers_moved(peers, "bb");
	again();
	assert_int_equal(looks, 1);
	assert_true(identity_holds(identity, &who));
	peers_moved(peers, "aa");
	assert_false(identity_holds(identity, &who));
	again();
	assert_int_equal(looks, 2);
	assert_int_equal(told, 1);
	assert_string_equal(who.container, "aa"); /* it runs again, or still */
	assert_true(identity_holds(identity, &who));
	peers_moved(peers, "aa");
	has.n = 0; /* it has gone, and somebody has its connection */
	again();
	refused("agent_identity_peer_lookup_no_match");
	assert_int_equal(looks, 3);
}

static void one_that_cannot_be_looked_at_costs_no_look_for_others(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	has.failed = 1;
	prepare();
	begin();
	again();
	assert_int_equal(looks, 1);
	assert_string_equal(who.container, "aa");
	addr_of("10.0.0.9", ask.addr); /* which may be its */
	again();
	assert_int_equal(looks, 2);
	assert_int_equal(got.code, REPLY_DENIED);
	again();
	assert_int_equal(looks, 3);
}

static void that_any_may_have_moved_is_a_new_look_for_all(void **state)
{
	char id[16];

	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	prepare();
	begin();
	peers_moved(peers, NULL);
	assert_false(identity_holds(identity, &who));
	again();
	assert_int_equal(looks, 2);
	/* more of them than are remembered */
	for (int i = 0; i < 64; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		peers_moved(peers, id);
		peers_moved(peers, id);
	}
	again();
	assert_int_equal(looks, 2);
	peers_moved(peers, "c64");
	again();
	assert_int_equal(looks, 3);
}

static void a_look_that_is_at_work_knows_nothing_of_who_moves_meanwhile(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	answers_later = true;
	prepare();
	begin();
	peers_moved(peers, "aa");
	answer_now(later, later_user);
	assert_int_equal(told, 0);
	assert_int_equal(looks, 2);
	peers_moved(peers, "bb"); /* what others do keeps nobody waiting */
	answer_now(later, later_user);
	assert_int_equal(told, 1);
	assert_string_equal(who.container, "aa");
	peers_moved(peers, NULL);
	again();
	peers_moved(peers, NULL);
	has.n = 0;
	answer_now(later, later_user);
	refused("agent_identity_peer_lookup_no_match"); /* nobody is nobody, whatever moved */
}

static void who_is_told_may_forget_another(void **state)
{
	struct identity_ask second;

	(void)state;
	answers_later = true;
	prepare();
	second = ask;
	second.since_ns = ask.since_ns = 1;
	begin();
	identity_begin(identity, &second);
	identity_forget(&ask);
	identity_forget(&ask);
	answer_now(later, later_user);
	assert_int_equal(told, 1);
}

static enum peer_is resolve(const char *addr)
{
	uint8_t bytes[16];

	addr_of(addr, bytes);
	return peer_resolve(&has, bytes, &who);
}

static void an_address_is_found_whoever_else_could_not_be_looked_at(void **state)
{
	(void)state;
	assert_int_equal(resolve("10.0.0.2"), PEER_NONE);
	put_container("aa", "10.0.0.2", "", "dev");
	assert_int_equal(resolve("10.0.0.2"), PEER_FOUND);
	assert_string_equal(who.project, ""); /* of no project is somebody */
	assert_int_equal(resolve("::ffff:10.0.0.2"), PEER_FOUND);
	assert_int_equal(resolve("10.0.0.3"), PEER_NONE);
	has.failed = 1;
	assert_int_equal(resolve("10.0.0.2"), PEER_FOUND);
	assert_int_equal(resolve("10.0.0.3"), PEER_NONE);
	has.n = 0; /* none could be looked at */
	assert_int_equal(resolve("10.0.0.2"), PEER_ERROR);
}

static void who_comes_in_by_a_containers_listener_is_of_it(void **state)
{
	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	put_container("bb", "10.0.0.2", "proj", "dev"); /* by address that would be nobody */
	put_container("cc", "10.0.0.3", "proj", "other");
	prepare();
	ask.container = "bb";
	begin();
	assert_int_equal(got.code, REPLY_OK);
	assert_string_equal(who.container, "bb");
	prepare();
	ask.container = "cc"; /* the certificate is dev's, and the address is not asked */
	begin();
	refused("agent_identity_san_label_mismatch");
}

static void a_listener_of_who_does_not_run_is_nobodys(void **state)
{
	struct resolved is;

	(void)state;
	put_container("aa", "10.0.0.2", "proj", "dev");
	prepare();
	ask.container = "bb";
	begin();
	refused("agent_identity_peer_lookup_no_match");
	has.failed = 1; /* it may be that one */
	assert_int_equal(peer_resolve_id(&has, "bb", &is), PEER_ERROR);
	assert_int_equal(peer_resolve_id(&has, "aa", &is), PEER_FOUND);
}

/* --- podman's words -------------------------------------------------------------------------------- */

#define INSPECTED(id, labels, networks)                                                            \
	"{\"Id\":\"" id "\",\"Config\":{\"Labels\":" labels                                        \
	"},\"NetworkSettings\":{\"Networks\":" networks "}}"
#define LABELS(p, a)    "{\"dev.clawker.project\":\"" p "\",\"dev.clawker.agent\":\"" a "\"}"
#define NET(name, addr) "{\"" name "\":{\"IPAddress\":\"" addr "\",\"GlobalIPv6Address\":\"\"}}"

static struct runtime_container from[8];

static int inspected(const char *text, unsigned n)
{
	return podman_inspected(text, strlen(text), "clawker-net", from, n);
}

static void ids_are_lines_of_hexadecimal(void **state)
{
	static struct runtime_container many[RUNTIME_MAX];
	static char text[3 * RUNTIME_MAX + 8];

	(void)state;
	assert_int_equal(podman_ids("", 0, from), 0);
	assert_int_equal(podman_ids("aa\nbb\n", 6, from), 2);
	assert_string_equal(from[1].id, "bb");
	assert_int_equal(podman_ids("aa\nbb", 5, from), 2);
	assert_int_equal(podman_ids("aa\nBB\n", 6, from), -EBADMSG);
	assert_int_equal(podman_ids("--all\n", 6, from), -EBADMSG);
	for (int i = 0; i < RUNTIME_MAX + 1; i++)
		memcpy(text + 3 * i, "ab\n", 3);
	assert_int_equal(podman_ids(text, 3 * RUNTIME_MAX, many), RUNTIME_MAX);
	assert_int_equal(podman_ids(text, 3 * RUNTIME_MAX + 3, many), -EFBIG);
}

static void what_podman_inspects_is_labels_and_addresses_in_the_network(void **state)
{
	uint8_t want[16];

	(void)state;
	assert_int_equal(podman_ids("aa\nbb\ncc\n", 9, from), 3);
	assert_int_equal(
	    inspected(
		"[" INSPECTED("cc", LABELS("p", "a"), NET("clawker-net", "10.0.0.2")) "," INSPECTED(
		    "aa", LABELS("", "b"), NET("podman", "10.0.0.3")) "]",
		3),
	    2);
	assert_string_equal(from[0].id, "cc");
	assert_true(from[0].labelled);
	assert_string_equal(from[0].project, "p");
	addr_of("10.0.0.2", want);
	assert_int_equal(from[0].n_addr, 1);
	assert_memory_equal(from[0].addr[0], want, 16);
	assert_string_equal(from[1].id, "aa");
	assert_int_equal(from[1].n_addr, 0); /* another network's addresses do not count */
}

static void labels_that_are_no_names_name_nobody(void **state)
{
	static const char *const bad[] = { "null",
					   "{}",
					   "[]",
					   LABELS("p", ""),
					   LABELS("p", "a.b"),
					   LABELS("p.q", "a"),
					   LABELS("p", "a\\u0000b"),
					   LABELS("p", "a b"),
					   "{\"dev.clawker.agent\":7}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[512];

		assert_int_equal(podman_ids("aa\n", 3, from), 1);
		snprintf(
		    text, sizeof(text),
		    "[{\"Id\":\"aa\",\"Config\":{\"Labels\":%s},\"NetworkSettings\":{\"Networks\":" NET(
			"clawker-net", "10.0.0.2") "}}]",
		    bad[i]);
		assert_int_equal(inspected(text, 1), 1);
		assert_false(from[0].labelled);
		assert_int_equal(from[0].n_addr, 1);
	}
}

static void what_is_not_podmans_json_is_none(void **state)
{
	(void)state;
	assert_int_equal(podman_ids("aa\n", 3, from), 1);
	assert_int_equal(inspected("", 1), -EBADMSG);
	assert_int_equal(inspected("{}", 1), -EBADMSG);
	assert_int_equal(inspected("[7,{\"Id\":\"aa\"},{\"Id\":\"zz\",\"Config\":{}}]", 1), 0);
	assert_int_equal(
	    inspected("[{\"Id\":\"aa\",\"Config\":{}},{\"Id\":\"aa\",\"Config\":{}}]", 1), 1);
}

/* --- podman, as a script plays it ------------------------------------------------------------------- */

static struct loop *loop;
static int scan_error;
static char scan_ids[64];
static unsigned scan_failed;

static void on_scan(const struct runtime_seen *seen, int error, const char *reason, void *user)
{
	(void)user;
	scan_error = error;
	*scan_ids = '\0';
	if (error)
		assert_non_null(reason);
	for (unsigned i = 0; seen && i < seen->n; i++)
		strcat(scan_ids, seen->container[i].id);
	scan_failed = seen ? seen->failed : 0;
	loop_stop(loop);
}

/* @all: a list; else a look */
static void scan(const char *script, bool all)
{
	const char *path = getenv("PATH");
	char podman[160], with[512];
	struct runtime *runtime;
	FILE *file;

	strcpy(podman, in_box("podman"));
	file = fopen(podman, "we");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	assert_int_equal(chmod(podman, 0755), 0);
	path = strdup(path);
	snprintf(with, sizeof(with), "%s:/usr/bin:/bin", box);
	setenv("PATH", with, 1);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(runtime_podman_new(loop, 0, "clawker-net", &runtime), 0);
	assert_int_equal((all ? runtime->list : runtime->look)(runtime, on_scan, NULL), 0);
	assert_int_equal(loop_run(loop), 0);
	runtime_free(runtime);
	loop_free(loop);
	setenv("PATH", path, 1);
	free((char *)path);
}

static void a_look_lists_those_that_run_and_inspects_them(void **state)
{
	static const char good[] =
	    "case $1 in ps) [ $# = 6 ] || exit 9; printf 'aa\\nbb\\n' ;;"
	    " container) [ \"$*\" = 'container inspect -- aa bb' ] || exit 9;"
	    " echo '[{\"Id\":\"bb\",\"Config\":{}}]'; echo no aa >&2; exit 125 ;; esac";

	(void)state;
	scan(good, false);
	assert_int_equal(scan_error, 0);
	assert_string_equal(scan_ids, "bb");
	assert_int_equal(scan_failed, 1);
	scan("[ \"$7\" = --all ] && printf 'aa\\nbb\\n'", true);
	assert_int_equal(scan_error, 0);
	assert_string_equal(scan_ids, "aabb");
	scan("[ $1 = ps ]", false);
	assert_int_equal(scan_error, 0);
	assert_string_equal(scan_ids, "");
}

static void a_podman_that_fails_is_no_podman_without_containers(void **state)
{
	(void)state;
	scan("echo away >&2; exit 125", false);
	assert_int_equal(scan_error, -EIO);
	scan("echo not an id", true);
	assert_int_equal(scan_error, -EBADMSG);
	scan("case $1 in ps) printf 'aa\\nbb\\n' ;; *) exit 125 ;; esac", false);
	assert_int_equal(scan_error, 0);
	assert_string_equal(scan_ids, "");
	assert_int_equal(scan_failed, 2);
}

int main(void)
{
#define CASE(name)        cmocka_unit_test_setup_teardown(name, setup, teardown)
#define KERNEL_CASE(name) cmocka_unit_test_setup_teardown(name, setup_kernel, teardown)
	const struct CMUnitTest tests[] = {
		CASE(who_passes_all_of_them_is_who_the_labels_say),
		CASE(without_a_certificate_nobody_passes),
		CASE(another_cn_is_refused),
		CASE(a_certificate_of_no_agent_is_refused_before_the_runtime_is_asked),
		CASE(a_malformed_name_is_refused_too),
		CASE(nobody_at_the_address_is_nobody),
		CASE(two_at_one_address_are_nobody),
		CASE(a_container_whose_labels_name_no_agent_is_nobody),
		CASE(a_runtime_that_does_not_answer_lets_nobody_in),
		CASE(a_name_that_is_not_that_of_the_labels_is_refused),
		CASE(without_who_resolves_there_is_no_gate),
		KERNEL_CASE(what_the_kernel_knows_must_agree),
		KERNEL_CASE(the_kernel_is_asked_of_whom_all_else_believes),
		KERNEL_CASE(who_ends_while_the_kernel_is_asked_is_not_told),
		CASE(one_look_is_for_all_who_came_before_it_and_for_nobody_after),
		CASE(a_container_that_moved_is_looked_at_again_and_no_other),
		CASE(one_that_cannot_be_looked_at_costs_no_look_for_others),
		CASE(that_any_may_have_moved_is_a_new_look_for_all),
		CASE(a_look_that_is_at_work_knows_nothing_of_who_moves_meanwhile),
		CASE(who_is_told_may_forget_another),
		CASE(an_address_is_found_whoever_else_could_not_be_looked_at),
		CASE(who_comes_in_by_a_containers_listener_is_of_it),
		CASE(a_listener_of_who_does_not_run_is_nobodys),
		CASE(ids_are_lines_of_hexadecimal),
		CASE(what_podman_inspects_is_labels_and_addresses_in_the_network),
		CASE(labels_that_are_no_names_name_nobody),
		CASE(what_is_not_podmans_json_is_none),
		CASE(a_look_lists_those_that_run_and_inspects_them),
		CASE(a_podman_that_fails_is_no_podman_without_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
