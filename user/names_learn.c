// SPDX-License-Identifier: Apache-2.0
/*
 * names_learn.c - addresses of names: written, found by address, forgotten
 *
 * The order keeps what is told true: the name's entry, then its addresses, and only what was
 * written is told. An address that ended stays until there is no room: flows that stand are
 * known by it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "domains.h"
#include "explain.h"
#include "guard.h"
#include "names_map.h"
#include "policy.h"
#include "synthetic.h"

#define TRIES_BLOCK   32768 /* blocks of synthetic addresses that are tried */
#define NAMES_LONG_NS (3600 * SECOND_NS)

static struct terok_learned_key learned_key(uint32_t guard, const uint8_t addr[static 16])
{
	struct terok_learned_key key = { .guard = guard };

	memcpy(key.addr, addr, sizeof(key.addr));
	return key;
}

/* --- synthetic addresses ------------------------------------------------------------------ */

static bool slot_address(bool v6, uint32_t block, unsigned slot, uint8_t ret[static 16])
{
	return synthetic_address(v6, block * NAMES_SLOTS + slot, ret);
}

static void slots_delete(const struct kernel *kernel, uint32_t guard, uint32_t block)
{
	uint8_t addr[16];

	for (unsigned i = 0; i < 2 * NAMES_SLOTS; i++) {
		struct terok_learned_key key;

		if (!slot_address(i % 2, block, i / 2, addr))
			continue;
		key = learned_key(guard, addr);
		bpf_map_delete_elem(kernel->map[MAP_SYNTHETIC], &key);
	}
}

int names_delete(const struct kernel *kernel, uint32_t guard, uint64_t id,
		 const struct terok_name *name)
{
	struct terok_name_key key = { .guard = guard, .name = id };

	/* the name first: without it its addresses are nothing */
	if (bpf_map_delete_elem(kernel->map[MAP_NAMES], &key))
		return -1;
	if (name->slots)
		slots_delete(kernel, guard, name->slots - 1);
	return 0;
}

/* @guard 0: of all */
static int learned_forget(const struct kernel *kernel, int map, uint32_t guard,
			  bool (*old)(const struct terok_learned *, void *), void *user)
{
	struct terok_learned_key key, next;
	bool more = !bpf_map_get_next_key(map, NULL, &key);
	int n = 0;

	(void)kernel;
	if (!more && errno != ENOENT)
		return -errno;
	while (more) {
		struct terok_learned value;

		more = !bpf_map_get_next_key(map, &key, &next);
		if (!more && errno != ENOENT)
			return -errno;
		if ((!guard || key.guard == guard) &&
		    (!old || (!bpf_map_lookup_elem(map, &key, &value) && old(&value, user)))) {
			if (bpf_map_delete_elem(map, &key) && errno != ENOENT)
				return -errno;
			n++;
		}
		key = next;
	}
	return n;
}

/* True: it is nobody's; else those that keep it are left in @value. */
static bool learned_is_nobodys(const struct kernel *kernel, uint32_t guard,
			       struct terok_learned *value, bool *changed)
{
	bool nobodys = true;

	for (unsigned i = 0; i < TEROK_SHARERS; i++) {
		struct terok_name_key key = { .guard = guard, .name = value->name[i] };
		struct terok_name name;

		if (!key.name)
			continue;
		if (!bpf_map_lookup_elem(kernel->map[MAP_NAMES], &key, &name)) {
			nobodys = false;
			continue;
		}
		value->name[i] = value->until_ns[i] = 0;
		*changed = true;
	}
	return nobodys;
}

