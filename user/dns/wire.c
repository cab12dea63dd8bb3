// SPDX-License-Identifier: Apache-2.0
#include "dns/wire.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "dns/wire_bytes.h"

#define SOA_SIZE    36    /* of ours: the owner and both names are pointers */
#define SOA_REFRESH 3600  /* s; nobody transfers a zone from us, but it has to say something */
#define SOA_RETRY   600   /* s */
#define SOA_EXPIRE  86400 /* s */

#define OPTION_EDE  15 /* RFC 8914 2 */
#define EDE_SIZE    6  /* code and length of the option, and its own code */

/* Behind the labels that begin at @at: where a zero, a pointer or nonsense is; or past @size. */
static inline size_t labels_end(const uint8_t *msg, size_t size, size_t at)
{
	while (at < size && msg[at] && msg[at] <= DNS_LABEL_MAX)
		at += 1 + msg[at];
	return at;
}

int record_next(const uint8_t *msg, size_t size, size_t *at, struct record *ret)
{
	size_t pos = labels_end(msg, size, *at);

	if (pos >= size || (msg[pos] && msg[pos] < DNS_POINTER))
		return -EBADMSG;
	pos += msg[pos] ? 2 : 1;
	if (pos > size || size - pos < RR_HEAD)
		return -EBADMSG;
	*ret = (struct record){
		.owner = *at,
		.data = pos + RR_HEAD,
		.type = get16(msg + pos + RR_TYPE),
		.class = get16(msg + pos + RR_CLASS),
		.ttl = get32(msg + pos + RR_TTL),
		.size = get16(msg + pos + RR_SIZE),
	};
	if (size - ret->data < ret->size)
		return -EBADMSG;
	*at = ret->data + ret->size;
	return 0;
}

/* --- a container's query ----------------------------------------------------------------- */

/* The question, without pointers: no name stands before it. Returns behind it; 0: there is none. */
static size_t question_take(const uint8_t *msg, size_t size, struct dns_query *ret)
{
	size_t at = HEAD, end = labels_end(msg, size, HEAD) + 1;

	if (end > size || msg[end - 1] || end - HEAD > DNS_WIRE_MAX || size - end < 4)
		return 0;
	if (dns_name_read(msg, size, &at, ret->name))
		return 0;
	ret->type = get16(msg + end);
	ret->class = get16(msg + end + 2);
	ret->question_size = end + 4 - HEAD;
	memcpy(ret->question, msg + HEAD, ret->question_size);
	return end + 4;
}

static int opt_take(const uint8_t *msg, const struct record *opt, struct dns_query *ret)
{
	if (ret->edns || msg[opt->owner])
		return DNS_FORMERR;
	ret->edns = true;
	ret->dnssec = opt->ttl & OPT_DO;
	ret->udp_size = opt->class < DNS_UDP_PLAIN  ? DNS_UDP_PLAIN
			: opt->class > DNS_UDP_SIZE ? DNS_UDP_SIZE
						    : opt->class;
	return opt->ttl >> OPT_VERSION_SHIFT & 0xff ? DNS_BADVERS : 0;
}

/* The rest of the message from @at on. 0 or an rcode; what is malformed goes first. */
static int additional_take(const uint8_t *msg, size_t size, size_t at, struct dns_query *ret)
{
	int rcode = 0;

	for (unsigned n = get16(msg + HEAD_AR); n; n--) {
		struct record record;
		int r;

		if (record_next(msg, size, &at, &record))
			return DNS_FORMERR;
		if (record.type != DNS_OPT)
			continue;
		r = opt_take(msg, &record, ret);
		if (r == DNS_FORMERR)
			return r;
		rcode = r;
	}
	return at == size ? rcode : DNS_FORMERR;
}

