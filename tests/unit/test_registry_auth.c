// SPDX-License-Identifier: Apache-2.0
/* test_registry_auth.c - user/registry/auth.c: tokens, scopes, and methods that nobody has named */
#include "registry_box.h"

#include "base/event.h"
#include "base/log.h"
#include "user/registry/auth.h"
#include "user/registry/cert.h"

#define REGISTER "/clawker.agent.v1.AgentService/Register"
#define LIST     "/clawker.admin.v1.AdminService/ListAgents"

static struct loop *loop;
static struct agents *agents;
static struct auth *auth;
static EVP_PKEY *key;
static struct assertion_keys keys;
static struct leaf leaf;
static struct auth_ask ask;
static struct reply got;
static struct auth_proof *proof; /* what calls are given of their connection */
static unsigned told;
static time_t ahead; /* of the machine's clock is ours */

time_t __real_time(time_t *ret);
time_t __wrap_time(time_t *ret);

time_t __wrap_time(time_t *ret)
{
	time_t now = __real_time(NULL) + ahead;

	if (ret)
		*ret = now;
	return now;
}

static const struct auth_method with_public[] = { { "/open", "", NULL }, {} };

static int use(const struct auth_method *methods)
{
	const struct auth_use use = {
		.methods = methods, .keys = &keys, .audience = ASSERTION_AUDIENCE, .agents = agents
	};

	auth_free(auth);
	auth = NULL;
	return auth_new(loop, &use, &auth, &why);
}

static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_EMERG, false);
	leaf = (struct leaf){ .present = true, .thumbprint = { 1 } };
	if (box_make() || loop_new(&loop) ||
	    agents_open(in_box("controlplane.db"), &agents, &why) || cert_new_key(&key, &why))
		return -1;
	keys = (struct assertion_keys){ .key = { key }, .n = 1, .generation = 1 };
	proof = NULL;
	ahead = 0;
	return use(auth_methods);
}

static int teardown(void **state)
{
	(void)state;
	auth_free(auth);
	auth = NULL;
	agents_free(agents);
	EVP_PKEY_free(key);
	loop_free(loop);
	return box_remove();
}

static void on_done(struct auth_ask *one, const struct reply *reply)
{
	(void)one;
	told++;
	got = *reply;
}

static void call(const char *path, const char *header)
{
	told = 0;
	ask = (struct auth_ask){
		.path = path, .header = header, .leaf = &leaf, .proof = proof, .done = on_done
	};
	auth_begin(auth, &ask);
	assert_int_equal(told, 1);
}

static void is(enum reply_code code, const char *text)
{
	assert_int_equal(got.code, code);
	assert_string_equal(got.text, text);
}

/* "Bearer " and an assertion of this client, bound to @bound if that is one. */
static char *bearer(const char *client, const uint8_t *bound)
{
	const struct assertion_wish wish = { client, ASSERTION_AUDIENCE, bound, time(NULL), 3600 };
	char *text, *header;

	assert_int_equal(assertion_make(key, &wish, &text, &why), 0);
	assert_true(asprintf(&header, "Bearer %s", text) > 0);
	free(text);
	return header;
}

static void every_method_that_is_served_has_a_scope(void **state)
{
	static const char *const files[] = { "user/proto/agent.proto", "user/proto/admin.proto" };
	unsigned methods = 0, mapped = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		char line[256], package[64] = "", service[64] = "", rpc[64], path[256];
		FILE *file = fopen(files[i], "re");

		assert_non_null(file); /* the tests run at the top of the tree */
		while (fgets(line, sizeof(line), file)) {
			sscanf(line, "package %63[a-zA-Z0-9.]", package);
			sscanf(line, "service %63[a-zA-Z0-9]", service);
			if (sscanf(line, " rpc %63[a-zA-Z0-9]", rpc) != 1)
				continue;
			methods++;
			snprintf(path, sizeof(path), "/%s.%s/%s", package, service, rpc);
			for (const struct auth_method *m = auth_methods; m->path; m++)
				mapped += !strcmp(m->path, path) && *m->scope;
		}
		fclose(file);
	}
	assert_true(methods >= 2);
	assert_int_equal(mapped, methods);
}

