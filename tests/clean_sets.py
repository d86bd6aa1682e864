"""Invented rows without a fault, of several kinds, for tests that plant one."""

import random
from itertools import product

from sft.checks.survey import Facts
from sft.splits import split

PEOPLE = [f"{a} {b}" for a, b in product(("Lan", "Minh", "Hoa", "Nam", "Mai", "Tú"), ("áo đỏ", "áo xanh"))]
THINGS = ["quả xoài", "con mèo", "cái ghế", "chiếc xe", "bức tranh", "cây bút", "hộp sữa", "quyển vở"]
VERBS = ["mua", "bán", "tìm", "giữ"]
PLACES = ["ở chợ", "trong vườn", "ngoài ngõ", "bên sông", "trên đồi", "cạnh trường"]
TIMES = ["hôm qua", "sáng nay", "tuần trước", "mùa hè", "buổi trưa"]
CITIES = "Huế Vinh Lạng_Sơn Cần_Thơ Hội_An Đà_Lạt Nha_Trang Sa_Pa Hạ_Long Quy_Nhơn".replace(
    " ", "\n"
).replace("_", " ")


def sided(rows: list[tuple[str, str]], *, closed: bool = True, context: str = "") -> list[Facts]:
    """Return facts of (question, answer) rows, split as a preparation does."""
    sides = split([question for question, _answer in rows], 0.2, 42)
    return [
        Facts(f"r{n}", question, answer, context, answer if closed else "", side)
        for n, ((question, answer), side) in enumerate(zip(rows, sides, strict=True))
    ]


def statements(rows: int = 400, seed: int = 3) -> list[tuple[str, str]]:
    """Return distinct statements whose label no word gives away: it is drawn, not derived."""
    every = [" ".join(parts) for parts in product(PEOPLE, VERBS, THINGS, PLACES, TIMES)]
    chosen = random.Random(seed).sample(every, rows)
    return [(f"{text}.", "Đúng" if n % 2 else "Sai") for n, text in enumerate(chosen)]


def questions(rows: int = 300, seed: int = 3) -> list[tuple[str, str]]:
    """Return questions with a free answer that they do not hold."""
    cities = CITIES.split("\n")
    pairs = list(
        product(
            ("Chợ", "Ga", "Bưu điện", "Trường", "Bến xe", "Thư viện"),
            cities,
            ("mấy giờ mở cửa", "nằm ở phố nào"),
        )
    )
    rng = random.Random(seed)
    return [
        (f"{what} {city} {asked}?", f"{what} {city} thì {rng.choice(PLACES)}, số nhà {rng.randrange(900)}.")
        for what, city, asked in rng.sample(pairs, min(rows, len(pairs)))
    ]


def readings(rows: int = 120, seed: int = 3) -> list[Facts]:
    """Return questions about contexts; each context serves three and stays on one side."""
    rng = random.Random(seed)
    out = []
    for n in range(rows // 3):
        place, city = rng.choice(THINGS), rng.choice(CITIES.split("\n"))
        words = [
            " ".join(rng.choice((*VERBS, *THINGS, *PLACES, *TIMES)) for _n in range(12)) for _m in range(4)
        ]
        context = f"Ngày {n} ở {city}, {place}. " + ". ".join(words)
        side = "valid" if n % 5 == 0 else "train"
        out += [
            Facts(f"c{n}-{m}", asked, f"Vì {rng.choice(words)}", context, "", side)
            for m, asked in enumerate((
                "Ai có mặt?",
                f"{place.capitalize()} để làm gì?",
                f"Ở {city} có gì lạ?",
            ))
        ]
    return out