int dns_query_parse(const uint8_t *msg, size_t size, struct dns_query *ret)
{
	unsigned flags;
	size_t at;
	int rcode;

	if (size < HEAD)
		return -EBADMSG;
	flags = get16(msg + HEAD_FLAGS);
	if (flags & FLAG_QR)
		return -EBADMSG;
	*ret = (struct dns_query){
		.id = get16(msg),
		.recursion = flags & FLAG_RD,
		.checking = flags & FLAG_CD,
		.opcode = (flags & FLAG_OPCODE) >> OPCODE_SHIFT,
		.udp_size = DNS_UDP_PLAIN,
	};
	if (ret->opcode)
		return DNS_NOTIMP;
	if (get16(msg + HEAD_QD) != 1)
		return DNS_FORMERR;
	at = question_take(msg, size, ret);
	if (!at || get16(msg + HEAD_AN) || get16(msg + HEAD_NS))
		return DNS_FORMERR;
	rcode = additional_take(msg, size, at, ret);
	if (!rcode && ret->class != DNS_CLASS_IN)
		return DNS_REFUSED;
	return rcode;
}

/* --- our query --------------------------------------------------------------------------- */

/* OPT without options. Behind it. */
static uint8_t *opt_write(uint8_t *out, uint32_t ttl)
{
	*out++ = 0; /* the root */
	put16(out + RR_TYPE, DNS_OPT);
	put16(out + RR_CLASS, DNS_UDP_SIZE);
	put32(out + RR_TTL, ttl);
	put16(out + RR_SIZE, 0);
	return out + RR_HEAD;
}

int dns_query_build(uint8_t *out, const char *name, uint16_t type, uint16_t id, uint64_t random,
		    struct dns_asked *asked)
{
	uint8_t *question = asked->question;
	int n = dns_name_write(question, DNS_WIRE_MAX, name);
	unsigned letters = 0;

	if (n < 0)
		return n;
	/* a length is at most 63, which is below the letters */
	for (int i = 0; i < n; i++)
		if (question[i] >= 'a' && question[i] <= 'z' && random >> letters++ % 64 & 1)
			question[i] -= 'a' - 'A';
	put16(question + n, type);
	put16(question + n + 2, DNS_CLASS_IN);
	asked->id = id;
	asked->type = type;
	asked->question_size = n + 4;

	memset(out, 0, HEAD);
	put16(out, id);
	put16(out + HEAD_FLAGS, FLAG_RD);
	put16(out + HEAD_QD, 1);
	put16(out + HEAD_AR, 1);
	memcpy(out + HEAD, question, asked->question_size);
	return opt_write(out + HEAD + asked->question_size, 0) - out;
}

/* --- the body of a reply ----------------------------------------------------------------- */

/* Where records are written. The first error stays, and nothing is written after it. */
struct writer {
	uint8_t *out;
	size_t room, n;
	size_t head; /* of the record that is being written, behind its owner */
	unsigned records;
	int error;
};

/* Room for @n bytes; NULL: there is none. */
static uint8_t *writer_take(struct writer *w, size_t n)
{
	uint8_t *at = w->out + w->n;

	if (!w->error && w->room - w->n < n)
		w->error = -ENOSPC;
	if (w->error)
		return NULL;
	w->n += n;
	return at;
}

static void writer_bytes(struct writer *w, const uint8_t *bytes, size_t n)
{
	uint8_t *at = writer_take(w, n);

	if (at)
		memcpy(at, bytes, n);
}

static void writer_16(struct writer *w, uint16_t value)
{
	uint8_t *at = writer_take(w, 2);

	if (at)
		put16(at, value);
}

/* @name "" is the root. */
static void writer_name(struct writer *w, const char *name)
{
	int n;

	if (!*name) {
		writer_bytes(w, (const uint8_t *)"", 1);
		return;
	}
	n = w->error ? w->error : dns_name_write(w->out + w->n, w->room - w->n, name);
	if (n < 0)
		w->error = n;
	else
		w->n += n;
}

