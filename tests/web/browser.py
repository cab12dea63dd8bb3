# SPDX-License-Identifier: Apache-2.0
"""browser.py - drives chromium by WebDriver: the page as a person meets it

    browser.py DIR WEB_PID HUB_PID SHOTS

DIR is lib.sh's: the core's log, links, the driver's log. The core hears commands on descriptor 8.
One test is a function, its name a sentence; they are run in order, on one browser.
"""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

from webdriver import DOWN, ENTER, ESCAPE, RIGHT, TAB, Browser, wait_for

DIR, SHOTS = sys.argv[1], sys.argv[4]
ME = "root" if os.getuid() == 0 else f"user {os.getuid()}"
WEB, HUB = int(sys.argv[2]), int(sys.argv[3])


def read(name):
    if not os.path.exists(os.path.join(DIR, name)):
        return ""
    with open(os.path.join(DIR, name), encoding="utf-8", errors="replace") as file:
        return file.read()


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
    os.kill(WEB, signal.SIGUSR1)
    wait_for("a new link", lambda: read("links").count("login=") > n)
    return read("links").split()[-1]


def verdicts():
    return re.findall(r"^verdict (.*)$", read("core.log"), re.M)


def answer_elsewhere(ident):
    said = subprocess.run([os.environ["WEB_BIN"], "answer", "--socket", DIR + "/hub.sock", ident, "deny"],
                          capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def row(words):
    return browser.find_text(".row", words)


def in_row(words, css):
    return browser.run("return arguments[0].querySelector(arguments[1])", wait_for("a row with " + words, lambda: row(words)), css)


def settle():
    """Until the list has been still for so long that clicks count."""
    wait_for("a list that is still", lambda: browser.run("return performance.now() - movedAt > STILL_MS + 50 && !drawing"))


def click_when(find):
    """What is drawn anew between the look and the click is looked for again."""
    settle()
    wait_for("a click", lambda: browser.click(find()) or True)


def click_row(words, css):
    click_when(lambda: in_row(words, css))


def heard(verdict):
    wait_for("the core hears: " + verdict, lambda: verdict in verdicts())


TESTS = []


def in_order(test):
    TESTS.append(test)
    return test


# --- tests

@in_order
def without_a_link_the_page_asks_for_one():
    browser.look(1280, 860, "light")
    browser.go(read("links").split()[0].split("#")[0])
    wait_for("the login", lambda: "Login link" in browser.text())
    browser.shot("login")
    browser.type("#login-link", "http://localhost/#login=wrong" + ENTER)
    wait_for("a refusal", lambda: "does not work any more" in browser.text())


@in_order
def a_link_lets_in_once_and_leaves_the_address():
    link = new_link()
    browser.go(link)
    wait_for("the list", lambda: "Live" in browser.text("#live"))
    assert "login" not in browser.run("return location.href")
    wait_for("an empty list", lambda: "Nothing waits for an answer" in browser.text())
    assert browser.run("return document.cookie") == "", "a script sees the cookie"
    browser.shot("empty")


@in_order
def a_reload_stays_logged_in():
    browser.call("POST", "/refresh")
    wait_for("the list", lambda: "Live" in browser.text("#live"))


@in_order
def a_request_arrives_live_with_who_and_where():
    core("guard", 1, "agent-7", "3f9c1ab2d47e88aa")
    core("guard", 2, "ci-build-114", "b7710c5de21f09cc")
    asked["api"] = question = refuse(1, "140.82.121.6", 443, "api.github.com", "git-remote-http", 4711, "/usr/lib/git-core/git-remote-https",
                      "git-remote-https origin https://api.github.com/acme/web.git", 3)
    wait_for("the request", lambda: row("api.github.com"))
    text = browser.text(".row")
    for words in ("api.github.com", "140.82.121.6", ":443/tcp", "git-remote-http[4711]", "3 times", "Deny", "Allow"):
        assert words in text, f"{words} not in {text}"
    assert browser.run("return document.title") == "(1) Clearance"
    wait_for("it is said", lambda: "agent-7 asks for api.github.com port 443" in browser.run("return $('says').textContent"))
    # told again: the same row
    refuse(1, "140.82.121.6", 443, "api.github.com", "git-remote-http", 4711, "/usr/lib/git-core/git-remote-https",
           "git-remote-https origin https://api.github.com/acme/web.git", 12, question)
    wait_for("a count of 12", lambda: "12 times" in browser.text(".row"))
    assert browser.run("return document.querySelectorAll('.row').length") == 1


@in_order
def requests_are_grouped_by_container_and_domain():
    refuse(1, "185.199.108.133", 443, "objects.githubusercontent.com", "curl", 4720, "/usr/bin/curl",
           "curl -fsSL https://objects.githubusercontent.com/release.tar.gz")
    uploads = refuse(1, "140.82.121.9", 443, "uploads.github.com", "gh", 4802, "/usr/bin/gh", "gh release upload v1.4.0 dist.tgz", 2)
    asked["uploads_id"] = f"3f9c1ab2d47e:{uploads}"
    asked["telemetry"] = refuse(1, "", 0, "telemetry.vendor.example", "node", 4733, "/usr/bin/node", "node /app/agent.js --once", 41)
    refuse(1, "10.0.0.12", 5432, "", "psql", 4790, "/usr/bin/psql", "psql -h 10.0.0.12 -U app")
    asked["npm"] = [
        refuse(2, f"104.16.2.{i + 34}", 443, name, "npm ci", 912, "/usr/local/bin/node", "npm ci --no-audit --prefer-offline", 5 + i)
        for i, name in enumerate(("registry.npmjs.org", "static.npmjs.org", "audit.npmjs.org"))]
    refuse(2, "2606:4700::6810:84e5", 80, "deb.debian.org", "apt-get", 951, "/usr/lib/apt/methods/http", "/usr/lib/apt/methods/http")
    wait_for("all", lambda: browser.text("#n-open") == "9")
    boxes = browser.run("return [...document.querySelectorAll('.box')].map((b) => [b.querySelector('h2').textContent,"
                        "[...b.querySelectorAll('.group')].map((g) => g.querySelectorAll('.row').length)])")
    assert "Denied by the rule deny *.vendor.example" in browser.run("return arguments[0].textContent", row("telemetry.vendor.example"))
    assert boxes == [["agent-7", [2, 1, 1, 1]], ["ci-build-114", [3, 1]]], boxes
    browser.shot("requests")


@in_order
def a_click_denies_one():
    click_row("telemetry.vendor.example", ".deny")
    heard(f"{asked['telemetry']} deny session 0 asked same")
    wait_for("it is shown", lambda: in_row("telemetry.vendor.example", ".chip.deny"))


@in_order
def a_click_just_after_the_list_moved_answers_nothing():
    before = verdicts()
    settle()
    browser.run("const row = [...document.querySelectorAll('.row')].find((e) => e.textContent.includes('10.0.0.12'));"
                "movedAt = performance.now(); row.querySelector('.allow').click();")
    wait_for("a sentence", lambda: "nothing was answered" in browser.text("#toasts"))
    assert verdicts() == before


@in_order
def a_group_is_denied_at_once_and_allowed_after_a_question():
    group = "[...document.querySelectorAll('.group')].find((e) => e.textContent.includes('npmjs.org'))"
    click_when(lambda: browser.run(f"return {group}.querySelector('.site .allow')"))
    wait_for("the question", lambda: "Answer 3 requests" in browser.text("#ask"))
    assert browser.run("return document.activeElement.id") == "ask-deny", "Enter would not deny"
    browser.shot("ask-group")
    browser.keys(ESCAPE)
    assert not browser.run("return $('ask').open")
    click_when(lambda: browser.run(f"return {group}.querySelector('.site .deny')"))
    for number in asked["npm"]:
        heard(f"{number} deny session 0 asked same")
    wait_for("they are shown", lambda: browser.run(f"return {group}.querySelectorAll('.chip.deny').length === 3"))
    browser.shot("answered")


@in_order
def details_say_all_and_an_answer_says_how_far():
    click_row("api.github.com", ".icon")
    wait_for("the dialog", lambda: "agent-7 asks for api.github.com" in browser.text("#ask-title"))
    facts = browser.text("#ask-facts")
    for words in ("140.82.121.6", "443 / tcp", "git-remote-http [4711]", "user 1000", "/usr/lib/git-core/git-remote-https",
                  "https://api.github.com/acme/web.git", "bash \u2039 node", "no rule allows it", "12 times", "3f9c1ab2d47e"):
        assert words in facts, f"{words} not in {facts}"
    browser.shot("ask")
    for name, words in (("1 hour", "for 1 hour"), ("And every name below", "every name below it"), ("Any port", "on any port")):
        browser.click(browser.find_text(".pick label", name))
        assert words in browser.text("#ask-says"), browser.text("#ask-says")
    browser.click("#ask-allow")
    heard(f"{asked['api']} allow time 3600 children any")
    wait_for("it is shown", lambda: in_row("api.github.com", ".chip.allow"))
    wait_for("until when", lambda: re.search("Allowed for (1 h|59 min)$", browser.run("return arguments[0].textContent", in_row("api.github.com", ".chip.allow"))))


@in_order
def an_answer_that_cannot_be_applied_says_why_and_stays_open():
    core("fail", "the rule table is full")
    click_row("uploads.github.com", ".allow")
    wait_for("why", lambda: "the rule table is full" in browser.run("return arguments[0].textContent", row("uploads.github.com")))
    assert in_row("uploads.github.com", ".do .deny"), "it can be answered no more"


@in_order
def somebody_elses_answer_is_shown():
    answer_elsewhere(asked["uploads_id"])
    wait_for("it is shown", lambda: "by " + ME in browser.run("return arguments[0].textContent", in_row("uploads.github.com", ".chip.deny")))


@in_order
def whoever_was_first_is_heard():
    number = refuse(2, "203.0.113.77", 443, "first.example", "curl")
    ident = f"b7710c5de21f:{number}"
    wait_for("it is there", lambda: row("first.example"))
    answer_elsewhere(ident)
    wait_for("it is shown", lambda: in_row("first.example", ".chip.deny"))
    # as if that were not heard yet
    again = "const r = requests.get(args[0]); r.state = 'open'; await answer([r], args[1], { scope: 'session' }); return r.state + r.problem"
    said = browser.run_async(again, ident, "deny")
    assert said == "denied", said
    assert "Not answered" not in browser.text("#toasts") or "first.example" not in browser.text("#toasts")
    said = browser.run_async(again, ident, "allow")
    assert said.startswith("denied") and "has answered it already" in said, said
    wait_for("a sentence", lambda: "has answered it already" in browser.text("#toasts"))


@in_order
def what_nobody_is_asked_about_is_counted():
    header = "return [...document.querySelectorAll('.box')].find((e) => e.textContent.includes('ci-build-114')).querySelector('.many').textContent"
    event = {"type": "held", "guard": 2, "container": "b7710c5de21f09cc", "name": "ci-build-114", "count": 17}
    for _ in range(2):
        browser.run("hear('event', { event: arguments[0] })", event)
    wait_for("their number", lambda: "34 refusals more that nobody is asked about" in browser.run(header))
    browser.run("guards.get(2).heldAt -= HELD_MS; draw()")
    wait_for("a while later it is not said", lambda: "more that nobody" not in browser.run(header))


@in_order
def keys_go_from_row_to_row_and_answer():
    focused = "return document.activeElement.classList.contains('row') ? document.activeElement.textContent : ''"
    numbers = [refuse(2, f"203.0.113.{i}", 22, f"key{i}.keys.example", "ssh") for i in range(4)]
    wait_for("they are there", lambda: row("key3.keys.example"))
    settle()
    browser.run("document.activeElement.blur()")
    for _ in range(40):
        browser.keys(TAB)
        if "objects.github" in browser.run(focused):
            break
    assert "objects.github" in browser.run(focused), "Tab does not lead to the first row that is open"
    browser.shot("focus", ((1280, 860),))
    for _ in range(30):
        if "key0." in browser.run(focused):
            break
        browser.keys(DOWN)
    browser.keys("d")
    heard(f"{numbers[0]} deny session 0 asked same")
    assert "key1." in browser.run(focused), "the next row has no focus"
    browser.keys("a")
    heard(f"{numbers[1]} allow session 0 asked same")
    browser.keys(ENTER)
    wait_for("details", lambda: browser.run("return $('ask').open"))
    browser.keys(ENTER)
    heard(f"{numbers[2]} deny session 0 name same")
    assert "key3." in browser.run(focused), "the next row has no focus"
    browser.keys("q ")
    assert len([v for v in verdicts() if v.startswith(str(numbers[3]))]) == 0, "another key answered"
    # what is over goes, first above it, then the row itself: the focus stays in the list
    later = "for (const r of requests.values()) if (!waits(r)) requests.delete(r.id); draw()"  # as after seven seconds
    browser.run(later)
    wait_for("they go", lambda: not row("key0.") and not row("key2."))
    assert "key3." in browser.run(focused), "the focus is gone"
    answer_elsewhere(f"b7710c5de21f:{numbers[3]}")
    wait_for("it is over", lambda: in_row("key3.", ".chip.deny"))
    browser.run(later)
    wait_for("it goes", lambda: not row("key3."))
    assert browser.run(focused), "the focus is gone"
    browser.keys("/")
    assert browser.run("return document.activeElement.id") == "filter"


@in_order
def a_filter_leaves_what_has_its_words():
    browser.type("#filter", "PSQL")
    wait_for("one row", lambda: browser.run("return document.querySelectorAll('.row').length") == 1)
    assert "10.0.0.12" in browser.text(".row")
    browser.shot("filter", ((1280, 860),))
    browser.run("$('filter').value = 'nothing has this'; $('filter').dispatchEvent(new Event('input'))")
    wait_for("none", lambda: "Nothing matches" in browser.text())
    browser.run("$('filter').value = ''; $('filter').dispatchEvent(new Event('input'))")
    wait_for("all", lambda: row("deb.debian.org"))


@in_order
def hostile_names_are_text_and_nothing_else():
    core("guard", 3, "<b onmouseover=hit=1>n</b>\x1b[2J", "\"'><script>")
    bad = "<img src=x onerror=hit=1>"
    refuse(3, "192.0.2.66", 443, "xn--<script>hit=1</script>.\u202eexample", bad, 1, "/" + bad, bad + " \x1b]0;t\x07 " + "W" * 200, 1)
    refuse(3, "192.0.2.67", 443, ("a" * 60 + ".") * 3 + "example", "constructor", 1, "__proto__", "</script><script>hit=1</script>", 1)
    refuse(3, "192.0.2.68", 443, "__proto__", "toString", 1, "", "javascript:hit=1", 1)
    refuse(3, "192.0.2.69", 443, "\u0440\u0430ypal.example", "", 0, "", "", 1)
    wait_for("they are shown", lambda: row("192.0.2.69"))
    assert browser.run("return typeof hit") == "undefined", "a name was run"
    assert browser.run("return document.querySelectorAll('#app img[src=x], .box script, .box b b').length") == 0
    text = browser.text("#view-requests")
    shown = browser.run("return arguments[0].innerText", row("192.0.2.69"))
    assert re.match(" +ypal.example", shown), f"{shown!r}: what is no letter of a name is gone"
    assert bad[:15] in text and "<b onmouseover" in text, text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text), ascii(text)
    browser.run("document.querySelectorAll('.box')[2].scrollIntoView()")
    browser.shot("hostile")
    click_row("192.0.2.67", ".icon")
    wait_for("the dialog", lambda: browser.run("return $('ask').open"))
    browser.shot("hostile-ask")
    browser.keys(ESCAPE)
    core("gone", 3)


