"""What the zoo's source document and its published files say of each model, beside which ours are set.

Source: the Portrait-Segmentation document and the published files, as read in the zoo's specification (section 1, and
section 4 for prisma's variants). Sizes: of the published file, else the document's megabytes (10^6 bytes).
"""

from __future__ import annotations

from typing import NamedTuple


class Figures(NamedTuple):
    """params, size_bytes, op_count: None where nothing was published; why: what explains our difference."""

    params: str = ""
    size_bytes: int | None = None
    op_count: int | None = None
    why: str = ""


# Compared file by file: bytes of names, of buffers, and of the rest (tables, signature, alignment).
NAMES = "tensor names, a signature and buffer alignment; the buffers hold as many bytes"

PUBLISHED: dict[tuple[str, str], Figures] = {
    ("deconv_munet_128", "fp32"): Figures("3.624 M", 14_500_000, 94, "the document rounds to 0.1 MB"),
    ("bilinear_munet_128", "fp32"): Figures("3.620 M", 14_500_000, 84, "the document rounds to 0.1 MB"),
    ("mnv3_unet_wm10_224", "fp32"): Figures("2.552 M", 10_200_000, None, "the document rounds to 0.1 MB"),
    ("mnv3_unet_wm05_224", "fp32"): Figures("1.192 M", 4_800_000, None, "the document rounds to 0.1 MB"),
    ("prisma_256", "fp32"): Figures("0.923 M", 3_738_148, 159, NAMES),
    ("prisma_256", "fp16"): Figures(
        "", 1_910_736, 328, "the published file halves biases too: 169 DEQUANTIZE, ours 102, one per convolution"
    ),
    ("prisma_256", "dynamic"): Figures(
        "",
        1_734_704,
        181,
        "the published file keeps transposed convolutions in float and dequantizes 22 depthwise ones",
    ),
    ("prisma_256", "int8-io"): Figures(
        "", 1_207_872, 158, "the published file lacks the final RESHAPE and has larger quantization tables"
    ),
    ("prisma_256", "edgetpu"): Figures("", 1_376_808, 1, "the published file was compiled from another int8 file"),
    ("portrait_net_224", "fp32"): Figures("2.1 M", 8_300_000, 138, "the document rounds to 0.1 MB"),
    ("portrait_net_256", "fp32"): Figures("2.1 M", 8_300_000, None, "the document rounds to 0.1 MB"),
    ("portrait_net_224", "int8-io"): Figures(
        "", 2_718_320, 138, "the published file has larger quantization tables (592 kB of the rest, ours 450 kB)"
    ),
    ("slim_net_512", "fp32"): Figures(
        "0.35 M",
        1_461_656,
        270,
        "tensor names and tables; three pairs of the trained biases are stored once, ours are not",
    ),
    ("slim_net_512_raw", "fp32"): Figures("", 1_460_760, 267, "as slim_net_512"),
    ("deeplab_dm05_513_dense", "fp32"): Figures("", 3_280_028, 70, NAMES),
    ("deeplab_dm05_513", "int8-io"): Figures(
        "", 746_056, 71, "the published file is uint8 with one scale per tensor, ours int8 with one per channel"
    ),
    ("mnv3_transition_256", "fp32"): Figures("", 3_798_928, 77, NAMES),
    ("paradox_1", "fp32"): Figures("10", 772, 1, NAMES),
    ("paradox_2", "fp32"): Figures("27", 1204, 2, NAMES),
    ("paradox_3", "fp32"): Figures("148", 1320, 1, NAMES),
    ("paradox_4", "fp32"): Figures("54", 1552, 3, NAMES),
    ("paradox_5", "fp32"): Figures("45", 1784, 4, NAMES),
    ("paradox_6", "fp32"): Figures("45", 2000, 4, NAMES),
    ("paradox_7", "fp32"): Figures("28", 1608, 3, NAMES),
}
