#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""registry_peer.py PORT CERT CA - Register by stock grpcio, for those that have a certificate of CA: an answer, and nothing else

It looks at no token, asks nobody who that is, and keeps no row: it is what the calls alone cost there.
"""
import sys
from concurrent import futures

import grpc


def read(name):
    with open(name, "rb") as f:
        return f.read()


port, cert, ca = sys.argv[1:]
server = grpc.server(futures.ThreadPoolExecutor(1), options=(("grpc.so_reuseport", 0),))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("clawker.agent.v1.AgentService", {
    "Register": grpc.unary_unary_rpc_method_handler(lambda request, context: b"")}),))
credentials = grpc.ssl_server_credentials([(read(cert), read(cert))], read(ca), require_client_auth=True)
if not server.add_secure_port(f"127.0.0.1:{port}", credentials):
    sys.exit("no port")
server.start()
print("serves", flush=True)
server.wait_for_termination()
