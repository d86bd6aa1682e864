import pytest

from sft.checks.language import foreign_letters, language


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Bệnh này có lây không?", "vi"),
        ("Con mèo tên Tom", "vi"),
        ("The largest city of the country", "en"),
        ("in the 10th and 11th centuries", "en"),
        ("Which animals are able to fly at night?", "en"),
        ("benh nay co lay khong", "vi-ascii"),
        ("toi muon dat ban cho hai nguoi", "vi-ascii"),
        ("Россия", "script"),
        ("日本", "script"),
        ("Thành phố 北京 ở đâu?", "vi"),
    ],
)
def test_what_letters_and_little_words_tell(text: str, found: str) -> None:
    assert language(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1990",
        "HIV/AIDS",
        "Albert Einstein",
        "COVID-19",
        "Will Smith",
        "New York City",
        "3x + 5y = 9",
        "an do in",
    ],
)
def test_names_and_numbers_are_no_evidence(text: str) -> None:
    assert not language(text)


def test_letters_of_another_script_are_named() -> None:
    assert foreign_letters("thủ đô Москва") == "М"
    assert foreign_letters("thuốc chẹn β, 5 µg, ≥ 3 °C, “ngoặc” – gạch") == ""
