"""Where the pixels go when a picture is resized: the three definitions of the grid, and how far they lie apart.

Output pixel x reads the input at: (x + 1/2) / s - 1/2 with half-pixel centres; x / s with neither flag;
x (n - 1) / (n s - 1) with align_corners (n pixels enlarged s times). Against the first, which keeps the picture's
middle and edges, the second is (s - 1) / 2 output pixels off everywhere and the third as much at the edges.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.models.lint import Hit, Subject
from bench.models.ops import Op


def _resize_flavour(op: Op) -> str:
    """`corners` (align_corners), `left` (neither flag), `centres` (half pixels), "" for what is no bilinear resize."""
    options = op.options
    if op.type == "RESIZE_BILINEAR":
        if options.get("align_corners"):
            return "corners"
        return "centres" if options.get("half_pixel_centers") else "left"
    if op.type not in ("Resize", "Upsample") or options.get("mode", "nearest") != "linear":
        return ""
    if op.type == "Upsample" or op.version < 11:
        return "left"  # before opset 11 there was no other way
    mode = options.get("coordinate_transformation_mode", "half_pixel")
    return {"align_corners": "corners", "asymmetric": "left"}.get(mode, "centres")


def moved_pictures(subject: Subject) -> Iterable[Hit]:
    """Bilinear resizes that do not use half-pixel centres."""
    table = subject.table
    high = 1 if table.format == "tflite" else 2
    for op in table.ops:
        flavour = _resize_flavour(op)
        before, after = table.input(op, 0), next(iter(table.made(op)), None)
        if flavour in ("", "centres") or before is None or after is None or before.shape is None or after.shape is None:
            continue
        sizes = list(zip(before.shape[high : high + 2], after.shape[high : high + 2], strict=True))
        sizes = [(old, new) for old, new in sizes if old != new and old != 1]  # from one pixel on, all flags agree
        if not sizes or any(min(pair) <= 0 for pair in sizes):
            continue
        shift = max(abs(new / old - 1) / 2 for old, new in sizes)
        left = flavour == "left"
        yield Hit(
            what=f"The picture is moved by {shift:.3g} px up and left."
            if left
            else f"The picture is stretched by up to {shift:.3g} px at its edges (align_corners).",
            op=op.index,
            tensor=after.key,
            estimated_bytes=after.size_bytes,
            severity=None if left else "info",
        )
