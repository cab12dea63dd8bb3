#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ingest_peer.py - the readers' socket in the design that we replace: asyncio and json

    ingest_peer.py PATH LINES

Lines of any number of connections, each parsed, its type looked up and its fields taken;
nothing is made of them: this is that path at its best. Says "ready", then the seconds
from the first line to the last, of a core's time and by the clock.
"""
import asyncio
import json
import os
import socket
import struct
import sys
import time

TYPES = {"pending": "connection_blocked", "container_started": "container_started"}


class Peer:
    def __init__(self, lines: int):
        self.left = lines
        self.begin = ()
        self.done = asyncio.get_running_loop().create_future()

    def hear(self, line: bytes):
        said = json.loads(line)
        if not isinstance(said, dict) or said.get("type") not in TYPES:
            raise ValueError(line)
        fields = {key: str(said.get(key, "")) for key in ("container", "id", "dest", "domain")}
        dossier = {key: str(value) for key, value in said.get("dossier", {}).items()}
        self.left -= 1
        if not self.left:
            self.done.set_result((fields, dossier, int(said["port"]), int(said["proto"])))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        sock = writer.get_extra_info("socket")
        cred = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("=iII", cred)[1] != os.getuid():
            raise PermissionError
        while line := await reader.readline():
            if not self.begin:
                self.begin = (time.process_time(), time.monotonic())
            self.hear(line)
        writer.close()


async def main(path: str, lines: int):
    peer = Peer(lines)
    server = await asyncio.start_unix_server(peer.serve, path)
    print("ready", flush=True)
    await peer.done
    print(time.process_time() - peer.begin[0], time.monotonic() - peer.begin[1], flush=True)
    server.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
