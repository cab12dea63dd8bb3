// SPDX-License-Identifier: Apache-2.0
/* bench_registry.c - the control plane of agents: each part of it has a file (registry.h) */
#include "families.h"
#include "registry.h"

int bench_registry(void)
{
	int calls = registry_calls();

	return registry_sessions() ?: calls;
}
