// SPDX-License-Identifier: Apache-2.0
/* test_agentd_register.c - user/agentd: who we are, where the control plane is, and one registration at a time */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "agentd/account.h"
#include "agentd/bootstrap.h"
#include "agentd/hosts.h"
#include "agentd/register.h"
#include "agentd/bearer.h"
#include "base/log.h"

/* --- one registration at a time --- */

static struct {
	struct loop *loop;
	struct timer timer;
	struct agentd_registrar *registrar;
	unsigned attempts, ok, failed;
	char error[200];
} end;

static void on_attempt(struct agentd_registrar *registrar, void *user)
{
	(void)user;
	assert_ptr_equal(registrar, end.registrar);
	end.attempts++;
}

static void on_outcome(void *user, bool ok, const char *error)
{
	(void)user;
	*(ok ? &end.ok : &end.failed) += 1;
	snprintf(end.error, sizeof(end.error), "%s", error);
}

static int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

/* All that is due. */
static void rounds(void)
{
	timer_arm(end.loop, &end.timer, now_boot_ns() + SECOND_NS / 200, on_pause);
	assert_int_equal(loop_run(end.loop), -ECANCELED);
}

static int setup(void **state)
{
	(void)state;
	memset(&end, 0, sizeof(end));
	return loop_new(&end.loop) ||
	       agentd_registrar_new(end.loop, on_attempt, NULL, &end.registrar);
}

static int teardown(void **state)
{
	(void)state;
	agentd_registrar_free(end.registrar);
	loop_free(end.loop);
	return 0;
}

static void those_who_ask_meanwhile_have_the_same_outcome(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		agentd_registrar_ask(end.registrar, on_outcome, NULL);
	rounds();
	assert_int_equal(end.attempts, 1);
	assert_int_equal(end.ok, 0);
	agentd_registrar_done(end.registrar, NULL, true);
	rounds();
	assert_int_equal(end.ok, 3);
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	rounds();
	assert_int_equal(end.ok, 4);
	assert_int_equal(end.attempts, 1);
}

static void an_assertion_that_is_used_up_is_not_shown_again(void **state)
{
	(void)state;
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	rounds();
	agentd_registrar_done(end.registrar, "no", true);
	rounds();
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	rounds();
	assert_int_equal(end.failed, 2);
	assert_int_equal(end.attempts, 1);
	assert_string_equal(end.error, "no");
}

static void what_came_to_nothing_is_tried_again_for_the_next(void **state)
{
	(void)state;
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	rounds();
	agentd_registrar_done(end.registrar, "nobody there", false);
	rounds();
	assert_int_equal(end.failed, 1); /* the first one's attempt; now it is the second one's */
	assert_int_equal(end.attempts, 2);
	agentd_registrar_done(end.registrar, NULL, true);
	agentd_registrar_done(end.registrar, "twice",
			      true); /* there is no attempt that could end */
	rounds();
	assert_int_equal(end.ok, 1);
	assert_int_equal(end.failed, 1);
}

static void so_many_may_wait_and_no_more(void **state)
{
	(void)state;
	for (int i = 0; i < REGISTER_WAITING; i++)
		agentd_registrar_ask(end.registrar, on_outcome, NULL);
	assert_int_equal(end.failed, 0);
	agentd_registrar_ask(end.registrar, on_outcome, NULL);
	assert_int_equal(end.failed, 1);
	rounds();
	agentd_registrar_done(end.registrar, NULL, true);
	rounds();
	assert_int_equal(end.ok, REGISTER_WAITING);
}

/* --- the token server's reply --- */

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

static void a_token_is_taken_from_a_reply_that_is_one(void **state)
{
	static char large[BEARER_MAX * 2], token[BEARER_MAX + 1];
	static const struct {
		const char *reply;
		int r;
	} replies[] = {
		{ HEAD "{\"access_token\":\"abc.d-e_f\",\"token_type\":\"bearer\"}", 0 },
		{ HEAD
		  "{\"token_type\":\"Bearer\",\"access_token\":\"abc.d-e_f\",\"expires_in\":1}",
		  0 },
		{ HEAD "{\"access_token\":\"abc\",\"token_type\":\"mac\"}", -EBADMSG },
		{ HEAD "{\"access_token\":\"abc\"}", -EBADMSG },
		{ HEAD "{\"access_token\":7,\"token_type\":\"bearer\"}", -EBADMSG },
		{ HEAD "{\"access_token\":\"\",\"token_type\":\"bearer\"}", -EBADMSG },
		{ HEAD "{\"access_token\":\"a b\",\"token_type\":\"bearer\"}", -EBADMSG },
		{ HEAD "{\"access_token\":\"a\\r\\nb\",\"token_type\":\"bearer\"}", -EBADMSG },
		{ HEAD "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"bearer\"}",
		  -EBADMSG },
		{ HEAD "[]", -EBADMSG },
		{ HEAD, -EBADMSG },
		{ "HTTP/1.1 400 Bad\r\n\r\n{\"error\":\"invalid_grant\"}", -EACCES },
		{ "HTTP/1.1 302 Found\r\n\r\n{\"access_token\":\"a\",\"token_type\":\"bearer\"}",
		  -EACCES },
		{ "HTTP/1.1 200 OK\r\n{\"access_token\":\"a\",\"token_type\":\"bearer\"}",
		  -EBADMSG },
		{ "HTTP/2 200\r\n\r\n{}", -EBADMSG },
		{ "", -EBADMSG },
	};
	struct problem why;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		*token = '\0';
		assert_int_equal(
		    bearer_reply(replies[i].reply, strlen(replies[i].reply), token, &why),
		    replies[i].r);
		assert_string_equal(token, replies[i].r ? "" : "abc.d-e_f");
	}
	/* as long as it may be, and one more */
	for (int more = 0; more < 2; more++) {
		int n = snprintf(large, sizeof(large),
				 HEAD "{\"token_type\":\"bearer\",\"access_token\":\"%0*d\"}",
				 BEARER_MAX + more, 0);

		assert_int_equal(bearer_reply(large, n, token, &why), more ? -EBADMSG : 0);
	}
}

