// SPDX-License-Identifier: Apache-2.0
#include "dns/why.h"

#include <stdlib.h>
#include <string.h>

#define GAP_NS (SECOND_NS / WHY_RATE)

struct why {
	struct served *served;
	struct why_request request;
	unsigned n;
	struct msg_because because[MSG_BECAUSE_MAX];
};

static bool budget_spend(struct served *served)
{
	uint64_t now = now_boot_ns();

	if (served->why_whole_ns < now)
		served->why_whole_ns = now;
	if (served->why_whole_ns - now > (WHY_BURST - 1) * GAP_NS)
		return false;
	served->why_whole_ns += GAP_NS;
	return true;
}

static struct why *why_new(struct served *served, const struct why_request *request)
{
	struct why *why = served->resolver->n_why < WHY_BUSY ? calloc(1, sizeof(*why)) : NULL;

	if (!why)
		return NULL;
	why->served = served;
	why->request = *request;
	served->resolver->n_why++;
	return why;
}

void why_free(struct why *why)
{
	if (!why)
		return;
	why->served->resolver->n_why--;
	free(why);
}

int why_ask(struct served *served, uint64_t conn, uint16_t port, bool v6, const uint8_t *bytes,
	    size_t n, struct why **ret, struct json *out)
{
	struct msg_packet packet = { .type = MSG_WHY };
	struct why_request request;
	int status = why_request_parse(bytes, n, &request);

	if (!status)
		return 0;
	if (status == 200 && !budget_spend(served))
		status = 429;
	if (status == 200) {
		*ret = why_new(served, &request);
		status = *ret ? 200 : 503;
	}
	if (status != 200) {
		why_write_error(out, status);
		return 2;
	}
	packet.WHY.token = conn;
	packet.WHY.guard = served->id;
	packet.WHY.port = port;
	packet.WHY.v6 = v6;
	served->resolver->say(&packet, served->resolver->user);
	return 1;
}

void why_add(struct why *why, const struct msg_because *because)
{
	if (why->n < MSG_BECAUSE_MAX)
		why->because[why->n++] = *because;
}

void why_end(struct why *why, const struct msg_becauses *last, struct json *out)
{
	struct why_page page = { .request = &why->request,
				 .because = why->because,
				 .n = why->n,
				 .last = *last,
				 .now_ns = now_boot_ns() };

	if (last->result) {
		why_write_error(out, 403);
		return;
	}
	for (unsigned i = 0; i < why->n; i++)
		if (why->because[i].by_name)
			why_name_decide(why->served->policy, last->state, page.now_ns,
					&why->because[i]);
	why_write(out, &page);
}
