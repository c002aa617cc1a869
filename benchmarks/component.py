"""Measure the web chat's component in a slow browser, beside a page that has nothing but an empty Lit element on it."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.results import Result, at_most
from tests.component.running import Chat, Site, visiting
from tests.example.running import chromium

ROOT = Path(__file__).resolve().parent.parent
SLOWER = 4
"""How many times slower than this machine the browser's processor is made: about a middling phone."""
ROUNDS = 9
MESSAGES = 1000
EMPTY = """
import { LitElement, html } from "lit";
customElements.define("empty-element", class extends LitElement { render() { return html`<p>Nothing.</p>`; } });
"""
BUILD = """
import { build } from "vite";
const [entry, out] = process.argv.slice(1);
await build({ configFile: false, logLevel: "error", build: { outDir: out, emptyOutDir: false, target: "es2022",
  lib: { entry, formats: ["es"], fileName: () => "empty.js" } } });
"""
PAINTED = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) done(first.startTime);
  }).observe({ type: "paint", buffered: true });
})"""
SCROLLED = """(scroller) => new Promise((done) => {
  const times = [];
  const top = scroller.scrollHeight - scroller.clientHeight;
  let before = performance.now();
  let frame = 0;
  const step = (now) => {
    times.push(now - before);
    before = now;
    scroller.scrollTop = top * (1 - frame / 120);
    if (frame++ < 120) requestAnimationFrame(step);
    else done(times.slice(2));
  };
  requestAnimationFrame(step);
})"""


def measure() -> list[Result]:
    """Measure first paint and scrolling through a long chat, as ratios."""
    subprocess.run([ROOT / "scripts" / "frontend.sh"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="unicom-component-") as var, chromium() as browser:
        (Path(var) / "built").mkdir()
        source = ROOT / "frontend" / "node_modules" / ".empty.js"
        source.write_text(EMPTY)
        program = ["node", "--input-type=module", "--eval", BUILD, str(source), f"{var}/built"]
        subprocess.run(program, check=True, cwd=ROOT / "frontend")
        site = Site(Path(var), quiet=True)
        site.start()
        try:
            return [_first_paint(browser, site), _scrolling(browser, site)]
        finally:
            site.stop()


def _slow(page: Page) -> None:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


def _first_paint(browser: Browser, site: Site) -> Result:
    took: dict[str, list[float]] = {"/": [], "/empty/": []}
    for _ in range(ROUNDS):
        for path, times in took.items():
            with visiting(browser, site) as context:
                page = context.new_page()
                _slow(page)
                page.goto(f"{site.url}{path}")
                times.append(page.evaluate(PAINTED))
    ours, empty = (statistics.median(times) for times in took.values())
    return at_most(
        "component: first paint, over an empty Lit page",
        round(ours / empty, 2),
        3,
        "×",
        note=f"{ours:.0f} ms over {empty:.0f} ms with a processor {SLOWER}× slower",
    )


def _scrolling(browser: Browser, site: Site) -> Result:
    def frames(page: Page, scroller: str) -> float:
        _slow(page)
        times: list[Any] = page.locator(scroller).first.evaluate(SCROLLED)
        return statistics.quantiles(times, n=20)[-1]

    with visiting(browser, site) as context:
        chat = Chat(context.new_page(), site).open(max_messages=200)
        chat.ask("Tell me a lot.")
        for _ in range(MESSAGES // 100):
            site.control("say", text="Paragraph {n} of a **long** conversation, with some `code` in it.", times=100)
        chat.page.reload()
        rows = chat.page.locator("message-item")
        while rows.count() < MESSAGES:
            chat.page.locator("message-list .scroller").evaluate("scroller => scroller.scrollTo(0, 0)")
            chat.page.wait_for_timeout(100)
        chat.page.locator("message-list .scroller").evaluate("scroller => scroller.scrollTo(0, scroller.scrollHeight)")
        ours = frames(chat.page, "message-list .scroller")
        page = context.new_page()
        page.goto(f"{site.url}/empty/?paragraphs={MESSAGES}")
        plain = frames(page, "html")
    return at_most(
        f"component: a slow frame while scrolling {MESSAGES:,} messages, over as many bare paragraphs",
        round(ours / plain, 2),
        3,
        "×",
        note=f"the 95th of a hundred frames: {ours:.0f} ms over {plain:.0f} ms",
    )
