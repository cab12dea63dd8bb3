// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "budget.h"
#include "guard_dir.h"
#include "names.h"
#include "terok/names.h"

#define MUCH          (256 << 10) /* bytes of one file: then a user's share is looked at */
#define WARN_EVERY_NS (60 * SECOND_NS)
#define BUDGETS       4096 /* two guards that share one merely start afresh */

static struct {
	uint32_t guard;
	struct budget refusals; /* left out: "missed" of the next line */
} budgets[BUDGETS];

/* Lines of an agent, which has somebody waiting: a few, and not for long. */
#define WAITING_MAX 64
#define WAITING_NS  (20 * UINT64_C(1000000))

struct line {
	struct terok_info guard;
	char *text;
	size_t size;
};

static struct {
	struct loop *loop; /* NULL: nothing waits */
	struct timer timer;
	struct line line[WAITING_MAX];
	unsigned n;
} waiting;

/* May this refusal be written? @missed: how many could not be since the last. */
static bool refusal_fits(uint32_t guard, uint64_t *missed)
{
	struct budget *budget = &budgets[guard % BUDGETS].refusals;

	if (budgets[guard % BUDGETS].guard != guard)
		*budget = (struct budget){};
	budgets[guard % BUDGETS].guard = guard;
	if (!budget_spend(budget, AUDIT_BURST, AUDIT_RATE))
		return false;
	*missed = budget->left_out;
	budget->left_out = 0;
	return true;
}

static void file_rotate(int dir, int fd)
{
	struct stat held, named;

	/* somebody else is at it, or was: the line is written in any case */
	if (flock(fd, LOCK_EX | LOCK_NB))
		return;
	if (!fstat(fd, &held) && !fstatat(dir, AUDIT_FILE, &named, AT_SYMLINK_NOFOLLOW) &&
	    held.st_ino == named.st_ino)
		renameat(dir, AUDIT_FILE, dir, AUDIT_OLDER);
}

static int file_open(int dir)
{
	return openat(dir, AUDIT_FILE,
		      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
}

/* @line ends in a newline. One write: lines of several writers do not mix. 1: much has been written. */
static int file_append(int dir, const char *line, size_t n)
{
	_cleanup_close_ int fd = file_open(dir);
	struct stat st;
	char last = '\n';
	ssize_t wrote;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_size + n > AUDIT_MAX) {
		file_rotate(dir, fd);
		close(fd);
		fd = file_open(dir);
		if (fd < 0 || fstat(fd, &st))
			return -errno;
	}
	/* half a line of a day when the disk was full costs that line only */
	if (st.st_size && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) < 0)
		return -errno;
	wrote = write(fd, line, n);
	if (wrote < 0)
		return -errno;
	return (size_t)wrote < n ? -ENOSPC : st.st_size / MUCH != (st.st_size + wrote) / MUCH;
}

static void line_begin(struct json *json, const struct terok_info *guard, const char *action)
{
	time_t now = time(NULL);
	struct tm utc;
	char ts[32];

	strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&now, &utc));
	json_open_object(json, NULL);
	json_add_string(json, "ts", ts);
	json_add_string(json, "container", guard->name);
	json_add_string(json, "action", action);
}

static void line_dest(struct json *json, const char *dest, uint16_t port, uint8_t proto)
{
	char number[8];

	if (dest)
		json_add_string(json, "dest", dest);
	if (port)
		json_add_uint(json, "port", port);
	if (proto)
		json_add_string(json, "proto", proto_name(proto, number));
}

static void line_write(const struct terok_info *guard, const char *text, size_t n)
{
	static uint64_t warned_ns;
	_cleanup_close_ int dir = -1;
	struct problem why = {};
	int r;

	dir = guard_dir_open(guard, &why);
	r = dir < 0 ? dir : file_append(dir, text, n);
	if (r > 0)
		guard_dir_grown(guard);
	if (r >= 0 || (warned_ns && now_boot_ns() - warned_ns < WARN_EVERY_NS))
		return;
	warned_ns = now_boot_ns();
	log_warn(0, "%s of %s cannot be written: %s", AUDIT_FILE, guard->name,
		 *why.text ? why.text : strerror(-r));
}

