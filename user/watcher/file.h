/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/file.h - read a file that somebody else writes: whole, small, and without waiting
 *
 * Threads: none.
 */
#ifndef TEROK_WATCHER_FILE_H
#define TEROK_WATCHER_FILE_H

#include <stddef.h>

/**
 * file_open() - to be read; only a regular file (or one of /proc)
 *
 * Return: a descriptor; -EINVAL what is no file, or what the kernel says.
 */
int file_open(const char *path);

/**
 * file_read() - all of it, and a NUL
 * @max: more is -EFBIG
 * @size: bytes without the NUL
 *
 * Return: 0, and *@ret is the caller's to free.
 */
int file_read(const char *path, size_t max, char **ret, size_t *size);

#endif
