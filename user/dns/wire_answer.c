// SPDX-License-Identifier: Apache-2.0
/*
 * wire_answer.c - what an upstream said, of which only what was asked for is taken
 *
 * The sections are walked once to see that they are whole, then the answer's once for each time
 * that a CNAME stands before the one that leads to it (DNS_CHAIN at most, once if they are in
 * order), then once for the records at the chain's end. Names are read of no more CNAMEs than
 * DNS_CNAMES and once of other records, so any message costs time as it is long.
 * Called by: those of wire.h. Threads: any.
 */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "dns/wire.h"
#include "dns/wire_bytes.h"

/* A message whose sections are whole. */
struct message {
	const uint8_t *bytes;
	size_t size;
	size_t answer;            /* where its first record is */
	unsigned answers;         /* records */
	bool soa;                 /* in the authority section */
	uint32_t soa_ttl;         /* s: how long there is nothing */
	bool opt;                 /* in the additional section */
	uint8_t rcode_upper;      /* of OPT */
	char asked[DNS_NAME_LEN]; /* the question's name */
};

/* RFC 2181 8: with the top bit set it is not a time. */
static uint32_t ttl_of(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* RFC 2308 5: the lesser of the record's TTL and its minimum, which is the last field. */
static int soa_take(struct message *m, const struct record *record)
{
	size_t at = record->data;
	char name[DNS_NAME_LEN];
	uint32_t ttl;

	if (dns_name_read(m->bytes, m->size, &at, name) ||
	    dns_name_read(m->bytes, m->size, &at, name) || at + 20 != record->data + record->size)
		return -EBADMSG;
	ttl = least(ttl_of(record->ttl), ttl_of(get32(m->bytes + at + 16)));
	m->soa_ttl = m->soa ? least(m->soa_ttl, ttl) : ttl;
	m->soa = true;
	return 0;
}

/* Walk all sections; what comes behind the last is nobody's. */
static int message_open(struct message *m)
{
	unsigned cnames = 0;
	unsigned authority = get16(m->bytes + HEAD_NS), additional = get16(m->bytes + HEAD_AR);
	unsigned before = m->answers + authority;
	size_t at = m->answer;

	for (unsigned n = 0; n < before + additional; n++) {
		struct record record;

		if (record_next(m->bytes, m->size, &at, &record))
			return -EBADMSG;
		if (n < m->answers && record.type == DNS_CNAME && ++cnames > DNS_CNAMES)
			return -EBADMSG;
		if (n >= m->answers && n < before && record.type == DNS_SOA &&
		    record.class == DNS_CLASS_IN && soa_take(m, &record))
			return -EBADMSG;
		if (n >= before && record.type == DNS_OPT) {
			if (m->opt)
				return -EBADMSG;
			m->opt = true;
			m->rcode_upper = record.ttl >> OPT_RCODE_SHIFT;
		}
	}
	return 0;
}

/* --- the chain --------------------------------------------------------------------------- */

static const char *chain_end(const struct message *m, const struct dns_answer *answer)
{
	return answer->n_chain ? answer->chain[answer->n_chain - 1] : m->asked;
}

/* Is @record, by class and owner, one of @name? 1, 0, -EBADMSG. */
static int record_is_of(const struct message *m, const struct record *record, const char *name)
{
	char owner[DNS_NAME_LEN];
	size_t at = record->owner;

	if (record->class != DNS_CLASS_IN)
		return 0;
	if (dns_name_read(m->bytes, m->size, &at, owner))
		return -EBADMSG;
	return !strcmp(owner, name);
}

/* A name that ends where its record's data do. */
static int target_read(const struct message *m, const struct record *record, size_t at,
		       char ret[static DNS_NAME_LEN])
{
	if (at >= record->data + record->size || dns_name_read(m->bytes, m->size, &at, ret) ||
	    at != record->data + record->size)
		return -EBADMSG;
	return 0;
}

static int chain_add(const struct message *m, const struct record *record,
		     struct dns_answer *answer)
{
	char *target = answer->chain[answer->n_chain];

	if (answer->n_chain == DNS_CHAIN || target_read(m, record, record->data, target) ||
	    !*target || !strcmp(target, m->asked))
		return -EBADMSG;
	for (unsigned i = 0; i < answer->n_chain; i++)
		if (!strcmp(target, answer->chain[i]))
			return -EBADMSG;
	answer->n_chain++;
	answer->ttl = least(answer->ttl, ttl_of(record->ttl));
	return 0;
}

/* One walk: @limit CNAMEs in all, wherever the chain goes on behind where it went on before. */
static int chain_walk(const struct message *m, unsigned limit, struct dns_answer *answer)
{
	size_t at = m->answer;

	for (unsigned n = 0; n < m->answers && answer->n_chain < limit; n++) {
		struct record record;
		int r;

		if (record_next(m->bytes, m->size, &at, &record))
			return -EBADMSG;
		if (record.type != DNS_CNAME)
			continue;
		r = record_is_of(m, &record, chain_end(m, answer));
		if (r > 0)
			r = chain_add(m, &record, answer);
		if (r)
			return r;
	}
	return 0;
}

/* Who asks for a CNAME is told the first and led no further. */
static int chain_take(const struct message *m, uint16_t type, struct dns_answer *answer)
{
	unsigned limit = type == DNS_CNAME ? 1 : DNS_CHAIN + 1, before;

	do {
		int r;

		before = answer->n_chain;
		r = chain_walk(m, limit, answer);
		if (r)
			return r;
	} while (answer->n_chain > before);
	return 0;
}

/* --- records at its end ------------------------------------------------------------------ */

/*
 * Each of these returns 1 if it took the record, 0 if the record is passed over, -EBADMSG.
 *
 * IPv6 cannot have an address of IPv4 (RFC 4291 2.5.5.2: only programs have them): written as
 * we write addresses it would be one that A did not give.
 */
static int addr_take(const struct message *m, const struct record *record,
		     struct dns_answer *answer)
{
	bool v4 = record->type == DNS_A;
	uint8_t addr[16];

	if (record->size != (v4 ? 4 : 16))
		return -EBADMSG;
	if (v4)
		addr_of_v4(addr, m->bytes + record->data);
	else
		memcpy(addr, m->bytes + record->data, sizeof(addr));
	if ((!v4 && addr_is_v4(addr)) || answer->n_addr == DNS_ADDRS)
		return 0;
	for (unsigned i = 0; i < answer->n_addr; i++)
		if (!memcmp(addr, answer->addr[i], sizeof(addr)))
			return 1;
	memcpy(answer->addr[answer->n_addr++], addr, sizeof(addr));
	return 1;
}

/* Are these @n bytes whole strings behind their lengths, of @shortest bytes or more, and one at least? */
static bool strings_are_whole(const uint8_t *bytes, size_t n, unsigned shortest)
{
	size_t at = 0;

	while (at < n && bytes[at] >= shortest)
		at += 1 + bytes[at];
	return n && at == n;
}

/* Are the keys of mandatory all of those that we hand on? */
static bool mandatory_is_kept(const uint8_t *keys, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		if (get16(keys + i) != SVCB_ALPN && get16(keys + i) != SVCB_PORT)
			return false;
	return true;
}

/* One parameter of SVCB. */
static int param_take(unsigned key, const uint8_t *value, size_t n, struct dns_data *data)
{
	switch (key) {
	case SVCB_MANDATORY:
		if (!n || n % 2)
			return -EBADMSG;
		return mandatory_is_kept(value, n);
	case SVCB_ALPN:
		if (!strings_are_whole(value, n, 1))
			return -EBADMSG;
		if (n > DNS_TEXT)
			return 0;
		memcpy(data->text, value, n);
		data->size = n;
		return 1;
	case SVCB_PORT:
		if (n != 2)
			return -EBADMSG;
		data->port = get16(value);
		return 1;
	default: return 1;
	}
}

/* RFC 9460 2.2: in ascending order, each once. In alias mode there is nothing to be taken. */
static int params_take(const uint8_t *bytes, size_t n, struct dns_data *data)
{
	int before = -1, ret = 1;

	for (size_t at = 0, size; at < n; at += 4 + size) {
		int key, r;

		if (n - at < 4)
			return -EBADMSG;
		key = get16(bytes + at);
		size = get16(bytes + at + 2);
		if (key <= before || n - at - 4 < size)
			return -EBADMSG;
		before = key;
		r = data->priority ? param_take(key, bytes + at + 4, size, data) : 1;
		if (r < 0)
			return r;
		ret &= r;
	}
	return ret;
}

/*
 * A name in a record's data. The root ("." of MX and SRV is "there is none", of SVCB "the owner
 * itself") is taken as "", other names that are no host names are passed over, since whoever
 * reads "" again would take them for the root.
 */
static int data_target(const struct message *m, size_t at, size_t end, size_t *behind,
		       struct dns_data *data)
{
	*behind = at;
	if (at >= end || dns_name_read(m->bytes, m->size, behind, data->target) || *behind > end)
		return -EBADMSG;
	return *data->target || !m->bytes[at];
}

static int txt_take(const uint8_t *bytes, size_t n, struct dns_data *data)
{
	if (!strings_are_whole(bytes, n, 0))
		return -EBADMSG;
	if (n > DNS_TEXT)
		return 0;
	memcpy(data->text, bytes, n);
	data->size = n;
	return 1;
}

/* Numbers, then a name, then nothing or, of SVCB, parameters. */
static int fields_take(const struct message *m, const struct record *record, struct dns_data *data)
{
	bool svcb = data->type == DNS_SVCB || data->type == DNS_HTTPS;
	unsigned numbers = data->type == DNS_SRV ? 3 : data->type == DNS_MX || svcb ? 1 : 0;
	const uint8_t *bytes = m->bytes + record->data;
	size_t at, end = record->data + record->size;
	int r, taken;

	if (record->size < 2 * numbers)
		return -EBADMSG;
	if (numbers)
		data->priority = get16(bytes);
	if (numbers == 3) {
		data->weight = get16(bytes + 2);
		data->port = get16(bytes + 4);
	}
	taken = data_target(m, record->data + 2 * numbers, end, &at, data);
	if (taken < 0 || (!svcb && at != end))
		return -EBADMSG;
	r = svcb ? params_take(m->bytes + at, end - at, data) : 1;
	return r < 0 ? r : r & taken;
}

static int data_take(const struct message *m, const struct record *record,
		     struct dns_answer *answer)
{
	struct dns_data *data = &answer->data[answer->n_data];
	int r;

	if (answer->n_data == DNS_DATA)
		return 0;
	*data = (struct dns_data){ .type = record->type };
	switch (record->type) {
	case DNS_TXT: r = txt_take(m->bytes + record->data, record->size, data); break;
	case DNS_MX:
	case DNS_SRV:
	case DNS_NS:
	case DNS_PTR:
	case DNS_SVCB:
	case DNS_HTTPS: r = fields_take(m, record, data); break;
	default: r = 0;
	}
	answer->n_data += r > 0;
	return r;
}

static int end_take(const struct message *m, uint16_t type, struct dns_answer *answer)
{
	const char *name = chain_end(m, answer);
	size_t at = m->answer;

	for (unsigned n = 0; n < m->answers; n++) {
		struct record record;
		int r;

		if (record_next(m->bytes, m->size, &at, &record))
			return -EBADMSG;
		if (record.type != type)
			continue;
		r = record_is_of(m, &record, name);
		if (r > 0)
			r = type == DNS_A || type == DNS_AAAA ? addr_take(m, &record, answer)
							      : data_take(m, &record, answer);
		if (r < 0)
			return r;
		if (r > 0)
			answer->ttl = least(answer->ttl, ttl_of(record.ttl));
	}
	return 0;
}

/* --- all of it --------------------------------------------------------------------------- */

static bool is_answer_to(const uint8_t *msg, size_t size, const struct dns_asked *asked)
{
	return size >= HEAD && size - HEAD >= asked->question_size && get16(msg) == asked->id &&
	       (get16(msg + HEAD_FLAGS) & (FLAG_QR | FLAG_OPCODE)) == FLAG_QR &&
	       get16(msg + HEAD_QD) == 1 &&
	       !memcmp(msg + HEAD, asked->question, asked->question_size);
}

static int message_take(struct message *m, uint16_t type, struct dns_answer *ret)
{
	size_t at = HEAD;
	int r;

	if (dns_name_read(m->bytes, m->size, &at, m->asked) || !*m->asked || message_open(m))
		return -EBADMSG;
	if (m->rcode_upper) {
		/* twelve bits in all; of what has no number here, all that matters is that it failed */
		ret->rcode = m->rcode_upper < 16 ? m->rcode_upper << 4 | ret->rcode : DNS_SERVFAIL;
		return 0;
	}
	ret->ttl = UINT32_MAX;
	r = chain_take(m, type, ret);
	if (!r && ret->rcode == DNS_NOERROR && type != DNS_CNAME)
		r = end_take(m, type, ret);
	if (r)
		return r;
	if (!ret->n_addr && !ret->n_data &&
	    (ret->rcode == DNS_NXDOMAIN || type != DNS_CNAME || !ret->n_chain))
		ret->ttl = least(ret->ttl, m->soa_ttl);
	return 0;
}

int dns_answer_parse(const uint8_t *msg, size_t size, const struct dns_asked *asked,
		     struct dns_answer *ret)
{
	struct message m = { .bytes = msg, .size = size };
	int r;

	ret->rcode = DNS_NOERROR;
	ret->truncated = false;
	ret->ttl = ret->n_chain = ret->n_addr = ret->n_data = 0;
	if (!is_answer_to(msg, size, asked))
		return -ENOMSG;
	ret->rcode = get16(msg + HEAD_FLAGS) & FLAG_RCODE;
	ret->truncated = get16(msg + HEAD_FLAGS) & FLAG_TC;
	if (ret->truncated || (ret->rcode != DNS_NOERROR && ret->rcode != DNS_NXDOMAIN))
		return 0;
	m.answer = HEAD + asked->question_size;
	m.answers = get16(msg + HEAD_AN);
	r = message_take(&m, asked->type, ret);
	if (r)
		ret->ttl = ret->n_chain = ret->n_addr = ret->n_data = 0;
	return r;
}
