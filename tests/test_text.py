"""Text at the edge: NFC, damage, encodings, whole files."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sft import text
from sft.errors import DataError

# Our own sentences. Together they hold all 134 accented letters, small and capital, and the punctuation of real text.
SENTENCES = (
    "Sáng sớm, ông ngoại tưới mấy luống rau cải sau vườn rồi mới pha ấm chè.",
    "Bà kể chuyện “Cậu bé và con chim sẻ” cho đám trẻ nghe đến tận khuya.",
    "Lũ trẻ chạy ùa ra ngõ, hò reo ầm ĩ khi thấy chiếc diều đỏ lượn trên không.",
    "Anh kỹ sư ghi: “Ống dẫn bị rò rỉ, phải thay ngay trước ngày 12/5…”",
    "Chị ấy thì thầm: “Ừ, em cũng nghĩ vậy” – rồi lặng lẽ quay đi.",
    "Mỹ phẩm nhập khẩu tăng giá 3,5 % so với quý trước; vải vóc giữ giá cũ.",
    "ĐƯỜNG LÀNG NGÕ XÓM ĐỀU ĐƯỢC QUÉT DỌN SẠCH SẼ",
    "HỘI PHỤ NỮ XÃ “BÌNH AN” TỔ CHỨC BỮA CƠM GIỮ ẤM TÌNH LÀNG NGHĨA XÓM",
    "ỦY BAN NHÂN DÂN XÃ… ĐÃ NHẬN ĐỦ HỒ SƠ",
    "«Ba má» là cách gọi cha mẹ ở miền Nam; có nơi gọi «tía», «u», «bầm».",
    "Ông Đặng Hữu Ước và bà Ỷ Lan cùng về thăm trường cũ ở Hậu Lộc.",
    "Nhiệt độ ngoài trời là 38 °C, độ ẩm 70 %, gió nhẹ cấp 2.",
    "“CÔ GÁI HÀ NỘI” VÀ “CHÀNG TRAI XỨ QUẢNG” LÀ HAI VỞ DIỄN MỚI",
    "ĐỊA CHỈ: TỔ 7, ẤP 3, UBND XÃ\u00a0ĐÔNG PHÚ",
    "TÊN GỌI “XÃ” VÀ ‘MÃ’ – Ã ĐỨNG CUỐI TỪ, TRƯỚC DẤU NGOẶC",
    "Xe chở 1½ tấn gạo, giá½ triệu một tạ.",
    "Thuở ấy, giặc ngoại xâm giày xéo quê hương; lũy tre, bờ ruộng, mái đình đều bị đốt trụi.",
    "Ngõ nhỏ quanh co dẫn vào khoảnh sân rợp bóng mát, nơi bọn trẻ thường chơi ô ăn quan.",
    "Quỹ khuyến học trao học bổng cho những em nghèo vượt khó.",
    "Ả đào, ã, ạ, ẳng, ẵm, ẩn, ẫm, ẻo, ẽo, ẹo, ễnh, ỉ eo, ị, ỏng, õng, ồn, ổ, ỗi, ợ, ờ, ỡm, ủ, ũ, ụ, ứ, ừ, ử, ữ, ự.",
)
NEVER_SEEN = [letter for letter in text.vietnamese_letters() if letter not in "".join(SENTENCES)]
CLEAN = (*SENTENCES, "Các chữ còn lại: " + ", ".join(NEVER_SEEN) + ".")
PAGES = ("cp1252", "cp1254", "cp1258", "latin-1", "mac_roman")


def damage(good: str, page: str, unknown: str = "") -> str:
    """Read UTF-8 with the wrong code page; a byte it lacks comes out as a control character, or as `unknown`."""
    out = ""
    for byte in good.encode():
        char = bytes([byte]).decode(page, "replace")
        out += (unknown or chr(byte)) if char == "\ufffd" else char
    return out


def test_the_sentences_hold_every_accented_letter() -> None:
    assert len(set(text.vietnamese_letters())) == 134
    assert all(unicodedata.is_normalized("NFC", letter) for letter in text.vietnamese_letters())
    assert set(text.vietnamese_letters()) <= set("".join(CLEAN))


@pytest.mark.parametrize("sentence", CLEAN)
def test_clean_vietnamese_raises_no_alarm(sentence: str) -> None:
    assert text.mojibake(sentence) == ""
    assert text.mojibake(unicodedata.normalize("NFD", sentence)) == ""
    assert text.mojibake(sentence.upper()) == ""


@pytest.mark.parametrize("unknown", ["", "\ufffd"])
@pytest.mark.parametrize("page", PAGES)
def test_damaged_vietnamese_is_found_in_every_sentence(page: str, unknown: str) -> None:
    for sentence in CLEAN:
        broken = damage(sentence, page, unknown)
        piece = text.mojibake(broken)
        assert piece, broken
        assert piece in broken


@pytest.mark.parametrize("page", PAGES)
def test_one_damaged_letter_inside_a_word_is_enough(page: str) -> None:
    missed = [c for c in text.vietnamese_letters() if not text.mojibake(damage(f"kh{c}nh", page))]
    assert missed == []


@pytest.mark.parametrize("page", ["cp1252", "cp1254", "cp1258", "latin-1"])
def test_damage_of_decomposed_text_is_found(page: str) -> None:
    for sentence in SENTENCES:
        broken = damage(unicodedata.normalize("NFD", sentence), page)
        assert text.mojibake(broken), broken


@pytest.mark.parametrize("twice", ["Tiếng Việt", "Đà Nẵng", "cũng", "Xã Hải Âu"])
def test_text_damaged_twice_is_found(twice: str) -> None:
    assert text.mojibake(damage(damage(twice, "cp1252"), "cp1252"))


def test_dropped_bytes_and_quotes_are_found() -> None:
    assert text.mojibake("mời em".encode().decode("cp1252", "ignore")) == "á»"
    assert text.mojibake("noi: “an di”".encode().decode("cp1252", "ignore"))
    assert text.mojibake("38 °C".encode().decode("cp1252")) == "Â°"
    assert text.mojibake("5\u00a0kg".encode().decode("cp1252")) == "Â\u00a0"
    assert text.mojibake("chữ «Â» đứng trước chữ «B»") == ""
    assert text.mojibake("vui 😀".encode().decode("cp1252", "ignore")).startswith("ð")
    assert text.mojibake("vui 😀".encode().decode("cp1254", "ignore")).startswith("ğ")


@given(st.text(alphabet="".join(text.vietnamese_letters()) + "bcdghklmnpqrstvx ,.;:!?()-", max_size=60))
def test_letters_blanks_and_plain_punctuation_are_never_mojibake(words: str) -> None:
    assert text.mojibake(words) == ""


def test_nfc_joins_marks_and_keeps_what_is_joined() -> None:
    joined = "Tiếng Việt"
    apart = unicodedata.normalize("NFD", joined)
    assert (len(joined), len(apart)) == (10, 14)
    assert text.nfc(apart) == joined
    assert text.nfc(joined) is joined


@given(st.text(max_size=40))
def test_clean_is_nfc_without_invisible_characters_and_changes_nothing_twice(raw: str) -> None:
    once = text.clean(raw)
    assert text.clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not text.invisible(once)
    assert "\r" not in once and "\u00a0" not in once


def test_clean_joins_a_tone_that_an_invisible_mark_kept_apart() -> None:
    assert text.clean("e\u200b\u0323m") == "ẹm"


def test_a_joiner_stays_between_emoji_only() -> None:
    teacher = "👩🏽\u200d🏫 và 🏳\ufe0f\u200d🌈"
    assert text.clean(teacher) == teacher
    assert text.invisible(teacher) == 0
    assert text.clean("chữ\u200dnày 👩\u200d và\u200d🏫 👩\u200d\u200d🏫") == "chữnày 👩 và🏫 👩🏫"


def test_invisible_counts_neither_tabs_nor_line_ends() -> None:
    assert text.invisible("a\tb\r\nc") == 0
    assert text.invisible("a\u200bb\ufeffc\u00add\x00") == 4


def test_a_mark_at_the_beginning_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes("Mưa rồi.\nNắng.".encode(encoding))
        assert text.read_text(path) == "Mưa rồi.\nNắng."
    path.write_bytes("Mưa rồi.".encode())
    assert text.read_text(path) == "Mưa rồi."


def test_a_named_encoding_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("một".encode("utf-16-le"))
    assert text.read_text(path, "utf-16-le") == "một"
    with pytest.raises(DataError, match="unknown encoding 'viscii2'"):
        text.read_text(path, "viscii2")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("lines", [0, 1, 5])
def test_the_line_of_the_first_bad_byte_is_named(tmp_path: Path, mark: bytes, lines: int) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(mark + "câu\n".encode() * lines + b"\n" + b"\xfftr\xc3\n")
    with pytest.raises(DataError) as caught:
        text.read_text(path)
    assert caught.value.where == f"{path}:{lines + 2}"
    assert "0xff" in caught.value.message
    assert "--encoding" in caught.value.hint


def test_a_cut_utf16_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    path.write_bytes("một\nhai\nba".encode("utf-16")[:-1])
    with pytest.raises(DataError) as caught:
        text.read_text(path)
    assert caught.value.where == f"{path}:3"


@pytest.mark.parametrize(("make", "said"), [(False, "no such file"), (True, "is a folder")])
def test_what_is_no_file_is_said(tmp_path: Path, make: bool, said: str) -> None:
    path = tmp_path / "x"
    if make:
        path.mkdir()
    with pytest.raises(DataError, match=said) as caught:
        text.read_text(path)
    assert caught.value.hint


def test_json_lines_count_blank_lines_and_keep_line_separators_inside_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('\ufeff{"a": "x\u2028y"}\r\n\n  \n{"a": 2}'.encode())
    assert list(text.iter_jsonl(path)) == [(1, {"a": "x\u2028y"}), (4, {"a": 2})]


def test_a_bad_json_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n', encoding="utf-8")
    rows = text.iter_jsonl(path)
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(DataError) as caught:
        next(rows)
    assert caught.value.where == f"{path}:3"


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=12)), max_size=4))
def test_json_lines_come_back_as_they_were(rows: list[dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "rows.jsonl"
        text.write_jsonl(path, rows)
        raw = path.read_bytes()
        assert b"\r" not in raw and raw.count(b"\n") == len(rows)
        assert [value for _line, value in text.iter_jsonl(path)] == rows


def test_json_is_written_readable(tmp_path: Path) -> None:
    text.write_json(tmp_path / "a.json", {"câu": "Đúng"})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "câu": "Đúng"\n}\n'.encode()


def test_a_crash_in_the_middle_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    text.write_text(path, "cũ\n")

    def rows() -> object:
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        text.write_jsonl(path, rows())
    assert path.read_text(encoding="utf-8") == "cũ\n"
    with pytest.raises(UnicodeEncodeError):
        text.write_text(path, "một nửa \ud800")
    assert path.read_text(encoding="utf-8") == "cũ\n"
    assert [found.name for found in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.json"
    text.write_text(path, "cũ")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space"):
        text.write_text(path, "mới")
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "cũ"
    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    text.write_text(path, "cũ")
    with path.open(encoding="utf-8") as stream:
        text.write_text(path, "mới và dài hơn nhiều")
        assert stream.read() == "cũ"
    assert path.read_text(encoding="utf-8") == "mới và dài hơn nhiều"


def test_written_json_is_vietnamese_not_escapes(tmp_path: Path) -> None:
    text.write_jsonl(tmp_path / "a.jsonl", [{"q": "Ở đâu?"}])
    line = (tmp_path / "a.jsonl").read_text(encoding="utf-8")
    assert "Ở đâu?" in line
    assert json.loads(line) == {"q": "Ở đâu?"}


@pytest.mark.parametrize("page", ["cp1252", "cp1254", "cp1258", "latin-1", "mac_roman"])
def test_mojibake_without_loss_is_turned_back(page):
    shown = "".join(
        bytes([byte]).decode(page, "replace").replace("\ufffd", chr(byte))
        for byte in "Đường về quê 🚀".encode()
    )
    assert text.repaired(shown) in {"Đường về quê 🚀", None if page == "mac_roman" else "Đường về quê 🚀"}
    assert text.repaired(shown[:-1]) is None  # a byte is missing


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_repair_never_invents(original):
    damaged = original.encode().decode("latin-1")
    repaired = text.repaired(damaged)
    assert repaired in {original, None}


@pytest.mark.parametrize("page", ["cp1252", "cp1254"])
def test_what_was_dropped_is_not_made_up(page):
    assert text.repaired("Đi về ở cổng".encode().decode(page, "ignore")) is None
    assert text.repaired("Tiếng Việt thật sự: quê tôi") is None


def test_where_no_file_can_be_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match="is a folder, not a file"):
        text.write_text(tmp_path / "d", "x")
    text.write_text(tmp_path / "a.txt", "x")
    for below in ("a.txt/b.txt", "a.txt/c/b.txt"):
        with pytest.raises(DataError, match="is a file, not a folder"):
            text.write_text(tmp_path / below, "x")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.txt", "d"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        text.write_text(pipe, "câu\n")
        assert os.read(reader, 99) == "câu\n".encode()
    finally:
        os.close(reader)
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
