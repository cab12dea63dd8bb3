// SPDX-License-Identifier: Apache-2.0
#include "clearance_canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int canvas_resize(struct canvas *canvas, int rows, int cols)
{
	struct cell *cell;

	rows = rows > 0 ? rows : 1;
	cols = cols > 0 ? cols : 1;
	cell = reallocarray(canvas->cell, (size_t)rows * cols, sizeof(*cell));
	if (!cell)
		return -ENOMEM;
	*canvas = (struct canvas){ .rows = rows, .cols = cols, .cell = cell };
	canvas_clear(canvas);
	return 0;
}

void canvas_done(struct canvas *canvas)
{
	free(canvas->cell);
	*canvas = (struct canvas){};
}

void canvas_clear(struct canvas *canvas)
{
	for (int i = 0; i < canvas->rows * canvas->cols; i++)
		canvas->cell[i] = (struct cell){ ' ', PAINT_PLAIN };
}

static void put(struct canvas *canvas, int y, int x, int paint, char c)
{
	if (y < 0 || y >= canvas->rows || x < 0 || x >= canvas->cols)
		return;
	if (c < 0x20 || c > 0x7e)
		c = '?';
	canvas->cell[y * canvas->cols + x] = (struct cell){ c, paint };
}

int canvas_text(struct canvas *canvas, int y, int x, int width, int paint, const char *text)
{
	for (int i = 0; i < width; i++)
		put(canvas, y, x + i, paint, *text ? *text++ : ' ');
	return width > 0 ? x + width : x;
}

int canvas_end(struct canvas *canvas, int y, int x, int width, int paint, const char *text)
{
	size_t n = strlen(text);
	int next = canvas_text(canvas, y, x, width, paint, text);

	if (width < 3 || n <= (size_t)width)
		return next;
	canvas_text(canvas, y, x, 2, paint, "..");
	return canvas_text(canvas, y, x + 2, width - 2, paint, text + n - (width - 2));
}

int canvas_right(struct canvas *canvas, int y, int x, int width, int paint, const char *text)
{
	int n = strnlen(text, width > 0 ? width : 0);

	canvas_text(canvas, y, x, width - n, paint, "");
	return canvas_text(canvas, y, x + width - n, n, paint, text);
}

void canvas_line(struct canvas *canvas, int y)
{
	for (int x = 0; x < canvas->cols; x++)
		put(canvas, y, x, PAINT_FAINT, '-');
}

/* How much of @text a line takes: up to a blank, if there is one in its second half. */
static int line_break(const char *text, int line)
{
	int n = strnlen(text, line + 1);

	if (n <= line)
		return n;
	for (n = line; n > line / 2; n--)
		if (text[n] == ' ')
			return n;
	return line;
}

int canvas_wrap(struct canvas *canvas, int y, int x, int width, int rows, int paint,
		const char *text)
{
	int used = 0, line = width > 0 ? width : 1;

	do {
		int n = line_break(text, line);

		canvas_text(canvas, y + used, x, n, paint, text);
		canvas_text(canvas, y + used, x + n, line - n, paint, "");
		text += n;
		text += *text == ' ';
		used++;
	} while (*text && used < rows);
	return used;
}

const char *canvas_row(const struct canvas *canvas, int y, char *buf)
{
	int n = canvas->cols;

	for (int x = 0; x < n; x++)
		buf[x] = canvas->cell[y * canvas->cols + x].c;
	while (n && buf[n - 1] == ' ')
		n--;
	buf[n] = '\0';
	return buf;
}
