"""Figures of a file of graphs."""

import json

import pytest

from sft.amr.figures import stats
from sft.errors import DataError

FILE = (
    "# ::id 1\n# ::snt bé muốn ngủ .\n(m / muốn-01\n  :agent (b / bé)\n  :theme (n / ngủ :agent b :polarity -))\n\n"
    "# ::snt bé  muốn ngủ .\n(x / xe đạp :mod (x2 / xe_đạp) :quant 2\n\n# ::snt ơ\n"
)


def test_the_figures() -> None:
    done = stats(FILE)
    assert (done.records, done.graphs, done.unparsable, done.repaired) == (3, 2, 1, 1)
    assert (done.sentences, done.distinct_sentences) == (3, 2)
    assert done.tokens_mean == pytest.approx(3)
    assert (done.nodes, done.nodes_mean, done.nodes_median, done.nodes_max) == (5, 2.5, 2.5, 3)
    assert (done.edges, done.attributes, done.references, done.reentrant) == (4, 2, 1, 1)
    assert (done.depth_mean, done.depth_max) == (2, 2)
    assert (done.concepts, done.frames, done.roles) == (5, 1, 5)
    assert (done.blanks, done.underscores) == (1, 1)
    assert done.frequent_roles[0] == (":agent", 2)
    assert done.kinds == {"missing_bracket": 1, "no_graph": 1, "space_in_concept": 1}
    assert done.headers == {"snt": 3, "id": 1}
    assert json.loads(json.dumps(done.as_dict()))["frequent_roles"][0] == [":agent", 2]


def test_without_any_graph_and_without_any_record() -> None:
    done = stats("#::snt ơ\n\n#::snt à\n")
    assert (done.records, done.graphs, done.nodes_mean, done.depth_max) == (2, 0, 0, 0)
    with pytest.raises(DataError):
        stats("")
