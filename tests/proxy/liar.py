# SPDX-License-Identifier: Apache-2.0
"""liar.py - an upstream whose replies are none, and a client that must not be confused by them

liar.py serve FOLDER               listens where FOLDER/liar has it ("PLAIN TLS"); GET /lie?GROUP-NUMBER is answered by that lie,
                                   and whatever else truly
liar.py try GROUP PORT TOKEN       each lie of a group through the proxy: what came must be one of what the case
                                   allows, and whoever asks next, there or elsewhere, has their own reply
liar.py behind PORT TOKEN PID      while the proxy, PID, is stopped a request comes in, and then what its upstream says unasked

A lie may come in pieces; None is a moment in which the proxy can take the connection back.
"""
import os, signal, socket, ssl, struct, sys, threading, time
from wire import Conn, Cut, Wrong, read_reply

OK = b"HTTP/1.1 200 OK\r\n"
POISON = OK + b"Content-Length: 6\r\n\r\npoison"
BAD, FINE = "bad", "fine"  # 502 or cut; that, or exactly this body
STAY, END, RESET = "stay", "end", "reset"


def bad(*pieces, then=STAY):
    return BAD, None, then, pieces


def fine(body, *pieces, then=STAY):
    return FINE, body, then, pieces


def five(fields, first=OK):
    return first + fields + b"\r\nabcde"


def chunks(data):
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + data


