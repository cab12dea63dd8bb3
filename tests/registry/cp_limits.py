#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one peer may take of terok-cp serve, at N and N + 1.

cp_limits.py connections BUNDLE PORT    how many one address has, and whether the next comes in once one has gone
cp_limits.py streams BUNDLE PORT PATH   how many calls at once it says; whether they fit, one more fits
                                        once one has gone, and one more beside all
"""
import sys
import time

import h2

# an address of this test's alone: what other clients left is not counted with it
HERE = "127.0.0.9"


def connect(where, port, source=None):
    return h2.Conn(("127.0.0.1", int(port)), where + "/cert.pem", where + "/key.pem", where + "/ca.pem", source)


def connections(where, port):
    taken = []

    def one_more():
        try:
            taken.append(connect(where, port, HERE))
        except (OSError, EOFError):
            return False
        return True

    while len(taken) < 100 and one_more():
        pass
    n = len(taken)
    taken.pop().close()
    end = time.monotonic() + h2.LATE
    while not one_more() and time.monotonic() < end:  # that it has gone is told to nobody
        time.sleep(0.02)
    print(n, len(taken), one_more())


def streams(where, port, path):
    on = connect(where, port)
    with open(where + "/assertion.jwt") as f:
        token = f.read()
    said = on.settings[h2.MAX_STREAMS]
    ids, mark = iter(range(1, 1000, 2)), 0

    def stands():
        """all that has gone until now was taken"""
        nonlocal mark
        mark += 1
        on.frame(h2.PING, 0, 0, mark.to_bytes(8, "big"))
        while True:
            try:
                kind, flags, _, payload = on.read()
            except (OSError, EOFError):
                return False
            if kind in (h2.RST_STREAM, h2.GOAWAY):
                return False
            if kind == h2.PING and flags & h2.ACK and int.from_bytes(payload, "big") == mark:
                return True

    def one_more():
        on.call(next(ids), path, token)

    before = stands()  # and it has our word that we know of its settings
    for _ in range(said):
        one_more()
    fits = before and stands()
    on.frame(h2.RST_STREAM, 0, 1, h2.CANCEL.to_bytes(4, "big"))
    one_more()
    again = stands()
    one_more()
    print(said, fits, again, stands())


globals()[sys.argv[1]](*sys.argv[2:])
