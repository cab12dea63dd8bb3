/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * hello_tls.h - hello.h's grammar of a ClientHello (RFC 8446, RFC 6066)
 *
 * Three layers, each of which may be cut anywhere: segments, records, one message. A field is
 * collected until it is whole, what has a length and is of no interest is skipped. Every length
 * must fit what is left of the layer around it, and the message must end with its extensions
 * and with a record.
 */
#ifndef TEROK_HELLO_TLS_H
#define TEROK_HELLO_TLS_H

#define TLS_CHANGE_CIPHER  20 /* types of records */
#define TLS_ALERT          21
#define TLS_HANDSHAKE      22
#define TLS_APPLICATION    23
#define TLS_MAJOR          3 /* of SSL 3.0 and all since */
#define TLS_RECORD_HEAD    5
#define TLS_RECORD_MAX     16384
#define TLS_SEALED_MIN     17 /* a record of early data: type and tag */
#define TLS_SEALED_MAX     (TLS_RECORD_MAX + 256)
#define TLS_CLIENT_HELLO   1 /* type of message */
#define TLS_RANDOM         32
#define TLS_SESSION_MAX    32
#define TLS_SERVER_NAME    0 /* types of extensions */
#define TLS_EARLY_DATA     42
#define TLS_ENCRYPTED      0xfe0d
#define TLS_NAME_EXTENSION 5 /* its bytes before the name, of which the list's length counts 3 */

/* What comes next in the message. */
enum hello_tls {
	HELLO_TLS_MESSAGE = 0, /* type, length */
	HELLO_TLS_VERSION,
	HELLO_TLS_SESSION, /* their lengths: */
	HELLO_TLS_CIPHERS,
	HELLO_TLS_COMPRESSION,
	HELLO_TLS_EXTENSIONS,
	HELLO_TLS_EXTENSION, /* type, length */
	HELLO_TLS_LIST,      /* of server_name: length, type of the name, its length */
	HELLO_TLS_NAME,
	HELLO_TLS_AFTER, /* whole, and watching */
};

static __always_inline void hello_tls_next(struct hello *hello, enum hello_tls stage, __u8 want)
{
	hello->stage = stage;
	hello->want = want;
	hello->have = 0;
}

static __always_inline void hello_tls_message(struct hello *hello)
{
	hello->message_left = 4;
	hello_tls_next(hello, HELLO_TLS_MESSAGE, 4);
}

static __always_inline void hello_tls_begin(struct hello *hello)
{
	hello->result = HELLO_MORE;
	hello_tls_message(hello);
}

/* The message is whole. */
static __always_inline void hello_tls_finish(struct hello *hello)
{
	_Bool named = hello->flags & HELLO_NAMED;

	if (hello->record_left) {
		hello_refuse(hello);
	} else if (hello->flags & HELLO_AGAIN) {
		hello->flags &= ~HELLO_WATCHING; /* nobody may ask for a third */
		if (named != (hello->name_length != 0))
			hello_refuse(hello);
	} else {
		hello->result = named ? HELLO_NAME : HELLO_NONE;
		hello->flags |= HELLO_WATCHING;
		hello->stage = HELLO_TLS_AFTER;
		hello->records = 0;
	}
}

static __always_inline _Bool hello_tls_is_whole(const struct hello *hello)
{
	return !hello->message_left && !hello->have &&
	       (hello->stage == HELLO_TLS_EXTENSIONS || hello->stage == HELLO_TLS_EXTENSION);
}

static __always_inline void hello_tls_skip(struct hello *hello)
{
	__u32 n = hello_least(hello_least(hello->skip, hello->record_left), hello->end - hello->at);

	hello->at += n;
	hello->skip -= n;
	hello->record_left -= n;
	hello->message_left -= n;
}

