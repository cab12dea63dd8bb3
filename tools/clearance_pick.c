// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_pick.c - the rows of grants and history: what the filter lets through, and what is marked
 *
 * What is marked stays marked while the hub tells all of them anew.
 */
#include <stdlib.h>
#include <string.h>

#include "clearance_ui.h"

static bool pick_add(struct pick *pick, unsigned row)
{
	if (pick->n == pick->room) {
		size_t room = pick->n ? 2 * pick->n : 64;
		unsigned *more = reallocarray(pick->row, room, sizeof(*more));

		if (!more)
			return false;
		pick->row = more;
		pick->room = room;
	}
	pick->row[pick->n++] = row;
	return true;
}

void pick_bound(struct pick *pick)
{
	if (pick->at >= pick->n)
		pick->at = pick->n ? pick->n - 1 : 0;
}

const struct grant *ui_grant(const struct ui *ui)
{
	const struct pick *pick = &ui->grants;

	return pick->at < pick->n ? &ui->session->grants.grant[pick->row[pick->at]] : NULL;
}

const struct entry *ui_entry(const struct ui *ui)
{
	const struct pick *pick = &ui->history;

	return pick->at < pick->n ? &ui->session->history.entry[pick->row[pick->at]] : NULL;
}

void ui_remember(struct ui *ui)
{
	const struct grant *grant = ui_grant(ui);
	const struct entry *entry = ui_entry(ui);

	text_copy(ui->on_grant, sizeof(ui->on_grant), grant ? grant->grant : "");
	ui->on_entry = entry ? entry->number : 0;
}

static void pick_grants(struct ui *ui)
{
	const struct grants *grants = &ui->session->grants;

	ui->grants.n = 0;
	for (size_t i = 0; i < grants->n; i++) {
		if (!grant_has(&grants->grant[i], ui->filter))
			continue;
		if (*ui->on_grant && !strcmp(grants->grant[i].grant, ui->on_grant))
			ui->grants.at = ui->grants.n;
		if (!pick_add(&ui->grants, i))
			break;
	}
	pick_bound(&ui->grants);
}

static void pick_history(struct ui *ui)
{
	const struct history *history = &ui->session->history;

	ui->history.n = 0;
	for (size_t i = 0; i < history->n; i++) {
		if (!entry_has(&history->entry[i], ui->filter))
			continue;
		/* at the top the newest stays marked, elsewhere what is marked */
		if (ui->on_entry && ui->history.at && history->entry[i].number == ui->on_entry)
			ui->history.at = ui->history.n;
		if (!pick_add(&ui->history, i))
			break;
	}
	pick_bound(&ui->history);
}

void ui_listed(struct ui *ui)
{
	pick_grants(ui);
	pick_history(ui);
	ui_remember(ui);
}

void ui_done(struct ui *ui)
{
	free(ui->grants.row);
	free(ui->history.row);
	ui->grants = ui->history = (struct pick){};
}
