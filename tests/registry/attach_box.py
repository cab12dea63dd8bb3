#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The OCI hook's word to the agent, for a box of test_evidence.sh that no runtime has made.

attach_box.py ID PID
CONTROL_ATTACH of terok/control_msg.h: a guard for the container ID, whose first process is PID, with
no profile.
"""
import os
import socket
import struct
import sys

VERSION, HOOK_VERSION, ATTACH = 2, 1, 3
NAME, PROFILES = 72, 1024
INFRA, PORTS = 256 * 20, 64 * 4
DOSSIER = 8 + 16 * (32 + 128) + 256

ident, pid = sys.argv[1].encode(), int(sys.argv[2])
word = struct.pack("=II", ATTACH, VERSION)
word += struct.pack("=IIIIII", HOOK_VERSION, pid, 0, 0, 0, 0)
word += ident.ljust(NAME, b"\0") + ident[:12].ljust(NAME, b"\0") + b"none".ljust(PROFILES, b"\0")
word += struct.pack("=II", 1, 0) + bytes(INFRA + PORTS + DOSSIER)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
    agent.connect(os.environ["TEROK_RUN"] + "/control.sock")
    agent.send(word)
    reply = agent.recv(65536)
    result = struct.unpack("=i", reply[8:12])[0] if len(reply) > 12 else "no answer"
    if result != 0:
        sys.exit(f"{result}: {reply[16:].rstrip(bytes(1)).decode()}")
