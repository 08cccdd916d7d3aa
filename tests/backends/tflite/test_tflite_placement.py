"""Placement from the tool's words: what decides, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tool_logs import LOGS

from bench.backends.tflite.log import parse
from bench.backends.tflite.log_types import ToolLog
from bench.backends.tflite.placement import placement
from bench.backends.tflite.proto import Kernel, NodePlace, RuntimeInfo

START = "INFO: STARTING!\nINFO: Log parameter values verbosely: [0]\nINFO: Graph: [n]\n"
GPU = START + "INFO: Use gpu: [1]\nINFO: Loaded model n\nINFO: GPU delegate created.\n"
FULL = "INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
PARTIAL = (
    "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 5 "
    "delegate kernels.\n"
)
XNNPACK = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
RUNTIME = "INFO: Created TensorFlow Lite delegate for GPU.\n"


def test_the_sentence_is_not_believed_against_the_count_of_kernels() -> None:
    shadowed = parse(GPU + FULL, XNNPACK + RUNTIME + "INFO: Created 0 GPU delegate kernels.\n")
    found = placement(shadowed, "gpu")
    assert (found.kind, found.delegate, found.reason) == ("none", "XNNPACK", "XNNPACK took the graph")
    assert placement(shadowed, "cpu").kind == "full"
    assert placement(shadowed, "cpu").delegate == "XNNPACK"
    refused = parse(
        GPU + FULL, XNNPACK + "No operations will run on the GPU, and all 1 operations will run on the CPU.\n"
    )
    assert placement(refused, "gpu").kind == "none"


@pytest.mark.parametrize("sentence", [FULL, PARTIAL])
def test_the_sentence_alone_is_unknown(sentence: str) -> None:
    found = placement(parse(GPU + sentence), "gpu")
    assert found.kind == "unknown"
    assert "lacks the runtime's own lines" in found.reason
    beside = placement(parse(GPU + sentence, XNNPACK + RUNTIME), "gpu")
    assert beside.kind == "unknown"
    assert "XNNPACK was there" in beside.reason
    assert placement(parse(GPU + sentence, XNNPACK + RUNTIME), "cpu").kind == "unknown"


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [
        (GPU + FULL, RUNTIME),
        (GPU.replace("INFO: Use gpu", "INFO: Use xnnpack: [0]\nINFO: Use gpu") + FULL, ""),
        (GPU + FULL.replace("Explicitly applied", "Applied").replace("by the", "w/ the"), ""),
        (GPU + FULL, XNNPACK + RUNTIME + "INFO: Created 1 GPU delegate kernels.\n"),
    ],
)
def test_where_the_sentence_decides(stdout: str, stderr: str) -> None:
    found = placement(parse(stdout, stderr), "gpu", graph_ops=7)
    assert (found.kind, found.nodes, found.total, found.partitions) == ("full", 7, 7, 1)
    assert placement(parse(stdout, stderr), "cpu").kind == "none"


def test_verbose_zero_is_a_default_and_no_word_against_xnnpack() -> None:
    verbose = GPU.replace("verbosely: [0]", "verbosely: [1]").replace(
        "INFO: Use gpu", "INFO: Use xnnpack: [0]\nINFO: Use gpu"
    )
    assert placement(parse(verbose + FULL), "gpu").kind == "unknown"


def test_partial_with_all_that_the_gpu_says() -> None:
    stderr = (
        RUNTIME
        + "ERROR: Following operations are not supported by GPU delegate:\nTOPK_V2: Operation is not supported.\n"
        "6 operations will run on the GPU, and the remaining 3 operations will run on the CPU.\n"
        "INFO: Created 2 GPU delegate kernels.\n"
    )
    log = parse(GPU + PARTIAL, stderr)
    assert placement(log, "gpu").text == "partial 6/9 in 2 partitions (GPU)"
    assert placement(log, "cpu").text == "partial 3/9 (CPU)"


def test_lines_of_replacement() -> None:
    log = parse(LOGS["g2_nnapi"])
    assert placement(log, "nnapi").text == "partial 63/64 in 2 partitions (NNAPI)"
    line = "VERBOSE: Replacing {} out of {} node(s) with delegate ({}) node, yielding {} partitions for subgraph {}.\n"
    both = line.format(5, 9, "TfLiteXNNPackDelegate", 3, 0) + line.format(3, 5, "TfLiteGpuDelegateV2", 1, 0)
    found = placement(parse(GPU + both), "gpu")
    assert (found.kind, found.nodes, found.total) == ("partial", 3, 9)
    graphs = line.format(9, 9, "TfLiteGpuDelegateV2", 1, 0) + line.format(2, 4, "TfLiteGpuDelegateV2", 3, 1)
    assert placement(parse(GPU + graphs), "gpu").text == "partial 11/13 in 4 partitions (GPU)"
    old = "Replacing 9 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 partitions.\n"
    assert placement(parse(GPU + old), "gpu").kind == "unknown"
    assert placement(parse(GPU + old), "gpu", graph_ops=9).kind == "full"
    hexagon = "INFO: TfLiteHexagonDelegate delegate: 31 nodes delegated out of 31 nodes with 1 partitions.\n"
    assert placement(parse(START + hexagon), "hexagon").text == "full (Hexagon)"


def test_litert_2_names_its_gpu_otherwise() -> None:
    line = (
        "Replacing 36 out of 36 node(s) with delegate (LITERT_CL) node, yielding 1 partitions for subgraph 0 (main).\n"
    )
    assert placement(parse(line), "gpu").kind == "full"
    assert placement(parse(line), "cpu").kind == "none"


def test_op_table_counts_what_is_left_for_the_cpu() -> None:
    text = LOGS["g1_gpu_partial"].replace("Applied GPU delegate", "Nothing said of GPU")
    found = placement(parse(text), "gpu")
    assert (found.kind, found.nodes, found.total, found.partitions) == ("partial", 7, 9, 1)


@pytest.mark.parametrize("flag", ["--use_gpu=true", "--use_gpu"])
def test_an_ignored_flag_is_none(flag: str) -> None:
    log = parse(START + f"WARN: Unconsumed cmdline flags: {flag}\nINFO: Loaded model n\n", XNNPACK)
    found = placement(log, "gpu")
    assert (found.kind, found.delegate) == ("none", "XNNPACK")
    assert flag in found.evidence
    assert placement(log, "nnapi").kind == "unknown"


def test_a_delegate_that_cannot_be_applied_is_none() -> None:
    log = parse(GPU, "ERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n")
    assert placement(log, "gpu").kind == "none"
    assert placement(log, "cpu").kind == "unknown"
    other = parse(GPU, "ERROR: Failed to load model n\nERROR: Benchmarking failed.\n")
    assert placement(other, "gpu").kind == "unknown"


def test_what_was_not_asked_for_is_none() -> None:
    assert placement(parse(START + "INFO: Use gpu: [0]\nINFO: Loaded model n\n"), "gpu").kind == "none"
    assert placement(parse(START + "INFO: Loaded model n\n"), "gpu").kind == "unknown"
    assert placement(parse(START), "tpu").kind == "unknown"


@pytest.mark.parametrize(
    ("words", "delegate", "nodes", "partitions"),
    [
        (XNNPACK, "XNNPACK", None, None),
        (RUNTIME.replace("delegate for GPU", "delegate for X"), "builtin kernels", 0, 0),
        ("INFO: Use xnnpack: [0]\n", "builtin kernels", 0, 0),
        ("", "CPU", None, None),
        (FULL.replace("GPU", "XNNPACK"), "XNNPACK", 9, 1),
        (PARTIAL.replace("GPU", "XNNPACK"), "XNNPACK", None, 5),
        ("Though XNNPACK delegate is explicitly applied, the model graph will not be executed by the delegate.\n",
         "builtin kernels", 0, 0),
    ],
)  # fmt: skip
def test_cpu_says_the_share_of_xnnpack(words: str, delegate: str, nodes: int | None, partitions: int | None) -> None:
    found = placement(parse(START + words + "INFO: Loaded model n\n"), "cpu", graph_ops=9)
    kind = "partial" if partitions == 5 else "full"
    assert (found.kind, found.delegate, found.nodes, found.partitions) == (kind, delegate, nodes, partitions)


def test_share_of_xnnpack_by_its_own_line() -> None:
    found = placement(parse(LOGS["logcat_filtered"]), "cpu")
    assert (found.kind, found.nodes, found.total, found.partitions) == ("partial", 539, 548, 19)
    assert found.delegate == "XNNPACK"


def info(*delegates: str) -> RuntimeInfo:
    nodes = tuple(
        NodePlace(subgraph=0, node=index, op_name="ADD", delegate=name, kernel=90 if name else None)
        for index, name in enumerate(delegates)
    )
    return RuntimeInfo(nodes=nodes, kernels=(Kernel(subgraph=0, node=90, delegate="", replaced=(), executed=True),))


def test_the_map_wins_over_all_words() -> None:
    log = parse(GPU + FULL, RUNTIME + "INFO: Created 1 GPU delegate kernels.\n")
    xnnpack, gpu = "TfLiteXNNPackDelegate", "TfLiteGpuDelegateV2"
    taken = placement(log, "gpu", runtime_info=info(xnnpack, xnnpack))
    assert (taken.kind, taken.nodes, taken.total, taken.delegate) == ("none", 0, 2, "XNNPACK")
    assert placement(log, "gpu", runtime_info=info(gpu, "", gpu)).text == "partial 2/3 in 1 partition (GPU)"
    assert placement(log, "gpu", runtime_info=info(gpu)).kind == "full"
    cpu = placement(log, "cpu", runtime_info=info(xnnpack, ""))
    assert (cpu.kind, cpu.delegate, cpu.nodes, cpu.total) == ("partial", "XNNPACK", 1, 2)
    assert placement(log, "cpu", runtime_info=info(gpu, "")).text == "partial 1/2 (CPU)"
    assert placement(log, "cpu", runtime_info=info(gpu)).kind == "none"


@pytest.mark.parametrize("name", sorted(LOGS))
def test_every_placement_says_how_it_was_read(name: str) -> None:
    log: ToolLog = parse(LOGS[name])
    for accelerator in ("cpu", "gpu", "nnapi", "hexagon", "coreml", "edgetpu", "npu"):
        found = placement(replace(log), accelerator)
        assert found.reason if found.kind == "unknown" else found.evidence
