#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""token_server.py - a server that knows tokens (RFC 7662), and does what the token says

token_server.py FOLDER: over TLS with FOLDER/token.pem; its port is in FOLDER/token.port; each question is a line of JSON in
FOLDER/questions. FOLDER/slow-X is a FIFO: the token of that name is answered when somebody writes there.
"""
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.parse

folder = sys.argv[1]
lock = threading.Lock()
REGISTER, AGENT = "agent:self:register", "clawker-agent"
SAYS = {
    "active": {"active": True, "scope": "other " + REGISTER + " more", "client_id": AGENT},
    "inactive": {"active": False},
    "no-scope": {"active": True, "scope": "admin", "client_id": AGENT},
    "part-of-scope": {"active": True, "scope": REGISTER + ":not", "client_id": AGENT},
    "no-client": {"active": True, "scope": REGISTER},
    "other-client": {"active": True, "scope": REGISTER, "client_id": "clawker-cli"},
    "over": {"active": True, "scope": REGISTER, "client_id": AGENT, "exp": 1},
    "text": {"active": "true", "scope": REGISTER, "client_id": AGENT},
    "nothing": {"scope": REGISTER, "client_id": AGENT},
    "admin": {"active": True, "scope": "admin", "client_id": "clawker-cli"},
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body).items()}
        with lock, open(folder + "/questions", "a") as f:
            f.write(json.dumps([self.path, self.headers["Content-Type"], form], sort_keys=True) + "\n")
        token, status, said = form["token"], 200, None
        if self.path == "/elsewhere":
            token = "active"
        elif token == "redirect":
            status, said = 307, b""
        elif token == "status":  # what it says then is worth nothing
            token, status = "active", 500
        elif token == "large":
            said = json.dumps({**SAYS["active"], "more": "x" * 65536}).encode()
        elif token == "no-json":
            said = b"active"
        elif token == "cut":  # it says less than it promised
            said = json.dumps(SAYS["active"]).encode()
        elif token.startswith("slow-"):
            with open(f"{folder}/{token}") as f:
                f.read()
            token = "active"
        if said is None:
            said = json.dumps(SAYS[token]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said) + (5 if token == "cut" else 0)))
        if status == 307:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        conn, peer = super().get_request()
        return tls.wrap_socket(conn, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, *_):  # who does not like our certificate goes
        pass


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + "/token.pem")
server = Server(("127.0.0.1", 0), Handler)
with open(folder + "/token.port.new", "w") as f:
    f.write(f"{server.server_port}\n")
os.rename(folder + "/token.port.new", folder + "/token.port")
server.serve_forever()
