// SPDX-License-Identifier: Apache-2.0
/*
 * late.c - terok-bpfd with one mistake: addresses are told first and written then
 *
 * Linked with everything the agent is made of, and in place of three calls: what names_learn()
 * writes into the tables of addresses waits here until worker_send() has sent the word that they
 * are there. A test that passes with it does not see the order. Nothing of it is in the program
 * that ships.
 */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "worker.h"

#define LATE_MAX   512
#define LATE_KEY   sizeof(struct terok_learned_key)
#define LATE_VALUE sizeof(struct terok_learned)

static struct late {
	int fd;
	uint8_t key[LATE_KEY], value[LATE_VALUE];
} late[LATE_MAX];
static unsigned n_late;
static const struct kernel *learning; /* in names_learn(): of that kernel */

int __real_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
void __real_names_learn(const struct kernel *kernel, struct names_book *book,
			const struct msg_learn *learn, struct msg_learned *ret);
void __wrap_names_learn(const struct kernel *kernel, struct names_book *book,
			const struct msg_learn *learn, struct msg_learned *ret);
void __real_worker_send(struct worker *worker, struct msg_packet *packet);
void __wrap_worker_send(struct worker *worker, struct msg_packet *packet);

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	bool learned = learning && fd == learning->map[MAP_LEARNED];
	bool synthetic = learning && fd == learning->map[MAP_SYNTHETIC];
	struct late *one = &late[n_late];

	if ((!learned && !synthetic) || n_late == LATE_MAX)
		return __real_bpf_map_update_elem(fd, key, value, flags);
	one->fd = fd;
	memcpy(one->key, key, LATE_KEY);
	memcpy(one->value, value,
	       learned ? sizeof(struct terok_learned) : sizeof(struct terok_synthetic));
	n_late++;
	return 0;
}

void __wrap_names_learn(const struct kernel *kernel, struct names_book *book,
			const struct msg_learn *learn, struct msg_learned *ret)
{
	learning = kernel;
	__real_names_learn(kernel, book, learn, ret);
	learning = NULL;
}

void __wrap_worker_send(struct worker *worker, struct msg_packet *packet)
{
	__real_worker_send(worker, packet);
	for (unsigned i = 0; i < n_late; i++)
		__real_bpf_map_update_elem(late[i].fd, late[i].key, late[i].value, BPF_ANY);
	n_late = 0;
}
