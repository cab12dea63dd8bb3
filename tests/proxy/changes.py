# SPDX-License-Identifier: Apache-2.0
"""changes.py - requests without a pause while others change what they are served by

changes.py revoke PORT PROXY TOKEN...    each is revoked by the program while it is used: none is good after it returned
changes.py credential PORT PROXY TOKEN   another credential is set; "old" is not sent after it returned
changes.py routes PORT PID FILE TOKEN    another file of routes takes its place in the midst of a request
"""
import http.client, json, os, signal, socket, subprocess, sys

what, port = sys.argv[1], int(sys.argv[2])
args = sys.argv[3:]


def ask(conn, token):
    conn.request("GET", "/echo", headers={"Authorization": "Bearer " + token})
    reply = conn.getresponse()
    return reply.status, reply.read().decode()


def connect():
    return http.client.HTTPConnection("127.0.0.1", port, timeout=20)


def while_used(command, token, data=None):
    """Status and body of requests before it had returned, and of those that began after"""
    conn, before, after = connect(), [], []
    before.append(ask(conn, token))
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    if data:
        child.stdin.write(data)
    child.stdin.close()
    while child.poll() is None:
        before.append(ask(conn, token))
    for _ in range(5):
        after.append(ask(conn, token))
    assert child.returncode == 0, child.returncode
    return before, after


if what == "revoke":
    for token in args[1:]:
        before, after = while_used([args[0], "token", "revoke", token], token)
        assert before[0][0] == 200 and len(before) > 1, before
        assert {status for status, _ in after} == {401}, after
elif what == "credential":
    for i in range(10):
        key = f"key-{i}-" + "x" * i
        before, after = while_used([args[0], "credential", "set", "changes"], args[1],
                                   json.dumps({"type": "api_key", "key": key}).encode())
        assert all(f"Bearer {key}\r" in body for _, body in after), after
elif what == "routes":
    # stopped, it finds the request that began before the file was another one, and ended after, first
    pid, path, token = int(args[0]), args[1], args[2]
    new = os.path.dirname(os.path.dirname(path)) + "/routes.new"  # in no folder that it watches
    routes = json.load(open(path))
    for i in range(20):
        conn = socket.create_connection(("127.0.0.1", port), 20)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.sendall(b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n")  # it is accepted
        conn.recv(4096)
        routes["changes"]["path_upstreams"] = {"/echo": routes["changes"]["upstream"] + f"/{i}"}
        with open(new, "w") as f:
            json.dump(routes, f)
        os.kill(pid, signal.SIGSTOP)
        conn.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ")
        os.rename(new, path)
        conn.sendall(token.encode() + b"\r\n\r\n")
        os.kill(pid, signal.SIGCONT)
        got = b""
        while piece := conn.recv(65536):
            got += piece
        assert got.endswith(b"\r\n\r\n/%d/echo" % i), got
