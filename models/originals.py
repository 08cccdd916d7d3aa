"""Which files were published for models of the zoo, where, and with which hash. Pure data: loads nothing heavy.

All of them lie in the repository of the document that the zoo follows. A size and a sha256 that stand here were taken
from a copy at hand; what could not be checked is the word `unverified`, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from bench.base.errors import UsageError
from bench.models import catalog
from bench.models.model_file import Format

UNVERIFIED: Final = "unverified"

REPOSITORY = "anilsathyan7/Portrait-Segmentation"
LICENCE = "MIT, Copyright (c) 2021 anilsathyan"
LICENCE_ADDRESS = f"https://github.com/{REPOSITORY}/blob/d23a6c2107df5b2293a11907f3b70ec95f049827/LICENSE"


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """A published file of a zoo model.

    commit, path: one commit of the repository that holds the file, and where.
    sha256, size_bytes: of a copy at hand, or `unverified`.
    reachable: the day (ISO 8601) on which the address was last seen to give this file, or `unverified`.
    """

    model: str
    variant: str
    format: Format
    commit: str
    path: str
    sha256: str = UNVERIFIED
    size_bytes: int | Literal["unverified"] = UNVERIFIED
    reachable: str = UNVERIFIED
    repository: str = REPOSITORY
    licence: str = LICENCE
    licence_address: str = LICENCE_ADDRESS

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]

    @property
    def address(self) -> str:
        """The raw file of that commit."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{quote(self.path)}"

    @property
    def verified(self) -> bool:
        """Whether size and hash are known from a copy at hand."""
        return self.sha256 != UNVERIFIED and self.size_bytes != UNVERIFIED

    @property
    def arguments(self) -> str:
        """How a command line names it: `prisma_256 --variant fp16`."""
        return f"{self.model} --variant {self.variant}" + (f" --format {self.format}" * (self.format != "tflite"))

    def __str__(self) -> str:
        return f"{self.model}, {self.variant}, {self.format}"


# (model, variant, commit, path, size in bytes, sha256); the format is the suffix
_BILINEAR = "models/bilinear_seg/"
_DEEPLAB, _DEEPLAB_COMMIT = "models/deeplab_dm05_513/", "7186c9d27c271037225030564bbc367667bea083"
_MNV3, _MNV3_COMMIT = "MobilenetV3/", "d28e6c1aa103cb0362212004601670dcb0b06a75"
_PRISMA, _PRISMA_COMMIT = "models/prisma_seg/", "e57763ec1bd9a57d3a8c54c7d584081f076daa80"
_PRISMA_INT8_COMMIT = "4ad647b9c8ce3cb2a7aba28f212515aafb615894"
_PARADOX = "models/gpucom/"
_PARADOX_COMMITS = ("7be8ef96f290c65c090a25ce1ee5df0c5395648c", "bb6dac5c9956147bc9bb9456ef69c9f481a116de")

