#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stock gRPC (grpcio) as an agent, and as people's program, of terok-cp serve.

cp_client.py register BUNDLE PORT AGENT PROJECT [TOKEN-FILE]   "CODE text"; - is no token
cp_client.py sized BUNDLE PORT AGENT PROJECT BYTES             the same, in a message of so many bytes
cp_client.py stream BUNDLE PORT [AGENT PROJECT]                the same, or nothing, in a stream that does not end
cp_client.py raw BUNDLE PORT PATH HEX                          any bytes to any method, with the bundle's token
cp_client.py list PKI PORT TOKEN-FILE                          a line for each agent
cp_client.py many PORT BUNDLE AGENT N                          N calls over one kept connection: seconds, p99 in ms
BUNDLE has cert.pem, key.pem, ca.pem, assertion.jwt; PKI cli.pem and ca.pem. CP_HOST is where it listens.
"""
import os
import queue
import sys
import time

import grpc

HOST = os.environ.get("CP_HOST", "127.0.0.1")
REGISTER = "/clawker.agent.v1.AgentService/Register"
LIST = "/clawker.admin.v1.AdminService/ListAgents"


def read(name):
    with open(name, "rb") as f:
        return f.read()


def channel(cert, key, ca, port):
    credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(cert))
    return grpc.secure_channel(f"{HOST}:{port}", credentials,
                               options=[("grpc.ssl_target_name_override", "clawker-controlplane"),
                                        ("grpc.enable_http_proxy", 0)])


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(field, value):
    value = value.encode()
    return bytes([field << 3 | 2]) + varint(len(value)) + value if value else b""


def fields(data):
    """number, value of each field: of varints and bytes"""
    def number():
        nonlocal at
        n = shift = 0
        while True:
            n |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return n
    at = 0
    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            yield tag >> 3, number()
        else:
            n = number()
            yield tag >> 3, data[at:at + n]
            at += n


def call(on, path, message, token):
    headers = [("authorization", "Bearer " + token)] if token else []
    try:
        return "OK", on.unary_unary(path)(message, timeout=20, metadata=headers)
    except grpc.RpcError as e:
        return e.code().name, e.details()


def bundle(where, port):
    return channel(where + "/cert.pem", where + "/key.pem", where + "/ca.pem", port)


def main(verb, *args):
    if verb == "register":
        where, port, agent, project, *rest = args
        token = read(rest[0] if rest else where + "/assertion.jwt").decode() if rest != ["-"] else None
        code, said = call(bundle(where, port), REGISTER, text(1, agent) + text(2, project), token)
        print(code, said if code != "OK" else len(said))
    elif verb == "sized":
        where, port, agent, project, size = args
        message = text(1, agent) + text(2, project)
        message += text(15, "x" * (int(size) - len(message) - 4))  # of a field that nobody knows
        assert len(message) == int(size)
        code, said = call(bundle(where, port), REGISTER, message, read(where + "/assertion.jwt").decode())
        print(code, said if code != "OK" else len(said))
    elif verb == "stream":
        where, port, *who = args
        more = queue.Queue()
        if who:
            more.put(text(1, who[0]) + text(2, who[1]))
        headers = [("authorization", "Bearer " + read(where + "/assertion.jwt").decode())]
        said = bundle(where, port).stream_stream(REGISTER)(iter(more.get, None), timeout=20, metadata=headers)
        try:
            print("OK", *(len(message) for message in said))
        except grpc.RpcError as e:
            print(e.code().name, e.details())
        more.put(None)
    elif verb == "raw":
        where, port, path, message = args
        print(*call(bundle(where, port), path, bytes.fromhex(message), read(where + "/assertion.jwt").decode()))
    elif verb == "list":
        pki, port, token = args
        on = channel(pki + "/cli.pem", pki + "/cli.pem", pki + "/ca.pem", port)
        code, said = call(on, LIST, b"", read(token).decode().strip())
        if code != "OK":
            print(code, said)
            return
        for _, agent in fields(said):
            of = dict(fields(agent))
            print(*(of.get(n, b"").decode() for n in (1, 6, 2, 3)), of[4], of[5])
    elif verb == "many":
        port, where, agent, n = args
        on, token = bundle(where, port), read(where + "/assertion.jwt").decode()
        took, at = [], time.monotonic()
        for _ in range(int(n)):
            begun = time.monotonic()
            code, said = call(on, REGISTER, text(1, agent), token)
            took.append(time.monotonic() - begun)
            if code != "OK":
                sys.exit(f"{code} {said}")
        print(f"{time.monotonic() - at:.3f} {sorted(took)[int(len(took) * .99)] * 1000:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
