// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_host.c - what the agent stands on: clock, disk, folders, journals, quotas
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/db.h"
#include "base/dir.h"
#include "base/event.h"
#include "doctor.h"

#define JUMP_S      60  /* a clock that was set by less is being corrected */
#define FUTURE_S    600 /* a file that is newer than now by more */
#define FREE_FAIL   (UINT64_C(4) << 20)
#define FREE_WARN   (UINT64_C(64) << 20)
#define INODES_FAIL 16
#define INODES_WARN 1024
#define LOG_WARN    (UINT64_C(64) << 20) /* a write-ahead log that somebody keeps from shortening */
#define KEYS_FULL   95                   /* percent */

/* --- clock ---------------------------------------------------------------------------------------- */

static const char *in_state(char path[static PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", state_dir(), name);
	return path;
}

/* By CLOCK_BOOTTIME, in clock ticks, field 22 of /proc/PID/stat. */
static bool began_ns(pid_t pid, uint64_t *ret)
{
	char path[40], text[1024];
	_cleanup_close_ int fd = -1;
	unsigned long long ticks;
	const char *behind;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	behind = strrchr(text, ')'); /* the name may hold anything, ')' too */
	if (!behind || sscanf(behind,
			      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			      "%*d %*d %*d %*d %llu",
			      &ticks) != 1)
		return false;
	*ret = ticks * (SECOND_NS / sysconf(_SC_CLK_TCK));
	return true;
}

/*
 * How far the wall's clock was set since the agent began: it writes its lock file then, which has
 * the time of the wall, and the kernel knows when it was started by the clock that nobody sets.
 */
static bool clock_jump(int64_t *ret)
{
	pid_t pid = kernel_agent_pid();
	char path[PATH_MAX];
	struct stat st;
	uint64_t began;

	snprintf(path, sizeof(path), "%s/agent.lock", kernel_run_dir());
	if (!pid || stat(path, &st) || !began_ns(pid, &began))
		return false;
	*ret = ((int64_t)now_wall_ns() - (int64_t)now_boot_ns()) / (int64_t)SECOND_NS -
	       (st.st_mtim.tv_sec - (int64_t)(began / SECOND_NS));
	return true;
}

static void check_clock(struct doctor *doctor)
{
	struct timex now = {};
	char path[PATH_MAX];
	struct stat st;
	int64_t jump;
	bool set = adjtimex(&now) != TIME_ERROR && !(now.status & STA_UNSYNC);

	if (clock_jump(&jump) && llabs(jump) > JUMP_S)
		doctor_say(doctor, VERDICT_WARN,
			   "nothing, if it is right now: rules end by a clock that nobody sets",
			   "the clock was set by %+" PRId64 " s since the agent began: times in "
			   "journal and audit from before are off by that",
			   jump);
	if (!stat(in_state(path, "policy.db"), &st) && st.st_mtime > time(NULL) + FUTURE_S)
		doctor_say(doctor, VERDICT_WARN,
			   "set the clock: rules with an end that were kept count as ended until "
			   "it is right",
			   "%s is from the future: the clock is behind by %lld s", path,
			   (long long)(st.st_mtime - time(NULL)));
	if (!set)
		doctor_say(doctor, VERDICT_WARN, "systemctl enable --now systemd-timesyncd",
			   "nobody keeps the clock right: rules that end after a restart of the "
			   "machine end by it, and journals have its times");
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "kept right by somebody");
}

/* --- disk ----------------------------------------------------------------------------------------- */

/* The folder, or where it will be made. */
static int room_of(const char *dir, struct statvfs *ret)
{
	char place[PATH_MAX], *slash;

	snprintf(place, sizeof(place), "%s", dir);
	while (statvfs(place, ret)) {
		if (errno != ENOENT || !(slash = strrchr(place, '/')) || slash == place)
			return -errno;
		*slash = '\0';
	}
	return 0;
}

static void say_room(struct doctor *doctor, const char *dir, bool keeps)
{
	struct statvfs fs;
	int r = room_of(dir, &fs);
	uint64_t bytes = r ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
	bool counted = !r && fs.f_files; /* btrfs and others count none */
	enum verdict verdict = VERDICT_OK;

	if (r) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", dir, strerror(-r));
		return;
	}
	if (bytes < FREE_FAIL || (counted && fs.f_favail < INODES_FAIL))
		verdict = VERDICT_FAIL;
	else if (keeps && (bytes < FREE_WARN || (counted && fs.f_favail < INODES_WARN)))
		verdict = VERDICT_WARN;
	if (fs.f_flag & ST_RDONLY)
		doctor_say(doctor, VERDICT_FAIL, "mount it for writing",
			   "%s is mounted read-only: %s", dir,
			   keeps ? "no rule can be kept" : "no socket can be made");
	else
		doctor_say(doctor, verdict,
			   verdict == VERDICT_OK ? ""
			   : keeps ? "make room: rules that are to be kept are refused without it"
				   : "make room: sockets and locks are made there",
			   "%s has %" PRIu64 " MiB and %" PRIu64 " files left", dir, bytes >> 20,
			   counted ? (uint64_t)fs.f_favail : UINT64_C(1) << 20);
}

static void check_disk(struct doctor *doctor)
{
	say_room(doctor, state_dir(), true);
	say_room(doctor, kernel_run_dir(), false);
}

/* --- folders --------------------------------------------------------------------------------------- */

static bool is_loose(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && st->st_mode & 022;
}