@in_order
def a_container_without_a_guard_is_in_every_view_until_it_is_over():
    wait_for("none is", lambda: not browser.run("return $('alarms').offsetHeight"))
    core("alarm", 0, "stray", "77aa77aa77aa77aa", "no hook told of it")
    core("alarm", 0, "<b>bad</b>\x1b", "88bb88bb88bb88bb", "<img src=x onerror=hit=1>")
    wait_for("both are", lambda: "2 containers without a guard" in browser.text("#alarms"))
    text = browser.text("#alarms")
    assert "stray 77aa77aa77aa of " + ME + ": no hook told of it" in text, text
    assert browser.run("return $('alarms').querySelectorAll('b, img').length") == 0, "a name is markup"
    assert browser.run("return $('alarms').getAttribute('role')") == "alert"
    browser.run("scrollTo(0, document.body.scrollHeight)")
    assert browser.run("return $('alarms').getBoundingClientRect().top") >= 0, "it is out of sight"
    browser.shot("alarms")
    for view in ("grants", "history", "requests"):
        browser.run("show(arguments[0])", view)
        assert browser.run("return $('alarms').offsetHeight"), view
    core("alarm", 1, "stray", "77aa77aa77aa77aa", "it has a guard now")
    wait_for("one is over", lambda: "1 container without" in browser.text("#alarms") and "stray" not in browser.text("#alarms"))
    for n in range(20):
        core("alarm", 0, f"many{n}", f"{n:016x}", "no hook told of it")
    wait_for("many are a few and a number", lambda: "and 13 containers more" in browser.text("#alarms"))
    for n in range(20):
        core("alarm", 1, f"many{n}", f"{n:016x}", "it has ended")
    wait_for("they are over", lambda: "1 container without" in browser.text("#alarms"))


