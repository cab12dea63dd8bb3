// SPDX-License-Identifier: Apache-2.0
/* test_proxy_known.c - proxy/known.c and store_changed(): what is kept of the store, and seen to change */
#include <sys/mman.h>
#include <time.h>

#include "store_box.h"
#include "proxy/known.h"

#define TOKENS 200 /* that are withdrawn, one after the other, while they are used */

static struct known *known;

static int end(void **state)
{
	known_free(known);
	known = NULL;
	return teardown(state);
}

static struct token minted(struct store *in, int64_t budget, int64_t expires)
{
	struct token token = { .project = "proj",
			       .task = "task",
			       .set = "default",
			       .provider = "claude",
			       .budget = budget,
			       .expires = expires };

	if (token_mint(in, &token, &why))
		fail_msg("%s", why.text);
	return token;
}

static int granted(const struct token *token)
{
	const struct token *ret;

	return known_token(known, token->text, strlen(token->text), &ret, &why);
}

static const char *value(void)
{
	const struct credential_use *use;

	if (known_credential(known, "default", "claude", &use, &why))
		fail_msg("%s", why.text);
	return use->value->bytes;
}

/* A process of its own does something, and has returned from it when it is over. */
static void elsewhere(void (*fn)(struct store *in, const void *what), const void *what)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct store *in = unlocked(STORE_WRITE);

		fn(in, what);
		store_free(in);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void replace(struct store *in, const void *what)
{
	if (put(in, "default", "claude", what))
		_exit(1);
}

static void withdraw(struct store *in, const void *what)
{
	if (token_withdraw(in, &(struct token_which){ .text = what }, &why) != 1)
		_exit(1);
}

static void begin(void)
{
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", "{\"type\":\"api_key\",\"key\":\"one\"}"),
			 0);
	assert_int_equal(known_new(store, &known), 0);
}

static void another_process_s_change_is_seen_by_the_next_who_asks(void **state)
{
	struct token token;

	(void)state;
	begin();
	token = minted(store, TOKEN_UNLIMITED, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(granted(&token), 0);
		assert_string_equal(value(), "one");
	}
	elsewhere(replace, "{\"type\":\"api_key\",\"key\":\"two\"}");
	assert_string_equal(value(), "two");
	assert_int_equal(granted(&token), 0);
	elsewhere(withdraw, token.text);
	assert_int_equal(granted(&token), -ENOENT);
	assert_string_equal(value(), "two");
}

/* Waits until a look at the file's name is due again. */
static void later(void)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	while (nanosleep(&pause, NULL))
		;
}

/* A copy in its place, as a backup is put back; NULL: nothing is. */
static void replaced(const char *copy)
{
	char command[400];

	if (copy)
		snprintf(command, sizeof(command), "mv %s %s", copy, path);
	else
		snprintf(command, sizeof(command), "mv %s %s.away", path, path);
	assert_int_equal(system(command), 0);
	later();
}

static void nothing_is_served_of_a_file_that_is_the_store_no_more(void **state)
{
	struct token token;
	char copy[128], command[300];
	struct secret *secret;

	(void)state;
	snprintf(copy, sizeof(copy), "%s/copy.db", dir);
	for (int there = 0; there < 2; there++) {
		begin();
		token = minted(store, 100, 0);
		assert_int_equal(granted(&token), 0);
		assert_string_equal(value(), "one");
		snprintf(command, sizeof(command), "VACUUM INTO '%s'", copy);
		unlink(copy);
		by_hand(command);
		later();
		assert_int_equal(granted(&token), 0);
		replaced(there ? copy : NULL);
		assert_int_equal(granted(&token), -EIDRM);
		assert_int_equal(credential_load(store, "default", "claude", &secret, &why),
				 -EIDRM);
		assert_int_equal(ssh_key_each(store, NULL, NULL, NULL, &why), -EIDRM);
		/* nor is anything written to it that somebody would miss */
		assert_int_equal(put(store, "default", "claude", JSON), -EIDRM);
		assert_int_equal(token_mint(store, &token, &why), -EIDRM);
		known_free(TAKE_PTR(known));
		store_free(TAKE_PTR(store));
		snprintf(command, sizeof(command), "rm -rf %s/c %s/c-key", dir, dir);
		assert_int_equal(system(command), 0);
	}
}

