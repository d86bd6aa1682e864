"""The page of a preparation: a function of the report and a few rows, and what a person sees of it in a real browser."""

import functools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pages import Page, assert_alone, data_of, scripts_of
from workspace import FACTS, GRAPHS, graph_records, making, options, put, records, statements

from sft import prepared
from sft.prep import page, passes, review
from sft.prep.choices import Options
from sft.prep.page.captions import captions
from sft.records import Finding, Record, Reject

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
Open = Callable[..., Page]


def told(items: Sequence[Record | Reject], source: str = "a.csv") -> list[dict[str, Any]]:
    return [{"path": source, "format": "csv_table", "encoding": "utf-8", "detail": "delimiter ','", "sha256": "0" * 64, "rows": len(items)}]  # fmt: skip


def written(
    chosen: Options,
    items: Sequence[Record | Reject],
    valid: Sequence[Record | Reject] = (),
    more: Sequence[Finding] = (),
) -> str:
    with making(chosen, items, valid=valid) as made:
        found = [*review.check(made), *more]
        sources = told(items) + (told(valid, "b.csv") if valid else [])
        return page.render(passes.summary(made, found, sources), page.gather(made, found))


def rows_of(pairs: Sequence[tuple[str, str]], source: str = "a.csv") -> list[Record | Reject]:
    return records(({"question": asked, "answer": said} for asked, said in pairs), source)


@functools.cache
def usual() -> str:
    """A set with a contradiction, near-duplicates, a phrase that gives the label away, and rejects."""
    pairs = [*statements(40), ("Mèo ngủ trong vườn vào ban đêm.", "Đúng"), (f"Cá {EVIL} bơi.", "Đúng")]
    pairs += [
        (f"{who} thường ăn cỏ {n} lần ở {where} mỗi ngày.", "Đúng")
        for n, where in enumerate(("sân", "bờ ao", "chuồng", "núi", "gò", "bãi"))
        for who in FACTS
    ]
    items = [
        *rows_of(pairs),
        Record("a:x", "a.csv:300", {"question": "Không nhãn.", "answer": "Có thể"}),
        Reject("a:y", "a.csv:301", "ragged", "3 cells, 2 columns", EVIL),
    ]
    return written(options("true_false_v1", val_split=0.2), items)


def finding(html: str, name: str) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    data = data_of(html)
    at = next(k for k, each in enumerate(data["report"]["findings"]) if each["id"] == name)
    return data["report"]["findings"][at], data["examples"]["findings"][at]


def test_one_file_that_asks_for_nothing_the_same_every_time() -> None:
    html = usual()
    assert_alone(html)
    assert html.count("</script>") == 2 and EVIL not in html
    usual.cache_clear()
    assert usual() == html


def test_every_caption_is_used() -> None:
    scripts = scripts_of("sft.prep.page")
    named = set(re.findall(r"\bT\.(\w+)", scripts))
    by_value = {"error", "warning", "info", "errors", "warnings", "notes", "question", "context", "answer"}
    shared = {"copy", "copied", "noscript"}
    assert set(captions()) - shared == (named | by_value) - shared


def test_rows_that_are_compared_stand_together_as_text() -> None:
    told, groups = finding(usual(), "contradiction")
    assert told["count"] == 1
    (group,) = groups
    assert [row["label"] for row in group] == ["FALSE", "TRUE"]
    assert {row["texts"]["question"][0] for row in group} == {"Mèo ngủ trong vườn vào ban đêm."}
    assert group[0]["where"] == "a.csv:2" and group[0]["id"] == "a:1"
    _told, near = finding(usual(), "duplicate")
    assert [[row["id"] for row in each] for each in near] == [["a:1", "a:41"]]


def test_a_leak_is_shown_beside_the_trained_row() -> None:
    pairs = [(asked, said) for asked, said in statements(30)]
    with making(options("true_false_v1"), rows_of(pairs), valid=rows_of(statements(12)[6:], "b.csv")) as made:
        made.table.side[0] = 2  # as if the split had let it cross
        made.decided.ties["question"][1] = made.decided.ties["question"][0]
        found = review.check(made)
        examples = page.gather(made, found)
    at = next(k for k, each in enumerate(found) if each.id == "leak_question")
    assert [row["side"] for row in examples.findings[at][0]] == ["valid", "train"]
    assert [row["id"] for row in examples.findings[at][0]] == ["a:1", "a:2"]


def test_long_texts_are_cut_and_say_so() -> None:
    graphs = [*graph_records(GRAPHS)]
    long = "mẹ nấu cơm và " * 400 + "."
    graphs.append(Record("a:9", "a.txt:90", {"sentence": long, "graph": GRAPHS[0][1]}))
    data = data_of(written(options("v5_cot", val_split=0.0), graphs))
    (turns,) = [each["turns"] for each in data["examples"]["samples"] if each["id"] == "a:9"]
    (role, learnt, (head, left, tail)) = turns[1]
    assert (role, learnt) == ("user", False) and len(head) == 1200 and left > 3000 and tail
    assert [learnt for _role, learnt, _text in turns] == [False, False, True]
    assert len(data["examples"]["samples"]) == 3


def test_sources_account_for_their_rows(tmp_path: Path) -> None:
    chosen = options("true_false_v1", val_split=0.2)
    items = [*rows_of(statements(30)), Reject("a:y", "a.csv:99", "ragged")]
    with making(chosen, items, valid=rows_of(statements(40)[30:], "b.csv")) as made:
        sources = told(items) + told(items[:10], "b.csv")
        manifest = passes.write(tmp_path / "x", made, (), sources)
    assert [(each["rows"], each["kept"], each["side"]) for each in manifest["sources"]] == [
        (31, 30, ""),
        (10, 10, "valid"),
    ]
    report = json.loads((tmp_path / "x/report.json").read_text(encoding="utf-8"))
    assert sum(report["histograms"]["total"]["counts"]) == report["kept"] == 40
    assert "histograms" not in manifest
    before = prepared.rows_digest(tmp_path / "x")
    put(tmp_path / "x/report.html", "")
    assert prepared.rows_digest(tmp_path / "x") == before == manifest["sha256"]


