"""The page of a score: one inert file, and what a person does with it in a real browser."""

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pages import Page, assert_alone, data_of, scripts_of

from sft import report
from sft.amr import penman
from sft.amr.problems import Problem
from sft.smatch import page
from sft.smatch.captions import captions
from sft.smatch.items import item
from sft.smatch.score import score_pair

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script><!-- {{data}}"
# id, sentence, prediction, gold. F1 from the top: 1, ¾ (a role), ½ or less, 0, low and repaired.
ROWS = (
    ("bep.1", "Mẹ nấu cơm .", "(n / nấu\n  :agent (m / mẹ)\n  :theme (c / cơm))", "(n / nấu :agent (m / mẹ) :theme (c / cơm))"),
    ("bep.2", unicodedata.normalize("NFD", "Bà nấu chè ."), "(n / nấu :agent (b / bà) :patient (c / chè))", "(n / nấu :agent (b / bà) :theme (c / chè))"),
    ("vuon.3", "Cây đa che nắng cho chúng tôi .", "(c / che :agent (c2 / cây) :theme c2)",
     "(c / che-01 :agent (c2 / cây :mod (đ / đa)) :theme (n / nắng) :beneficiary (c3 / chúng_tôi) :place c2)"),
    ("vuon.4", EVIL, "Tôi không biết :agent vẽ\nđồ thị <b>nào</b>", "(v / vẽ :theme (đ / đồ_thị))"),
    ("vuon.5", "Gió thổi mạnh .", "(t / thổi :agent (g / gió) :manner (m / mạnh", "(t / thổi :agent (g / gió :mod (l / lớn)))"),
)  # fmt: skip


def pairs_of(rows: Any = ROWS, mode: str = "smatch") -> list[page.Pair]:
    found = []
    for number, (name, sentence, pred, gold) in enumerate(rows):
        sides = []
        for text, file in ((pred, "doan.txt"), (gold, "gold.txt")):
            reading = penman.read(text, 10 * number + 3)
            repaired = reading.graph is not None and any(p.severity == "error" for p in reading.problems)
            where = f"{file}:{10 * number + 1}"
            sides.append(page.Side(reading.graph, text, reading.problems, repaired, 10 * number + 3, where))
        score = score_pair(sides[0].graph, sides[1].graph, mode)
        found.append(page.Pair(name, sentence, sides[0], sides[1], score))
    return found


def built(pairs: list[page.Pair], mode: str = "smatch", scored: int | None = None, **more: Any) -> str:
    items = [
        tuple(item(side.text, pair.id, where=side.where) for side in (pair.pred, pair.gold))
        for pair in pairs[:scored]
    ]
    aligned = [(pred, gold) for pred, gold in items]
    value = report.score(aligned, mode).value
    value |= {"aspects": report.aspects(aligned, mode), "compat": report.compat(aligned)}
    return page.render(value | {"pred": "doan.txt", "gold": "gold.txt"} | more, pairs)


@functools.cache
def usual() -> str:
    return built(pairs_of())


def test_one_file_that_asks_for_nothing_and_lets_nothing_else_run() -> None:
    html = usual()
    assert_alone(html.replace(EVIL, ""))


def test_data_is_inert_and_always_writable() -> None:
    pairs = pairs_of([("a", EVIL + "\ud800\u2028", EVIL + "\udcff", "(m / mở)")])
    html = built(pairs, pred='"><script>\udcff')
    html.encode("utf-8")
    assert html.count("</script>") == 2
    assert " – &quot;&gt;&lt;script&gt;?</title>" in html
    assert data_of(html)["pairs"][0]["sentence"] == EVIL + "\ud800\u2028"


def test_every_caption_is_used() -> None:
    scripts = scripts_of("sft.smatch")
    named = set(re.findall(r"\bT\.(\w+)", scripts)) | set(re.findall(r"^  (\w+): \(", scripts, re.MULTILINE))
    named |= set(re.findall(r'"(previous|next|prediction|gold)"', scripts)) | {
        "noscript",
        "unparsable",
        "mended",
        "open",
    }
    assert set(captions()) == named & set(captions())
    assert set(re.findall(r"\bT\.(\w+)", scripts)) <= set(captions())