static void say_folder(struct doctor *doctor, const char *dir)
{
	struct stat st;

	if (lstat(dir, &st)) {
		if (errno != ENOENT)
			doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", dir,
				   strerror(errno));
	} else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
		doctor_say(doctor, VERDICT_FAIL, "who made it so? move it away",
			   "%s is %s: nothing in it is believed", dir,
			   S_ISDIR(st.st_mode) ? "not root's" : "no folder");
	} else if (is_loose(&st)) {
		doctor_can(doctor, "take others' right to write from %s", dir);
		doctor_say(doctor, VERDICT_FAIL, "chmod go-w", "others may write to %s (%04o)", dir,
			   st.st_mode & 07777);
	}
}

static void check_folders(struct doctor *doctor)
{
	say_folder(doctor, state_dir());
	say_folder(doctor, kernel_run_dir());
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "%s and %s are nobody else's", state_dir(),
			   kernel_run_dir());
}

static int folder_tighten(const char *dir, struct problem *why)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : problem(why, -errno, "%s: %s", dir, strerror(errno));
	if (fstat(fd, &st) || (is_loose(&st) && fchmod(fd, st.st_mode & 07755)))
		return problem(why, -errno, "%s: %s", dir, strerror(errno));
	return 0;
}

static int mend_folders(struct doctor *doctor, struct problem *why)
{
	int r = folder_tighten(state_dir(), why);

	(void)doctor;
	return r ? r : folder_tighten(kernel_run_dir(), why);
}

/* --- journals -------------------------------------------------------------------------------------- */

/* sqlite's own look at all of it: "ok", or what is wrong first. Read beside its writer. */
static int db_look(const char *path, char *ret, size_t size)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
	sqlite3_stmt *row = NULL;
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, flags, NULL);

	if (code == SQLITE_OK)
		sqlite3_busy_timeout(db, 2000);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &row, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(row);
	if (code == SQLITE_ROW)
		snprintf(ret, size, "%s", (const char *)sqlite3_column_text(row, 0));
	else
		snprintf(ret, size, "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
	sqlite3_finalize(row);
	sqlite3_close(db);
	return code == SQLITE_ROW                                ? 0
	       : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? -EUCLEAN
								 : -EIO;
}

static void say_journal(struct doctor *doctor, const char *name, const char *lost)
{
	char path[PATH_MAX], log[PATH_MAX + 8], text[256], fix[3 * PATH_MAX];
	struct stat st, log_st;
	int r;

	if (lstat(in_state(path, name), &st)) {
		doctor_say(doctor, errno == ENOENT ? VERDICT_OK : VERDICT_WARN, "",
			   errno == ENOENT ? "there is no %s yet" : "%s cannot be looked at", name);
		return;
	}
	snprintf(log, sizeof(log), "%s-wal", path);
	snprintf(fix, sizeof(fix), "%s; then mv %s %s.broken", lost, path, path);
	r = db_look(path, text, sizeof(text));
	if (r == -EIO)
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", path, text);
	else if (r || strcmp(text, "ok"))
		doctor_say(doctor, VERDICT_FAIL, fix, "%s is damaged: %s", path, text);
	else if (!stat(log, &log_st) && (uint64_t)log_st.st_size > LOG_WARN)
		doctor_say(doctor, VERDICT_WARN,
			   "end who reads it (lsof), or start the agent again",
			   "%s has grown to %lld MiB: somebody reads %s and does not end", log,
			   (long long)log_st.st_size >> 20, name);
	else
		doctor_say(doctor, VERDICT_OK, "", "%s is whole, %lld KiB", name,
			   (long long)st.st_size >> 10);
}

static void check_journal(struct doctor *doctor)
{
	say_journal(doctor, "policy.db",
		    "guards keep what they have; what was kept for later is lost without a copy: "
		    "stop the agent");
	say_journal(doctor, "history.db", "what people answered is lost: stop the agent");
}

/* --- quotas --------------------------------------------------------------------------------------- */

static bool is_full(unsigned long n, unsigned long most)
{
	return most && n * 100 >= most * KEYS_FULL;
}

/* "    0:    10 9/9 4/1000000 110/25000000": of our user, keys and their bytes. */
static void check_keyring(struct doctor *doctor)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/key-users", "re");
	unsigned long keys, most_keys, bytes, most_bytes;
	unsigned uid;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %u: %*u %*u/%*u %lu/%lu %lu/%lu", &uid, &keys, &most_keys,
			   &bytes, &most_bytes) != 5 ||
		    uid != geteuid())
			continue;
		if (is_full(keys, most_keys) || is_full(bytes, most_bytes))
			doctor_say(doctor, VERDICT_WARN,
				   "restart the machine, or [containers] keyring=false in "
				   "containers.conf",
				   "%lu of %lu keys, %lu of %lu bytes: containers will not start",
				   keys, most_keys, bytes, most_bytes);
		else
			doctor_say(doctor, VERDICT_OK, "", "%lu of %lu keys, %lu of %lu bytes",
				   keys, most_keys, bytes, most_bytes);
		return;
	}
	doctor_say(doctor, VERDICT_OK, "", "no quota is known");
}

const struct check doctor_host[] = {
	{ .name = "clock", .host = check_clock },
	{ .name = "disk", .host = check_disk },
	{ .name = "folders", .host = check_folders, .mend = mend_folders },
	{ .name = "journal", .host = check_journal, .limit_s = 30 },
	{ .name = "keyring", .host = check_keyring },
	{},
};