@in_order
def a_container_that_is_contained_is_said_until_it_ends():
    core("guard", 4, "box4", "44dd44dd44dd44dd")
    core("contain", 4, "cert_thumbprint_mismatch", "<img src=x onerror=hit=1>")
    wait_for("it is said", lambda: "1 container contained" in browser.text("#alarms"))
    text = browser.text("#alarms")
    assert "box4 44dd44dd44dd" in text and "cert_thumbprint_mismatch: <img" in text and "terok-bpfd up box4" in text, text
    assert browser.run("return $('alarms').querySelectorAll('img').length") == 0, "a reason is markup"
    core("gone", 4)
    wait_for("it is over", lambda: "contained" not in browser.text("#alarms"))


@in_order
def a_container_that_ends_ends_its_requests():
    wait_for("they are over", lambda: "Over" in browser.run("return arguments[0].textContent", wait_for("a row", lambda: row("192.0.2.69"))))
    wait_for("they go", lambda: not row("192.0.2.69"))


@in_order
def a_reader_hears_names_roles_and_changes():
    assert browser.unnamed() == [], browser.unnamed()
    assert browser.run("return [...document.querySelectorAll('[role=tab]')].map((t) => t.getAttribute('aria-selected'))") == ["true", "false", "false"]
    label = browser.run("return arguments[0].getAttribute('aria-label')", row("10.0.0.12"))
    assert label.startswith("agent-7 asks for 10.0.0.12 port 5432, psql[4790], once"), label
    refuse(1, "198.51.100.7", 443, "said.example", "curl")
    wait_for("it is said", lambda: "agent-7 asks for said.example port 443" in browser.run("return $('says').textContent"))
    refuse(1, "198.51.100.7", 444, "said.example", "curl")
    refuse(1, "198.51.100.7", 445, "said.example", "curl")
    wait_for("many are one sentence", lambda: "2 new requests" in browser.run("return $('says').textContent"))
    click_row("10.0.0.12", ".icon")
    assert browser.unnamed() == [], browser.unnamed()
    browser.keys(ESCAPE)


