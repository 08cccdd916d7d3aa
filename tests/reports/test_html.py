from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.types import Record
from bench.reports import html, view, words
from bench.reports.html_bundle import plotly_bundle, script_path
from bench.reports.html_tags import Html, embedded_json, escape, join, table, tag

VOID = {"meta", "br", "hr", "col"}


class Page(HTMLParser):
    """Checks that elements nest, and collects tags with their attributes, visible text, and script contents."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.tags[-1][1], data))
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def report(records: list[Record], cache: Path) -> str:
    files = [f"{number}.json" for number in range(len(records))]
    return html.render(records, "A <title> & more", cache, files=files, repeat="bench run 'a b'")


@pytest.fixture(scope="module")
def page(report: str) -> Page:
    return Page(report)


def test_the_elements_nest(page: Page) -> None:
    assert page.open == []


def test_ids_are_unique_and_links_find_them(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name, attributes in page.tags:
        if name == "a":
            target = attributes["href"]
            assert target is not None
            assert target.startswith("#")
            assert target[1:] in ids


def test_no_name_out_of_a_record_becomes_markup(report: str, page: Page) -> None:
    assert "<script>alert" not in report
    assert "<b>here</b>" not in report
    assert "<i>" not in report
    assert "\x1b" not in report
    # and all of it can be read
    assert "<script>alert('boo')</script>" in page.words
    assert "модель" in page.words
    assert "Segmentation fault <b>here</b>" in page.words


def test_only_our_script_may_run(page: Page) -> None:
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    nonces = re.findall(r"'nonce-([0-9a-f]+)'", policy)
    running = [attributes for attributes, _ in page.scripts if "type" not in attributes]
    assert [attributes.get("nonce") for attributes in running] == nonces
    assert "default-src 'none'" in policy
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)


def test_nothing_outside_of_the_file_is_asked_for(report: str, page: Page) -> None:
    for name, attributes in page.tags:
        assert name not in ("link", "iframe", "img", "object", "embed", "base")
        assert not {"src", "srcset", "action", "data", "poster", "background"} & set(attributes)
    # plotly's script is packed, so what is left is all ours
    assert "http://" not in report
    assert "https://" not in report
    assert "@import" not in report
    assert "url(" not in report


def test_the_numbers_are_there_without_a_script(records: list[Record], page: Page) -> None:
    for record in records:
        summary = view.numbers(record)
        if summary is None:
            assert view.error_text(record) in page.words
            continue
        parts = [view.median_text(summary), view.interval_text(summary), view.agreement_text(record)]
        parts += [view.placement_text(record.placement), view.percentile_text(summary, summary.p90)]
        for part in parts:
            assert part in page.words, part
    for part in ("not steady (2 of 5)", "SIGSEGV", "AMD EPYC 7B13, 4 cores", "What to do:", "ab" * 32, "4.json"):
        assert part in page.words, part
    assert "bench run 'a b'" in page.words
    assert "18.0 % of the inference stands in no op row" in page.words
    assert "No profile: --no-profile." in page.words


def test_the_op_table_sums_up(page: Page) -> None:
    assert "other 25 ops" in page.words
    assert "gap not in any op row" in page.words
    assert page.words.count("total") >= 5


def test_tables_can_be_read_aloud(page: Page) -> None:
    names = [name for name, _ in page.tags]
    assert names.count("caption") == names.count("table")
    assert all(attributes.get("scope") in ("row", "col") for name, attributes in page.tags if name == "th")
    levels = [int(name[1]) for name in names if re.fullmatch(r"h\d", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    boxes = [attributes for _, attributes in page.tags if attributes.get("class") == "scroll"]
    assert boxes
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_every_figure_has_its_place(page: Page) -> None:
    data = next(json.loads(text) for attributes, text in page.scripts if attributes.get("id") == "figures")
    places = {attributes["id"] for _, attributes in page.tags if attributes.get("class") == "plot"}
    assert {figure["id"] for figure in data["figures"]} == places
    assert len(places) == 1 + 2 + 6 * 2 + 5


def test_the_gap_is_a_bar_of_its_own(page: Page, kinds: dict[str, Record]) -> None:
    data = next(json.loads(text) for attributes, text in page.scripts if attributes.get("id") == "figures")
    figure = next(one for one in data["figures"] if one["layout"].get("barmode") == "group")
    assert figure["layout"]["yaxis"]["ticktext"][-1] == "gap"
    first = figure["data"][0]
    profile = kinds["good"].profile
    assert profile is not None
    assert first["x"][-1] == pytest.approx(profile.gap_ns / 1e6, rel=1e-4)
    assert sum(first["x"]) == pytest.approx(profile.total_ns / 1e6, rel=1e-4)
    assert first["marker"]["pattern"]["shape"][-1] == "/"


def test_many_samples_are_thinned_and_it_is_said(make: Any, cache: Path) -> None:
    text = html.render([make(samples=3000)], "many", cache)
    shown = re.search(r"([\d,]+) of 15,000 samples shown; every extreme is among them", text)
    assert shown is not None
    assert int(shown[1].replace(",", "")) <= 2000


def test_no_records_is_a_page_too(cache: Path) -> None:
    page = Page(html.render([], "empty", cache))
    assert page.open == []
    assert "There are no records." in page.words


def test_a_run_of_failures_needs_no_charts(kinds: dict[str, Record], cache: Path) -> None:
    text = html.render([kinds["failed"]], "failed", cache)
    assert 'id="plotly"' not in text
    assert len(text) < 100_000
    assert "SIGSEGV" in Page(text).words


def test_an_unfinished_record_is_a_page_too(make: Any, cache: Path) -> None:
    bare = make(artifact=None, tool=None, conditions=(), findings=(), transcript=(), profile=None)
    page = Page(html.render([bare, msgspec.structs.replace(bare, invocations=())], "bare", cache))
    assert page.open == []
    assert "no artifact" in page.words
    assert "no sample was taken" in page.words


def test_the_packed_script_is_kept_and_a_spoilt_one_is_not_trusted(tmp_path: Path) -> None:
    if script_path() is None:
        pytest.skip("plotly is not installed")
    first = plotly_bundle(tmp_path)
    kept = tmp_path / f"plotly-{first.version}.b64"
    assert kept.read_text() == first.packed
    kept.write_text("QUJD")
    assert plotly_bundle(tmp_path).packed == "QUJD"
    kept.write_text("</script><script>alert(1)</script>")
    assert plotly_bundle(tmp_path).packed == first.packed


def test_a_cache_that_cannot_be_written_does_not_stop_the_report(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert plotly_bundle(file / "cache").packed or script_path() is None


@given(st.text())
def test_whatever_a_name_holds_it_stays_text(name: str) -> None:
    page = Page(tag("p", name, title=name))
    assert [one for one, _ in page.tags] == ["p"]
    assert page.open == []
    assert "".join(page.text) == "\n".join(words.plain(line) for line in name.split("\n"))


@given(st.recursive(st.text() | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_embedded_json_cannot_end_its_script(value: object) -> None:
    text = embedded_json(value)
    assert not re.search(r"[<>&]", text)
    assert json.loads(text) == value


def test_markup_is_not_escaped_twice() -> None:
    assert escape(tag("b", "<")) == "<b>&lt;</b>"
    assert join([[Html("<i></i>")], "<"]) == "<i></i>&lt;"
    assert 'class="num">n<' in table("t", [">n"], [])
