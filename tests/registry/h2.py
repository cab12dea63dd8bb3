# SPDX-License-Identifier: Apache-2.0
"""h2.py - HTTP/2 frames over TLS by hand, for what a stock gRPC does not do: too many streams, a peer without a name in DNS

The other side's certificate must be of the authority; whose it is, is the caller's to look at (.peer).
"""
import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS = 4
MAX_STREAMS = 3  # of SETTINGS
CANCEL = 8
LATE = 20


def text(value):
    """a string of HPACK, as it is"""
    n = len(value)
    if n < 127:
        return bytes([n]) + value
    n -= 127
    size = b"\x7f"
    while n > 127:
        size += bytes([n & 127 | 128])
        n >>= 7
    return size + bytes([n]) + value


class Conn:
    """TLS is made, and SETTINGS have gone and come: .settings"""

    def __init__(self, address, cert, key, ca, source=None):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.load_verify_locations(ca)
        tls.load_cert_chain(cert, key)
        tls.set_alpn_protocols(["h2"])
        sock = socket.create_connection(address, LATE, source and (source, 0))
        try:
            self.sock = tls.wrap_socket(sock)
            self.peer = self.sock.getpeercert()
            self.buf, self.settings = b"", None
            self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            self.frame(SETTINGS, 0, 0)
            while self.settings is None:
                self.read()
        except BaseException:
            sock.close()
            raise

    def close(self):
        self.sock.close()

    def frame(self, kind, flags, stream, payload=b""):
        self.sock.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def exactly(self, n):
        while len(self.buf) < n:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the connection has ended")
            self.buf += got
        got, self.buf = self.buf[:n], self.buf[n:]
        return got

    def read(self):
        """kind, flags, stream, payload; what needs an acknowledgement has one"""
        head = self.exactly(9)
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        payload = self.exactly(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            self.settings = dict(struct.unpack_from(">HI", payload, at) for at in range(0, len(payload), 6))
            self.frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.frame(PING, ACK, 0, payload)
        return kind, flags, stream, payload

    def call(self, stream, path, token=None):
        """its headers; messages are to follow"""
        fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "test"),
                  ("content-type", "application/grpc"), ("te", "trailers")]
        if token:
            fields.append(("authorization", "Bearer " + token))
        self.frame(HEADERS, END_HEADERS, stream,
                   b"".join(b"\0" + text(name.encode()) + text(value.encode()) for name, value in fields))

    def message(self, stream, data, end=False):
        self.frame(DATA, END_STREAM if end else 0, stream, b"\0" + struct.pack(">I", len(data)) + data)