@in_order
def tabs_change_the_view_by_keys():
    browser.run("$('tab-requests').focus()")
    browser.keys(RIGHT)
    wait_for("grants", lambda: browser.run("return !$('view-grants').hidden && document.activeElement.id") == "tab-grants")
    assert browser.unnamed() == [], browser.unnamed()
    browser.keys(RIGHT + RIGHT)
    wait_for("requests", lambda: browser.run("return !$('view-requests').hidden && document.activeElement.id") == "tab-requests")


@in_order
def grants_have_what_remains_and_can_be_taken_back():
    browser.click("#tab-grants")
    wait_for("grants", lambda: "api.github.com" in browser.text("#view-grants"))
    lines = browser.run("return [...document.querySelectorAll('#view-grants tbody tr')].map((tr) => [...tr.children].map((td) => td.innerText.trim()))")
    line = [one for one in lines if one[1].startswith("*.api.github.com")][0]
    assert line[0] == "Allowed" and line[1] == "*.api.github.com any port" and line[2] == "agent-7", line
    assert re.match(r"(1 h|59 min) left", line[3]) and line[4] == ME, line
    line = [one for one in lines if one[1].startswith("telemetry.vendor.example")][0]
    assert line[0] == "Denied" and line[3] == "until the container ends", line
    assert browser.unnamed() == [], browser.unnamed()
    browser.shot("grants")
    # by keys: focus stays on a button of the list while it is drawn again
    browser.run("[...document.querySelectorAll('#view-grants tr')].find((tr) => tr.textContent.includes('key0.')).querySelector('button').focus()")
    browser.run("redraw()")
    wait_for("the same button", lambda: "key0." in browser.run("return document.activeElement.closest('tr')?.textContent || ''"))
    browser.keys(ENTER)
    wait_for("it is gone", lambda: "key0." not in browser.text("#view-grants"))
    assert "revoked key0.keys.example" in read("core.log")
    assert "key1." in browser.text("#view-grants")
    wait_for("it is said", lambda: "Revoked: key0.keys.example" in browser.run("return $('says').textContent"))
    # of somebody who was faster
    gone = browser.run_async("return (await call('/api/revoke', { grant: 'no-such-grant' })).error")
    assert gone.endswith("UnknownGrant"), gone
    browser.click("#tab-requests")


