// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_tui.c - the face for a terminal: a live list, one key per answer
 *
 * Drawn anew when something changed and once a second for the ages; keys act on the
 * selected request, which stays selected by its number while others come and go.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "clearance.h"

#define SECOND_NS UINT64_C(1000000000)
#define STAY_NS   (30 * SECOND_NS) /* how long an answered request stays in sight */
#define HEAD      2                /* title and column names */
#define FOOT      2                /* status and keys */
#define DETAILS   8

enum { COLOUR_OPEN = 1, COLOUR_ALLOWED, COLOUR_DENIED, COLOUR_BAR };

struct tui {
	struct session session;
	struct source keys, signals;
	struct timer tick;
	int signal_fd, scope;
	unsigned selected; /* an item's number; 0: none */
	bool details, help;
	char note[160];
};

static bool item_shown(const struct item *item)
{
	return item->state <= ITEM_ANSWERED || now_boot_ns() - item->ended_ns < STAY_NS;
}

/* The items in sight, newest first; how many. */
static unsigned items_shown(const struct tui *tui, struct item *ret[ITEMS_MAX])
{
	unsigned n = 0;

	for (unsigned i = tui->session.n; i-- > 0;)
		if (item_shown(tui->session.items[i]))
			ret[n++] = tui->session.items[i];
	return n;
}

