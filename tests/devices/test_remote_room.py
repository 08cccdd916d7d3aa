"""What phones print about their space is read, and what must go for a new file is chosen."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote_room import parse_df, parse_listing, safe_name, to_remove


def test_free_space_of_what_phones_print() -> None:
    head = "Filesystem      1K-blocks     Used Available Use% Mounted on\n"
    toybox = head + "/dev/block/dm-5 111419392 29874052 81414268  27% /data\n"
    assert parse_df(toybox) == 81414268 * 1024
    assert parse_df("df: /data: Permission denied") is None
    assert parse_df("") is None


@given(st.text())
def test_any_output_of_df_is_a_number_or_unknown(text: str) -> None:
    free = parse_df(text)
    assert free is None or free >= 0


def test_a_listing_is_sorted_by_last_use_and_keeps_odd_names() -> None:
    assert parse_listing("20 5 /a/b c\n10 7 /x\nstat: none\n") == [(10, 7, "/x"), (20, 5, "/a/b c")]


rows = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 50), st.uuids().map(str)), max_size=8).map(sorted)


@given(rows, st.data(), st.integers(0, 60), st.integers(0, 100), st.none() | st.integers(0, 100))
def test_no_more_goes_than_must_and_nothing_that_is_used(
    kept: list[tuple[int, int, str]], data: st.DataObject, size: int, limit: int, free: int | None
) -> None:
    used = set(data.draw(st.lists(st.sampled_from([row[2] for row in kept] or [""]))))
    gone = to_remove(kept, used, size, limit, free)
    removable = [row for row in kept if row[2] not in used]
    assert gone == [row[2] for row in removable[: len(gone)]]

    def fits(count: int) -> bool:
        freed = sum(row[1] for row in removable[:count])
        return sum(row[1] for row in kept) - freed + size <= limit and (free is None or size <= free + freed)

    assert fits(len(gone)) or len(gone) == len(removable)
    assert all(not fits(count) for count in range(len(gone)))


@given(st.text(min_size=1))
def test_a_safe_name_is_one_line_and_no_path(name: str) -> None:
    safe = safe_name(name)
    assert "/" not in safe
    assert len(safe.splitlines()) <= 1
    assert len(safe.encode()) <= 200
    assert shlex.split(shlex.quote(safe)) == [safe]
