"""Latencies that the zoo's source document gives for its fp32 models on phones, to be set beside ours.

Source: the Portrait-Segmentation document (its README). Its figures for quantized files are left out: ours are other
files.
"""

from __future__ import annotations

from typing import NamedTuple


class Latency(NamedTuple):
    """tool: as the document names it; threads: None where it does not say."""

    milliseconds: float
    tool: str
    threads: int | None

    def __str__(self) -> str:
        threads = "" if self.threads is None else f", {self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.milliseconds:g} ms ({self.tool}{threads})"


# (phone, accelerator, model)
LATENCIES: dict[tuple[str, str, str], Latency] = {
    ("OnePlus 3", "cpu", "deconv_munet_128"): Latency(165, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "deconv_munet_128"): Latency(54, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "bilinear_munet_128"): Latency(542, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "bilinear_munet_128"): Latency(115, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "mnv3_unet_wm10_224"): Latency(167, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "mnv3_unet_wm10_224"): Latency(59.5, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "mnv3_unet_wm05_224"): Latency(75, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "mnv3_unet_wm05_224"): Latency(30, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "prisma_256"): Latency(426, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "prisma_256"): Latency(107, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "gpu", "portrait_net_224"): Latency(33, "TFLite GPU delegate", None),
    ("OnePlus 3", "cpu", "paradox_1"): Latency(3.404, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_1"): Latency(16.5, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_2"): Latency(3.61, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_2"): Latency(6.5, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_3"): Latency(10.145, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_3"): Latency(4.8, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_4"): Latency(7.3, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_4"): Latency(2.7, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_5"): Latency(7.682, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_5"): Latency(4, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_6"): Latency(7.649, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_6"): Latency(3, "benchmark_model TF 1.14", None),
    ("OnePlus 3", "cpu", "paradox_7"): Latency(9.283, "benchmark_model TF 1.14", 1),
    ("OnePlus 3", "gpu", "paradox_7"): Latency(5.7, "benchmark_model TF 1.14", None),
    ("Redmi Note 8 Pro", "gpu", "portrait_net_256"): Latency(37, "TFLite GPU delegate", None),
    ("Redmi Note 8 Pro", "gpu", "slim_net_512"): Latency(50, "TFLite GPU delegate", None),
    ("Redmi Note 7 Pro", "gpu", "deeplab_dm05_513_dense"): Latency(190, "TFLite", None),
}