static unsigned row_selected(const struct tui *tui, struct item *const items[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (items[i]->number == tui->selected)
			return i;
	return 0;
}

static const char *age_format(char buf[static 16], uint64_t since_ns)
{
	uint64_t s = (now_boot_ns() - since_ns) / SECOND_NS;

	if (s < 100)
		snprintf(buf, 16, "%" PRIu64 "s", s);
	else if (s < 6000)
		snprintf(buf, 16, "%" PRIu64 "m", s / 60);
	else
		snprintf(buf, 16, "%" PRIu64 "h", s / 3600);
	return buf;
}

static int item_attribute(const struct item *item)
{
	switch (item->state) {
	case ITEM_OPEN: return COLOR_PAIR(COLOUR_OPEN) | A_BOLD;
	case ITEM_ANSWERED: return A_BOLD;
	case ITEM_ALLOWED: return COLOR_PAIR(COLOUR_ALLOWED) | A_DIM;
	case ITEM_DENIED: return COLOR_PAIR(COLOUR_DENIED) | A_DIM;
	case ITEM_GONE: return A_DIM;
	}
	return 0;
}

static void draw_item(const struct item *item, int y, bool selected)
{
	char where[TARGET_LEN], who[64], age[16], line[400];
	int attribute = item_attribute(item) | (selected ? A_REVERSE : 0);

	snprintf(who, sizeof(who), "%.16s %s[%" PRId64 "]", item->name, item->comm, item->pid);
	snprintf(line, sizeof(line), "%4u %-9s %-26.26s %-30.30s %-9.9s %4s %5" PRId64 "  %s",
		 item->number, item->state == ITEM_OPEN ? "blocked" : item_state_name(item->state),
		 target_format(where, item->dest, item->port, item->proto), who, item->reason,
		 age_format(age, item->seen_ns), item->count, item->problem);
	attron(attribute);
	mvprintw(y, 0, "%-*.*s", COLS, COLS, line);
	attroff(attribute);
}

static void draw_details(const struct item *item, int y)
{
	char where[TARGET_LEN];

	mvhline(y, 0, ACS_HLINE, COLS);
	mvprintw(y + 1, 1, "%-9s %.*s", "program", COLS - 12, item->exe);
	mvprintw(y + 2, 1, "%-9s %.*s", "command", COLS - 12, item->cmdline);
	mvprintw(y + 3, 1, "%-9s %s[%" PRId64 "], user %" PRId64, "parent", item->parent,
		 item->parent_pid, item->uid);
	mvprintw(y + 4, 1, "%-9s %s, guard %" PRId64, "guard", item->name, item->guard);
	mvprintw(y + 5, 1, "%-9s %.*s (%s, %s)", "refused", COLS > 60 ? COLS - 50 : 10,
		 target_format(where, item->dest, item->port, item->proto), item->reason,
		 item->hook);
	mvprintw(y + 6, 1, "%-9s %s", "request", item->request_id);
	if (*item->problem)
		mvprintw(y + 7, 1, "%-9s %.*s", "failed", COLS - 12, item->problem);
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"a        allow the selected request",
		"d        deny it",
		"s        scope of the answer: once (a minute), 5 min, 1 h, session, forever",
		"up down  select; j k too",
		"enter i  details",
		"q        quit; what is open stays open",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		mvprintw(HEAD + 1 + i, 2, "%s", lines[i]);
}

static void draw_bars(const struct tui *tui, unsigned open)
{
	char title[200];

	snprintf(title, sizeof(title), " terok-clearance   %u open   scope: %s   %s%s", open,
		 scope_choices[tui->scope].label, tui->session.connected ? "" : "NO HUB  ",
		 tui->session.lost ? "events were lost: this terminal is too slow" : "");
	attron(COLOR_PAIR(COLOUR_BAR));
	mvprintw(0, 0, "%-*.*s", COLS, COLS, title);
	attroff(COLOR_PAIR(COLOUR_BAR));
	attron(A_UNDERLINE);
	mvprintw(
	    1, 0, "%-*.*s", COLS, COLS,
	    "   N STATE     WHERE                      WHO                            WHY        "
	    "AGE TIMES");
	attroff(A_UNDERLINE);
	mvprintw(LINES - 2, 0, "%.*s", COLS, tui->note);
	attron(COLOR_PAIR(COLOUR_BAR));
	mvprintw(LINES - 1, 0, "%-*.*s", COLS, COLS,
		 " a allow  d deny  s scope  enter details  ? help  q quit");
	attroff(COLOR_PAIR(COLOUR_BAR));
}

static void draw(struct tui *tui)
{
	struct item *items[ITEMS_MAX];
	unsigned n = items_shown(tui, items), row = row_selected(tui, items, n), open = 0;
	int room = LINES - HEAD - FOOT - (tui->details && n ? DETAILS : 0), first;

	/* what is seen as selected is: it stays so while others come and go */
	if (n)
		tui->selected = items[row]->number;
	erase();
	for (unsigned i = 0; i < n; i++)
		open += items[i]->state == ITEM_OPEN;
	first = room > 0 && (int)row >= room ? (int)row - room + 1 : 0;
	if (tui->help)
		draw_help();
	else if (!n)
		mvprintw(HEAD + 1, 2, "Nothing waits for an answer.");
	for (int i = 0; !tui->help && i < room && first + i < (int)n; i++)
		draw_item(items[first + i], HEAD + i, (unsigned)(first + i) == row);
	if (tui->details && !tui->help && n)
		draw_details(items[row], LINES - FOOT - DETAILS);
	draw_bars(tui, open);
	refresh();
}

static void on_item(struct item *item, bool fresh, void *user)
{
	struct tui *tui = user;

	if (fresh && (!tui->selected || !session_find(&tui->session, tui->selected)))
		tui->selected = item->number;
	draw(tui);
}

static void on_note(const char *text, void *user)
{
	struct tui *tui = user;

	snprintf(tui->note, sizeof(tui->note), "%s", text);
	draw(tui);
}

static const struct session_face face = { .item = on_item, .note = on_note };

/* The next open request after an answer, so that a list is worked off with one key. */
static void select_open(struct tui *tui, struct item *const items[], unsigned n)
{
	for (unsigned i = n; i-- > 0;)
		if (items[i]->state == ITEM_OPEN)
			tui->selected = items[i]->number;
}

static void key_answer(struct tui *tui, struct item *item, bool allow, struct item *const items[],
		       unsigned n)
{
	int r = session_answer(&tui->session, item, allow, &scope_choices[tui->scope]);

	if (r == -EALREADY)
		snprintf(tui->note, sizeof(tui->note), "request %u is %s", item->number,
			 item_state_name(item->state));
	else if (r)
		snprintf(tui->note, sizeof(tui->note), "not sent: %s", strerror(-r));
	else
		select_open(tui, items, n);
}

static void key_press(struct tui *tui, int key)
{
	struct item *items[ITEMS_MAX];
	unsigned n = items_shown(tui, items), row = row_selected(tui, items, n);

	tui->note[0] = '\0';
	switch (key) {
	case 'q': loop_stop(tui->session.loop); return;
	case '?':
	case 'h': tui->help = !tui->help; break;
	case 's': tui->scope = (tui->scope + 1) % SCOPES; break;
	case '\n':
	case KEY_ENTER:
	case 'i': tui->details = !tui->details; break;
	case KEY_UP:
	case 'k':
		if (n && row)
			tui->selected = items[row - 1]->number;
		break;
	case KEY_DOWN:
	case 'j':
		if (row + 1 < n)
			tui->selected = items[row + 1]->number;
		break;
	case 'a':
	case 'd':
		if (n)
			key_answer(tui, items[row], key == 'a', items, n);
		break;
	}
	draw(tui);
}

static int on_keys(struct source *source, uint32_t events)
{
	struct tui *tui = container_of(source, struct tui, keys);
	int key;

	if (events & (EPOLLHUP | EPOLLERR)) {
		loop_stop(tui->session.loop);
		return 0;
	}
	while ((key = getch()) != ERR)
		key_press(tui, key);
	return 0;
}

static int on_signal(struct source *source, uint32_t events)
{
	struct tui *tui = container_of(source, struct tui, signals);
	struct signalfd_siginfo info;
	struct winsize size;

	(void)events;
	if (read(tui->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo != SIGWINCH) {
		loop_stop(tui->session.loop);
		return 0;
	}
	if (!ioctl(0, TIOCGWINSZ, &size))
		resizeterm(size.ws_row, size.ws_col);
	draw(tui);
	return 0;
}

static int on_tick(struct timer *timer)
{
	struct tui *tui = container_of(timer, struct tui, tick);

	draw(tui);
	timer_arm(tui->session.loop, timer, now_boot_ns() + SECOND_NS, on_tick);
	return 0;
}

static int tui_signals(struct tui *tui)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tui->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (tui->signal_fd < 0)
		return -errno;
	return source_add(tui->session.loop, &tui->signals, tui->signal_fd, EPOLLIN, on_signal);
}

static void screen_start(void)
{
	setlocale(LC_ALL, ""); /* for the lines it draws */
	initscr();
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	if (!has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(COLOUR_OPEN, COLOR_YELLOW, -1);
	init_pair(COLOUR_ALLOWED, COLOR_GREEN, -1);
	init_pair(COLOUR_DENIED, COLOR_RED, -1);
	init_pair(COLOUR_BAR, COLOR_BLACK, COLOR_CYAN);
}

int tui_run(const char *path)
{
	struct tui tui = { .signal_fd = -1, .scope = SCOPE_DEFAULT };
	struct problem why = {};
	int r;

	tui.session =
	    (struct session){ .path = path, .reconnect = true, .face = &face, .user = &tui };
	r = loop_new(&tui.session.loop);
	if (!r)
		r = tui_signals(&tui);
	screen_start();
	if (!r)
		r = session_start(&tui.session, &why);
	if (!r)
		r = source_add(tui.session.loop, &tui.keys, 0, EPOLLIN, on_keys);
	if (!r) {
		on_tick(&tui.tick);
		r = loop_run(tui.session.loop);
	}
	endwin();
	if (r)
		log_error(0, "%s", why.text[0] ? why.text : strerror(-r));
	session_stop(&tui.session);
	timer_disarm(&tui.tick);
	source_del(&tui.keys);
	source_del(&tui.signals);
	if (tui.signal_fd >= 0)
		close(tui.signal_fd);
	loop_free(tui.session.loop);
	return r;
}
