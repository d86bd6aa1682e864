"""Which row trains and which row validates: a rule of hashes, so that a split survives added rows.

A row's side depends on its comparison key and the seed alone. Rows with one key are always on one side,
whatever their order, and adding rows never moves the old ones (but for the fallbacks of `split`, which act only
where a side would stay empty).
"""

import heapq
from array import array
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from sft.errors import SettingsError
from sft.i18n import _

TRAIN, VALID = "train", "valid"
_RANGE = 2.0**64


def _hash(text: str, seed: int, purpose: bytes) -> int:
    """Return 64 bits of `text`; each purpose has hashes of its own, so that a sample is not a split."""
    digest = blake2b(f"{seed}\0{text}".encode(), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big")


def assign(key: str, fraction: float, seed: int) -> bool:
    """Tell whether `key` belongs to the validation side.

    >>> [assign("sốt cao", f, 42) for f in (0.0, 1.0)]
    [False, True]
    """
    return _hash(key, seed, b"split") < fraction * _RANGE


def split(keys: Sequence[str], fraction: float, seed: int, labels: Sequence[str] | None = None) -> list[str]:
    """Return "train" or "valid" for each row, by `assign` on its key.

    Neither side stays empty when there are two distinct keys and `fraction` > 0: the key with the smallest
    hash moves to validation, or the one with the largest to training. With `labels` the same holds for each
    label: one with two or more keys is in training, and one whose share of `fraction` comes to a whole key is
    in validation too. A single key trains, and so does that of a label where labels are classes: at most one for two
    keys. Raises `SettingsError` when `fraction` is not in [0, 1).
    """
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    codes = {label: code for code, label in enumerate(sorted(set(labels or ())))}
    valid = sides(
        [number[key] for key in keys],
        [rank(key, seed) for key in keys],
        fraction,
        [codes[label] for label in labels] if labels is not None else None,
    )
    return [VALID if side else TRAIN for side in valid]


def rank(key: str, seed: int) -> int:
    """Return the 64 bits that decide the side of a key.

    >>> rank("sốt cao", 42) < 2**64
    True
    """
    return _hash(key, seed, b"split")


def sides(
    groups: Sequence[int], ranks: Sequence[int], fraction: float, labels: Sequence[int] | None = None
) -> bytearray:
    """Return 1 for each row that validates: rows of one group go together, by the least rank among them.

    The rule and its fallbacks are those of `split`; `labels` are codes in the order of their names.
    """
    require_share(fraction)
    least: dict[int, int] = {}
    for group, own in zip(groups, ranks, strict=True):
        if own < least.get(group, 1 << 64):
            least[group] = own
    valid = {group for group, own in least.items() if own < fraction * _RANGE}
    if fraction > 0:
        classes = _by_label(groups, labels) if labels is not None else []
        for rows in classes:
            _fill(valid, rows, least, fraction)
            if 2 * len(classes) <= len(least) and len(set(rows)) == 1:
                valid.discard(rows[0])
        _fill(valid, least, least, 1.0)
    if len(least) == 1:
        valid.clear()
    return bytearray(group in valid for group in groups)


def require_share(fraction: float) -> None:
    """Raise `SettingsError` when `fraction` is not in [0, 1)."""
    if not 0 <= fraction < 1:
        raise SettingsError(
            _("validation share {value} is not in [0, 1)").format(value=fraction),
            hint=_("0.1 keeps a tenth of the rows for validation, 0 keeps none"),
        )


def _by_label(groups: Sequence[int], labels: Sequence[int]) -> "list[array[int]]":
    found: dict[int, array[int]] = {}
    for group, label in zip(groups, labels, strict=True):
        found.setdefault(label, array("L")).append(group)
    return [found[label] for label in sorted(found)]


def _fill(valid: set[int], rows: Iterable[int], ranks: Mapping[int, int], fraction: float) -> None:
    """Move one of the groups of `rows` where a side would stay empty; training wins over validation."""
    inside = any(group in valid for group in rows)
    outside = any(group not in valid for group in rows)
    if inside and outside:
        return
    own = set(rows)
    if len(own) < 2:
        return
    if not inside and len(own) * fraction >= 1:
        valid.add(min(own, key=lambda group: (ranks[group], group)))
    elif not outside:
        valid.discard(max(own, key=lambda group: (ranks[group], group)))


def sample(ids: Iterable[str], limit: int, seed: int) -> list[str]:
    """Return `limit` of the `ids` (all of them when there are fewer), in their own order.

    The choice is by hash: it depends on the seed, not on the order, and a larger limit keeps what a smaller one
    chose.

    >>> sample([str(n) for n in range(9)], 3, seed=42) == sample([str(n) for n in range(9)], 3, seed=42)
    True
    """
    every = list(ids)
    if limit >= len(every):
        return every
    chosen = set(heapq.nsmallest(max(0, limit), every, key=lambda i: (_hash(i, seed, b"sample"), i)))
    return [i for i in every if i in chosen]
