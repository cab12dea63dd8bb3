// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"

static struct cached {
	uint32_t tgid;
	uint64_t start_ns, exe_ino; /* the inode: a process that calls exec() is another program */
	struct process_text text;
} cache[PROCESS_CACHE];

static ssize_t file_read(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* What we take of /proc/PID/stat. */
struct stat_line {
	char comm[TEROK_COMM_LEN];
	unsigned parent;
	uint64_t born; /* in clock ticks since boot */
};

/* The command name in field 2 may hold anything, parentheses included: it ends at the last one. */
static bool stat_read(int dir, const char *name, struct stat_line *ret)
{
	char text[512], *from, *to, *p;

	if (file_read(dir, name, text, sizeof(text)) <= 0)
		return false;
	from = strchr(text, '(');
	to = strrchr(text, ')');
	if (!from || !to || to < from)
		return false;
	*to = '\0';
	snprintf(ret->comm, sizeof(ret->comm), "%s", from + 1);
	if (sscanf(to + 1, " %*c %u", &ret->parent) != 1)
		return false;
	p = to + 1;
	for (int field = 3; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, " %lu", &ret->born) == 1;
}

static uint64_t ticks_of(uint64_t ns)
{
	return ns / (UINT64_C(1000000000) / sysconf(_SC_CLK_TCK));
}

static bool is_born_at(int dir, uint64_t start_ns)
{
	struct stat_line line;

	return stat_read(dir, "stat", &line) && line.born == ticks_of(start_ns);
}

/*
 * Between the refusal and our look a process can have become another program, by exec(), as
 * whoever wants to be taken for that one would do. (The device is no help: some file systems
 * tell user space another than the kernel has.)
 */
static bool is_program(int dir, uint64_t exe_ino)
{
	struct stat st;

	return !exe_ino || (!fstatat(dir, "exe", &st, 0) && st.st_ino == exe_ino);
}

/*
 * Nobody is born before their parent: a number that was given anew ends the line. The first is in
 * the record, too, as the kernel saw it: if /proc has another there, that one alone is known.
 */
static void parents_read(const struct terok_record *record, struct process_text *ret)
{
	uint64_t child_born = ticks_of(record->start_ns);
	unsigned pid = record->ppid;
	struct stat_line line;
	char name[32];

	memset(ret->parents, 0, sizeof(ret->parents));
	memccpy(ret->parents[0], record->pcomm, '\0', TEROK_COMM_LEN - 1);
	for (unsigned i = 0; pid && i < MSG_PARENTS; i++) {
		snprintf(name, sizeof(name), "/proc/%u/stat", pid);
		if (!stat_read(AT_FDCWD, name, &line) || line.born > child_born ||
		    (!i && strcmp(line.comm, ret->parents[0])))
			return;
		memcpy(ret->parents[i], line.comm, TEROK_COMM_LEN);
		child_born = line.born;
		pid = line.parent;
	}
}

static void text_read(const struct terok_record *record, struct process_text *ret)
{
	struct process_text text = {};
	char path[32];
	_cleanup_close_ int dir = -1;
	ssize_t n;

	*ret = text;
	snprintf(path, sizeof(path), "/proc/%u", record->tgid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !is_born_at(dir, record->start_ns))
		return;
	n = readlinkat(dir, "exe", text.exe, sizeof(text.exe) - 1);
	text.exe[n > 0 ? n : 0] = '\0';
	n = file_read(dir, "cmdline", text.cmdline, sizeof(text.cmdline));
	while (n > 0 && !text.cmdline[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (!text.cmdline[i])
			text.cmdline[i] = ' ';
	/* last: it did not end, and its number begin again; and all that was read is of it */
	if (is_born_at(dir, record->start_ns) && is_program(dir, record->exe_ino))
		*ret = text;
}

const struct process_text *process_name(const struct terok_record *record)
{
	static const struct process_text nobody;
	struct cached *slot = &cache[record->tgid % PROCESS_CACHE];

	if (!record->tgid)
		return &nobody;
	if (slot->tgid == record->tgid && slot->start_ns == record->start_ns &&
	    slot->exe_ino == record->exe_ino && slot->text.exe[0])
		return &slot->text;
	slot->tgid = record->tgid;
	slot->start_ns = record->start_ns;
	slot->exe_ino = record->exe_ino;
	text_read(record, &slot->text);
	parents_read(record, &slot->text);
	return &slot->text;
}
