// SPDX-License-Identifier: Apache-2.0
/* fuzz_gate_audit.c - whatever a line of an audit file is, it is none of ours, or each part of it is text */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gate/trail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(trail_line_done) struct trail_line line = {};
	struct trail_line_ref ref;
	size_t n = 0;

	if (trail_line_parse((const char *)data, size, &line))
		return 0;
	if (!*line.what || !*line.project || !line.task || !line.container || !line.token ||
	    !line.outcome || memchr(data, '\n', size) || memchr(data, '\033', size))
		abort();
	for (; !trail_line_ref(&line, n, &ref); n++)
		if (!ref.name || !ref.old || !ref.new || !ref.result)
			abort();
	if (line.refs && n != json_object_array_length(line.refs))
		abort();
	return 0;
}
