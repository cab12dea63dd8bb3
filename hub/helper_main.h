/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper_main.h - the verdict helper as a process: terok-clearance serve-verdict
 *
 * It gives up little, because the shield that it runs inherits what it is: entering a
 * container's namespaces may need set-uid programs of the system.
 */
#ifndef HUB_HELPER_MAIN_H
#define HUB_HELPER_MAIN_H

/**
 * helper_main() - serve until SIGTERM or SIGINT
 * @path: the socket; NULL: terok-clearance-verdict.sock in XDG_RUNTIME_DIR
 * @program: the shield's; NULL: as helper_new() finds it
 *
 * Return: 0 or negative errno, logged.
 */
int helper_main(const char *path, const char *program);

#endif
