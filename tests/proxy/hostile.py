# SPDX-License-Identifier: Apache-2.0
"""hostile.py - requests that are none, at the proxy's own door

hostile.py GROUP PORT TOKEN UP    one group of the corpus, each at a connection of its own; UP: the upstream's folder

Each carries the name of its case in its target, and a second request behind it, which nobody may run. After each a
request that is one is sent, by the same upstream connections, and must have its own reply. What was wrong is said.
"""
import os, sys
from wire import Conn, Cut, Wrong, read_reply

group, port, token, up = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode(), sys.argv[4]
HEAD = b"Host: x\r\nAuthorization: Bearer " + token + b"\r\n"
BEHIND = b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"
# refused, and the connection with it; its body is none; there is a reply to it; and it is no request to an upstream
REFUSED, BODY, TAKEN, OURS = "refused", "body", "taken", "ours"


def post(fields, body=b"", line=b"POST %s HTTP/1.1\r\n", head=HEAD):
    return line, head + fields + b"\r\n" + body


def get(fields=b"", line=b"GET %s HTTP/1.1\r\n", head=HEAD, end=b"\r\n"):
    return line, head + fields + end


def one_chunk(body):
    return post(b"Transfer-Encoding: chunked\r\n", body)


LENGTHS = [b"-5", b"+5", b"0x5", b"5 5", b"5,5", b"5, 5", b"5,6", b"5;", b"'5'", b'"5"', b"5.0", b"1e1", b"five", b"", b" ", b"5\x0b",
           b"\xd9\xa5", b"18446744073709551621", b"9223372036854775808", b"99999999999999999999999", b"5\x00", b"--5", b"\x0c5"]
CODINGS = [b"xchunked", b"chunked, identity", b"chunked, chunked", b"identity", b"gzip, chunked", b"chunked,", b",chunked", b"chunked;q=1",
           b"chunked;", b"'chunked'", b'"chunked"', b"\x0bchunked", b"chunked\x0b", b"chunke", b"chunkedd", b"chunked gzip", b"",
           b"\x00chunked", b"chunked\x00", b"ch\xc3\xbanked", b"gzip", b"cow", b"chunked, cow", b"[chunked]", b"trailers", b"\xffchunked"]
SIZES = [b"zz", b"-3", b"+3", b"0x3", b" 3", b"3 ", b"3\t", b"3 3", b"3,3", b"", b";", b"fffffffffffffffff", b"ffffffffffffffff",
         b"10000000000000003", b"3;\x00", b"3\x00", b"3\x0b", b"3.0", b"3;a\x01", b"\xef\xbc\x93", b"3;\ra"]
TARGETS = [b"http://evil/", b"https://evil/x", b"evil:443", b"x", b"*", b"?x", b"#x", b"\\", b"%2f", b"\tx"]
VERSIONS = [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1", b"HTTP/1.", b"HTTP/1.10", b"HTTP/01.1", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.1\t",
            b"HTTP /1.1", b"HTTP/1,1", b"HTTPS/1.1", b"HTTP/1.1 HTTP/1.1", b"", b"HTTP/3", b"HTTP/1.1\x00", b"ICY/1.1", b"HTTP/-1.1"]
PAD = b"a" * 40000

