# SPDX-License-Identifier: Apache-2.0
"""agent_bridge.py SOCKET PORT TOKEN - what a container has: a unix socket for ssh(1), behind it the proxy's port

Each connection begins with the token, behind four bytes of its length. Prints "ready" when it listens.
"""
import os
import socket
import struct
import sys
import threading


def pump(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
    except OSError:
        pass
    for end in (source, to):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, port, token):
    with client, socket.create_connection(("127.0.0.1", port)) as proxy:
        proxy.sendall(struct.pack(">I", len(token)) + token)
        thread = threading.Thread(target=pump, args=(client, proxy), daemon=True)
        thread.start()
        pump(proxy, client)
        thread.join()


def main():
    path, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, port, token), daemon=True).start()


main()
