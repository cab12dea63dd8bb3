// SPDX-License-Identifier: Apache-2.0
#include "clearance_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL      11 /* columns */
#define PAGE_LINES 24
#define ASKERS_MAX 200 /* requests of a group that are looked at for who asks */

struct page {
	unsigned n;
	struct {
		const char *label;
		char text[400];
	} line[PAGE_LINES];
};

static void add(struct page *page, const char *label, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

static void add(struct page *page, const char *label, const char *fmt, ...)
{
	va_list args;

	if (page->n == PAGE_LINES)
		return;
	page->line[page->n].label = label;
	va_start(args, fmt);
	vsnprintf(page->line[page->n++].text, sizeof(page->line[0].text), fmt, args);
	va_end(args);
}

static void add_if(struct page *page, const char *label, const char *text)
{
	if (*text)
		add(page, label, "%s", text);
}

static void add_asked(struct page *page, const struct item *item)
{
	uint64_t now = now_boot_ns();
	char first[40] = "", last[16], age[16];

	if (item->count > 1 && item->from_first)
		snprintf(first, sizeof(first), "first %s ago, ",
			 age_format(age, now - item->seen_ns));
	add(page, "asked", "%" PRId64 " time%s, %s%s%s ago; container %s, guard %" PRId64,
	    item->count, item->count == 1 ? "" : "s", first, item->count == 1 ? "" : "last ",
	    age_format(last, now - item->told_ns), item->name, item->guard);
}

/* In the order of their weight: a pane shows the first ones. */
static void page_item(struct page *page, const struct item *item)
{
	const char *address = item_address(item);
	char where[TARGET_LEN], answer[80];

	if (*item->problem)
		add(page, item->state == ITEM_OPEN ? "FAILED" : "told", "%s", item->problem);
	if (item->state == ITEM_ALLOWED || item->state == ITEM_DENIED)
		add(page, item_state_name(item->state), "%s, by uid %" PRId64 "%s%s",
		    item_answer_format(answer, sizeof(answer), item), item->answer.uid,
		    *item->answer.client ? " with " : "", item->answer.client);
	add_if(page, "rule made", item->answer.rule);
	add(page, "where", "%s%s%s", item_where(where, item),
	    *address && *item_name(item) ? "  address " : "", *item_name(item) ? address : "");
	if (item->pid)
		add(page, "process", "%s[%" PRId64 "] uid %" PRId64 "  %s", item->comm, item->pid,
		    item->uid, *item->exe ? item->exe : "(it had ended)");
	else if (!item->port && !item->proto)
		add(page, "process", "not known: a name is asked for by way of the resolver");
	add_if(page, "command", item->cmdline);
	add_if(page, "started by", item->parents);
	if (*item->reason)
		add(page, "why", "%s (%s)", item_reason(item), item->reason);
	add_if(page, "rule", item->rule);
	add_if(page, "it said", item->said);
	add_asked(page, item);
	add(page, "request", "%s%s%s%s%s", item->request_id, *item->hook ? "  " : "", item->hook,
	    strcmp(item->container, item->name) ? "  " : "",
	    strcmp(item->container, item->name) ? item->container : "");
}

struct askers {
	unsigned n, left;
	char text[300];
};

/* Each program once, as far as there is room. */
static void add_asker(struct item *item, void *user)
{
	struct askers *askers = user;
	size_t n = strlen(askers->text), size = sizeof(askers->text);
	char word[32];

	if (!askers->left || item->state > ITEM_ANSWERED || !*item->comm)
		return;
	askers->left--;
	snprintf(word, sizeof(word), " %s,", item->comm);
	if (!strstr(askers->text, word))
		snprintf(askers->text + n, size - n, "%s", word);
}

static void page_group(struct page *page, struct node *node)
{
	const struct group *group = node_group(node);
	struct askers askers = { .left = ASKERS_MAX };
	char label[300];

	add(page, "group", "%s", group_label(label, sizeof(label), group));
	if (group->container)
		add(page, "container", "%s", group_label(label, sizeof(label), group->container));
	add(page, "open", "%u request%s", node->open, node->open == 1 ? "" : "s");
	if (group_held(group))
		add(page, "not asked",
		    "%" PRId64 " refusals more: who tries again is asked about when fewer wait",
		    group_held(group));
	list_each_below(node, add_asker, &askers);
	if (*askers.text)
		add(page, "asked by", "%.*s", (int)strlen(askers.text) - 2, askers.text + 1);
	add(page, "", "Enter denies all of them; a or d, then a scope, answers all of them.");
	add(page, "", "%s",
	    node_is_folded(node) ? "Right or space shows them." : "Left or space hides them.");
}

static void page_grant(struct page *page, const struct grant *grant)
{
	char where[TARGET_LEN], age[16];
	uint64_t now = now_boot_ns();

	add(page, grant->action, "%s",
	    target_format(where, grant->dest, grant->port, grant->proto));
	add(page, "container", "%s, guard %" PRId64, grant->name, grant->guard);
	if (grant->until_ns)
		add(page, "ends", "in %s",
		    grant->until_ns > now ? age_format(age, grant->until_ns - now) : "0s");
	else
		add(page, "ends", "%s",
		    strcmp(grant->scope, "forever") ? "with its container" : "never by itself");
	add(page, "answered", "by uid %" PRId64 ", %s ago", grant->uid,
	    grant->since_ns ? age_format(age, now - grant->since_ns) : "?");
	add(page, "grant", "%s", grant->grant);
}

#define WALL_LEN 40

static const char *wall_format(char buf[static WALL_LEN], int64_t wall_ns)
{
	time_t seconds = wall_ns / (int64_t)SECOND_NS;
	struct tm tm;

	buf[0] = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(buf, WALL_LEN, "%Y-%m-%d %H:%M:%S %z", &tm);
	return buf;
}

static void page_entry(struct page *page, const struct entry *entry)
{
	bool named = *entry->domain && strcmp(entry->domain, entry->dest);
	char where[TARGET_LEN], wall[WALL_LEN], until[WALL_LEN];

	add(page, "when", "%s", wall_format(wall, entry->wall_ns));
	add(page, "what", "%s %s", entry_word(entry), scope_words(entry->scope));
	if (entry->until_ns)
		add(page, "until", "%s", wall_format(until, entry->until_ns));
	if (*entry->dest)
		add(page, "where", "%s%s%s",
		    target_format(where, *entry->domain ? entry->domain : entry->dest, entry->port,
				  entry->proto),
		    named ? "  address " : "", named ? entry->dest : "");
	add(page, "container", "%s, guard %" PRId64, entry->name, entry->guard);
	if (*entry->process)
		add(page, "process", "%s, %" PRId64 " times", entry->process, entry->count);
	if (entry_is_by(entry))
		add(page, "by", "uid %" PRId64 " %s", entry->uid, entry->client);
	add_if(page, "request", entry->request_id);
}

static void page_marked(struct page *page, struct ui *ui)
{
	struct node *node = list_cursor(&ui->session->list);

	page->n = 0;
	if (ui->view == UI_GRANTS && ui_grant(ui))
		page_grant(page, ui_grant(ui));
	else if (ui->view == UI_HISTORY && ui_entry(ui))
		page_entry(page, ui_entry(ui));
	else if (ui->view == UI_REQUESTS && node && node->kind == NODE_ITEM)
		page_item(page, node_item(node));
	else if (ui->view == UI_REQUESTS && node)
		page_group(page, node);
}

static void page_help(struct page *page)
{
	page->n = 0;
	add(page, "Enter x",
	    "deny what is marked, one request or a whole group, until its container "
	    "ends");
	add(page, "a", "allow it: a second key says for how long");
	add(page, "d", "deny it, the same");
	add(page, "", "o once (a minute), m 15 minutes, c until the container ends, f for ever");
	add(page, "", "r reach: this name, the name and all below it, this address alone");
	add(page, "", "p ports: the one that was asked for, or any");
	add(page, "up down", "or k j: move; PgUp PgDn Home End; n: the next that is open");
	add(page, "left right", "or space: hide and show what is below a group");
	add(page, "i", "everything about what is marked");
	add(page, "Tab 1 2 3", "requests; grants, where x revokes; history");
	add(page, "/", "show only what has a text; Esc: everything");
	add(page, "q", "leave; what is open stays open");
}

void page_draw(struct ui *ui, struct canvas *canvas)
{
	int width = canvas->cols - LABEL - 2, y = 1 - ui->scroll;
	struct page page;

	if (ui->mode == UI_HELP)
		page_help(&page);
	else
		page_marked(&page, ui);
	for (unsigned i = 0; i < page.n; i++) {
		canvas_text(canvas, y, 1, LABEL, PAINT_FAINT, page.line[i].label);
		y += canvas_wrap(canvas, y, LABEL + 1, width, PAGE_LINES, PAINT_PLAIN,
				 page.line[i].text);
	}
	if (y < canvas->rows - 1 && ui->scroll) { /* not beyond the end */
		int back = canvas->rows - 1 - y;

		ui->scroll = ui->scroll > back ? ui->scroll - back : 0;
	}
	canvas_text(canvas, 0, 0, canvas->cols, PAINT_BAR,
		    ui->mode == UI_HELP ? " Help" : " Details");
	canvas_text(canvas, canvas->rows - 1, 0, canvas->cols, PAINT_BAR,
		    " up down scroll, any other key goes back");
}

void page_pane(struct ui *ui, struct canvas *canvas, int y, int rows)
{
	int width = canvas->cols - LABEL - 2;
	struct page page;

	canvas_line(canvas, y);
	page_marked(&page, ui);
	for (int i = 0; i < (int)page.n && i < rows - 1; i++) {
		canvas_text(canvas, y + 1 + i, 1, LABEL, PAINT_FAINT, page.line[i].label);
		canvas_text(canvas, y + 1 + i, LABEL + 1, width, PAINT_PLAIN, page.line[i].text);
	}
}
