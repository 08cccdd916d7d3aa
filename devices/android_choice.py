"""Which of the attached phones is meant: pure, from adb's list and what each phone says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.base.errors import BenchError, NotMeasuredError, UsageError
from bench.devices.adb_server import AttachedPhone, not_ready


class Wanted(NamedTuple):
    """How bench.toml or the command line names a phone; what is empty may be anything. where: HOST:PORT over TCP."""

    serial: str = ""
    model: str = ""
    fingerprint: str = ""
    where: str = ""


class Said(NamedTuple):
    """What a phone says of itself. serial: its own, which does not change with the way to it."""

    serial: str
    model: str
    fingerprint: str


def addressed(wanted: Wanted, serial: str) -> bool:
    """Whether the phone that adb lists by that serial may be the one, as far as that tells."""
    if wanted.serial:
        return serial == wanted.serial
    return not wanted.where or serial in (wanted.where, f"{wanted.where}:5555")


def choose(asked: str, wanted: Wanted, phones: Sequence[AttachedPhone], said: Mapping[str, Said]) -> AttachedPhone:
    """The one phone that is meant and can be used.

    asked: for the message; said: by serial, of the phones that may be meant and answer.
    Raises UsageError when several fit or the one that is meant is another one, NotMeasuredError when none is there.
    """
    if not phones:
        raise NotMeasuredError(
            asked,
            "no phone is attached",
            "Connect one over USB, with USB debugging on in its developer options; `adb devices` must list it.",
        )
    fitting = [phone for phone in phones if addressed(wanted, phone.serial)]
    if not fitting:
        serial = wanted.serial or wanted.where
        raise NotMeasuredError(
            asked, f"no phone {serial} is attached. There is:\n{_table(phones)}", "Is it plugged in?"
        )
    ready = [phone for phone in fitting if phone.serial in said]
    matching = [phone for phone in ready if _differences(wanted, said[phone.serial]) == ""]
    if len(matching) == 1:
        return matching[0]
    if len(matching) > 1:
        raise UsageError(
            asked,
            f"{len(matching)} phones are attached that it could be:\n{_table(matching)}",
            'Choose one: --device SERIAL, or serial = "SERIAL" below [devices.NAME] in bench.toml.',
        )
    raise _none(asked, wanted, fitting, ready, said)


def _none(
    asked: str,
    wanted: Wanted,
    fitting: Sequence[AttachedPhone],
    ready: Sequence[AttachedPhone],
    said: Mapping[str, Said],
) -> BenchError:
    if ready:
        lines = [f"{phone.serial}: {_differences(wanted, said[phone.serial])}" for phone in ready]
        return UsageError(
            asked,
            "\n".join(["another phone, or another system on it, than bench.toml names:", *lines]),
            "Attach the phone that is meant, or change [devices.NAME] in bench.toml after an update of its system.",
        )
    if len(fitting) == 1:
        found, todo = not_ready(fitting[0])
        return NotMeasuredError(asked, f"{fitting[0].serial}: {found}", todo)
    return NotMeasuredError(
        asked,
        f"none of the phones can be used:\n{_table(fitting)}",
        f"The first one: {not_ready(fitting[0])[1]}",
    )


def _differences(wanted: Wanted, said: Said) -> str:
    """What is not as configured, both values; empty when all is."""
    pairs = (("model", wanted.model, said.model), ("fingerprint", wanted.fingerprint, said.fingerprint))
    return "; ".join(f"{key} is {is_!r}, configured is {want!r}" for key, want, is_ in pairs if want and want != is_)


def _table(phones: Sequence[AttachedPhone]) -> str:
    return "\n".join(f"  {phone}" for phone in phones)