void audit_flush(void)
{
	timer_disarm(&waiting.timer);
	for (unsigned i = 0; i < waiting.n; i++) {
		line_write(&waiting.line[i].guard, waiting.line[i].text, waiting.line[i].size);
		free(waiting.line[i].text);
	}
	waiting.n = 0;
}

static int on_time(struct timer *timer)
{
	(void)timer;
	audit_flush();
	return 0;
}

void audit_defer(struct loop *loop)
{
	if (!loop)
		audit_flush();
	waiting.loop = loop;
}

static void line_end(struct json *json, const struct terok_info *guard)
{
	if (guard->kind == TEROK_KIND_CONTAINER)
		json_add_bytes(json, "id", guard->container, strnlen(guard->container, 12));
	json_close_object(json);
	if (!json_done(json))
		return;
	json->text[json->n++] = '\n'; /* in place of the NUL */
	if (!waiting.loop) {
		line_write(guard, json->text, json->n);
		return;
	}
	waiting.line[waiting.n++] =
	    (struct line){ .guard = *guard, .text = TAKE_PTR(json->text), .size = json->n };
	if (waiting.n == WAITING_MAX)
		audit_flush();
	else if (waiting.n == 1)
		timer_arm(waiting.loop, &waiting.timer, now_boot_ns() + WAITING_NS, on_time);
}

void audit_deed(const struct terok_info *guard, const struct audit_deed *deed)
{
	static const struct dest none;
	const struct dest *dest = deed->dest ?: &none;
	_cleanup_json_ struct json json = {};
	char text[ADDR_TEXT];

	if (!guard_dir_room(guard))
		return;
	line_begin(&json, guard, deed->action);
	line_dest(&json,
		  deed->domain
		      ?: dest->bits ? dest_format(text, dest)
				    : NULL,
		  dest->port, dest->proto);
	if (deed->detail)
		json_add_string(&json, "detail", deed->detail);
	json_add_uint(&json, "uid", deed->uid);
	line_end(&json, guard);
}

static void line_dossier(struct json *json, const struct terok_dossier *dossier)
{
	if (!dossier || !dossier->n)
		return;
	json_open_object(json, "dossier");
	for (unsigned i = 0; i < dossier->n; i++)
		json_add_string(json, dossier->key[i], dossier->value[i]);
	json_close_object(json);
}

void audit_refused(const struct kernel *kernel, const struct terok_info *guard,
		   const struct terok_record *record, const char *name,
		   const struct process_text *process, const struct terok_dossier *dossier)
{
	char domain[TEROK_DOMAIN_LEN];

	_cleanup_json_ struct json json = {};
	char text[ADDR_TEXT];
	uint64_t missed;

	if (!guard_dir_room(guard) || !refusal_fits(record->guard, &missed))
		return;
	line_begin(&json, guard, "blocked");
	line_dest(&json, name ?: addr_format(text, record->dst), record->dst_port, record->proto);
	if (!name && names_reverse(kernel, record->guard, record->dst, domain))
		json_add_string(&json, "domain", domain);
	line_dossier(&json, dossier);
	if (record->reason == TEROK_REASON_HELLO && names_said(kernel, record->sock_cookie, domain))
		json_add_string(&json, "said", domain);
	if (record->hook == TEROK_HOOK_INGRESS)
		json_add_string(&json, "from", addr_format(text, record->src));
	json_add_string(&json, "reason", terok_reason_name(record->reason));
	if (record->tgid) {
		json_add_bytes(&json, "comm", record->comm,
			       strnlen(record->comm, sizeof(record->comm)));
		json_add_uint(&json, "pid", record->tgid);
		json_add_uint(&json, "uid", record->uid);
	}
	if (process && *process->exe)
		json_add_string(&json, "exe", process->exe);
	if (missed)
		json_add_uint(&json, "missed", missed);
	line_end(&json, guard);
}
