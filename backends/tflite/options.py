"""The options of TFLite's native tools, named as their flags are. Left out: the tool does as it does by itself."""

from __future__ import annotations

from bench.backends.option import Option

_SWITCH = ("", "true", "false")
_NUMBER = r"\d+"
_TEXT = r".+"

# `taskset` is ours: the tools have no flag for it.
_BOTH = {
    "taskset": Option(("",), "CPUs to run on, as taskset's mask (f0: CPUs 4 to 7)", pattern=r"(0x)?[0-9a-fA-F]+"),
    "xnnpack_weight_cache_file_path": Option(("",), "file on the device for XNNPACK's packed weights", ("cpu",), _TEXT),
}

CLASSIC: dict[str, Option] = {
    **_BOTH,
    "use_xnnpack": Option(_SWITCH, "XNNPACK on or off; left out: as the tool was built", ("cpu",)),
    "xnnpack_force_fp16": Option(_SWITCH, "XNNPACK computes in fp16", ("cpu",)),
    "allow_fp16": Option(_SWITCH, "fp32 models may compute in fp16"),
    "max_delegated_partitions": Option(("",), "at most so many partitions for a delegate", pattern=_NUMBER),
    "min_nodes_per_partition": Option(("",), "no delegate partition of fewer nodes", pattern=_NUMBER),
    "gpu_backend": Option(("", "cl", "gl"), "OpenCL or OpenGL", ("gpu",)),
    "gpu_precision_loss_allowed": Option(_SWITCH, "the GPU may compute in fp16", ("gpu",)),
    "gpu_experimental_enable_quant": Option(_SWITCH, "quantized models on the GPU", ("gpu",)),
    "gpu_inference_for_sustained_speed": Option(_SWITCH, "for sustained speed, not for single answers", ("gpu",)),
    "serialize": Option(("", "true"), "keep the delegate's compiled programs between invocations", ("gpu", "nnapi")),
    "nnapi_accelerator_name": Option(("",), "NNAPI's name of the accelerator (qti-dsp, ...)", ("nnapi",), _TEXT),
    "nnapi_execution_preference": Option(
        ("", "fast_single_answer", "sustained_speed", "low_power", "undefined"), "what NNAPI optimises for", ("nnapi",)
    ),
    "nnapi_allow_fp16": Option(_SWITCH, "NNAPI may compute in fp16", ("nnapi",)),
    "disable_nnapi_cpu": Option(_SWITCH, "whether NNAPI's own CPU path is forbidden", ("nnapi",)),
    "hexagon_lib_path": Option(
        ("",), "folder with libhexagon_nn_skel*.so: here, or on the phone", ("hexagon",), _TEXT, file=True
    ),
    "hexagon_profiling": Option(_SWITCH, "cycles of each op on the DSP, in the profile run", ("hexagon",)),
    "external_delegate_path": Option(
        ("",), "library of the external delegate: here, or on the device", ("external",), _TEXT, file=True, needed=True
    ),
    "external_delegate_options": Option(("",), "its options: k1:v1;k2:v2", ("external",), _TEXT),
}

LITERT2: dict[str, Option] = {
    **_BOTH,
    "gpu_backend": Option(("", "webgpu", "opengl"), "WebGPU or OpenGL; left out: OpenCL", ("gpu",)),
    "gpu-precision": Option(("", "auto", "fp16", "fp32"), "what the GPU computes in", ("gpu",)),
    "gpu_low_priority": Option(_SWITCH, "leave the GPU to others first", ("gpu",)),
    "dispatch_library_path": Option(
        ("",), "folder of the NPU's dispatch library: here, or on the device", ("npu",), _TEXT, file=True, needed=True
    ),
    "compiler_plugin_library_path": Option(
        ("",), "folder of the NPU's compiler plugin: here, or on the device", ("npu",), _TEXT, file=True
    ),
}
