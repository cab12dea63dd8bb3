// SPDX-License-Identifier: Apache-2.0
/*
 * counted.c - terok-bpfd that notes every record it reads, for a test to compare
 *
 * Linked with everything the agent is made of, in place of one call. What it notes is in a
 * file that both have mapped, so it is there however the agent ends.
 */
#include "counted.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asked.h"
#include "base/event.h"

static struct counted *counted;

const struct asked *__real_asked_note(struct asked_table *table, const struct terok_record *record,
				      const char *name, const char *told, bool question);
const struct asked *__wrap_asked_note(struct asked_table *table, const struct terok_record *record,
				      const char *name, const char *told, bool question);

__attribute__((__constructor__)) static void counted_map(void)
{
	const char *path = getenv(COUNTED_FILE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = MAP_FAILED;

	if (fd >= 0)
		map = mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		counted = map;
	if (fd >= 0)
		close(fd);
}

const struct asked *__wrap_asked_note(struct asked_table *table, const struct terok_record *record,
				      const char *name, const char *told, bool question)
{
	uint64_t now = now_boot_ns();

	if (counted) {
		if (counted->last_ns && now - counted->last_ns > counted->pause_ns)
			counted->pause_ns = now - counted->last_ns;
		counted->times[record->dst[15] % COUNTED_KINDS][record->dst_port]++;
		counted->read++;
		counted->last_ns = now;
	}
	return __real_asked_note(table, record, name, told, question);
}
