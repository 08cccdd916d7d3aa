"""Times that cannot be: never said of published ones, always of those that a queue made."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.models import catalog, cost, ops
from bench.models.cost_floor import Floor, floor, of_file
from bench.records.types import Case, DeviceIdentity, Invocation, Memory, Placement, Summary, Turn
from bench.run.ceilings import ceiling
from bench.run.plausible import ALIKE, FAR_BELOW, LEAST_INIT_NS, findings, least_ns

SHARED = Path(__file__).parents[3] / "shared"
SAMPLE = SHARED / "formats" / "samples" / "litert_run_model_gpu_implausible_timing.txt"
PUBLISHED = SHARED / "zoo" / "published_measurements.csv"
FULL = Placement(kind="full", delegate="GPU")
PARTIAL = Placement(kind="partial", delegate="GPU", nodes=3, total=9)
PHONES = {
    "OnePlus 3": {"model": "ONEPLUS A3003", "device": "OnePlus3"},
    "Redmi Note 7 Pro": {"model": "Redmi Note 7 Pro", "device": "violet"},
    "Redmi Note 8 Pro": {"model": "Redmi Note 8 Pro", "device": "begonia"},
}
COUNTS = st.integers(0, 10**12)
FLOORS = st.builds(
    lambda macs, part, moved, ops: Floor(macs=macs, multiplications=macs // part, moved_bytes=moved, ops=ops),
    COUNTS,
    st.integers(1, 9),
    COUNTS,
    st.integers(0, 10**5),
)


def case(accelerator: str = "gpu", threads: int = 1) -> Case:
    return Case(
        device="d", backend="benchmark_model", accelerator=accelerator, model="m", variant="fp32", era="2019",
        format="tflite", threads=threads,
    )  # fmt: skip


def identity(kind: str = "android", **facts: Any) -> DeviceIdentity:
    return DeviceIdentity(name="d", kind=kind, fingerprint="f", facts=facts)


def told(median_ns: float, load_ns: int | None = 10**9, first_ns: int | None = 10**10, **more: Any) -> Invocation:
    """What a native tool tells of an invocation."""
    summary = Summary(count=100, mean_ns=median_ns, median_ns=median_ns, **more)
    return Invocation(
        started="", spawn_ns=None, load_ns=load_ns, first_inference_ns=first_ns, warmup=None, turns=(),
        memory=Memory(), summary=summary,
    )  # fmt: skip


def timed(*samples_ns: int, load_ns: int = 10**9, first_ns: int = 10**10) -> Invocation:
    return Invocation(
        started="", spawn_ns=1, load_ns=load_ns, first_inference_ns=first_ns, warmup=None, memory=Memory(),
        turns=(Turn(start_ns=0, samples_ns=samples_ns),),
    )  # fmt: skip


def work(macs: int = 0, moved_bytes: int = 0, ops: int = 0) -> Floor:
    return Floor(macs=macs, multiplications=macs, moved_bytes=moved_bytes, ops=ops)


def codes(*given: Any) -> list[str]:
    found = findings(*given)
    assert all(each.severity == "error" and each.why and each.remedy for each in found)
    return [each.code for each in found]


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"needs {PUBLISHED}")
def test_no_published_time_is_called_implausible(zoo_file: Callable[..., Path], cache_folder: Path) -> None:
    zoo = {entry.id for entry in catalog.entries()}
    rows = [row for row in csv.DictReader(PUBLISHED.read_text().splitlines()) if row["model"] in zoo]
    assert sum(row["accelerator"] == "gpu" and row["device"] == "OnePlus 3" for row in rows) >= 13
    for row in rows:
        least = of_file(zoo_file(row["model"]), cache_folder)
        phone = PHONES.get(row["device"])
        device = identity(**phone) if phone else identity("local")
        measured = told(float(row["latency_ms"]) * 1e6)
        asked = case(row["accelerator"], int(row["threads"] or 1))
        assert codes(device, asked, FULL, [measured], least) == [], row
        assert least is not None
        limit, _ = least_ns(least, ceiling(device, asked), whole=True)
        assert float(row["latency_ms"]) * 1e6 > 10 * limit, row


@pytest.mark.skipif(not SAMPLE.is_file(), reason=f"needs {SAMPLE}")
def test_the_time_of_a_queue_is_called_implausible_and_the_true_one_is_not() -> None:
    text = SAMPLE.read_text()
    nodes = re.search(r"Replacing (\d+) out of (\d+) node", text)
    wrong, right = re.search(r"reported (\d+) microseconds", text), re.search(r"reported (\d+)-(\d+) ms", text)
    assert nodes is not None
    assert wrong is not None
    assert right is not None
    # Of the model nothing more is known than its size, of the phone its system on a chip.
    least, phone = work(moved_bytes=6_770_000, ops=int(nodes[1])), identity(soc="SM8550")
    (found,) = findings(phone, case(), FULL, [told(float(wrong[1]) * 1e3)], least)
    assert found.code == "implausible-fast"
    assert found.severity == "error"
    assert "274 us" in found.what
    assert "732 us" in found.what
    assert "366 ops" in found.why
    assert codes(phone, case(), FULL, [told(float(right[1]) * 1e6)], least) == []


@pytest.mark.parametrize(
    ("device", "accelerator", "threads", "least"),
    [
        (identity(**PHONES["OnePlus 3"]), "gpu", 1, work(macs=997_000_000)),
        (identity(gpu="Adreno 530"), "gpu", 1, work(macs=997_000_000)),
        (identity(), "gpu", 1, work(macs=32_000_000_000)),
        (identity("local"), "gpu", 1, work(macs=10_000_000_000_000)),
        (identity("local"), "edgetpu", 1, work(macs=1_966_080_000)),
        (identity("local", isa=("avx2",)), "cpu", 2, work(macs=3_072_000_000)),
        (identity("local", isa=("amx_tile", "avx2")), "cpu", 2, work(macs=12_288_000_000)),
        (identity(), "gpu", 1, work(moved_bytes=340_000_000)),
        (identity(), "gpu", 1, work(ops=500)),
    ],
)
def test_each_limit_where_it_lies(device: DeviceIdentity, accelerator: str, threads: int, least: Floor) -> None:
    """Work for just one millisecond."""
    asked = case(accelerator, threads)
    assert codes(device, asked, FULL, [told(1.01e6)], least) == []
    assert codes(device, asked, FULL, [told(0.99e6)], least) == ["implausible-fast"]
    # The fastest invocation counts.
    assert codes(device, asked, FULL, [told(9e6), told(0.99e6)], least) == ["implausible-fast"]


def test_a_graph_that_is_only_partly_there_owes_no_start_for_each_op() -> None:
    assert codes(identity(), case(), PARTIAL, [told(1e5)], work(ops=500)) == []


def test_nothing_is_said_without_a_time_or_a_graph() -> None:
    assert codes(identity(), case(), FULL, [], work(macs=10**12)) == []
    assert codes(identity(), case(), FULL, [told(1.0)], None) == []


@pytest.mark.parametrize("accelerator", ["gpu", "npu", "edgetpu", "hexagon", "cpu"])
def test_a_sample_far_below_the_median(accelerator: str) -> None:
    near, far = int(10e6 / FAR_BELOW) + 1, int(10e6 / FAR_BELOW) - 1
    assert codes(identity(), case(accelerator), FULL, [timed(10_000_000, near, 10_000_000)], None) == []
    found = codes(identity(), case(accelerator), FULL, [timed(10_000_000, far, 10_000_000)], None)
    # A CPU's call cannot return before the work is done; its median is high where others disturb.
    assert found == ([] if accelerator == "cpu" else ["may-be-enqueue-only"])
    assert codes(identity(), case(accelerator), FULL, [told(10e6, minimum_ns=float(far))], None) == found


def test_a_gpu_without_a_beginning() -> None:
    def said(load_ns: int, first_ns: int, accelerator: str = "gpu") -> list[str]:
        each = timed(10**6, load_ns=load_ns, first_ns=first_ns)
        return codes(identity(), case(accelerator), FULL, [each], None)

    alike = int(10**6 * ALIKE)
    assert said(LEAST_INIT_NS - 1, alike - 1) == ["may-be-enqueue-only"]
    assert said(LEAST_INIT_NS, alike - 1) == []
    assert said(LEAST_INIT_NS - 1, alike + 1) == []
    assert said(LEAST_INIT_NS - 1, alike - 1, "cpu") == []
    assert codes(identity(), case(), FULL, [told(1e6, load_ns=None, first_ns=None)], None) == []


@given(FLOORS, st.floats(1.0, 1e12), st.sampled_from(["cpu", "gpu", "npu", "edgetpu", "nnapi", "auto"]))
def test_a_slower_time_is_never_less_plausible(least: Floor, time_ns: float, accelerator: str) -> None:
    fast = findings(identity(), case(accelerator), FULL, [told(time_ns)], least)
    slow = findings(identity(), case(accelerator), FULL, [told(time_ns * 1.5)], least)
    assert bool(fast) or not slow


@given(FLOORS, FLOORS, st.booleans())
def test_more_work_never_takes_less(one: Floor, more: Floor, whole: bool) -> None:
    both = Floor(
        macs=one.macs + more.macs, multiplications=one.multiplications + more.multiplications,
        moved_bytes=one.moved_bytes + more.moved_bytes, ops=one.ops + more.ops,
    )  # fmt: skip
    limit = ceiling(identity(), case())
    assert least_ns(both, limit, whole)[0] >= max(least_ns(one, limit, whole)[0], least_ns(more, limit, whole)[0])


@given(st.sampled_from(sorted(PHONES)), FLOORS)
def test_a_known_phone_is_never_held_to_less_than_any_phone(name: str, least: Floor) -> None:
    own, any_phone = ceiling(identity(**PHONES[name]), case()), ceiling(identity(), case())
    assert least_ns(least, own, True)[0] >= least_ns(least, any_phone, True)[0]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
@pytest.mark.parametrize("entry", catalog.entries(), ids=lambda entry: entry.id)
def test_the_floor_of_the_zoo_is_its_cost(entry: Any, kind: str, zoo_file: Callable[..., Path]) -> None:
    """Nothing in the zoo is unknown or dead, so here the bound of MACs is their number."""
    table = ops.load(zoo_file(entry.id, kind))
    least, whole = floor(table), cost.cost(table)
    assert least.macs == whole.macs
    assert least.macs / 9 <= least.multiplications < least.macs
    assert whole.weight_bytes is not None
    assert whole.weight_bytes / 2 <= least.moved_bytes
    assert 0 < least.ops <= len(table.ops)


def test_the_floor_is_kept_by_content_and_there_is_none_for_an_ir(
    zoo_file: Callable[..., Path], tmp_path: Path
) -> None:
    first = of_file(zoo_file("paradox_1"), tmp_path)
    (kept,) = (tmp_path / "graphs").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b'"ops":1', b'"ops":7'))
    again = of_file(zoo_file("paradox_1"), tmp_path)
    assert first is not None
    assert again is not None
    assert (first.ops, again.ops) == (1, 7)
    ir = tmp_path / "model.xml"
    ir.write_text("<net/>")
    ir.with_suffix(".bin").write_bytes(b"")
    assert of_file(ir, tmp_path) is None
