# SPDX-License-Identifier: Apache-2.0
"""wire.py - a strict reader of HTTP/1.1 for clients that send what no library would

Imported. It forgives nothing, so that what the proxy says is what RFC 9112 has, and is whole or is seen to be cut.
"""
import re, socket


class Cut(Exception):
    """the connection ended, or was silent, before the reply did"""


class Wrong(Exception):
    """bytes that no server may send"""


class Conn:
    def __init__(self, port, timeout=5.0):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(timeout)
        self.buf = b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:  # refused before it was all said: the reply may be there
            pass

    def more(self):
        try:
            got = self.sock.recv(65536)
        except TimeoutError:
            raise Cut("silence")
        except OSError as e:
            raise Cut(str(e))
        if not got:
            raise Cut("end")
        self.buf += got

    def until(self, mark):
        while mark not in self.buf:
            self.more()
        head, self.buf = self.buf.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.buf) < n:
            self.more()
        got, self.buf = self.buf[:n], self.buf[n:]
        return got

    def ended(self):
        """nothing more comes, and the end does"""
        try:
            self.more()
        except Cut as e:
            return str(e) != "silence" and not self.buf
        return False

    def close(self):
        self.sock.close()


class Reply:
    def __init__(self, status, fields):
        self.status, self.fields, self.body, self.whole, self.trailers, self.framed = status, fields, b"", True, [], False

    def get(self, name):
        return [v for n, v in self.fields if n.lower() == name]


def fields(lines):
    ret = []
    for line in lines:
        m = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*", line)
        if not m:
            raise Wrong(f"a line {line!r}")
        ret.append((m[1].decode(), m[2].decode("latin1")))
    return ret


def chunked(conn, reply):
    while True:
        line = conn.until(b"\r\n")
        if not re.fullmatch(rb"[0-9a-f]{1,15}", line):
            raise Wrong(f"a chunk's size {line!r}")
        size = int(line, 16)
        if not size:
            break
        reply.body += conn.exactly(size)
        if conn.exactly(2) != b"\r\n":
            raise Wrong("a chunk's end")
    while line := conn.until(b"\r\n"):
        reply.trailers += fields([line])


def read_reply(conn, method="GET", interim=None):
    """one reply; those before it (1xx) go into @interim. A head that is cut raises Cut; a body that is, says so."""
    while True:
        head = conn.until(b"\r\n\r\n").split(b"\r\n")
        m = re.fullmatch(rb"HTTP/1\.1 ([1-9]\d\d) ([^\x00-\x08\x0a-\x1f\x7f]*)", head[0])
        if not m or any(b"\n" in line or b"\r" in line for line in head):
            raise Wrong(f"a first line {head[0]!r}")
        reply = Reply(int(m[1]), fields(head[1:]))
        if reply.status >= 200 or reply.status == 101:
            break
        if interim is not None:
            interim.append(reply)
    length, coding = reply.get("content-length"), reply.get("transfer-encoding")
    if len(length) + len(coding) > 1:
        raise Wrong(f"ends in {len(length) + len(coding)} ways")
    if method == "HEAD" or reply.status in (101, 204, 304):
        reply.framed = True
        return reply
    try:
        if coding:
            if coding != ["chunked"]:
                raise Wrong(f"coding {coding}")
            reply.framed = True
            chunked(conn, reply)
        elif length:
            if not length[0].isascii() or not length[0].isdigit():
                raise Wrong(f"length {length}")
            reply.framed = True
            reply.body = conn.exactly(int(length[0]))
        else:
            while True:
                conn.more()
    except Cut as e:
        reply.whole = not reply.framed and str(e) == "end"
        reply.body += conn.buf
        conn.buf = b""
    return reply
