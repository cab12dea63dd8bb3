/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - what gRPC says in headers: codes, their texts, deadlines; what HTTP says instead
 *
 * Bytes in, structs out; no state, any thread.
 */
#ifndef GRPC_STATUS_H
#define GRPC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grpc/call.h"

#define STATUS_TEXT    1024                  /* bytes of a text that we send or keep */
#define STATUS_ENCODED (3 * STATUS_TEXT + 1) /* the same with every byte as %XX, and NUL */
#define STATUS_TIMEOUT 16                    /* longest of status_timeout(), and NUL */

/** status_encode() - @text as grpc-message has it, cut to STATUS_TEXT bytes; returns @buf */
const char *status_encode(char buf[static STATUS_ENCODED], const char *text);

/** status_decode() - the other way; what is no %XX stays as it is; returns @buf */
const char *status_decode(char buf[static STATUS_TEXT + 1], const char *text);

/** status_code() - of a grpc-status; GRPC_UNKNOWN for a number that is no code, or no number */
enum grpc_code status_code(const char *text);

/** status_of_http() - what an HTTP status without a grpc-status means */
enum grpc_code status_of_http(unsigned status);

/** status_of_reset() - what the error code of a RST_STREAM means */
enum grpc_code status_of_reset(uint32_t error);

/** status_timeout() - nanoseconds as grpc-timeout has them, never less; returns @buf */
const char *status_timeout(char buf[static STATUS_TIMEOUT], uint64_t ns);

/** status_timeout_read() - the other way; false: it is none. Too long to count: UINT64_MAX */
bool status_timeout_read(const char *text, uint64_t *ret);

/** status_is_grpc() - is this content-type gRPC with protobuf? */
bool status_is_grpc(const char *content_type);

#endif
