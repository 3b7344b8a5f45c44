import pytest

from hierclf.discovery import hierarchies
from hierclf.report.review.cuts import bars, local_cut_of


def test_the_cut_is_the_one_of_the_search(found):
    assert local_cut_of(found(method="complete", ratio=0.6)) == hierarchies["complete"](ratio=0.6)
    assert local_cut_of(found(method="kmeans", bootstraps=0)) is None
    assert local_cut_of(found(method="hdbscan")) is None


@pytest.mark.parametrize("ratio", [0.5, 0.85, 1.0])
def test_bars_are_what_the_cut_goes_by(found, ratio):
    discovery = found(24, bootstraps=0, ratio=ratio, largest=None)
    dendrogram = discovery.dendrogram
    height = bars(dendrogram, ratio)
    kept = {frozenset(dendrogram.members(node)): node for node in height}
    assert set(kept) == discovery.hierarchy.clades != set()
    for node in range(24, dendrogram.root):
        members = set(dendrogram.members(node))
        around = [dendrogram.root, *(other for group, other in kept.items() if group > members)]
        above = min(dendrogram.height_N[other] for other in around)
        bar = ratio * above * (len(members) - 1) / len(members)
        assert (dendrogram.height_N[node] < bar) == (node in height)
        if node in height:
            assert height[node] == pytest.approx(bar)
