// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_setup_conf.c - whatever is in a containers.conf, what setup puts in is read back, and
 * taken out again it is the same file to the byte
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "setup_conf.h"

static void check_ours(const char *text, size_t size, const char *was, size_t was_size)
{
	_cleanup_free_ char *taken = NULL;
	struct conf conf;
	size_t n;

	if (conf_read(text, size, &conf, NULL) || !conf.set || !conf.ours || conf.dirs.n != 2 ||
	    !conf_dirs_has(&conf.dirs, "/b \"\\"))
		abort();
	if (conf_take(text, size, &conf, &taken, &n) || n != was_size || memcmp(taken, was, n))
		abort();
	conf_done(&conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_dirs dirs = { .dir = { "/a", "/b \"\\" }, .n = 2 };
	const char *text = (const char *)data;
	_cleanup_free_ char *put = NULL;
	struct problem why = {};
	struct conf conf;
	size_t n;
	int r = conf_read(text, size, &conf, &why);

	if (r && !*why.text)
		abort();
	if (!r && conf.set && (conf.line > conf.line_end || conf.line_end > size))
		abort();
	if (!r && !conf.set) {
		if (conf_put(text, size, &conf, &dirs, &put, &n, &why))
			abort();
		check_ours(put, n, text, size);
	}
	conf_done(&conf);
	return 0;
}
