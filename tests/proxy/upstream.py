# SPDX-License-Identifier: Apache-2.0
"""upstream.py - an upstream that does what the path says, over plain sockets and TLS

upstream.py FOLDER: listens at two ports that FOLDER/ports has ("PLAIN TLS"), with the certificate
FOLDER/cert.pem and key FOLDER/key.pem; appends each request's head to FOLDER/seen as it came, its
target to FOLDER/wholes when all of its body has come, and where it came from to FOLDER/from. FOLDER/go is a FIFO: whoever waits goes on when it is written to.
"""
import base64, hashlib, json, os, socket, ssl, sys, threading, gzip

folder = sys.argv[1]
lock = threading.Lock()
dead = {}


class Reader:
    def __init__(self, conn):
        self.conn, self.buf = conn, b""

    def more(self):
        got = self.conn.recv(65536)
        if not got:
            raise EOFError
        self.buf += got

    def until(self, mark):
        while mark not in self.buf:
            self.more()
        head, self.buf = self.buf.split(mark, 1)
        return head + mark

    def exactly(self, n):
        while len(self.buf) < n:
            self.more()
        got, self.buf = self.buf[:n], self.buf[n:]
        return got


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(name.lower().encode() + b":"):
            return line.split(b":", 1)[1].strip()
    return None


def chunks(reader):
    while True:
        size = int(reader.until(b"\r\n"), 16)
        if not size:
            trailers = b""
            while True:
                line = reader.until(b"\r\n")
                if line == b"\r\n":
                    return
                trailers += line
                note("trailers", line)
        yield reader.exactly(size)
        reader.exactly(2)


def body_of(reader, head):
    if header(head, "transfer-encoding") == b"chunked":
        yield from chunks(reader)
        return
    left = int(header(head, "content-length") or 0)
    while left:
        if not reader.buf:
            reader.more()
        got = reader.exactly(min(left, len(reader.buf)))
        left -= len(got)
        yield got


def note(name, data):
    with lock, open(f"{folder}/{name}", "ab") as f:
        f.write(data)


def wait_go():
    with open(f"{folder}/go") as f:
        f.read()


