// SPDX-License-Identifier: Apache-2.0
#include "exec_term.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pty.h"

#define BITE       4096
#define LAST_MS    200          /* wait for the last output of a CMD whose terminal stays open */
#define LAST_BYTES (256 * 1024) /* and take at most this much of it */

bool term_possible(void)
{
	/* of a terminal that is not our session's we can never be in the foreground */
	return isatty(0) && isatty(1) && isatty(2) && tcgetpgrp(0) >= 0;
}

static void put(struct prompt *prompt, const char *data, size_t size)
{
	(void)prompt;
	while (size) {
		ssize_t n = write(1, data, size);

		if (n < 0 && errno == EAGAIN) { /* somebody else made it non-blocking */
			struct pollfd room = { .fd = 1, .events = POLLOUT };

			poll(&room, 1, -1);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return; /* the terminal went away; CMD gets its SIGHUP by another way */
		data += n > 0 ? n : 0;
		size -= n > 0 ? n : 0;
	}
}

static int on_tick(struct timer *timer);

static void tick(struct exec_term *term)
{
	uint64_t again_ns = term->raw ? prompt_tick(&term->prompt, now_boot_ns()) : 0;

	if (again_ns)
		timer_arm(term->loop, &term->tick, again_ns, on_tick);
}

static int on_tick(struct timer *timer)
{
	tick(container_of(timer, struct exec_term, tick));
	return 0;
}

/* One bite of CMD's output; 0: nothing there, -EIO: nobody has the terminal open any more */
static ssize_t show(struct exec_term *term)
{
	char bite[BITE];
	ssize_t n = read(term->pty, bite, sizeof(bite));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	prompt_output(&term->prompt, bite, n);
	return n;
}

/* Give what was typed to CMD; when its terminal is full, the keyboard has to wait. */
static void feed(struct exec_term *term)
{
	while (term->sent < term->n_typed) {
		ssize_t n = write(term->pty, term->typed + term->sent, term->n_typed - term->sent);

		if (n <= 0)
			break;
		term->sent += n;
	}
	if (term->sent == term->n_typed)
		term->sent = term->n_typed = 0;
	source_set(&term->screen, EPOLLIN | (term->n_typed ? EPOLLOUT : 0));
	if (term->keys.loop)
		source_set(&term->keys, term->n_typed ? 0 : EPOLLIN);
}

static int on_screen(struct source *source, uint32_t events)
{
	struct exec_term *term = container_of(source, struct exec_term, screen);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (show(term) < 0) {
			term->eof = true;
			source_del(&term->screen);
			return 0;
		}
		tick(term);
	}
	if (events & EPOLLOUT)
		feed(term);
	return 0;
}

static int on_keys(struct source *source, uint32_t events)
{
	struct exec_term *term = container_of(source, struct exec_term, keys);
	char id[PROMPT_ID];
	enum prompt_key key;
	ssize_t n;

	if (term->n_typed && (events & (EPOLLHUP | EPOLLERR)))
		source_del(&term->keys); /* those two come unasked, and would come for ever */
	if (term->n_typed)
		return 0;
	n = read(0, term->typed, sizeof(term->typed));
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			source_del(&term->keys);
		return 0;
	}
	key = prompt_typed(&term->prompt, term->typed, n, now_boot_ns(), id);
	if (key != PROMPT_KEY_NONE) {
		term->answered(term, id, key);
	} else if (!term->eof) {
		term->n_typed = n;
		feed(term);
	}
	tick(term);
	return 0;
}

int term_open(struct exec_term *term, struct loop *loop, int *ret_inside)
{
	int inside = -1, outer = pty_open(0, &inside), r;

	if (outer < 0)
		return outer;
	r = source_add(loop, &term->screen, outer, EPOLLIN, on_screen);
	if (r) {
		close(outer);
		close(inside);
		return r;
	}
	term->pty = outer;
	term->loop = loop;
	term->prompt.put = put;
	term->prompt.columns = pty_columns(1);
	*ret_inside = inside;
	return 0;
}

void term_resume(struct exec_term *term)
{
	if (term->pty < 0 || term->raw || !pty_in_foreground(0) || pty_raw(0, &term->saved))
		return;
	term->raw = true;
	source_add(term->loop, &term->keys, 0, EPOLLIN, on_keys);
	term_resized(term);
	tick(term);
}

void term_suspend(struct exec_term *term)
{
	if (!term->raw)
		return;
	prompt_wipe(&term->prompt);
	source_del(&term->keys);
	timer_disarm(&term->tick);
	pty_restore(0, &term->saved);
	term->raw = false;
}

void term_resized(struct exec_term *term)
{
	if (term->pty < 0)
		return;
	pty_copy_size(0, term->pty);
	term->prompt.columns = pty_columns(1);
}

int term_ask(struct exec_term *term, const char *id, const char *text)
{
	int r = prompt_ask(&term->prompt, id, text);

	tick(term);
	return r;
}

void term_withdraw(struct exec_term *term, const char *id)
{
	prompt_withdraw(&term->prompt, id);
	tick(term);
}

void term_line(struct exec_term *term, const char *text)
{
	prompt_line(&term->prompt, text);
}

void term_stop_asking(struct exec_term *term)
{
	prompt_hide(&term->prompt);
	timer_disarm(&term->tick);
}

/* Until the kernel says that nobody has CMD's terminal open, or for a moment. */
static void show_last(struct exec_term *term)
{
	uint64_t until_ns = now_boot_ns() + LAST_MS * UINT64_C(1000000), now;
	size_t shown = 0;

	while (!term->eof && shown < LAST_BYTES && (now = now_boot_ns()) < until_ns) {
		struct pollfd more = { .fd = term->pty, .events = POLLIN };
		ssize_t n;

		if (poll(&more, 1, (until_ns - now) / 1000000 + 1) <= 0)
			continue;
		n = show(term);
		term->eof = n < 0;
		shown += n > 0 ? n : 0;
	}
}

void term_done(struct exec_term *term)
{
	if (term->pty < 0)
		return;
	term_stop_asking(term);
	show_last(term);
	if (term->prompt.mid_line && term->raw)
		put(&term->prompt, "\r\n", 2);
	source_del(&term->screen);
	term_suspend(term);
	closep(&term->pty);
}
