# SPDX-License-Identifier: Apache-2.0
"""scan.py - is any run of a secret's bytes there? In plain, in hex, in base64 at each of its three places

scan.py SECRETS WHERE...     SECRETS: a file, a secret a line; WHERE: a file, a folder, or mem:PID for all that a process can
                             read of its memory. Says what was found and where, which form and which part; exit 1 if any was

A run of 15 characters has one of the parts of 8 that are looked for, whole, in each form: 8 bytes of UTF-16 are but 4
characters, of hex 4 bytes of a secret, and a process without any secret holds hundreds of such by chance.
"""
import base64, os, sys

PART = 8


def forms(secret):
    """name, text, and how much of it stands for a character of the secret"""
    yield "plain", secret, 1
    yield "backwards", secret[::-1], 1
    yield "hex", secret.hex().encode(), 2
    yield "HEX", secret.hex().upper().encode(), 2
    yield "utf-16", secret.decode().encode("utf-16-le"), 2
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + secret)[4 if shift else 0:].rstrip(b"=")[:-1]
        yield f"base64+{shift}", text, 1
        yield f"base64url+{shift}", text.replace(b"+", b"-").replace(b"/", b"_"), 1


def parts(secrets):
    for number, secret in enumerate(secrets):
        for name, text, width in forms(secret):
            size = PART * width
            for at in range(0, len(text) - size + 1, size):
                yield number, name, at, text[at:at + size]


def pieces(where):
    """names and bytes"""
    if where.startswith("mem:"):
        pid = where[4:]
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                area, flags = line.split()[:2]
                if "r" not in flags or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    continue
                first, last = (int(x, 16) for x in area.split("-"))
                try:
                    mem.seek(first)
                    left = last - first
                    data = b""
                    while left:
                        got = mem.read(left)
                        if not got:
                            break
                        data += got
                        left -= len(got)
                    yield f"mem:{pid} {area}", data
                except OSError:
                    pass
    elif os.path.isdir(where):
        for folder, _, files in os.walk(where):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    yield from pieces(path)
    else:
        with open(where, "rb") as f:
            yield where, f.read()


with open(sys.argv[1], "rb") as f:
    looked_for = list(parts(f.read().split()))
found, size = 0, 0
for where in sys.argv[2:]:
    for name, data in pieces(where):
        size += len(data)
        for number, form, at, part in looked_for:
            if part in data:
                print(f"{name}: secret {number}, {form}, from byte {at}")
                found += 1
print(f"{size} bytes, {len(looked_for)} parts, {found} found")
if not size:
    sys.exit("there was nothing to look at")
sys.exit(found != 0)