/* Behind synthetic addresses: the same. */
static int synthetic_prune(const struct kernel *kernel, uint32_t guard)
{
	int map = kernel->map[MAP_SYNTHETIC];
	struct terok_learned_key key, next;
	bool more = !bpf_map_get_next_key(map, NULL, &key);

	if (!more && errno != ENOENT)
		return -errno;
	while (more) {
		struct terok_name_key of = { .guard = guard };
		struct terok_synthetic value;
		struct terok_name name;

		more = !bpf_map_get_next_key(map, &key, &next);
		if (!more && errno != ENOENT)
			return -errno;
		if (key.guard == guard && !bpf_map_lookup_elem(map, &key, &value)) {
			of.name = value.name;
			if (bpf_map_lookup_elem(kernel->map[MAP_NAMES], &of, &name) &&
			    bpf_map_delete_elem(map, &key) && errno != ENOENT)
				return -errno;
		}
		key = next;
	}
	return 0;
}

static int learned_prune(const struct kernel *kernel, uint32_t guard)
{
	int map = kernel->map[MAP_LEARNED];
	struct terok_learned_key key, next;
	bool more = !bpf_map_get_next_key(map, NULL, &key);

	while (more) {
		struct terok_learned value;
		bool changed = false;
		int r = 0;

		more = !bpf_map_get_next_key(map, &key, &next);
		if (!more && errno != ENOENT)
			return -errno;
		if (key.guard != guard || bpf_map_lookup_elem(map, &key, &value))
			r = 0;
		else if (learned_is_nobodys(kernel, guard, &value, &changed))
			r = bpf_map_delete_elem(map, &key);
		else if (changed)
			r = bpf_map_update_elem(map, &key, &value, BPF_EXIST);
		if (r && errno != ENOENT)
			return -errno;
		key = next;
	}
	return 0;
}

int names_prune_locked(const struct kernel *kernel, uint32_t guard)
{
	int r = learned_prune(kernel, guard);

	return r ? r : synthetic_prune(kernel, guard);
}

int names_prune(const struct kernel *kernel, uint32_t guard)
{
	_cleanup_close_ int lock = kernel_lock(NULL);

	return lock < 0 ? lock : names_prune_locked(kernel, guard);
}

int names_forget_addresses(const struct kernel *kernel, uint32_t guard)
{
	int r = learned_forget(kernel, kernel->map[MAP_LEARNED], guard, NULL, NULL);

	if (r >= 0)
		r = learned_forget(kernel, kernel->map[MAP_SYNTHETIC], guard, NULL, NULL);
	return r < 0 ? r : 0;
}

/* --- one answer --------------------------------------------------------------------------- */

struct lesson {
	const struct kernel *kernel;
	struct names_book *book;
	const struct msg_learn *learn;
	struct msg_learned *ret;
	struct terok_guard value;
	struct terok_name name;
	struct terok_name_key key;
	uint64_t now_ns, until_ns;
	bool fresh, synthetic;
	/* of the family that was asked for: what slots stood for, and stand for now */
	uint8_t real[NAMES_SLOTS][16];
	bool used[NAMES_SLOTS];
};

static void names_mark(struct terok_guard *value, void *user)
{
	value->names |= *(const uint16_t *)user;
}

/* Hooks look only for what a guard has: they are told before there is anything. */
static int lesson_mark(struct lesson *lesson)
{
	uint16_t mark = lesson->synthetic ? TEROK_NAMES_SYNTHETIC : TEROK_NAMES_LEARNED;

	if (lesson->name.flags & TEROK_RULE_CHECK)
		mark |= TEROK_NAMES_CHECK;
	if ((lesson->value.names & mark) == mark)
		return 0;
	return guard_change(lesson->kernel, lesson->learn->guard, names_mark, &mark, NULL);
}

static int count_name(uint64_t id, const struct terok_name *name, void *user)
{
	struct names_book *book = user;

	(void)id;
	(void)name;
	book->names++;
	return 0;
}

static int count_address(const struct name_address *address, void *user)
{
	struct names_book *book = user;

	(void)address;
	book->addresses++;
	return 0;
}

static int book_count(struct lesson *lesson)
{
	struct names_book *book = lesson->book;
	int r;

	if (book->counted)
		return 0;
	book->names = book->addresses = 0;
	r = names_each(lesson->kernel, lesson->learn->guard, count_name, book);
	if (!r)
		r = names_addresses(lesson->kernel, lesson->learn->guard, count_address, book);
	book->counted = !r;
	return r;
}