@in_order
def history_has_what_was_asked_and_answered():
    browser.click("#tab-history")
    wait_for("entries", lambda: "api.github.com" in browser.text("#view-history"))
    lines = browser.run("return [...document.querySelectorAll('#view-history tbody tr')].map((tr) => [...tr.children].map((td) => td.innerText.trim()))")
    found = [line for line in lines if line[1] == "Allowed" and line[2].startswith("api.github.com:443/tcp")]
    assert found and found[0][3] == "agent-7" and found[0][4] == ME + ", for 1 h", lines
    found = [line for line in lines if line[1] == "Denied" and "telemetry.vendor.example" in line[2]]
    assert found and found[0][4] == ME + ", until the container ends", lines
    assert any(line[1] == "Ended" for line in lines) and any(line[1] == "Guarded" for line in lines), lines
    assert any("npm ci[912]" in line[4] for line in lines), lines
    assert browser.unnamed() == [], browser.unnamed()
    browser.shot("history")
    number = refuse(1, "198.51.100.8", 443, "live.example", "curl")
    wait_for("it is live", lambda: "live.example" in browser.text("#view-history tbody tr"))
    browser.type("#filter", "telemetry")
    wait_for("a filter", lambda: "api.github.com" not in browser.text("#view-history"))
    browser.run("$('filter').value = ''; $('filter').dispatchEvent(new Event('input'))")
    answer_elsewhere(f"3f9c1ab2d47e:{number}")
    browser.click("#tab-requests")


