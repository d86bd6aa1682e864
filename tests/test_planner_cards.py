"""The table of cards: what a plan needs to know of a card that is not in the machine."""

import pytest

from sft import devices
from sft.errors import SettingsError
from sft.planner import cards


@pytest.mark.parametrize("name", cards.known())
def test_every_card_says_where_its_figures_are_from(name: str) -> None:
    card = cards.known()[name]
    assert card.source and card.also and 4000 < card.mib < 150_000 and 10 < card.tflops < 1000
    assert cards.find(card.also[0]) is card and cards.find(name) is card


def test_names_are_of_one_card_each() -> None:
    names = [cards._bare(name) for card in cards.known().values() for name in {card.name, *card.also}]
    spelt = {name for name in names if names.count(name) > 1}
    for name in spelt:
        assert len({cards.find(name).name}) == 1


@pytest.mark.parametrize(
    "spelling", ["RTX 3090", "rtx3090", "3090", "NVIDIA GeForce RTX 3090", "geforce rtx-3090"]
)
def test_a_card_however_it_is_spelt(spelling: str) -> None:
    assert cards.find(spelling).name == "rtx-3090"


def test_from_4_to_141_gigabytes_and_who_has_bf16() -> None:
    sizes = [card.mib for card in cards.known().values()]
    assert min(sizes) == 4096 and max(sizes) == 143_771
    without = {name for name, card in cards.known().items() if not card.device().bf16}
    assert without == {"t4", "v100", "v100-32gb", "rtx-2080-ti"}


def test_a_card_as_a_device() -> None:
    card = cards.find("RTX 3090")
    assert card.device().free == card.device().total == 24576 * 1024 * 1024
    assert card.device(10.9e9).free == 10_900_000_000
    assert cards.peak(card.device()) == 71e12
    assert cards.peak(devices.cpu()) is None and cards.peak(devices.Device("gpu", "GeForce 9999")) is None


@pytest.mark.parametrize(("name", "hint"), [("RTX 3099", "did you mean"), ("abacus", "--free GB")])
def test_an_unknown_card_is_refused(name: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        cards.find(name)
    assert hint in caught.value.hint