static void a_method_that_nobody_named_is_nobodys(void **state)
{
	_cleanup_free_ char *header = bearer("clawker-agent", NULL);

	(void)state;
	call("/clawker.agent.v1.AgentService/Other", header);
	is(REPLY_UNAUTHENTICATED, "unauthorized");
	call("", header);
	is(REPLY_UNAUTHENTICATED, "unauthorized");
}

static void without_a_bearer_token_nobody_calls(void **state)
{
	static const char *const bad[] = { NULL,       "",           "Bearer",   "Bearer ",
					   "bearer x", "Basic eDp5", " Bearer x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		call(REGISTER, bad[i]);
		is(REPLY_UNAUTHENTICATED, "missing bearer token");
	}
}

static void a_method_without_a_scope_is_everybodys(void **state)
{
	struct spent spent;

	(void)state;
	assert_int_equal(use(with_public), 0);
	call("/open", NULL);
	is(REPLY_OK, "");
	assert_false(auth_spent(&ask, &spent));
}

static void an_assertion_of_the_client_lets_it_in(void **state)
{
	_cleanup_free_ char *bound = bearer("clawker-agent", leaf.thumbprint);
	_cleanup_free_ char *cli = bearer("clawker-cli", NULL);
	struct spent spent;

	(void)state;
	call(REGISTER, bound);
	is(REPLY_OK, "");
	assert_true(auth_spent(&ask, &spent));
	assert_string_equal(spent.client, "clawker-agent");
	assert_ptr_equal(spent.thumbprint, leaf.thumbprint);
	call(LIST, cli);
	is(REPLY_OK, "");
}

static void what_a_client_may_not_is_said_by_one_text(void **state)
{
	_cleanup_free_ char *agent = bearer("clawker-agent", NULL),
			    *cli = bearer("clawker-cli", NULL),
			    *other = bearer("clawker-other", NULL);
	struct spent spent;

	(void)state;
	call(REGISTER, cli);
	is(REPLY_DENIED, "token missing required scope \"agent:self:register\"");
	call(REGISTER, other);
	is(REPLY_DENIED, "token missing required scope \"agent:self:register\"");
	call(LIST, agent);
	is(REPLY_DENIED, "token missing required scope \"admin\"");
	assert_false(auth_spent(&ask, &spent));
}

static void what_is_no_assertion_of_ours_is_inactive(void **state)
{
	_cleanup_free_ char *good = bearer("clawker-agent", NULL);
	_cleanup_free_ char *long_one = malloc(AUTH_TOKEN_MAX + 32);

	(void)state;
	good[strlen(good) - 5] ^= 1;
	call(REGISTER, good);
	is(REPLY_UNAUTHENTICATED, "token inactive");
	call(REGISTER, "Bearer x");
	is(REPLY_UNAUTHENTICATED, "token inactive");
	memset(long_one, 'a', AUTH_TOKEN_MAX + 31);
	long_one[AUTH_TOKEN_MAX + 31] = '\0';
	memcpy(long_one, "Bearer ", 7);
	call(REGISTER, long_one);
	is(REPLY_UNAUTHENTICATED, "token validation failed");
}

static void one_that_is_bound_is_its_certificates_alone(void **state)
{
	_cleanup_free_ char *bound = bearer("clawker-agent", leaf.thumbprint);

	(void)state;
	leaf.thumbprint[31] = 7;
	call(REGISTER, bound);
	is(REPLY_UNAUTHENTICATED, "token inactive");
	leaf.present = false;
	call(REGISTER, bound);
	is(REPLY_UNAUTHENTICATED, "token inactive");
}

static void one_that_is_not_bound_is_of_who_uses_it_first(void **state)
{
	_cleanup_free_ char *free_one = bearer("clawker-agent", NULL);
	struct spent spent;

	(void)state;
	call(REGISTER, free_one);
	is(REPLY_OK, "");
	assert_true(auth_spent(&ask, &spent));
	assert_int_equal(agents_spend(agents, &spent, time(NULL), &why), 0);
	call(REGISTER, free_one); /* the same again: its reply was lost */
	is(REPLY_OK, "");
	leaf.thumbprint[0] = 2;
	call(REGISTER, free_one);
	is(REPLY_UNAUTHENTICATED, "token inactive");
}

/* --- the same bytes again, on the same connection -------------------------------------------- */

/* A connection on which an assertion was proven, bound or not, and a key that is not ours. */
struct proven {
	struct auth_proof proof;
	char *header;
	EVP_PKEY *other;
};