def test_a_link_names_a_pair_by_its_id_or_by_its_place() -> None:
    rows = [
        ("a", "", "(m / mở)", "(m / mở)"),
        ("b", "", "", "(m / mở)"),
        ("a", "", "", "(m / mở)"),
        ("", "", "", "(m / mở)"),
    ]
    assert [pair["key"] for pair in data_of(built(pairs_of(rows)))["pairs"]] == ["#1", "b", "#3", "#4"]


def test_text_is_kept_only_where_there_is_something_to_see_in_it() -> None:
    shown = {pair["id"]: pair["pred"] for pair in data_of(usual())["pairs"]}
    assert {name for name, side in shown.items() if "text" in side} == {"vuon.4", "vuon.5"}
    assert shown["vuon.5"]["repaired"] and not shown["vuon.4"]["repaired"]


def test_a_very_deep_graph_is_no_trouble() -> None:
    depth = 3000
    text = "".join(f"(n{k} / nằm :theme " for k in range(depth)) + "(x / xa)" + ")" * depth
    pairs = [
        page.Pair(
            "sâu",
            "",
            page.Side(penman.read(text).graph),
            page.Side(None),
            score_pair(penman.read(text).graph, None),
        )
    ]
    value = report.score([(item(text, "sâu"), item("", "sâu"))], "smatch").value
    assert len(data_of(page.render(value, pairs))["pairs"][0]["pred"]["lines"]) == depth + 1


# --- in the browser ---


class Opened(Page):
    """The page of a score in the browser."""

    def ids(self) -> list[str]:
        return list(self.tab.locator("#list .id").all_text_contents())

    def open(self, name: str) -> None:
        self.tab.click(f'#list a[data-key="{name}"]')

    def find(self, text: str) -> list[str]:
        self.tab.fill("#query", text)
        return self.ids()


Show = Callable[..., Opened]


@pytest.fixture
def show(open_page: Callable[..., Opened]) -> Show:
    """Open a page, by default that of `ROWS`."""

    def act(html: str | None = None, after: str = "", **options: Any) -> Opened:
        return open_page(html or usual(), after, Opened, **options)

    return act


def test_the_head_tells_the_figures(show: Show) -> None:
    value = data_of(usual())["summary"]
    text = show(
        built(pairs_of(), task1=report.brief([], "smatch") | {"n": 5, "proven": 5}, run="r1", split="test")
    ).tab.inner_text("body")
    low, high = value["interval95"]
    assert f"{value['f1']:.4f}" in text and f"95 % interval {low:.3f} – {high:.3f}" in text
    for part in (
        "80.0 %",
        "4 of 5",
        "run r1, test rows",
        "canonical text",
        "repaired = zero",
        "Task 1",
        "negation",
        value["signature"],
    ):
        assert part in text


def test_the_worst_come_first_and_the_order_can_be_changed(show: Show) -> None:
    seen = show()
    assert seen.ids() == ["vuon.4", "vuon.3", "vuon.5", "bep.2", "bep.1"]
    for order, first in (("best", "bep.1"), ("file", "bep.1"), ("size", "vuon.3"), ("lost", "vuon.3")):
        seen.tab.select_option("#order", order)
        assert seen.ids()[0] == first
    assert "sort=lost" in seen.tab.url


def test_search_needs_no_accents_and_reads_sentence_concept_and_id(show: Show) -> None:
    seen = show()
    assert seen.find("me nau") == ["bep.1"]
    assert seen.find("nau") == ["bep.2", "bep.1"]  # the sentence of bep.2 is written in NFD
    assert seen.find("nấu chè") == seen.find(unicodedata.normalize("NFD", "NẤU CHÈ")) == ["bep.2"]
    assert seen.find("da che") == seen.find("đa che") == ["vuon.3"]
    assert seen.find("chúng tôi") == seen.find("chung_toi") == ["vuon.3"]
    assert seen.find("lon") == ["vuon.5"]  # a concept of gold alone
    assert seen.find("vuon.5") == ["vuon.5"]
    assert "q=vuon.5" in seen.tab.url
    assert seen.find("xyz") == [] and "No graph" in seen.tab.inner_text("#tally")
    seen.tab.click("#clear")
    assert len(seen.ids()) == 5


