// SPDX-License-Identifier: Apache-2.0
#include "ssh_passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/event.h"
#include "base/pty.h"
#include "base/spawn.h"
#include "given.h"
#include "signer/openssh_key.h"

#define PASSPHRASE_MAX 1024 /* bytes */
#define FILE_FD        10   /* where ssh-keygen finds its file */
#define KEYGEN_NS      (30 * SECOND_NS)

static int text_read(const char *path, struct secret **ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	return secret_read(fd, KEY_FILE_MAX, ret, why);
}

/* --- ssh-keygen(1), which decrypts its own format ---------------------------------------- */

/* Its key: a file without a name, in memory, which it writes again without the passphrase. */
static int memory_file(const struct secret *text)
{
	_cleanup_close_ int fd = memfd_create("key", MFD_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0600))
		return -errno;
	/* with the end of its last line, without which ssh-keygen does not know it */
	return dir_write(fd, text->bytes, text->len) ?: dir_write(fd, "\n", 1) ?: TAKE_FD(fd);
}

static void __attribute__((__noreturn__)) keygen_exec(int inside, int file)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", FILE_FD);
	spawn_reset_signals();
	file = fcntl(file, F_DUPFD_CLOEXEC, FILE_FD + 1);
	if (file < 0 || pty_take(inside) || dup2(inside, 0) || dup2(inside, 1) != 1 ||
	    dup2(inside, 2) != 2 || dup2(file, FILE_FD) != FILE_FD)
		_exit(126);
	close_range(3, FILE_FD - 1, 0);
	close_range(FILE_FD + 1, ~0U, 0);
	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	execvp("ssh-keygen",
	       (char *const[]){ "ssh-keygen", "-p", "-m", "PKCS8", "-N", "", "-f", path, NULL });
	_exit(127);
}

/* Until it has ended: the passphrase when it asks, and it asks once. */
static int keygen_talk(int outside, const struct secret *passphrase)
{
	uint64_t until = now_boot_ns() + KEYGEN_NS;
	struct pollfd ready = { .fd = outside, .events = POLLIN };
	char said[1024] = "";
	bool told = false;
	size_t n = 0;

	for (;;) {
		int64_t left = (int64_t)(until - now_boot_ns()) / 1000000;
		ssize_t got;

		if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		got = read(outside, said + n, sizeof(said) - 1 - n);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0) /* EIO: the other end is closed */
			return 0;
		n += (size_t)got;
		said[n] = '\0';
		if (told || !strstr(said, "passphrase"))
			n = n < sizeof(said) / 2 ? n : 0;
		else if (dir_write(outside, passphrase->bytes, passphrase->len) ||
			 dir_write(outside, "\n", 1))
			return -EIO;
		else
			told = true;
	}
}

static int keygen_run(int file, const struct secret *passphrase)
{
	_cleanup_close_ int inside = -1, outside = -1;
	int status = 0, r;
	pid_t pid;

	outside = pty_open(-1, &inside);
	if (outside < 0)
		return outside;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		keygen_exec(inside, file);
	closep(&inside);
	r = keygen_talk(outside, passphrase);
	if (r)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOKEY;
}

/* The same key without its passphrase, as text. */
static int decrypt(const struct secret *text, const struct secret *passphrase, struct secret **ret,
		   struct problem *why)
{
	_cleanup_close_ int file = memory_file(text);
	int r = file < 0 ? file : keygen_run(file, passphrase);

	if (r == -ENOKEY)
		return problem(why, r, "the passphrase is not that key's");
	if (!r && lseek(file, 0, SEEK_SET))
		r = -errno;
	if (r)
		return problem(why, r, "ssh-keygen cannot decrypt it: %s", strerror(-r));
	return secret_read(file, KEY_FILE_MAX, ret, why);
}

static int with_passphrase(const struct secret *text, const struct secret *passphrase,
			   struct key **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *plain = NULL;
	int r;

	if (!openssh_key_is(text))
		return key_file_parse(text, passphrase, ret, why);
	r = decrypt(text, passphrase, &plain, why);
	return r ?: key_file_parse(plain, NULL, ret, why);
}

int ssh_key_ask(const char *path, const char *file, struct key **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *text = NULL, *passphrase = NULL;
	struct problem said;
	int r = key_file_load(path, NULL, NULL, ret, why);

	if (r != -ENOKEY)
		return r;
	r = file ? given_secret(file, "passphrase", PASSPHRASE_MAX, &passphrase, why)
		 : given_at_terminal("passphrase of the key", PASSPHRASE_MAX, &passphrase, why);
	if (!r)
		r = text_read(path, &text, why);
	if (r)
		return r;
	r = with_passphrase(text, passphrase, ret, &said);
	return r ? problem(why, r, "%.100s: %.150s", path, said.text) : 0;
}
