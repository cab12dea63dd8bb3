#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC that is not ours (grpcio), against user/grpc: as its client, and as its server.

foreign.py client DIR PORT CASE...  each line "ok CASE" or "not ok CASE: why"
foreign.py refused DIR PORT CERT    connects as CERT: "refused CODE" or "taken"
foreign.py idle DIR PORT SECONDS    keeps a connection without a call; then makes one
foreign.py leaving DIR PORT         a call that is open while the server leaves, on a line of stdin
foreign.py serve DIR CERT           prints "port N"; ends with its stdin
DIR has the certificates and the stubs of user/proto. foreign.js is the same by @grpc/grpc-js; foreign.bash has
the cases of both.
"""
import os
import queue
import sys
import threading
import time
from concurrent import futures

import grpc

KEEPALIVE = [("grpc.keepalive_time_ms", 10000), ("grpc.keepalive_timeout_ms", 5000),
             ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0)]
SIZES = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]


def read(name):
    with open(os.path.join(where, name), "rb") as f:
        return f.read()


def channel(port, cert="client", ca="ca", more=()):
    if cert:
        credentials = grpc.ssl_channel_credentials(read(ca + ".pem"), read(cert + ".key"), read(cert + ".pem"))
    else:
        credentials = grpc.ssl_channel_credentials(read(ca + ".pem"))
    options = [("grpc.ssl_target_name_override", "clawker-controlplane"), *KEEPALIVE, *SIZES, *more]
    return grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options)


def same(x):
    return x


def check(name, test):
    try:
        test()
        print("ok", name, flush=True)
    except Exception as e:  # what went wrong is what is told
        print(f"not ok {name}: {type(e).__name__}: {e}", flush=True)


def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code(), e.details()
    return grpc.StatusCode.OK, ""


def client(port, names):
    import agent_pb2
    import agent_pb2_grpc
    import clawkerd_pb2
    import clawkerd_pb2_grpc

    ch = channel(port)
    unary = ch.unary_unary("/test.Peer/Echo", same, same)
    bidi = ch.stream_stream("/test.Peer/Echo", same, same)
    silent = ch.unary_unary("/test.Peer/Silent", same, same)
    agents = agent_pb2_grpc.AgentServiceStub(ch)
    sessions = clawkerd_pb2_grpc.ClawkerdServiceStub(ch)

    def register():
        reply = agents.Register(agent_pb2.RegisterRequest(agent_name="a", project="p"), timeout=10)
        assert isinstance(reply, agent_pb2.Welcome)

    def denied():
        code, text = code_of(lambda: agents.Register(agent_pb2.RegisterRequest(agent_name="deny"), timeout=10))
        assert code == grpc.StatusCode.PERMISSION_DENIED and text == "not you: 100 % \u00fc", (code, text)

    def session():
        commands = queue.Queue()
        call = sessions.Session(iter(commands.get, None), timeout=20)
        for i in range(50):
            command = clawkerd_pb2.Command(command_id=f"id{i}")
            if i % 2:
                command.shell.stages.add(argv=["true"])
            else:
                command.hello.SetInParent()
            commands.put(command)
            reply = next(call)
            assert reply.command_id == f"id{i}", reply
            assert reply.WhichOneof("payload") == ("started" if i % 2 else "hello_ack"), reply
        commands.put(None)
        assert list(call) == [] and call.code() == grpc.StatusCode.OK

    def big():
        blob = os.urandom(4 << 20)
        assert unary(blob, timeout=20) == blob

    def bigger():
        code, text = code_of(lambda: unary(bytes((4 << 20) + 1), timeout=20))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "4194304" in text, (code, text)

    def many():
        blobs = [os.urandom(1000) for _ in range(500)]
        assert list(bidi(iter(blobs), timeout=20)) == blobs

    def at_once():
        calls = [unary.future(b"%d" % i, timeout=20) for i in range(300)]  # the server takes 100
        assert [c.result() for c in calls] == [b"%d" % i for i in range(300)]

    def slow():
        blob, last = b"x" * (64 << 10), threading.Event()

        def blobs():
            for _ in range(64):
                yield blob
            last.set()

        call = bidi(blobs(), timeout=20)
        assert last.wait(10)  # what waits for a client that does not read is the server's, and then its own
        assert [len(x) for x in call] == [len(blob)] * 64

    def early():
        more = queue.Queue()  # of which no end comes
        more.put(agent_pb2.RegisterRequest(agent_name="a").SerializeToString())
        call = ch.stream_stream("/clawker.agent.v1.AgentService/Register", same, same)(iter(more.get, None), timeout=10)
        assert list(call) == [b""] and call.code() == grpc.StatusCode.OK
        more.put(None)

    def deadline():
        code, _ = code_of(lambda: silent(b"x", timeout=0.3))
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED, code

    def cancel():
        call = silent.future(b"x")
        time.sleep(0.2)  # it has to be on its way, of which nobody tells us
        assert call.cancel() and call.cancelled()

    def nothing():
        code, _ = code_of(lambda: ch.unary_unary("/test.Peer/None", same, same)(b"", timeout=10))
        assert code == grpc.StatusCode.UNIMPLEMENTED, code

    def metadata():
        assert unary(b"x", timeout=10, metadata=[("authorization", "Bearer t0k3n")]) == b"x"

    def long_headers():
        code, text = code_of(lambda: unary(b"x", timeout=10, metadata=[("a", "b" * 20000)]))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED, (code, text)

    def compressed():
        call = ch.unary_unary("/test.Peer/Echo", same, same)
        code, text = code_of(lambda: call(b"x" * 10000, timeout=10, compression=grpc.Compression.Gzip))
        assert code == grpc.StatusCode.UNIMPLEMENTED, (code, text)

    def garbage():
        register_bytes = ch.unary_unary("/clawker.agent.v1.AgentService/Register", same, same)
        code, _ = code_of(lambda: register_bytes(b"\xff\xff\xff", timeout=10))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, code

    those = locals()
    for name in names:
        check(name, those[name])
    ch.close()


def refused(port, cert):
    ch = channel(port, cert=None if cert == "-" else cert)
    code, text = code_of(lambda: ch.unary_unary("/test.Peer/Echo", same, same)(b"x", timeout=10))
    print("taken" if code == grpc.StatusCode.OK else f"refused {code.name}")


def idle(port, seconds):
    """Stock keep-alive, faster than ours: the connection lives, by one TCP connection."""
    states = []
    ch = channel(port)
    ch.subscribe(states.append)
    call = ch.unary_unary("/test.Peer/Echo", same, same)
    assert call(b"x", timeout=10) == b"x"
    time.sleep(seconds)  # what is tried is that nothing happens
    assert call(b"y", timeout=10) == b"y"
    ready = [s for s in states if s == grpc.ChannelConnectivity.READY]
    print("kept" if len(ready) == 1 else f"lost {states}")


def leaving(port):
    ch = channel(port)
    more = queue.Queue()
    call = ch.stream_stream("/test.Peer/Echo", same, same)(iter(more.get, None), timeout=20)
    more.put(b"0")
    assert next(call) == b"0"
    print("open", flush=True)
    sys.stdin.readline()
    for i in range(1, 4):
        more.put(b"%d" % i)
        assert next(call) == b"%d" % i
    other, _ = code_of(lambda: ch.unary_unary("/test.Peer/Echo", same, same)(b"x", timeout=10))
    more.put(None)
    assert list(call) == []
    print("status", call.code().name, "another", other.name)


class Methods(grpc.GenericRpcHandler):
    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        if name in ("Echo", "Session", "Early", "Leave", "Drop"):
            def echo(requests, context):
                for r in requests:
                    if name == "Leave":  # while that call is open, whose messages come back nevertheless
                        self.server.stop(20)
                    elif name == "Drop":
                        self.server.stop(0).wait(20)
                        return
                    if name == "Session":
                        import clawkerd_pb2
                        command = clawkerd_pb2.Command.FromString(r)
                        reply = clawkerd_pb2.Response(command_id=command.command_id)
                        reply.hello_ack.SetInParent()
                        r = reply.SerializeToString()
                    yield r
                    if name == "Early":  # whatever else the client has to say
                        return
            return grpc.stream_stream_rpc_method_handler(echo, same, same)
        return {
            "Register": grpc.unary_unary_rpc_method_handler(self.register, same, same),
            "Deny": grpc.unary_unary_rpc_method_handler(self.deny, same, same),
            "Silent": grpc.unary_unary_rpc_method_handler(self.silent, same, same),
            "Raise": grpc.unary_unary_rpc_method_handler(self.broken, same, same),
            "Said": grpc.unary_unary_rpc_method_handler(self.said, same, same),
        }.get(name)

    def register(self, request, context):
        import agent_pb2
        asked = agent_pb2.RegisterRequest.FromString(request)
        assert asked.agent_name == "agent" and asked.project == "project"
        auth = context.auth_context()
        assert auth["x509_common_name"] == [b"clawker-clawkerd"], auth
        return agent_pb2.Welcome().SerializeToString()

    def deny(self, request, context):
        context.set_trailing_metadata((("x-peer", "why"),))
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no: 100 % \u00fc")

    def silent(self, request, context):
        gone = threading.Event()
        left = context.time_remaining()
        print("deadline", "none" if left is None or left > 1e6 else "some", flush=True)
        context.add_callback(gone.set)
        gone.wait(20)
        print("gone" if gone.is_set() else "still there", flush=True)
        return b""

    def broken(self, request, context):
        raise RuntimeError("on purpose")

    def said(self, request, context):
        context.set_trailing_metadata((("x-peer", dict(context.invocation_metadata()).get("authorization", "-")),))
        return request


def serve(cert):
    server = grpc.server(futures.ThreadPoolExecutor(8), options=SIZES)
    methods = Methods()
    methods.server = server
    server.add_generic_rpc_handlers((methods,))
    pair = [(read(cert + ".key"), read(cert + ".pem"))]
    credentials = grpc.ssl_server_credentials(pair, read("ca.pem"), require_client_auth=True)
    print("pid", os.getpid(), flush=True)
    print("port", server.add_secure_port("127.0.0.1:0", credentials), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0).wait()


where = sys.argv[2]
sys.path.insert(0, where)
if sys.argv[1] == "client":
    client(int(sys.argv[3]), sys.argv[4:])
elif sys.argv[1] == "refused":
    refused(int(sys.argv[3]), sys.argv[4])
elif sys.argv[1] == "idle":
    idle(int(sys.argv[3]), float(sys.argv[4]))
elif sys.argv[1] == "leaving":
    leaving(int(sys.argv[3]))
else:
    serve(sys.argv[3])
