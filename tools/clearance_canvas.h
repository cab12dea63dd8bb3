/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_canvas.h - a screen in memory: characters and how they are painted
 *
 * Everything that a terminal is to show passes here, and nothing but printable ASCII goes in:
 * what is not becomes '?', wherever the text came from. What lies outside is cut off.
 * Called by: clearance_draw.c (fills), clearance_tui.c (copies to the terminal), tests (read).
 * Threads: none.
 */
#ifndef TOOLS_CLEARANCE_CANVAS_H
#define TOOLS_CLEARANCE_CANVAS_H

#include <stdint.h>

enum paint {
	PAINT_PLAIN,
	PAINT_BAR,     /* top and bottom */
	PAINT_HEAD,    /* groups, titles */
	PAINT_OPEN,    /* waits */
	PAINT_ALLOWED, /* over, by an answer */
	PAINT_DENIED,
	PAINT_FAINT, /* over without one; what explains */
	PAINT_ALARM, /* failed, lost */
	PAINT_MAX_,
	PAINT_MARKED = 0x40, /* with any of them: where the cursor is */
};

struct cell {
	char c;
	uint8_t paint;
};

struct canvas {
	int rows, cols;
	struct cell *cell;
};

/** canvas_resize() - blank, of that size; 0 or -ENOMEM, then as it was */
int canvas_resize(struct canvas *canvas, int rows, int cols);
void canvas_done(struct canvas *canvas);

/** canvas_clear() - blank everywhere */
void canvas_clear(struct canvas *canvas);

/** canvas_text() - in @width columns from @x on, blanks behind it; the next column */
int canvas_text(struct canvas *canvas, int y, int x, int width, int paint, const char *text);

/** canvas_end() - the same, but of what is too long its end is kept, behind ".." */
int canvas_end(struct canvas *canvas, int y, int x, int width, int paint, const char *text);

/** canvas_right() - the same, at the right of its columns */
int canvas_right(struct canvas *canvas, int y, int x, int width, int paint, const char *text);

/** canvas_line() - a line across */
void canvas_line(struct canvas *canvas, int y);

/**
 * canvas_wrap() - in as many lines as it needs, at most @rows, broken at blanks, where there are some
 *
 * Return: how many lines it took.
 */
int canvas_wrap(struct canvas *canvas, int y, int x, int width, int rows, int paint,
		const char *text);

/** canvas_row() - a row as text, without blanks at its end; @buf: cols + 1 bytes; returns @buf */
const char *canvas_row(const struct canvas *canvas, int y, char *buf);

#endif