/* Policy as it is now, and what it says of this name. */
static int lesson_policy(struct lesson *lesson)
{
	struct names_book *book = lesson->book;
	struct terok_info info;
	int r = guard_value(lesson->kernel, lesson->learn->guard, &info, &lesson->value, NULL);

	if (!r && !book->policy)
		r = dns_policy_new(&book->policy);
	else if (!r && book->domains == lesson->value.domains)
		return 0;
	book->counted = false; /* what was counted may have been flushed */
	if (!r)
		r = names_policy(lesson->kernel, lesson->learn->guard, book->policy);
	if (!r)
		book->domains = lesson->value.domains;
	return r;
}

static bool is_open(const struct lesson *lesson)
{
	enum terok_state state = explain_state(&lesson->value);

	return state == TEROK_STATE_DOWN || state == TEROK_STATE_DOWN_ALL;
}

static int lesson_name(struct lesson *lesson)
{
	const struct kernel *kernel = lesson->kernel;
	struct terok_name there = {};
	int r;

	lesson->key = (struct terok_name_key){ .guard = lesson->learn->guard,
					       .name = dns_name_hash(lesson->learn->name) };
	lesson->fresh = bpf_map_lookup_elem(kernel->map[MAP_NAMES], &lesson->key, &there);
	if (lesson->fresh && errno != ENOENT)
		return -errno;
	/* two names of one number: the second is nobody's (it takes 2^32 tries to find one) */
	if (!lesson->fresh && strcmp(there.text, lesson->learn->name))
		return -EEXIST;
	lesson->name = there;
	r = dns_policy_look(lesson->book->policy, lesson->learn->name, lesson->now_ns,
			    &lesson->name, NULL);
	/* where all is open a name without a grant opens nothing: it is there to be named */
	if (!r && lesson->value.notes && is_open(lesson))
		lesson->name.n = 0;
	else if (r <= 0)
		return r ? r : -EACCES;
	lesson->name.asked_ns = lesson->now_ns;
	if (lesson->fresh)
		lesson->name.made_ns = lesson->now_ns;
	lesson->synthetic = lesson->name.n && (lesson->value.names & TEROK_NAMES_EXACT ||
					       lesson->name.flags & TEROK_RULE_SYNTHETIC);
	return 0;
}

/* --- room --------------------------------------------------------------------------------- */

static bool learned_is_old(const struct terok_learned *value, void *user)
{
	const uint64_t *now = user;

	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (value->until_ns[i] > *now)
			return false;
	return true;
}

struct sweep {
	struct lesson *lesson;
	unsigned n;
};

static int sweep_name(uint64_t id, const struct terok_name *name, void *user)
{
	struct sweep *sweep = user;

	if (sweep->lesson->now_ns - name->asked_ns >= NAMES_OLD_NS &&
	    !names_delete(sweep->lesson->kernel, sweep->lesson->learn->guard, id, name))
		sweep->n++;
	return 0;
}

static bool book_is_full(const struct lesson *lesson)
{
	const struct names_book *book = lesson->book;

	return book->addresses + lesson->learn->n > NAMES_ADDRESSES ||
	       (lesson->fresh && book->names >= NAMES_PER_GUARD);
}

/*
 * A guard at its limit loses what ended, and names of yesterday; another's stay. That looks at
 * every entry of all, with everybody waiting: if nothing has ended it is not done for each
 * question that a guard has.
 */
