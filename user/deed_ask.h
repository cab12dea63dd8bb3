/* SPDX-License-Identifier: Apache-2.0 */
/* deed_ask.h - have a deed done by the agent, for who is not root. Called by: deed.c. */
#ifndef TEROK_DEED_ASK_H
#define TEROK_DEED_ASK_H

#include "terok/control_msg.h"

/** deed_ask() - say it, print what is printed for it; what a verb returns */
int deed_ask(const struct control_deed *deed);

#endif
