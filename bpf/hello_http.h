/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * hello_http.h - hello.h's grammar of the head of an HTTP/1 request (RFC 9112)
 *
 * Byte by byte, and strict where servers differ: what one of them would read as a Host and
 * another would not is refused, not guessed. A line may end with LF alone.
 */
#ifndef TEROK_HELLO_HTTP_H
#define TEROK_HELLO_HTTP_H

/* Words that are matched letter by letter, the first in the lowest byte. */
#define HTTP_WORD_HOST    0x74736f68ULL       /* "host" */
#define HTTP_WORD_SCHEME  0x2f2f3a70747468ULL /* "http://" */
#define HTTP_WORD_VERSION 0x2e312f50545448ULL /* "HTTP/1." */
#define HTTP_WORD_CONNECT 0x7463656e6e6f63ULL /* "connect" */
#define HTTP_WORD_PRI     0x697270ULL         /* "pri" */
#define HTTP_METHOD_MAX   32

/* Where in the head. */
enum hello_http {
	HELLO_HTTP_METHOD = 0,
	HELLO_HTTP_TARGET, /* its first byte */
	HELLO_HTTP_SCHEME,
	HELLO_HTTP_AUTHORITY,
	HELLO_HTTP_AUTHORITY_PORT,
	HELLO_HTTP_STAR,
	HELLO_HTTP_PATH,
	HELLO_HTTP_VERSION,
	HELLO_HTTP_REQUEST_END, /* of the request line */
	HELLO_HTTP_LF,          /* a CR was there */
	HELLO_HTTP_LINE,        /* a header's first byte, or the end */
	HELLO_HTTP_FIELD,       /* a header's name */
	HELLO_HTTP_VALUE,
	HELLO_HTTP_HOST_BEFORE, /* spaces */
	HELLO_HTTP_HOST,
	HELLO_HTTP_HOST_PORT,
	HELLO_HTTP_HOST_AFTER, /* spaces */
	HELLO_HTTP_END,        /* the last CR was there */
};

static __always_inline void hello_http_begin(struct hello *hello)
{
	hello->result = HELLO_MORE;
	hello->stage = HELLO_HTTP_METHOD;
}

static __always_inline void hello_http_next(struct hello *hello, enum hello_http stage)
{
	hello->stage = stage;
	hello->have = 0;
}

static __always_inline void hello_http_finish(struct hello *hello)
{
	hello->result = hello->name_length ? HELLO_NAME : HELLO_NONE;
}

static __always_inline __u8 hello_http_letter(__u64 word, __u32 at)
{
	return word >> (at * 8 & 63);
}

static __always_inline _Bool hello_http_is_token(__u8 byte)
{
	/* ! # $ % & ' * + - . digits, letters ^ _ ` | ~ */
	return hello_is(byte, HELLO_DIGITS | 0x00006cfa00000000ULL,
			HELLO_LETTERS | 0x50000001c0000000ULL);
}

static __always_inline _Bool hello_http_is_space(__u8 byte)
{
	return byte == ' ' || byte == '\t';
}

static __always_inline _Bool hello_http_is_digit(__u8 byte)
{
	return byte >= '0' && byte <= '9';
}

/* Text, or bytes that are not ASCII; neither space nor control. */
static __always_inline _Bool hello_http_is_visible(__u8 byte)
{
	return byte > ' ' && byte != 0x7f;
}

/* The line ends here, or is refused. */
static __always_inline void hello_http_line_end(struct hello *hello, __u8 byte)
{
	if (byte == '\r')
		hello_http_next(hello, HELLO_HTTP_LF);
	else if (byte == '\n')
		hello_http_next(hello, HELLO_HTTP_LINE);
	else
		hello_refuse(hello);
}