static int lesson_room(struct lesson *lesson)
{
	const struct kernel *kernel = lesson->kernel;
	struct names_book *book = lesson->book;
	struct sweep sweep = { lesson, 0 };
	int n = book_count(lesson);

	if (n || !book_is_full(lesson))
		return n;
	if (book->swept_ns && lesson->now_ns - book->swept_ns < NAMES_SWEEP_NS)
		return -ENOSPC;
	book->swept_ns = lesson->now_ns;
	book->counted = false;
	if (book->addresses + lesson->learn->n > NAMES_ADDRESSES)
		n = learned_forget(kernel, kernel->map[MAP_LEARNED], lesson->learn->guard,
				   learned_is_old, &lesson->now_ns);
	if (n >= 0 && lesson->fresh && book->names >= NAMES_PER_GUARD)
		n = names_each(kernel, lesson->learn->guard, sweep_name, &sweep);
	if (n >= 0)
		n = book_count(lesson);
	return n < 0 ? n : book_is_full(lesson) ? -ENOSPC : 0;
}

/* The table of all guards is full: those go that ended, of any guard. True: there is room now. */
static bool lesson_sweep_all(struct lesson *lesson)
{
	static uint64_t swept_ns;
	/* first those by which no flow stands any more, most likely */
	uint64_t before_ns = lesson->now_ns > NAMES_LONG_NS ? lesson->now_ns - NAMES_LONG_NS : 0;
	int map = lesson->kernel->map[MAP_LEARNED], n;

	if (swept_ns && lesson->now_ns - swept_ns < NAMES_SWEEP_NS)
		return false;
	swept_ns = lesson->now_ns;
	n = learned_forget(lesson->kernel, map, 0, learned_is_old, &before_ns);
	if (!n)
		n = learned_forget(lesson->kernel, map, 0, learned_is_old, &lesson->now_ns);
	lesson->book->counted = false;
	return n > 0;
}

/* --- learned addresses -------------------------------------------------------------------- */

/* Among those that share the address: its own place, a free one, or that of whose ends first. */
static unsigned sharer_place(const struct terok_learned *value, uint64_t name)
{
	unsigned best = 0;

	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (value->name[i] == name)
			return i;
	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (value->until_ns[i] < value->until_ns[best])
			best = i;
	return best;
}

static int learn_address(struct lesson *lesson, const uint8_t addr[static 16])
{
	struct terok_learned_key key = learned_key(lesson->learn->guard, addr);
	int map = lesson->kernel->map[MAP_LEARNED];
	struct terok_learned value = {};
	bool fresh = bpf_map_lookup_elem(map, &key, &value);
	unsigned at = sharer_place(&value, lesson->key.name);

	value.name[at] = lesson->key.name;
	value.until_ns[at] = lesson->until_ns;
	if (bpf_map_update_elem(map, &key, &value, BPF_ANY) &&
	    (errno != E2BIG || !lesson_sweep_all(lesson) ||
	     bpf_map_update_elem(map, &key, &value, BPF_ANY)))
		return errno == E2BIG || errno == ENOSPC ? -ENOSPC : -errno;
	lesson->book->addresses += fresh;
	return 0;
}

/* --- synthetic addresses ------------------------------------------------------------------ */

static void slots_take(struct terok_guard *value, void *user)
{
	value->slots = *(const uint32_t *)user;
}

static bool block_is_free(struct lesson *lesson, uint32_t block)
{
	uint8_t addr[16];

	for (int v6 = 0; v6 < 2; v6++) {
		struct terok_learned_key key;
		struct terok_synthetic value;

		if (!slot_address(v6, block, NAMES_SLOTS - 1, addr) ||
		    !slot_address(v6, block, 0, addr))
			return false;
		key = learned_key(lesson->learn->guard, addr);
		if (!bpf_map_lookup_elem(lesson->kernel->map[MAP_SYNTHETIC], &key, &value))
			return false;
	}
	return true;
}

/* Blocks go round, so that the one that was given back last is given out last. */
static int block_take(struct lesson *lesson)
{
	uint32_t block = lesson->value.slots;
	unsigned rounds = 0;
	uint8_t addr[16];

	if (lesson->name.slots)
		return 0;
	for (unsigned i = 0; i < TRIES_BLOCK; i++, block++) {
		if (!slot_address(false, block, NAMES_SLOTS - 1, addr)) {
			if (rounds++) /* a small range, and all of it is given out */
				return -ENOSPC;
			block = 0;
		}
		if (!block_is_free(lesson, block))
			continue;
		lesson->name.slots = block + 1;
		block++;
		lesson->value.slots = block;
		return guard_change(lesson->kernel, lesson->learn->guard, slots_take, &block, NULL);
	}
	return -ENOSPC;
}

