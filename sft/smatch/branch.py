"""Find the best mapping and prove it: assignment, then the edge-credit bound, then branch and bound."""

from collections.abc import Callable
from time import perf_counter

from sft.smatch.assign import assign
from sft.smatch.bound import Relaxation
from sft.smatch.climb import climb
from sft.smatch.edges import EdgePairs
from sft.smatch.pairs import NOWHERE, ONE, Neighbours, Problem

BLOCK, CHILD_BLOCK = 20, 10  # rounds of the bound that must bring something, at the root and below
WORTH = ONE // 20  # what a block must take off the bound to be followed by another
MOST_ROUNDS = 400
PACE = 1.5  # of the steps at the root; children start at half of it, from their parent's shares
CLIMBS = (2, 4, 8, 12, 16, 24, 32, 40)  # the rounds whose mapping is improved by local search


class Solution:
    """What is known of one problem: the best mapping found, its score, an upper bound, and what closed it."""

    __slots__ = ("lower", "mapping", "stage", "upper")

    def __init__(self, lower: int, upper: int, mapping: list[int], stage: str) -> None:
        self.lower = lower
        self.upper = upper
        self.mapping = mapping
        self.stage = stage


def solve(problem: Problem, time_limit: float | None = None) -> Solution:
    """Return the best mapping of `problem`; unless `time_limit` seconds pass, `upper` equals `lower`."""
    n2, weight = problem.n2, problem.weight
    rows, total, choice, price, cost = _first(problem)
    mapping = [p % n2 if p >= 0 else NOWHERE for p in choice]
    upper = problem.fixed + total // ONE
    lower = problem.score(mapping)
    if lower == upper:
        return Solution(lower, upper, mapping, "assignment")
    near = Neighbours(problem)
    start = -1
    rows = rows or problem.rows()
    while start < lower:  # what cannot beat the mapping goes; a better mapping sends more
        start = lower
        slack = total - (lower + 1 - problem.fixed) * ONE
        for i, cells in enumerate(rows):
            limit, offset = price[i] - slack, i * n2
            rows[i] = [p for p in cells if limit + cost[p - offset] <= weight[p]]
        if choice:
            choice = []
            mapping, lower = climb(problem, near, rows, mapping, lower)
            if lower == upper:
                return Solution(lower, upper, mapping, "climb")
    search = _Search(problem, near, mapping, lower, time_limit)
    return search.run(Relaxation(problem, EdgePairs(problem, near, rows), rows), upper)


def _first(problem: Problem) -> tuple[list[list[int]], int, list[int], list[int], list[int]]:
    """Return the candidate cells and the best assignment on their weights, as `assign` does.

    Often that is simply the best cell of every row; then the candidate cells are not looked up.
    """
    n2, weight = problem.n2, problem.weight
    price = []
    choice = []
    for start in range(0, problem.n1 * n2, n2):
        row = weight[start : start + n2]
        best = max(row)
        price.append(best)
        choice.append(start + row.index(best) if best else -1)
    columns = [p % n2 for p in choice if p >= 0]
    if len(set(columns)) < len(columns):
        rows = problem.rows()
        return rows, *assign(rows, weight, n2)
    return [], sum(price), choice, price, [0] * n2


class _Search:
    """Depth-first branch and bound over relaxations."""

    def __init__(
        self, problem: Problem, near: Neighbours, mapping: list[int], lower: int, time_limit: float | None
    ) -> None:
        self.problem = problem
        self.near = near
        self.mapping = mapping
        self.lower = lower
        self.late: Callable[[], bool] = _clock(time_limit)

    def run(self, root: Relaxation, upper: int) -> Solution:
        """Search the whole tree below `root`, whose bound is at most `upper`."""
        bound = min(upper, self._tighten(root, upper, BLOCK, PACE))
        stage = "bound"
        stack = [(bound, root)]
        while stack and not self.late():
            bound, node = stack.pop()
            if bound <= self.lower:
                continue
            stage = "branch"
            p = node.doubt()
            if p < 0:
                self._offer(node.rest())
                continue
            for child in self._children(node, p):
                limit = self._tighten(child, bound, CHILD_BLOCK, PACE / 2)
                if limit > self.lower:
                    stack.append((limit, child))
        upper = max([self.lower] + [bound for bound, _ in stack])
        return Solution(self.lower, upper, self.mapping, stage if upper == self.lower else "open")

    @staticmethod
    def _children(node: Relaxation, p: int) -> tuple[Relaxation, Relaxation]:
        n2 = node.problem.n2
        without, forced = node.copy(), node
        without.drop([p])
        j = p % n2
        rivals = [q for q in node.rows[p // n2] if q != p]
        rivals += [q for cells in node.rows for q in cells if q % n2 == j and q != p and q not in rivals]
        forced.drop(rivals)
        return without, forced

    def _tighten(self, node: Relaxation, upper: int, block: int, pace: float) -> int:
        """Lower the bound of `node` until a block of rounds brings too little; return it.

        The mappings met on the way are offered.
        """
        best = mark = 1 << 62
        stale = 0
        for number in range(MOST_ROUNDS):
            upper = min(upper, node.solve())
            self._offer(node.mapping(), node.rows if number in CLIMBS else None)
            if upper <= self.lower or self.late():
                break
            if node.total < best:
                best, stale = node.total, 0
            else:
                stale += 1
                if stale > 3:
                    pace *= 0.6
                    stale = 0
            if number % block == block - 1:
                if mark - best < WORTH:
                    break
                mark = best
            node.fix(self.lower)
            if not node.shift(pace, self.lower):
                break
        return upper

    def _offer(self, mapping: list[int], rows: list[list[int]] | None = None) -> None:
        """Keep `mapping` when it is the best so far; local search on `rows` improves it first."""
        score = self.problem.score(mapping)
        if rows is not None:
            mapping, score = climb(self.problem, self.near, rows, mapping, score)
        if score > self.lower:
            self.lower, self.mapping = score, mapping


def _clock(time_limit: float | None) -> Callable[[], bool]:
    if time_limit is None:
        return lambda: False
    deadline = perf_counter() + time_limit
    return lambda: perf_counter() > deadline
