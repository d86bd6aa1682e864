"""What is the same and what hangs together: texts as 64-bit hashes, rows of equal values, clusters of tied rows.

A hash of 0 stands for "has none" and ties nothing.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby


def hash64(*texts: str) -> int:
    r"""Return 64 bits of some texts, never 0; the same in every process.

    >>> hash64("a", "b") == hash64("a\0b") != hash64("ab")
    True
    """
    data = "\0".join(texts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, person=b"table").digest(), "big") or 1


def equal(values: Sequence[int], rows: Iterable[int]) -> Iterator[list[int]]:
    """Yield the rows that share a value other than 0, two or more at a time, each group in order, the first group first.

    >>> list(equal([7, 0, 5, 7, 0, 5, 9], range(7)))
    [[0, 3], [2, 5]]
    """
    order = sorted((row for row in rows if values[row]), key=values.__getitem__)
    groups = (list(group) for _value, group in groupby(order, values.__getitem__))
    yield from sorted((group for group in groups if len(group) > 1), key=lambda group: group[0])


def clusters(size: int, pairs: Iterable[tuple[int, int]]) -> "array[int]":
    """Return for each of `size` rows the first row it hangs together with, directly or over others.

    >>> list(clusters(5, [(1, 3), (3, 4)]))
    [0, 1, 2, 1, 1]
    """
    parent = array("I", range(size))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return array("I", map(root, range(size)))
