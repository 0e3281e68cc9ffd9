"""Pages in a real browser: what one page does and shows there, and the checks of it that the tests name."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path

from pdf import CHROMIUM, READY
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

WIDTHS = (390, 768, 1440)  # a phone, a tablet, a laptop
THEMES = ("light", "dark")
MOST_BYTES = 2_000_000  # over the wire, text compressed
COMPRESSED = (".html", ".css", ".js", ".svg", ".json")
GRAVE = ("serious", "critical")
ALLOWED = {  # what generators of pages write, which no style can mend
    ("list", "article > ul"),  # sphinx.ext.viewcode puts the list of a package's modules beside its entry, not into it
}
# Nothing but this machine has an address, so that not even a faulty page or the browser itself reaches another one.
ARGUMENTS = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking")

# Elements that end right of the window, the farthest first. What an element on the way up clips or scrolls is no
# fault, nor is a folded sidebar, which waits beside the window.
SPILLED = """() => {
  const root = document.scrollingElement
  if (root.scrollWidth <= window.innerWidth) return []
  const clipped = (element) => {
    if (element.closest(".bd-sidebar")) return true
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== "visible") return true
    return false
  }
  const right = (element) => element.getBoundingClientRect().right
  const name = (element) => [element.tagName.toLowerCase(), ...element.classList].join(".") +
    ` "${element.textContent.trim().slice(0, 40)}"`
  const wide = [...document.body.querySelectorAll("*")].filter((e) => right(e) > window.innerWidth + 0.5 && !clipped(e))
  return [`page ${root.scrollWidth} px`, ...wide.sort((a, b) => right(b) - right(a)).slice(0, 3)
    .map((e) => `${name(e)} to ${Math.round(right(e))} px`)]
}"""

SET_THEME = """(theme) => {
  localStorage.setItem("theme", theme)
  localStorage.setItem("mode", theme)
  document.documentElement.dataset.theme = document.documentElement.dataset.mode = theme
}"""

COLOURS = ["color-contrast", "link-in-text-block"]  # the rules of axe on what the themes change
AXE = """async (rules) => (await axe.run(document, { resultTypes: ["violations"], preload: false, ...rules }))
  .violations.flatMap((rule) =>
  rule.nodes.map((node) => ({
    rule: rule.id, impact: node.impact ?? rule.impact, target: node.target.join(" "), html: node.html.slice(0, 160),
    why: [...node.any, ...node.all, ...node.none].map((check) => check.message).join(" ").slice(0, 300),
  })))"""

# For the rules on colours, axe draws a map of the whole page, which takes seconds. What lies in elements of the same
# names, classes and styles has the same colours: the first of each kind stays. (Rows stay, of which every second one is
# grey.)
FIRST_OF_EACH_KIND = """() => {
  const look = (element) => [element.localName, ...["class", "style", "open"].map((name) => element.getAttribute(name)),
    element.localName === "tr" ? element.rowIndex % 2 : ""].join()
  const ways = new Map([[document.documentElement, ""]])
  const way = (element) => {
    if (!ways.has(element)) ways.set(element, `${way(element.parentElement)} ${look(element)}`)
    return ways.get(element)
  }
  const firsts = new Map([...document.querySelectorAll("input, select")].map((element) => [element, element]))
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement
    if (texts.currentNode.data.trim() && !firsts.has(way(element))) firsts.set(way(element), element)
  }
  const kept = new Set()
  for (const element of firsts.values())
    for (let up = element; up; up = up.parentElement) kept.add(up)
  for (const element of document.body.querySelectorAll("*"))
    if (!kept.has(element) && element.localName !== "tr") element.remove()
}"""

BUTTONS = """() => [...document.querySelectorAll(".article-header-buttons a[href]")].map((link) => link.href)"""


@dataclass
class Facts:
    """What one page did and showed while it was loaded, narrowed, and read in both themes."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loaded_bytes: int = 0
    spilled: dict[int, list[str]] = field(default_factory=dict)
    findings: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Reader:
    """One tab of a browser that collects the facts about pages of one site, each page once."""

    def __init__(self, browser: Browser, site: str) -> None:
        self.site, self.known, self.facts = site, {}, Facts()
        context = browser.new_context(reduced_motion="reduce", service_workers="block")
        self.axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        self.page = self._listen(context.new_page())

    def _listen(self, page: Page) -> Page:
        """Write down what happens in the tab, for the page of the moment."""

        def note(line: ConsoleMessage) -> None:
            if line.type == "error":
                self.facts.errors.append(f"{line.text} ({line.location['url']})")

        page.on("console", note)
        page.on("pageerror", lambda error: self.facts.errors.append(str(error)))
        page.on("request", lambda request: self.facts.requests.append(request.url))
        page.on("websocket", lambda socket: self.facts.requests.append(socket.url))
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.setCacheDisabled", {"cacheDisabled": True})  # each load is a reader's first

        def count(event: dict) -> None:
            self.facts.loaded_bytes += int(event["encodedDataLength"])

        network.on("Network.loadingFinished", count)
        return page

    def open(self, path: str, width: int = WIDTHS[-1]) -> Page:
        """Load a page of the site, in a window of some width, and wait until it stands still."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(f"{self.site}/{path}")
        self.page.evaluate(READY)
        return self.page

    def look(self, path: str) -> Facts:
        """Return the facts about a page."""
        if path not in self.known:
            self.facts = facts = Facts()
            page = self.open(path)
            loaded, facts.buttons = facts.loaded_bytes, page.evaluate(BUTTONS)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                facts.spilled[width] = page.evaluate(SPILLED)
            page.evaluate(self.axe)
            others = page.evaluate(AXE, {"rules": {rule: {"enabled": False} for rule in COLOURS}})
            page.evaluate(FIRST_OF_EACH_KIND)
            for theme in THEMES:
                page.evaluate(SET_THEME, theme)
                facts.findings[theme] = page.evaluate(AXE, {"runOnly": COLOURS})
            facts.findings["light"] += others  # which are the same in the dark
            facts.loaded_bytes = loaded
            page.evaluate("localStorage.clear()")
            self.known[path] = facts
        return self.known[path]


class Handler(SimpleHTTPRequestHandler):
    """Serves text compressed, as GitHub Pages does, and prints nothing."""

    def log_message(self, *_: object) -> None:
        """Print nothing for each request."""

    def do_GET(self) -> None:
        """Send a file, compressed if it is text."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().do_GET()
        content = packed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@cache
def packed(path: Path) -> bytes:
    """Return a file as it goes over the wire."""
    return gzip.compress(path.read_bytes(), compresslevel=6)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine as long as the context is open; yield its address."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def running() -> Iterator[Browser]:
    """Run the machine's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def outside(facts: Facts, site: str) -> list[str]:
    """Return the requests that leave the site; data that stands in the page itself does not."""
    return [url for url in facts.requests if not url.startswith((f"{site}/", "data:", "blob:"))]


def spilled(facts: Facts) -> list[str]:
    """Return at which widths a page scrolls sideways, and over which elements."""
    return [f"{width} px: {'; '.join(found)}" for width, found in facts.spilled.items() if found]


def grave(facts: Facts, theme: str) -> list[str]:
    """Return the serious and critical findings of axe in a theme."""
    return [
        f"{each['rule']} at {each['target']}: {each['why']} {each['html']}"
        for each in facts.findings[theme]
        if each["impact"] in GRAVE and (each["rule"], each["target"]) not in ALLOWED
    ]
