// SPDX-License-Identifier: GPL-2.0-only
/* terok.bpf.c - the programs of the next version */
#include "vmlinux.h"

#include "next.h"

#include "../../../../bpf/terok.bpf.c"
