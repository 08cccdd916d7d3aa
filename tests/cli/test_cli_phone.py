"""`bench run --device PHONE` from end to end: adb's real server and daemon, and the real benchmark_model."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_phones import LabPhone
from phone_runs import CPU_TOOL, QUICKEST, clean, configure, last, records

from bench.records.types import Record

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., LabPhone]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TOOL = ("--tool", f"benchmark_model={CPU_TOOL}")


def printed_rows(transcript: str) -> list[tuple[str, str, int, str]]:
    """(type, ms, calls, name) of the table of ops, read with nothing but a pattern."""
    order = transcript.split("for Regular Benchmark Runs")[1].split("Run Order")[1].split("Top by")[0]
    cells = re.findall(r"^\t *(\S.*?)\t +[\d.]+\t +([\d.]+)\t.*?\t +(\d+)\t(.*)$", order, re.MULTILINE)
    return [(kind, milliseconds, int(calls), name) for kind, milliseconds, calls, name in cells]


def same_as_printed(record: Record) -> None:
    """Latencies and op times are the tool's own, to the last digit that it printed."""
    *measured, profiled = record.transcript
    for invocation, text in zip(record.invocations, measured, strict=True):
        assert invocation.summary is not None
        timed = text.split("Running benchmark for")[2]
        assert f"count={invocation.summary.count} " in timed
        assert f"avg={invocation.summary.mean_ns / 1e3:g} " in timed
        assert f"Init: {(invocation.load_ns or 0) // 1000}," in timed
    assert record.profile is not None
    rows = printed_rows(profiled)
    assert len(rows) == len(record.profile.rows) > 100
    for row, (kind, milliseconds, calls, name) in zip(record.profile.rows, rows, strict=True):
        assert (row.op_type, row.calls) == (kind, calls)
        assert f"{row.time_ns / 1e6 / calls:.3f}" == milliseconds
        assert name.strip().startswith(row.name.split(":")[0])


