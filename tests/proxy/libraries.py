# SPDX-License-Identifier: Apache-2.0
"""libraries.py WHAT PORT TOKEN GO SECRET - what libraries of Python do with the proxy as a container's programs use them"""
import http.client, json, sys, urllib.error, urllib.request

what, port, token, go, secret = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
base, auth = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
seen = f"Authorization: Bearer {secret}".encode()


def check(name, fine):
    if not fine:
        sys.exit(f"{what}: {name}")


if what == "http.client":
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)  # one connection for all of them
    for i in range(5):
        conn.request("GET", "/echo", headers=auth)
        check("GET", seen in conn.getresponse().read())
    conn.request("POST", "/sum", b"x" * 300000, auth)
    check("POST", conn.getresponse().read().startswith(b"300000 "))
    conn.request("POST", "/sum", iter([b"abc", b"defg"]), {**auth, "Transfer-Encoding": "chunked"}, encode_chunked=True)
    check("chunks", conn.getresponse().read().startswith(b"7 "))
    conn.request("HEAD", "/head", headers=auth)
    reply = conn.getresponse()
    check("HEAD", reply.read() == b"" and reply.getheader("Content-Length") == "1234")
    conn.request("GET", "/trailers", headers=auth)
    check("trailers", conn.getresponse().read() == b"abc")
    conn.request("GET", "/204", headers=auth)
    check("204", conn.getresponse().read() == b"")
    conn.request("GET", "/half", headers=auth)
    try:
        conn.getresponse().read()
        check("a reply that is cut", False)
    except http.client.IncompleteRead as e:
        check("what came of it", e.partial == b"0123456789")
elif what == "urllib":
    ask = lambda path, **more: urllib.request.urlopen(urllib.request.Request(base + path, headers=auth, **more), timeout=20)
    check("GET", seen in ask("/echo").read())
    check("POST", ask("/sum", data=b"abc").read().startswith(b"3 "))
    check("a redirect", ask("/redirect?/there").read() == b"/there")
    try:
        urllib.request.urlopen(base + "/echo", timeout=20)
        check("no token", False)
    except urllib.error.HTTPError as e:
        check("no token", e.code == 401 and e.read() == b"Missing authentication")
elif what == "requests":
    import requests
    session = requests.Session()
    session.headers.update(auth)
    session.trust_env = False
    for i in range(5):
        check("GET", seen in session.get(base + "/echo", timeout=20).content)
    check("JSON", json.loads(session.post(base + "/echo", json={"a": [1]}, timeout=20).content.split(b"\r\n\r\n", 1)[1]) == {"a": [1]})
    check("a body that is generated", session.post(base + "/sum", data=(b"x" * 1000 for _ in range(500)), timeout=20).text.startswith("500000 "))
    check("gzip", session.get(base + "/gzip", timeout=20).text == "hello" * 100)
    check("files", session.post(base + "/echo", files={"f": ("n", b"in a file")}, timeout=20).content.find(b"in a file") > 0)
    with session.get(base + "/sse", stream=True, timeout=20) as events:
        for i, line in enumerate(line for line in events.iter_lines(1) if line):
            check("events", line == b"data: %d" % i)
            if i < 2:
                with open(go, "w") as f:
                    f.write("x")
        check("all events", i == 2)
    try:
        session.get(base + "/half", timeout=20)
        check("a reply that is cut", False)
    except requests.exceptions.RequestException:
        pass
    check("after it", session.get(base + "/hello", timeout=20).text == "/hello")
elif what == "websockets":
    import asyncio, websockets

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws", extra_headers=auth, subprotocols=["one", "two"], open_timeout=20) as ws:
            check("the subprotocol", ws.subprotocol == "one")
            check("no extension", not ws.extensions)
            for text in "text", "more text", b"\0\xff bytes":
                await ws.send(text)
                check("an echo", await asyncio.wait_for(ws.recv(), 20) == text)
            await asyncio.wait_for(await ws.ping(b"p"), 20)
            await ws.send("go away")
            try:
                await asyncio.wait_for(ws.recv(), 20)
                check("the end", False)
            except websockets.exceptions.ConnectionClosed as e:
                check(f"the end's code {e.code}", e.code == 1011)
        try:
            async with websockets.connect(f"ws://127.0.0.1:{port}/ws", open_timeout=20):
                check("no token", False)
        except websockets.exceptions.InvalidStatusCode as e:
            check("no token", e.status_code == 401)
        many = [websockets.connect(f"ws://127.0.0.1:{port}/ws", extra_headers=auth) for _ in range(50)]
        socks = await asyncio.gather(*many)
        for i, ws in enumerate(socks):
            await ws.send(f"number {i}")
        check("50 at once", [await ws.recv() for ws in socks] == [f"number {i}" for i in range(50)])
        await asyncio.gather(*(ws.close() for ws in socks))

    asyncio.run(talk())
