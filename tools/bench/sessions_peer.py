#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# sessions_peer.py PKI PORT FEW N - what a stream costs stock grpcio, which holds N of them, one to a peer
#
# Prints the bytes of memory, private and written, that each stream beyond the first FEW has cost.
import asyncio
import sys

import grpc

SESSION = "/clawker.clawkerd.v1.ClawkerdService/Session"
HELLO = b"\x0a\x05hello\x12\x00"
pki, port, few, n = sys.argv[1], *map(int, sys.argv[2:])


def read(name):
    with open(f"{pki}/{name}", "rb") as f:
        return f.read()


def memory():
    with open("/proc/self/smaps_rollup") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Private_Dirty:"))


async def main():
    pair = read("client.pem")
    credentials = grpc.ssl_channel_credentials(read("ca.pem"), pair, pair)
    held = []

    async def hold(i):
        channel = grpc.aio.secure_channel(f"127.1.{i >> 8}.{i & 255}:{port}", credentials, options=(
            ("grpc.ssl_target_name_override", "clawker-controlplane"), ("grpc.enable_http_proxy", 0)))
        call = channel.stream_stream(SESSION)()
        await call.write(HELLO)
        if b"hello" not in await call.read():
            raise SystemExit("a peer that does not greet")
        held.append((channel, call))

    async def some(begin, end):
        for i in range(begin, end, 50):
            await asyncio.gather(*(hold(k) for k in range(i, min(i + 50, end))))

    await some(0, few)
    before = memory()
    await some(few, n)
    print((memory() - before) // (n - few), flush=True)
    for channel, call in held:
        call.cancel()
        await channel.close()


asyncio.run(main())
