// SPDX-License-Identifier: Apache-2.0
#include "exec_prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char choices[] =
    " - [a]llow once  [A]llow always  [d]eny once  [D]eny always  [i]gnore ";

static void put_text(struct prompt *prompt, const char *text)
{
	prompt->put(prompt, text, strlen(text));
}

static struct question *at(struct prompt *prompt, size_t i)
{
	return &prompt->queue[(prompt->head + i) % PROMPT_MAX];
}

/* Back to where it began, which may be some rows up, and wipe from there. */
void prompt_wipe(struct prompt *prompt)
{
	char up[24];

	if (!prompt->shown)
		return;
	prompt->shown = false;
	if (prompt->rows > 1) {
		snprintf(up, sizeof(up), "\x1b[%uA", prompt->rows - 1);
		put_text(prompt, up);
	}
	put_text(prompt, "\r\x1b[J");
}

static void draw(struct prompt *prompt)
{
	const struct question *question = at(prompt, 0);
	unsigned columns = prompt->columns ? prompt->columns : 80;
	size_t len;

	if (prompt->mid_line) /* CMD's unfinished line stays as it is, on its own line */
		put_text(prompt, "\r\n");
	prompt->mid_line = false;
	/* whatever CMD left open: a title that swallows the question, text that nobody can see */
	put_text(prompt, "\x1b\\\x1b[0m");
	put_text(prompt, "terok: ");
	put_text(prompt, question->text);
	put_text(prompt, choices);
	len = strlen("terok: ") + strlen(question->text) + strlen(choices);
	prompt->rows = (len + columns - 1) / columns;
	prompt->shown = true;
}

int prompt_ask(struct prompt *prompt, const char *id, const char *text)
{
	struct question *new;

	for (size_t i = 0; i < prompt->n; i++)
		if (!strcmp(at(prompt, i)->id, id))
			return -EEXIST;
	if (prompt->n == PROMPT_MAX || strlen(id) >= PROMPT_ID)
		return -ENOSPC;
	new = at(prompt, prompt->n++);
	strcpy(new->id, id);
	snprintf(new->text, sizeof(new->text), "%s", text);
	return 0;
}

bool prompt_withdraw(struct prompt *prompt, const char *id)
{
	for (size_t i = 0; i < prompt->n; i++) {
		if (strcmp(at(prompt, i)->id, id))
			continue;
		if (i == 0)
			prompt_wipe(prompt);
		for (; i + 1 < prompt->n; i++)
			*at(prompt, i) = *at(prompt, i + 1);
		prompt->n--;
		return true;
	}
	return false;
}

void prompt_output(struct prompt *prompt, const char *data, size_t size)
{
	bool again = prompt->shown;

	if (!size)
		return;
	prompt_wipe(prompt);
	prompt->put(prompt, data, size);
	prompt->mid_line = data[size - 1] != '\n' && data[size - 1] != '\r';
	if (again)
		draw(prompt);
}

void prompt_line(struct prompt *prompt, const char *text)
{
	bool again = prompt->shown;

	prompt_wipe(prompt);
	if (prompt->mid_line)
		put_text(prompt, "\r\n");
	prompt->mid_line = false;
	put_text(prompt, text);
	put_text(prompt, "\r\n");
	if (again)
		draw(prompt);
}

enum prompt_key prompt_typed(struct prompt *prompt, const char *data, size_t size, uint64_t now_ns,
			     char id[static PROMPT_ID])
{
	static const char keys[] = "?aAdDi"; /* by enum prompt_key */
	const char *key;

	_Static_assert(sizeof(keys) - 1 == PROMPT_KEY_MAX_, "a key for each answer");
	prompt->typed_ns = now_ns;
	if (!prompt->shown || size != 1) /* several bytes at once: pasted, or an escape sequence */
		return PROMPT_KEY_NONE;
	key = memchr(keys + 1, *data, sizeof(keys) - 2);
	if (!key)
		return PROMPT_KEY_NONE;
	strcpy(id, at(prompt, 0)->id);
	prompt_withdraw(prompt, id);
	prompt->typed_ns = 0; /* the next question may come at once */
	return (enum prompt_key)(key - keys);
}

uint64_t prompt_tick(struct prompt *prompt, uint64_t now_ns)
{
	uint64_t due_ns = prompt->typed_ns ? prompt->typed_ns + PROMPT_QUIET_NS : now_ns;

	if (!prompt->n || prompt->shown)
		return 0;
	if (due_ns > now_ns)
		return due_ns;
	draw(prompt);
	return 0;
}

void prompt_hide(struct prompt *prompt)
{
	prompt_wipe(prompt);
	prompt->n = 0;
}