/*
 * What is withdrawn is no token once that has returned, however often it was just looked for.
 * The other process says of each that it has returned, in memory: no call of either lies between.
 */
static void a_token_that_is_used_without_a_pause_ends_with_its_withdrawal(void **state)
{
	volatile unsigned *gone =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct token token[TOKENS];
	unsigned long had = 0;
	pid_t child;
	int status;

	(void)state;
	begin();
	for (unsigned i = 0; i < TOKENS; i++)
		token[i] = minted(store, TOKEN_UNLIMITED, 0);
	child = fork();
	if (!child) {
		struct store *mine = unlocked(STORE_WRITE);

		for (unsigned i = 0; i < TOKENS; i++) {
			withdraw(mine, token[i].text);
			__atomic_store_n(gone, i + 1, __ATOMIC_SEQ_CST);
		}
		_exit(0);
	}
	for (unsigned i = 0; i < TOKENS;) {
		bool over = __atomic_load_n(gone, __ATOMIC_SEQ_CST) > i;
		int r = granted(&token[i]);

		if (over)
			assert_int_equal(r, -ENOENT);
		had += !r;
		i += over;
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(had > TOKENS); /* each was one before */
	munmap((void *)gone, 4096);
}

static void the_end_of_its_time_is_seen_without_a_change(void **state)
{
	struct token token;

	(void)state;
	begin();
	token = minted(store, TOKEN_UNLIMITED, time(NULL) + 2);
	assert_int_equal(granted(&token), 0);
	while (time(NULL) < token.expires) {
		int r = granted(&token);

		assert_true(!r || (r == -EKEYEXPIRED && time(NULL) >= token.expires));
	}
	assert_int_equal(granted(&token), -EKEYEXPIRED);
}

static void a_budget_is_written_down_before_it_is_used_and_what_is_left_goes_back(void **state)
{
	const struct token *kept;
	struct token token;

	(void)state;
	begin();
	token = minted(store, 40, 0);
	for (int i = 1; i <= 40; i++) {
		assert_int_equal(known_token(known, token.text, strlen(token.text), &kept, &why),
				 0);
		assert_int_equal(known_spend(known, kept, &why), 0);
		assert_true(number("SELECT used FROM token_terms") >= i);
		if (i == 5) { /* who begins again */
			known_free(known);
			assert_int_equal(number("SELECT used FROM token_terms"), 5);
			assert_int_equal(known_new(store, &known), 0);
		}
	}
	assert_int_equal(known_token(known, token.text, strlen(token.text), &kept, &why), 0);
	assert_int_equal(known_spend(known, kept, &why), -EDQUOT);
}

static int look_meanwhile(const struct credential *credential, void *user)
{
	(void)credential;
	elsewhere(replace, user);
	assert_int_equal(store_changed(store), 0); /* as the reader that is open sees it */
	return 1;
}

static void a_change_while_something_is_read_is_seen_when_that_is_over(void **state)
{
	(void)state;
	begin();
	assert_int_equal(store_changed(store), 0);
	assert_int_equal(credential_each(store, NULL, look_meanwhile,
					 "{\"type\":\"api_key\",\"key\":\"two\"}", &why),
			 1);
	assert_int_equal(store_changed(store), 1);
	assert_int_equal(store_changed(store), 0);
	assert_string_equal(value(), "two");
}

static void what_it_writes_itself_is_no_change(void **state)
{
	(void)state;
	begin();
	store_changed(store);
	replace(store, "{\"type\":\"api_key\",\"key\":\"two\"}");
	assert_int_equal(store_changed(store), 0);
	known_forget(known);
	assert_string_equal(value(), "two");
	elsewhere(replace, "{\"type\":\"api_key\",\"key\":\"three\"}");
	replace(store, "{\"type\":\"api_key\",\"key\":\"four\"}");
	assert_int_equal(store_changed(store), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, end)
	const struct CMUnitTest tests[] = {
		T(another_process_s_change_is_seen_by_the_next_who_asks),
		T(nothing_is_served_of_a_file_that_is_the_store_no_more),
		T(a_token_that_is_used_without_a_pause_ends_with_its_withdrawal),
		T(the_end_of_its_time_is_seen_without_a_change),
		T(a_budget_is_written_down_before_it_is_used_and_what_is_left_goes_back),
		T(a_change_while_something_is_read_is_seen_when_that_is_over),
		T(what_it_writes_itself_is_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