static void proven_done(struct proven *proven)
{
	auth_proof_done(&proven->proof);
	free(proven->header);
	EVP_PKEY_free(proven->other);
	proof = NULL;
}
#define _cleanup_proven_ _cleanup_(proven_done)

static void prove(struct proven *proven, bool bound)
{
	assert_int_equal(cert_new_key(&proven->other, &why), 0);
	proven->header = bearer("clawker-agent", bound ? leaf.thumbprint : NULL);
	proof = &proven->proof;
	call(REGISTER, proven->header);
	is(REPLY_OK, "");
	assert_non_null(proof->token);
}

static void refused(const char *path, const char *header)
{
	struct spent spent;

	call(path, header);
	is(REPLY_UNAUTHENTICATED, "token inactive");
	assert_false(auth_spent(&ask, &spent));
}

static void what_was_proven_is_not_proven_again(void **state)
{
	_cleanup_proven_ struct proven proven = {};
	_cleanup_free_ char *second = NULL;
	struct spent spent;

	(void)state;
	prove(&proven, true);
	second = bearer("clawker-agent", leaf.thumbprint);
	keys.key[0] =
	    proven.other; /* of the same generation, so who asks this one finds it wrong */
	call(REGISTER, proven.header);
	is(REPLY_OK, "");
	assert_true(auth_spent(&ask, &spent));
	assert_ptr_equal(spent.thumbprint, leaf.thumbprint);
	refused(REGISTER, second); /* other bytes have proven nothing */
	proven.header[strlen(proven.header) - 5] ^= 1;
	refused(REGISTER, proven.header);
	proven.header[strlen(proven.header) - 5] ^= 1;
	call(REGISTER, proven.header); /* and take nothing from those that have */
	is(REPLY_OK, "");
	proof = NULL; /* another connection */
	refused(REGISTER, proven.header);
}

static void other_keys_are_asked_again(void **state)
{
	_cleanup_proven_ struct proven proven = {};

	(void)state;
	prove(&proven, true);
	keys.key[0] = proven.other;
	keys.generation++;
	refused(REGISTER, proven.header);
	refused(REGISTER, proven.header);
	keys.key[0] = key;
	keys.generation++;
	call(REGISTER, proven.header);
	is(REPLY_OK, "");
	assert_int_equal(proof->generation, keys.generation);
}

static void by_keys_of_no_generation_nothing_is_kept(void **state)
{
	_cleanup_free_ char *header = bearer("clawker-agent", NULL);
	struct auth_proof kept = {};

	(void)state;
	keys.generation = 0;
	proof = &kept;
	call(REGISTER, header);
	is(REPLY_OK, "");
	assert_null(kept.token);
}

static void time_passes_for_what_was_proven(void **state)
{
	_cleanup_proven_ struct proven proven = {};

	(void)state;
	prove(&proven, true); /* it lives for an hour */
	ahead = 3598;
	call(REGISTER, proven.header);
	is(REPLY_OK, "");
	ahead = 3601;
	refused(REGISTER, proven.header);
	/* a clock that is set back: it is of the future */
	ahead = -58;
	call(REGISTER, proven.header);
	is(REPLY_OK, "");
	ahead = -63;
	refused(REGISTER, proven.header);
}

static void what_was_proven_may_do_no_more_than_before(void **state)
{
	_cleanup_proven_ struct proven proven = {};

	(void)state;
	prove(&proven, true);
	call(LIST, proven.header);
	is(REPLY_DENIED, "token missing required scope \"admin\"");
	leaf.thumbprint[31] = 7;
	refused(REGISTER, proven.header);
	leaf.present = false;
	refused(REGISTER, proven.header);
}

static void what_was_proven_can_be_used_up_by_another(void **state)
{
	_cleanup_proven_ struct proven proven = {};
	uint8_t thumbprint[LEAF_THUMBPRINT] = { 9 };
	struct spent spent;

	(void)state;
	prove(&proven, false);
	assert_true(auth_spent(&ask, &spent));
	spent.thumbprint = thumbprint;
	assert_int_equal(agents_spend(agents, &spent, time(NULL), &why), 0);
	refused(REGISTER, proven.header);
}