# --- in the browser ---


def test_the_page_tells_what_was_read_found_and_refused(open_page: Open) -> None:
    tab = open_page(usual()).tab
    text = tab.inner_text("#overview")
    assert "102\nof 104 rows read are in the set" in text.replace("\u202f", "") and "rejected 2 1.9 %" in text
    label = tab.get_attribute("#overview svg", "aria-label")
    assert label.startswith("Rows read: train ") and label.endswith("rejected 2 (1.9 %)")
    severities = tab.locator(".finding").evaluate_all("all => all.map(one => one.classList[2])")
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    card = tab.locator("[data-finding=contradiction]")
    assert "What to do: decide which label is right" in card.inner_text()
    assert card.locator(".told").count() == 2 and card.locator(".told .strong").all_inner_texts() == [
        "FALSE",
        "TRUE",
    ]
    rejects = tab.inner_text("#rejects")
    assert "unknown_label" in rejects and "first: a.csv:300 · known:" in rejects and EVIL in rejects
    assert "question ← question" in tab.inner_text("#sources")


def test_purity_is_drawn_against_the_share_of_the_class(open_page: Open) -> None:
    tab = open_page(usual()).tab
    card = tab.locator("[data-finding=shortcut_template]")
    width = card.locator(".phrases .part.loud").first.evaluate("bar => bar.width.baseVal.value")
    told, _rows = finding(usual(), "shortcut_template")
    phrase = told["figures"]["phrases"][0]
    assert width == pytest.approx(1000 * phrase["hits"] / phrase["rows"])
    labels = data_of(usual())["report"]["labels"]
    share = sum(side["TRUE"] for side in labels.values()) / 102
    assert card.locator(".stroke").first.evaluate("bar => bar.x.baseVal.value") == pytest.approx(1000 * share)
    assert f"in {phrase['rows']} rows, {phrase['hits']} of them TRUE" in card.inner_text()


def test_classes_lengths_and_samples(open_page: Open) -> None:
    tab = open_page(usual()).tab
    assert tab.locator("#labels tbody tr").count() == 2
    cells = [
        int(text.split()[0]) for text in tab.locator("#labels tbody td:nth-of-type(-n+2)").all_inner_texts()
    ]
    assert sum(cells) == 102
    plots = tab.locator("#lengths .plot")
    assert plots.count() == 3 and "half of the rows" in plots.first.locator("svg").get_attribute("aria-label")
    titles = plots.nth(2).locator("title").all_text_contents()
    assert sum(int(title.rsplit(": ", 1)[1].split()[0]) for title in titles) == 102
    assert plots.locator("line.limit").count() == 0  # characters have no limit
    assert set(tab.locator(".turn.learnt pre").all_inner_texts()) <= {"Đúng", "Sai"}


def test_limits_of_tokens_are_drawn_where_they_lie(open_page: Open) -> None:
    report = data_of(usual())["report"]
    counts = {"start": 200, "step": 20, "counts": [60, 40, 2], "over": 1}
    report["histograms"] = dict.fromkeys(("prompt", "answer", "total"), counts)
    report["lengths"] |= {"tokenizer": "tiny", "cut": {"256": 0.4, "512": 0.0}}
    tab = open_page(page.render(report, page.Examples())).tab
    assert tab.locator('[data-plot="total"] line.limit').count() == 1
    assert tab.locator('[data-plot="total"] text.limit').all_text_contents() == ["256"]
    assert tab.locator('[data-plot="total"] .last').all_text_contents() == ["≥ 260"]
    assert "over 256" in tab.inner_text("#lengths") and "40.0 %" in tab.inner_text("#lengths")


def test_words_that_differ_are_marked_on_both_sides(open_page: Open) -> None:
    row = {
        "id": "a",
        "where": "a.csv:1",
        "side": "train",
        "label": "",
        "texts": {"question": ["Bà nấu chè đỗ xanh ngon.", 0, ""]},
    }
    other = row | {"id": "b", "texts": {"question": ["Bà nấu chè đỗ đen ngon.", 0, ""]}}
    strange = row | {"id": "c", "texts": {"question": ["Trời hôm nay mưa rất to.", 0, ""]}}
    report = data_of(usual())["report"]
    report["findings"] = [{"id": "near_duplicate", "severity": "warning", "count": 2, "message": "", "examples": ["a ≈ b", "a ≈ c", "a ≈ d"], "hint": ""}]  # fmt: skip
    tab = open_page(page.render(report, page.Examples([[[row, other], [row, strange]]]))).tab
    assert tab.locator("mark.other").all_inner_texts() == ["xanh", "đen"]
    assert tab.inner_text(".ids") == "a ≈ d"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_in_vietnamese(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("SFT_LANG", "vi")
    usual.cache_clear()
    html = usual()
    usual.cache_clear()
    seen = open_page(html, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert not seen.too_wide()
    assert seen.tab.get_attribute("html", "lang") == "vi"
    assert "dòng đã đọc" in seen.tab.inner_text("#overview") and "Nên làm gì" in seen.tab.inner_text(
        "#findings"
    )


def test_a_clean_set_says_so(open_page: Open) -> None:
    tab = open_page(written(options("true_false_v1"), rows_of(statements(12)))).tab
    assert "Nothing was found" in tab.inner_text("#findings")
    assert tab.locator("#rejects").count() == 0
