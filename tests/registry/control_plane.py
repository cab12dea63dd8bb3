#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# control_plane.py - the control plane of terok-agentd's tests, by stock grpcio
#
#   control_plane.py STUBS PKI HOST:PORT DEED [ARG...]
#
# STUBS has what grpc_tools made of user/proto; PKI certificates (WHO.pem, WHO.key, ca.pem). Each
# deed prints what it saw and fails by its exit code.
import http.server
import json
import queue
import ssl
import sys
import threading
import time
import urllib.parse
from concurrent import futures

stubs, pki, address, deed = sys.argv[1:5]
args = sys.argv[5:]
sys.path.insert(0, stubs)
import grpc
import agent_pb2_grpc
import agent_pb2
import clawkerd_pb2 as pb
import clawkerd_pb2_grpc

LATE = 20


def read(name):
    with open(f"{pki}/{name}", "rb") as f:
        return f.read()


def channel(who="cp-client", plain=False, options=()):
    if plain:
        return grpc.insecure_channel(address)
    cert = {} if who == "nobody" else {
        "private_key": read(who + ".key"), "certificate_chain": read(who + ".pem")}
    credentials = grpc.ssl_channel_credentials(root_certificates=read("ca.pem"), **cert)
    return grpc.secure_channel(address, credentials, options=(
        ("grpc.ssl_target_name_override", "clawker-clawkerd"), *options))


class Session:
    """One Session: what is said goes into a queue, what is heard into lists by command_id."""

    def __init__(self, **of):
        self.channel = channel(**of)
        self.said = queue.Queue()
        self.heard = []
        self.news = threading.Condition()
        self.error = None
        self.ended = False
        self.call = clawkerd_pb2_grpc.ClawkerdServiceStub(self.channel).Session(iter(self.said.get, None))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for response in self.call:
                with self.news:
                    self.heard.append(response)
                    self.news.notify_all()
        except grpc.RpcError as e:
            self.error = e
        with self.news:
            self.ended = True
            self.news.notify_all()

    def say(self, command_id, **payload):
        self.said.put(pb.Command(command_id=command_id, **payload))

    def sh(self, command_id, *texts, uid=0, gid=0, env=None, **more):
        stages = [pb.PipeStage(argv=["/bin/sh", "-c", t], uid=uid, gid=gid, env=env or {}) for t in texts]
        self.say(command_id, shell=pb.ShellCommand(stages=stages, **more))

    def until(self, what):
        end = time.monotonic() + LATE
        with self.news:
            while not what():
                if self.ended and not what():
                    raise SystemExit(f"the session has ended: {self.error}")
                if not self.news.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise SystemExit(f"too late; heard {[r.WhichOneof('payload') for r in self.heard]}")

    def of(self, command_id, *kinds):
        return [r for r in self.heard if r.command_id == command_id and r.WhichOneof("payload") in kinds]

    def end_of(self, command_id):
        """All of a ShellCommand: (its one end, standard output, standard error)."""
        self.until(lambda: self.of(command_id, "done", "error"))
        ends = self.of(command_id, "done", "error")
        if len(ends) != 1:
            raise SystemExit(f"{command_id} ended {len(ends)} times")
        out = b"".join(r.stdout.data for r in self.of(command_id, "stdout"))
        err = b"".join(r.stderr.data for r in self.of(command_id, "stderr"))
        return ends[0], out, err

    def hello(self):
        self.say("hello", hello=pb.Hello())
        self.until(lambda: self.of("hello", "hello_ack"))
        return self

    def close(self):
        self.said.put(None)
        with self.news:
            self.news.wait_for(lambda: self.ended, LATE)
        self.channel.close()


def same(name, got, want):
    if got != want:
        raise SystemExit(f"{name}: {got!r}, not {want!r}")


def do_commands():
    """Every kind of command, on one session."""
    s = Session().hello()
    s.say("", shell=pb.ShellCommand())
    s.until(lambda: s.of("", "error"))
    same("an empty id", s.of("", "error")[0].error.code, pb.ERROR_CODE_INVALID_REQUEST)
    s.say("none", close_stdin=pb.CloseStdin())
    same("an unknown id", s.end_of("none")[0].error.code, pb.ERROR_CODE_UNKNOWN_COMMAND_ID)
    s.sh("pipe", "echo one; echo two >&2", "tr a-z A-Z; exit 3")
    end, out, err = s.end_of("pipe")
    same("a pipeline", (end.done.final_exit_code, out, err), (3, b"ONE\n", b"two\n"))
    s.sh("user", "id -u; id -g", uid=1234, gid=4321)
    same("a user", s.end_of("user")[1], b"1234\n4321\n")
    s.sh("in", "cat", initial_stdin=b"x" * 300000)
    s.say("in", stdin=pb.Stdin(data=b"end"))
    s.say("in", close_stdin=pb.CloseStdin())
    same("standard input", s.end_of("in")[1], b"x" * 300000 + b"end")
    s.say("gone", shell=pb.ShellCommand(stages=[pb.PipeStage(argv=["/no/such"])]))
    same("no program", s.end_of("gone")[0].error.code, pb.ERROR_CODE_SPAWN_FAILED)
    s.sh("slow", "sleep 60", timeout_seconds=1)
    same("a time-out", s.end_of("slow")[0].error.code, pb.ERROR_CODE_TIMEOUT)
    s.sh("killed", "echo up; sleep 60")
    s.until(lambda: s.of("killed", "stdout"))
    s.say("killed", signal=pb.Signal(signo=15))
    s.end_of("killed")
    exit = s.of("killed", "stage_exit")[0].stage_exit
    same("a signal", (exit.exit_code, exit.signo), (-1, 15))
    s.sh("much", "head -c 20000000 /dev/zero")
    same("much output", len(s.end_of("much")[1]), 20000000)
    for i in range(20):
        s.sh(f"fast-{i}", "echo fast")
    for i in range(20):
        same("a fast one", s.end_of(f"fast-{i}")[1], b"fast\n")
    s.close()


