// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_tui.c - the face for a terminal: keys to clearance_ui.c, its canvas to the screen
 *
 * Drawn when something changed, but at most every FRAME_NS however much changes, and once a
 * second while ages are in sight. The only file that knows ncurses, and nothing goes there but
 * what a canvas lets through.
 */
#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/suffix.h"
#include "clearance.h"
#include "clearance_ui.h"

#define FRAME_NS UINT64_C(33000000)
#define KEYS_MAX 64 /* of one round */

/* What is pasted stands between these, on terminals that say so; above all that curses has. */
#define KEY_PASTE_BEGINS 0x1000
#define KEY_PASTE_ENDS   0x1001
#define PASTE_NS         SECOND_NS /* without a byte of it, it has ended */

struct tui {
	struct session session;
	struct ui ui;
	struct canvas canvas;
	struct source keys;
	struct signals signals;
	struct timer draw;
	uint64_t drawn_ns;
	bool interrupted, colour, pasting;
	uint64_t pasted_ns; /* the last byte of it */
};

/* --- to the screen -------------------------------------------------------------------- */

static chtype paint_attribute(const struct tui *tui, int paint)
{
	static const chtype plain[PAINT_MAX_] = {
		[PAINT_BAR] = A_REVERSE, [PAINT_HEAD] = A_BOLD,  [PAINT_OPEN] = A_BOLD,
		[PAINT_FAINT] = A_DIM,   [PAINT_ALARM] = A_BOLD,
	};
	int kind = paint & ~PAINT_MARKED;
	chtype attribute = plain[kind];

	if (tui->colour)
		attribute = COLOR_PAIR(kind) | (kind == PAINT_BAR ? 0 : attribute);
	return paint & PAINT_MARKED ? attribute ^ A_REVERSE : attribute;
}

static void row_show(const struct tui *tui, int y)
{
	const struct cell *row = &tui->canvas.cell[y * tui->canvas.cols];

	move(y, 0);
	for (int x = 0; x < tui->canvas.cols; x++)
		addch((unsigned char)row[x].c | paint_attribute(tui, row[x].paint));
}

static int on_draw(struct timer *timer)
{
	struct tui *tui = container_of(timer, struct tui, draw);
	struct list *list = &tui->session.list;

	list_fade(list, now_boot_ns());
	ui_draw(&tui->ui, &tui->canvas);
	for (int y = 0; y < tui->canvas.rows; y++)
		row_show(tui, y);
	refresh();
	tui->drawn_ns = now_boot_ns();
	if (list->root.n || tui->ui.view == UI_GRANTS)
		timer_arm(tui->session.loop, timer, tui->drawn_ns + SECOND_NS, on_draw);
	return 0;
}

/* Soon: now if the last drawing is long enough ago. */
static void tui_changed(struct tui *tui)
{
	uint64_t at_ns = tui->drawn_ns + FRAME_NS;

	if (!tui->draw.loop || tui->draw.at_ns > at_ns)
		timer_arm(tui->session.loop, &tui->draw, at_ns, on_draw);
}

/* --- what the session says ------------------------------------------------------------- */

static void on_item(struct item *item, bool fresh, void *user)
{
	(void)item;
	(void)fresh;
	tui_changed(user);
}

static void on_note(const char *text, void *user)
{
	struct tui *tui = user;

	ui_note(&tui->ui, "%s", text);
	tui_changed(tui);
}

static void on_listed(void *user)
{
	struct tui *tui = user;

	ui_listed(&tui->ui);
	tui_changed(tui);
}

static const struct session_face face = { .item = on_item, .note = on_note, .listed = on_listed };

/* --- what the person does -------------------------------------------------------------- */

static int do_answer(struct item *item, const struct answer_choice *choice, void *user)
{
	struct tui *tui = user;

	return session_answer(&tui->session, item, choice);
}

static int do_revoke(const struct grant *grant, void *user)
{
	struct tui *tui = user;

	return session_revoke(&tui->session, grant->grant);
}

static void do_watch(enum ui_view view, void *user)
{
	static const enum session_watch watches[] = { WATCH_REQUESTS, WATCH_GRANTS, WATCH_HISTORY };
	struct tui *tui = user;

	session_watch(&tui->session, watches[view]);
}

static void do_older(void *user)
{
	struct tui *tui = user;

	session_older(&tui->session);
}

static void do_quit(void *user)
{
	struct tui *tui = user;

	loop_stop(tui->session.loop);
}

static const struct ui_actions actions = {
	.answer = do_answer,
	.revoke = do_revoke,
	.watch = do_watch,
	.older = do_older,
	.quit = do_quit,
};

static int key_of(int key)
{
	switch (key) {
	case '\r':
	case KEY_ENTER: return UI_KEY_ENTER;
	case KEY_UP: return UI_KEY_UP;
	case KEY_DOWN: return UI_KEY_DOWN;
	case KEY_LEFT: return UI_KEY_LEFT;
	case KEY_RIGHT: return UI_KEY_RIGHT;
	case KEY_PPAGE: return UI_KEY_PAGE_UP;
	case KEY_NPAGE: return UI_KEY_PAGE_DOWN;
	case KEY_HOME: return UI_KEY_HOME;
	case KEY_END: return UI_KEY_END;
	case KEY_BACKSPACE:
	case 8:
	case 127: return UI_KEY_ERASE;
	case '\t': return UI_KEY_TAB;
	case KEY_F(1): return '?';
	}
	return key < 0x100 ? key : UI_KEY_OTHER;
}

