"""A command for any login shell, and its output behind what that prints."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.ssh_shell import Behind, enclosed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))))
def test_any_text_comes_through_a_shell(text: str) -> None:
    command = enclosed(f"printf %s {shlex.quote(text)}", "mark")
    assert "\n" not in command
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode() == f"mark\n{text}"


@given(st.binary(), st.binary(), st.lists(st.integers(1, 20)))
def test_noise_ends_at_the_mark_however_it_is_cut(noise: bytes, data: bytes, cuts: list[int]) -> None:
    behind, rest, found = Behind("bench:0123"), noise + b"bench:0123\n" + data, b""
    for cut in cuts:
        found += behind.feed(rest[:cut])
        rest = rest[cut:]
    assert found + behind.feed(rest) == data
