"""Errors that people read: what was asked, what was found, what to do; and the names they may have meant."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import (
    BenchError,
    ExitCode,
    ModelFileError,
    NotMeasuredError,
    StorageError,
    UsageError,
    did_you_mean,
    nearest,
)

ZOO = ("prisma_256", "paradox_1", "paradox_2", "mobilenet")


def test_an_error_reads_asked_found_todo_and_leaves_out_what_is_empty() -> None:
    assert str(UsageError("asked", "found\nmore", "todo")) == "asked\nfound\nmore\ntodo"
    assert str(UsageError("asked", todo="todo")) == "asked\ntodo"


def test_the_exit_codes_are_those_that_are_promised() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0, "FINDING": 1, "USAGE": 2, "INCONCLUSIVE": 3, "NOT_MEASURED": 4, "INTERNAL": 70, "INTERRUPTED": 130,
    }  # fmt: skip
    kinds = (BenchError, UsageError, ModelFileError, StorageError, NotMeasuredError)
    assert [int(kind("x").exit_code) for kind in kinds] == [70, 2, 2, 4, 4]


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_copying_whole(again: object) -> None:
    twin = again(StorageError("asked", "found", "todo"))  # type: ignore[operator]
    assert (type(twin), str(twin)) == (StorageError, "asked\nfound\ntodo")


@pytest.mark.parametrize(
    ("typed", "meant"), [("prisma", "prisma_256"), ("PRISMA_256", "prisma_256"), ("mobelnet", "mobilenet")]
)
def test_the_nearest_name_comes_first(typed: str, meant: str) -> None:
    assert nearest(typed, ZOO)[0] == meant


def test_known_names_keep_their_case_and_strangers_have_no_neighbour() -> None:
    assert nearest("readme", ["README", "other"]) == ["README"]
    assert nearest("zzz", ZOO) == []
    assert nearest("", ZOO) == []
    assert nearest("paradox", ZOO, count=1) in (["paradox_1"], ["paradox_2"])


def test_did_you_mean_is_a_sentence() -> None:
    assert did_you_mean("thread", ["threads", "device"]) == "Did you mean threads?"
    assert did_you_mean("prisma_25", ["prisma_512", "prisma_256"]) == "Did you mean prisma_256 or prisma_512?"
    assert did_you_mean("zzz", ["b", "a", "b"]) == "Known: a, b."
    assert did_you_mean("zzz", []) == ""


@given(st.text(), st.lists(st.text()))
def test_only_known_names_are_proposed_and_an_exact_one_always(typed: str, known: list[str]) -> None:
    assert set(nearest(typed, known)) <= set(known)
    assert isinstance(did_you_mean(typed, known), str)
    if typed:
        assert nearest(typed, [*known, typed])[0].casefold() == typed.casefold()
