// SPDX-License-Identifier: Apache-2.0
/* test_registry_plan.c - user/registry/plan.c: which plans are taken, and what is said of others */
#include "registry_box.h"

#include "user/registry/plan.h"

#define STEP "\"uid\":1,\"gid\":2,\"command\":\"x\""

static int parse(const char *text, struct plan **ret)
{
	why = (struct problem){};
	return plan_parse(text, strlen(text), ret, &why);
}

static void a_plan_has_its_steps_in_their_order(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;

	(void)state;
	assert_int_equal(
	    parse("{\"steps\":[{\"name\":\"b\",\"uid\":0,\"gid\":2,\"command\":[\"a\",\"\"],"
		  "\"cwd\":\"/\",\"env\":{\"K\":\"v=1\"},\"stdin\":\"\",\"timeout\":3600},"
		  "{\"name\":\"a\"," STEP "}]}",
		  &plan),
	    0);
	assert_int_equal(plan->n, 2);
	assert_string_equal(plan->step[0].name, "b");
	assert_int_equal(plan->step[0].n_argv, 2);
	assert_string_equal(plan->step[0].argv[1], "");
	assert_string_equal(plan->step[0].env[0].value, "v=1");
	assert_int_equal(plan->step[0].timeout_s, 3600);
	assert_string_equal(plan->step[1].argv[1], "-c");
	assert_int_equal(plan->step[1].timeout_s, PLAN_TIMEOUT_S);
	assert_null(plan->step[1].cwd);
}

static void a_plan_without_steps_is_one(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;

	(void)state;
	assert_int_equal(parse("{\"steps\":[]}", &plan), 0);
	assert_int_equal(plan->n, 0);
}

static void what_is_wrong_is_named_with_its_step(void **state)
{
	static const struct {
		const char *text, *says;
	} row[] = {
		{ "", "no JSON" },
		{ "[]", "no object" },
		{ "{}", "steps is missing" },
		{ "{\"steps\":{}}", "steps is missing" },
		{ "{\"steps\":[],\"step\":1}", "step is no key of a plan" },
		{ "{\"steps\":[1]}", "step 1: it is no object" },
		{ "{\"steps\":[{" STEP "}]}", "step 1: name is missing" },
		{ "{\"steps\":[{\"name\":1," STEP "}]}", "step 1: name is missing" },
		{ "{\"steps\":[{\"name\":\"\"," STEP "}]}", "step 1: name is not" },
		{ "{\"steps\":[{\"name\":\"a b\"," STEP "}]}", "step 1: name is not" },
		{ "{\"steps\":[{\"name\":\"012345678901234567890123456789012\"," STEP "}]}",
		  "step 1: name is too long" },
		{ "{\"steps\":[{\"name\":\"agent-ready\"," STEP "}]}", "step 1: name is that of" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP "},{\"name\":\"a\"," STEP "}]}",
		  "step 2 (a): name is another step's" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"user\":1}]}",
		  "step 1: user is no key of a step" },
		{ "{\"steps\":[{\"name\":\"a\",\"gid\":2,\"command\":\"x\"}]}",
		  "step 1 (a): uid is missing" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":2,\"command\":\"x\"}]}",
		  "step 1 (a): gid is missing" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":2,\"gid\":1}]}",
		  "step 1 (a): command is missing" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":-1,\"gid\":1,\"command\":\"x\"}]}",
		  "step 1 (a): uid is out of range" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":4294967295,\"gid\":1,\"command\":\"x\"}]}",
		  "step 1 (a): uid is out of range" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":\"0\",\"gid\":1,\"command\":\"x\"}]}",
		  "step 1 (a): uid is no whole number" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":\"\"}]}",
		  "step 1 (a): command is empty" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":[]}]}",
		  "step 1 (a): command has no word" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":[\"\"]}]}",
		  "step 1 (a): command is empty" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":[\"a\",1]}]}",
		  "step 1 (a): command is no text" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":1}]}",
		  "step 1 (a): command is neither" },
		{ "{\"steps\":[{\"name\":\"a\",\"uid\":1,\"gid\":1,\"command\":\"a\\u0000b\"}]}",
		  "step 1 (a): command has a NUL" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"timeout\":0}]}",
		  "step 1 (a): timeout is out of range" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"timeout\":3601}]}",
		  "step 1 (a): timeout is out of range" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"env\":[]}]}", "step 1 (a): env is no" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"env\":{\"A=\":\"\"}}]}",
		  "step 1 (a): env has a name that is none" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"env\":{\"A\":1}}]}",
		  "step 1 (a): A is no text" },
		{ "{\"steps\":[{\"name\":\"a\"," STEP ",\"cwd\":null}]}",
		  "step 1 (a): cwd is no text" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct plan *plan = NULL;

		assert_int_equal(parse(row[i].text, &plan), -EINVAL);
		assert_null(plan);
		if (!strstr(why.text, row[i].says))
			fail_msg("%s: \"%s\"", row[i].text, why.text);
	}
}

/* The line where it stands is the first word: behind a file's name it is what editors go to. */
static void what_is_wrong_has_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} row[] = {
		{ "{\n\"steps\":[],\n\"steps\":[]}", "3: steps is there twice" },
		{ "{\n\"steps\":[],\n\n\"st\\u0065p\":[]}", "4: step is no key of a plan" },
		{ "{\"st\\u0065ps\":[],\n\"steps\":[]}", "2: steps is there twice" },
		{ "{\"steps\":[\n{\"name\":\"a\",\n\"uid\":0,\n\"uid\":1,\"gid\":2,\"command\":\"x\"}]}",
		  "4: step 1: uid is there twice" },
		{ "{\"steps\":[\n{\"name\":\"a\",\n\"name\":\"b\"," STEP "}]}",
		  "3: step 1: name is there twice" },
		{ "{\"steps\":[\n{\"name\":\"a\"," STEP ",\n\"\\u001b[2J\":1}]}",
		  "3: step 1: ?[2J is no key of a step" },
		{ "{\"steps\":[\n{\"name\":\"a\"," STEP
		  ",\"env\":{\"A\":\"1\",\n\"\\u0041\":\"2\"}}]}",
		  "3: step 1 (a): A is there twice" },
		{ "{\"steps\":[\n\n{\"name\":\"a\",\n\"gid\":2,\"command\":\"x\"}]}",
		  "3: step 1 (a): uid is missing" },
		{ "{\"steps\":[\n{\"name\":\"a\"," STEP ",\n}]}", "3: it is no JSON from here on" },
		{ "\n\n[]", "3: it is no object" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct plan *plan = NULL;

		assert_int_equal(parse(row[i].text, &plan), -EINVAL);
		assert_null(plan);
		assert_string_equal(why.text, row[i].says);
	}
}

