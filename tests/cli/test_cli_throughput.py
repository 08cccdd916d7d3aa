"""`--batch` and `--streams` as a user gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Bench = Callable[..., Any]


def test_they_are_options_of_the_case_and_one_is_none(bench: Bench) -> None:
    words = ("run", "-m", "paradox_3", "--batch", "1", "--batch", "4", "--streams", "2", "--dry-run", "--json")
    document = json.loads(bench(*words).stdout)
    assert [case["options"] for case in document["cases"]] == [
        {"kernels": "xnnpack", "streams": "2"}, {"batch": "4", "kernels": "xnnpack", "streams": "2"},
    ]  # fmt: skip
    same = ("run", "-m", "paradox_3", "--option", "streams=2", "--dry-run", "--json")
    assert json.loads(bench(*same).stdout)["cases"][0]["key"] == document["cases"][0]["key"]
    one = ("run", "-m", "paradox_3", "--option", "streams=1", "--option", "batch=1", "--dry-run", "--json")
    assert [case["options"] for case in json.loads(bench(*one).stdout)["cases"]] == [{"kernels": "xnnpack"}]


@pytest.mark.parametrize("key", ["batch", "streams"])
def test_what_is_said_twice_or_is_no_number_is_refused(bench: Bench, key: str) -> None:
    done = bench("run", "-m", "paradox_3", f"--{key}", "2", "--option", f"{key}=4", code=2)
    assert f"--{key}" in done.stderr
    bench("run", "-m", "paradox_3", f"--{key}", "0", code=2)


def test_a_run_tells_throughput_beside_latency(bench: Bench, quickest: Any) -> None:
    done = bench("run", "-m", "paradox_3", "--batch", "2", "--streams", "2", *quickest, "--json")
    (case,) = json.loads(done.stdout)["cases"]
    assert case["latency"]["median_ns"] > 0
    assert case["throughput"]["items_per_s"] > 0
    assert (case["throughput"]["streams"], case["throughput"]["batch"]) == (2, 2)
    shown = bench("show", "last").stdout
    assert "items/s" in shown
    assert "2 streams of batch 2" in shown
