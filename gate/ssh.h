/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh.h - how git reaches an upstream by SSH: with the project's key, and with no other
 *
 * A key file (<keys>/<project>/id_ed25519_<project>, or the one that is named) or the socket of
 * an SSH agent that holds the project's keys. Without either nothing is tried: a key that
 * happens to be in the user's home or agent is never used by accident. The user's
 * own is used when they have said so, once and by name: memory.personal.
 * Threads: none.
 */
#ifndef GATE_SSH_H
#define GATE_SSH_H

#include "mirror.h"

/* Begins what is said, so that programs know it: there is no key for this project. */
#define SSH_NOT_CONFIGURED "GateAuthNotConfigured"

/**
 * ssh_environment() - what git's environment needs to reach this mirror's upstream by SSH
 * @env: GIT_SSH_COMMAND and SSH_AUTH_SOCK are added; nothing, if it is personal
 *
 * Hosts are remembered in <base>/.known_hosts: a new one is taken, a changed one is refused.
 * Return: 0; -ENOKEY with @why, which begins with SSH_NOT_CONFIGURED; -EINVAL a path that
 * cannot be given to ssh.
 */
int ssh_environment(const struct mirror *mirror, struct git_env *env, struct problem *why);

/**
 * ssh_option() - " -o 'NAME=\"PATH\"'" for a shell and then for ssh, which read it in their own ways
 * @buf: nothing is written beyond @size
 *
 * Return: 0; -EINVAL: the path has bytes that one of them takes for something else, -ENOSPC.
 */
int ssh_option(char *buf, size_t size, const char *name, const char *path);

#endif
