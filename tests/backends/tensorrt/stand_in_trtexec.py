#!/usr/bin/env python3
"""A stand-in for trtexec, which exists nowhere without TensorRT: it computes nothing and times nothing.

It takes the flags of the version that it plays, refuses others as trtexec does, and prints and writes what that version
prints and writes, by its grammar. Its "engine" is a text that names version and layers. Environment:
STAND_IN_VERSION (8.0.1), STAND_IN_FAULT (a name below), STAND_IN_LOG (a file that gets each command line),
STAND_IN_OUTPUT (a file with what --exportOutput writes).
"""

import json
import os
import pathlib
import re
import sys

VERSION = os.environ.get("STAND_IN_VERSION", "8.0.1")
FAULT = os.environ.get("STAND_IN_FAULT", "")
MAJOR, MINOR, PATCH = (int(part) for part in VERSION.split("."))
NUMBER = MAJOR * (10_000 if MAJOR >= 10 else 1000) + MINOR * 100 + PATCH
AT = (MAJOR, MINOR)
BANNER = "TensorRT.trtexec" + (f" [TensorRT v{NUMBER}]" if MAJOR >= 8 else "") + (" [b106]" if MAJOR >= 11 else "")
COMPUTE_MS, H2D_MS, D2H_MS = 2.0, 0.25, 0.125
LAYERS = [
    ("Reformatting CopyNode for Input Tensor 0 to Conv_0", 0.25, "Reformat"),
    ('Conv_0 + Relu_1 "quoted"', 1.0, "CaskConvolution"),
    ("PWN(Sigmoid_2, Mul_3)", 0.5, "PointWiseV2"),
    ("{ForeignNode[MatMul_4...Add_7]}", 0.25, "Myelin"),
]

FLAGS = {
    "onnx": "<file>", "saveEngine": "<file>", "loadEngine": "<file>", "shapes": "spec", "loadInputs": "spec",
    "iterations": "N", "warmUp": "N", "duration": "N", "avgRuns": "N", "streams": "N", "noDataTransfers": "",
    "useSpinWait": "", "useCudaGraph": "", "useDLACore": "N", "allowGPUFallback": "", "dumpProfile": "",
    "exportTimes": "<file>", "exportOutput": "<file>", "exportProfile": "<file>", "verbose": "", "help": "",
}  # fmt: skip
if MAJOR < 11:
    FLAGS |= {"fp16": "", "int8": "", "best": "", "minTiming": "M", "avgTiming": "M", "noTF32": ""}
if MAJOR < 10:
    FLAGS |= {"buildOnly": "", "workspace": "N"}
if AT < (8, 4):
    FLAGS |= {"explicitBatch": ""}
if MAJOR >= 8:
    FLAGS |= {"separateProfileRun": "", "sparsity": "spec"}
if (8, 0) <= AT < (8, 4):
    FLAGS |= {"nvtxMode": "mode"}
if AT >= (8, 2):
    FLAGS |= {"exportLayerInfo": "<file>"}
if AT >= (8, 4):
    FLAGS |= {"profilingVerbosity": "mode", "memPoolSize": "poolspec"}
if AT >= (8, 6):
    FLAGS |= {"skipInference": "", "builderOptimizationLevel": "N"}
if MAJOR >= 10:
    FLAGS |= {"infStreams": "N", "stronglyTyped": ""}


def say(text, level="I", library=False):
    print(f"[11/23/2026-16:00:00] [{level}] {'[TRT] ' if library else ''}{text}")


def end(word):
    print(f"&&&& {word} {BANNER} # {' '.join(sys.argv)}", flush=True)
    if FAULT == "crash behind":
        os.kill(os.getpid(), 11)
    sys.exit(0 if word == "PASSED" else 1)


def fail(*errors):
    for text in errors:
        say(text, "E")
    end("FAILED")


