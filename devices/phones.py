"""Phones that are known by name: what is in them, and from where we know it. Used for names and hints only.

What a phone tells about itself comes first; this fills in what it hides.
"""

from __future__ import annotations

from typing import NamedTuple

_WIKI = "LineageOS wiki, _data/devices/{}.yml"


class Known(NamedTuple):
    """One fact and its source."""

    value: str
    source: str


class Phone(NamedTuple):
    """models: values of ro.product.model; devices: of ro.product.device. None: not known, which is not `none`."""

    name: str
    devices: tuple[str, ...]
    models: tuple[str, ...]
    soc: Known
    gpu: Known | None
    cores: Known


def _wiki(name: str, device: str, soc: str, gpu: str, cores: str, models: tuple[str, ...] = ()) -> Phone:
    source = _WIKI.format(device)
    return Phone(name, (device,), models, Known(soc, source), Known(gpu, source), Known(cores, source))


PHONES: tuple[Phone, ...] = (
    Phone(
        "OnePlus 3",
        ("OnePlus3",),
        ("ONEPLUS A3000", "ONEPLUS A3003"),
        soc=Known("Snapdragon 820 (MSM8996)", _WIKI.format("oneplus3")),
        gpu=Known("Adreno 530", _WIKI.format("oneplus3")),
        cores=Known("Kryo: 2 x 2.15 GHz + 2 x 1.6 GHz", _WIKI.format("oneplus3")),
    ),
    Phone(
        "OnePlus 3T",
        ("OnePlus3T",),
        ("ONEPLUS A3010",),
        soc=Known("Snapdragon 821 (MSM8996Pro)", _WIKI.format("oneplus3")),
        gpu=Known("Adreno 530", _WIKI.format("oneplus3")),
        cores=Known("Kryo: 2 x 2.35 GHz + 2 x 1.6 GHz", _WIKI.format("oneplus3")),
    ),
    Phone(
        "Redmi Note 7 Pro",
        ("violet",),
        ("Redmi Note 7 Pro", "M1901F7S", "M1901F7BE"),
        soc=Known("Snapdragon 675 (SM6150)", _WIKI.format("violet")),
        gpu=Known("Adreno 612", _WIKI.format("violet")),
        cores=Known("Kryo 460: 2 x 2.0 GHz + 6 x 1.7 GHz", _WIKI.format("violet")),
    ),
    Phone(
        "Redmi Note 8 Pro",
        ("begonia", "begoniain"),
        ("Redmi Note 8 Pro",),
        soc=Known("Helio G90T (MT6785)", "TrebleDroid's wiki, Xiaomi Redmi Note 8 Pro"),
        gpu=Known("Mali-G76 MC4", "LineageOS, android_device_xiaomi_begonia"),
        cores=Known("8 cores", "LineageOS, android_device_xiaomi_begonia"),
    ),
    _wiki(
        "POCO X3 NFC",
        "surya",
        "Snapdragon 732G (SM7150-AC)",
        "Adreno 618",
        "Kryo 470: 2 x 2.3 GHz + 6 x 1.8 GHz",
        ("M2007J20CG", "M2007J20CI"),
    ),
    Phone(
        "POCO X3",
        ("karna",),
        (),
        soc=Known("Snapdragon 732G (SM7150-AC)", "Paranoid Android's android_device_xiaomi_surya"),
        gpu=Known("Adreno 618", "Paranoid Android's android_device_xiaomi_surya"),
        cores=Known("Kryo 470: 2 x 2.3 GHz + 6 x 1.8 GHz", "Paranoid Android's android_device_xiaomi_surya"),
    ),
    *(
        _wiki(
            name,
            device,
            "Google Tensor GS101",
            "Mali-G78 MP20",
            "2 x Cortex-X1 + 2 x Cortex-A76 + 4 x Cortex-A55",
            (name,),
        )
        for name, device in (("Pixel 6", "oriole"), ("Pixel 6 Pro", "raven"))
    ),
    *(
        _wiki(
            name,
            device,
            "Google Tensor GS201",
            "Mali-G710 MP7",
            "2 x Cortex-X1 + 2 x Cortex-A78 + 4 x Cortex-A55",
            (name,),
        )
        for name, device in (("Pixel 7", "panther"), ("Pixel 7 Pro", "cheetah"))
    ),
    *(
        _wiki(
            name,
            device,
            "Google Tensor G3",
            "Mali-G715s MC10",
            "1 x Cortex-X3 + 4 x Cortex-A715 + 4 x Cortex-A510",
            (name,),
        )
        for name, device in (("Pixel 8", "shiba"), ("Pixel 8 Pro", "husky"))
    ),
    _wiki(
        "Galaxy S10",
        "beyond1lte",
        "Exynos 9820",
        "Mali-G76 MP12",
        "2 x Exynos M4 + 2 x Cortex-A75 + 4 x Cortex-A55",
        ("SM-G973F", "SM-G973N"),
    ),
)


def known(model: str, device: str) -> Phone | None:
    """The phone of that ro.product.model or, where the model is not listed, ro.product.device."""
    for phone in PHONES:
        if model and model.casefold() in (one.casefold() for one in phone.models):
            return phone
    for phone in PHONES:
        if device and device.casefold() in (one.casefold() for one in phone.devices):
            return phone
    return None
