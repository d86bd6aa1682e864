"""Label and text scores of predictions, each beside the baselines it must beat."""

import pytest

from sft import evaluation
from sft.errors import SettingsError
from sft.records import Message, Row

LABELS = ["TRUE", "FALSE"]


def labelled(*pairs: tuple[str, str]) -> list[Row]:
    return [
        Row(str(n), (), {"question": question, "label": label}) for n, (question, label) in enumerate(pairs)
    ]


def answered(*pairs: tuple[str, str]) -> list[Row]:
    return [
        Row(str(n), (Message("user", q), Message("assistant", a)), {"question": q})
        for n, (q, a) in enumerate(pairs)
    ]


TRAIN = labelled(
    ("cá bơi", "TRUE"),
    ("cá lặn", "TRUE"),
    ("cá sống dưới nước", "TRUE"),
    ("cá bay", "FALSE"),
    ("gà bay", "FALSE"),
)
HELD = labelled(("chim bay", "FALSE"), ("vịt bơi", "TRUE"), ("vịt lặn", "TRUE"), ("bò bay", "FALSE"))


def predicted(*labels: str | None) -> list[dict[str, object]]:
    return [{"id": str(n), "label": label} if label else {"id": str(n)} for n, label in enumerate(labels)]


def test_labels_are_scored_with_a_class_for_what_could_not_be_read() -> None:
    main, _baselines = evaluation.labelled(HELD, predicted("FALSE", "TRUE", None, "TRUE"), TRAIN, LABELS)
    assert (main.n, main.correct, main.unparsed, main.accuracy) == (4, 2, 1, 0.5)
    assert main.columns == ("TRUE", "FALSE", "unparsed")
    assert main.confusion == {
        "TRUE": {"TRUE": 1, "FALSE": 0, "unparsed": 1},
        "FALSE": {"TRUE": 1, "FALSE": 1, "unparsed": 0},
    }
    assert main.as_dict().keys() >= {"accuracy", "macro_f1", "n", "unparsed", "labels", "confusion"}


def test_baselines_stand_beside_and_see_training_alone() -> None:
    _main, baselines = evaluation.labelled(HELD, predicted(*["TRUE"] * 4), TRAIN, LABELS)
    assert baselines["majority"]["accuracy"] == 0.5  # TRUE is the most frequent in training
    assert baselines["bag_of_words"]["accuracy"] == 1.0  # "bay" tells it
    assert all(score.keys() == {"accuracy", "macro_f1", "interval", "n"} for score in baselines.values())
    low, high = baselines["majority"]["interval"]
    assert low < 0.5 < high


def test_a_label_unknown_to_training_still_counts() -> None:
    main, _baselines = evaluation.labelled(labelled(("x", "MAYBE")), predicted("TRUE"), TRAIN, LABELS)
    assert main.labels == ("TRUE", "FALSE", "MAYBE")
    assert main.accuracy == 0


def test_the_base_model_gets_the_same_headline() -> None:
    assert evaluation.brief(HELD, predicted("FALSE", "TRUE", "TRUE", "FALSE"), LABELS)["accuracy"] == 1.0
    assert evaluation.brief(HELD, predicted(None, None, None, None), LABELS)["accuracy"] == 0.0


def test_free_answers_are_scored_by_words_beside_the_nearest_question() -> None:
    train = answered(("thủ đô nước Việt ở đâu", "Hà Nội"), ("cá sống ở đâu", "dưới nước"))
    held = answered(("cá chép sống ở đâu", "ở dưới nước"), ("thủ đô Việt Nam ở đâu", "Hà Nội"))
    main, baselines = evaluation.answered(held, [{"text": "ở trên bờ"}, {"text": "hà nội."}], train)
    assert (main.n, main.exact, main.unparsed) == (2, 1, 0)
    assert main.f1 == pytest.approx((1 / 3 + 1) / 2)
    assert baselines["nearest_question"]["token_f1"] == pytest.approx((0.8 + 1) / 2)


def test_an_empty_answer_is_unparsed_and_wrong() -> None:
    main, _baselines = evaluation.answered(answered(("a", "b")), [{}], answered(("a", "b")))
    assert (main.unparsed, main.exact, main.f1) == (1, 0, 0)


@pytest.mark.parametrize("task", ["true_false", "label", "answer", "chat"])
def test_these_tasks_are_evaluated(task: str) -> None:
    evaluation.require(task)


@pytest.mark.parametrize("task", ["amr", "mtup"])
def test_graphs_are_another_commands_business(task: str) -> None:
    with pytest.raises(SettingsError) as caught:
        evaluation.require(task)
    assert caught.value.hint == "sft smatch"


def test_the_signature_names_template_data_and_version() -> None:
    line = evaluation.signature("label", 20, template="classify/labels_v1@1", data="ab")
    assert line.startswith("eval|task:label|n:20|decoding:greedy|template:classify/labels_v1@1|data:ab|sft:")
