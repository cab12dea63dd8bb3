/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_request.h - the few bytes of HTTP that a process in a guard may say
 *
 *   GET /                  what was refused, as text; so does /why
 *   GET /why.json          the same as JSON; so does either with "Accept: application/json"
 *   GET /why/DEST          only of that address or name; /why.json/DEST
 *
 * Bytes in, a struct out; nothing is read beyond them, kept or waited for.
 * Called by: why.c. Threads: none.
 */
#ifndef TEROK_DNS_WHY_REQUEST_H
#define TEROK_DNS_WHY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "terok/abi.h"

#define WHY_REQUEST_MAX 2048 /* bytes of a request with its headers: curl's are 90 */

struct why_request {
	bool json;
	char dest[TEROK_DOMAIN_LEN]; /* in lower case; "": all */
};

/** why_request_begins() - are these the first bytes of HTTP, and of no DNS message that we take? */
bool why_request_begins(const uint8_t *bytes, size_t n);

/**
 * why_request_parse() - a request, up to the empty line
 *
 * Return: 200; 0: it has not come to its end; or the status that answers it: 400, 404, 405, 431.
 */
int why_request_parse(const uint8_t *bytes, size_t n, struct why_request *ret);

#endif
