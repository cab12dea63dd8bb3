// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_podman.c - what podman says of containers of agents: ids, what it inspects, lists, events
 *
 * The first byte says which of them the rest is. Podman is believed, but what it hands on of a
 * container was chosen by whoever made that: names, labels.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/bus.h"
#include "registry/feeder.h"
#include "registry/runtime_podman.h"

static struct runtime_container seen[RUNTIME_MAX + 1];

static void look(const struct runtime_container *container)
{
	if (agent_id_check(container->id, NULL) || container->n_addr > RUNTIME_ADDRESSES ||
	    (container->labelled && agent_name_check(container->project, container->agent, NULL)))
		abort();
}

static void ids(const char *text, size_t size)
{
	int n = podman_ids(text, size, seen);

	for (int i = 0; i < n; i++)
		look(&seen[i]);
}

static void inspected(const char *text, size_t size)
{
	static const char *const id[] = { "aa", "bb", "cc", "aa" };
	int n;

	for (unsigned i = 0; i < 4; i++) {
		seen[i] = (struct runtime_container){};
		strcpy(seen[i].id, id[i]);
	}
	n = podman_inspected(text, size, "clawker-net", seen, 4);
	if (n > 4)
		abort();
	for (int i = 0; i < n; i++)
		look(&seen[i]);
}

static void on_id(void *user, const char *container)
{
	(void)user;
	if (agent_id_check(container, NULL))
		abort();
}

static void on_moved(void *user, const char *container)
{
	if (container) /* NULL: all may have */
		on_id(user, container);
}

static int on_evict(void *user, const char *container, struct problem *why)
{
	(void)why;
	on_id(user, container);
	return 0;
}

static void fed(const char *text, size_t size, bool list)
{
	static struct loop *loop;
	struct feeder_use use = {
		.dial = on_id, .cancel = on_id, .evict = on_evict, .moved = on_moved
	};
	struct feeder *feeder;

	if ((!loop && loop_new(&loop)) || bus_new(loop, NULL, &use.bus))
		abort();
	use.loop = loop;
	if (feeder_new(&use, &feeder))
		abort();
	if (list)
		feeder_take_list(feeder, text, size);
	else
		feeder_take_event(feeder, text, size);
	feeder_free(feeder);
	bus_free(use.bus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0]) {
	case 'l': fed(text, size - 1, true); break;
	case 'e': fed(text, size - 1, false); break;
	case 'i': inspected(text, size - 1); break;
	default: ids(text, size - 1); break;
	}
	return 0;
}
