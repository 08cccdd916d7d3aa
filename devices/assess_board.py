"""What a board's own conditions mean for a measurement: rules beside those of `assess` for any Linux machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.base.findings import Finding
from bench.devices.remarks import info, warning
from bench.devices.view import View

_PIN = "Let bench hold the clocks: `--pin` (it needs root there, or sudo without a password)."
# What a person does about it on a board, where the rule for any machine names a command of a computer.
REMEDIES = {"cpu-governor": _PIN}
KINDS = ("jetson", "coral-board", "raspberry-pi", "x86")
_SUPPLY = "Use a supply that gives enough current, a short thick cable, and fewer USB devices."
_COOL = "Give it a heat sink or a fan, and let it cool down between cases."


def _firmware(view: View) -> Iterator[Finding]:
    """A Raspberry Pi's firmware says when it lowers the clocks, whatever the kernel believes."""
    now = sorted({word for text in view.texts("throttled.now") if text != "no" for word in text.split(", ")})
    if now:
        yield warning(
            "board-throttled",
            f"The firmware says of the time of the run: {', '.join(now)}.",
            "It lowers the clock for that without a word to the kernel, so the times are not those of this board.",
            _remedy(now),
        )
        return
    before = sorted({word for text in view.texts("throttled.since_boot") if text != "no" for word in text.split(", ")})
    if before:
        yield info(
            "board-throttled-before",
            f"The firmware says of some time since the board started: {', '.join(before)}.",
            "It did not at the moments when it was asked, but may have in between.",
            f"{_remedy(before)} Restart the board, and see that it stays away.",
        )


def _remedy(words: list[str]) -> str:
    heat = [word for word in words if word != "under-voltage"]
    return " ".join([*([_SUPPLY] if "under-voltage" in words else []), *([_COOL] if heat else [])])


def _clocks(view: View) -> Iterator[Finding]:
    if "free" in view.texts("jetson_clocks"):
        modes = view.texts("power_mode")
        yield warning(
            "clocks-free",
            f"jetson_clocks does not hold the clocks{f' (power mode {modes[0]})' if modes else ''}.",
            "They follow the load, so short runs see lower clocks than long ones; other modes have other limits.",
            _PIN,
        )


BOARD_RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (_firmware, _clocks)
