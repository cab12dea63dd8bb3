# SPDX-License-Identifier: Apache-2.0
"""browser.py - drives chromium by WebDriver: the page as a person meets it

    browser.py DIR WEB_PID SHOTS

DIR is lib.sh's: the core's log, links, the driver's log. The core hears commands on descriptor 8.
One test is a function, its name a sentence; they are run in order, on one browser.
"""
import base64
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request

DIR, WEB_PID, SHOTS = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, ESCAPE, DOWN, RIGHT, TAB = "\ue007", "\ue00c", "\ue015", "\ue014", "\ue004"
PATIENCE_S = 10


def read(name):
    with open(os.path.join(DIR, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def wait_for(what, fn):
    """Until fn() is true; what it gave. The page cannot tell us, so we look."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            got = fn()
        except KeyError:  # an element that has just gone
            got = None
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.02)


class Browser:
    """As much of W3C WebDriver as is needed."""

    def __init__(self):
        port = re.search(r"started successfully on port (\d+)", read("driver.log")).group(1)
        self.base = "http://127.0.0.1:" + port
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--user-data-dir=" + DIR + "/profile"]
        said = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/session/" + said["sessionId"]

    def call(self, method, path, body=None):
        data = None if method == "GET" or method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise KeyError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def find_text(self, css, words):
        """The element for css whose text has these words."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".find((e) => e.checkVisibility() && e.textContent.includes(arguments[1])) || null",
                        css, words)

    def click(self, element):
        if isinstance(element, str):
            element = self.find(element)
        elif isinstance(element, dict):
            element = element[ELEMENT]
        self.call("POST", f"/element/{element}/click")

    def keys(self, text):
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def text(self, css="body"):
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".filter((e) => e.checkVisibility()).map((e) => e.innerText).join('\\n')", css)

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def look(self, width, height, scheme):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shot(self, name, sizes=((1280, 860), (360, 780))):
        for width, height in sizes:
            for scheme in ("light", "dark"):
                self.look(width, height, scheme)
                wide = self.run("return document.documentElement.scrollWidth > innerWidth")
                png = base64.b64decode(self.call("GET", "/screenshot"))
                with open(f"{SHOTS}/{name}-{width}-{scheme}.png", "wb") as file:
                    file.write(png)
                assert not wide, f"{name} at {width} px scrolls sideways"
        self.look(1280, 860, "light")


def core(*fields):
    line = "\t".join(re.sub(r"[^ -$&-~]", lambda m: "".join("%%%02x" % b for b in m.group().encode()), str(f)) for f in fields)
    os.write(8, (line + "\n").encode())


questions = 100
asked = {}  # what later tests ask for by name


def refuse(guard, address, port, domain, comm="curl", pid=4711, exe="/usr/bin/curl", command="", count=1, question=None):
    global questions
    if question is None:
        questions += 1
        question = questions
    core("refuse", guard, question, address, port, domain, comm, pid, exe, command or comm, count)
    return question


def new_link():
    n = read("links").count("login=")
    os.kill(WEB_PID, signal.SIGUSR1)
    wait_for("a new link", lambda: read("links").count("login=") > n)
    return read("links").split()[-1]


def verdicts():
    return re.findall(r"^verdict (.*)$", read("core.log"), re.M)


def row(words):
    return browser.find_text(".row", words)


def in_row(words, css):
    return browser.run("return arguments[0].querySelector(arguments[1])", wait_for("a row with " + words, lambda: row(words)), css)


def settle():
    """Until the list has been still for so long that clicks count."""
    wait_for("a list that is still", lambda: browser.run("return performance.now() - movedAt > STILL_MS + 50 && !drawing"))


def click_row(words, css):
    element = in_row(words, css)
    settle()
    browser.click(element)


def heard(verdict):
    wait_for("the core hears: " + verdict, lambda: verdict in verdicts())


# --- tests

def without_a_link_the_page_asks_for_one():
    browser.look(1280, 860, "light")
    browser.go(read("links").split()[0].split("#")[0])
    wait_for("the login", lambda: "Login link" in browser.text())
    browser.shot("login")
    browser.call("POST", f"/element/{browser.find('#login-link')}/value", {"text": "http://localhost/#login=wrong"})
    browser.keys(ENTER)
    wait_for("a refusal", lambda: "does not work any more" in browser.text())


