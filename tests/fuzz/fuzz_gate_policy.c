// SPDX-License-Identifier: Apache-2.0
/* fuzz_gate_policy.c - whatever is in a policy file, it is one with limits, or a line says why not */
#include <stdint.h>
#include <stdlib.h>

#include "gate/pattern.h"
#include "gate/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem why = {};
	struct policy policy;

	if (policy_parse((const char *)data, size, &policy, &why)) {
		if (!*why.text)
			abort();
		return 0;
	}
	if (!policy.max_push || !policy.max_refs || !policy.check_seconds)
		abort();
	for (unsigned i = 0; i < policy.forbidden.n; i++) {
		if (pattern_check(policy.forbidden.item[i], NULL))
			abort();
		pattern_path(policy.forbidden.item[i], ".github/workflows/ci.yml");
		pattern_below(policy.forbidden.item[i], ".github");
	}
	policy_done(&policy);
	return 0;
}
