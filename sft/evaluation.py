"""Predicted and gold labels or answers → accuracy or text scores, beside what they must be compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

import sft
from sft import baselines
from sft.errors import SettingsError
from sft.i18n import _
from sft.metrics import Classification, TextScores, classify, text_scores
from sft.records import Row

LABEL_TASKS = ("true_false", "label")
TEXT_TASKS = ("answer", "chat")


def labelled(
    rows: Sequence[Row], lines: Sequence[Mapping[str, Any]], train: Sequence[Row], label_set: Sequence[str]
) -> tuple[Classification, dict[str, Any]]:
    """Return the score of label predictions and of the baselines, as `sft eval` prints them."""
    gold = [str(row.meta["label"]) for row in rows]
    main = classify(gold, [line.get("label") for line in lines], label_set)
    train_labels = [str(row.meta["label"]) for row in train]
    bag = baselines.naive_bayes([(str(row.meta["question"]), str(row.meta["label"])) for row in train])
    others = {
        "majority": baselines.majority(train_labels, gold),
        "bag_of_words": classify(gold, [bag(str(row.meta["question"])) for row in rows], label_set),
    }
    return main, {name: _brief(score) for name, score in others.items()}


def _brief(score: Classification) -> dict[str, Any]:
    return {
        "accuracy": score.accuracy,
        "macro_f1": score.macro_f1,
        "interval": list(score.interval),
        "n": score.n,
    }


def answered(
    rows: Sequence[Row], lines: Sequence[Mapping[str, Any]], train: Sequence[Row]
) -> tuple[TextScores, dict[str, Any]]:
    """Return the score of free answers, and that of the answer to the most similar training question."""
    gold = [row.messages[-1].content for row in rows]
    main = text_scores(gold, [line.get("text") for line in lines])
    index = baselines.Nearest([str(row.meta["question"]) for row in train])
    near = text_scores(gold, [train[index(str(row.meta["question"]))].messages[-1].content for row in rows])
    return main, {"nearest_question": near.as_dict()}


def require(task: str) -> None:
    """Refuse tasks whose score is another command's business."""
    if task not in (*LABEL_TASKS, *TEXT_TASKS):
        raise SettingsError(_("task {task} is scored by Smatch").format(task=task), hint="sft smatch")


def signature(task: str, n: int, **extra: Any) -> str:
    """Return the one line that says how an evaluation was made.

    >>> signature("label", 20).rsplit("|", 1)[0]
    'eval|task:label|n:20|decoding:greedy'
    """
    parts = ["eval", f"task:{task}", f"n:{n}", "decoding:greedy", *(f"{k}:{v}" for k, v in extra.items())]
    return "|".join([*parts, f"sft:{sft.__version__}"])


def brief(
    rows: Sequence[Row], lines: Sequence[Mapping[str, Any]], label_set: Sequence[str]
) -> dict[str, Any]:
    """Return the headline figures of label predictions: for the untrained base model."""
    return _brief(
        classify([str(row.meta["label"]) for row in rows], [line.get("label") for line in lines], label_set)
    )
