"""What bench makes of phones that are not here: their tool's output, put into recordings by hand, and replayed."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.records import store
from bench.records.types import Record
from bench.run.config import parse

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "formats" / "samples"
LAB = Path(__file__).resolve().parents[3] / "shared" / "lab" / "bin"
TOOL = "/data/local/tmp/bench/files/0123456789abcdef/benchmark_model"
GRAPH = "/data/local/tmp/bench/files/fedcba9876543210/model.tflite"
OPS = 159  # of prisma_256
HELP = (
    "usage: benchmark_model <flags>\n"
    "Flags:\n"
    "\t--num_runs=50\tint32\toptional\tnumber of runs\n"
    "\t--min_secs=1\tfloat\toptional\tseconds at least\n"
    "\t--warmup_runs=1\tint32\toptional\twarm-up runs\n"
    "\t--warmup_min_secs=0.5\tfloat\toptional\tseconds of warm-up\n"
    "\t--num_threads=-1\tint32\toptional\tthreads\n"
    "\t--graph=\tstring\trequired\tgraph file name\n"
    "\t--enable_op_profiling=false\tbool\toptional\top table\n"
    "\t--use_gpu=false\tbool\toptional\tuse gpu\n"
    "\t--use_nnapi=false\tbool\toptional\tuse nnapi\n"
    "\t--disable_nnapi_cpu=true\tbool\toptional\tno CPU path of NNAPI\n"
    "\t--use_hexagon=false\tbool\toptional\tuse Hexagon\n"
    "\t--use_xnnpack=true\tbool\toptional\tuse XNNPACK\n"
)
ASKED = {
    "nnapi": ("--use_nnapi=true", "--disable_nnapi_cpu=true", "--use_xnnpack=false"),
    "hexagon": ("--use_hexagon=true", "--use_xnnpack=false"),
    "gpu": ("--use_gpu=true", "--use_xnnpack=false"),
}
LIMIT = "but terminate if exceeding 150 seconds."
TIMES = ("--num_runs=1", "--min_secs=1", "--warmup_runs=1", "--warmup_min_secs=0.5")


def by_hand(folder: Path, model_sha256: str, argv: Sequence[str], stdout: str, code: int = 0) -> Path:
    """A recording of one invocation of the tool on a phone, from the text that it printed."""
    identity = {"name": "x", "kind": "android", "fingerprint": "0" * 16, "facts": {"model": "A phone", "serial": "1"}}
    events: list[dict[str, Any]] = [
        {
            "call": "recording",
            "answer": {"format": 1, "device": "x", "kind": "android", "recorded": "2026-01-01T00:00:00Z"},
        },
        {"call": "identify", "answer": identity},
        {"call": "abis", "answer": ["arm64-v8a"]},
        {"call": "push", "asked": {"name": "benchmark_model", "sha256": "5" * 64}, "answer": TOOL},
        {"call": "push", "asked": {"name": "model.tflite", "sha256": model_sha256}, "answer": GRAPH},
        {"call": "scratch", "answer": "/data/local/tmp/bench/work/1"},
    ]
    for process, (command, text, end) in enumerate((((TOOL, "--help"), HELP, 1), (argv, stdout, code)), 1):
        events.append({"call": "spawn", "process": process, "asked": {"argv": list(command)}})
        events += [{"call": "read", "process": process, "answer": line} for line in text.splitlines()]
        events.append({"call": "read", "process": process, "error": {"type": "ended", "returncode": end}})
    folder.mkdir(parents=True)
    (folder / "exchange.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return folder


@pytest.fixture
def replay(
    bench: Callable[..., Any], zoo_file: Callable[..., Path], tmp_path: Path, results_folder: Path
) -> Callable[..., Record]:
    """replay(accelerator, stdout, exit code of the tool, code=of bench): the record of prisma on that phone."""

    def run(accelerator: str, stdout: str, end: int = 0, code: int = 0) -> Record:
        sha256 = hashlib.sha256(zoo_file("prisma_256").read_bytes()).hexdigest()
        argv = (TOOL, f"--graph={GRAPH}", "--num_threads=1", *ASKED[accelerator], *TIMES)
        by_hand(tmp_path / "rec" / "x", sha256, argv, stdout, end)
        (tmp_path / "bench.toml").write_text('[devices.far]\nkind = "replay"\nrecording = "rec/x"\n')
        quick = ("--time", "1", "--invocations", "1", "--no-profile")
        bench("run", "--device", "far", "--model", "prisma", "-a", accelerator, *quick, code=code)
        (file,) = store.files(results_folder)
        record = store.load(file)
        assert record.replayed
        assert [finding.code for finding in record.findings].count("replayed") == 1
        return record

    return run


def log(accelerator: str, *between: str, end: bool = True) -> str:
    """What the tool prints, with the lines of the delegate in their place."""
    title = {"nnapi": "Use NNAPI: [1]", "hexagon": "Use Hexagon: [1]", "gpu": "Use gpu: [1]"}[accelerator]
    head = (
        "INFO: STARTING!", "INFO: Log parameter values verbosely: [0]", "INFO: Min num runs: [1]",
        "INFO: Num threads: [1]", f"INFO: Graph: [{GRAPH}]", f"INFO: {title}", "INFO: Use xnnpack: [0]",
        f"INFO: Loaded model {GRAPH}", "INFO: Initialized TensorFlow Lite runtime.",
    )  # fmt: skip
    numbers = (
        "INFO: The input model file size (MB): 1.7",
        "INFO: Initialized session in 26.002ms.",
        f"INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds {LIMIT}",
        "INFO: count=9 first=63707 curr=55000 min=54000 max=63707 avg=56000 std=2700",
        "",
        f"INFO: Running benchmark for at least 1 iterations and at least 1 seconds {LIMIT}",
        "INFO: count=20 first=54531 curr=54793 min=54171 max=59925 avg=55185.7 std=870",
        "",
        "INFO: Inference timings in us: Init: 26002, First inference: 63707, Warmup (avg): 56000, "
        "Inference (avg): 55185.7",
    )
    return "\n".join((*head, *between, *(numbers if end else ()))) + "\n"


NNAPI = ("INFO: Created TensorFlow Lite delegate for NNAPI.", "INFO: NNAPI delegate created.")


def test_all_of_the_graph_on_nnapi(replay: Callable[..., Record]) -> None:
    record = replay(
        "nnapi",
        log(
            "nnapi",
            *NNAPI,
            f"VERBOSE: Replacing {OPS} out of {OPS} node(s) with delegate (TfLiteNnapiDelegate) node, yielding 1 "
            "partitions for the whole graph.",
            "INFO: Explicitly applied NNAPI delegate, and the model graph will be completely executed by the delegate.",
        ),
    )
    assert record.measured
    assert (record.placement.kind, record.placement.nodes, record.placement.partitions) == ("full", OPS, 1)
    assert record.invocations[0].summary is not None
    assert record.invocations[0].summary.centre_ns == pytest.approx(55_185_700)


def test_a_part_of_the_graph_on_nnapi(replay: Callable[..., Record]) -> None:
    record = replay(
        "nnapi",
        log(
            "nnapi",
            *NNAPI,
            f"VERBOSE: Replacing 50 out of {OPS} node(s) with delegate (TfLiteNnapiDelegate) node, yielding 9 "
            "partitions for the whole graph.",
            "INFO: Explicitly applied NNAPI delegate, and the model graph will be partially executed by the delegate "
            "w/ 5 delegate kernels.",
        ),
    )
    assert record.measured
    assert (record.placement.kind, record.placement.nodes, record.placement.total) == ("partial", 50, OPS)
    assert record.placement.partitions == 5


@pytest.mark.parametrize("end", [0, 1])
def test_nnapi_that_cannot_be_applied_is_an_error(replay: Callable[..., Record], end: int) -> None:
    failure = (
        *NNAPI,
        "ERROR: NN API returned error ANEURALNETWORKS_OP_FAILED at line 3779 while completing NNAPI compilation.",
        "",
        "ERROR: Restored original execution plan after delegate application failure.",
        "Failed to apply NNAPI delegate.",
        "Benchmarking failed.",
    )
    record = replay("nnapi", log("nnapi", *failure, end=False), end, code=4)
    assert record.error is not None
    assert "Failed to apply NNAPI delegate" in record.error.message
    assert not record.measured
    assert record.invocations == ()


def test_hexagon_tells_its_nodes(replay: Callable[..., Record]) -> None:
    line = f"INFO: TfLiteHexagonDelegate delegate: 31 nodes delegated out of {OPS} nodes with 1 partitions."
    record = replay("hexagon", log("hexagon", "INFO: Hexagon delegate created.", line))
    assert (record.placement.kind, record.placement.nodes, record.placement.total) == ("partial", 31, OPS)
    assert record.placement.delegate == "Hexagon"


MISMATCH = (
    "WARNING: Failed to fetch Hexagon NN version. This might be because you're using incompatible versions of "
    "libhexagon_interface and libhexagon_nn_skel. You must use compatible versions. Refer to Tensorflow Lite Hexagon "
    "Delegate Guide."
)


@pytest.mark.parametrize(
    "lines",
    [
        (MISMATCH,),
        (MISMATCH, "WARN: Could not create Hexagon delegate: platform may not support delegate or required libraries "
         "are missing"),
    ],
)  # fmt: skip
def test_hexagon_libraries_that_do_not_fit_give_no_number_of_hexagon(
    replay: Callable[..., Record], lines: tuple[str, ...]
) -> None:
    record = replay("hexagon", log("hexagon", *lines), code=4)
    assert record.error is not None
    assert not record.measured


def test_the_gpu_of_a_phone(replay: Callable[..., Record]) -> None:
    record = replay(
        "gpu",
        log(
            "gpu",
            "INFO: Created TensorFlow Lite delegate for GPU.",
            "INFO: GPU delegate created.",
            f"VERBOSE: Replacing {OPS} out of {OPS} node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 "
            "partitions for subgraph 0.",
            "INFO: Initialized OpenCL-based API.",
            "INFO: Created 1 GPU delegate kernels.",
            "INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.",
        ),
    )
    assert (record.placement.kind, record.placement.nodes, record.placement.delegate) == ("full", OPS, "GPU")


def test_ops_that_the_gpu_lacks_are_no_failure(replay: Callable[..., Record]) -> None:
    record = replay(
        "gpu",
        log(
            "gpu",
            "INFO: Created TensorFlow Lite delegate for GPU.",
            "INFO: GPU delegate created.",
            "ERROR: Following operations are not supported by GPU delegate:",
            "UNPACK: Operation is not supported.",
            f"{OPS - 8} operations will run on the GPU, and the remaining 8 operations will run on the CPU.",
            "INFO: Initialized OpenCL-based API.",
            "INFO: Created 2 GPU delegate kernels.",
            "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate "
            "w/ 2 delegate kernels.",
        ),
    )
    assert record.measured
    assert (record.placement.kind, record.placement.nodes, record.placement.partitions) == ("partial", OPS - 8, 2)


@pytest.mark.parametrize(
    ("name", "accelerator", "kind"),
    [
        ("benchmark_model_tf2.15_synaptics_nnapi_full.txt", "nnapi", "partial"),  # another graph: 31 nodes of ours
        ("benchmark_model_tf2.3nightly_android_gpu_opprofile_full.txt", "gpu", "full"),
        ("benchmark_model_tf2.9_android_apk_logcat_nnapi.txt", "nnapi", "unknown"),  # its first lines are not there
    ],
)
def test_output_of_real_phones(replay: Callable[..., Record], name: str, accelerator: str, kind: str) -> None:
    if not (SAMPLES / name).is_file():
        pytest.skip(f"{SAMPLES / name} is not there")
    text = (SAMPLES / name).read_text()
    record = replay(accelerator, text[text.index("INFO: STARTING!") :] if "INFO: STARTING!" in text else text)
    assert (record.measured, record.placement.kind) == (True, kind)


def test_a_real_phone_whose_nnapi_fails(replay: Callable[..., Record]) -> None:
    path = SAMPLES / "benchmark_model_tf2.4_android_nnapi_dsp_failure.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    text = path.read_text()
    first = text[text.index("STARTING!") : text.index("Benchmarking failed.")] + "Benchmarking failed.\n"
    record = replay("nnapi", first, 1, code=4)
    assert record.error is not None
    assert "Failed to apply NNAPI delegate" in record.error.message


QUICK = ("-m", "paradox_1", "--time", "0.2", "--invocations", "2")


def same(bench: Callable[..., Any], tmp_path: Path, *arguments: str, tool: Path | None = None) -> tuple[Record, Record]:
    """What was measured and recorded on this host, and what its replay gives, of one case. tool: gone by the replay."""
    named = ("--tool", f"benchmark_model={tool}") if tool else ()
    bench("run", *QUICK, *arguments, *named, "--record", "rec", "--results", "first")
    if tool:
        tool.unlink()
    (tmp_path / "bench.toml").write_text('[devices.old]\nkind = "replay"\nrecording = "rec/local"\n')
    done = bench("run", "--device", "old", *QUICK, *arguments, "--results", "again", "--json")
    (case,) = json.loads(done.stdout)["cases"]
    assert case["replayed"] is True
    assert "replayed" in done.stderr
    pages = [path.read_text() for path in (tmp_path / "again").rglob("report.html")]
    assert pages[0].count("replayed</span>") == 1
    first, again = (store.load(next(store.files(tmp_path / name))) for name in ("first", "again"))
    assert (first.replayed, again.replayed) == (False, True)
    assert "replayed from" in bench("show", "last", "--results", "again").stdout
    assert "replayed" in bench("show", "--results", "again").stdout
    return first, again


def numbers(record: Record) -> object:
    rest = [(one.turns, one.warmup, one.summary, one.load_ns, one.memory, one.during) for one in record.invocations]
    assert record.agreement is not None
    assert record.agreement.ok is True
    return rest, record.profile, record.placement, record.agreement, record.conditions, record.tool


@pytest.mark.parametrize("backend", ["litert", "onnxruntime"])
def test_a_recorded_python_runtime_gives_its_numbers_again(
    bench: Callable[..., Any], tmp_path: Path, backend: str
) -> None:
    first, again = same(bench, tmp_path, "-b", backend)
    assert numbers(again) == numbers(first)
    for one, then in zip(again.invocations, first.invocations, strict=True):
        assert one.spawn_ns is not None
        assert then.spawn_ns is not None
        assert one.spawn_ns > then.spawn_ns / 2  # the recorded start, not the replay's


@pytest.mark.skipif(not (LAB / "benchmark_model").is_file(), reason=f"no tool in {LAB}")
@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="the tool is for x86-64 Linux")
def test_a_recorded_native_tool_gives_its_numbers_again_without_its_file(
    bench: Callable[..., Any], tmp_path: Path
) -> None:
    tool = tmp_path / "benchmark_model"
    tool.write_bytes((LAB / "benchmark_model").read_bytes())
    tool.chmod(0o755)
    first, again = same(bench, tmp_path, "-b", "benchmark_model", tool=tool)
    assert numbers(again) == numbers(first)
    assert [finding.code for finding in again.findings].count("replayed") == 1


def test_what_was_not_recorded_is_an_error_that_names_it(bench: Callable[..., Any], tmp_path: Path) -> None:
    bench("run", *QUICK, "--no-profile", "--record", "rec")
    (tmp_path / "bench.toml").write_text('[devices.old]\nkind = "replay"\nrecording = "rec/local"\n')
    done = bench("run", "--device", "old", *QUICK, "--no-profile", "--threads", "2", "--json", code=4)
    (case,) = json.loads(done.stdout)["cases"]
    assert case["error"]["kind"] == "replay"
    assert '"threads":1' in case["error"]["message"]
    assert f"bench run {' '.join(QUICK)} --no-profile\n" in case["error"]["todo"]
    assert [finding["code"] for finding in case["findings"]] == ["replayed"]
    bench("run", *QUICK, "--record", "rec", code=2)


def test_the_folder_of_a_recording_is_meant_from_the_file_that_names_it(tmp_path: Path) -> None:
    table = {"devices": {"old": {"kind": "replay", "recording": "rec/x"}}}
    assert parse(table, tmp_path / "bench.toml").devices["old"]["recording"] == str(tmp_path / "rec" / "x")