def test_filters_and_bars_narrow_the_list(show: Show) -> None:
    seen = show()
    seen.tab.check("#only-unparsable")
    assert seen.ids() == ["vuon.4"]
    seen.tab.check("#only-mended")
    assert seen.ids() == ["vuon.4", "vuon.5"]
    assert seen.tab.is_disabled("#only-open")
    seen.tab.click("#clear")
    seen.tab.click('.bin[data-bin="10"]')
    assert seen.ids() == ["bep.1"] and "1 of 5" in seen.tab.inner_text("#tally")
    assert seen.tab.get_attribute('.bin[data-bin="10"]', "aria-pressed") == "true"
    seen.tab.keyboard.press("Tab")
    seen.tab.focus('.bin[data-bin="10"]')
    seen.tab.keyboard.press("Enter")
    assert len(seen.ids()) == 5


def test_an_opened_pair_shows_what_did_not_match(show: Show) -> None:
    seen = show()
    seen.open("bep.2")
    tab = seen.tab
    assert tab.is_hidden("#browse") and tab.inner_text("h2[tabindex]") == ROWS[1][1]
    assert tab.locator(".penman mark.pred").all_inner_texts() == [":patient"]
    assert tab.locator(".penman mark.gold").all_inner_texts() == [":theme"]
    sign = "e => getComputedStyle(e, '::before').content + getComputedStyle(e).textDecorationLine"
    assert tab.locator(".penman mark.pred").evaluate(sign) == '"✗\u00a0"line-through'
    assert tab.locator(".penman mark.gold").evaluate(sign) == '"○\u00a0"underline'
    lines = [
        line.replace("\n", "") for line in tab.locator('[data-side="gold"] .penman .line').all_inner_texts()
    ]
    assert lines == ["top (n / nấu", ":agent (b / bà)", ":theme (c / chè))"]
    # The drawing says the same.
    assert tab.locator('.drawings [data-side="pred"] text.role.pred').all_text_contents() == ["✗ :patient"]
    assert tab.locator(".graph .edge.gold").count() == 1 and tab.locator(".graph .node.gold").count() == 0
    # A node and its counterpart light up together, in the text and in the drawing.
    tab.hover('[data-side="pred"] .penman [data-n="2"]')
    assert tab.locator(".hot").count() == 4
    assert {one.split("/")[-1].strip() for one in tab.locator(".hot").all_text_contents()} == {"chè"}


def test_the_drawing_has_every_node_edge_and_reference(show: Show) -> None:
    seen = show(after="#pair=vuon.3")
    tab, gold = seen.tab, pairs_of()[2].gold.graph
    assert gold
    count = {
        kind: tab.locator(f'.drawings [data-side="gold"] .{kind}').count()
        for kind in ("node", "ref", "curve", "edge")
    }
    assert count == {"node": len(list(gold.nodes())), "ref": 1, "curve": 1, "edge": 5}
    boxes = "[...document.querySelectorAll('.drawings [data-side=gold] g.n rect')].map(r => r.getBoundingClientRect())"
    overlaps = f"(() => {{ const b = {boxes}; return b.some((p, i) => b.some((q, j) => i < j && p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom)) }})()"
    for direction in ("down", "right"):
        tab.select_option("#direction", direction)
        assert tab.evaluate(overlaps) is False
    before = tab.evaluate("document.querySelector('.graph').clientWidth")
    tab.click("button[aria-label=Larger]")
    assert tab.evaluate("document.querySelector('.graph').clientWidth") > before


def test_what_could_not_be_read_is_shown_as_it_came(show: Show) -> None:
    seen = show()
    seen.open("vuon.4")
    side = seen.tab.locator('.texts [data-side="pred"]')
    assert "No graph could be read" in side.inner_text()
    assert "no_graph" in side.locator(".problems").inner_text() and "line 33, column 1" in side.inner_text()
    assert side.locator(".raw .line").all_inner_texts()[1].split("\n")[-1] == "đồ thị <b>nào</b>"
    assert side.locator(".raw .gutter").all_inner_texts() == ["33", "34"]
    assert seen.tab.locator(".drawings .pane").count() == 1  # gold alone