/* The first 8 bytes stay in field, lower case, to be recognised. */
static __always_inline void hello_http_method(struct hello *hello, __u8 byte)
{
	__u64 word;

	if (hello_http_is_token(byte)) {
		if (hello->have < 8)
			hello->field[hello->have & 7] = hello_lower(byte);
		hello->have++;
		if (hello->have > HTTP_METHOD_MAX)
			hello_refuse(hello);
		return;
	}
	word = 0;
	for (__u32 i = 0; i < 8; i++)
		word |= (__u64)hello->field[i] << i * 8;
	if (byte != ' ' || !hello->have || word == HTTP_WORD_CONNECT || word == HTTP_WORD_PRI)
		hello_refuse(hello);
	hello_http_next(hello, HELLO_HTTP_TARGET);
}

static __always_inline void hello_http_target(struct hello *hello, __u8 byte)
{
	if (byte == '/') {
		hello_http_next(hello, HELLO_HTTP_PATH);
	} else if (byte == '*') {
		hello_http_next(hello, HELLO_HTTP_STAR);
	} else if (hello_lower(byte) == 'h') {
		hello_http_next(hello, HELLO_HTTP_SCHEME);
		hello->have = 1;
	} else {
		hello_refuse(hello);
	}
}

static __always_inline void hello_http_scheme(struct hello *hello, __u8 byte)
{
	if (hello_lower(byte) != hello_http_letter(HTTP_WORD_SCHEME, hello->have))
		hello_refuse(hello);
	hello->have++;
	if (hello->have == 7)
		hello_http_next(hello, HELLO_HTTP_AUTHORITY);
}

/* Behind an authority; false: it goes on. */
static __always_inline _Bool hello_http_after_authority(struct hello *hello, __u8 byte)
{
	if (byte == ' ')
		hello_http_next(hello, HELLO_HTTP_VERSION);
	else if (byte == '/' || byte == '?')
		hello_http_next(hello, HELLO_HTTP_PATH);
	else
		return 0;
	return 1;
}

static __always_inline void hello_http_authority(struct hello *hello, __u8 byte)
{
	if (byte == ':')
		hello_http_next(hello, HELLO_HTTP_AUTHORITY_PORT);
	else if (!hello_http_after_authority(hello, byte)) {
		hello_name_add(hello, byte);
		return;
	}
	hello_name_end(hello);
	hello->flags |= HELLO_AGAIN; /* a Host must say the same */
}

static __always_inline void hello_http_version(struct hello *hello, __u8 byte)
{
	if (hello->have == 7) {
		if (byte != '0' && byte != '1')
			hello_refuse(hello);
		hello_http_next(hello, HELLO_HTTP_REQUEST_END);
		return;
	}
	if (byte != hello_http_letter(HTTP_WORD_VERSION, hello->have))
		hello_refuse(hello);
	hello->have++;
}

/* A header's name is compared as it comes: have letters of "host", or HELLO_DIFFERS. */
static __always_inline void hello_http_field(struct hello *hello, __u8 byte)
{
	_Bool is_host = hello->have == 4 && !(hello->flags & HELLO_DIFFERS);

	if (byte == ':') {
		hello_http_next(hello, is_host ? HELLO_HTTP_HOST_BEFORE : HELLO_HTTP_VALUE);
		if (is_host && hello->flags & HELLO_NAMED)
			hello_refuse(hello);
		if (is_host)
			hello->flags |= HELLO_NAMED;
		hello->name_at = is_host ? 0 : hello->name_at;
		return;
	}
	if (!hello_http_is_token(byte))
		hello_refuse(hello);
	if (hello->have >= 4 || hello_lower(byte) != hello_http_letter(HTTP_WORD_HOST, hello->have))
		hello->flags |= HELLO_DIFFERS;
	else
		hello->have++;
}

static __always_inline void hello_http_line(struct hello *hello, __u8 byte)
{
	if (byte == '\r') {
		hello_http_next(hello, HELLO_HTTP_END);
	} else if (byte == '\n') {
		hello_http_finish(hello);
	} else if (byte == ':') {
		hello_refuse(hello);
	} else {
		hello->flags &= ~HELLO_DIFFERS;
		hello_http_next(hello, HELLO_HTTP_FIELD);
		hello_http_field(hello, byte);
	}
}