_Row = tuple[str, str, str, str, int | Literal["unverified"], str]
_ROWS: tuple[_Row, ...] = (
    (
        "bilinear_munet_128", "dynamic", "4a8bda46f4e0e79a47075403a935cd51b35ddb30",
        f"{_BILINEAR}bilinear_fin_munet_uint8.tflite",
        3_695_440, "e8550082200e7501ac36f3abf9281e40fececb86c3f9443c1e89032a8b5fa943",
    ),
    (
        "prisma_256", "fp32", _PRISMA_COMMIT, f"{_PRISMA}prisma-net.tflite",
        3_738_148, "239033b3ff31fb3490c1f89aba1c37345e944484d3e209e8538550a301e5d127",
    ),
    (
        "prisma_256", "fp16", _PRISMA_COMMIT, f"{_PRISMA}prisma-net_fp16.tflite",
        1_910_736, "736521804fb3b796d8b5c2571bfb80e411fbb000fb9345e31ef3d4052b77f824",
    ),
    (
        "prisma_256", "dynamic", _PRISMA_COMMIT, f"{_PRISMA}prisma-net_uint8.tflite",
        1_734_704, "ea2fb106944606f3b12c2e0b496adbc6a777e879357712441d961520a3555cbb",
    ),
    (
        "prisma_256", "int8", _PRISMA_INT8_COMMIT, f"{_PRISMA}prisma_quant.tflite",
        1_207_872, "12787590017b7069a6428184059ee1e0c4ce144202a8c921227f14a982abafa1",
    ),
    (
        "prisma_256", "edgetpu", _PRISMA_INT8_COMMIT, f"{_PRISMA}prisma_quant_edgetpu.tflite",
        1_376_808, "029a8de85003ab8d1c7e1738b63848914729f953f4eb2246a4b7fd760bf7c2a7",
    ),
    (
        "prisma_256", "fp32", "680f09df2ed6d11e2d10bdf62a45c4e79a15cfb6", f"{_PRISMA}prisma_nchw.onnx",
        3_730_400, "aeef118740b74a908886f247457c9866b5c002769eda4bb901f049dc7821b1c0",
    ),
    (
        "portrait_net_224", "int8", "37ab8dfcca518a6666a9344f2e64239bd5d65cd4",
        "models/portrait_video/portrait_video_quant.tflite",
        2_718_320, "8dfa4796dd428d0bccdd6dfa0c6dc4caff8683c36bc4887fd68091cfd61c3b32",
    ),
    (
        "slim_net_512", "fp32", "a20c40a15ae923e3fa4fd246eea42ec20a6502ad",
        "models/slim_seg_512/slim_reshape_v2.tflite",
        1_461_656, "7e258fac7c83b2698aa4d4c90d3a97eb65ad3e9c27dc283bed304b3c2dfef9a3",
    ),
    (
        # No copy at hand: by its use elsewhere (512 x 512 x 2 out) it is the network up to its logits.
        "slim_net_512_raw", "fp32", "b3c34e83932cbe91b334fe47550f75a79f58f0ad",
        "mediapipe_slimnet/portrait_segmentation.tflite", UNVERIFIED, UNVERIFIED,
    ),
    (
        "deeplab_dm05_513", "uint8", _DEEPLAB_COMMIT, f"{_DEEPLAB}deeplab_aiseg_quant513.tflite",
        746_056, "ba1438be20c5e00af21cec1029ce2bd680ca03738b5107a7a7ebd0a8615708b8",
    ),
    (
        "deeplab_dm05_513_dense", "fp32", _DEEPLAB_COMMIT, f"{_DEEPLAB}deeplab_aiseg513_dm05_float.tflite",
        3_280_028, "38b3f31099b2aa8a826d51f7890225d72a2c57a849f4a09f988b5247716bac34",
    ),
    (
        "deeplab_dm05_513_dense", "fp32", "f7063b1017e83591712b7a216478fcd5f2b2eaa1", f"{_DEEPLAB}deeplab_nchw.onnx",
        3_442_483, "92ca50e4b49eafd530abbe6ff397e288dc9e8ce4570d08550d373f3d7d62a27d",
    ),
    (
        "mnv3_transition_256", "fp32", _MNV3_COMMIT, f"{_MNV3}mnv3_seg_float.tflite",
        3_798_928, "ab3b857fad5992c50edc411f1fa54450ab18e6faedc4d7093a5eb4d0f0dae0a5",
    ),
    (
        "mnv3_transition_256", "int8", _MNV3_COMMIT, f"{_MNV3}mnv3_seg_quant.tflite",
        1_229_720, "510c87108c49dfda788432afeba6537183e9e41ebc9f580c84489f222c4bb5b9",
    ),
    (
        "paradox_1", "fp32", _PARADOX_COMMITS[0], f"{_PARADOX}model1.tflite",
        772, "fd1baea19f3cad8e55a81eba9ee62f49944241af9907eecd53c6513f864f6ca9",
    ),
    (
        "paradox_2", "fp32", _PARADOX_COMMITS[0], f"{_PARADOX}model2.tflite",
        1_204, "de6c123a25cd7454f32cfabcd734ba39c85c21cd78416f2e876ce43e40802f63",
    ),
    (
        "paradox_3", "fp32", _PARADOX_COMMITS[1], f"{_PARADOX}model3.tflite",
        1_320, "c86ae5c1482fa13547e703f0570527a864471c11e2dd3f142feeb38d81857bde",
    ),
    (
        "paradox_4", "fp32", _PARADOX_COMMITS[1], f"{_PARADOX}model4.tflite",
        1_552, "be04514d8958c2c467a777d533ba93ffae1bd81d469335475d15c848901a3c60",
    ),
    (
        "paradox_5", "fp32", "68fbf8226902c6275bb541da8ea273cb13860e21", f"{_PARADOX}model5.tflite",
        1_784, "5ff1333804b537f0ead76ca561eb8657131a58881f1db7e98984d3fe32571a64",
    ),
    (
        "paradox_6", "fp32", "1b8ca751f1b7b05601a284ffbd5e21f99bd9714d", f"{_PARADOX}model6.tflite",
        2_000, "a8826113933227b7e24bc15a95cd311ea7d97f9a02c8322c91ac29682a5f9dfc",
    ),
    (
        "paradox_7", "fp32", "0495e79e77d55a06cb4ddb755585287d34f4e6d7", f"{_PARADOX}model7.tflite",
        1_608, "c9496377cfb6398b468a9cfee47070d1167a84a3e2624f3405400959f55b1104",
    ),
)  # fmt: skip


def _original(row: _Row) -> Original:
    model, variant, commit, path, size_bytes, sha256 = row
    format: Format = "onnx" if path.endswith(".onnx") else "tflite"
    return Original(
        model=model, variant=variant, format=format, commit=commit, path=path, size_bytes=size_bytes, sha256=sha256
    )  # fmt: skip


_ORIGINALS = tuple(map(_original, _ROWS))


def entries(model: str | None = None) -> tuple[Original, ...]:
    """All published files in the order of the zoo, or those of one model (an id)."""
    return tuple(each for each in _ORIGINALS if model in (None, each.model))


def find(name: str, variant: str | None = None, format: Format | None = None) -> Original:
    """The file of a model (id or alias). Left out, the variant is fp32 and the format tflite where there is such a
    file, else whatever the model's only file has.

    Raises UsageError for a name that nothing or several have, for a model without a published file, and where none
    or several files fit, with all that there are.
    """
    model = catalog.resolve(name).id
    known = entries(model)
    if not known:
        todo = f"`bench models build {model}` makes the same graph with weights of its own."
        raise UsageError(f"no original file of {model} is known", "Its published repository holds none.", todo)
    fitting = [each for each in known if variant in (None, each.variant) and format in (None, each.format)]
    if variant is None:
        fitting = [each for each in fitting if each.variant == "fp32"] or fitting
    if format is None:
        fitting = [each for each in fitting if each.format == "tflite"] or fitting
    if len(fitting) == 1:
        return fitting[0]
    wanted = " ".join(each for each in (variant, format) if each)
    asked = f"{model} has several original files" if fitting else f"{model} has no original file in {wanted}"
    raise UsageError(asked, f"There is: {_listed(known)}.", "Give --variant, and --format where two have the same.")


def _listed(files: Iterable[Original]) -> str:
    return ", ".join(f"{each.variant} ({each.format}, {each.name})" for each in files)
