"""What a preparation finds in planted data, through the whole command: the fault and its rows, and nothing in clean data."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import clean_sets
import pytest
from conftest import byte_level
from workspace import Ran, csv, put, sft

from sft import chat
from sft.cli import prep as cli_prep
from sft.tokenizer import Loaded

TRUE_FALSE = ("--template", "true_false_v1")
SHOWS = ("Sốt", "Ho", "Đau đầu", "Mệt", "Ngứa", "Chóng mặt")
ILLS = ("cúm", "sởi", "lao", "gút", "thủy đậu", "quai bị", "viêm gan", "hen", "tả", "dại")


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFT_CACHE", str(tmp_path / "cache"))


def lines(path: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    return put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def prepared(*arguments: str | Path, code: int = 0) -> tuple[Ran, dict[str, dict[str, Any]]]:
    """Prepare into ``set`` and return what was said, and the findings of the report by id."""
    done = sft("prep", *arguments, "--out", "set")
    assert done.code == code, done
    return done, {} if code else {found["id"]: found for found in report()["findings"]}


def report() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(Path("set/report.json").read_text(encoding="utf-8"))
    return value


def sides(name: str = "set") -> dict[str, list[dict[str, Any]]]:
    return {
        side: [json.loads(line) for line in Path(name, f"{side}.jsonl").read_text("utf-8").splitlines()]
        for side in ("train", "valid")
    }


# Clean sets, and one fault in each


def test_clean_sets_raise_nothing() -> None:
    put("statements.csv", csv(clean_sets.statements()))
    assert prepared("statements.csv", *TRUE_FALSE)[1] == {}
    lines("questions.jsonl", ({"prompt": asked, "response": told} for asked, told in clean_sets.questions()))
    assert prepared("questions.jsonl", "--template", "answer_v1")[1] == {}
    lines(
        "readings.jsonl",
        ({"context": r.context, "question": r.question, "answer": r.answer} for r in clean_sets.readings()),
    )
    assert prepared("readings.jsonl", "--template", "context_v1")[1] == {}


def test_a_planted_contradiction_is_found_and_named() -> None:
    rows = clean_sets.statements()
    assert rows[7][1] == "Đúng"
    put("a.csv", csv([*rows, (rows[7][0].upper(), "Sai")]))
    found = prepared("a.csv", *TRUE_FALSE)[1]
    assert found.keys() == {"contradiction", "duplicate"}
    assert found["contradiction"]["severity"] == "warning"
    assert found["contradiction"]["examples"] == ["a:8 (TRUE) ≠ a:401 (FALSE)"]


def test_a_planted_near_duplicate_is_found_and_named() -> None:
    rows = clean_sets.statements()
    slip = rows[11][0].removesuffix(".") + " nhanh."
    put("a.csv", csv([*rows, (slip, rows[11][1])]))
    found = prepared("a.csv", *TRUE_FALSE)[1]
    assert found.keys() - {"leak_near"} == {"near_duplicate"}
    assert found["near_duplicate"]["examples"] == ["a:12 ≈ a:401"]
    assert prepared("a.csv", *TRUE_FALSE, "--group-by", "near")[1].keys() == {"near_duplicate"}


def test_a_planted_leak_in_a_given_split_stops_the_preparation() -> None:
    rows = [(q, a, "test" if n >= 350 else "train") for n, (q, a) in enumerate(clean_sets.statements())]
    head = ("STT", "Câu hỏi", "Đáp án", "phần")
    put("a.csv", csv(rows, head))
    assert prepared("a.csv", *TRUE_FALSE, "--split-column", "phần")[1] == {}
    put("a.csv", csv([*rows, (rows[3][0].removesuffix("."), rows[3][1], "test")], head))
    done, _none = prepared("a.csv", *TRUE_FALSE, "--split-column", "phần", code=1)
    assert "error: not written: leak_heldout" in done.err
    assert "leak_heldout × 1" in done.out and "a:401" in done.out
    allowed = prepared("a.csv", *TRUE_FALSE, "--split-column", "phần", "--allow", "leak_heldout")[1]
    assert allowed["leak_heldout"]["examples"] == ["a:401"]


# Shortcuts


def test_one_template_with_one_label_is_found_and_its_balanced_twin_is_not() -> None:
    said = [f"{a} là dấu hiệu hay thấy của bệnh {b}." for a in SHOWS for b in ILLS]
    lines(
        "shortcut.jsonl",
        [
            *({"input": text, "output": "TRUE"} for text in said),
            *({"input": text, "output": answer} for text, answer in clean_sets.statements(60)),
        ],
    )
    found = prepared("shortcut.jsonl", *TRUE_FALSE)[1]
    assert found["shortcut_template"]["severity"] == "warning"
    assert "“là dấu hiệu hay thấy của bệnh” in 60 rows, 100.0% TRUE" in found["shortcut_template"]["message"]
    mixed = ((n // len(ILLS) * 7 // 3 + n % len(ILLS) * 5 // 2) % 2 for n in range(60))
    lines(
        "balanced.jsonl",
        (
            {"input": text, "output": "TRUE" if true else "FALSE"}
            for text, true in zip(said, mixed, strict=True)
        ),
    )
    twin = prepared("balanced.jsonl", *TRUE_FALSE)[1]
    assert not {name for name in twin if name.startswith("shortcut")}


# Rewrites of one statement


def rewrites() -> list[dict[str, str]]:
    """Return statements, three wordings of each, with the number of the original."""
    out = []
    for n, (text, answer) in enumerate(clean_sets.statements(60)):
        who, what = text.removesuffix(".").split(" ", 1)
        ways = (text, f"Người ta kể rằng {what} là việc của {who}.", f"Về {who} thì có tin: {what}!")
        out += [{"question": way, "answer": answer, "parent": f"p{n}"} for way in ways]
    return out


def torn(name: str = "set") -> set[str]:
    """Return the originals whose wordings stand on both sides."""
    raw = {f"augmented:{n}": row["parent"] for n, row in enumerate(rewrites(), 1)}
    where: defaultdict[str, set[str]] = defaultdict(set)
    for side, rows in sides(name).items():
        for row in rows:
            where[raw[row["id"]]].add(side)
    return {parent for parent, found in where.items() if len(found) > 1}


def test_a_split_by_row_tears_rewrites_apart_and_one_by_their_original_does_not() -> None:
    lines("augmented.jsonl", rewrites())
    prepared("augmented.jsonl", *TRUE_FALSE, "--val-split", "0.2")
    assert len(torn()) > 20
    found = prepared("augmented.jsonl", *TRUE_FALSE, "--val-split", "0.2", "--group-by", "parent")[1]
    assert torn() == set() and "leak_group" not in found
    assert len(sides()["valid"]) % 3 == 0 < len(sides()["valid"])


def test_a_given_split_that_tears_rewrites_apart_is_an_error() -> None:
    lines(
        "a.jsonl",
        ({**row, "split": "valid" if n % 10 == 0 else "train"} for n, row in enumerate(rewrites())),
    )
    chosen = ("a.jsonl", *TRUE_FALSE, "--split-column", "split", "--group-by", "parent")
    done, _none = prepared(*chosen, code=1)
    assert "leak_group × 18: 18 held-out rows share their parent with rows that are trained on" in done.out


# Long rows


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count with a tokenizer of bytes in place of a model's."""
    tokenizer: Any = byte_level(("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    loaded = Loaded(tokenizer, chat.chat_format("chatml"), "", "<|im_end|>", 1, "<|endoftext|>", 2)
    monkeypatch.setattr(cli_prep, "_tokenizer", lambda _name: loaded)


def test_answers_that_a_limit_would_cut_are_counted_and_contexts_alone_are_shortened(counting: None) -> None:
    short = [
        {"context": f"Ao {n} có vịt.", "question": f"Ao {n} có gì?", "answer": "Con vịt."} for n in range(6)
    ]
    talk = "Ngày xưa ở làng nọ có một con vịt biết kể chuyện. "
    long = [
        {"context": "Bến có đò.", "question": "Kể đi?", "answer": talk * 6},
        {"context": "Bến có cá.", "question": "Kể nữa?", "answer": talk * 40},
        {"context": talk * 60, "question": "Ai kể?", "answer": "Con vịt."},
    ]
    lines("long.jsonl", [*short, *long])
    arguments = ("long.jsonl", "--template", "context_v1", "--tokenizer", "bytes", "--val-split", "0")
    found = prepared(*arguments)[1]
    lengths = report()["lengths"]
    assert (lengths["rows"], lengths["unit"], lengths["tokenizer"]) == (9, "tokens", "bytes")
    cut = {limit: round(9 * share) for limit, share in lengths["cut"].items()}
    assert list(cut) == ["256", "512", "1024", "2048"]
    assert cut["256"] >= cut["512"] >= cut["1024"] >= cut["2048"] == 2
    assert found["too_long"]["count"] == 2 and found["too_long"]["examples"] == ["long:8", "long:9"]
    done, _found = prepared(*arguments, "--max-tokens", "1024", "--too-long", "shorten-context")
    assert report()["rejected"] == {"too_long": 1} and report()["kept"] == 8
    rows = {row["id"]: row for row in sides()["train"]}
    assert "long:8" not in rows and rows["long:9"]["messages"][-1]["content"] == "Con vịt."
    assert rows["long:7"]["messages"][-1]["content"] == (talk * 6).strip()
    assert rows["long:9"]["meta"]["context_cut"] > 0 and "long:8" not in done.out


# Inputs that are told apart by more than their question


def test_a_question_with_other_options_is_another_question() -> None:
    rows = [
        {
            "question": "Câu nào đúng?",
            "choices": [f"{name} đẻ trứng", f"{name} đẻ con", f"{name} biết bay"],
            "answer": "ABC"[n % 3],
        }
        for n, name in enumerate(f"Con {what} {n}" for n in range(4) for what in ("gà", "vịt", "bò", "mèo"))
    ]
    lines("choice.jsonl", rows)
    found = prepared("choice.jsonl", "--template", "choice_v1", "--val-split", "0.3")[1]
    assert found.keys() == {"options"} and len(sides()["valid"]) > 1
    lines("choice.jsonl", [*rows, {**rows[0], "answer": "B"}])
    found = prepared("choice.jsonl", "--template", "choice_v1", "--val-split", "0.3")[1]
    assert found["contradiction"]["examples"] == ["choice:1 (A) ≠ choice:17 (B)"]


def test_chats_that_open_alike_are_split() -> None:
    def turns(*texts: str) -> dict[str, Any]:
        roles = ("user", "assistant") * len(texts)
        return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]}

    names = ["Lan", "Minh", "Hoa", "Nam", "Mai", "Tú", "Bình", "Hà", "Sơn", "Vy", "Thư", "Khôi"]
    rows = [turns("Xin chào", "Chào bạn", f"{name} ở đâu?", f"{name} ở nhà số {n}.") for n, name in enumerate(names)]  # fmt: skip
    lines("chat.jsonl", [*rows, rows[0]])
    prepared("chat.jsonl", "--template", "passthrough_v1", "--val-split", "0.4")
    found = sides()
    assert len(found["valid"]) > 1 and len(found["train"]) > 1
    assert len({side for side, rows in found.items() for row in rows if row["id"] in ("chat:1", "chat:13")}) == 1  # fmt: skip