static __always_inline void hello_http_value(struct hello *hello, __u8 byte)
{
	if (!hello_http_is_visible(byte) && !hello_http_is_space(byte))
		hello_http_line_end(hello, byte);
}

/* Behind the name in a Host, or its port. */
static __always_inline void hello_http_after_host(struct hello *hello, __u8 byte)
{
	if (hello_http_is_space(byte))
		hello_http_next(hello, HELLO_HTTP_HOST_AFTER);
	else
		hello_http_line_end(hello, byte);
}

static __always_inline void hello_http_host(struct hello *hello, __u8 byte)
{
	if (hello_is_of_name(byte)) {
		hello->stage = HELLO_HTTP_HOST;
		hello_name_add(hello, byte);
		return;
	}
	if (hello->stage == HELLO_HTTP_HOST_BEFORE && hello_http_is_space(byte))
		return;
	hello_name_end(hello); /* refuses an empty one */
	if (byte == ':')
		hello_http_next(hello, HELLO_HTTP_HOST_PORT);
	else
		hello_http_after_host(hello, byte);
}

static __always_inline void hello_http_request_byte(struct hello *hello, __u8 byte)
{
	switch (hello->stage) {
	case HELLO_HTTP_METHOD: hello_http_method(hello, byte); break;
	case HELLO_HTTP_TARGET: hello_http_target(hello, byte); break;
	case HELLO_HTTP_SCHEME: hello_http_scheme(hello, byte); break;
	case HELLO_HTTP_AUTHORITY: hello_http_authority(hello, byte); break;
	case HELLO_HTTP_AUTHORITY_PORT:
		if (!hello_http_is_digit(byte) && !hello_http_after_authority(hello, byte))
			hello_refuse(hello);
		break;
	case HELLO_HTTP_STAR:
	case HELLO_HTTP_PATH:
		if (byte == ' ')
			hello_http_next(hello, HELLO_HTTP_VERSION);
		else if (hello->stage == HELLO_HTTP_STAR || !hello_http_is_visible(byte))
			hello_refuse(hello);
		break;
	case HELLO_HTTP_VERSION: hello_http_version(hello, byte); break;
	default: hello_http_line_end(hello, byte);
	}
}

static __always_inline void hello_http_header_byte(struct hello *hello, __u8 byte)
{
	switch (hello->stage) {
	case HELLO_HTTP_LF:
		hello_http_next(hello, HELLO_HTTP_LINE);
		if (byte != '\n')
			hello_refuse(hello);
		break;
	case HELLO_HTTP_LINE: hello_http_line(hello, byte); break;
	case HELLO_HTTP_FIELD: hello_http_field(hello, byte); break;
	case HELLO_HTTP_VALUE: hello_http_value(hello, byte); break;
	case HELLO_HTTP_HOST_BEFORE:
	case HELLO_HTTP_HOST: hello_http_host(hello, byte); break;
	case HELLO_HTTP_HOST_PORT:
		if (!hello_http_is_digit(byte))
			hello_http_after_host(hello, byte);
		break;
	case HELLO_HTTP_HOST_AFTER: hello_http_after_host(hello, byte); break;
	default: /* HELLO_HTTP_END */
		if (byte == '\n')
			hello_http_finish(hello);
		else
			hello_refuse(hello);
	}
}

HELLO_FUNCTION int hello_http_byte(struct hello *hello, __u8 byte)
{
	if (!hello)
		return 0;
	hello->passed++;
	if (hello->passed > HELLO_HEAD)
		hello_refuse(hello);
	else if (hello->stage <= HELLO_HTTP_REQUEST_END)
		hello_http_request_byte(hello, byte);
	else
		hello_http_header_byte(hello, byte);
	return 0;
}

static __always_inline void hello_http_take(struct hello *hello, const struct hello_block *block,
					    __u32 n)
{
	for (__u32 i = 0; i < HELLO_BLOCK && i < n && hello->result == HELLO_MORE; i++)
		hello_http_byte(hello, block->byte[i]);
}

#endif
