/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the gate as user/service has it: its units, its names, where it is in the background
 *
 * Called by: the verbs that install, start, stop and show. Threads: none (it reads the environment).
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "service/life.h"
#include "service/service.h"

extern const struct service gate_service;

/** gate_place() - each NULL is the default; as life_place_find() */
int gate_place(const char *base, const char *pid_file, struct life_place *ret, struct problem *why);

/**
 * gate_prepare() - the folder of mirrors, made if it is missing
 * @place: a struct life_place
 *
 * Return: 0; -ENOTDIR or why not, with @why.
 */
int gate_prepare(const void *place, struct problem *why);

#endif
