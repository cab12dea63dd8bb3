/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_grants.h - ListGrants and Revoke of org.terok.Firewall1
 *
 * Called by: serve.c. Threads: none.
 */
#ifndef HUB_SERVE_GRANTS_H
#define HUB_SERVE_GRANTS_H

#include "base/varlink.h"

#define SERVE_GRANTS_PARAMS 1
#define SERVE_REVOKE_PARAMS 1
extern const struct varlink_param serve_grants_params[SERVE_GRANTS_PARAMS];
extern const struct varlink_param serve_revoke_params[SERVE_REVOKE_PARAMS];

/** serve_list_grants(), serve_revoke() - the methods */
void serve_list_grants(struct varlink_call *call, struct json_object *parameters);
void serve_revoke(struct varlink_call *call, struct json_object *parameters);

#endif