def endless(piece):
    return (piece * (65536 // len(piece) + 1) for _ in range(500))  # 32 MiB, or until nobody listens


LIES = {
    "heads": [bad(v + b"\r\nContent-Length: 5\r\n\r\nabcde") for v in (
        b"hello", b"", b"HTTP/1.1 20 OK", b"HTTP/1.1 abc OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 099 x", b"HTTP/1.1 000 x", b"HTTP/1.1 200\x00OK",
        b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\x1bK", b"HTTP/1.1 2000 OK", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/9.9 200 OK", b"<html>", b"\x00\x00", b"200 OK",
        b"HTTP/1.1 -20 OK", b"SSH-2.0-x", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 200OK", b"GET / HTTP/1.1")] + [
        bad(OK + v + b"\r\nContent-Length: 5\r\n\r\nabcde") for v in (
            b"Bad Name: x", b"X : y", b": x", b"no colon", b"X: a\x00b", b"X: a\rb", b"X: a\x01b", b"X\x00: a", b"X(: y", b"\xc3\xa9: y", b"X: a\x7fb", b"X: a\x0bb")] + [
        fine(b"abcde", five(v)) for v in (
            b"X: a\r\n folded\r\nContent-Length: 5\r\n", b"X: a\r\n\tfolded\r\nContent-Length: 5\r\n", b"X:\r\n a\r\nContent-Length: 5\r\n",
            b"Content-Length:\r\n 5\r\n", b"Content-Length: 5\r\nX: a\r\n Transfer-Encoding: chunked\r\n", b"X: a\nContent-Length: 5\r\n", b"Content-Length: 5\r\nX:\r\n",
            b"Content-Length: 5\r\nX: \xc3\xa9\xff\r\n", b" X: a\r\nContent-Length: 5\r\n",
            b"\tX: a\r\nContent-Length: 5\r\n")] + [
        fine(b"abcde", five(b"Content-Length: 5\r\n", v)) for v in (b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 \xc3\xa9\r\n")],
    "lengths": [bad(five(b"Content-Length: " + v + b"\r\n")) for v in (b"-5", b"five", b"99999999999999999999999", b"+", b"--5", b"18446744073709551621")] + [
        bad(five(b"Content-Length: 5\r\nContent-Length: 6\r\n"), then=END), bad(five(b"Content-Length: 0\r\nContent-Length: 5\r\n")),
        bad(five(b"Content-Length: 4\r\nContent-Length: 5\r\n")), bad(five(b"Content-Length: 5\r\ncontent-length: 3\r\n"))] + [
        fine(b"abcde", five(b"Content-Length: " + v + b"\r\n")) for v in (b"5,5", b"5, 5", b"+5", b"5 5", b"5;", b"5.0", b"005", b" 5\t", b"5\x0b")] + [
        bad(five(b"Content-Length: 5, 6\r\n"), then=END), bad(five(b"Content-Length: 6, 5\r\n"), then=END), bad(five(b"Content-Length: 0x5\r\n"))] + [
        fine(b"abcde", five(b"Content-Length: 5\r\nContent-Length: 5\r\n")), fine(b"abcde", five(b"Connection: Content-Length\r\nContent-Length: 5\r\n"))],
    "both": [fine(b"abc", OK + f + b"\r\n3\r\nabc\r\n0\r\n\r\n") for f in (
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 300\r\n", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding:\tCHUNKED \r\n")] + [
        bad(OK + f + b"\r\n3\r\nabc\r\n0\r\n\r\n", then=END) for f in (
            b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", b"Transfer-Encoding: chunked, cow\r\n", b"Transfer-Encoding: cow, chunked\r\n",
            b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n")],
    "chunks": [bad(chunks(v + b"\r\nabc\r\n0\r\n\r\n"), then=END) for v in (
        b"zz", b"-3", b"0x3", b"3x", b"3 3", b"", b"fffffffffffffffff", b"ffffffffffffffff", b"4", b"2", b"\x00", b"3\x00")] + [bad(chunks(v), then=END) for v in (
            b"3\r\nabcXX0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"3\r\nabc\r\n", b"3\r\nabc\r\n0", b"3\r\nabc\r\n0\r\n", b"3\r\nabc\r\n0\r\nX: y", b"3\r\nabc\r\n0\r\nX: y\r\n",
            b"3\r\nab", b"3", b"")] + [
        fine(b"abc", chunks(v)) for v in (b"3;x=y\r\nabc\r\n0;z\r\n\r\n", b"003\r\nabc\r\n000\r\n\r\n", b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
                                         b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", b"3\r\nabc\r\n0\r\nbad line\r\n\r\n",
                                         b"3\r\nabc\r\n0\r\n folded: x\r\n\r\n", b"3\r\nabc\r\n0\r\nX: a\x00b\r\n\r\n")],
    "surplus": [fine(body, reply + POISON) for body, reply in (
        (b"abcde", five(b"Content-Length: 5\r\n")), (b"", OK + b"Content-Length: 0\r\n\r\n"), (b"abc", chunks(b"3\r\nabc\r\n0\r\n\r\n")),
        (b"", b"HTTP/1.1 204 No Content\r\n\r\n"), (b"", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"))] + [
        fine(body, reply, None, POISON) for body, reply in (
            (b"abcde", five(b"Content-Length: 5\r\n")), (b"", OK + b"Content-Length: 0\r\n\r\n"), (b"abc", chunks(b"3\r\nabc\r\n0\r\n\r\n")),
            (b"", b"HTTP/1.1 204 No Content\r\n\r\n"), (b"", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde"))] + [
        fine(b"abcde", five(b"Content-Length: 5\r\n") + b"\r\n"), fine(b"abcde", five(b"Content-Length: 5\r\n"), None, b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        fine(b"abcde", five(b"Content-Length: 5\r\n"), None, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", then=END)],
    "interim": [fine(b"abcde", v + five(b"Content-Length: 5\r\n")) for v in (
        b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2000, b"HTTP/1.1 102 Processing\r\n\r\n" * 100, b"HTTP/1.1 199 x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n")] + [
        bad(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + POISON),
        bad((b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60000 + b"\r\n\r\n") * 20 + five(b"Content-Length: 5\r\n")),
        bad(b"HTTP/1.1 103 Early Hints\r\nBad Name: x\r\n\r\n" + POISON), bad(b"HTTP/1.1 100 Continue\r\n\r\n", then=END),
        bad(b"HTTP/1.1 103 Early Hints\r\n", then=END), bad(b"HTTP/1.1 103 Early Hints\r\n\r\nhello" + POISON)],
    "endless": [bad(OK + b"X: ", endless(b"x")), bad(OK, endless(b"X: y\r\n")), bad(b"HTTP/1.1 200 ", endless(b"x")), bad(endless(b"x")), bad(endless(b"\r\n")),
                bad(OK + b"X: y\r\n", endless(b" folded\r\n")), bad(b"HTTP/1.1 103 x\r\nX: ", endless(b"x")), bad(chunks(b"3;"), endless(b"x")),
                bad(chunks(b""), endless(b"0")), bad(chunks(b"3\r\nabc\r\n0\r\n"), endless(b"X: y\r\n")), bad(chunks(b"3\r\nabc\r\n0\r\nX: "), endless(b"x")),
                bad(OK + b"Content-Length: 5\r\n", endless(b"\x00"))],
    "cut": [bad(five(b"Content-Length: 5\r\n")[:n], then=how) for n in (0, 1, 9, 12, 17, 20, 36, 37, 38, 39, 42) for how in (END, RESET)] + [
        bad(OK + b"\r\nuntil the", None, then=RESET), fine(b"until the end", OK + b"\r\nuntil the end", then=END),
        bad(chunks(b"3\r\nabc\r\n"), None, then=RESET), fine(b"until the end", b"HTTP/1.0 200 OK\r\n\r\nuntil the end", then=END)],
    "head": [fine(b"", v) for v in (
        OK + b"Content-Length: 5\r\n\r\n", OK + b"Content-Length: 5\r\n\r\nabcde", OK + b"Transfer-Encoding: chunked\r\n\r\n", chunks(b"3\r\nabc\r\n0\r\n\r\n"),
        OK + b"Content-Length: 0\r\n\r\n" + POISON, OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", OK + b"\r\n")],
}


# --- the upstream ---------------------------------------------------------------------------


def tell(conn, pieces):
    for piece in pieces:
        if piece is None:
            time.sleep(0.05)  # nobody tells when the proxy has taken its connection back
        elif isinstance(piece, bytes):
            conn.sendall(piece)
        else:
            for more in piece:
                conn.sendall(more)


def serve(conn, context):
    buf = b""
    try:
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        while True:
            while b"\r\n\r\n" not in buf:
                got = conn.recv(65536)
                if not got:
                    return
                buf += got
            head, buf = buf.split(b"\r\n\r\n", 1)
            target = head.split(b" ")[1]
            if not target.startswith(b"/lie?"):
                body = b"honest " + target
                conn.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                continue
            name, number = target[5:].decode().split("-")
            _, _, then, pieces = LIES[name][int(number)]
            tell(conn, (endless_again(p) for p in pieces))
            if then == RESET:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if then != STAY:
                return
    except OSError:
        pass
    finally:
        conn.close()


def endless_again(piece):
    """an endless one can be told once: each time is another"""
    if piece is None or isinstance(piece, bytes):
        return piece
    block = next(piece)
    return (block for _ in range(500))


def listen(sock, context):
    while True:
        conn, _ = sock.accept()
        threading.Thread(target=serve, args=(conn, context), daemon=True).start()


def listen_all(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    socks = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
    with open(f"{folder}/liar.new", "w") as f:
        f.write("%d %d\n" % tuple(s.getsockname()[1] for s in socks))
    os.rename(f"{folder}/liar.new", f"{folder}/liar")
    threading.Thread(target=listen, args=(socks[1], context), daemon=True).start()
    listen(socks[0], None)


# --- the client -----------------------------------------------------------------------------


def ask(conn, target, token, method=b"GET"):
    conn.send(b"%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (method, target, token))
    return read_reply(conn, method.decode(), interim=[])


def honest(conn, token, mark):
    reply = ask(conn, b"/honest?" + mark, token)
    if reply.status != 200 or reply.body != b"honest /honest?" + mark or not reply.whole:
        raise Wrong(f"who asked next had {reply.status} {reply.body[:100]!r}")


def try_one(group, number, port, token):
    want, body, _, _ = LIES[group][number]
    mark = b"%s-%d" % (group.encode(), number)
    conn, others = Conn(port, 20), []
    for i in range(2):  # connections to be poisoned
        others.append(Conn(port, 20))
        honest(others[i], token, b"before-%d-" % i + mark)
    late = 0.2 if None in LIES[group][number][3] else 0  # until what comes late has come
    try:
        reply = ask(conn, b"/lie?" + mark, token, b"HEAD" if group == "head" else b"GET")
        time.sleep(late)
        if reply.status == 502:
            if reply.body not in (b"", b"Upstream request failed", b"Upstream disconnected"):
                raise Wrong(f"502 {reply.body[:100]!r}")
        elif reply.whole and (want == BAD or reply.body != body):
            raise Wrong(f"{reply.status} {reply.body[:100]!r}, whole")
        elif b"poison" in reply.body:
            raise Wrong(f"{reply.body[:100]!r}")
        if reply.whole and reply.framed:
            honest(conn, token, b"same-" + mark)
    except Cut as e:
        if str(e) == "silence":
            raise Wrong("nothing, and no end")
    conn.close()
    time.sleep(late)
    for i, other in enumerate(others + [Conn(port, 20)]):
        honest(other, token, b"after-%d-" % i + mark)
        other.close()


def behind(port, token, pid):
    one, other = Conn(port, 20), Conn(port, 20)
    honest(other, token, b"before")
    ask(one, b"/lie?surplus-5", token)
    os.kill(pid, signal.SIGSTOP)
    try:
        other.send(b"GET /honest?behind HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % token)
        time.sleep(0.2)  # until what comes late has come
    finally:
        os.kill(pid, signal.SIGCONT)
    reply = read_reply(other, interim=[])
    if reply.body != b"honest /honest?behind":
        raise Wrong(f"{reply.status} {reply.body[:100]!r}")


if sys.argv[1] == "serve":
    listen_all(sys.argv[2])
if sys.argv[1] == "behind":
    sys.exit(behind(int(sys.argv[2]), sys.argv[3].encode(), int(sys.argv[4])))
group, port, token = sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
wrong = 0
for number in range(len(LIES[group])):
    try:
        try_one(group, number, port, token)
    except (Wrong, Cut) as e:
        pieces = [p if p is None or isinstance(p, bytes) else next(p)[:20] for p in LIES[group][number][3]]
        print(f"{group} {number}: {type(e).__name__} {e}; told {pieces!r}"[:400])
        wrong += 1
print(f"{len(LIES[group])} of {group}, {wrong} wrong")
sys.exit(wrong != 0)
