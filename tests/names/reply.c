// SPDX-License-Identifier: Apache-2.0
#include "names/reply.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADER       12
#define UDP_PLAIN    512
#define UDP_SIZE     1232
#define CHAIN        16
#define RECORDS      512
#define POINTER(at)  (0xc000 | (at))
#define NEGATIVE_TTL 60

#define FLAG_QR      0x80 /* of byte 2 */
#define FLAG_AA      0x04
#define FLAG_TC      0x02
#define FLAG_RA      0x80 /* of byte 3 */

#define NOERROR      0
#define SERVFAIL     2
#define NXDOMAIN     3
#define REFUSED      5

struct question {
	size_t end; /* behind it in the message */
	bool edns, dnssec;
	size_t udp_size;
};

/* A message while it is written: a record that does not fit sets TC and nothing follows. */
struct out {
	uint8_t *bytes;
	size_t size, limit;
	bool full;
};

static unsigned get_u16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static void put_u16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void count_up(struct out *out, unsigned at)
{
	put_u16(out->bytes + at, get_u16(out->bytes + at) + 1);
}

/* The one name of a question, without pointers, as text; where it ends; 0: it is none. */
static size_t name_read(const uint8_t *msg, size_t size, char text[static ZONE_NAME])
{
	size_t at = HEADER, n = 0;

	while (at < size && msg[at] && msg[at] < 64 && at + msg[at] < size && at < HEADER + 255) {
		unsigned label = msg[at++];

		if (n)
			n += sprintf(text + n, ".");
		for (unsigned i = 0; i < label; i++, at++)
			n += sprintf(text + n, isgraph(msg[at]) && msg[at] != '.' ? "%c" : "\\%03u",
				     tolower(msg[at]));
	}
	text[n] = '\0';
	return at + 5 <= size && !msg[at] ? at + 1 : 0;
}

static int question_read(const uint8_t *msg, size_t size, struct reply *reply,
			 struct question *question)
{
	const uint8_t *opt;

	*question = (struct question){ .udp_size = UDP_PLAIN };
	if (size < HEADER || msg[2] & FLAG_QR || get_u16(msg + 4) != 1)
		return -1;
	question->end = name_read(msg, size, reply->asked);
	if (!question->end)
		return -1;
	reply->type = get_u16(msg + question->end);
	question->end += 4;
	opt = msg + question->end;
	/* who asks puts nothing else before it */
	if (size < question->end + 11 || opt[0] || get_u16(opt + 1) != TYPE_OPT)
		return 0;
	question->edns = true;
	question->dnssec = opt[7] & 0x80;
	if (get_u16(opt + 3) > UDP_PLAIN)
		question->udp_size = get_u16(opt + 3);
	return 0;
}

static void add(struct out *out, const void *bytes, size_t n)
{
	if (out->size + n > out->limit) {
		out->full = true;
		return;
	}
	memcpy(out->bytes + out->size, bytes, n);
	out->size += n;
}

static void add_u16(struct out *out, unsigned value)
{
	add(out, (uint8_t[]){ value >> 8, value }, 2);
}

/* A whole record or none of it; @count: where the header counts it; where its data is. */
static unsigned add_record(struct out *out, unsigned count, unsigned owner, uint16_t type,
			   uint32_t ttl, const void *data, size_t n)
{
	size_t before = out->size;

	if (out->full)
		return 0;
	add_u16(out, POINTER(owner));
	add_u16(out, type);
	add_u16(out, 1);
	add_u16(out, ttl >> 16);
	add_u16(out, ttl);
	add_u16(out, n);
	add(out, data, n);
	if (out->full) {
		out->size = before;
		out->bytes[2] |= FLAG_TC;
		return 0;
	}
	count_up(out, count);
	return out->size - n;
}

/* The addresses of a name as it wants them this time: how many. */
static unsigned choose(struct zone_name *name, uint16_t type, struct record *list, unsigned max)
{
	unsigned n = 0, many = name->with[DO_MANY], turn;
	struct record all[64];
	size_t last = type == TYPE_A ? 3 : 15;

	for (struct record *r = name->records; r && n < sizeof(all) / sizeof(*all); r = r->next)
		if (r->type == type)
			all[n++] = *r;
	if (!n)
		return 0;
	turn = name->turn[type == TYPE_AAAA]++;
	if (name->does[DO_PRIVATE] && turn) {
		inet_pton(AF_INET, "10.0.0.1", all[0].data);
		if (type == TYPE_AAAA)
			inet_pton(AF_INET6, "fd00::1", all[0].data);
		n = 1;
	}
	for (unsigned i = 0; many && i < many && i < max; i++) {
		unsigned host = all[0].data[last - 1] << 8 | all[0].data[last];

		list[i] = all[0];
		put_u16(list[i].data + last - 1, host + i);
	}
	if (many)
		return many < max ? many : max;
	if (!name->does[DO_ROTATE])
		turn = 0;
	for (unsigned i = 0; i < n; i++)
		list[i] = all[(i + turn) % n];
	return name->does[DO_ROTATE] && name->with[DO_ROTATE] == 1 ? 1 : n;
}

static unsigned matching(struct zone_name *name, uint16_t type, struct record *list, unsigned max)
{
	unsigned n = 0;

	if (type == TYPE_A || type == TYPE_AAAA)
		return choose(name, type, list, max);
	for (struct record *r = name->records; r && n < max; r = r->next)
		if (r->type == type || type == TYPE_ANY)
			list[n++] = *r;
	return n;
}

static const struct record *alias(const struct zone_name *name, uint16_t type)
{
	for (const struct record *r = name->records; r; r = r->next)
		if (r->type == TYPE_CNAME && type != TYPE_CNAME && type != TYPE_ANY)
			return r;
	return NULL;
}

