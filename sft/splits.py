"""Which row trains and which row validates: a rule of hashes, so that a split survives added rows.

A row's side depends on its comparison key and the seed alone. Rows with one key are always on one side,
whatever their order, and adding rows never moves the old ones (but for the fallbacks of `split`, which act only
where a side would stay empty).
"""

import heapq
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
    in validation too. A single key trains. Raises `SettingsError` when `fraction` is not in [0, 1).
    """
    if not 0 <= fraction < 1:
        raise SettingsError(
            _("validation share {value} is not in [0, 1)").format(value=fraction),
            hint=_("0.1 keeps a tenth of the rows for validation, 0 keeps none"),
        )
    ranked = {key: _hash(key, seed, b"split") for key in dict.fromkeys(keys)}
    valid = {key for key, rank in ranked.items() if rank < fraction * _RANGE}
    if fraction > 0:
        for group in _label_groups(keys, labels) if labels is not None else ():
            _fill(valid, {key: ranked[key] for key in group}, need_valid=len(group) * fraction >= 1)
        _fill(valid, ranked, need_valid=True)
    if len(ranked) == 1:
        valid.clear()
    return [VALID if key in valid else TRAIN for key in keys]


def _label_groups(keys: Sequence[str], labels: Sequence[str]) -> list[dict[str, None]]:
    groups: dict[str, dict[str, None]] = {}
    for key, label in zip(keys, labels, strict=True):
        groups.setdefault(label, {})[key] = None
    return [groups[label] for label in sorted(groups)]


def _fill(valid: set[str], ranked: Mapping[str, int], *, need_valid: bool) -> None:
    """Move one key where a side of this group would stay empty; training wins over validation."""
    if len(ranked) < 2:
        return
    order = lambda key: (ranked[key], key)
    inside = valid & ranked.keys()
    if not inside and need_valid:
        valid.add(min(ranked, key=order))
    elif len(inside) == len(ranked):
        valid.discard(max(ranked, key=order))


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