def show_help():
    print("=== Model Options ===")
    quotes = " Input names can be wrapped with single quotes (ex: 'Input:0')" if AT >= (8, 4) else ""
    for name, value in FLAGS.items():
        print(f"  --{name}{'=' + value if value else ''}".ljust(30) + "What it does" + quotes * (name == "loadInputs"))
    sys.exit(0)


def build(given):
    model = pathlib.Path(given["onnx"])
    if FAULT == "parser" or not model.is_file():
        fail("Failed to parse onnx file", "Parsing model failed", "Engine set up failed")
    say("=== Build Options ===")
    precision = next((each.upper() for each in ("fp16", "int8") if each in given), "")
    say(f"Precision: {'Strongly Typed' if MAJOR >= 11 else 'FP32' + ('+' + precision if precision else '')}")
    say("=== Device Information ===")
    say("Selected Device: Stand-in, no GPU")
    dla = "useDLACore" in given and FAULT != "no dla"
    say("---------- Layers Running on DLA ----------", library=True)
    if dla:
        say("[DlaLayer] {ForeignNode[MatMul_4...Add_7]}", library=True)
    say("---------- Layers Running on GPU ----------", library=True)
    for name, _, kind in LAYERS:
        if not (dla and "Foreign" in name):
            prefix = f"{kind.upper()}: " if AT >= (8, 4) else ""
            say(f"[GpuLayer] {prefix}{name}", library=True)
    say("Engine built in 12.5 sec.")
    pathlib.Path(given["saveEngine"]).write_text(f"stand-in engine {VERSION} {model.stat().st_size}")


def summary(times):
    durations = {
        "Latency": H2D_MS + COMPUTE_MS + D2H_MS, "Enqueue Time": 0.5, "H2D Latency": H2D_MS,
        "GPU Compute Time": COMPUTE_MS, "D2H Latency": D2H_MS,
    }  # fmt: skip
    wall_s = times[-1]["endD2hMs"] / 1000
    if MAJOR < 8:
        for name, key in (("Host Latency", "Latency"), ("Enqueue Time",) * 2, ("GPU Compute", "GPU Compute Time")):
            say(name)
            for word in ("min", "max", "mean", "median"):
                if (name, word) != ("Enqueue Time", "mean"):
                    say(f"{word}: {durations[key]:g} ms" + " (end to end 4.75 ms)" * (key == "Latency"))
            if name != "Enqueue Time":
                say(f"percentile: {durations[key]:g} ms at 99%")
            if name == "Host Latency":
                say("throughput: 0 qps")
                say(f"walltime: {wall_s:g} s")
        return
    say("=== Performance summary ===")
    say(f"Throughput: {len(times) / wall_s:g} qps")
    for name, ms in durations.items():
        percents = ("90", "95", "99") if AT >= (8, 6) else ("99",)
        tail = "".join(f", percentile({percent}%) = {ms:g} ms" for percent in percents)
        say(f"{name}: min = {ms:g} ms, max = {ms:g} ms, mean = {ms:g} ms, median = {ms:g} ms{tail}")
    say(f"Total Host Walltime: {wall_s:g} s")
    say("* GPU compute time is unstable, with coefficient of variance = 5.03514%.", "W")
    say("  If not already in use, locking GPU clock frequency or adding --useSpinWait may improve the stability.", "W")