static void a_scope_is_a_word_and_no_part_of_one(void **state)
{
	(void)state;
	assert_true(auth_has_scope("admin", "admin"));
	assert_true(auth_has_scope(" a  admin\tb ", "admin"));
	assert_false(auth_has_scope("administrator", "admin"));
	assert_false(auth_has_scope("superadmin", "admin"));
	assert_false(auth_has_scope("admin:read", "admin"));
	assert_false(auth_has_scope("", "admin"));
	assert_false(auth_has_scope("agent:self", "agent:self:register"));
}

static int introspected(const char *text, struct introspected *ret)
{
	return auth_introspected_read(text, strlen(text), ret);
}

static void what_a_server_says_is_read_strictly(void **state)
{
	struct introspected is;
	static const char *const bad[] = {
		"", "[]", "{}", "{\"active\":\"true\"}", "{\"active\":1}", "{\"active\":true",
		"null",
		/* behind a NUL nobody would see the rest of it */
		"{\"active\":true,\"scope\":\"admin\\u0000x\"}",
		"{\"active\":true,\"client_id\":\"clawker-agent\\u0000x\"}"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(introspected(bad[i], &is), -EBADMSG);
		assert_false(is.active);
	}
	assert_int_equal(auth_introspected_read(NULL, 0, &is), -EBADMSG);
	assert_int_equal(introspected("{\"active\":false,\"scope\":\"admin\"}", &is), 0);
	assert_false(is.active);
	assert_string_equal(is.scope, "");
	assert_int_equal(
	    introspected("{\"active\":true,\"scope\":\"a b\",\"client_id\":\"c\"}", &is), 0);
	assert_true(is.active);
	assert_string_equal(is.scope, "a b");
	assert_string_equal(is.client, "c");
	assert_int_equal(introspected("{\"active\":true,\"exp\":1}", &is), 0);
	assert_false(is.active);
	assert_int_equal(introspected("{\"active\":true}", &is), 0);
	assert_true(is.active); /* and has no scope */
}

static void a_server_is_asked_by_https_alone(void **state)
{
	const struct auth_use use = { .methods = auth_methods,
				      .introspect = "http://127.0.0.1:1/" };
	struct auth *none = NULL;

	(void)state;
	assert_int_equal(auth_new(loop, &use, &none, &why), -EINVAL);
	assert_null(none);
}

static void on_last(struct auth_ask *one, const struct reply *reply)
{
	on_done(one, reply);
	loop_stop(loop);
}

static void a_server_that_is_away_lets_nobody_in(void **state)
{
	const struct auth_use use = { .methods = auth_methods,
				      .introspect = "https://127.0.0.1:1/" };
	_cleanup_proven_ struct proven proven = {};
	struct auth *asks;

	(void)state;
	prove(&proven, true);
	told = 0;
	assert_int_equal(auth_new(loop, &use, &asks, &why), 0);
	ask = (struct auth_ask){ .path = REGISTER,
				 .header =
				     proven.header, /* which says nothing of what a server says */
				 .leaf = &leaf,
				 .proof = proof,
				 .done = on_last };
	auth_begin(asks, &ask);
	assert_int_equal(told, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(told, 1);
	is(REPLY_UNAUTHENTICATED, "token validation failed");
	/* one that is forgotten is not told */
	ask.done = on_done;
	auth_begin(asks, &ask);
	auth_forget(&ask);
	auth_forget(&ask);
	auth_free(asks);
	assert_int_equal(told, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_method_that_is_served_has_a_scope),
		CASE(a_method_that_nobody_named_is_nobodys),
		CASE(without_a_bearer_token_nobody_calls),
		CASE(a_method_without_a_scope_is_everybodys),
		CASE(an_assertion_of_the_client_lets_it_in),
		CASE(what_a_client_may_not_is_said_by_one_text),
		CASE(what_is_no_assertion_of_ours_is_inactive),
		CASE(one_that_is_bound_is_its_certificates_alone),
		CASE(one_that_is_not_bound_is_of_who_uses_it_first),
		CASE(what_was_proven_is_not_proven_again),
		CASE(other_keys_are_asked_again),
		CASE(by_keys_of_no_generation_nothing_is_kept),
		CASE(time_passes_for_what_was_proven),
		CASE(what_was_proven_may_do_no_more_than_before),
		CASE(what_was_proven_can_be_used_up_by_another),
		CASE(a_scope_is_a_word_and_no_part_of_one),
		CASE(what_a_server_says_is_read_strictly),
		CASE(a_server_is_asked_by_https_alone),
		CASE(a_server_that_is_away_lets_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