def test_what_was_repaired_is_named_at_its_place(show: Show) -> None:
    seen = show(after="#pair=vuon.5")
    side = seen.tab.locator('.texts [data-side="pred"]')
    assert "missing_bracket" in side.locator(".problems").inner_text()
    assert "line 43, column 45 · repaired" in side.inner_text()
    assert seen.tab.locator(".title .badge").all_inner_texts() == ["repaired"]


def test_markup_in_the_data_stays_text(show: Show) -> None:
    seen = show()
    assert EVIL in seen.tab.locator("#list .sentence").all_text_contents()
    assert seen.tab.locator("img").count() == 0
    seen.open("vuon.4")
    assert seen.tab.locator("#pair h2").first.text_content() == EVIL
    # Were something to slip through, the policy would still stop it.
    seen.tab.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p id=t onclick=\"document.title = 1\">x</p>')"
    )
    seen.tab.click("#t")
    assert seen.tab.title() != "1"
    assert [text for text in seen.said if "Content Security Policy" not in text] == []
    seen.said.clear()


def test_links_lead_to_a_pair_and_back(show: Show) -> None:
    seen = show(after="#q=nau&sort=best")
    tab = seen.tab
    assert seen.ids() == ["bep.1", "bep.2"] and tab.input_value("#query") == "nau"
    seen.open("bep.1")
    assert "pair=bep.1" in tab.url and "q=nau" in tab.url and "1 of 2" in tab.inner_text(".pairbar")
    tab.click("#next")
    assert "pair=bep.2" in tab.url
    tab.go_back()
    assert "Mẹ nấu" in tab.inner_text("#pair h2")
    tab.click("#back")
    assert seen.ids() == ["bep.1", "bep.2"]
    assert tab.evaluate("document.activeElement.dataset.key") == "bep.1"
    tab.goto(seen.address + "#pair=không-có")
    tab.wait_for_selector("#pair h2")
    assert "no graph “không-có”" in tab.inner_text("#pair")


def test_keys_are_enough(show: Show) -> None:
    seen = show()
    tab = seen.tab
    tab.keyboard.press("/")
    tab.keyboard.type("bep")
    assert seen.ids() == ["bep.2", "bep.1"]
    tab.keyboard.press("Escape")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#pair h2")
    assert "pair=bep.2" in tab.url
    tab.keyboard.press("j")
    tab.wait_for_url("**pair=bep.1**")
    tab.focus('.penman .n[tabindex="0"]')
    tab.keyboard.press("ArrowDown")
    assert tab.evaluate("document.activeElement.dataset.n") == "1"
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#list a")
    assert tab.is_visible("#browse")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_sideways_scrolling(show: Show, scheme: str) -> None:
    seen = show(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert not seen.too_wide()
    dark = seen.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 22)"
    assert dark == (scheme == "dark")
    for name in ("vuon.3", "vuon.4"):
        seen.open(name)
        assert not seen.too_wide()
        tops = [box["y"] for box in (side.bounding_box() for side in seen.tab.locator(".texts .side").all())]
        assert tops[0] < tops[1]  # one above the other
        seen.tab.click("#back")