def test_prisma_on_the_cpu(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    made = lab_phone()
    configure(tmp_path, oneplus3=made, warmup_s=10)
    done = bench("run", "-d", "oneplus3", "-m", "prisma", "-a", "cpu", "--time", "0.5", "--invocations", "3")
    (record,) = records(results_folder)
    assert record.error is None
    assert (record.device.facts["serial"], record.device.facts["model"]) == (made.own_serial, "ONEPLUS A3003")
    assert str(record.device.facts["build_fingerprint"]).startswith("OnePlus/OnePlus3/OnePlus3:9/")
    assert (record.placement.kind, record.placement.nodes, record.placement.total) == ("full", 159, 159)
    assert record.agreement is not None
    assert record.agreement.ok is True
    assert record.agreement.reference_std is not None
    assert record.agreement.reference_std > 0.01
    assert [conditions.phase for conditions in record.conditions] == ["before", "after"]
    assert all(each.during is not None and each.during.readings for each in record.invocations)
    assert (len(record.invocations), len(record.transcript)) == (3, 4)
    assert all(text.startswith("$ /data/local/tmp/bench/files/") for text in record.transcript)
    assert all(text.endswith("--- exit code 0") and "INFO: STARTING!" in text for text in record.transcript)
    same_as_printed(record)
    (published,) = [finding for finding in record.findings if finding.code == "published-latency"]
    assert published.severity == "info"
    assert "426 ms" in published.what
    assert "ONEPLUS A3003" in done.stdout
    assert "tool's medians" in done.stdout
    assert "full (XNNPACK)" in " ".join(done.stdout.split())
    assert clean(made)


def opened(page: Path, folder: Path) -> str:
    """The page as a browser has it after its script."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [str(CHROMIUM), *flags, "--virtual-time-budget=20000", f"--user-data-dir={folder}/profile", "--dump-dom"]
    return subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=240, check=True).stdout


def test_what_is_shown_afterwards(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    """--json, the HTML report, `bench show last`: the tool's medians, and never samples."""
    configure(tmp_path, oneplus3=lab_phone())
    arguments = ("run", "-d", "oneplus3", "-m", "paradox_7", "--time", "0.3", "--invocations", "3", "--json")
    document = json.loads(bench(*arguments).stdout)
    record = last(results_folder)
    (case,) = document["cases"]
    assert case["measured"] is True
    assert case["placement"]["kind"] == "full"
    assert case["latency"]["of"] == "medians"
    assert case["latency"]["samples"] == sum(each.summary.count for each in record.invocations if each.summary)
    assert case["latency"]["p90"] == {"value_ns": None, "reason": "no samples"}
    page = html.unescape(Path(document["report"]).read_text())
    assert "the tool's medians" in page
    assert "no samples" in page
    assert "benchmark_model cpu" in page
    if CHROMIUM is not None:
        assert 'data-charts="drawn"' in opened(Path(document["report"]), tmp_path)
    shown = bench("show", "last").stdout
    assert "INFO: STARTING!" in shown
    assert record.device.fingerprint in shown
    again = json.loads(bench("show", "last", "--json").stdout)
    assert json.dumps(again).count(record.device.fingerprint) >= 1


def test_a_serial_number_does_for_a_name(bench: Bench, lab_phone: Start, results_folder: Path) -> None:
    made = lab_phone()
    bench("run", "-d", made.serial, "-m", "paradox_1", *QUICKEST, *TOOL)
    record = last(results_folder)
    assert record.measured
    assert (record.case.device, record.device.facts["serial"]) == (made.serial, made.own_serial)
    unknown = bench("run", "-d", "127.0.0.1:1", "-m", "paradox_1", *QUICKEST, *TOOL, code=2)
    assert "127.0.0.1:1" in unknown.stderr


def test_two_phones_and_none_chosen(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    one, two = lab_phone("one"), lab_phone("two", **{"ro.product.model": "Pixel 8"})
    (tmp_path / "bench.toml").write_text('[devices.mine]\nkind = "android"\n')
    done = bench("run", "-d", "mine", "-m", "paradox_1", *QUICKEST, *TOOL, code=2)
    assert one.serial in done.stderr
    assert two.serial in done.stderr
    assert "--device SERIAL" in done.stderr
    assert not records(results_folder)
    bench("run", "-d", "mine", "-m", "paradox_1", *QUICKEST, *TOOL, ANDROID_SERIAL=two.serial)
    assert last(results_folder).device.facts["model"] == "Pixel 8"


def test_two_phones_in_one_run(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    one, two = lab_phone("one"), lab_phone("two", **{"ro.product.model": "Pixel 8"})
    configure(tmp_path, oneplus3=one, pixel=two)
    done = bench("run", "-d", "oneplus3", "-d", "pixel", "-m", "paradox_1", *QUICKEST)
    assert re.search(r"^oneplus3: ONEPLUS A3003", done.stdout, re.MULTILINE)
    assert re.search(r"^pixel: Pixel 8", done.stdout, re.MULTILINE)
    first, second = records(results_folder)
    assert first.device.fingerprint != second.device.fingerprint
    assert first.measured
    assert second.measured
    assert clean(one)
    assert clean(two)


@pytest.fixture
def partly(zoo_file: Callable[..., Path], rewrite_tflite: Callable[..., Path], tmp_path: Path) -> Path:
    """paradox_1 with a cumulative sum behind it, which XNNPACK has not."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    def append(model: Any) -> None:
        (graph,) = model.subgraphs
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = schema.BuiltinOperator.CUMSUM, 127, 1
        data = schema.BufferT()
        data.data = np.frombuffer(np.int32(2).tobytes(), dtype=np.uint8)
        axis, out, size = schema.TensorT(), schema.TensorT(), (1, 256, 256, 1)
        axis.name, axis.type, axis.shape = b"axis", schema.TensorType.INT32, np.array([], dtype=np.int32)
        axis.buffer = len(model.buffers)
        out.name, out.type, out.shape, out.buffer = b"sum", schema.TensorType.FLOAT32, np.array(size, dtype=np.int32), 0
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes)
        operator.inputs = np.array([graph.outputs[0], len(graph.tensors)], dtype=np.int32)
        operator.outputs = graph.outputs = np.array([len(graph.tensors) + 1], dtype=np.int32)
        operator.builtinOptionsType = schema.BuiltinOptions.CumsumOptions
        operator.builtinOptions = schema.CumsumOptionsT()
        model.operatorCodes.append(code)
        model.buffers.append(data)
        graph.tensors += [axis, out]
        graph.operators.append(operator)
        for signature in model.signatureDefs or []:
            signature.outputs[0].tensorIndex = len(graph.tensors) - 1

    return rewrite_tflite(zoo_file("paradox_1"), tmp_path / "partly.tflite", append)


def test_a_graph_that_xnnpack_has_only_in_part(
    bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path, partly: Path
) -> None:
    configure(tmp_path, oneplus3=lab_phone())
    bench("run", "-d", "oneplus3", "-m", partly, "--time", "0.1", "--invocations", "1")
    record = last(results_folder)
    placed = record.placement
    assert (placed.kind, placed.nodes, placed.total, placed.partitions) == ("partial", 1, 2, 1)
    assert placed.delegate == "XNNPACK"
    assert record.agreement is not None
    assert record.agreement.ok is True
    assert record.profile is not None
    where = {row.op_type: row.where for row in record.profile.rows}
    assert where["CUMSUM"] == "CPU"
    assert set(where.values()) == {"CPU", "XNNPACK"}


def test_bench_devices(bench: Bench, lab_phone: Start, tmp_path: Path, results_folder: Path) -> None:
    named, other = lab_phone("named"), lab_phone("other", **{"ro.product.model": "Pixel 8"})
    configure(tmp_path, oneplus3=named)
    listed = bench("devices").stdout
    assert re.search(r"^oneplus3 \(android\): ONEPLUS A3003", listed, re.MULTILINE)
    assert f"{other.serial} (android): attached, device; not in bench.toml" in listed
    bench("run", "-d", "oneplus3", "-m", "paradox_1", *QUICKEST)
    assert list((named.tmp / "bench").rglob("paradox_1*.tflite"))
    freed = bench("devices", "clean", "oneplus3").stdout
    assert re.fullmatch(r"oneplus3: 1[01][.\d]* MB freed\n", freed)
    assert list(named.tmp.iterdir()) == []
    assert "0 B freed" in bench("devices", "clean", other.serial).stdout
    bench("run", "-d", "oneplus3", "-m", "paradox_1", *QUICKEST)
    assert last(results_folder).measured