static void there_are_so_many_steps_and_no_more(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	char text[16384];

	(void)state;
	for (int n = PLAN_MAX; n <= PLAN_MAX + 1; n++) {
		int at = snprintf(text, sizeof(text), "{\"steps\":[");

		for (int i = 0; i < n; i++)
			at += snprintf(text + at, sizeof(text) - at,
				       "%s{\"name\":\"s%d\"," STEP "}", i ? "," : "", i);
		snprintf(text + at, sizeof(text) - at, "]}");
		if (n == PLAN_MAX) {
			assert_int_equal(parse(text, &plan), 0);
			assert_int_equal(plan->n, PLAN_MAX);
			plan_free(TAKE_PTR(plan));
		} else {
			assert_int_equal(parse(text, &plan), -EINVAL);
		}
	}
	assert_string_equal(why.text, "1: it has 65 steps, more than 64");
}

static void a_file_of_others_is_no_plan(void **state)
{
	struct plan *plan = NULL;
	const char *path;
	FILE *file;

	(void)state;
	assert_int_equal(box_make(), 0);
	path = in_box("plan.json");
	assert_int_equal(plan_read(path, &plan, &why), -ENOENT);
	file = fopen(path, "w");
	fputs("{\"steps\":[]}", file);
	fclose(file);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(plan_read(path, &plan, &why), -EPERM);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(plan_read(path, &plan, &why), 0);
	plan_free(plan);
	assert_int_equal(box_remove(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_has_its_steps_in_their_order),
		cmocka_unit_test(a_plan_without_steps_is_one),
		cmocka_unit_test(what_is_wrong_is_named_with_its_step),
		cmocka_unit_test(what_is_wrong_has_its_line),
		cmocka_unit_test(there_are_so_many_steps_and_no_more),
		cmocka_unit_test(a_file_of_others_is_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
