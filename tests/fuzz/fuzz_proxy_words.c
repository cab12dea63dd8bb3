// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_words.c - words between front and signer, in pieces as they come: what is told is whole,
 * known and in its size, and what is none ends the link
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/signer/link.h"

static size_t told;

static int on_word(struct link *link, const struct word *word, struct span payload)
{
	if (payload.n != word->size || word->size > WORD_PAYLOAD || !word->type ||
	    word->type >= WORD_TYPES_)
		abort();
	told += sizeof(*word) + word->size;
	/* an answer to it, which nobody reads */
	return link_say(link, WORD_REPLY, word->session, payload, payload) == -ENOMEM ? -1 : 0;
}

static void on_end(struct link *link, int error)
{
	(void)error;
	loop_stop(link->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link link = { .fd = -1, .said = on_word, .ended = on_end };
	struct loop *loop;
	int pair[2];

	if (loop_new(&loop) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
	    link_begin(loop, &link, pair[0]))
		abort();
	told = 0;
	if (size && send(pair[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		size = 0;
	shutdown(pair[1], SHUT_WR);
	loop_run(loop);
	if (told > size)
		abort();
	link_done(&link);
	close(pair[1]);
	loop_free(loop);
	return 0;
}
