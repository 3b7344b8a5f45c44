import numpy as np
import pytest

from hierclf.discovery import (
    ClassDistances,
    discover,
    discover_taxonomy,
    distances_from_embeddings,
    hierarchies,
)
from hierclf.discovery.hierarchy import Hierarchy
from hierclf.errors import ConfigError, DataError, UnknownName
from hierclf.taxonomy import Taxonomy, check_taxonomy, parse_taxonomy


def planted(*, seed=0, images=20, width=96, noise=1.0):
    """Two groups of three pairs: classes aa, ab, ba, … are near by their first letter, and all but z by the group."""
    source = np.random.default_rng(seed)
    far, near = source.normal(size=(2, width)) * 3, source.normal(size=(6, width)) * 1.5
    classes = [f"{letter}{number}" for letter in "abcdef" for number in range(3)]
    centre = np.stack([far[i // 9] + near[i // 3] + source.normal(size=width) * 0.5 for i in range(18)])
    labels = np.repeat(classes, images)
    return np.repeat(centre, images, axis=0) + noise * source.normal(size=(len(labels), width)), labels


def sets(taxonomy):
    return {frozenset(taxonomy.leaves_below(node)) for node in taxonomy.internal_nodes}


def test_a_planted_hierarchy_is_found():
    found = discover(distances_from_embeddings(*planted()), bootstraps=20)
    classes = sorted(found.taxonomy.leaves)
    fine = {frozenset(name for name in classes if name[0] == letter) for letter in "abcdef"}
    coarse = {frozenset(name for name in classes if name[0] in half) for half in ("abc", "def")}
    assert sets(found.taxonomy) == fine | coarse | {frozenset(classes)}
    assert set(found.support) == set(found.taxonomy.internal_nodes) - {found.taxonomy.root}
    assert all(share >= 0.7 for share in found.support.values())


def test_the_file_reads_back_and_says_how_sure_it_is(tmp_path):
    found = discover(distances_from_embeddings(*planted()), bootstraps=10)
    found.to_yaml(tmp_path / "t.yaml")
    text = (tmp_path / "t.yaml").read_text()
    assert not check_taxonomy(tmp_path / "t.yaml")
    assert parse_taxonomy(text) == found.taxonomy
    assert text.count("# support ") == len(found.support) == 8


def test_the_same_seed_gives_the_same_text():
    first, second = (discover(distances_from_embeddings(*planted()), bootstraps=10, seed=3).format() for _ in range(2))
    assert first == second
    shuffled = np.random.default_rng(1).permutation(360)
    embeddings, labels = planted()
    again = discover(distances_from_embeddings(embeddings[shuffled], labels[shuffled]), bootstraps=10, seed=3)
    assert again.format() == first


def test_noise_alone_gives_a_star_or_groups_that_are_dropped():
    source = np.random.default_rng(0)
    found = discover(
        distances_from_embeddings(source.normal(size=(300, 32)), np.repeat(np.arange(15), 20)), bootstraps=20
    )
    assert len(found.taxonomy.internal_nodes) == 1


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("images", [1, 2])
def test_few_classes_stand_side_by_side_or_in_a_group(classes, images):
    source = np.random.default_rng(0)
    labels = np.repeat([f"c{i}" for i in range(classes)], images)
    found = discover(distances_from_embeddings(source.normal(size=(len(labels), 4)), labels), bootstraps=5)
    assert sorted(found.taxonomy.leaves) == sorted(set(labels))


def test_without_images_to_draw_from_there_is_no_support():
    embeddings, labels = planted(images=1, noise=0.01)
    found = discover(distances_from_embeddings(embeddings, labels))
    assert found.support == {}
    assert "single embedding" in found.notes[0]
    assert frozenset({"a0", "a1", "a2"}) in sets(found.taxonomy)


def test_weak_groups_are_merged_into_their_parent():
    embeddings, labels = planted(images=4, noise=6.0)
    distances = distances_from_embeddings(embeddings, labels)
    loose = discover(distances, bootstraps=30, support=0, ratio=1)
    strict = discover(distances, bootstraps=30, support=0.9, ratio=1)
    assert len(strict.hierarchy.clades) < len(loose.hierarchy.clades)
    assert strict.hierarchy.clades < loose.hierarchy.clades
    assert strict.dropped
    assert all(clade.support < 0.9 for clade in strict.dropped)
    assert {frozenset(clade.members) for clade in strict.dropped}.isdisjoint(sets(strict.taxonomy))


def test_no_node_has_more_children_than_the_limit():
    embeddings, labels = planted(images=3, noise=5.0)
    distances = distances_from_embeddings(embeddings, labels)
    widest = {limit: discover(distances, bootstraps=0, largest=limit, ratio=0.05).taxonomy for limit in (2, 5, None)}
    assert max(len(widest[5].children(node)) for node in widest[5].nodes) <= 5
    assert max(len(widest[2].children(node)) for node in widest[2].nodes) <= 2
    assert len(widest[None].children("root")) == 18


def test_a_limit_takes_no_group_without_support():
    source = np.random.default_rng(0)
    distances = distances_from_embeddings(source.normal(size=(300, 32)), np.repeat(np.arange(30), 10))
    found = discover(distances, bootstraps=20, largest=4)
    assert all(share >= 0.7 for share in found.support.values())


def test_names_in_the_way_of_the_root_are_stepped_around():
    found = discover_taxonomy(np.eye(3), ["root", "a", "b"])
    assert found.root == "anything"
    before = Taxonomy.from_edges({"things": ["root", "a", "b"]})
    assert discover(distances_from_embeddings(np.eye(3), ["root", "a", "b"]), before=before).taxonomy.root == "things"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bootstraps": -1}, "bootstraps"),
        ({"support": 1.5}, "support"),
        ({"largest": 1}, "largest"),
        ({"smallest": 1}, "smallest"),
        ({"second": -0.1}, "second"),
        ({"ratio": 0}, "ratio"),
        ({"rato": 0.5}, "did you mean 'ratio'"),
        ({"ratio": "x"}, "ratio"),
        ({"bootstraps": 2.5}, "bootstraps"),
        ({"bootstraps": True}, "bootstraps"),
        ({"support": None}, "support"),
        ({"largest": "x"}, "largest"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"second": float("nan")}, "second"),
        ({"second": "x"}, "second"),
        ({"root": "a"}, "root"),
        ({"root": 3}, "root"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        discover_taxonomy(np.eye(3), ["a", "b", "c"], **settings)


def test_a_mistyped_method_gets_a_hint():
    with pytest.raises(UnknownName, match="did you mean 'average'"):
        discover_taxonomy(np.eye(3), ["a", "b", "c"], method="averge")


@pytest.mark.parametrize("method", ["average", "complete", "single", "weighted", "ward", "centroid", "median"])
def test_every_linkage_finds_what_is_plain(method):
    embeddings, labels = planted(noise=0.2)
    found = discover_taxonomy(embeddings, labels, method=method, bootstraps=5)
    assert {frozenset(f"{letter}{i}" for i in range(3)) for letter in "abcdef"} <= sets(found)


def test_linkages_of_points_need_points():
    bare = ClassDistances(classes=("a", "b"), distance_P=np.ones(1))
    with pytest.raises(DataError, match="needs points"):
        discover(bare, method="ward")


def test_a_hierarchy_is_built_from_its_groups_in_any_order():
    one = Hierarchy.of(tuple("abcde"), [(0, 1, 2), (0, 1)], [2.0, 1.0, 3.0])
    two = Hierarchy.of(tuple("abcde"), [(1, 0), (2, 1, 0)], [1.0, 2.0, 3.0])
    assert one.clades == two.clades == {frozenset({0, 1}), frozenset({0, 1, 2})}
    assert one.height_N[one.root] == two.height_N[two.root] == 3
    assert one.parent_N[0] == 7
    assert one.children(one.root) == (3, 4, 6)


def test_ways_are_listed():
    assert hierarchies.names[0] == "average"


def test_a_later_run_keeps_the_names_that_a_person_gave():
    distances = distances_from_embeddings(*planted())
    first = discover(distances, bootstraps=0).taxonomy
    group = first.parents("a0")[0]
    edited = Taxonomy.from_edges([tuple("vowels" if node == group else node for node in edge) for edge in first.edges])
    again = discover(distances, bootstraps=5, before=edited)
    assert again.taxonomy.parents("a0") == ("vowels",)
    assert again.support["vowels"] == 1
    assert "vowels" in again.medoid


def test_the_file_says_how_it_was_found():
    found = discover(distances_from_embeddings(*planted()), bootstraps=10, ratio=0.8)
    lines = found.format().splitlines()
    assert "# Found by hierclf discover (average, ratio 0.8); edit it freely." in lines
    assert any("10 draws" in line for line in lines)


def between(seed=0):
    """Three groups of three, and two classes in the middle between the first two."""
    source = np.random.default_rng(seed)
    centre = source.normal(size=(3, 64))
    means = {f"{letter}{i}": centre[place] for place, letter in enumerate("abc") for i in range(3)}
    means["x"] = (centre[0] + centre[1]) / 2
    labels = np.repeat(list(means), 30)
    spread = np.array([mean + 0.2 * source.normal(size=64) for mean in means.values()])
    return np.repeat(spread, 30, axis=0) + source.normal(size=(len(labels), 64)), labels


def test_a_class_between_two_groups_gets_a_second_parent():
    distances = distances_from_embeddings(*between())
    tree = discover(distances, bootstraps=20)
    assert tree.taxonomy.is_tree
    assert tree.second == ()
    both = discover(distances, bootstraps=20, second=0.5)
    above = {leaf for node in both.taxonomy.parents("x") for leaf in both.taxonomy.leaves_below(node)}
    assert len(both.taxonomy.parents("x")) == 2
    assert {"a0", "a1", "a2", "b0", "b1", "b2"} <= above
    assert "c0" not in above
    assert {leaf for leaf, _, _ in both.second} == {"x"}
    assert all(0.5 <= share <= 1 for _, _, share in both.second)
    assert not check_taxonomy(both.format())
    assert "x is as near to" in both.format()


def test_without_a_class_between_there_is_no_second_parent():
    distances = distances_from_embeddings(*planted())
    assert discover(distances, bootstraps=10, second=0.2).taxonomy == discover(distances, bootstraps=10).taxonomy
