"""The report in a real browser: it draws, it fits a phone, and without a script its numbers can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from bench.records.types import Record
from bench.reports import html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
    "--allow-file-access-from-files",
)
# Asks a frame what a person would see in it, since a frame can have any width and can have its scripts switched off.
ASK = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe id="f" src="report.html" %s style="width:%dpx;height:900px;border:0"></iframe><pre id="answer"></pre>
<script>
const ask = () => {
  const page = document.getElementById("f").contentDocument;
  const plots = [...page.querySelectorAll(".plot")];
  document.getElementById("answer").textContent = JSON.stringify({
    text: page.body.innerText, wide: page.documentElement.scrollWidth, charts: page.documentElement.dataset.charts,
    drawn: plots.map((one) => one.querySelectorAll(".main-svg").length),
    widths: plots.map((one) => [one.clientWidth, one.querySelector("svg")?.clientWidth ?? 0]),
    ticks: [...page.querySelectorAll(".ytick text")].map((one) => one.textContent),
    bars: page.querySelectorAll(".bars .point").length, ran: page.defaultView.hacked ?? null,
    asked: page.defaultView.performance?.getEntriesByType("resource").map((one) => one.name) ?? [],
  });
};
setTimeout(ask, 15000);
</script>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def folder(records: list[Record], make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    evil = "</title></script><img src=x onerror='hacked=1'><script>hacked=1</script>"
    (folder / "report.html").write_text(
        html.render([*records, make(model=evil, options={"<b>": evil})], evil, folder / "cache"), encoding="utf-8"
    )
    return folder


def asked(folder: Path, width: int, attributes: str = "") -> dict[str, Any]:
    assert CHROMIUM is not None
    ask = folder / f"ask-{width}-{len(attributes)}.html"
    ask.write_text(ASK % (attributes, width), encoding="utf-8")
    profile = folder / f"profile-{width}-{len(attributes)}"
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--window-size=1400,1000", "--dump-dom", ask.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=240)
    answer = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    assert answer is not None, done.stderr[-2000:]
    assert answer[1], "the frame could not be asked"
    found: dict[str, Any] = json.loads(unescape(answer[1]))
    return found


@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_is_drawn_and_fits(folder: Path, width: int) -> None:
    seen = asked(folder, width)
    assert seen["charts"] == "drawn"
    assert len(seen["drawn"]) == 1 + 3 + 7 * 2 + 6
    assert all(count >= 1 for count in seen["drawn"])
    assert "No chart" not in seen["text"]
    assert seen["bars"] > 100
    assert seen["wide"] <= width
    assert all(inner <= outer + 1 for outer, inner in seen["widths"])
    assert "gap" in seen["ticks"]
    assert seen["ran"] is None
    assert seen["asked"] == []


def test_without_scripts_the_numbers_can_be_read(folder: Path) -> None:
    seen = asked(folder, 1280, 'sandbox="allow-same-origin"')
    assert "charts" not in seen
    assert set(seen["drawn"]) == {0}
    for part in ("38.7 ms", "[38.6, 38.9]", "— (n=37 < 44)", "DIFFERS 0.031", "partial 539/548 in 19 partitions"):
        assert part in seen["text"], part
    assert "The charts need JavaScript" in seen["text"]
    assert "<script>alert('boo')</script>" in seen["text"].replace("\n", "")
