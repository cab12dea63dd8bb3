// SPDX-License-Identifier: Apache-2.0
/*
 * limit.c - preloaded into crun where root may raise no limit
 *
 * crun raises RLIMIT_MEMLOCK and gives up if it may not, though kernels of today do not need
 * that. So that its containers are tested on such machines as well, it is told that it may.
 */
#include <dlfcn.h>
#include <sys/resource.h>

int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
	int (*next)(__rlimit_resource_t, const struct rlimit *) = dlsym(RTLD_NEXT, "setrlimit");
	int r = next(what, limit);

	return what == RLIMIT_MEMLOCK ? 0 : r;
}

int setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit)
{
	int (*next)(__rlimit_resource_t, const struct rlimit64 *) = dlsym(RTLD_NEXT, "setrlimit64");
	int r = next(what, limit);

	return what == RLIMIT_MEMLOCK ? 0 : r;
}
