import random

from clean_sets import statements

from sft.checks.cues import cue_rule


def test_negation_that_decides_is_named_with_its_score() -> None:
    rng = random.Random(1)
    rows = []
    for text, label in statements(500):
        odd = {"Sai": 0.6, "Đúng": 0.1}[label]
        rows.append((
            f"{text.lower()[:-1]} {rng.choice(('không', 'chỉ'))}"
            if rng.random() < odd
            else text.lower()[:-1],
            label,
        ))
    rule = cue_rule(rows)
    assert rule is not None and rule.fires
    assert set(rule.words[:2]) == {"không", "chỉ"} and rule.label == "Sai"
    assert 0.65 < rule.correct / rule.n < 0.85
    assert rule(f"lan {rule.words[0]} mua") == "Sai" and rule("lan mua") == "Đúng"
    assert all(hits <= n for n, hits in rule.found)


def test_a_clean_set_has_no_rule_and_other_sets_are_not_asked() -> None:
    for seed in range(6):
        rule = cue_rule([(text.lower(), label) for text, label in statements(300, seed)])
        assert rule is not None and not rule.fires
    assert cue_rule([("a", "x"), ("b", "y")]) is None
    assert cue_rule([(str(n), "xyz"[n % 3]) for n in range(100)]) is None
    assert cue_rule([]) is None