# --- what must not happen

EVIL = """<!doctype html><title>evil</title><iframe name=frame></iframe>
<form method=post target=frame enctype=text/plain action="URL/api/answer"><input name='DENY_A' value='DENY_B'></form>
<script>const url = "URL", deny = 'DENY';</script>"""


class Evil(http.server.BaseHTTPRequestHandler):
    """Another's page, at another port of the same host: its cookies are the same."""

    page = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *args):
        pass


TRIES = """
const tried = {};
const one = async (name, fn) => { try { tried[name] = await fn(); } catch (e) { tried[name] = "refused"; } };
const secret = args[0], json = { "Content-Type": "application/json", "X-Terok-Page": secret };
await one("read", async () => (await fetch(url + "/api/guards", { credentials: "include" })).text());
await one("read with headers", async () => (await fetch(url + "/api/guards", { credentials: "include", headers: json })).text());
await one("stream", async () => (await fetch(url + "/api/events", { credentials: "include" })).text());
await one("answer", async () => (await fetch(url + "/api/answer", { method: "POST", credentials: "include", headers: json, body: deny })).text());
await one("blind answer", async () => (await fetch(url + "/api/answer", { method: "POST", mode: "no-cors", credentials: "include", body: deny })).type);
await one("beacon", async () => String(navigator.sendBeacon(url + "/api/answer", new Blob([deny], { type: "text/plain" }))));
await one("form", async () => { document.forms[0].submit(); await new Promise((done) => document.querySelector("iframe").onload = done); return frames[0].document.body.textContent; });
await one("frame", async () => { const f = document.createElement("iframe"); f.src = url + "/"; document.body.append(f); await new Promise((done) => f.onload = done); return f.contentDocument.body.textContent; });
await one("script", () => new Promise((done, no) => { const s = document.createElement("script"); s.src = url + "/words.js"; s.onload = () => done("ran"); s.onerror = no; document.body.append(s); }));
return tried;
"""


@in_order
def a_page_of_another_port_reads_and_answers_nothing():
    secret = browser.run("return localStorage.getItem('terok-page')")
    url, before = browser.run("return location.origin"), verdicts()
    number = refuse(1, "198.51.100.99", 443, "evil-wants.example")
    wait_for("it is open", lambda: row("evil-wants.example"))
    deny = json.dumps({"requests": [f"3f9c1ab2d47e:{number}"], "action": "allow"})
    Evil.page = EVIL.replace("URL", url).replace("DENY_A", deny.replace("}", ', "a": "')).replace("DENY_B", '"}').replace("DENY", deny).encode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.go(f"http://127.0.0.1:{server.server_port}/")
        tried = browser.run_async(TRIES, secret)
    finally:
        server.shutdown()
    assert tried.pop("beacon") == "true", tried  # sent, and nobody hears what became of it
    assert set(tried.values()) == {"refused"}, tried
    browser.go(url)
    wait_for("the list", lambda: row("evil-wants.example"))
    assert in_row("evil-wants.example", ".do .deny"), "it was answered"
    assert verdicts() == before


@in_order
def another_name_for_our_address_is_refused():
    url = browser.run("return location.origin")
    browser.go(url.replace("127.0.0.1", "evil.example"))
    assert "WrongHost" in browser.text(), browser.text()
    said = browser.run_async("return (await fetch('/api/guards')).status")
    assert said == 421, said
    browser.go(url)
    wait_for("the list", lambda: "Live" in browser.text("#live"))


