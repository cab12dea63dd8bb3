// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

struct records {
	struct source source;
	record_fn fn;
	void *user;
	int fd; /* the ring's map; kernel's */
	size_t page, size;
	unsigned long *consumer;       /* our position, read by the kernel */
	const unsigned long *producer; /* the kernel's position */
	const uint8_t *data;
	struct terok_wake *wake;
	uint64_t last_ns; /* when we saw the last record */
	uint64_t foreign;
};

int records_open(const struct kernel *kernel, record_fn fn, void *user, struct records **ret)
{
	_cleanup_(records_closep) struct records *records = calloc(1, sizeof(*records));
	void *map;

	if (!records)
		return -ENOMEM;
	records->fn = fn;
	records->user = user;
	records->fd = kernel->map[MAP_RECORDS];
	records->page = sysconf(_SC_PAGESIZE);
	records->size = TEROK_RING_BYTES;

	map = mmap(NULL, records->page, PROT_READ | PROT_WRITE, MAP_SHARED, records->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	records->consumer = map;
	/* the data once, not twice as the kernel offers it: half the resident memory */
	map = mmap(NULL, records->page + records->size, PROT_READ, MAP_SHARED, records->fd,
		   records->page);
	if (map == MAP_FAILED)
		return -errno;
	records->producer = map;
	records->data = (const uint8_t *)map + records->page;
	map =
	    mmap(NULL, records->page, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->map[MAP_WAKE], 0);
	if (map == MAP_FAILED)
		return -errno;
	records->wake = map;
	*ret = TAKE_PTR(records);
	return 0;
}

void records_close(struct records *records)
{
	if (!records)
		return;
	source_del(&records->source);
	if (records->wake) {
		__atomic_store_n(&records->wake->asleep, 0, __ATOMIC_SEQ_CST);
		munmap(records->wake, records->page);
	}
	if (records->producer)
		munmap((void *)records->producer, records->page + records->size);
	if (records->consumer)
		munmap(records->consumer, records->page);
	free(records);
}

uint64_t records_foreign(const struct records *records)
{
	return records->foreign;
}

/* One record, put together where the ring wraps inside it. */
static void records_hand_over(struct records *records, unsigned long at, uint32_t size)
{
	size_t offset = at & (records->size - 1), first = records->size - offset;
	const struct terok_record *record = (const void *)(records->data + offset);
	struct terok_record copy;

	if (size != sizeof(copy)) {
		records->foreign++;
		return;
	}
	if (first < sizeof(copy)) {
		memcpy(&copy, record, first);
		memcpy((uint8_t *)&copy + first, records->data, sizeof(copy) - first);
		record = &copy;
	}
	if (record->version != TEROK_ABI_VERSION)
		records->foreign++;
	else
		records->fn(record, records->user);
}

unsigned records_drain(struct records *records, unsigned max)
{
	unsigned long pos = *records->consumer;
	unsigned n = 0;

	while (n < max && pos < __atomic_load_n(records->producer, __ATOMIC_ACQUIRE)) {
		const uint32_t *head = (const void *)(records->data + (pos & (records->size - 1)));
		uint32_t len = __atomic_load_n(head, __ATOMIC_ACQUIRE), size;

		if (len & BPF_RINGBUF_BUSY_BIT)
			break; /* reserved and being written: it comes next time */
		size = len & ~BPF_RINGBUF_DISCARD_BIT;
		if (!(len & BPF_RINGBUF_DISCARD_BIT))
			records_hand_over(records, pos + BPF_RINGBUF_HDR_SZ, size);
		pos += (size + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n(records->consumer, pos, __ATOMIC_RELEASE);
		n++;
	}
	return n;
}

static bool records_waiting(const struct records *records)
{
	return *records->consumer < __atomic_load_n(records->producer, __ATOMIC_SEQ_CST);
}

/* Say that we sleep, then look once more: see the agreement in record.h. */
static int64_t records_sleep(struct records *records)
{
	__atomic_store_n(&records->wake->asleep, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!records_waiting(records))
		return LOOP_SLEEP;
	__atomic_store_n(&records->wake->asleep, 0, __ATOMIC_SEQ_CST);
	return 0;
}

static int64_t records_poll(void *user)
{
	struct records *records = user;
	unsigned n = records_drain(records, RECORD_BATCH);
	uint64_t now;

	if (n == RECORD_BATCH)
		return 0;
	now = now_boot_ns();
	if (n)
		records->last_ns = now;
	if (n >= RECORD_FLOOD)
		return RECORD_NAP_NS;
	if (now - records->last_ns >= RECORD_LINGER_NS)
		return records_sleep(records);
	/* the hub, or the very process that waits for its answer, may want this CPU */
	sched_yield();
	return 0;
}

/* The wake-up itself is all the descriptor is for: the poll function reads the ring. */
static int records_woken(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	return 0;
}

int records_start(struct records *records, struct loop *loop)
{
	/* edge-triggered: while we are awake, records in the ring are no news */
	int r = source_add(loop, &records->source, records->fd, EPOLLIN | EPOLLET, records_woken);

	if (r)
		return r;
	loop_set_poll(loop, records_poll, records);
	return 0;
}
