/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comm.h - what a program that has a connection to us calls itself
 *
 * Called by: whoever notes who answered: the agent's core, a session's hub. Threads: none.
 */
#ifndef BASE_COMM_H
#define BASE_COMM_H

#include <stdint.h>

#include "terok/abi.h"

/**
 * process_comm() - what the process of that number calls itself; "" if it is not (any more) @uid's
 *
 * For people, of somebody who has a connection: a number that was given anew to the same user's
 * next process is not found out. The bytes are its own choice. Reads /proc/PID/comm.
 */
void process_comm(uint32_t pid, uint32_t uid, char ret[static TEROK_COMM_LEN]);

#endif
