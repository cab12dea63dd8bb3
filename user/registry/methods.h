/* SPDX-License-Identifier: Apache-2.0 */
/*
 * methods.h - what is served: Register, and ListAgents. Messages to structs, and replies back
 *
 * Both are of servers whose user is an admission (admission.h). Threads: none.
 */
#ifndef REGISTRY_METHODS_H
#define REGISTRY_METHODS_H

#include "grpc/server.h"

/** method_register() - clawker.agent.v1.AgentService/Register */
void method_register(struct grpc_call *call, void *user);

/** method_list_agents() - clawker.admin.v1.AdminService/ListAgents */
void method_list_agents(struct grpc_call *call, void *user);

#endif
