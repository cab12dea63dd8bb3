#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""foreign.py - a varlink implementation that is not ours, against a session's hub and helper

    foreign.py FOLDER       as a client, of the sockets in FOLDER; a foreign helper has begun
    foreign.py --helper SOCKET      as that helper: allows everything but "bad"

Its parser reads our interface descriptions, it takes our replies and events apart by them, and it
serves what our hub calls. Prints "ok NAME" or "not ok NAME".
"""
import json
import os
import socket
import sys
import threading

import varlink

KEYS = {"type", "container", "request_id", "dest", "port", "proto", "domain", "action", "ok",
        "reason", "dossier"}
VERDICT = """interface org.terok.ClearanceVerdict1

method Apply(container: string, dest: string, action: string) -> (ok: bool, stderr: string)
"""


def serve_helper(path: str):
    service = varlink.Service(vendor="foreign", product="helper", version="1")

    class Verdicts:
        def Apply(self, container, dest, action):
            if container == "bad":
                return {"ok": False, "stderr": "not that one"}
            return {"ok": dest == "example.com" and action in ("allow", "deny"), "stderr": ""}

    # registered by hand: the library wants descriptions as files beside the program
    interface = varlink.Interface(VERDICT)
    service.interfaces[interface.name] = interface
    service.interfaces_handlers[interface.name] = Verdicts()

    class Handler(varlink.RequestHandler):
        pass

    Handler.service = service
    with varlink.ThreadingServer(f"unix:{path}", Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


bad = False


def check(name: str, holds):
    global bad
    print("ok" if holds else "not ok", name, flush=True)
    bad |= not holds


def error_of(call) -> tuple:
    try:
        call()
    except varlink.VarlinkError as error:
        return error.error(), dict(error.parameters() or {})
    return None, None


def described(address: str, names: list):
    with varlink.Client(address) as client:
        info = client.get_interfaces()
        check(f"its interfaces are named: {', '.join(names)}",
              [*names, "org.varlink.service"] == info)
        for name in names:
            interface = client.get_interface(name)
            check(f"{name} is understood", interface.name == name and interface.members)


def pending(container: str, number: int) -> dict:
    return {"type": "pending", "container": container, "id": f"{container}:{number}",
            "dest": "198.51.100.1", "port": 443, "proto": 6, "domain": "example.com",
            "dossier": {"task": "t"}, "ts": "2026-01-02T10:11:12.123456+00:00"}


def client_of(folder: str):
    address = f"unix:{folder}/terok-clearance.sock"
    described(address, ["org.terok.Clearance1", "org.terok.Firewall1"])
    described(f"unix:{folder}/verdict.sock", ["org.terok.ClearanceVerdict1"])

    with varlink.Client(address) as client, \
            client.open("org.terok.Clearance1", namespaced=False) as calls, \
            varlink.Client(address) as second, \
            second.open("org.terok.Clearance1", namespaced=False) as stream, \
            socket.socket(socket.AF_UNIX) as reader:
        threading.Timer(30, os._exit, [1]).start()  # nothing here waits for ever
        events = stream.Subscribe(_more=True)
        # a generator does nothing until it is asked: the first event is asked for beside us
        first = []
        asking = threading.Thread(target=lambda: first.append(next(events)))
        asking.start()
        reader.connect(f"{folder}/terok-shield-events.sock")
        while asking.is_alive():
            reader.sendall(b'{"type":"container_started","container":"c1"}\n')
            asking.join(0.05)
        check("an event has the eleven keys", set(first[0]["event"]) == KEYS)

        def say(line: dict):
            reader.sendall(json.dumps(line).encode() + b"\n")

        def hear(kind: str) -> dict:
            for reply in events:
                if reply["event"]["type"] == kind:
                    return reply["event"]

        say(pending("c1", 1))
        event = hear("connection_blocked")
        check("a block is told as it was said",
              event == dict(type="connection_blocked", container="c1", request_id="c1:1",
                            dest="198.51.100.1", port=443, proto=6, domain="example.com",
                            action="", ok=False, reason="", dossier={"task": "t"}))
        name = "org.terok.Clearance1."
        check("errors come with their names and parameters", [
            error_of(lambda: calls.Verdict("c1", "c1:1", "example.com", "accept")),
            error_of(lambda: calls.Verdict("c1", "none", "example.com", "allow")),
            error_of(lambda: calls.Verdict("c2", "c1:1", "example.com", "allow")),
        ] == [
            (name + "InvalidAction", {"action": "accept"}),
            (name + "UnknownRequest", {"request_id": "none"}),
            (name + "VerdictTupleMismatch",
             {"expected_container": "c1", "expected_dest": "example.com", "got_container": "c2",
              "got_dest": "example.com"})])
        check("an answer goes to a foreign helper and comes back",
              calls.Verdict("c1", "c1:1", "example.com", "allow") == {"ok": True})
        event = hear("verdict_applied")
        check("and is told", (event["request_id"], event["action"], event["ok"]) ==
              ("c1:1", "allow", True))
        say(pending("bad", 1))
        hear("connection_blocked")
        check("a foreign helper's no is one",
              error_of(lambda: calls.Verdict("bad", "bad:1", "example.com", "deny")) ==
              (name + "ShieldCliFailed", {"action": "deny", "stderr": "not that one"}))

    with varlink.Client(f"unix:{folder}/verdict.sock") as client, \
            client.open("org.terok.ClearanceVerdict1", namespaced=False) as helper:
        check("our helper serves a foreign client", [
            helper.Apply("c1", "example.com", "allow"), helper.Apply("c1", "--help", "allow")["ok"],
        ] == [{"ok": True, "stderr": "allow c1 example.com"}, False])
    sys.stdout.flush()
    os._exit(bad)


if sys.argv[1] == "--helper":
    serve_helper(sys.argv[2])
else:
    client_of(sys.argv[1])
