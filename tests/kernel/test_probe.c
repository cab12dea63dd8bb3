// SPDX-License-Identifier: Apache-2.0
/*
 * test_probe.c - what the kernel is asked for is what the programs need
 */
#include "support.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "terok.skel.h"

static struct terok_bpf *skel;

static int setup(void **state)
{
	(void)state;
	skel = terok_bpf__open();
	assert_non_null(skel);
	assert_int_equal(terok_bpf__load(skel), 0); /* now each has its subprograms in it */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	terok_bpf__destroy(skel);
	return 0;
}

static bool is_helper(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg;
}

static void every_helper_that_a_program_calls_is_asked_for(void **state)
{
	struct bpf_program *program;
	unsigned calls = 0, unknown = 0;

	(void)state;
	bpf_object__for_each_program(program, skel->obj) {
		const struct bpf_insn *insn = bpf_program__insns(program);

		for (size_t i = 0; i < bpf_program__insn_cnt(program); i++) {
			if (!is_helper(&insn[i]))
				continue;
			calls++;
			if (probe_knows_helper(bpf_program__type(program), insn[i].imm))
				continue;
			printf("%s (type %d) calls helper %d, of which check and doctor know "
			       "nothing: user/probe.c\n",
			       bpf_program__name(program), bpf_program__type(program), insn[i].imm);
			unknown++;
		}
	}
	assert_true(calls > 100);
	assert_int_equal(unknown, 0);
}

struct asked_for {
	enum bpf_prog_type type;
	enum bpf_attach_type place;
	unsigned found, hooks;
};

static int find_hook(const struct probe *probe, void *user)
{
	struct asked_for *asked = user;

	asked->hooks += probe->hook != 0;
	asked->found += probe->hook && probe->type == (int)asked->type &&
			probe->value == (int)asked->place;
	return 0;
}

static void every_program_is_asked_for_by_its_type_and_place(void **state)
{
	struct bpf_program *program;
	unsigned n = 0;

	(void)state;
	bpf_object__for_each_program(program, skel->obj) {
		struct asked_for asked = { bpf_program__type(program),
					   bpf_program__expected_attach_type(program), 0, 0 };

		probe_each(find_hook, &asked);
		if (asked.found != 1)
			fail_msg("%s: %u probes", bpf_program__name(program), asked.found);
		assert_int_equal(asked.hooks, TEROK_HOOK_MAX_ - 1);
		n++;
	}
	assert_int_equal(n, TEROK_HOOK_MAX_ - 1);
}

static int answers_yes(const struct probe *probe, void *user)
{
	struct problem why = {};

	(void)user;
	if (strcmp(probe->name, "pins") && probe->ask(probe, &why))
		fail_msg("%s: %s", probe->name, why.text);
	return 0;
}

static void a_kernel_that_loads_the_programs_has_all(void **state)
{
	(void)state;
	probe_each(answers_yes, NULL);
}

static void what_no_kernel_has_is_missed(void **state)
{
	(void)state;
	assert_false(probe_has_helper(BPF_PROG_TYPE_CGROUP_SKB, 100000));
	/* of another type of program */
	assert_false(probe_has_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_set_retval));
	assert_true(probe_has_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval));
	assert_false(probe_knows_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_set_retval));
}

static int asks_nonsense(const struct probe *probe, void *user)
{
	struct probe wrong = *probe;
	struct problem why = {};

	(void)user;
	if (!probe->hook)
		return 0;
	wrong.value = 10000;
	assert_int_equal(wrong.ask(&wrong, &why), -EOPNOTSUPP);
	assert_non_null(strstr(why.text, "no program of its kind"));
	return 1;
}

static void a_place_that_no_kernel_has_is_missed(void **state)
{
	(void)state;
	assert_int_equal(probe_each(asks_nonsense, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_helper_that_a_program_calls_is_asked_for),
		cmocka_unit_test(every_program_is_asked_for_by_its_type_and_place),
		cmocka_unit_test(a_kernel_that_loads_the_programs_has_all),
		cmocka_unit_test(what_no_kernel_has_is_missed),
		cmocka_unit_test(a_place_that_no_kernel_has_is_missed),
	};

	test_require("probe");
	return cmocka_run_group_tests_name("probe", tests, setup, teardown);
}
