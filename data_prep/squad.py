"""SQuAD: articles with paragraphs, each with questions and answer spans; the list is under ``data`` or the root.

    {"data": [{"title": "Cây tre", "paragraphs": [{"context": "Tre mọc thành bụi.", "qas": [
        {"id": "1", "question": "Tre mọc thế nào?", "answers": [{"text": "thành bụi", "answer_start": 8}]}]}]}]}

One record a question, with its ``answers``; which of them is taken, and what becomes of a question that its passage does not
answer (``is_impossible``), is the caller's choice. A span whose text does not stand at its offset is refused as
``offset_mismatch``. A test set without answers is input for `sft predict`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from data_prep._objects import objects, row_id
from data_prep._source import Sample, Source
from data_prep._values import as_text
from sft.i18n import _
from sft.records import Record, Reject

GENERIC = False


def looks_like(sample: Sample) -> bool:
    """Tell SQuAD by paragraphs that hold questions."""
    return any(qa is not None for row in sample.rows for _paragraph, qa in _questions(row))


def describe(sample: Sample) -> str:
    """Name the path of the articles."""
    return _("articles at {path}").format(path=sample.part)


def records(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a question."""
    seen: set[str] = set()
    number = 0
    for _article_number, where, article in objects(source):
        if isinstance(article, Reject):
            number += 1
            yield replace(article, id=row_id(source, number))
            continue
        title = as_text(article.get("title"))
        for paragraph, qa in _questions(article) or [(article, None)]:
            number += 1
            if qa is None:
                yield Reject(row_id(source, number), where, "no_questions", excerpt=_begin(paragraph))
                continue
            key = as_text(qa.get("id")) if isinstance(qa, dict) else ""
            if not key or key in seen:
                key = row_id(source, number)
            seen.add(key)
            yield _record(key, where, title, as_text(paragraph.get("context")), qa)


def _questions(article: Any) -> list[tuple[Any, Any]]:
    """Return the paragraphs of an article with each of their questions, with None where they have no list of them."""
    found = article.get("paragraphs") if isinstance(article, dict) else None
    pairs: list[tuple[Any, Any]] = []
    for paragraph in found if isinstance(found, list) else ():
        listed = paragraph.get("qas") if isinstance(paragraph, dict) else None
        pairs += [(paragraph, qa or {}) for qa in listed] if isinstance(listed, list) else [(paragraph, None)]
    return pairs


def _begin(part: Any) -> str:
    """Return the beginning of an article or a paragraph, as far as it has one."""
    shown = (part.get("context") or part.get("title")) if isinstance(part, dict) else part
    return as_text(shown)[:80]


def _record(key: str, where: str, title: str, context: str, qa: Any) -> Record | Reject:
    if not isinstance(qa, dict) or not as_text(qa.get("question")).strip():
        return Reject(key, where, "no_question", excerpt=as_text(qa)[:80])
    fields: dict[str, str] = {"title": title, "context": context, "question": as_text(qa.get("question"))}
    if "answers" in qa or "is_impossible" in qa:  # a test set without answers has neither
        given = qa.get("answers")
        answers = [a for a in given if isinstance(a, dict) and "text" in a] if isinstance(given, list) else []
        fields["answers"] = as_text(answers)
        fields["is_impossible"] = as_text(qa.get("is_impossible", not answers))
    return Record(key, where, fields)