/* Pasted text answers nothing: its letters are no keys, but for the text of a filter. */
static bool is_pasted(struct tui *tui, int key)
{
	uint64_t now = now_boot_ns();

	if (tui->pasting && now - tui->pasted_ns > PASTE_NS)
		tui->pasting = false;
	tui->pasted_ns = now;
	if (key == KEY_PASTE_BEGINS || key == KEY_PASTE_ENDS) {
		tui->pasting = key == KEY_PASTE_BEGINS;
		return true;
	}
	return tui->pasting && (tui->ui.mode != UI_FILTER || key < ' ');
}

static int on_keys(struct source *source, uint32_t events)
{
	struct tui *tui = container_of(source, struct tui, keys);
	int key;

	if (events & (EPOLLHUP | EPOLLERR)) {
		loop_stop(tui->session.loop);
		return 0;
	}
	for (int n = 0; n < KEYS_MAX && (key = getch()) != ERR; n++) {
		if (key == 'L' - '@')
			clearok(curscr, TRUE); /* somebody wrote over it */
		else if (!is_pasted(tui, key) && key != KEY_RESIZE)
			ui_key(&tui->ui, key_of(key));
	}
	tui_changed(tui);
	return 0;
}

/* A string of the terminal's description that is no standard one; NULL: it has none. */
static const char *terminal_says(const char *name)
{
	const char *text = tigetstr((char *)name);

	return text && text != (const char *)-1 ? text : NULL;
}

static void paste_marked(bool on)
{
	const char *mark = terminal_says(on ? "BE" : "BD");

	if (!mark || !terminal_says("PS") || !terminal_says("PE"))
		return;
	define_key(terminal_says("PS"), KEY_PASTE_BEGINS);
	define_key(terminal_says("PE"), KEY_PASTE_ENDS);
	putp(mark);
	fflush(stdout);
}

static int tui_resize(struct tui *tui)
{
	struct winsize size;

	if (!ioctl(0, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	return canvas_resize(&tui->canvas, LINES, COLS);
}

static int on_signal(struct signals *signals, int signal)
{
	struct tui *tui = container_of(signals, struct tui, signals);

	/* who was stopped is not told of another size */
	if (signal != SIGWINCH && signal != SIGCONT) {
		tui->interrupted = signal == SIGINT;
		loop_stop(tui->session.loop);
		return 0;
	}
	if (tui_resize(tui))
		return -ENOMEM;
	if (signal == SIGCONT)
		paste_marked(true);
	tui_changed(tui);
	return 0;
}

/* --- from the first to the last -------------------------------------------------------- */

bool tui_can_run(void)
{
	const char *term = getenv("TERM");
	bool can;
	int error;

	if (!isatty(0) || !isatty(1) || !term || !*term)
		return false;
	if (setupterm(NULL, 1, &error) != OK)
		return false;
	can = terminal_says("cup");
	del_curterm(cur_term);
	return can;
}

static void screen_start(struct tui *tui)
{
	static const short colours[PAINT_MAX_] = {
		[PAINT_PLAIN] = -1,          [PAINT_HEAD] = -1,
		[PAINT_OPEN] = COLOR_YELLOW, [PAINT_ALLOWED] = COLOR_GREEN,
		[PAINT_DENIED] = COLOR_RED,  [PAINT_FAINT] = -1,
		[PAINT_ALARM] = COLOR_RED,
	};

	initscr();
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	paste_marked(true);
	curs_set(0);
	tui->colour = has_colors() && cli_colour(1);
	if (!tui->colour)
		return;
	start_color();
	use_default_colors();
	for (int i = PAINT_PLAIN + 1; i < PAINT_MAX_; i++)
		init_pair(i, colours[i], -1);
	init_pair(PAINT_BAR, COLOR_BLACK, COLOR_CYAN);
}

static void tui_end(struct tui *tui)
{
	paste_marked(false);
	endwin();
	session_stop(&tui->session);
	timer_disarm(&tui->draw);
	source_del(&tui->keys);
	signals_end(&tui->signals);
	ui_done(&tui->ui);
	canvas_done(&tui->canvas);
	loop_free(tui->session.loop);
}

int tui_run(const char *path)
{
	static const int more[] = { SIGHUP, SIGWINCH, SIGCONT, 0 };
	static struct tui tui;
	struct problem why = {};
	int r;

	tui.session.path = path;
	tui.session.reconnect = true;
	tui.session.face = &face;
	tui.session.user = &tui;
	tui.ui = (struct ui){ .session = &tui.session, .actions = &actions, .user = &tui };
	suffix_registrable(
	    "example.com"); /* what it has to say it says before the screen is ours */
	r = loop_new(&tui.session.loop);
	if (!r)
		r = session_start(&tui.session, &why);
	if (r)
		return log_error(0, "%s", why.text[0] ? why.text : strerror(-r)), r;
	r = signals_add(tui.session.loop, &tui.signals, more, on_signal);
	screen_start(&tui);
	if (!r)
		r = tui_resize(&tui);
	if (!r)
		r = source_add(tui.session.loop, &tui.keys, 0, EPOLLIN, on_keys);
	if (!r) {
		on_draw(&tui.draw);
		r = loop_run(tui.session.loop);
	}
	tui_end(&tui);
	if (r)
		log_error(0, "%s", strerror(-r));
	return r ?: tui.interrupted ? EXIT_INTERRUPTED : 0;
}
