#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A session with terok-agentd, in which it is told to register.

cp_session.py CERT CA PORT    CERT: a file of a certificate and its key. The agent's URIs, then "registered" or what it
                              was told instead; "refused" if there is no session

A stock gRPC insists on a name of DNS in the certificate of an agent, which has URIs alone: so by hand.
"""
import sys

import h2
from cp_client import fields, text

SESSION = "/clawker.clawkerd.v1.ClawkerdService/Session"
HELLO, REGISTER_REQUIRED, HELLO_ACK, REGISTER_DONE = 2, 7, 2, 9


def command(name, kind):
    return text(1, name) + bytes([kind << 3 | 2, 0])


def responses(on):
    """each message: its fields by number"""
    data = b""
    while True:
        kind, flags, _, payload = on.read()
        if kind == h2.DATA:
            data += payload
            while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[1:5], "big"):
                n = int.from_bytes(data[1:5], "big")
                yield dict(fields(data[5:5 + n]))
                data = data[5 + n:]
        if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM or kind in (h2.RST_STREAM, h2.GOAWAY):
            raise EOFError("the session has ended")


def main(cert, ca, port):
    try:
        on = h2.Conn(("127.0.0.1", int(port)), cert, cert, ca)
    except (OSError, EOFError):
        print("refused")
        return
    on.call(1, SESSION)
    heard = responses(on)
    on.message(1, command("hello", HELLO))
    assert HELLO_ACK in next(heard)
    on.message(1, command("register", REGISTER_REQUIRED))
    said = next(heard)
    assert said[1] == b"register", said
    done = dict(fields(said[REGISTER_DONE]))
    print(*(name for kind, name in on.peer["subjectAltName"] if kind == "URI"))
    print("registered" if done.get(1) else done[2].decode())
    on.close()


main(*sys.argv[1:])
