/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_share.h - how many folders of guards one user has on disk, and how large they are
 *
 * Who runs containers gives them their names, and each name has a folder (guard_dir.h) with an audit
 * of up to 8 MiB: who makes up names must not fill the disk that all others' audit is on. The
 * folders of that user that nothing was written to for longest go, with all that is in them, and
 * the log says so. Root's have no bound.
 *
 * Called by: guard_dir.c. Threads: none; processes may do it at the same time.
 */
#ifndef TEROK_GUARD_SHARE_H
#define TEROK_GUARD_SHARE_H

#include <stdint.h>

#define GUARD_USER_FOLDERS 512                   /* 256 guards of one user live at a time */
#define GUARD_USER_BYTES   (UINT64_C(256) << 20) /* in all of them; looked at every 256 KiB of one */

/** guard_share_make() - make room in @room, an open folder, for @name of user @uid, which stays */
void guard_share_make(int room, uint32_t uid, const char *name);

#endif
