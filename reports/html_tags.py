"""HTML from strings, escaped by default: only what `tag` made, and what `trusted` was asked to pass, is markup."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import TypeAlias

from bench.reports.words import plain

_VOID = frozenset({"br", "meta", "hr", "col"})


class Html(str):
    """Text that is markup already. Everything else that is put into a tag gets escaped."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child]"


def trusted(text: str) -> Html:
    """Markup of our own (style sheet, script). Never for anything out of a record."""
    return Html(text)


def escape(text: str) -> Html:
    """Text as HTML: control signs shown, line breaks kept, `<`, `>`, `&` and quotes escaped."""
    if isinstance(text, Html):
        return text
    return Html(html.escape("\n".join(plain(line) for line in text.split("\n")), quote=True))


def join(children: Iterable[Child]) -> Html:
    parts = [escape(child) if isinstance(child, str) else join(child) for child in children]
    return Html("".join(parts))


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element. Attributes: `class_` is class, `aria_label` is aria-label; None and False leave one out."""
    given = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        given.append(f" {attribute}" if value is True else f' {attribute}="{escape(str(value))}"')
    opened = f"<{name}{''.join(given)}>"
    return Html(opened if name in _VOID else f"{opened}{join(children)}</{name}>")


def embedded_json(value: object) -> Html:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def link(target: str, text: str) -> Html:
    """A link within the page."""
    return tag("a", text, href=f"#{target}")


def table(caption: str, heads: Iterable[Child], rows: Iterable[Html], label: str = "", class_: str = "") -> Html:
    """A table in a container of its own that scrolls, with a caption and column heads that say their scope.

    heads: a head that begins with `>` stands over numbers, at the right.
    """
    cells = []
    for head in heads:
        text = head if isinstance(head, str) else join(head)
        number = not isinstance(text, Html) and text.startswith(">")
        cells.append(tag("th", text[1:] if number else text, scope="col", class_="num" if number else None))
    parts = (tag("caption", caption), tag("thead", tag("tr", *cells)), tag("tbody", list(rows)))
    name = label or caption
    return tag(
        "div", tag("table", *parts, class_=class_ or None), class_="scroll", tabindex=0, role="region", aria_label=name
    )


def number(text: Child) -> Html:
    """A table cell with a number."""
    return tag("td", text, class_="num")


def definitions(pairs: Iterable[tuple[str, Child]]) -> Html:
    """A list of names and values; empty values are left out."""
    return tag("dl", [join([tag("dt", name), tag("dd", value)]) for name, value in pairs if value])


def details(summary: Child, *children: Child, open_: bool = False) -> Html:
    return tag("details", tag("summary", summary), *children, open=open_)
