// SPDX-License-Identifier: Apache-2.0
/* mirror_lock.c - one of us at a time works on a mirror; who waits is told for whom */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "mirror.h"

static void who_has_it(int fd, char *buf, size_t size)
{
	char text[100];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	git_text_redact(buf, size, *text ? text : "another terok-gate");
}

int mirror_lock(struct mirror *mirror, const char *verb, unsigned wait_s, struct problem *why)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char who[100], text[100];
	int n, r;

	if (asprintf(&path, "%s/%s.lock", mirror->base, mirror->project) < 0)
		return path = NULL, -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	r = lock_take(fd, 0);
	if (r == -EBUSY) {
		who_has_it(fd, who, sizeof(who));
		if (wait_s) {
			log_info("%s is at work on %s: waiting, %u seconds at most", who,
				 mirror->project, wait_s);
			r = lock_take(fd, wait_s);
		}
	}
	if (r)
		return problem(why, -EBUSY,
			       "%s is at work on %s still; try again, or --wait SECONDS", who,
			       mirror->project);
	n = snprintf(text, sizeof(text), "terok-gate %s, process %d\n", verb, getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) < 0)
		log_debug(-errno, "%s: who has the lock is not noted", path);
	closep(&mirror->lock);
	mirror->lock = TAKE_FD(fd);
	return 0;
}
