#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of org.terok.Clearance1 that does on the wire what existing ones in Python do, and is
as strict: two connections, the bytes of their encoder, events of exactly eleven keys, and after
any end both again, 1, 2, 4, 8, 10, 10... seconds later.

What it sees goes to stdout, a line each. A line of its input is an answer, a JSON list:
container, request_id, dest, action. The test ends it."""

import asyncio
import json
import sys

TEXTS = ("type", "container", "request_id", "dest", "domain", "action", "reason")
KEYS = "type container request_id dest port proto domain action ok reason dossier".split()
SUBSCRIBE = b'{"method":"org.terok.Clearance1.Subscribe","more":true}\0'


class Broken(Exception):
    """What no hub may say: these clients give the connection up and tell nobody."""


def say(*words):
    print(*words, flush=True)


def is_event(event):
    return (
        isinstance(event, dict)
        and list(event) == KEYS
        and all(type(event[key]) is str for key in TEXTS)
        and type(event["port"]) is int
        and type(event["proto"]) is int
        and type(event["ok"]) is bool
        and type(event["dossier"]) is dict
        and all(type(value) is str for value in event["dossier"].values())
    )


async def hear(reader):
    """One reply, made as their encoder makes it: the same bytes come out again."""
    frame = (await reader.readuntil(b"\0"))[:-1]
    reply = json.loads(frame)
    if not isinstance(reply, dict) or set(reply) - {"continues", "error", "parameters"}:
        raise Broken(frame)
    if "continues" in reply and reply["continues"] is not True:
        raise Broken(frame)
    if reply.get("parameters") == {} or json.dumps(reply, separators=(",", ":")).encode() != frame:
        raise Broken(frame)
    return reply


async def listen(reader):
    while True:
        reply = await hear(reader)
        if set(reply) != {"continues", "parameters"} or list(reply["parameters"]) != ["event"]:
            raise Broken(reply)
        event = reply["parameters"]["event"]
        if not is_event(event):
            raise Broken(event)
        say("event", json.dumps(event))


async def answer(line, reader, writer):
    cited = dict(zip(("container", "request_id", "dest", "action"), json.loads(line)))
    call = {"method": "org.terok.Clearance1.Verdict", "parameters": cited}
    writer.write(json.dumps(call, separators=(",", ":")).encode() + b"\0")
    reply = await hear(reader)
    if "error" in reply:
        say("refused", reply["error"], json.dumps(reply.get("parameters")))
    elif reply == {"parameters": {"ok": True}}:
        say("applied")
    else:
        raise Broken(reply)


async def answers(typed, reader, writer):
    while True:
        await answer(await typed.readline(), reader, writer)


async def connected(path, typed):
    events, subscriber = await asyncio.open_unix_connection(path)
    replies, caller = await asyncio.open_unix_connection(path)
    subscriber.write(SUBSCRIBE)
    say("connected")
    both = [
        asyncio.ensure_future(listen(events)),
        asyncio.ensure_future(answers(typed, replies, caller)),
    ]
    done, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    subscriber.close()
    caller.close()
    done.pop().result()


async def main(path):
    typed, wait = asyncio.StreamReader(), 1
    protocol = asyncio.StreamReaderProtocol(typed)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while True:
        try:
            await connected(path, typed)
        except (OSError, EOFError) as end:
            say("disconnected", type(end).__name__)
        except Broken as broken:
            say("broken", broken)
            return
        await asyncio.sleep(wait)
        wait = min(2 * wait, 10)


asyncio.run(main(sys.argv[1]))