@in_order
def a_link_lets_no_second_browser_in():
    link = new_link()
    browser.go("about:blank")
    browser.go(link)
    wait_for("the list", lambda: "Live" in browser.text("#live"))
    second = Browser(DRIVER, DIR + "/second", SHOTS)
    try:
        second.go(link)
        wait_for("a refusal", lambda: "does not work any more" in second.text())
        second.shot("used-link", ((1280, 860),))
        second.go(new_link())
        wait_for("another link lets it in", lambda: "Live" in second.text("#live"))
    finally:
        second.quit()


@in_order
def the_page_runs_no_text_and_asks_nobody_else():
    said = browser.run("""
        const tried = {}, one = (name, fn) => { try { fn(); tried[name] = "done"; } catch { tried[name] = "refused"; } };
        one("markup", () => { document.createElement("p").innerHTML = "<b>x</b>"; });
        one("insert", () => { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); });
        one("script", () => { document.createElement("script").src = "http://evil.example/"; });
        return tried;""")
    assert set(said.values()) == {"refused"}, said
    asked_for = browser.run("return [...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).origin))]")
    assert asked_for == [browser.run("return location.origin")], asked_for
    assert browser.run_async("return fetch('http://evil.example/').then(() => 'done', () => 'refused')") == "refused"


# --- it goes on

@in_order
def a_thousand_requests_are_counted_and_the_page_stays_quick():
    core("flood", 2, 5000, 1000)
    wait_for("all are counted", lambda: int(browser.text("#n-open") or 0) >= 1000)
    wait_for("they are drawn", lambda: browser.run("return document.querySelectorAll('.row').length") == 300)
    assert "more requests below" in browser.text()
    took = browser.run("const at = performance.now(); drawRequests(); return performance.now() - at")
    assert took < 300, f"one drawing took {took} ms"
    browser.run("const e = $('filter'); e.value = 'flood19.'; e.dispatchEvent(new Event('input'))")
    wait_for("50 match", lambda: browser.run("return document.querySelectorAll('.row').length") == 50)
    settle()
    click_when(lambda: browser.find_text(".site .deny", "Deny all"))
    wait_for("one answer for all of them", lambda: len([v for v in verdicts() if int(v.split()[0]) >= 5950]) == 50)
    browser.run("const e = $('filter'); e.value = ''; e.dispatchEvent(new Event('input'))")
    browser.run("scrollTo(0, 0)")
    browser.click("#tab-history")
    rows_of = "return document.querySelectorAll('#view-history tbody tr').length"
    wait_for("a page of it", lambda: browser.run(rows_of) >= 100)
    before = browser.run(rows_of)
    browser.click(".older")
    wait_for("an older page below it", lambda: browser.run(rows_of) == before + 100)
    numbers = browser.run("return history_.map((e) => e.number)")
    assert numbers == sorted(set(numbers), reverse=True), "twice, or not newest first"
    browser.click("#tab-requests")


@in_order
def ten_thousand_events_are_drawn_when_they_have_come():
    for _ in range(10):
        core("flood", 1, 7000, 1000)
    number = refuse(1, "198.51.100.50", 443, "last.example", "curl", count=4321)
    browser.run("const e = $('filter'); e.value = 'last.example'; e.dispatchEvent(new Event('input'))")
    wait_for("the last of them", lambda: "4321 times" in browser.text(".row"))
    browser.run("const e = $('filter'); e.value = ''; e.dispatchEvent(new Event('input'))")


@in_order
def a_hub_that_goes_and_comes_is_said_and_heard_again():
    global HUB
    os.kill(HUB, signal.SIGTERM)
    wait_for("it is said", lambda: "The hub is away" in browser.text("#notice"))
    browser.shot("no-hub")
    with open(DIR + "/core", "rb") as commands, open(DIR + "/core.log", "ab") as log:
        children.append(subprocess.Popen([os.environ["HUB_BIN"], DIR + "/hub.sock"], stdin=commands, stdout=log))
    HUB = children[-1].pid
    wait_for("it is heard", lambda: browser.text("#live") == "Live" and not browser.text("#notice"))
    wait_for("what it does not know is over", lambda: browser.text("#n-open") == "")
    wait_for("so are its alarms", lambda: not browser.run("return $('alarms').offsetHeight"))
    core("alarm", 0, "stray", "77aa77aa77aa77aa", "no hook told of it")
    wait_for("a new one is there", lambda: "stray" in browser.text("#alarms"))
    core("guard", 1, "agent-7", "3f9c1ab2d47e88aa")
    refuse(1, "198.51.100.200", 443, "after.example")
    wait_for("what it knows is there", lambda: row("after.example"))


