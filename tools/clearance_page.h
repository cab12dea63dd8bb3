/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_page.h - everything about what is marked, and the help
 *
 * Lines of a label and a text. As a pane each has one row; as a page each has as many as it
 * needs, and the page scrolls.
 * Called by: clearance_draw.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_PAGE_H
#define TOOLS_CLEARANCE_PAGE_H

#include "clearance_ui.h"

/** page_draw() - details or help, by ui->mode, over the whole of @canvas */
void page_draw(struct ui *ui, struct canvas *canvas);

/** page_pane() - details in @rows rows from row @y on, below a line */
void page_pane(struct ui *ui, struct canvas *canvas, int y, int rows);

/** group_label() - what a group is called; returns @buf (clearance_draw.c) */
const char *group_label(char *buf, size_t size, const struct group *group);

#endif
