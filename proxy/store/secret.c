// SPDX-License-Identifier: Apache-2.0
#include "secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

#define SPARE_MAX 16

static bool unlocked; /* one could not be */

/* One page each: a request needs some, and the kernel takes longer for them than for a cipher. */
static struct secret *spare[SPARE_MAX];
static unsigned n_spare;

static struct secret secret_in(struct secret *pages, size_t size, size_t mapped)
{
	return (struct secret){
		.bytes = (char *)(pages + 1), .len = size, .size = size, .mapped = mapped
	};
}

struct secret *secret_new(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t mapped = (sizeof(struct secret) + size + 1 + page - 1) / page * page;
	struct secret *secret;

	if (size > SECRET_MAX)
		return NULL;
	if (mapped == page && n_spare) {
		secret = spare[--n_spare];
		*secret = secret_in(secret, size, mapped);
		return secret;
	}
	secret = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED)
		return NULL;
	/* a child that needs one is given it; one that forgets to exec has NULs */
	if (madvise(secret, mapped, MADV_DONTDUMP) || madvise(secret, mapped, MADV_WIPEONFORK)) {
		munmap(secret, mapped);
		return NULL;
	}
	if (mlock(secret, mapped)) {
		if (!unlocked)
			log_warn(-errno, "secrets are not kept from swap; more memory that is "
					 "locked (ulimit -l) is needed");
		unlocked = true;
	}
	*secret = secret_in(secret, size, mapped);
	return secret;
}

struct secret *secret_from(const void *bytes, size_t n)
{
	struct secret *secret = secret_new(n);

	if (secret && n)
		memcpy(secret->bytes, bytes, n);
	return secret;
}

int secret_read(int fd, size_t max, struct secret **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *secret = secret_new(max + 2);
	size_t n = 0;

	if (!secret)
		return problem(why, -ENOMEM, "no memory for %zu bytes", max);
	while (n < secret->size) {
		ssize_t got = read(fd, secret->bytes + n, secret->size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return problem(why, -errno, "cannot be read: %s", strerror(errno));
		if (!got)
			break;
		n += got;
	}
	if (n && secret->bytes[n - 1] == '\n')
		secret->bytes[--n] = '\0';
	if (n > max)
		return problem(why, -EFBIG, "more than %zu bytes", max);
	secret->len = n;
	*ret = TAKE_PTR(secret);
	return 0;
}

void secret_free(struct secret *secret)
{
	size_t mapped = secret ? secret->mapped : 0;

	if (!secret)
		return;
	explicit_bzero(secret, mapped);
	if (mapped == (size_t)sysconf(_SC_PAGESIZE) && n_spare < SPARE_MAX)
		spare[n_spare++] = secret;
	else
		munmap(secret, mapped);
}

bool secret_is_locked(void)
{
	return !unlocked;
}