def a_link_lets_in_once_and_leaves_the_address():
    link = new_link()
    browser.go(link)
    wait_for("the list", lambda: "Live" in browser.text("#live"))
    assert "login" not in browser.run("return location.href")
    wait_for("an empty list", lambda: "Nothing waits for an answer" in browser.text())
    assert browser.run("return document.cookie") == "", "a script sees the cookie"
    browser.shot("empty")


def a_reload_stays_logged_in():
    browser.call("POST", "/refresh")
    wait_for("the list", lambda: "Live" in browser.text("#live"))


def a_request_arrives_live_with_who_and_where():
    core("guard", 1, "agent-7", "3f9c1ab2d47e88aa")
    core("guard", 2, "ci-build-114", "b7710c5de21f09cc")
    question = refuse(1, "140.82.121.6", 443, "api.github.com", "git-remote-http", 4711, "/usr/lib/git-core/git-remote-https",
                      "git-remote-https origin https://api.github.com/acme/web.git", 3)
    wait_for("the request", lambda: row("api.github.com"))
    text = browser.text(".row")
    for words in ("api.github.com", ":443/tcp", "git-remote-http[4711]", "3 times", "Deny", "Allow"):
        assert words in text, f"{words} not in {text}"
    assert browser.run("return document.title") == "(1) Clearance"
    wait_for("it is said", lambda: "agent-7 asks for api.github.com port 443" in browser.run("return $('says').textContent"))
    # told again: the same row
    refuse(1, "140.82.121.6", 443, "api.github.com", "git-remote-http", 4711, "/usr/lib/git-core/git-remote-https",
           "git-remote-https origin https://api.github.com/acme/web.git", 12, question)
    wait_for("a count of 12", lambda: "12 times" in browser.text(".row"))
    assert browser.run("return document.querySelectorAll('.row').length") == 1


def requests_are_grouped_by_container_and_domain():
    refuse(1, "185.199.108.133", 443, "objects.githubusercontent.com", "curl", 4720, "/usr/bin/curl",
           "curl -fsSL https://objects.githubusercontent.com/release.tar.gz")
    refuse(1, "140.82.121.9", 443, "uploads.github.com", "gh", 4802, "/usr/bin/gh", "gh release upload v1.4.0 dist.tgz", 2)
    asked["telemetry"] = refuse(1, "", 0, "telemetry.vendor.example", "node", 4733, "/usr/bin/node", "node /app/agent.js --once", 41)
    refuse(1, "10.0.0.12", 5432, "", "psql", 4790, "/usr/bin/psql", "psql -h 10.0.0.12 -U app")
    for i, name in enumerate(("registry.npmjs.org", "static.npmjs.org", "audit.npmjs.org")):
        refuse(2, f"104.16.2.{i + 34}", 443, name, "npm ci", 912, "/usr/local/bin/node", "npm ci --no-audit --prefer-offline", 5 + i)
    refuse(2, "2606:4700::6810:84e5", 80, "deb.debian.org", "apt-get", 951, "/usr/lib/apt/methods/http", "/usr/lib/apt/methods/http")
    wait_for("all", lambda: browser.text("#n-open") == "9")
    boxes = browser.run("return [...document.querySelectorAll('.box')].map((b) => [b.querySelector('h2').textContent,"
                        "[...b.querySelectorAll('.group')].map((g) => g.querySelectorAll('.row').length)])")
    assert boxes == [["agent-7", [2, 1, 1, 1]], ["ci-build-114", [3, 1]]], boxes
    browser.shot("requests")


def a_click_denies_one():
    click_row("telemetry.vendor.example", ".deny")
    heard(f"{asked['telemetry']} deny session 0")
    wait_for("it is shown", lambda: in_row("telemetry.vendor.example", ".chip.deny"))


TESTS = [without_a_link_the_page_asks_for_one, a_link_lets_in_once_and_leaves_the_address, a_reload_stays_logged_in,
         a_request_arrives_live_with_who_and_where, requests_are_grouped_by_container_and_domain,
         a_click_denies_one]

failed = 0
browser = Browser()
try:
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        try:
            test()
            print("ok", name, flush=True)
        except Exception as error:  # whatever it is, the others run
            failed += 1
            print("not ok", name, flush=True)
            print(f"   {type(error).__name__}: {error}", flush=True)
            browser.shot("failed-" + test.__name__, ((1280, 860),))
finally:
    try:
        browser.call("DELETE", "")
    except Exception:
        pass
sys.exit(1 if failed else 0)