def run(given):
    engine = pathlib.Path(given["loadEngine"])
    if not engine.is_file() or not engine.read_text().startswith(f"stand-in engine {VERSION} "):
        fail("Engine deserialization failed", "Got invalid engine!", "Inference set up failed")
    for each in re.findall(r":([^,]+)", given.get("loadInputs", "")):
        if not pathlib.Path(each).is_file():
            fail(f"Cannot open file {each}!")
    say(f"Engine {'loaded' if MAJOR >= 10 else 'deserialized'} in 0.0125 sec.")
    say("Starting inference")
    if "useCudaGraph" in given and FAULT == "no graph":
        say("The specified --useCudaGraph flag has been ignored.", "W")
    warmup_ms = float(given["warmUp"])
    every = H2D_MS + COMPUTE_MS + D2H_MS
    count = max(int(given["iterations"]), min(200, int(int(given["duration"]) * 1000 / every)))
    warmups = int(warmup_ms / every) + 1
    times = []
    for index in range(warmups + count):
        start = index * every
        h2d, d2h = start + H2D_MS, start + H2D_MS + COMPUTE_MS
        times.append({
            "startEnqMs": start, "endEnqMs": start + 0.5, "startH2dMs": start, "endH2dMs": h2d,
            "startComputeMs": h2d, "endComputeMs": d2h, "startD2hMs": d2h, "endD2hMs": start + every,
            "h2dMs": H2D_MS, "computeMs": COMPUTE_MS + (FAULT == "other times"), "d2hMs": D2H_MS, "latencyMs": every,
        })  # fmt: skip
    timed = [each for each in times if each["startComputeMs"] >= warmup_ms]
    known = 0 if MAJOR < 8 else 1
    say(f"Warmup completed {(len(times) - len(timed)) * known} queries over {warmup_ms:g} ms")
    say(f"Timing trace has {len(timed) * known} queries over {timed[-1]['endD2hMs'] / 1000:g} s")
    if FAULT == "cut":
        sys.exit(0)
    summary(timed)
    written = times if AT < (8, 5) else timed
    if "exportTimes" in given and FAULT != "no times":
        lines = ("{ " + ", ".join(f'"{key}" : {value:g}' for key, value in each.items()) + " }" for each in written)
        pathlib.Path(given["exportTimes"]).write_text("[\n  " + "\n, ".join(lines) + "\n]\n")
    export(given)


def export(given):
    if "exportProfile" in given:
        median = AT >= (8, 4)
        with open(given["exportProfile"], "w") as out:
            out.write('[\n  { "count" : 100 }\n')
            for name, ms, _ in LAYERS:
                middle = f', "medianMs" : {ms:g}' if median else ""
                out.write(f', {{ "name" : "{name}", "timeMs" : {ms * 100:g}, "averageMs" : {ms:g}{middle}')
                out.write(f', "percentage" : {ms / 2 * 100:g} }}\n')
            out.write("]\n")
    if "exportLayerInfo" in given:
        group = "\x1e".join(f"[ONNX Layer: {name}]" for name in ("MatMul_4", "Add_5", "Relu_6", "Add_7"))
        listed = [{"Name": name, "LayerType": kind, "Metadata": ""} for name, _, kind in LAYERS]
        listed[3]["Metadata"] = group if MAJOR >= 10 else ""
        pathlib.Path(given["exportLayerInfo"]).write_text(json.dumps({"Layers": listed, "Bindings": []}))
    if "exportOutput" in given and "STAND_IN_OUTPUT" in os.environ:
        text = pathlib.Path(os.environ["STAND_IN_OUTPUT"]).read_text()
        pathlib.Path(given["exportOutput"]).write_text(text)


def main():
    if "STAND_IN_LOG" in os.environ:
        with open(os.environ["STAND_IN_LOG"], "a") as out:
            out.write(" ".join(sys.argv[1:]) + "\n")
    given = {name: value for name, _, value in (each[2:].partition("=") for each in sys.argv[1:])}
    print(f"&&&& RUNNING {BANNER} # {' '.join(sys.argv)}")
    if "help" in given:
        show_help()
    print(f"This is a stand-in for trtexec {VERSION}: nothing is computed or measured.", file=sys.stderr)
    strange = [name for name in given if name not in FLAGS]
    if strange:
        fail(*(f"Unknown option: --{name} {given[name]}" for name in strange))
    if FAULT == "hang":
        import time

        time.sleep(60)
    say(f"TensorRT version: {NUMBER if MAJOR < 10 else VERSION}")
    if "onnx" in given:
        build(given)
    if "loadEngine" in given:
        run(given)
    end("PASSED")


main()
