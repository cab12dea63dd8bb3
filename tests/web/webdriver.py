# SPDX-License-Identifier: Apache-2.0
"""webdriver.py - as much of W3C WebDriver as the tests of the page need; browser.py's"""
import base64
import json
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, ESCAPE, DOWN, RIGHT, TAB = "\ue007", "\ue00c", "\ue015", "\ue014", "\ue004"
PATIENCE_S = 20

# Every text that is seen against what is behind it: those below the ratio of WCAG's AA.
PALE = """
const parse = (c) => {
  const n = (c.match(/[\\d.]+/g) || []).map(Number), srgb = c.startsWith("color(srgb");
  return [...n.slice(0, 3).map((x) => srgb ? x : x / 255), n.length > 3 ? n[3] : 1];
};
const over = (top, under) => top.slice(0, 3).map((x, i) => x * top[3] + under[i] * (1 - top[3])).concat(1);
const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, k, i) =>
  sum + k * (c[i] <= 0.04045 ? c[i] / 12.92 : ((c[i] + 0.055) / 1.055) ** 2.4), 0);
const behind = (e) => !e ? [1, 1, 1, 1] : over(parse(getComputedStyle(e).backgroundColor), behind(e.parentElement));
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), pale = [];
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement, words = walker.currentNode.textContent.trim();
  if (!words || !e.checkVisibility({ visibilityProperty: true }) || e.closest(".unseen, .skip, script, [disabled]"))
    continue;
  const ground = behind(e), own = over(parse(getComputedStyle(e).color), ground);
  const [a, b] = [light(ground), light(own)], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5)
    pale.push(words.slice(0, 30) + " " + ratio.toFixed(2));
}
return [...new Set(pale)];
"""

# What makes a page wider than so many pixels; a telephone shrinks it then.
WIDE = """
const width = arguments[0];
if (document.documentElement.scrollWidth <= width && innerWidth <= width)
  return [];
return ["page"].concat([...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
  e.getBoundingClientRect().right > width).map((e) => e.tagName + "." + e.className)).slice(0, 6);
"""


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
    """One chromium with a profile of its own."""

    def __init__(self, driver, profile, shots):
        self.base, self.shots = driver, shots
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--user-data-dir=" + profile,
                 "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
        said = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/session/" + said["sessionId"]

    def call(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise KeyError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def quit(self):
        try:
            self.call("DELETE", "")
        except (KeyError, OSError):
            pass

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def run_async(self, script, *args):
        """A script with await in it; what it returns."""
        return self.call("POST", "/execute/async", {
            "script": "const done = arguments[arguments.length - 1];"
                      "(async (...args) => {" + script + "})(...arguments).then(done, (e) => done(String(e)))",
            "args": list(args)})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def find_text(self, css, words):
        """The element that is seen, for css, whose text has these words."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".find((e) => e.checkVisibility() && e.textContent.includes(arguments[1])) || null",
                        css, words)

    def click(self, element):
        if isinstance(element, str):
            element = self.find(element)
        elif isinstance(element, dict):
            element = element[ELEMENT]
        self.call("POST", f"/element/{element}/click")

    def type(self, css, text):
        self.call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def keys(self, text):
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def text(self, css="body"):
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".filter((e) => e.checkVisibility()).map((e) => e.innerText).join('\\n')", css)

    def log(self):
        return self.call("POST", "/se/log", {"type": "browser"})

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def look(self, width, height, scheme):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shot(self, name, sizes=((1280, 860), (360, 780)), check=True):
        """As it is now, light and dark, for people to look at; no text may be pale, none cut off."""
        for width, height in sizes:
            for scheme in ("light", "dark"):
                self.look(width, height, scheme)
                wide = self.run(WIDE, width)
                pale = self.run(PALE)
                png = base64.b64decode(self.call("GET", "/screenshot"))
                with open(f"{self.shots}/{name}-{width}-{scheme}.png", "wb") as file:
                    file.write(png)
                assert not check or not wide, f"{name} at {width} px scrolls sideways: {wide}"
                assert not check or not pale, f"{name} {scheme}: pale: {pale}"
        self.look(1280, 860, "light")

    def unnamed(self):
        """What a screen reader meets and has no name for."""
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        needy = ("button", "textbox", "searchbox", "tab", "tabpanel", "tablist", "radio", "radiogroup", "group",
                 "dialog", "link", "image", "article", "table", "region", "progressbar", "ProgressIndicator")
        value = lambda node, key: node.get(key, {}).get("value", "")
        return [value(node, "role") for node in nodes if not node.get("ignored") and
                value(node, "role") in needy and not value(node, "name").strip()]
