/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_within.h - what the parts of a session have of each other
 *
 * clearance_session.c is the connection, clearance_told.c what is told on it, clearance_answers.c
 * what is answered, clearance_watch.c what is asked for while it is shown.
 * Called by: those. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_WITHIN_H
#define TOOLS_CLEARANCE_WITHIN_H

#include "clearance_session.h"

#define COPY(field, text) text_copy(field, sizeof(field), text)

/** session_note() - a line to the face; session_changed() - an item is another than before */
void session_note(struct session *session, const char *text);
void session_changed(struct session *session, struct item *item, bool fresh);

/** session_end_item() - this has become of it */
void session_end_item(struct session *session, struct item *item, enum item_state state);

/** session_resync() - ask anew what is open, soon: events were missed */
void session_resync(struct session *session);

/** session_answer_failed() - it waits again, with the reason why */
void session_answer_failed(struct session *session, struct item *item, const char *problem);

/** session_answer_note() - what was answered, by whoever was first */
void session_answer_note(struct item *item, const char *action, const char *scope,
			 const char *client);

/** session_refresh_soon() - what is shown beside the requests is asked for, once a second at most */
void session_refresh_soon(struct session *session);

/* As struct hub_events has them. */
void session_on_event(const struct terok_event *event, int64_t lost, void *user);
void session_on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user);
void session_on_answered(const char *error, const char *problem, uint64_t cookie, void *user);
void session_on_grant(const struct grant *grant, bool more, const char *problem, void *user);
void session_on_revoked(const char *error, const char *problem, uint64_t cookie, void *user);
void session_on_entry(const struct entry *entry, bool more, const char *problem, void *user);

#endif