/* @owner NULL: the question's name. */
static void writer_record(struct writer *w, const char *owner, uint16_t type)
{
	uint8_t *at;

	if (owner)
		writer_name(w, owner);
	else
		writer_16(w, QUESTION_POINTER);
	w->head = w->n;
	at = writer_take(w, RR_HEAD);
	if (!at)
		return;
	put16(at + RR_TYPE, type);
	put16(at + RR_CLASS, DNS_CLASS_IN);
	put32(at + RR_TTL, 0); /* the reply's business */
	w->records++;
}

static void writer_record_end(struct writer *w)
{
	if (!w->error)
		put16(w->out + w->head + RR_SIZE, w->n - w->head - RR_HEAD);
}

/* What SVCB has behind its target. In alias mode there is nothing (RFC 9460 2.4.2). */
static void writer_params(struct writer *w, const struct dns_data *data)
{
	if (!data->priority)
		return;
	if (data->size) {
		writer_16(w, SVCB_ALPN);
		writer_16(w, data->size);
		writer_bytes(w, data->text, data->size);
	}
	if (data->port) {
		writer_16(w, SVCB_PORT);
		writer_16(w, 2);
		writer_16(w, data->port);
	}
}

static void writer_data(struct writer *w, const struct dns_data *data)
{
	if (data->size > DNS_TEXT) {
		w->error = w->error ?: -EINVAL;
		return;
	}
	switch (data->type) {
	case DNS_TXT: writer_bytes(w, data->text, data->size); break;
	case DNS_SRV:
		writer_16(w, data->priority);
		writer_16(w, data->weight);
		writer_16(w, data->port);
		writer_name(w, data->target);
		break;
	case DNS_MX:
		writer_16(w, data->priority);
		writer_name(w, data->target);
		break;
	case DNS_NS:
	case DNS_PTR: writer_name(w, data->target); break;
	case DNS_SVCB:
	case DNS_HTTPS:
		writer_16(w, data->priority);
		writer_name(w, data->target);
		writer_params(w, data);
		break;
	default: w->error = w->error ?: -EINVAL;
	}
}

static void writer_addr(struct writer *w, const char *owner, uint16_t type, const uint8_t *addr)
{
	bool v4 = addr_is_v4(addr);

	if (type != (v4 ? DNS_A : DNS_AAAA))
		return;
	writer_record(w, owner, type);
	writer_bytes(w, v4 ? addr + 12 : addr, v4 ? 4 : 16);
	writer_record_end(w);
}

int dns_body_build(uint8_t *out, size_t room, uint16_t type, const struct dns_answer *answer,
		   struct dns_body *ret)
{
	struct writer w = { .out = out, .room = room < UINT16_MAX ? room : UINT16_MAX };
	const char *owner = NULL;
	bool found;

	for (unsigned i = 0; i < answer->n_chain; i++) {
		writer_record(&w, owner, DNS_CNAME);
		owner = answer->chain[i];
		if (!*owner)
			w.error = w.error ?: -EINVAL;
		writer_name(&w, owner);
		writer_record_end(&w);
	}
	found = type == DNS_CNAME && w.records;
	for (unsigned i = 0; i < answer->n_addr; i++)
		writer_addr(&w, owner, type, answer->addr[i]);
	for (unsigned i = 0; i < answer->n_data; i++) {
		writer_record(&w, owner, answer->data[i].type);
		writer_data(&w, &answer->data[i]);
		writer_record_end(&w);
	}
	if (w.error)
		return w.error;
	*ret = (struct dns_body){
		.records = w.records,
		.size = w.n,
		.rcode = answer->rcode,
		.negative =
		    answer->rcode == DNS_NXDOMAIN ||
		    (answer->rcode == DNS_NOERROR && !found && w.records == answer->n_chain),
	};
	return 0;
}

/* --- a reply ----------------------------------------------------------------------------- */