static void a_url_is_https_and_nothing_else(void **state)
{
	static const char *const urls[] = { "http://127.0.0.1:4444",  "https://",
					    "https://user@127.0.0.1", "https://127.0.0.1:4444/path",
					    "127.0.0.1:4444",         "https://no.such.name" };
	struct bootstrap bootstrap = {};
	struct reaper reaper = { .loop = end.loop };
	struct bearer *token;
	struct problem why;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		why.text[0] = '\0';
		assert_true(bearer_new(end.loop, &reaper, urls[i], &bootstrap, NULL, NULL, &token,
				       &why) < 0);
		assert_true(*why.text);
	}
}

/* --- where, and who --- */

static void an_address_is_a_number_or_a_name_of_the_hosts_file(void **state)
{
	static const char *const wrong[] = { "",
					     "127.0.0.1",
					     "127.0.0.1:",
					     "127.0.0.1:70000",
					     "127.0.0.1:-1",
					     "127.0.0.1:1x",
					     "no.such.name:1",
					     "[::1:1" };
	struct sockaddr_storage addr;
	struct sockaddr_in *v4 = (void *)&addr;
	struct sockaddr_in6 *v6 = (void *)&addr;
	struct problem why;
	socklen_t size;

	(void)state;
	assert_int_equal(hosts_find("192.0.2.7:7444", &addr, &size, &why), 0);
	assert_int_equal(v4->sin_family, AF_INET);
	assert_int_equal(ntohs(v4->sin_port), 7444);
	assert_int_equal(ntohl(v4->sin_addr.s_addr), 0xc0000207);
	assert_int_equal(hosts_find("[::1]:1", &addr, &size, &why), 0);
	assert_int_equal(v6->sin6_family, AF_INET6);
	assert_int_equal(size, sizeof(*v6));
	assert_int_equal(hosts_find(":7700", &addr, &size, &why), 0);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr));
	assert_int_equal(hosts_find("localhost:2", &addr, &size, &why), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_true(hosts_find(wrong[i], &addr, &size, &why) < 0);
}

static void a_user_is_a_name_or_numbers(void **state)
{
	struct account account;
	struct problem why;

	(void)state;
	assert_int_equal(account_by_name("root", &account, &why), 0);
	assert_int_equal(account.uid, 0);
	assert_string_equal(account.home, "/root");
	assert_int_equal(account_by_name("54321:12345", &account, &why), 0);
	assert_int_equal(account.uid, 54321);
	assert_int_equal(account.gid, 12345);
	assert_int_equal(account.n_groups, 1);
	assert_int_equal(account.groups[0], 12345);
	assert_int_equal(account_by_name("54321", &account, &why), 0);
	assert_int_equal(account.gid, 54321);
	assert_int_equal(account_by_name("no-such-user", &account, &why), -ENOENT);
	assert_int_equal(account_by_name("1:x", &account, &why), -EINVAL);
	assert_int_equal(account_by_name("4294967295", &account, &why), -ENOENT); /* "as it is" */
	assert_int_equal(account_by_name("-1", &account, &why), -ENOENT);
}

static void file_make(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void four_files_say_who_we_are_and_each_is_needed(void **state)
{
	static const char *const name[] = { "cert.pem", "key.pem", "ca.pem", "assertion.jwt" };
	char dir[] = "/tmp/terok-bootstrap-XXXXXX", path[128];
	struct bootstrap bootstrap = {};
	struct problem why;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 4; i++)
		file_make(dir, name[i], "a.b.c\n", 0400);
	assert_int_equal(bootstrap_read(dir, &bootstrap, &why), 0);
	assert_string_equal(bootstrap.assertion.bytes, "a.b.c");
	assert_string_equal(bootstrap.cert.bytes, "a.b.c\n");
	bootstrap_done(&bootstrap);
	for (int i = 0; i < 4; i++) {
		file_make(dir, name[i], "a.b.c\n", 0404);
		assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -EPERM);
		assert_non_null(strstr(why.text, name[i]));
		file_make(dir, name[i], "", 0400);
		assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -ENODATA);
		snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
		unlink(path);
		assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -ENOENT);
		assert_int_equal(symlink("/etc/passwd", path), 0);
		assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -ELOOP);
		file_make(dir, name[i], "a.b.c\n", 0400);
	}
	file_make(dir, "assertion.jwt", "a.b\r\nx: y", 0400); /* it would be a header of its own */
	assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -EINVAL);
	chmod(dir, 0750);
	assert_int_equal(bootstrap_read(dir, &bootstrap, &why), -EPERM);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(those_who_ask_meanwhile_have_the_same_outcome),
		CASE(an_assertion_that_is_used_up_is_not_shown_again),
		CASE(what_came_to_nothing_is_tried_again_for_the_next),
		CASE(so_many_may_wait_and_no_more),
		cmocka_unit_test(a_token_is_taken_from_a_reply_that_is_one),
		CASE(a_url_is_https_and_nothing_else),
		cmocka_unit_test(an_address_is_a_number_or_a_name_of_the_hosts_file),
		cmocka_unit_test(a_user_is_a_name_or_numbers),
		cmocka_unit_test(four_files_say_who_we_are_and_each_is_needed),
	};

	log_setup("test", LOG_EMERG, false);
	return cmocka_run_group_tests_name("agentd_register", tests, NULL, NULL);
}
