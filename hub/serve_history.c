// SPDX-License-Identifier: Apache-2.0
#include "serve_history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "wire_entry.h"

#define INVALID "org.varlink.service.InvalidParameter"
#define FAILED  "org.terok.Firewall1.NoHistory"

const struct varlink_param serve_history_params[SERVE_HISTORY_PARAMS] = {
	{ "guard", json_type_int, true },
	{ "after", json_type_int, true },
	{ "limit", json_type_int, true },
};

/* One call, while it is answered. */
struct page {
	struct recall recall;
	struct varlink_call *call;
	struct hub *hub;
	struct json out;
};

static void page_free(struct page *page)
{
	hub_recall_end(page->hub, &page->recall);
	json_free(&page->out);
	free(page);
}

static void page_gone(void *owner)
{
	page_free(owner);
}

static bool page_add(struct recall *recall, const struct msg_entry *entry)
{
	struct page *page = container_of(recall, struct page, recall);

	wire_entry(&page->out, NULL, entry);
	return page->out.n < SERVE_HISTORY_BYTES;
}

static const char *reason_of(int error)
{
	if (error == -ENOSYS)
		return "this hub keeps no history";
	if (error == -EAGAIN || error == -EBUSY)
		return "it cannot be read now: try again";
	return strerror(error ? -error : ENOMEM);
}

static void page_done(struct recall *recall, bool more, int error)
{
	struct page *page = container_of(recall, struct page, recall);

	json_close_array(&page->out);
	json_add_bool(&page->out, "more", more);
	json_close_object(&page->out);
	if (error || !json_done(&page->out))
		varlink_error_text(page->call, FAILED, "reason", reason_of(error));
	else
		varlink_reply(page->call, json_done(&page->out));
	page_free(page);
}

/* A number up to @max; one that is not given is @otherwise. */
static bool number_take(struct varlink_call *call, struct json_object *parameters, const char *key,
			int64_t max, int64_t otherwise, int64_t *ret)
{
	struct json_object *value = json_object_object_get(parameters, key);

	*ret = value ? json_object_get_int64(value) : otherwise;
	if (*ret >= 0 && *ret <= max)
		return true;
	varlink_error_text(call, INVALID, "parameter", key);
	return false;
}

void serve_history(struct varlink_call *call, struct json_object *parameters)
{
	int64_t guard, after, limit;
	struct page *page;

	if (!number_take(call, parameters, "guard", UINT32_MAX, 0, &guard) ||
	    !number_take(call, parameters, "after", INT64_MAX, 0, &after) ||
	    !number_take(call, parameters, "limit", SERVE_HISTORY_LIMIT, SERVE_HISTORY_LIMIT,
			 &limit))
		return;
	page = calloc(1, sizeof(*page));
	if (!page) {
		varlink_error_text(call, FAILED, "reason", strerror(ENOMEM));
		return;
	}
	page->call = call;
	page->hub = varlink_call_user(call);
	page->recall = (struct recall){ .uid = varlink_call_uid(call),
					.guard = guard,
					.after = after,
					.limit = limit,
					.entry = page_add,
					.done = page_done };
	json_open_object(&page->out, NULL);
	json_open_array(&page->out, "entries");
	varlink_keep(call, page, NULL, page_gone);
	hub_recall(page->hub, &page->recall);
}
