/* SPDX-License-Identifier: Apache-2.0 */
/*
 * person.h - somebody at a session's hub who answers what services ask for
 *
 * A client of org.terok.Clearance1, which knows nothing of pushes and signatures. Called by: tests of
 * what is asked for, beside session.h, whose teardown ends it.
 */
#ifndef TESTS_HUB_PERSON_H
#define TESTS_HUB_PERSON_H

#include "hub/session.h"

/* The last request that was heard of. */
struct person {
	char request_id[128], container[256], dest[1024], dossier[4096];
};
extern struct person person;

/** person_comes() - begin the session, with a shield that leaves a file if it ever runs */
void person_comes(void);

/** person_hears() - the next event is of that type; what it says of a request is kept */
void person_hears(const char *type);

/** person_answers() - the request; @reply: as the hub has to answer */
void person_answers(const char *action, const char *reply);

/** person_is_unknown() - answer a request that is none any more */
void person_is_unknown(void);

/** person_ran_no_shield() - for nothing that was answered */
void person_ran_no_shield(void);

#endif
