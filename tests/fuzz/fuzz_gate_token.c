// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_token.c - whatever is in a file of tokens, what is read of it is a token
 *
 * Of a project that can be one, never the admin's, with patterns that can be patterns; what is
 * said of the rest is one printable line at most.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/pattern.h"
#include "gate/token_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_list list = {};
	struct problem why = {};
	int r = token_parse((const char *)data, size, &list, &why);

	if (r && !*why.text)
		abort();
	for (unsigned i = 0; i < list.n; i++) {
		const struct token *token = list.token[i];

		if (project_check(token->project, NULL) || strlen(token->text) < 8 ||
		    strlen(token->text) >= TOKEN_SIZE || strlen(token->task) > PROJECT_MAX)
			abort();
		for (unsigned n = 0; n < token->n_push; n++) {
			if (pattern_check(token->push[n], NULL))
				abort();
			pattern_ref(token->push[n], "refs/heads/a/b");
			pattern_path(token->push[n], "a/b/c");
		}
	}
	token_list_done(&list);
	return 0;
}
