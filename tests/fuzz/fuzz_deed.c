// SPDX-License-Identifier: Apache-2.0
/* fuzz_deed.c - what passes for a deed is one that a command line can make, whoever wrote it */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deed.h"

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile_entry entry;
	struct control_deed deed = {};
	struct dest dest;

	memcpy(&deed, data, size < sizeof(deed) ? size : sizeof(deed));
	if (deed_check(&deed))
		return 0;
	expect(deed.kind > DEED_NONE && deed.kind < DEED_MAX_);
	expect(strlen(deed.guard) < sizeof(deed.guard) &&
	       strlen(deed.domain) < sizeof(deed.domain));
	dest = deed_dest(&deed);
	expect(dest.bits <= 128);
	if (*deed.domain)
		expect(!profile_entry_parse(deed.domain, &entry, NULL) && !entry.deny);
	if (deed.kind == DEED_STATE)
		expect(deed.state > TEROK_STATE_NONE && deed.state < TEROK_STATE_MAX_);
	if (deed.kind == DEED_PUBLISH)
		expect(deed.port && (deed.proto == IPPROTO_TCP || deed.proto == IPPROTO_UDP));
	if (deed.kind == DEED_ATTACH)
		expect(deed.force <= 1 && deed.want.n_infra <= CONTROL_INFRA &&
		       deed.want.n_ports <= CONTROL_PORTS && deed.want.names < CONTROL_NAMES_MAX_ &&
		       deed.want.state < TEROK_STATE_MAX_ && control_text_ok(deed.want.profiles));
	return 0;
}
