// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "caller.h"
#include "guard.h"

int verb_fail(int err, const struct problem *why)
{
	return log_error(0, "%s", why->text[0] ? why->text : strerror(-err)), err;
}

int verb_called(const char *text, char ret[static TEROK_PATH_LEN])
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	size_t n = strlen(text), digits = strspn(text, "0123456789");
	bool of_user = *text != '/' && strchr(text, ':');
	struct problem why = {};
	struct guard guard;
	int r;

	snprintf(ret, TEROK_PATH_LEN, "%s", text);
	if (!of_user && (digits != n || n >= GUARD_ID_MIN))
		return 0;
	r = kernel_open(&kernel, &why);
	if (!r)
		r = guard_find(kernel, text, caller_scope(), &guard, &why);
	if (r)
		return of_user ? verb_fail(r, &why) : 0;
	snprintf(ret, TEROK_PATH_LEN, "%s",
		 guard.info.kind == TEROK_KIND_CONTAINER ? guard.info.container : guard.info.name);
	return 0;
}

int verb_open(const char *text, struct kernel **kernel, struct guard *guard)
{
	_cleanup_(kernel_freep) struct kernel *opened = NULL;
	struct problem why = {};
	int r = kernel_open(&opened, &why);

	if (!r)
		r = guard_find(opened, text, caller_scope(), guard, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	*kernel = TAKE_PTR(opened);
	return 0;
}
