"""Text that came from elsewhere, made fit to print: control signs shown, long names cut in their middle."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """One printable line. Names come from files: control signs (an escape sequence, say) show as `\\x1b`."""
    if text.isprintable():
        return text
    shown = (sign if sign.isprintable() else " " if sign in "\n\t" else _escaped(sign) for sign in text)
    return "".join(shown)


def plain_lines(text: str) -> str:
    """Like `plain`, with the line breaks kept."""
    return "\n".join(plain(line) for line in text.splitlines())


def _escaped(sign: str) -> str:
    if unicodedata.category(sign) == "Zs":
        return " "
    return ascii(sign)[1:-1]


def shorten(text: str, width: int, head: float = 0.5) -> str:
    """A name cut in its middle: both ends tell more than either alone. head: the share that its beginning gets."""
    if len(text) <= width:
        return text
    kept = int((width - 1) * head)
    tail = width - 1 - kept
    return f"{text[:kept]}…{text[-tail:] if tail > 0 else ''}"


def shorten_op(text: str, width: int) -> str:
    """An op's name is a path: its end tells it from its neighbours."""
    return shorten(text, width, head=0.25)
