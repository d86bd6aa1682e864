from dataclasses import replace
from pathlib import Path

import pytest
from workspace import options

from sft.errors import SettingsError
from sft.prep import choices


@pytest.mark.parametrize(
    ("template", "changes", "said"),
    [
        ("answer_v1", {"balance": "down"}, "no labels to balance"),
        ("answer_v1", {"label_words": {"TRUE": ["Có"]}}, "no labels to spell"),
        ("true_false_v1", {"label_words": {"YES": ["Có"]}}, "no label 'YES'; it has TRUE, FALSE"),
        ("true_false_v1", {"label_words": {"TRUE": ["sai"]}}, "'sai' cannot mean both FALSE and TRUE"),
        ("true_false_v1", {"label_words": {"TRUE": ["ừ"], "FALSE": ["Ừ."]}}, "cannot mean both"),
        ("answer_v1", {"max_tokens": 100}, "needs the tokenizer"),
        ("answer_v1", {"min_chars": {"context": 3}}, "no 'context' to measure; they have question, answer"),
        ("labels_v1", {"max_chars": {"labels": 3}}, "no 'labels' to measure; they have text, label"),
    ],
)
def test_choices_that_the_template_cannot_follow(
    template: str, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        choices.check(options(template, **changes))
    assert said in caught.value.message and caught.value.hint


def test_a_context_that_is_not_there_is_not_shortened() -> None:
    chosen = replace(options("answer_v1"), max_tokens=50, too_long="shorten-context", loaded=object())  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no context to shorten"):
        choices.check(chosen)


def test_all_that_does_not_fit_is_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        choices.check(options("answer_v1", balance="up", max_tokens=9, min_chars={"x": 1}))
    assert len(caught.value.parts) == 3


def test_defaults_are_no_choices() -> None:
    assert options("true_false_v1").told() == {}
    assert options("true_false_v1", duplicates="drop", limit=5).told() == {"duplicates": "drop", "limit": 5}


def test_spellings_of_labels() -> None:
    assert choices.label_words(["TRUE=Đúng,Có", "FALSE=Sai, Không phải"]) == {
        "TRUE": ["Đúng", "Có"],
        "FALSE": ["Sai", "Không phải"],
    }
    assert choices.label_words(["TRUE=a FALSE=b"]) == {"TRUE": ["a"], "FALSE": ["b"]}
    with pytest.raises(SettingsError, match="LABEL=WORD,WORD"):
        choices.label_words(["Đúng"])


def test_numbers_by_name() -> None:
    assert choices.numbers(["answer=2", "question = 5"], "--min-chars") == {"answer": 2, "question": 5}
    for wrong in ("answer", "answer=", "answer=x", "answer=-1", "=3"):
        with pytest.raises(SettingsError, match="--min-chars takes"):
            choices.numbers([wrong], "--min-chars")


def test_weights_stand_behind_the_last_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert choices.weighted(["a.csv:0.3", r"C:\b.jsonl:7e-1"]) == (
        [Path("a.csv"), Path(r"C:\b.jsonl")],
        [0.3, 0.7],
    )
    plain = ["a.csv", r"C:\b.csv", "hf:owner/name", "c:d"]
    assert choices.weighted(plain) == (list(map(Path, plain)), [])
    (tmp_path / "exam:2").write_text("", encoding="utf-8")  # a file of that very name
    assert choices.weighted(["exam:2"]) == ([Path("exam:2")], [])
    assert choices.weighted([]) == ([], [])


@pytest.mark.parametrize(
    ("given", "said"), [(["a:1", "b"], "b has no weight"), (["a:0", "b:1"], "above 0"), (["a:-1"], "above 0")]
)
def test_weights_that_make_no_sense(given: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        choices.weighted(given)


def test_a_source_has_one_weight() -> None:
    one, two = (choices.Share(name, 0.5, frozenset(["d/a.csv"])) for name in ("d", "d/a.csv"))
    with pytest.raises(SettingsError, match=r"d/a\.csv belongs to two weights"):
        choices.check_shares([one, two])