static void slots_read(struct lesson *lesson, bool v6)
{
	uint8_t addr[16];

	for (unsigned i = 0; i < NAMES_SLOTS; i++) {
		struct terok_synthetic value;
		struct terok_learned_key key;

		slot_address(v6, lesson->name.slots - 1, i, addr);
		key = learned_key(lesson->learn->guard, addr);
		lesson->used[i] =
		    !bpf_map_lookup_elem(lesson->kernel->map[MAP_SYNTHETIC], &key, &value);
		if (lesson->used[i])
			memcpy(lesson->real[i], value.real, 16);
	}
}

static int slot_write(struct lesson *lesson, bool v6, unsigned slot, const uint8_t real[static 16])
{
	struct terok_synthetic value = { .name = lesson->key.name };
	struct terok_learned_key key;
	uint8_t addr[16];

	slot_address(v6, lesson->name.slots - 1, slot, addr);
	key = learned_key(lesson->learn->guard, addr);
	memcpy(value.real, real, sizeof(value.real));
	if (bpf_map_update_elem(lesson->kernel->map[MAP_SYNTHETIC], &key, &value, BPF_ANY))
		return errno == E2BIG || errno == ENOSPC ? -ENOSPC : -errno;
	lesson->book->addresses += !lesson->used[slot];
	lesson->used[slot] = true;
	memcpy(lesson->real[slot], real, 16);
	return 0;
}

static bool is_among(const uint8_t addr[static 16], uint8_t list[][16], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!memcmp(list[i], addr, 16))
			return true;
	return false;
}

static bool has_slot(const struct lesson *lesson, const uint8_t addr[static 16])
{
	for (unsigned i = 0; i < NAMES_SLOTS; i++)
		if (lesson->used[i] && !memcmp(lesson->real[i], addr, 16))
			return true;
	return false;
}

/*
 * An address that is still the name's keeps its slot; a slot whose address is the name's no
 * more stands for one that is, so that whoever holds it for ever still gets there.
 * @real: those that the name has now, NAMES_SLOTS at most.
 */
static int slots_remap(struct lesson *lesson, bool v6, uint8_t real[][16], unsigned n)
{
	unsigned next = 0;
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++) {
		unsigned slot = 0;

		if (has_slot(lesson, real[i]))
			continue;
		while (slot < NAMES_SLOTS && lesson->used[slot] &&
		       is_among(lesson->real[slot], real, n))
			slot++;
		if (slot < NAMES_SLOTS)
			r = slot_write(lesson, v6, slot, real[i]);
	}
	for (unsigned slot = 0; !r && n && slot < NAMES_SLOTS; slot++)
		if (lesson->used[slot] && !is_among(lesson->real[slot], real, n))
			r = slot_write(lesson, v6, slot, real[next++ % n]);
	return r;
}

/* What is told: one synthetic address for each that it has now. */
static void slots_tell(struct lesson *lesson, bool v6, uint8_t real[][16], unsigned n)
{
	struct msg_learned *ret = lesson->ret;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned slot = 0; slot < NAMES_SLOTS; slot++) {
			if (!lesson->used[slot] || memcmp(lesson->real[slot], real[i], 16))
				continue;
			slot_address(v6, lesson->name.slots - 1, slot, ret->addr[ret->n++]);
			break;
		}
	}
}

static int learn_synthetic(struct lesson *lesson, uint8_t real[][16], unsigned n)
{
	bool v6 = n && !addr_is_v4(real[0]);
	int r = 0;

	if (!n)
		return 0;
	if (n > NAMES_SLOTS)
		n = NAMES_SLOTS;
	slots_read(lesson, v6);
	r = slots_remap(lesson, v6, real, n);
	if (!r)
		slots_tell(lesson, v6, real, n);
	return r;
}

