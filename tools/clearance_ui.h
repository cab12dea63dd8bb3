/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_ui.h - what a person does at the screen: views, cursor, keys, questions
 *
 * Keys in, actions out; what there is to see is clearance_draw.c's to draw. An answer is given
 * only to what was on the screen when the key was pressed: what came since the last drawing,
 * slipped under the cursor, or got another name, is left alone. Nothing here knows a terminal.
 * Called by: clearance_tui.c, tests. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_UI_H
#define TOOLS_CLEARANCE_UI_H

#include "clearance_canvas.h"
#include "clearance_session.h"

/* Keys that are no character. */
enum ui_key {
	UI_KEY_ENTER = '\n',
	UI_KEY_ESCAPE = 27,
	UI_KEY_UP = 0x100,
	UI_KEY_DOWN,
	UI_KEY_LEFT,
	UI_KEY_RIGHT,
	UI_KEY_PAGE_UP,
	UI_KEY_PAGE_DOWN,
	UI_KEY_HOME,
	UI_KEY_END,
	UI_KEY_ERASE,
	UI_KEY_TAB,
	UI_KEY_OTHER,
};

enum ui_view { UI_REQUESTS, UI_GRANTS, UI_HISTORY, UI_VIEWS };

enum ui_mode {
	UI_LIST,
	UI_ANSWER, /* for how long, and how far? */
	UI_REVOKE, /* really? */
	UI_FILTER, /* its text is typed */
	UI_DETAILS,
	UI_HELP,
};

enum ui_reach { UI_REACH_DEFAULT, UI_REACH_CHILDREN, UI_REACH_ADDRESS, UI_REACH_MAX_ };

/* A row as it was drawn, or gone to from there: not what stands there by now. */
struct seen {
	enum node_kind kind; /* NODE_ROOT: none */
	unsigned number, version;
};

/* The rows of grants or history that the filter lets through. */
struct pick {
	unsigned *row; /* indexes */
	size_t n, room, at;
	int y; /* where on the screen the cursor is */
};

struct ui_actions {
	int (*answer)(struct item *item, const struct answer_choice *choice, void *user);
	int (*revoke)(const struct grant *grant, void *user);
	void (*watch)(enum ui_view view, void *user);
	void (*older)(void *user);
	void (*quit)(void *user);
};

struct ui {
	struct session *session; /* read only, but for the cursor and what is folded */
	const struct ui_actions *actions;
	void *user;
	enum ui_view view;
	enum ui_mode mode;
	int y;                /* where on the screen the cursor of the requests is */
	int page;             /* rows of the list when it was drawn last */
	int scroll;           /* of details and help */
	unsigned frame;       /* drawings so far */
	struct seen seen;     /* the row that a person believes to be marked */
	unsigned seen_newest; /* the highest number that there was */
	struct {              /* UI_ANSWER */
		bool allow, any_port;
		enum ui_reach reach;
		struct seen on;
		unsigned newest;
	} ask;
	char revoke[80]; /* UI_REVOKE: which */
	struct pick grants, history;
	char on_grant[80]; /* the grant under the cursor, while the hub tells them anew */
	int64_t on_entry;
	char filter[FILTER_LEN], note[200];
	uint64_t note_ns;
};

struct scope_choice {
	char key;
	const char *label, *scope;
	int64_t seconds;
};
#define SCOPES 4
extern const struct scope_choice scope_choices[SCOPES];

void ui_done(struct ui *ui);

/** ui_key() - one key, a character or an enum ui_key */
void ui_key(struct ui *ui, int key);

/** ui_note() - one line for the person, until the next key */
void ui_note(struct ui *ui, const char *fmt, ...) __attribute__((__format__(__printf__, 2, 3)));

/** ui_listed() - grants or history are others than before */
void ui_listed(struct ui *ui);

/** pick_bound() - the cursor is on a row, after a move; ui_remember() - by what it is known */
void pick_bound(struct pick *pick);
void ui_remember(struct ui *ui);

/** ui_grant() - the marked grant, ui_entry() - the marked line of history; NULL: none */
const struct grant *ui_grant(const struct ui *ui);
const struct entry *ui_entry(const struct ui *ui);

/**
 * ui_reach_name() - what an answer to @item would reach now: "address", "name", "children"
 *
 * Never the children of a public suffix, which are strangers' names.
 */
const char *ui_reach_name(const struct ui *ui, const struct item *item);

/** ui_draw() - everything, to @canvas (clearance_draw.c); remembers what was seen */
void ui_draw(struct ui *ui, struct canvas *canvas);

#endif
