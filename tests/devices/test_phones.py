"""The table of known phones: found by model before device, every fact with its source."""

from __future__ import annotations

import pytest

from bench.devices.phones import PHONES, known


@pytest.mark.parametrize(
    ("model", "device", "name"),
    [
        ("ONEPLUS A3003", "OnePlus3", "OnePlus 3"),
        ("oneplus a3003", "", "OnePlus 3"),
        ("ONEPLUS A3010", "oneplus3", "OnePlus 3T"),  # a free system calls both by one device
        ("", "violet", "Redmi Note 7 Pro"),
        ("Redmi Note 8 Pro", "begonia", "Redmi Note 8 Pro"),
        ("M2007J20CG", "surya", "POCO X3 NFC"),
        ("Pixel 7", "panther", "Pixel 7"),
    ],
)
def test_known(model: str, device: str, name: str) -> None:
    phone = known(model, device)
    assert phone is not None
    assert phone.name == name


def test_unknown() -> None:
    assert known("", "") is None
    assert known("Nobody's phone", "nobody") is None


def test_no_two_phones_share_a_model_or_a_device() -> None:
    for names in ([name for phone in PHONES for name in phone.models], [name for p in PHONES for name in p.devices]):
        folded = [name.casefold() for name in names]
        assert len(folded) == len(set(folded))


def test_every_fact_has_a_source() -> None:
    for phone in PHONES:
        facts = [phone.soc, phone.gpu, phone.cores]
        assert all(fact.value and fact.source for fact in facts if fact is not None)