/* How many bytes to read now; only a record's head is read past a record's end. */
static __always_inline __u32 hello_tls_plan(struct hello *hello)
{
	__u32 left, wanted;

	hello_tls_skip(hello);
	if (!hello->skip && hello_tls_is_whole(hello)) {
		hello_tls_finish(hello);
		if (!hello_wants(hello))
			return 0;
	}
	left = hello->end - hello->at;
	if (!left)
		return 0;
	if (!hello->record_left)
		return hello_least(TLS_RECORD_HEAD - hello->record_have, left);
	left = hello_least(left, hello->record_left);
	if (hello->stage == HELLO_TLS_NAME)
		return hello_least(hello_least(hello->name_left, HELLO_BLOCK), left);
	wanted = hello->want - hello->have;
	if (wanted > hello->message_left) {
		hello_refuse(hello);
		return 0;
	}
	return hello_least(wanted, left);
}

/* Between messages: may a second ClientHello be behind this record, or in it? */
static __always_inline void hello_tls_after(struct hello *hello, __u8 type, __u32 length)
{
	hello->skip = length;
	hello->message_left = length;
	if (type == TLS_HANDSHAKE) {
		hello->skip = 0;
		hello_tls_message(hello);
	} else if (type == TLS_APPLICATION && hello->flags & HELLO_EARLY) {
		hello->passed += length;
		hello->records--; /* bounded by their bytes */
		if (hello->passed > HELLO_EARLY_BYTES)
			hello->flags &= ~HELLO_WATCHING;
		else if (length < TLS_SEALED_MIN)
			hello_refuse(hello);
	} else if (type != TLS_CHANGE_CIPHER && type != TLS_ALERT) {
		hello->flags &= ~HELLO_WATCHING;
	}
}

static __always_inline void hello_tls_record(struct hello *hello)
{
	__u32 length = hello->record[3] << 8 | hello->record[4];
	_Bool after = hello->stage == HELLO_TLS_AFTER;
	__u8 type = hello->record[0];

	hello->record_have = 0;
	hello->record_left = length;
	hello->records++;
	if (hello->record[1] != TLS_MAJOR || !length || hello->records > HELLO_RECORDS ||
	    (type != TLS_HANDSHAKE && !after) ||
	    length > (type == TLS_APPLICATION ? TLS_SEALED_MAX : TLS_RECORD_MAX))
		hello_refuse(hello);
	else if (after)
		hello_tls_after(hello, type, length);
}

static __always_inline __u32 hello_tls_number(const struct hello *hello, __u32 at)
{
	return hello->field[at & 15] << 8 | hello->field[(at + 1) & 15];
}

static __always_inline void hello_tls_message_head(struct hello *hello)
{
	__u32 length = hello->field[1] << 16 | hello_tls_number(hello, 2);

	if (hello->field[0] != TLS_CLIENT_HELLO) {
		if (hello->flags & HELLO_WATCHING)
			hello->flags &= ~HELLO_WATCHING; /* the handshake goes on */
		else
			hello_refuse(hello);
		return;
	}
	if (!length || length > HELLO_MESSAGE) {
		hello_refuse(hello);
		return;
	}
	if (hello->flags & HELLO_WATCHING) {
		hello->flags |= HELLO_AGAIN;
		hello->flags &= ~HELLO_NAMED;
		hello->extensions = 0;
	}
	hello->message_left = length;
	hello_tls_next(hello, HELLO_TLS_VERSION, 2);
}

static __always_inline void hello_tls_extension(struct hello *hello)
{
	__u32 type = hello_tls_number(hello, 0), length = hello_tls_number(hello, 2);

	hello->extensions++;
	if (length > hello->message_left || hello->extensions > HELLO_EXTENSIONS) {
		hello_refuse(hello);
		return;
	}
	if (type == TLS_SERVER_NAME) {
		if (hello->flags & HELLO_NAMED || length <= TLS_NAME_EXTENSION)
			hello_refuse(hello);
		hello->flags |= HELLO_NAMED;
		hello->name_left = length;
		hello_tls_next(hello, HELLO_TLS_LIST, TLS_NAME_EXTENSION);
		return;
	}
	if (type == TLS_ENCRYPTED)
		hello->flags |= HELLO_ECH;
	else if (type == TLS_EARLY_DATA)
		hello->flags |= HELLO_EARLY;
	hello->skip = length;
	hello_tls_next(hello, HELLO_TLS_EXTENSION, 4);
}

