"""Match many pairs, on several cores when that pays; the result does not depend on how many."""

import os
from collections.abc import Callable, Sequence
from time import perf_counter

from sft.smatch.score import PairScore, match
from sft.smatch.triples import Triples

Sides = tuple[Triples | None, Triples | None]

PATIENCE = 0.3  # seconds of work alone before anything is shared out
WORTH = 0.6  # seconds that must seem to be left: starting processes takes about 0.2
CHUNKS = 12  # a process; small enough that all end together


def match_all(
    sides: Sequence[Sides],
    time_limit: float | None = None,
    progress: Callable[[int], None] | None = None,
    jobs: int = 1,
) -> list[PairScore]:
    """Return the match of every (prediction, gold) pair, in their order; `progress` gets the number done.

    With ``jobs > 1`` what is left of a long list is shared out to that many processes, the largest pairs first; 0
    means one per core. Processes are started anew, so a script that asks for them must guard its entry
    (``if __name__ == "__main__":``).
    """
    jobs = jobs or os.cpu_count() or 1
    sizes = [len(a.names) * len(b.names) if a and b else 0 for a, b in sides]
    left, done = sum(sizes), 0
    began = perf_counter()
    scores: list[PairScore] = []
    for number, (pred, gold) in enumerate(sides):
        if jobs > 1 and number < len(sides) - 1:
            passed = perf_counter() - began
            if passed > PATIENCE and passed * left > WORTH * done:
                return scores + _spread(sides[number:], sizes[number:], time_limit, progress, number, jobs)
        scores.append(match(pred, gold, time_limit))
        done += sizes[number]
        left -= sizes[number]
        if progress is not None:
            progress(number + 1)
    return scores


def _spread(
    sides: Sequence[Sides],
    sizes: Sequence[int],
    time_limit: float | None,
    progress: Callable[[int], None] | None,
    before: int,
    jobs: int,
) -> list[PairScore]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    most = sum(sizes) // (jobs * CHUNKS) + 1
    chunks: list[list[int]] = []
    room = 0
    for number in sorted(range(len(sides)), key=lambda k: (-sizes[k], k)):
        if room <= 0:
            chunks.append([])
            room = most
        chunks[-1].append(number)
        room -= sizes[number] + 1
    scores: dict[int, PairScore] = {}
    with ProcessPoolExecutor(min(jobs, len(chunks)), mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(_match_chunk, [sides[k] for k in chunk], time_limit): chunk for chunk in chunks}
        for task in as_completed(tasks):
            scores.update(zip(tasks[task], task.result(), strict=True))
            if progress is not None:
                progress(before + len(scores))
    return [scores[number] for number in range(len(sides))]


def _match_chunk(sides: Sequence[Sides], time_limit: float | None) -> list[PairScore]:
    return [match(pred, gold, time_limit) for pred, gold in sides]
