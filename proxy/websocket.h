/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket.h - a connection that becomes a WebSocket: bytes both ways, once both sides agreed
 *
 * The upstream is asked with the client's own key and subprotocols, and with the real secret; no
 * extensions are offered, so frames are as they seem. Its answer, if it is 101, is the client's;
 * any other is 502. Frames pass as they are: pings too, so each side hears whether the other is
 * there. An upstream that goes without a close frame is one to the client: 1011.
 *
 * Called by: server.c. Owns: a connection of each. Threads: none.
 */
#ifndef PROXY_WEBSOCKET_H
#define PROXY_WEBSOCKET_H

#include "forward.h"

struct websocket;

/** websocket_wanted() - is that what the request is for? */
bool websocket_wanted(struct http_request *request);

/** websocket_start() - as forward_start() */
int websocket_start(struct upstream *upstream, struct http_request *request,
		    const struct forward_want *want, struct websocket **ret);

/** websocket_body() - as http's body(); websocket_fill() - as its fill() */
size_t websocket_body(struct websocket *socket, const char *bytes, size_t n);
/** websocket_fill() - see there */
ssize_t websocket_fill(struct websocket *socket, char *bytes, size_t size);

/** websocket_free() - its request is over. NULL: nothing */
void websocket_free(struct websocket *socket);

#endif