def plain(conn, body, status=b"200 OK", more=b""):
    conn.sendall(b"HTTP/1.1 " + status + b"\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def websocket(conn, reader, head):
    key = header(head, "sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    offered = header(head, "sec-websocket-protocol")
    more = b"Sec-WebSocket-Protocol: " + offered.split(b",")[0] + b"\r\n" if offered else b""
    conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n")
    while True:  # small masked frames come back as they were, without their mask
        one, two = reader.exactly(2)
        mask, data = reader.exactly(4), bytearray(reader.exactly(two & 0x7f))
        for i in range(len(data)):
            data[i] ^= mask[i % 4]
        if data == b"go away":
            return False
        conn.sendall(bytes([one, len(data)]) + data)
        if one & 15 == 8:
            return False


def answer(conn, reader, head):
    """False: the connection ends"""
    method, target, _ = head.split(b"\r\n")[0].split(b" ", 2)
    path = target.split(b"?")[0].decode("latin1")
    query = target.split(b"?", 1)[1].decode("latin1") if b"?" in target else ""
    if path == "/dead":  # each time, before a word
        return False
    if path == "/dead-later":  # it replies, and is gone at the next request
        for _ in body_of(reader, head):
            pass
        plain(conn, b"alive")
        reader.until(b"\r\n\r\n")
        note("again", b"x")
        return False
    if path == "/early":
        plain(conn, b"too big", b"413 Payload Too Large", b"Connection: close\r\n" if query != "keeps" else b"")
        while True:  # until the other side ends: a connection that is reset loses what was said
            reader.more()
    if path == "/expect":
        if query == "no":
            plain(conn, b"no", b"417 Expectation Failed", b"Connection: close\r\n")
            return False
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if path == "/stall":  # it reads nothing of a body until it is told to
        wait_go()
    if path == "/ws":
        return websocket(conn, reader, head)
    n, digest, kept = 0, hashlib.sha256(), b""
    for piece in body_of(reader, head):
        n += len(piece)
        digest.update(piece)
        if len(kept) < 65536:
            kept += piece
    note("wholes", target + b"\n")
    served = f"{folder}/files{path}"
    if method in (b"GET", b"PUT") and os.path.isdir(f"{folder}/files"):  # a registry: for who has its token
        if header(head, "authorization") != b"Bearer " + open(f"{folder}/good", "rb").read().strip():
            plain(conn, b"{}", b"401 Unauthorized", b"Content-Type: application/json\r\n")
            return True
        if method == b"PUT":
            open(served, "wb").write(kept)
            plain(conn, b'{"ok":true}', b"201 Created", b"Content-Type: application/json\r\n")
            return True
        if os.path.isfile(served):
            kind = b"application/octet-stream" if path.endswith(".tgz") else b"application/json"
            plain(conn, open(served, "rb").read(), more=b"Content-Type: " + kind + b"\r\n")
            return True
    if path == "/echo":
        plain(conn, head + kept)
    elif path == "/sum":
        plain(conn, b"%d %s" % (n, digest.hexdigest().encode()))
    elif path == "/big":
        left = int(query)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
        block = b"x" * 65536
        while left:
            conn.sendall(block[:left])
            left -= min(left, 65536)
    elif path == "/sse":
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(3):
            if i:
                wait_go()
            event = b"data: %d\n\n" % i
            conn.sendall(b"%x\r\n%s\r\n" % (len(event), event))
        conn.sendall(b"0\r\n\r\n")
    elif path == "/trailers":
        conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                     b"3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-Two: a\r\n\r\n")
    elif path == "/hints":
        conn.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </s>; rel=preload\r\n\r\n")
        plain(conn, b"hinted")
    elif path == "/204":
        conn.sendall(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
    elif path == "/304":
        conn.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
    elif path == "/head":
        if method == b"HEAD":
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: 1\r\n\r\n")
        else:
            plain(conn, b"y" * 1234, more=b"X-A: 1\r\n")
    elif path == "/headers":
        plain(conn, b"h", b"200 Very Well", b"Server: up\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a=1\r\n"
              b"X-Between: 1\r\nSet-Cookie: b=2\r\nLink: <x>; rel=next\r\nETag: \"e\"\r\nX-RateLimit-Remaining: 7\r\n"
              b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n")
    elif path == "/gzip":
        plain(conn, gzip.compress(b"hello" * 100, mtime=0), more=b"Content-Encoding: gzip\r\n")
    elif path == "/redirect":
        plain(conn, b"moved", b"302 Found", b"Location: " + query.encode() + b"\r\n")
    elif path == "/half":
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
        return False
    elif path == "/close":
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        return False
    elif path == "/raw":  # whatever the query says
        conn.sendall(bytes.fromhex(query))
    elif path == "/pieces":  # the same, each byte by itself
        for byte in bytes.fromhex(query):
            conn.sendall(bytes([byte]))
    elif path == "/bye":  # it ends after a reply that did not say so
        plain(conn, b"bye")
        return False
    elif path == "/junk":
        conn.sendall(b"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n")
    elif path == "/new":  # only the newest token is good
        with lock:
            good = open(f"{folder}/good").read().strip().encode()
        fine = header(head, "authorization") == b"Bearer " + good
        plain(conn, b"good" if fine else b"old", b"200 OK" if fine else b"401 Unauthorized")
    elif path == "/token":
        note("refreshed", kept + b"\n")
        if os.path.exists(f"{folder}/hold"):  # the answer is on its way until a test says so
            wait_go()
        if os.path.exists(f"{folder}/answer"):  # "STATUS BODY", as a test has it
            status, said = open(f"{folder}/answer", "rb").read().split(b" ", 1)
            plain(conn, said, status + b" As Said")
            return True
        asked = json.loads(kept)
        with lock:
            known = open(f"{folder}/refresh").read().strip()
        if asked.get("refresh_token") != known:
            plain(conn, b'{"error":"' + asked.get("refresh_token", "").encode() + b'"}', b"400 Bad Request")
        else:
            with lock:
                open(f"{folder}/refresh", "w").write("refresh-2")
                open(f"{folder}/good", "w").write("access-2")
            plain(conn, b'{"access_token":"access-2","refresh_token":"refresh-2","expires_in":3600}')
    else:
        plain(conn, path.encode())
    return True


def serve(conn, peer, tls):
    try:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # the certificate may be another one by now
            context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
            conn = context.wrap_socket(conn, server_side=True)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        note("from", b"%d\n" % peer[1])
        reader = Reader(conn)
        while True:
            head = reader.until(b"\r\n\r\n")
            note("seen", head)
            if not answer(conn, reader, head):
                break
    except (EOFError, OSError):
        pass
    finally:
        conn.close()


def listen(tls, sock):
    while True:
        conn, peer = sock.accept()
        threading.Thread(target=serve, args=(conn, peer, tls), daemon=True).start()


socks = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
with open(f"{folder}/ports.new", "w") as f:
    f.write("%d %d\n" % tuple(s.getsockname()[1] for s in socks))
os.rename(f"{folder}/ports.new", f"{folder}/ports")
threading.Thread(target=listen, args=(True, socks[1]), daemon=True).start()
listen(False, socks[0])
