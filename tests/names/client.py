# SPDX-License-Identifier: Apache-2.0
# client.py - python's socket module as a program; arguments and exit as in client_getaddrinfo.c,
# and it connects to port 80 of what it prints
import socket
import sys

how, what = sys.argv[1:]
family = {"any": 0, "4": socket.AF_INET, "6": socket.AF_INET6, "ptr": 0}[how]
try:
    if how == "ptr":
        print(socket.gethostbyaddr(what)[0])
        sys.exit(0)
    found = socket.getaddrinfo(what, 80, family, socket.SOCK_STREAM)
except socket.gaierror as error:
    print(error, file=sys.stderr)
    sys.exit(2 if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else 3)
except socket.herror as error:  # 1: HOST_NOT_FOUND, 4: NO_DATA
    print(error, file=sys.stderr)
    sys.exit(2 if error.errno in (1, 4) else 3)
for one in found:
    print(one[4][0])
try:
    with socket.create_connection((what, 80), 5):
        pass
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