CORPUS = {
    "lengths": [(REFUSED, *post(b"Content-Length: " + v + b"\r\n", b"abcde")) for v in LENGTHS] + [
        (REFUSED, *post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"abcde")),
        (REFUSED, *post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"abcdef")),
        (REFUSED, *post(b"Content-Length: 6\r\ncontent-length: 5\r\n", b"abcdef")),
        (REFUSED, *post(b"Content-Length: 0\r\nContent-Length: 5\r\n", b"abcde")),
        (REFUSED, *get(b"Content-Length: 5\r\nContent-Length: 0\r\n", end=b"\r\nabcde")),
        (REFUSED, *post(b"Content-Length : 5\r\n", b"abcde")),
        (REFUSED, *post(b" Content-Length: 5\r\n", b"abcde")),
        (REFUSED, *post(b"Content-Length\x00: 5\r\n", b"abcde")),
        (REFUSED, *post(b"Content\rLength: 5\r\n", b"abcde")),
        (TAKEN, *post(b"content-LENGTH:5\r\n", b"abcde")),
        (TAKEN, *post(b"Content-Length:\t 5 \t\r\n", b"abcde")),
        (TAKEN, *post(b"Content-Length: 0005\r\n", b"abcde")),
        (TAKEN, *post(b"Content_Length: 50\r\nContent-Length: 5\r\n", b"abcde")),
    ],
    "codings": [(REFUSED, *post(b"Transfer-Encoding: " + v + b"\r\n", b"3\r\nabc\r\n0\r\n\r\n")) for v in CODINGS] + [
        (REFUSED, *post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: %s\r\n" % v, b"0\r\n\r\n")) for v in (b"chunked", b"identity", b"x", b"")] + [
        (REFUSED, *post(f + b"\r\n", b"0\r\n\r\n")) for f in (
            b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x00: chunked", b" Transfer-Encoding: chunked",
            b"\tTransfer-Encoding: chunked", b"X: a\r\n Transfer-Encoding: chunked", b"X: a\r\n\tTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
            b"X: a\nTransfer-Encoding: chunked", b"X: a\rTransfer-Encoding: chunked", b"Transfer-Encoding\xff: chunked", b"\xefTransfer-Encoding: chunked",
            b"Transfer Encoding: chunked", b"Transfer-Encoding", b": chunked")] + [
        (REFUSED, *post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", line=b"POST %s HTTP/1.0\r\n")),
        (TAKEN, *post(b"transfer-ENCODING:cHuNkEd\r\n", b"3\r\nabc\r\n0\r\n\r\n")),
        (TAKEN, *post(b"Transfer-Encoding:\t chunked\t \r\n", b"3\r\nabc\r\n0\r\n\r\n")),
        (TAKEN, *post(b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", b"abc")),
    ],
    "both": [(REFUSED, *post(f, b"0\r\n\r\n" + BEHIND)) for f in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"Transfer-Encoding:\r\nContent-Length: 5\r\n",
        b"Content-Length: 4\r\nX: y\r\nTransfer-Encoding: CHUNKED\r\n")] + [
        (REFUSED, *get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", end=b"\r\n0\r\n\r\n"))] + [
        # what one side could take for the hop's business, and hide from the next
        (TAKEN, *post(b"Connection: Content-Length\r\nContent-Length: 5\r\n", b"abcde")),
        (TAKEN, *post(b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n0\r\n\r\n")),
        (TAKEN, *post(b"Connection: Authorization, Host\r\nContent-Length: 5\r\n", b"abcde")),
    ],
    "lines": [(REFUSED, *get(f + b"\r\n")) for f in (
        b"X: a\n", b"X: a\r\n b", b"X: a\r\n\tb", b" X: a", b"X: a\rb", b"X: a\x00b", b"X\x00: a", b"X: a\x01b", b"X: a\x7fb", b"X : a", b"X\t: a", b"no colon",
        b": a", b"", b"X: a\r\r", b"(X): a", b"X{: a", b"\"X\": a", b"X: a\r\nY", b"X: a\r\n\r: b", b"X@: a", b"\xc3\xa9: a", b"X: \x1b[2J", b"X: a\x0bb",
        b"Host: y", b"Host : y", b"host: x") if f] + [
        (REFUSED, *get(head=HEAD.replace(b"\r\n", b"\n"))), (REFUSED, *get(end=b"\n")), (REFUSED, *get(end=b"\r\r\n")), (REFUSED, *get(end=b"\n\r\n")),
        (REFUSED, *get(line=b"GET %s HTTP/1.1\n")), (REFUSED, *get(line=b"GET %s HTTP/1.1\r")), (REFUSED, *get(line=b"GET %s HTTP/1.1\r\n \r\n")),
        (REFUSED, *get(line=b"GET %s HTTP/1.1\r\n X: folded\r\n")), (REFUSED, *get(head=b"Authorization: " + token + b"\r\n")),
        (REFUSED, *get(head=b"Host: x\r\nHost: x\r\nAuthorization: " + token + b"\r\n")),
        (TAKEN, *get(line=b"\r\nGET %s HTTP/1.1\r\n")), (TAKEN, *get(b"X: \xc3\xa9\r\nX:\r\nX: \t \r\n")), (TAKEN, *get(b"X!#$%&'*+-.^_`|~1: a:b\r\n")),
    ],
    "first": [(REFUSED, *get(line=b"GET %s " + v + b"\r\n")) for v in VERSIONS] + [
        (REFUSED if b"\t" in v else OURS, *get(line=b"GET " + v + b"%s HTTP/1.1\r\n")) for v in TARGETS] + [
        (OURS, *get(line=v + b"%s HTTP/1.1\r\n")) for v in (b"CONNECT ", b"connect ", b"CONNECT x:1", b"TRACE ", b"track ")] + [
        (REFUSED, *get(line=v)) for v in (
            b"GET  %s HTTP/1.1\r\n", b"GET\t%s\tHTTP/1.1\r\n", b" GET %s HTTP/1.1\r\n", b"G(T %s HTTP/1.1\r\n", b"GET%s HTTP/1.1\r\n", b"GET %s\r\n", b"%s\r\n",
            b"G\x00T %s HTTP/1.1\r\n", b"GET %s\x00 HTTP/1.1\r\n", b"GET %s\x7f HTTP/1.1\r\n", b"GET %s\x0b HTTP/1.1\r\n", b"GET %s HTTP/1.1 x\r\n",
            b"GET %s x HTTP/1.1\r\n", b"G\xc3\x89T %s HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n%s\r\n", b"GET %s HTTP/1.1\r\nGET %s HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00%s\r\n", b"A" * 33 + b" %s HTTP/1.1\r\n",
            b"\x00%s\r\n", b"\xff\xfe%s\r\n", b"\n\n%s HTTP/1.1\r\n")],
    "big": [
        (REFUSED, *get(b"X: " + PAD + b"\r\n")), (REFUSED, *get(PAD + b": a\r\n")), (REFUSED, *get(line=b"GET %s" + PAD + b" HTTP/1.1\r\n")),
        (REFUSED, *get(b"a: b\r\n" * 200)), (REFUSED, *get(b"a: b\r\n" * 7000)), (REFUSED, *get(line=PAD + b" %s HTTP/1.1\r\n")),
        (REFUSED, *get(line=b"GET %s HTTP/1.1" + PAD + b"\r\n")),
        (BODY, *one_chunk(b"3;" + PAD + b"\r\nabc\r\n0\r\n\r\n")), (BODY, *one_chunk(b"0" * 300 + b"3\r\nabc\r\n0\r\n\r\n")),
        (BODY, *one_chunk(b"3\r\nabc\r\n0\r\nX: " + PAD + b"\r\n\r\n")), (BODY, *one_chunk(b"3\r\nabc\r\n0\r\n" + b"a: b\r\n" * 7000 + b"\r\n")),
    ],
    "chunks": [(BODY, *one_chunk(v + b"\r\nabc\r\n0\r\n\r\n")) for v in SIZES] + [(BODY, *one_chunk(v)) for v in (
        b"3\nabc\r\n0\r\n\r\n", b"3\r\nabc\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nab\r\n0\r\n\r\n", b"3\r\nabcXX0\r\n\r\n",
        b"3\r\nabc\r\n0\n\n", b"3\r\nabc\r\n0\r\nno colon\r\n\r\n", b"3\r\nabc\r\n0\r\nBad Name: x\r\n\r\n", b"3\r\nabc\r\n0\r\n folded\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX: \x00\r\n\r\n", b"3\r\nabc\r\n0\r\nX: a\n\r\n", b"3\r\rabc\r\n0\r\n\r\n", b"3\r\nabc\r\n\r\n0\r\n\r\n", b"\r\n3\r\nabc\r\n0\r\n\r\n")] + [
        (TAKEN, *one_chunk(v)) for v in (
            b"3;x=y\r\nabc\r\n0;z\r\n\r\n", b"03\r\nabc\r\n00\r\n\r\n", b"A\r\nabcdefghij\r\n0\r\n\r\n", b"3\r\n0\r\n\r\n0\r\n\r\n",
            # trailers that would be headers to whom they are no trailers
            b"3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n", b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nAuthorization: mine\r\n\r\n",
            b"3\r\nabc\r\n0\r\nX-Api-Key: mine\r\n\r\n")],
    "cut": [(REFUSED, line, rest, n) for line, rest in (get(), post(b"Content-Length: 5\r\n")) for n in (1, 3, 5, 20, -3, -2, -1)] + [
        (BODY, *post(b"Content-Length: 9\r\n", b"abc"), 0), (BODY, *post(b"Content-Length: 9\r\n"), 0)] + [(BODY, *one_chunk(v), 0) for v in (
            b"", b"5", b"5\r", b"5\r\n", b"5\r\nab", b"5\r\nabcde", b"5\r\nabcde\r\n", b"5\r\nabcde\r\n0", b"5\r\nabcde\r\n0\r\n", b"5\r\nabcde\r\n0\r\nX: y\r\n")],
}


def read(name):
    try:
        with open(f"{up}/{name}", "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def control(conn, mark):
    """a request that is one has its own reply"""
    conn.send(b"POST /echo?%s HTTP/1.1\r\n%sContent-Length: 4\r\n\r\nmine" % (mark, HEAD))
    reply = read_reply(conn)
    if reply.status != 200 or not reply.whole or not reply.body.startswith(b"POST /echo?%s HTTP/1.1\r\n" % mark):
        raise Wrong(f"the next request had another's reply: {reply.status} {reply.body[:200]!r}")
    if not reply.body.endswith(b"\r\n\r\nmine") or reply.body.count(b"HTTP/1.1") != 1:
        raise Wrong(f"the next request is not what was sent: {reply.body!r}")


def refused(conn, want):
    replies = 0
    try:
        while True:
            reply = read_reply(conn, interim=[])
            replies += 1
            if reply.status == 200 or reply.status not in (400, 404, 405, 431, 501, 505):
                raise Wrong(f"{reply.status} {reply.body[:80]!r}")
            if want != BODY and reply.status == 404:
                raise Wrong("404")
    except Cut as e:
        if str(e) == "silence":
            raise Wrong("it is silent, and stays open")
    if replies > 1:
        raise Wrong(f"{replies} replies")
    return replies


def taken(conn, name):
    reply = read_reply(conn)
    if reply.status != 200 or not reply.whole:
        raise Wrong(f"{reply.status}")
    control(conn, b"same-" + name)


def ours(conn, name):
    reply = read_reply(conn)
    if reply.status not in (400, 405) or not reply.whole:
        raise Wrong(f"{reply.status}")
    control(conn, b"same-" + name)


def once(number, want, line, rest, cut=None):
    name = b"%s-%d" % (group.encode(), number)
    target = b"/sum?" + name
    data = line.replace(b"%s", target) + rest
    before = len(read("seen")), len(read("wholes"))
    conn = Conn(port)
    if cut is not None:
        conn.send(data[:cut or len(data)])
        conn.sock.shutdown(1)
        if refused(conn, want):
            pass
    else:
        conn.send(data + (BEHIND if want in (REFUSED, BODY) else b""))
        if want in (TAKEN, OURS):
            (taken if want == TAKEN else ours)(conn, name)
        elif not refused(conn, want):
            raise Wrong("no reply at all")
    conn.close()
    fresh = Conn(port)
    control(fresh, b"next-" + name)
    fresh.close()
    seen, wholes = read("seen")[before[0]:], read("wholes")[before[1]:]
    heads = [h.split(b"\r\n") for h in seen.split(b"\r\n\r\n") if h]
    mine = [h for h in heads if name in h[0] and b"/echo" not in h[0]]
    if b"smuggled" in seen:
        raise Wrong("the request behind it reached the upstream")
    if len(mine) != {REFUSED: 0, OURS: 0, TAKEN: 1}.get(want, min(len(mine), 1)):
        raise Wrong(f"the upstream saw it {len(mine)} times")
    if want != TAKEN and target in wholes:
        raise Wrong("the upstream has it whole")
    for head in mine:
        ends = [l for l in head if l.lower().startswith((b"content-length:", b"transfer-encoding:"))]
        if len(ends) > 1 or len([l for l in head if l.lower().startswith(b"host:")]) != 1 or any(l[:1] in b" \t" for l in head):
            raise Wrong(f"the upstream got {head}")


bad = 0
for number, case in enumerate(CORPUS[group]):
    try:
        once(number, *case)
    except (Wrong, Cut) as e:
        print(f"{group} {number} {case[0]}: {type(e).__name__} {e}; sent {(case[1] + case[2])[:200]!r}")
        bad += 1
print(f"{len(CORPUS[group])} of {group}, {bad} wrong")
sys.exit(bad != 0)