static __always_inline void hello_tls_list(struct hello *hello)
{
	__u32 length = hello_tls_number(hello, 3);

	if (length + TLS_NAME_EXTENSION != hello->name_left ||
	    hello_tls_number(hello, 0) != length + 3 || hello->field[2] ||
	    length >= HELLO_NAME_SIZE)
		hello_refuse(hello);
	hello->name_left = length;
	hello->name_at = 0;
	hello_tls_next(hello, HELLO_TLS_NAME, 0);
}

/* What follows the field by its length is skipped, and then comes @stage. */
static __always_inline void hello_tls_pass(struct hello *hello, _Bool sound, __u32 length,
					   enum hello_tls stage, __u8 want)
{
	if (!sound || length > hello->message_left)
		hello_refuse(hello);
	hello->skip = length;
	hello_tls_next(hello, stage, want);
}

static __always_inline void hello_tls_field(struct hello *hello)
{
	__u32 byte = hello->field[0], number = hello_tls_number(hello, 0);

	switch (hello->stage) {
	case HELLO_TLS_MESSAGE: hello_tls_message_head(hello); break;
	case HELLO_TLS_VERSION:
		hello_tls_pass(hello, byte == TLS_MAJOR, TLS_RANDOM, HELLO_TLS_SESSION, 1);
		break;
	case HELLO_TLS_SESSION:
		hello_tls_pass(hello, byte <= TLS_SESSION_MAX, byte, HELLO_TLS_CIPHERS, 2);
		break;
	case HELLO_TLS_CIPHERS:
		hello_tls_pass(hello, number && number % 2 == 0, number, HELLO_TLS_COMPRESSION, 1);
		break;
	case HELLO_TLS_COMPRESSION:
		hello_tls_pass(hello, byte, byte, HELLO_TLS_EXTENSIONS, 2);
		break;
	case HELLO_TLS_EXTENSIONS:
		hello_tls_pass(hello, number == hello->message_left, 0, HELLO_TLS_EXTENSION, 4);
		break;
	case HELLO_TLS_EXTENSION: hello_tls_extension(hello); break;
	case HELLO_TLS_LIST: hello_tls_list(hello); break;
	default: hello_refuse(hello);
	}
}

static __always_inline void hello_tls_name(struct hello *hello, const struct hello_block *block,
					   __u32 n)
{
	for (__u32 i = 0; i < HELLO_BLOCK && i < n; i++)
		hello_name_add(hello, block->byte[i]);
	hello->name_left -= n;
	if (hello->name_left)
		return;
	hello_name_end(hello);
	hello_tls_next(hello, HELLO_TLS_EXTENSION, 4);
}

static __always_inline void hello_tls_take(struct hello *hello, const struct hello_block *block,
					   __u32 n)
{
	if (!hello->record_left) {
		for (__u32 i = 0; i < TLS_RECORD_HEAD && i < n; i++)
			hello->record[hello->record_have++ & 7] = block->byte[i];
		if (hello->record_have == TLS_RECORD_HEAD)
			hello_tls_record(hello);
		return;
	}
	hello->record_left -= n;
	hello->message_left -= n;
	if (hello->stage == HELLO_TLS_NAME) {
		hello_tls_name(hello, block, n);
		return;
	}
	for (__u32 i = 0; i < sizeof(hello->field) && i < n; i++)
		hello->field[hello->have++ & 15] = block->byte[i];
	if (hello->have == hello->want)
		hello_tls_field(hello);
}

#endif
