// SPDX-License-Identifier: Apache-2.0
/* test_registry_doors.c - user/registry/agent_doors.c: what a container has of us by its own listener */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <cmocka.h>

#include "service/doors.h"
#include "unit/grpc_pair.h"
#include "user/registry/agent_doors.h"

#define MOST 4

static const struct door_port *ports; /* as the agent's listeners would come */

int __wrap_doors_new(struct loop *loop, const struct door_port *wanted, unsigned n,
		     struct doors **ret);
void __wrap_doors_free(struct doors *doors);

int __wrap_doors_new(struct loop *loop, const struct door_port *wanted, unsigned n,
		     struct doors **ret)
{
	(void)loop;
	(void)n;
	ports = wanted;
	*ret = NULL;
	return 0;
}

void __wrap_doors_free(struct doors *doors)
{
	(void)doors;
}

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* From an address of the loopback that each process may have, as any of 16 million. */
static int knock_from(unsigned i, const struct sockaddr_in *to)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + i) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	return fd;
}

static void a_container_has_its_connections_whatever_addresses_it_has(void **state)
{
	struct door_owner owner = { .container = "aa" };
	struct agent_doors_use doors_use = {
		.loop = now.loop, .server = use, .limits = GRPC_LIMITS, .tls = now.server_tls
	};
	struct agent_doors *doors;
	struct sockaddr_in addr;
	int fd[3 * MOST], listening = listener(&addr);
	unsigned before;

	(void)state;
	doors_use.limits.per_address = MOST;
	assert_int_equal(listen(listening, 3 * MOST), 0);
	assert_int_equal(agent_doors_new(&doors_use, &doors), 0);
	assert_int_equal(ports->open(&owner, listening, ports->user), 0);
	for (unsigned i = 0; i < 3 * MOST; i++)
		fd[i] = knock_from(i, &addr);
	before = descriptors();
	turn();
	assert_int_equal(descriptors() - before, MOST);
	/* one that goes makes room for one that waits */
	close(fd[0]);
	before = descriptors();
	turn();
	assert_int_equal(descriptors(), before);
	for (unsigned i = 1; i < 3 * MOST; i++)
		close(fd[i]);
	ports->close(&owner, ports->user);
	agent_doors_free(doors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_container_has_its_connections_whatever_addresses_it_has, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