/* --- all of it ---------------------------------------------------------------------------- */

struct cover {
	const uint8_t *addr;
};

static bool prefix_covers(const struct dest *dest, const uint8_t addr[static 16])
{
	unsigned bytes = dest->bits / 8, rest = dest->bits % 8;

	return !memcmp(dest->addr, addr, bytes) &&
	       (!rest || !((dest->addr[bytes] ^ addr[bytes]) >> (8 - rest)));
}

static int rule_covers(const struct rule *rule, void *user)
{
	const struct cover *cover = user;

	return rule->value.action == TEROK_ALLOW && prefix_covers(&rule->dest, cover->addr);
}

/* Private or local: nobody who answers for a name may open it, but a rule for it may. */
static bool address_is_refused(const struct lesson *lesson, const uint8_t addr[static 16])
{
	struct cover cover = { addr };

	if (explain_state(&lesson->value) == TEROK_STATE_DOWN_ALL) /* it can be reached anyway */
		return synthetic_is_ours(addr);
	return (explain_is_special(addr) || synthetic_is_ours(addr)) &&
	       policy_each(lesson->kernel, lesson->learn->guard, rule_covers, &cover) <= 0;
}

/* What can be told: @special was opened by a rule and needs nothing, @plain must be written. */
static void lesson_sift(struct lesson *lesson, uint8_t plain[][16], unsigned *n_plain)
{
	struct msg_learned *ret = lesson->ret;

	for (unsigned i = 0; i < lesson->learn->n; i++) {
		const uint8_t *addr = lesson->learn->addr[i];

		if (address_is_refused(lesson, addr))
			ret->refused++;
		else if (explain_is_special(addr))
			memcpy(ret->addr[ret->n++], addr, 16);
		else
			memcpy(plain[(*n_plain)++], addr, 16);
	}
}

static int lesson_write(struct lesson *lesson)
{
	uint8_t plain[MSG_ADDRS][16];
	unsigned n = 0;
	int r = 0;

	lesson_sift(lesson, plain, &n);
	if (lesson->synthetic && n)
		r = block_take(lesson);
	if (!r && bpf_map_update_elem(lesson->kernel->map[MAP_NAMES], &lesson->key, &lesson->name,
				      BPF_ANY))
		r = errno == E2BIG || errno == ENOSPC ? -ENOSPC : -errno;
	if (!r)
		lesson->book->names += lesson->fresh;
	if (!r)
		r = lesson_mark(lesson);
	if (!r && lesson->synthetic)
		return learn_synthetic(lesson, plain, n);
	for (unsigned i = 0; !r && i < n; i++) {
		r = learn_address(lesson, plain[i]);
		if (!r)
			memcpy(lesson->ret->addr[lesson->ret->n++], plain[i], 16);
	}
	return r;
}

/* The resolver reads strangers' bytes and may be theirs: nothing that it says is taken as it is. */
static bool learn_is_sound(const struct msg_learn *learn)
{
	return learn->n <= MSG_ADDRS && memchr(learn->name, '\0', sizeof(learn->name)) &&
	       dns_name_is_canonical(learn->name);
}

static uint32_t learn_seconds(const struct msg_learn *learn)
{
	return learn->seconds < NAMES_TTL_MIN   ? NAMES_TTL_MIN
	       : learn->seconds > NAMES_TTL_MAX ? NAMES_TTL_MAX
						: learn->seconds;
}

