"""The closed English vocabulary of AMR: special frames and entity labels, used only to report misspellings.

Source: the public AMR guidelines (amr.isi.edu) and the labels of the VLSP data. Gold is never corrected.
"""

from functools import lru_cache

_LABELS = """
    amr-unknown amr-choice amr-empty amr-unintelligible multi-sentence
    date-entity date-interval ordinal-entity score-entity string-entity percentage-entity phone-number-entity
    email-address-entity url-entity emoticon byline-91 correlate-91 course-91 distribution-range-91 hyperlink-91
    publication-91 statistical-test-91 street-address-91 value-interval relative-position
    monetary-quantity distance-quantity area-quantity volume-quantity temporal-quantity frequency-quantity
    speed-quantity acceleration-quantity mass-quantity force-quantity pressure-quantity energy-quantity
    power-quantity charge-quantity potential-quantity resistance-quantity inductance-quantity
    magnetic-field-quantity magnetic-flux-quantity radiation-quantity concentration-quantity
    temperature-quantity score-quantity fuel-consumption-quantity seismic-quantity numerical-quantity
    rate-entity-91 have-rel-role-91 have-org-role-91 have-degree-91 have-quant-91 have-name-91 have-li-91
    have-mod-91 have-part-91 have-purpose-91 have-polarity-91 have-concession-91 have-condition-91
    have-frequency-91 have-extent-91 have-instrument-91 have-manner-91 have-ord-91 have-subevent-91
    have-value-91 include-91 request-confirmation-91 regardless-91 request-response-91 infer-91 say-01
    be-located-at-91 be-temporally-at-91 be-from-91 be-destined-for-91 be-polite-91
    contrast-01 obligate-01 possible-01 resemble-01 permit-01 recommend-01 cause-01 likely-01
"""
FRAMES = frozenset(_LABELS.split())
_STEMS = {frame: frame.rstrip("-0123456789") for frame in FRAMES}
_REAL = frozenset({"contract"})  # a PropBank frame one letter away from `contrast-01`


def _distance(a: str, b: str, limit: int) -> int:
    """Return the edit distance (a swap of neighbours counts one), or `limit` + 1 when it is greater."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        before, row = row, new
    return row[-1]


@lru_cache(maxsize=1 << 14)
def misspelt(concept: str) -> str:
    """Return the frame that `concept` seems to mean but does not spell, else ''.

    >>> misspelt("arm-unknown"), misspelt("obiligate-01"), misspelt("amr-unknown"), misspelt("contract-01")
    ('amr-unknown', 'obligate-01', '', '')
    """
    if "-" not in concept or len(concept) > 40 or not concept.isascii() or concept in FRAMES:
        return ""
    stem = concept.rstrip("-0123456789")
    if stem in _REAL or len(stem) < 7 or stem in _STEMS.values():
        return ""
    # Two letters of a short stem make another word: `contrary-01` and `assemble-02` are real.
    allowed = 1 if len(stem) < 12 else 2
    return min(
        (frame for frame, known in _STEMS.items() if _distance(stem, known, allowed) <= allowed), default=""
    )
