# SPDX-License-Identifier: Apache-2.0
# client_source.py - asks by every kind of socket there is, and looks who answers
#
#   client_source.py NAME SERVER SERVER6 OWN
#
# A resolver that checks whom an answer comes from must not see that it was another. One line
# for each kind: its name, a colon and a space, and "ok" or what was wrong.
import socket
import struct
import sys

name, server, server6, own = sys.argv[1:]
labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
query = struct.pack("!6H", 4711, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
mapped = "::ffff:" + server


def wrong(answer):
    code = answer[3] & 15
    if answer[:2] != query[:2] or code or not answer[7]:
        return "answered with code %d, %d records" % (code, answer[7])
    return None


def source(sock, to):
    sock.sendto(query, (to, 53))
    answer, peer = sock.recvfrom(2048)
    return wrong(answer) or (peer[:2] != (to, 53) and "answered by %s port %d" % peer[:2])


def connected(sock, to):
    sock.connect((to, 53))
    if sock.getpeername()[:2] != (to, 53):
        return "connected to %s port %d" % sock.getpeername()[:2]
    sock.send(query)
    return wrong(sock.recv(2048))


def bound(sock, to):
    sock.bind((own, 0))
    return source(sock, to)


def stream(sock, to):
    sock.connect((to, 53))
    if sock.getpeername()[:2] != (to, 53):
        return "connected to %s port %d" % sock.getpeername()[:2]
    # two on their way at once, as C libraries do
    sock.sendall(2 * (struct.pack("!H", len(query)) + query))
    with sock.makefile("rb") as file:
        for _ in range(2):
            (size,) = struct.unpack("!H", file.read(2))
            bad = wrong(file.read(size))
            if bad:
                return bad
    return None


for what, how, family, kind, to in (
    ("IPv4", source, socket.AF_INET, socket.SOCK_DGRAM, server),
    ("IPv4, connected", connected, socket.AF_INET, socket.SOCK_DGRAM, server),
    ("IPv4, bound", bound, socket.AF_INET, socket.SOCK_DGRAM, server),
    ("IPv4, TCP", stream, socket.AF_INET, socket.SOCK_STREAM, server),
    ("IPv6", source, socket.AF_INET6, socket.SOCK_DGRAM, server6),
    ("IPv6, connected", connected, socket.AF_INET6, socket.SOCK_DGRAM, server6),
    ("IPv6, TCP", stream, socket.AF_INET6, socket.SOCK_STREAM, server6),
    ("IPv4 by IPv6", source, socket.AF_INET6, socket.SOCK_DGRAM, mapped),
    ("IPv4 by IPv6, connected", connected, socket.AF_INET6, socket.SOCK_DGRAM, mapped),
    ("IPv4 by IPv6, TCP", stream, socket.AF_INET6, socket.SOCK_STREAM, mapped),
):
    try:
        with socket.socket(family, kind) as sock:
            sock.settimeout(3)
            print("%s: %s" % (what, how(sock, to) or "ok"))
    except (OSError, struct.error) as error:
        print("%s: %s" % (what, error))
