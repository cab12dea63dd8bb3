// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "caller.h"
#include "guard.h"

int verb_fail(int err, const struct problem *why)
{
	return log_error(0, "%s", why->text[0] ? why->text : strerror(-err)), err;
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