def do_refused():
    """Nobody of that certificate has a session: WHO, or 'plain'."""
    c = channel(plain=True) if args[0] == "plain" else channel(args[0])
    try:
        list(clawkerd_pb2_grpc.ClawkerdServiceStub(c).Session(
            iter([pb.Command(hello=pb.Hello())]), timeout=10))
    except grpc.RpcError as e:
        same("the refusal", e.code(), grpc.StatusCode.UNAVAILABLE)
        return
    raise SystemExit("it was served")


def do_ready():
    """AgentReady, twice; TEXT is how it ends."""
    s = Session().hello()
    for i in range(2):
        s.say(f"ready-{i}", agent_ready=pb.AgentReady())
        end = s.end_of(f"ready-{i}")[0]
        same("ready", end.WhichOneof("payload"), args[0])
        if args[0] == "error":
            same("its code", end.error.code, pb.ERROR_CODE_IO_ERROR)


def do_hold():
    """A session whose program goes on until somebody ends us, or the other side."""
    s = Session().hello()
    s.sh("hold", "echo $$; exec sleep 1000")
    s.until(lambda: s.of("hold", "stdout"))
    print("holds", flush=True)
    with s.news:
        s.news.wait_for(lambda: s.ended, LATE)
    same("the other side's end", s.ended, True)


class Registrar(agent_pb2_grpc.AgentServiceServicer):
    seen = []

    def Register(self, request, context):
        bearer = dict(context.invocation_metadata()).get("authorization")
        self.seen.append((request.agent_name, request.project, bearer))
        if args[0] == "refuse":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "registration rejected")
        return agent_pb2.Welcome()


def token_server(token_type):
    """An OAuth2 server at :4444; what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append((self.path, {k: v[0] for k, v in form.items()}))
            reply = json.dumps({"access_token": "token-of-it", "token_type": token_type}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 4444), Handler)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{pki}/ca.pem")
    tls.load_cert_chain(f"{pki}/cp-server.pem", f"{pki}/cp-server.key")
    tls.verify_mode = ssl.CERT_REQUIRED
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return asked


def do_exchange():
    """Register by way of a token server: TOKEN-TYPE AGENT-ADDRESS ASSERTION."""
    asked = token_server(args[0])
    wanted = args[0].lower() == "bearer"
    server, assertion = serve_register(), args[2]
    s = Session().hello()
    for i in range(2):
        s.say(f"register-{i}", register_required=pb.RegisterRequired())
        s.until(lambda: s.of(f"register-{i}", "register_done"))
        done = s.of(f"register-{i}", "register_done")[0].register_done
        same("registered", (done.ok, "token_type" in done.error), (wanted, not wanted))
    same("what the token server was asked", asked, [("/oauth2/token", {
        "grant_type": "client_credentials", "scope": "agent:self:register", "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"})])
    same("what Register was told", Registrar.seen, [("web", "proj", "Bearer token-of-it")] if wanted else [])
    server.stop(0)


def serve_register():
    """Serve Register at our address; from then on that is the agent's."""
    global address
    server = grpc.server(futures.ThreadPoolExecutor())
    agent_pb2_grpc.add_AgentServiceServicer_to_server(Registrar(), server)
    server.add_secure_port(address, grpc.ssl_server_credentials(
        [(read("cp-server.key"), read("cp-server.pem"))], read("ca.pem"), require_client_auth=True))
    server.start()
    address = args[1]
    return server


def do_register():
    """Serve Register at HOST:PORT, and ask twice at once: welcome|refuse AGENT-ADDRESS AGENT PROJECT BEARER."""
    server = serve_register()
    s = Session().hello()
    for i in range(2):
        s.say(f"register-{i}", register_required=pb.RegisterRequired())
    for i in range(2):
        s.until(lambda: s.of(f"register-{i}", "register_done"))
        done = s.of(f"register-{i}", "register_done")[0].register_done
        same("registered", done.ok, args[0] == "welcome")
        same("its error", "registration rejected" in done.error, args[0] == "refuse")
    same("what Register was told", Registrar.seen, [(args[2], args[3], "Bearer " + args[4])])
    server.stop(0)


def do_unregistered():
    """Nobody serves Register: it may be tried again."""
    s = Session().hello()
    for i in range(2):
        s.say(f"register-{i}", register_required=pb.RegisterRequired())
        s.until(lambda: s.of(f"register-{i}", "register_done"))
        same("registered", s.of(f"register-{i}", "register_done")[0].register_done.ok, False)


globals()["do_" + deed]()
print("done", flush=True)
