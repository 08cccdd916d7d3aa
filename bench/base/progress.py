"""Progress with time left, on stderr. Nothing ticks by itself: a thread that redraws would disturb what is measured."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

REDRAW_S = 0.2


class Progress:
    """One line that is rewritten on a terminal; elsewhere a line per stage, so that a CI log stays short."""

    def __init__(self, total_s: float, stream: TextIO | None = None, enabled: bool = True) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.total_s = max(total_s, 0.0)
        self.enabled = enabled
        self.live = enabled and self.stream.isatty()
        self._begun = time.monotonic()
        self._drawn = 0.0
        self._stage = ""

    def stage(self, text: str, left_s: float | None = None) -> None:
        """A new stage: printed at once. left_s: as for `update`."""
        self._stage = text
        self._guess(left_s)
        if not self.enabled:
            return
        if self.live:
            self._draw(text)
        else:
            print(f"{text}  (about {self._left()} left)", file=self.stream, flush=True)

    def update(self, detail: str, left_s: float | None = None) -> None:
        """Something moved inside the stage. left_s: a better guess of what is left than total minus elapsed."""
        if not self.live or time.monotonic() - self._drawn < REDRAW_S:
            return
        self._guess(left_s)
        self._draw(f"{self._stage} · {detail}")

    def clear(self) -> None:
        """Take the line away, so that what is printed next starts on a clean one."""
        if self.live:
            print("\r\x1b[2K", end="", file=self.stream, flush=True)

    def _guess(self, left_s: float | None) -> None:
        if left_s is not None:
            self.total_s = time.monotonic() - self._begun + left_s

    def _left(self) -> str:
        left = max(self.total_s - (time.monotonic() - self._begun), 0.0)
        return f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min"

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        tail = f" · about {self._left()} left"
        width = max(self._columns() - 1, 1)  # a line that wraps cannot be rewritten
        clean = "".join(sign if sign.isprintable() else "?" for sign in text)  # names come from files
        line = f"{clean[: max(width - len(tail), 10)]}{tail}"
        print(f"\r\x1b[2K{line[:width]}", end="", file=self.stream, flush=True)

    def _columns(self) -> int:
        """Of the terminal that is written to: stdout may be a pipe."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80