/* NAME -> loop.NAME -> NAME */
static void add_loop(struct out *out)
{
	unsigned at = add_record(out, 6, HEADER, TYPE_CNAME, NEGATIVE_TTL, "\4loop\xc0\x0c", 7);

	add_record(out, 6, at, TYPE_CNAME, NEGATIVE_TTL, "\xc0\x0c", 2);
}

static void add_soa(struct out *out, const struct zone *zone, const char *name)
{
	const char *owner = "";
	const struct record *soa = zone_soa(zone, name, &owner);
	uint8_t wire[256];
	unsigned n = zone_name_wire(wire, owner);
	static const uint8_t root[22] = { [5] = 1, [21] = NEGATIVE_TTL };
	size_t size = soa ? soa->size : sizeof(root);
	uint32_t ttl = soa ? soa->ttl : NEGATIVE_TTL;

	if (out->size + n + 10 + size > out->limit)
		return;
	add(out, wire, n);
	add_u16(out, TYPE_SOA);
	add_u16(out, 1);
	add_u16(out, ttl >> 16);
	add_u16(out, ttl);
	add_u16(out, size);
	add(out, soa ? soa->data : root, size);
	count_up(out, 8);
}

/* The aliases from @asked on, then what they lead to; the code. */
static unsigned add_answers(struct out *out, const struct zone *zone, struct reply *reply)
{
	static struct record list[RECORDS];
	const char *asked = strcmp(reply->asked, ".") ? reply->asked : "";
	struct zone_name *name = zone_find(zone, asked);
	unsigned owner = HEADER, n;

	for (unsigned i = 0; name && i < CHAIN; i++) {
		const struct record *cname = alias(name, reply->type);

		if (!cname)
			break;
		owner = add_record(out, 6, owner, TYPE_CNAME, cname->ttl, cname->data, cname->size);
		asked = cname->target;
		name = zone_find(zone, asked);
	}
	n = name ? matching(name, reply->type, list, RECORDS) : 0;
	for (unsigned i = 0; i < n; i++)
		add_record(out, 6, owner, list[i].type, list[i].ttl, list[i].data, list[i].size);
	if (!n)
		add_soa(out, zone, asked);
	return name || zone_exists(zone, asked) ? NOERROR : NXDOMAIN;
}

/* What a name does to the bytes of its answer, right until here. */
static void spoil(struct reply *reply, const struct question *question)
{
	uint8_t *bytes = reply->bytes;

	if (reply->name->does[DO_WRONG_ID])
		bytes[1] ^= 0xff;
	if (reply->name->does[DO_WRONG_QUESTION])
		bytes[HEADER + 1] = bytes[HEADER + 1] == 'x' ? 'y' : 'x';
	for (size_t i = HEADER; reply->name->does[DO_WRONG_CASE] && i < question->end - 4; i++)
		if (isalpha(bytes[i]))
			bytes[i] ^= 0x20;
}

static unsigned answer(const struct zone *zone, struct reply *reply, struct out *out, bool tcp)
{
	const struct zone_name *name = reply->name;

	if (name && name->does[DO_SERVFAIL])
		return SERVFAIL;
	if (name && name->does[DO_REFUSED])
		return REFUSED;
	if (name && name->does[DO_TRUNCATE_UDP] && !tcp) {
		out->bytes[2] |= FLAG_TC;
		return NOERROR;
	}
	if (name && name->does[DO_LOOP_CNAME]) {
		add_loop(out);
		return NOERROR;
	}
	return add_answers(out, zone, reply);
}

int reply_build(const struct zone *zone, const uint8_t *query, size_t size, bool tcp,
		struct reply *ret)
{
	struct out out = { .bytes = ret->bytes };
	struct question question;
	size_t opt;

	if (question_read(query, size, ret, &question))
		return -1;
	ret->name = zone_find(zone, ret->asked);
	if (!*ret->asked)
		strcpy(ret->asked, ".");
	opt = question.edns ? 11 : 0;
	out.limit = (tcp ? REPLY_MAX : question.udp_size) - opt;
	add(&out, query, question.end);
	memset(out.bytes + 6, 0, 6);
	out.bytes[2] = FLAG_QR | FLAG_AA | (query[2] & 0x79);
	out.bytes[3] = FLAG_RA | (query[3] & 0x10);
	out.bytes[3] |= answer(zone, ret, &out, tcp);
	out.limit += opt;
	out.full = false;
	if (question.edns) {
		add(&out, "\0\0\x29", 3);
		add_u16(&out, UDP_SIZE);
		add(&out, question.dnssec ? "\0\0\x80\0\0\0" : "\0\0\0\0\0\0", 6);
		count_up(&out, 10);
	}
	ret->size = out.size;
	if (ret->name)
		spoil(ret, &question);
	return 0;
}

void reply_forge(const struct reply *right, struct reply *ret)
{
	struct out out = { .bytes = ret->bytes, .limit = UDP_PLAIN };
	bool six = right->type == TYPE_AAAA;
	uint8_t addr[16];
	size_t end = HEADER;

	while (right->bytes[end])
		end += right->bytes[end] + 1;
	add(&out, right->bytes, end + 5);
	out.bytes[1] ^= 0x55;
	out.bytes[2] &= ~FLAG_TC;
	out.bytes[3] &= 0xf0;
	memset(out.bytes + 6, 0, 6);
	inet_pton(six ? AF_INET6 : AF_INET, six ? REPLY_FORGED6 : REPLY_FORGED, addr);
	add_record(&out, 6, HEADER, six ? TYPE_AAAA : TYPE_A, 300, addr, six ? 16 : 4);
	ret->size = out.size;
}