def test_vietnamese(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFT_LANG", "vi")
    seen = show(built(pairs_of()))
    assert seen.tab.get_attribute("html", "lang") == "vi"
    assert "Báo cáo Smatch" in seen.tab.inner_text("h1")
    assert "5 / 5 đồ thị" in seen.tab.inner_text("#tally")
    seen.open("vuon.5")
    assert "đã sửa" in seen.tab.inner_text(".problems")


def test_a_frame_that_stands_for_a_relation_is_told_apart(show: Show) -> None:
    rows = [
        ("a", "Mèo xám .", "(m / mèo :ARG1-of (h / have-mod-91 :ARG2 (x / xám)))", "(m / mèo :mod (x / xám))")
    ]
    seen = show(built(pairs_of(rows, "amr"), "amr"), after="#pair=a")
    assert seen.tab.locator(".penman .silent").all_inner_texts() == ["have-mod-91"]
    assert seen.tab.locator(".penman mark").count() == 0
    assert seen.tab.locator(".graph .node.silent").count() == 1


def test_a_long_list_is_made_as_one_scrolls(show: Show) -> None:
    row = pairs_of()[1]
    pairs = [page.Pair(f"dòng.{k}", f"Câu thứ {k} .", row.pred, row.gold, row.score) for k in range(1200)]
    seen = show(built(pairs, scored=9))  # the figures in the head do not matter here
    shown = seen.tab.locator("#list li").count()
    assert 60 <= shown <= 300
    seen.tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    # A function to wait for is text for `eval`, which the page's own policy forbids.
    seen.tab.locator("#list li").nth(shown).wait_for(state="attached")
    assert seen.find("1199") == ["dòng.1199"]
    # Back from a pair far down, the list has grown to it.
    seen.tab.goto(seen.address + "#pair=dòng.1199&sort=file")
    seen.tab.click("#back")
    assert seen.tab.evaluate("document.activeElement.dataset.key") == "dòng.1199"


def test_problems_without_a_place_or_message_need_none(show: Show) -> None:
    graph = penman.read("(m / mở)").graph
    found = Problem("renamed", 0, 0, "variable renamed", "error")
    pair = page.Pair(
        "",
        "",
        page.Side(graph, "Task 2: (m / mở)", (found,), True),
        page.Side(graph),
        score_pair(graph, graph),
    )
    seen = show(built([pair]), after="#pair=%231")
    assert "line 0" not in seen.tab.inner_text("#pair") and "variable renamed" in seen.tab.inner_text(
        ".problems"
    )
    assert seen.tab.inner_text("#pair h2") == "mở"


def test_a_view_with_open_pairs_is_named_so() -> None:
    task1 = report.brief([], "smatch") | {"n": 5, "proven": 3}
    names = [name for name, _figures in data_of(built(pairs_of(), task1=task1))["summary"]["views"]]
    assert "Task 1 (structure) (2 pairs open)" in names and "canonical text" in names


def test_an_open_pair_says_so(show: Show) -> None:
    pairs = pairs_of()
    open_score = replace(pairs[1].score, upper=pairs[1].score.matched + 1, proven=False, stage="open")
    pairs[1] = replace(pairs[1], score=open_score)
    value = {"proven": 4, "bounds": [0.5, 0.6]}
    seen = show(built(pairs, **value))
    assert "1 pairs are open: F1 lies in 0.5000 – 0.6000" in seen.tab.inner_text("#overview")
    seen.tab.check("#only-open")
    assert seen.ids() == ["bep.2"]
    seen.open("bep.2")
    assert "not proven: between 5 and 6 triples match" in seen.tab.inner_text("#pair")


def test_what_is_vietnamese_is_marked_as_such(show: Show) -> None:
    rows = [
        (name, text, "(m / mở)", "(m / mở)")
        for name, text in (("a", "Con chó sủa ."), ("b", "The dog barks ."), ("c", "Đi !"))
    ]
    seen = show(built(pairs_of(rows)))
    languages = seen.tab.locator("#list .sentence").evaluate_all("all => all.map(one => one.lang)")
    assert languages == ["vi", "", "vi"]


def test_a_graph_is_copied_as_penman_without_the_marks(show: Show) -> None:
    gold = '(m / mua :agent (c / cô giáo) :theme (x / xe :name "Thống Nhất" :poss c) :polarity -)'
    seen = show(built(pairs_of([("a", "", "(m / bán)", gold)])), after="#pair=a")
    seen.tab.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; }")
    seen.tab.click('[data-side="gold"] .copy')
    graph = penman.read(gold).graph
    assert graph and seen.tab.evaluate("window.copied") == penman.to_penman(graph, indent=4)
    assert seen.tab.inner_text('[data-side="gold"] .copy') == "Copied"


@pytest.mark.parametrize("shape", ["deep", "wide"])
def test_a_runaway_answer_can_be_opened(show: Show, shape: str) -> None:
    many = 1200
    nodes = [f"(n{k} / nằm" for k in range(many)]
    text = (
        " :theme ".join(nodes) + ")" * many
        if shape == "deep"
        else " :op1 ".join([nodes[0], *(n + ")" for n in nodes[1:])]) + ")"
    )
    seen = show(built([pairs_of([("a", "", text, "(n / nằm)")])[0]]), after="#pair=a")
    assert seen.tab.locator(".graph .node").count() == many + 1
    assert not seen.too_wide()
