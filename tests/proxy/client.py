# SPDX-License-Identifier: Apache-2.0
"""client.py - a client that sends what no library would

client.py raw PORT < BYTES      send them, print all that comes until the end or 3 s of silence
client.py shut PORT < BYTES     the same, and say that nothing more comes
client.py sse PORT TOKEN GO     events as they arrive; after each but the last GO is written to
client.py ws PORT TOKEN         a WebSocket: text, binary, ping, then an upstream that goes
client.py slow PORT TOKEN N     read N bytes of /big so slowly that they must wait, print how many came
client.py idle PORT N TOKEN     N connections, each with a request behind it, until stdin ends
client.py drip PORT             one byte of a head, again and again, until the end: how long
"""
import os, socket, sys, time

what, port = sys.argv[1], int(sys.argv[2])
args = sys.argv[3:]


def connect():
    sock = socket.create_connection(("127.0.0.1", port))
    sock.settimeout(3)
    return sock


def all_of(sock):
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return got


def until(sock, mark, got=b""):
    while mark not in got:
        piece = sock.recv(65536)
        if not piece:
            sys.exit(f"ended after {got!r}")
        got += piece
    return got


def frame(opcode, data):
    return bytes([0x80 | opcode, 0x80 | len(data)]) + b"\0\0\0\0" + data


if what in ("raw", "shut"):
    sock = connect()
    try:
        sock.sendall(sys.stdin.buffer.read())
        if what == "shut":
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    sys.stdout.buffer.write(all_of(sock))
elif what == "sse":
    sock = connect()
    sock.sendall(b"GET /sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + args[0].encode() + b"\r\n\r\n")
    got = b""
    for i in range(3):
        got = until(sock, b"data: %d\n\n" % i, got)
        if i < 2 and b"data: %d" % (i + 1) in got:
            sys.exit("too early")
        if i < 2:
            open(args[1], "w").write("x")
    until(sock, b"\r\n0\r\n\r\n", got)
elif what == "ws":
    sock = connect()
    sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer "
                 + args[0].encode() + b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 b"Sec-WebSocket-Protocol: one, two\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    head, rest = until(sock, b"\r\n\r\n").split(b"\r\n\r\n", 1)
    print(head.decode())
    for opcode, data in (1, b"text"), (2, b"\0\xff"), (9, b"ping"), (1, b"x" * 100):
        sock.sendall(frame(opcode, data))
        rest = until(sock, bytes([0x80 | opcode, len(data)]) + data, rest).split(data, 1)[1]
    sock.sendall(frame(1, b"go away"))
    print("then", (rest + all_of(sock)).hex())
elif what == "slow":
    n = int(args[1])
    sock = connect()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
    sock.sendall(b"GET /big?%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " % n + args[0].encode()
                 + b"\r\n\r\n")
    got = len(until(sock, b"\r\n\r\n").split(b"\r\n\r\n", 1)[1])
    time.sleep(0.3)  # that it waits can only be seen by waiting
    print(len(all_of(sock)) + got)
elif what == "idle":
    socks = [connect() for _ in range(int(args[0]))]
    for sock in socks:
        sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + args[1].encode() + b"\r\n\r\n")
        until(sock, b"/hello")
    print("ready", flush=True)
    sys.stdin.read()
elif what == "drip":
    sock = connect()
    began = time.monotonic()
    try:
        sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        while True:
            sock.sendall(b"x")
            sock.settimeout(0.2)
            try:
                if not sock.recv(100):
                    break
            except TimeoutError:
                pass
    except OSError:
        pass
    print(time.monotonic() - began)
