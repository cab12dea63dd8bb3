// SPDX-License-Identifier: Apache-2.0
#include "bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"

/* May it be added to those? 1: it is one of them. */
static int check_others(const struct bindings *bindings, struct span host, struct span session)
{
	for (unsigned i = 0; i < bindings->n; i++) {
		const struct bound *bound = &bindings->bound[i];

		if (!bound->forwarded)
			return -EPERM;
		if (span_same(session, span_of(bound->session, bound->session_n)))
			return span_same(host, span_of(bound->host, bound->host_n)) ? 1 : -EPERM;
	}
	return 0;
}

int bind_add(struct bindings *bindings, struct span contents)
{
	struct wire wire = wire_begin(contents);
	struct span host = wire_string(&wire), session = wire_string(&wire),
		    signature = wire_string(&wire);
	uint8_t forwarded = wire_u8(&wire);
	struct bound *to;
	int r;

	if (!wire_ended(&wire) || !session.n || session.n > BIND_SESSION || host.n > BIND_HOST ||
	    forwarded > 1)
		return -EBADMSG;
	r = key_verify(host, signature, session);
	if (!r)
		r = check_others(bindings, host, session);
	if (r)
		return r > 0 ? 0 : r;
	if (bindings->n == BIND_MAX)
		return -E2BIG;
	to = &bindings->bound[bindings->n];
	*to = (struct bound){ .host = malloc(host.n), .host_n = host.n, .session_n = session.n };
	if (!to->host)
		return -ENOMEM;
	memcpy(to->host, host.at, host.n);
	memcpy(to->session, session.at, session.n);
	to->forwarded = forwarded;
	bindings->n++;
	return 0;
}

const struct bound *bind_last(const struct bindings *bindings)
{
	return bindings->n ? &bindings->bound[bindings->n - 1] : NULL;
}

void bind_done(struct bindings *bindings)
{
	while (bindings->n)
		free(bindings->bound[--bindings->n].host);
}