def test_rows_that_all_hang_together_are_told() -> None:
    rows = [{"question": f"Câu {n}?", "answer": f"Đáp {n}", "topic": "một"} for n in range(9)]
    lines("a.jsonl", rows)
    assert "no_validation" not in prepared("a.jsonl", "--template", "answer_v1")[1]
    found = prepared("a.jsonl", "--template", "answer_v1", "--group-by", "topic")[1]
    assert found["no_validation"]["severity"] == "warning"
    silent = prepared("a.jsonl", "--template", "answer_v1", "--group-by", "topic", "--val-split", "0")[1]
    assert "no_validation" not in silent


def test_how_a_source_was_read_stands_in_the_manifest() -> None:
    rows = [{"question": f"Câu {n}?", "answers": [f"Đáp {n}", f"Lời {n}"]} for n in range(6)]
    lines("a.jsonl", rows)
    prepared("a.jsonl", "--template", "answer_v1", "--answers", "each")
    assert report()["sources"][0]["rules"]["answers"] == "each" and report()["read"] == 12


# Silence


def test_an_empty_input_with_a_label_is_a_row_unless_it_is_to_be_left_out() -> None:
    rows = [
        ("" if n % 4 == 0 else f"em {('làm', 'chán', 'hỏi')[n % 4 - 1]} việc số {n}", ("silence", "agree", "deny", "ask")[n % 4])
        for n in range(240)
    ]  # fmt: skip
    put("silence.csv", csv(rows, ("text", "intent")))
    chosen = ("silence.csv", "--template", "labels_v1")
    for seed in ("1", "2", "3"):
        found = prepared(*chosen, "--seed", seed)[1]
        assert (report()["read"], report()["kept"]) == (240, 240)
        assert report()["labels"]["train"]["silence"] == 60  # one input: it cannot be split
        assert found["empty_question"]["count"] == 60 and "--min-chars" in found["empty_question"]["hint"]
        assert "unseen_label" not in found and "$" not in json.dumps(list(found.values()))
    prepared(*chosen, "--min-chars", "text=1")
    assert report()["rejected"] == {"short_text": 60}


# Held-out files beside the others


def test_a_held_out_file_in_the_folder_of_the_sources_is_read_once() -> None:
    rows = clean_sets.statements(60)
    put("data/raw/train.csv", csv(rows[:50]))
    put("data/raw/test.csv", csv(rows[50:]))
    done, found = prepared(*TRUE_FALSE, "--test", "data/raw/test.csv")
    assert "held out, so no source: data/raw/test.csv" in done.err
    assert (report()["read"], report()["kept"], report()["rows"]["test"]) == (60, 60, 10)
    assert "same_source" not in found
    only, _none = prepared("data/raw/test.csv", *TRUE_FALSE, "--test", "data/raw/test.csv", code=2)
    assert "no source is left" in only.err
