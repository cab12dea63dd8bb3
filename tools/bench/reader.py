#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reader.py - the decider of the path we replace: a script on nft's log group, and nft

Takes the destination out of each logged packet, pipes an `add element` to nft, and says so
on stdout. It keeps its interpreter, its socket and its file open; the rule asks the kernel not
to batch: this is the path at its best.
"""
import errno
import socket
import struct
import subprocess
import sys

GROUP = 100
SUBSYS_ULOG, MSG_PACKET, MSG_CONFIG = 4, 0, 1
CFG_CMD, CFG_BIND = 1, 1
ATTR_PAYLOAD, ATTR_PREFIX = 9, 10
NLM_F_REQUEST, NLM_F_ACK = 1, 4


def bind() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    command = struct.pack("=BxH", CFG_BIND, 0)[:1]
    attr = struct.pack("=HH", 4 + len(command), CFG_CMD) + command + b"\0" * 3
    body = struct.pack("=BBH", socket.AF_INET, 0, socket.htons(GROUP)) + attr
    head = struct.pack("=IHHII", 16 + len(body), SUBSYS_ULOG << 8 | MSG_CONFIG,
                       NLM_F_REQUEST | NLM_F_ACK, 1, 0)
    sock.send(head + body)
    error = struct.unpack_from("=i", sock.recv(4096), 16)[0]
    if error:
        raise OSError(-error, "bind the log group")
    return sock


def attributes(data: bytes):
    at = 20  # nlmsghdr and nfgenmsg
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            return
        yield kind & 0x7FFF, data[at + 4:at + size]
        at += (size + 3) & ~3


def destination(data: bytes) -> str:
    prefix, payload = b"", b""
    for kind, value in attributes(data):
        if kind == ATTR_PREFIX:
            prefix = value
        elif kind == ATTR_PAYLOAD:
            payload = value
    if not prefix.startswith(b"BLOCKED") or len(payload) < 20 or payload[0] >> 4 != 4:
        return ""
    return socket.inet_ntoa(payload[16:20])


def main() -> None:
    sock = bind()
    allowed = set()  # a refused process that retries is logged many times
    print("ready", flush=True)
    while True:
        try:
            packet = sock.recv(65536)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            continue  # retries that nobody read in time; what is asked about was read before
        while len(packet) >= 16:
            size, kind = struct.unpack_from("=IH", packet)
            if size < 16 or size > len(packet):
                break
            dest = destination(packet[:size]) if kind == SUBSYS_ULOG << 8 | MSG_PACKET else ""
            if dest and dest not in allowed:
                allowed.add(dest)
                subprocess.run(["nft", "-f", "-"], check=True, capture_output=True, text=True,
                               input=f"add element inet bench allow {{ {dest} }}\n")
                print(dest, flush=True)
            packet = packet[(size + 3) & ~3:]


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
