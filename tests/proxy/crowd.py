# SPDX-License-Identifier: Apache-2.0
"""crowd.py - many clients at once that are slow, silent, or die

crowd.py slow KIND PORT TOKEN N       N connections that are slow in KIND; "ready", then how long until the last was ended by the
                                      proxy, or until stdin ends
crowd.py die PORT TOKEN N             N clients that die at each step of a request, by an end and by a reset
crowd.py open PORT TOKEN N            N clients at each step of requests; "ready"; what each has in the end: 502, cut, or whole
crowd.py silent PORT TOKEN S GO       a WebSocket and events, both silent for S seconds, go on
crowd.py ended PORT TOKEN             the same, and silent for ever: how long until each is ended
"""
import os, select, socket, struct, sys, threading, time
from wire import Conn, Cut, read_reply

what, args = sys.argv[1], sys.argv[2:]


def head(line, token, more=b""):
    return line + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n" + more + b"\r\n"


UPGRADE = (b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
# what is said at first, and whether a byte follows from time to time
SLOW = {
    "nothing": (lambda token: b"", False),
    "heads": (lambda token: b"GET /echo HTTP/1.1\r\nX: ", True),
    "heads-silent": (lambda token: b"GET /echo HTTP/1.1\r\nX: ", False),
    "bodies": (lambda token: head(b"POST /sum", token, b"Content-Length: 100000\r\n") + b"abc", True),
    "bodies-silent": (lambda token: head(b"POST /sum", token, b"Content-Length: 100000\r\n") + b"abc", False),
    "chunks-silent": (lambda token: head(b"POST /sum", token, b"Transfer-Encoding: chunked\r\n") + b"5\r\nabc", False),
    "readers": (lambda token: head(b"GET /big?50000000", token), False),
    "events": (lambda token: head(b"GET /sse", token), False),
}


def served(port):
    """ports of the clients whose connection the proxy has: who does not read is not told that it has none any more"""
    with open("/proc/net/tcp") as f:
        lines = [line.split() for line in f.readlines()[1:]]
    return {int(line[2].split(":")[1], 16) for line in lines if int(line[1].split(":")[1], 16) == port and line[3] in ("01", "08")}


def slow(kind, port, token, n):
    first, drips = SLOW[kind]
    socks = []
    for _ in range(n):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port))
        sock.sendall(first(token))
        socks.append(sock)
    print("ready", flush=True)
    began, ended = time.monotonic(), False
    while socks:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            print(len(socks), "are left")
            return
        there = served(port)
        for sock in list(socks):
            try:
                if sock.getsockname()[1] not in there:
                    raise OSError
                if drips:
                    sock.sendall(b"x")
            except OSError:
                socks.remove(sock)
    print("%.1f" % (time.monotonic() - began))


def die_once(port, token, first, rest, how):
    sock = socket.create_connection(("127.0.0.1", port))
    try:
        sock.sendall(first)
        if rest:
            sock.settimeout(5)
            sock.recv(rest)
    except OSError:
        pass
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def die(port, token, n):
    whole, body = head(b"GET /echo", token), b"5\r\nabcde\r\n"
    chunked = head(b"POST /sum", token, b"Transfer-Encoding: chunked\r\n")
    steps = [(b"", 0), (b"G", 0), (whole[:-2], 0), (whole, 0), (head(b"POST /sum", token, b"Content-Length: 100000\r\n"), 0),
             (head(b"POST /sum", token, b"Content-Length: 100000\r\n") + b"x" * 60000, 0), (chunked, 0), (chunked + body, 0), (chunked + b"5\r\nab", 0),
             (chunked + body + b"0\r\n", 0), (chunked + body + b"0\r\nX: y\r\n", 0), (head(b"GET /big?9000000", token), 10), (head(b"GET /big?9000000", token), 0),
             (head(b"GET /sse", token), 10), (head(b"GET /trailers", token), 10), (head(b"GET /ws", token, UPGRADE), 0), (head(b"GET /ws", token, UPGRADE), 10),
             (head(b"POST /expect", token, b"Content-Length: 5\r\nExpect: 100-continue\r\n"), 10), (whole * 10, 0)]
    threads = [threading.Thread(target=die_once, args=(port, token, first, rest, how)) for first, rest in steps for how in ("end", "reset") for _ in range(n)]
    for at in range(0, len(threads), 100):
        for thread in threads[at:at + 100]:
            thread.start()
        for thread in threads[at:at + 100]:
            thread.join()
    print(len(threads), "died")


def open_all(port, token, n):
    socks = []
    for first in (head(b"GET /sse", token), head(b"GET /big?90000000", token), head(b"POST /sum", token, b"Content-Length: 900000\r\n") + b"x" * 1000,
                  head(b"POST /sum", token, b"Transfer-Encoding: chunked\r\n") + b"5\r\nabcde\r\n", head(b"GET /ws", token, UPGRADE)):
        for _ in range(n):
            conn = Conn(port, 20)
            conn.send(first)
            socks.append(conn)
    for conn in socks[:2 * n] + socks[4 * n:]:
        conn.more()
    print("ready", flush=True)
    sys.stdin.read()
    for _ in range(50):  # who is silent need not be told before they say more
        quiet = [conn for conn in socks[2 * n:4 * n] if not select.select([conn.sock], [], [], 0)[0]]
        for conn in quiet:
            conn.send(b"5\r\nabcde\r\n")
        time.sleep(0.1 if quiet else 0)
    has = {}
    for conn in socks:
        try:
            reply = read_reply(conn)
            name = str(reply.status) if reply.status != 200 else "whole" if reply.whole else "cut"
            if reply.status == 101:
                try:
                    while True:
                        conn.more()
                except Cut as e:
                    name = "1011" if conn.buf.endswith(b"\x88\x02\x03\xf3") and str(e) == "end" else f"101 {conn.buf[-20:]} {e}"
        except Cut as e:
            name = str(e)
        has[name] = has.get(name, 0) + 1
    print(" ".join(f"{name}:{has[name]}" for name in sorted(has)))


def both(port, token):
    ws, sse = Conn(port, 60), Conn(port, 60)
    ws.send(head(b"GET /ws", token, UPGRADE))
    ws.until(b"\r\n\r\n")
    ws.send(b"\x81\x82\0\0\0\0hi")
    ws.until(b"\x81\x02hi")
    sse.send(head(b"GET /sse", token))
    sse.until(b"data: 0\n\n")
    return ws, sse


def silent(port, token, seconds, go):
    ws, sse = both(port, token)
    time.sleep(seconds)  # silence has no event
    ws.send(b"\x81\x82\0\0\0\0ho")
    ws.until(b"\x81\x02ho")
    for i in 1, 2:
        with open(go, "w") as f:
            f.write("x")
        sse.until(b"data: %d\n\n" % i)
    sse.until(b"\r\n0\r\n\r\n")
    print("both went on")


def ended(port, token):
    began = time.monotonic()
    for name, conn in zip(("websocket", "events"), both(port, token)):
        try:
            while True:
                conn.more()
        except Cut as e:
            print(name, e if str(e) == "silence" else "ended", "%.1f" % (time.monotonic() - began), conn.buf[-5:].hex())


if what == "slow":
    slow(args[0], int(args[1]), args[2].encode(), int(args[3]))
elif what == "die":
    die(int(args[0]), args[1].encode(), int(args[2]))
elif what == "open":
    open_all(int(args[0]), args[1].encode(), int(args[2]))
elif what == "silent":
    silent(int(args[0]), args[1].encode(), float(args[2]), args[3])
elif what == "ended":
    ended(int(args[0]), args[1].encode())
