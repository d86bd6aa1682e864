"""Maximum-weight partial assignment: the sparse Hungarian method with potentials, in whole numbers."""

from heapq import heappop, heappush


def assign(rows: list[list[int]], weight: list[int], n2: int) -> tuple[int, list[int], list[int], list[int]]:
    """Return the best total, the cell chosen per row (-1: none) and the potentials of rows and columns.

    `rows` lists the cells (``row * n2 + column``) each row may take. The potentials are a dual solution:
    ``row + column >= weight`` for every cell, none is negative, and their sum is the total. Ties go to the first cell.
    """
    price = [0] * len(rows)
    cost = [0] * n2
    owner = [-1] * n2
    choice = [-1] * len(rows)
    waiting = []
    for i, cells in enumerate(rows):
        if cells:
            values = [weight[p] for p in cells]
            best = max(values)
            if best > 0:
                price[i] = best
                p = cells[values.index(best)]
                j = p - i * n2
                if owner[j] < 0:
                    owner[j] = i
                    choice[i] = p
                else:
                    waiting.append(i)
    for i in waiting:
        _augment(i, rows, weight, n2, price, cost, owner, choice)
    return sum(price) + sum(cost), choice, price, cost


def _augment(
    start: int,
    rows: list[list[int]],
    weight: list[int],
    n2: int,
    price: list[int],
    cost: list[int],
    owner: list[int],
    choice: list[int],
) -> None:
    """Bring row `start` into the assignment along the cheapest alternating path."""
    best = price[start]  # the cost of leaving a row of the tree without a column
    last, end = start, -1
    heap: list[int] = []
    distance: dict[int, int] = {}
    reached: dict[int, int] = {}
    tree_rows = [(start, 0)]
    tree_columns = []
    i, base = start, 0
    while True:
        offset = i * n2
        shift = base + price[i]
        for p in rows[i]:
            d = shift - weight[p]
            if d < best:
                j = p - offset
                d += cost[j]
                if d < best:
                    if owner[j] < 0:
                        best, end = d, p
                    elif j not in distance or d < distance[j]:
                        distance[j] = d
                        reached[j] = p
                        heappush(heap, d * n2 + j)
        while heap:
            base, j = divmod(heappop(heap), n2)
            if distance[j] == base:
                break
        else:
            break
        if base >= best:
            break
        distance[j] = -1
        tree_columns.append((j, base))
        i = owner[j]
        tree_rows.append((i, base))
        if base + price[i] < best:
            best, last, end = base + price[i], i, -1
    for i, base in tree_rows:
        price[i] -= best - base
    for j, base in tree_columns:
        cost[j] += best - base
    if end < 0:
        if last == start:
            return
        j = choice[last] - last * n2
        choice[last] = -1
        end = reached[j]
    while True:
        i, j = divmod(end, n2)
        old = choice[i]
        choice[i] = end
        owner[j] = i
        if i == start:
            return
        end = reached[old - i * n2]
