"""Rules on which accelerator takes which op: the tables of models/delegate_ops.py asked of every op."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from bench.models.cost import op_cost
from bench.models.delegate_ops import DELEGATES, TARGETS
from bench.models.delegates import Delegate, refusal, wrong_type
from bench.models.edgetpu_parts import COMPILED_OP, Parts, parts_of
from bench.models.lint import Hit, Rule, Subject
from bench.models.ops import Op, OpTable

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")  # at the border of an 8-bit graph the CPU does them, cheaply
_UNCOMPILED_FROM = 3  # TRANSPOSE_CONV: the version that the Edge TPU compilers up to 2.1 do not know
_UNKNOWN_FROM = 4  # and the one that no compiler knows


def _moving(table: OpTable) -> list[Op]:
    """The ops that compute on activations: what is computed from weights alone, a runtime folds away."""
    return [op for op in table.ops if table.activations(table.made(op))]


def _foreign(delegate: Delegate, table: OpTable) -> bool:
    """Whether no op of the graph has a dtype that the delegate computes in, as a float graph for an 8-bit device."""
    ops = [op for op in _moving(table) if op.type not in delegate.skips]
    return bool(ops) and all(wrong_type(delegate, table, op) for op in ops)


def _ops_of(delegate: Delegate) -> Callable[[Subject], Iterable[Hit]]:
    def check(subject: Subject) -> Iterable[Hit]:
        table = subject.table
        if table.format != "tflite":
            return
        as_typed = not _foreign(delegate, table)
        for op in _moving(table):
            reason = refusal(delegate, table, op, dtypes=as_typed)
            if reason is None:
                continue
            yield Hit(
                what=f"{op.type} stays on the CPU: {reason}.",
                op=op.index,
                tensor=next(filter(None, op.outputs), ""),
                estimated_bytes=op_cost(table, op).moved_bytes,
                severity="info" if op.type in _CONVERSIONS else None,
            )

    return check


def _dtype_of(delegate: Delegate) -> Callable[[Subject], Iterable[Hit]]:
    def check(subject: Subject) -> Iterable[Hit]:
        table = subject.table
        if table.format == "tflite" and _foreign(delegate, table):
            first = next(each for op in table.ops for each in table.activations(table.made(op)))
            yield Hit(
                what=f"No op runs there: the graph computes in {first.dtype}, "
                f"the {delegate.name} in {' and '.join(delegate.dtypes)}."
            )

    return check


def _delegate_rules(delegate: Delegate) -> tuple[Rule, ...]:
    checked = "" if delegate.checked else " (unverified)"
    if delegate.unchecked:
        checked = f" (unverified for {', '.join(delegate.unchecked)})"
    takes_part = Rule(
        code=f"{delegate.target}-op",
        severity="warning",
        title=f"Ops that the {delegate.name} does not take",
        why="The graph is split there: what the op reads and writes crosses between CPU and accelerator, and each "
        "crossing waits.",
        remedy="Replace the op by ones in the list, or move it to the end of the graph.",
        source=f"{delegate.source}{checked}",
        targets=(delegate.target,),
        check=_ops_of(delegate),
        bytes_are="activations that cross between CPU and accelerator",
    )
    if not delegate.eight_bit_only:
        return (takes_part,)
    quantized = Rule(
        code=f"{delegate.target}-needs-8-bit",
        severity="warning",
        title=f"Not quantized for the {delegate.name}",
        why="It computes in 8-bit integers alone; a float graph runs on the CPU from end to end.",
        remedy="Quantize the model fully, activations too (full integer quantization).",
        source=delegate.source,
        targets=(delegate.target,),
        check=_dtype_of(delegate),
    )
    return quantized, takes_part


def _transpose_conv_version(subject: Subject) -> Iterable[Hit]:
    table = subject.table
    if _compiled(table):  # the compiler has taken the file
        return
    for op in table.ops:
        if table.format == "tflite" and op.type == "TRANSPOSE_CONV" and op.version >= _UNCOMPILED_FROM:
            never = op.version >= _UNKNOWN_FROM
            yield Hit(
                what=f"TRANSPOSE_CONV of version {op.version}: "
                + (
                    "compiler 16 refuses it, and no other is known to read it (unverified)."
                    if never
                    else "Edge TPU compilers up to 2.1 do not read it."
                ),
                op=op.index,
                tensor=next(filter(None, op.outputs), ""),
                estimated_bytes=op_cost(table, op).moved_bytes,
                severity="error" if never else None,
            )


def _compiled(table: OpTable) -> Parts | None:
    return parts_of(Counter(op.type for op in table.ops)) if table.format == "tflite" else None


def _compiled_parts(subject: Subject) -> Iterable[Hit]:
    parts = _compiled(subject.table)
    if parts:
        first = next(op for op in subject.table.ops if op.type == COMPILED_OP)
        several = parts.left_count or parts.compiled > 1
        yield Hit(what=f"Compiled: {parts.text}.", op=first.index, severity="warning" if several else None)


def _not_tflite(subject: Subject) -> Iterable[Hit]:
    if subject.table.format != "tflite":
        yield Hit(what=f"This is {subject.table.format.upper()}: which delegate takes which op was not looked at.")


RULES: tuple[Rule, ...] = (
    *(rule for target in TARGETS for rule in _delegate_rules(DELEGATES[target])),
    Rule(
        code="edgetpu-transpose-conv-version",
        severity="warning",
        title="Transposed convolutions too new for the Edge TPU compiler",
        why="The compiler refuses the whole file, not only the op. From version 3 on the bias lies inside the op, "
        "which old compilers do not expect there.",
        remedy="Write version 1 with the bias as an ADD of its own, as the converter of TensorFlow 1.15 did; version 3 "
        "compiles from compiler 16 on.",
        source="messages of the Edge TPU compilers 2.1.302470888 (version 3) and 16.0.384591198 (version 4), as "
        "reported to google-coral/edgetpu",
        targets=("edgetpu",),
        check=_transpose_conv_version,
        bytes_are="activations of the op",
    ),
    Rule(
        code="edgetpu-compiled",
        severity="info",
        title="Compiled for the Edge TPU",
        why=f"Only the Edge TPU's runtime executes an {COMPILED_OP}. What is left to the CPU runs before, between or "
        "after them, and each crossing waits.",
        remedy="Run it on the Edge TPU, and the file that it was compiled from elsewhere; the compiler's log (option "
        "-s) says why an op was left.",
        source="coral.ai/docs/edgetpu/models-intro (compilation, unverified)",
        targets=("edgetpu",),
        check=_compiled_parts,
    ),
    Rule(
        code="delegates-not-checked",
        severity="info",
        title="The delegates' tables are about TFLite",
        why="",
        remedy="Convert the model and lint the .tflite.",
        source="models/delegate_ops.py",
        targets=TARGETS,
        check=_not_tflite,
    ),
)