void names_learn(const struct kernel *kernel, struct names_book *book,
		 const struct msg_learn *learn, struct msg_learned *ret)
{
	struct lesson lesson = { .kernel = kernel, .book = book, .learn = learn, .ret = ret };
	_cleanup_close_ int lock = -1;
	int r = learn_is_sound(learn) ? 0 : -EINVAL;

	*ret = (struct msg_learned){ .token = learn->token };
	lesson.now_ns = now_boot_ns();
	lesson.until_ns = lesson.now_ns + (learn_seconds(learn) + NAMES_GRACE) * SECOND_NS;
	if (!r)
		r = lock = kernel_lock(NULL);
	if (r >= 0)
		r = lesson_policy(&lesson);
	if (!r)
		r = lesson_name(&lesson);
	if (!r)
		r = lesson_room(&lesson);
	if (!r)
		r = lesson_write(&lesson);
	if (r)
		ret->n = 0;
	ret->result = r;
}

/* --- found by address --------------------------------------------------------------------- */

bool names_reverse(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
		   char ret[static TEROK_DOMAIN_LEN])
{
	struct terok_learned_key key = learned_key(guard, addr);
	struct terok_name_key id = { .guard = guard };
	struct terok_synthetic synthetic;
	struct terok_learned learned;
	struct terok_name name;
	unsigned last = 0;

	if (!bpf_map_lookup_elem(kernel->map[MAP_SYNTHETIC], &key, &synthetic)) {
		id.name = synthetic.name;
	} else if (!bpf_map_lookup_elem(kernel->map[MAP_LEARNED], &key, &learned)) {
		for (unsigned i = 0; i < TEROK_SHARERS; i++)
			if (learned.until_ns[i] > learned.until_ns[last])
				last = i;
		id.name = learned.name[last];
	}
	if (!id.name || bpf_map_lookup_elem(kernel->map[MAP_NAMES], &id, &name))
		return false;
	memcpy(ret, name.text, TEROK_DOMAIN_LEN);
	ret[TEROK_DOMAIN_LEN - 1] = '\0';
	return true;
}

bool names_had(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16])
{
	struct terok_learned_key key = learned_key(guard, addr);
	struct terok_learned learned;

	return !bpf_map_lookup_elem(kernel->map[MAP_LEARNED], &key, &learned);
}

bool names_said(const struct kernel *kernel, uint64_t cookie, char ret[static TEROK_DOMAIN_LEN])
{
	struct terok_said said;

	if (bpf_map_lookup_elem(kernel->map[MAP_SAID], &cookie, &said))
		return false;
	memcpy(ret, said.name, TEROK_DOMAIN_LEN);
	ret[TEROK_DOMAIN_LEN - 1] = '\0';
	return true;
}

static int each_learned(const struct kernel *kernel, uint32_t guard,
			int (*fn)(const struct name_address *address, void *user), void *user)
{
	struct terok_learned_key key, *prev = NULL;
	struct terok_learned value;
	int r = 0;

	while (!r && !bpf_map_get_next_key(kernel->map[MAP_LEARNED], prev, &key)) {
		prev = &key;
		if (key.guard != guard ||
		    bpf_map_lookup_elem(kernel->map[MAP_LEARNED], &key, &value))
			continue;
		for (unsigned i = 0; !r && i < TEROK_SHARERS; i++) {
			struct name_address address = { .until_ns = value.until_ns[i],
							.name = value.name[i] };

			memcpy(address.addr, key.addr, 16);
			memcpy(address.real, key.addr, 16);
			if (value.name[i])
				r = fn(&address, user);
		}
	}
	return kernel_walk_end(r);
}

int names_addresses(const struct kernel *kernel, uint32_t guard,
		    int (*fn)(const struct name_address *address, void *user), void *user)
{
	int r = each_learned(kernel, guard, fn, user);
	struct terok_learned_key key, *prev = NULL;
	struct terok_synthetic value;

	while (!r && !bpf_map_get_next_key(kernel->map[MAP_SYNTHETIC], prev, &key)) {
		struct name_address address = {};

		prev = &key;
		if (key.guard != guard ||
		    bpf_map_lookup_elem(kernel->map[MAP_SYNTHETIC], &key, &value))
			continue;
		memcpy(address.addr, key.addr, 16);
		memcpy(address.real, value.real, 16);
		address.name = value.name;
		r = fn(&address, user);
	}
	return kernel_walk_end(r);
}
