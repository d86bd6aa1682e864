"""New inputs → prompts: what prediction asks, with the template and the wording of training."""

from collections.abc import Iterable, Sequence

from sft import columns, templates
from sft.prep.rows import GRAPH_TASKS, SEGMENTED, unique, wrong_kind
from sft.records import Message, Record, Reject, Row


def make(
    items: Iterable[Record | Reject], template: templates.Template, label_set: Sequence[str] = ()
) -> tuple[list[Row], list[Reject]]:
    """Return rows without an answer, for prediction on new inputs, and what was refused.

    A sentence without a graph is refused as training data; to predict its graph it is just what is needed.
    """
    refused: list[Reject] = []
    records: list[Record] = []
    for item in items:
        if isinstance(item, Reject):
            if item.reason == "no_graph" and item.excerpt and template.task in GRAPH_TASKS:
                records.append(Record(item.id, item.where, {"sentence": item.excerpt}))
            else:
                refused.append(item)
        elif bool(item.messages) != (template.task == "chat"):
            refused.append(wrong_kind(item))
        else:
            records.append(item)
    records = list(unique(records))
    if template.task == "chat":
        return [Row(r.id, _chat_prompt(r, template), {"where": r.where}) for r in records], refused
    needed = [name for name in template.prompt_variables if name != "labels"]
    mappings = columns.by_source(records, needed, {})
    rows = []
    for record in records:
        fields = columns.values(record.fields, mappings[columns.source_of(record)], needed, template.task)
        if not all(fields.values()):
            refused.append(Reject(record.id, record.where, "empty_input"))
            continue
        if "sentence" in fields:
            fields["sentence"] = SEGMENTED.sub(" ", fields["sentence"])
        fields["labels"] = ", ".join(label_set)
        rows.append(
            Row(record.id, templates.render(template, fields, prompt_only=True), {"where": record.where})
        )
    return rows, refused


def _chat_prompt(record: Record, template: templates.Template) -> tuple[Message, ...]:
    messages = (
        record.messages if record.messages[0].role == "system" else (*template.messages, *record.messages)
    )
    return messages[:-1] if messages[-1].role == "assistant" else messages