/* Copy so many whole records as fit, each with @ttl; their number in *@records. Bytes. */
static size_t reply_body(uint8_t *out, size_t room, const struct dns_body *body,
			 const uint8_t *bytes, uint32_t ttl, unsigned *records)
{
	size_t have = body->size < room ? body->size : room, at = 0;
	unsigned n;

	if (have)
		memcpy(out, bytes, have);
	for (n = 0; n < body->records; n++) {
		size_t head = labels_end(out, have, at), end;

		if (head >= have)
			break;
		head += out[head] ? 2 : 1;
		if (head + RR_HEAD > have)
			break;
		end = head + RR_HEAD + get16(out + head + RR_SIZE);
		if (end > have)
			break;
		put32(out + head + RR_TTL, ttl);
		at = end;
	}
	*records = n;
	return at;
}

/* RFC 2308: for how long there is nothing. The zone is not known; the question's name will do. */
static uint8_t *reply_soa(uint8_t *out, uint32_t ttl)
{
	put16(out, QUESTION_POINTER);
	out += 2;
	put16(out + RR_TYPE, DNS_SOA);
	put16(out + RR_CLASS, DNS_CLASS_IN);
	put32(out + RR_TTL, ttl);
	put16(out + RR_SIZE, SOA_SIZE - 2 - RR_HEAD);
	out += RR_HEAD;
	put16(out, QUESTION_POINTER);     /* mname */
	put16(out + 2, QUESTION_POINTER); /* rname */
	put32(out + 4, 1);                /* serial */
	put32(out + 8, SOA_REFRESH);
	put32(out + 12, SOA_RETRY);
	put32(out + 16, SOA_EXPIRE);
	put32(out + 20, ttl); /* minimum */
	return out + 24;
}

/* An extended error at the end of OPT, whose options it is all of. */
static uint8_t *reply_ede(uint8_t *out, size_t room, enum dns_ede ede, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (room < EDE_SIZE)
		return out;
	if (n > room - EDE_SIZE)
		n = 0;
	put16(out - 2, EDE_SIZE + n); /* OPT's data */
	put16(out, OPTION_EDE);
	put16(out + 2, 2 + n);
	put16(out + 4, ede);
	if (n)
		memcpy(out + EDE_SIZE, text, n);
	return out + EDE_SIZE + n;
}

size_t dns_reply_write(uint8_t *out, size_t limit, const struct dns_query *query,
		       const struct dns_body *body, const uint8_t *bytes, uint32_t ttl,
		       enum dns_ede ede, const char *text)
{
	unsigned flags = FLAG_QR | FLAG_RA | query->opcode << OPCODE_SHIFT, records = 0;
	uint8_t *at = out + HEAD + query->question_size, *end;
	bool soa = false;

	if (limit < DNS_UDP_PLAIN)
		return 0;
	limit = limit < DNS_TCP_SIZE ? limit : DNS_TCP_SIZE;
	end = out + limit - (query->edns ? OPT_SIZE : 0);
	memcpy(out + HEAD, query->question, query->question_size);
	if (query->question_size) {
		at += reply_body(at, end - at, body, bytes, ttl, &records);
		soa = body->negative && records == body->records && end - at >= SOA_SIZE;
		if (records < body->records || (body->negative && !soa))
			flags |= FLAG_TC;
		if (soa)
			at = reply_soa(at, ttl);
	}
	if (query->edns) {
		at = opt_write(at, (uint32_t)(body->rcode >> 4) << OPT_RCODE_SHIFT |
				       (query->dnssec ? OPT_DO : 0));
		if (ede != DNS_EDE_NONE)
			at = reply_ede(at, out + limit - at, ede, text);
	}
	/* without OPT an rcode of more than four bits would look like another */
	flags |= query->edns || body->rcode <= FLAG_RCODE ? body->rcode & FLAG_RCODE : DNS_SERVFAIL;
	flags |= (query->recursion ? FLAG_RD : 0) | (query->checking ? FLAG_CD : 0);
	put16(out, query->id);
	put16(out + HEAD_FLAGS, flags);
	put16(out + HEAD_QD, query->question_size ? 1 : 0);
	put16(out + HEAD_AN, records);
	put16(out + HEAD_NS, soa);
	put16(out + HEAD_AR, query->edns);
	return at - out;
}
