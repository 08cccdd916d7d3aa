"""One page in three forms: a terminal of any width, Markdown, HTML; nothing out of a record is markup."""

from __future__ import annotations

import io

import pytest

from bench.reports import blocks
from bench.reports.blocks import Heading, Note, Table

PAGE: list[blocks.Block] = [
    Heading("A heading"),
    Note("A sentence that is long enough to be wrapped in a narrow terminal of forty columns.", "warning"),
    Table(
        "What there is",
        ("name", ">number", "remark"),
        (
            ("a title over all of the rows",),
            ("first", "12.3 ms\n[11.9, 12.7]", "some words that may be wrapped where there is no room"),
            ("second | <b>", "1.5 ms", "*none*"),
        ),
    ),
]


def printed(width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    blocks.print_blocks(PAGE, stream)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_in_a_terminal_texts_wrap_and_numbers_do_not(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(width, monkeypatch)
    assert max(map(len, text.splitlines())) <= max(width, 47)
    for whole in ("12.3 ms", "[11.9, 12.7]", "a title over all of the rows", "second | <b>"):
        assert whole in text
    assert "forty columns" in " ".join(text.split())


def test_markdown_is_a_table_with_nothing_but_text_in_it() -> None:
    text = blocks.markdown(PAGE)
    lines = text.splitlines()
    assert lines[0] == "## A heading"
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "| name | number | remark |"
    assert table[1] == "| --- | ---: | --- |"
    assert table[2] == "| **a title over all of the rows** |  |  |"
    assert "12.3 ms<br>\\[11.9, 12.7\\]" in table[3]
    assert "second \\| \\<b\\>" in table[4]
    assert {line.replace("\\|", "").count("|") for line in table} == {4}


def test_html_is_escaped_and_numbers_stand_right() -> None:
    text = str(blocks.html(PAGE))
    assert "<h2>A heading</h2>" in text
    assert "second | &lt;b&gt;" in text
    assert '<td class="num">12.3 ms<br>[11.9, 12.7]</td>' in text
    assert '<th colspan="3" scope="rowgroup">a title over all of the rows</th>' in text
    assert "<caption>What there is</caption>" in text
