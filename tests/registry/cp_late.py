#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cp_late.py BUNDLE PORT SOURCE AGENT PROJECT - an agent whose second Register has its message long after its headers

Prints "open" when the first is answered and the headers of the second are taken; sends the message
when a line comes, and prints "ended" when that is answered.
"""
import sys

import h2


def text(field, value):
    return bytes([field << 3 | 2, len(value)]) + value.encode()


where, port, source, agent, project = sys.argv[1:]
on = h2.Conn(("127.0.0.1", int(port)), where + "/cert.pem", where + "/key.pem", where + "/ca.pem", source)
with open(where + "/assertion.jwt") as f:
    token = f.read()
message = text(1, agent) + text(2, project)


def begin(stream):
    on.call(stream, "/clawker.agent.v1.AgentService/Register", token)


def until(kind, flag, stream):
    while True:
        had, flags, of, _ = on.read()
        if (had, of) == (kind, stream) and flags & flag:
            return


begin(1)
on.message(1, message, end=True)
until(h2.HEADERS, h2.END_STREAM, 1)
begin(3)
on.frame(h2.PING, 0, 0, bytes(8))
until(h2.PING, h2.ACK, 0)
print("open", flush=True)
sys.stdin.readline()
on.message(3, message, end=True)
until(h2.HEADERS, h2.END_STREAM, 3)
print("ended")