@in_order
def a_logout_leaves_nothing():
    browser.click("#logout")
    wait_for("the login", lambda: "You are logged out" in browser.text())
    assert browser.run("return localStorage.length") == 0
    assert "after.example" not in browser.run("return document.documentElement.innerHTML"), "the list is there still"
    browser.call("POST", "/refresh")
    wait_for("the login", lambda: "Login link" in browser.text())


@in_order
def a_server_that_goes_is_said_and_one_that_comes_asks_for_a_link():
    global WEB
    browser.go("about:blank")
    browser.go(new_link())
    wait_for("the list", lambda: row("after.example"))
    port = browser.run("return location.port")
    os.kill(WEB, signal.SIGTERM)
    wait_for("it is said", lambda: "Disconnected" in browser.text("#live"))
    with open(DIR + "/links", "ab") as links, open(DIR + "/web.log", "ab") as log:
        children.append(subprocess.Popen([os.environ["WEB_BIN"], "web", "--hub", DIR + "/hub.sock", "--port", port],
                                         stdin=subprocess.DEVNULL, stdout=links, stderr=log))
    WEB = children[-1].pid
    wait_for("the login", lambda: "Your session has ended" in browser.text())


@in_order
def a_hub_without_an_agent_is_answered_for_ever():
    with open(DIR + "/shield", "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho "$@" >>{DIR}/shielded\n')
    os.chmod(DIR + "/shield", 0o755)
    begin = lambda *args, stdout=None, stderr=subprocess.DEVNULL: children.append(
        subprocess.Popen([os.environ["WEB_BIN"], *args], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr))
    begin("serve-verdict", "--socket", DIR + "/v.sock", "--shield", DIR + "/shield")
    begin("serve", "--socket", DIR + "/s.sock", "--readers", DIR + "/r.sock", "--helper", DIR + "/v.sock")
    with socket.socket(socket.AF_UNIX) as reader, open(DIR + "/links2", "wb") as links, open(DIR + "/web2.log", "wb") as log:
        wait_for("the hub", lambda: os.path.exists(DIR + "/r.sock") and os.path.exists(DIR + "/s.sock"))
        reader.connect(DIR + "/r.sock")
        line = {"type": "pending", "container": "c1", "id": "c1:1", "dest": "198.51.100.1", "port": 443, "proto": 6, "domain": "shield.example"}
        reader.sendall(json.dumps(line).encode() + b"\n")
        begin("web", "--hub", DIR + "/s.sock", stdout=links, stderr=log)
        wait_for("a link", lambda: "login=" in read("links2"))
        browser.go("about:blank")
        browser.go(read("links2").strip())
        wait_for("the request", lambda: row("shield.example"))
        click_row("shield.example", ".icon")
        wait_for("the dialog", lambda: browser.run("return $('ask').open"))
        assert browser.text("#ask-title") == "c1 asks for shield.example", browser.text("#ask-title")
        assert "shield.example on any port, for ever" in browser.text("#ask-says"), browser.text("#ask-says")
        browser.shot("shield", ((1280, 860),))
        browser.click("#ask-deny")
        wait_for("it is shown", lambda: in_row("shield.example", ".chip.deny"))
        assert "deny c1 shield.example" in read("shielded"), read("shielded")


@in_order
def nothing_was_wrong_that_only_the_console_said():
    said = [line["message"] for line in browser.log() if line["level"] == "SEVERE"]
    # what was tried above, and answers that are no success
    rest = [line for line in said if not re.search(r"Failed to load resource|evil|127\.0\.0\.1:\d+/ .*CORS|favicon|"
                                                   r"ERR_|Trusted|TrustedHTML|'connect-src|frame-ancestors|sandbox", line)]
    assert not rest, rest


# --- all of them, in the order in which they are written

children, failed = [], 0
DRIVER = "http://127.0.0.1:" + re.search(r"started successfully on port (\d+)", read("driver.log")).group(1)
browser = Browser(DRIVER, DIR + "/profile", SHOTS)
try:
    for test in TESTS:
        name = test.__name__
        try:
            test()
            print("ok", name.replace("_", " "), flush=True)
        except Exception as error:  # whatever it is, the others run
            failed += 1
            print("not ok", name.replace("_", " "), flush=True)
            print(f"   {type(error).__name__}: {error}", flush=True)
            browser.shot("failed-" + name, ((1280, 860),), check=False)
            browser.keys(ESCAPE)
            browser.run("document.getElementById('tab-requests')?.click()")
finally:
    browser.quit()
    for child in children:
        child.terminate()
        child.wait()
sys.exit(1 if failed else 0)
