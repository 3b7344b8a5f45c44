import itertools
import random
from dataclasses import replace

import pytest

from hierclf.taxonomy.convert import load_taxonomy
from hierclf.taxonomy.difference import difference
from hierclf.taxonomy.taxonomy import Taxonomy
from tests.work import calls

BEFORE = Taxonomy.from_edges({"r": ["pets", "wild"], "pets": ["cat", "dog"], "wild": ["wolf", "lynx"]})


def test_nothing_changed():
    again = Taxonomy.from_edges({"r": ["wild", "pets"], "wild": ["lynx", "wolf"], "pets": ["dog", "cat"]})
    assert not difference(BEFORE, BEFORE)
    assert not difference(BEFORE, again)  # the order of children does not count
    assert str(difference(BEFORE, BEFORE)) == ""


def test_every_kind_of_change():
    after = Taxonomy.from_edges(
        {"r": ["home", "wild"], "home": ["cat", "dog"], "wild": ["lynx", "fox"], "cat": ["tabby"]}
    )
    found = difference(BEFORE, replace(after, keep=0.9, promise="cross", node_gates="none"))
    assert found.renamed == (("pets", "home"),)
    assert found.removed == ("wolf",)
    assert set(found.added) == {"fox", "tabby"}
    assert found.moved == ()
    assert found.changed == (("keep", None, 0.9), ("promise", None, "cross"), ("node_gates", None, "none"))
    shares = difference(BEFORE, replace(BEFORE, correct="none", false_discovery=0.1))
    assert str(shares) == "! correct: None became 'none'\n! false_discovery: None became 0.1"
    assert "~ pets is now called home" in str(found)
    assert found.to_dict()["removed"] == ("wolf",)


def test_a_second_parent_is_a_move():
    after = Taxonomy.from_edges([*BEFORE.edges, ("wild", "cat")])
    assert difference(BEFORE, after).moved == (("cat", ("pets",), ("pets", "wild")),)


def test_a_join_is_one_line_and_nothing_moved():
    after = Taxonomy.from_edges({"r": ["beast"], "beast": ["cat", "dog", "wolf", "lynx"]})
    found = difference(
        Taxonomy.from_edges([*BEFORE.edges, ("r", "rock")]), replace(after, edges=(*after.edges, ("r", "rock")))
    )
    assert str(found) == "& pets + wild joined into beast"
    assert (found.added, found.removed, found.moved) == (("beast",), ("pets", "wild"), ())
    assert found.joined == ((("pets", "wild"), "beast"),)


def test_what_joined_elsewhere_moved_too():
    before = Taxonomy.from_edges({"r": "pq", "p": "ghx", "g": "ab", "h": "cd", "q": "y"})
    after = Taxonomy.from_edges({"r": "pq", "p": "x", "q": "yi", "i": "abcd"})
    assert str(difference(before, after)) == "& g + h joined into i\n> i moved from p to q"
    assert str(difference(after, before)) == "/ i split into g + h\n> g moved from q to p\n> h moved from q to p"


def test_a_group_in_another_place_moved_too():
    before = Taxonomy.from_edges({"r": "pq", "p": "abx", "q": "y"})
    after = Taxonomy.from_edges({"r": "p", "p": "xq", "q": "yg", "g": "ab"})
    assert str(difference(before, after)) == "* g groups a + b\n> g moved from p to q\n> q moved from r to p"


def test_a_second_parent_that_came_or_went_is_one_line():
    before = Taxonomy.from_edges({"r": "gh", "g": "abc", "h": "d"})
    after = Taxonomy.from_edges({"r": "ghi", "g": "abc", "h": "d", "i": "ad"})
    assert str(difference(before, after)) == "* i groups a + d"
    assert str(difference(after, before)) == "< i dissolved"
    assert difference(after, before).dissolved == (("i", ("a", "d"), ""),)


def test_the_name_of_the_root_is_told_once():
    before, after = Taxonomy.from_edges({"r": "ab"}), Taxonomy.from_edges({"s": "ab"})
    assert str(difference(before, after)) == "~ r is now called s"
    assert difference(before, after).changed == (("root", "r", "s"),)
    above = Taxonomy.from_edges({"s": "rc", "r": "ab"})
    assert str(difference(before, above)) == "+ c\n+ s\n! root: 'r' became 's'"
    assert str(difference(above, before)) == "- c\n- s\n! root: 's' became 'r'"
    upside_down = Taxonomy.from_edges({"r": ["s", "a"], "s": "bc"})
    assert "> r moved from s to the top\n> s moved from the top to r" in str(difference(above, upside_down))


def test_long_lists_are_cut_and_names_with_a_plus_are_quoted():
    before = Taxonomy.from_edges({"r": "abcdefghij"})
    after = Taxonomy.from_edges({"r": ["x + 2", *"hij"], "x + 2": "abcdefg"})
    assert str(difference(before, after)) == "* x + 2 groups a + b + c + d + 3 more"
    assert difference(before, after).grouped == (("x + 2", tuple("abcdefg"), "r"),)
    split = Taxonomy.from_edges({"r": ["x + 1", "y", *"hij"], "x + 1": "abcd", "y": "efg"})
    assert str(difference(after, split)) == '/ x + 2 split into "x + 1" + y'


# ------------------------------------------------------------------------------------------------- one change at a time


def random_edges(rng: random.Random, prefix: str) -> dict[str, str]:
    """A random tree as a mapping from child to parent; every internal node has two children at least."""
    parent, inner = {}, [prefix]
    for number in range(rng.randint(3, 6)):
        parent[f"{prefix}g{number}"] = rng.choice(inner)
        inner.append(f"{prefix}g{number}")
    for number, node in enumerate([*inner, *inner, *rng.choices(inner, k=5)]):
        parent[f"{prefix}{number}"] = node
    return parent


def tree(*parents: dict[str, str]) -> Taxonomy:
    tops = {node for parent in parents for node in parent.values() if node not in parent}
    edges = [("root", top) for top in sorted(tops)]
    return Taxonomy(root="root", edges=tuple(edges + [(up, node) for parent in parents for node, up in parent.items()]))


def changed(rng: random.Random, parent: dict[str, str], prefix: str) -> tuple[dict[str, str], str]:
    """One random change and the line that tells of it."""
    inner = sorted(set(parent.values()) - {prefix})
    node, new = rng.choice(inner), f"{prefix}new"
    below = sorted(child for child, up in parent.items() if up == node)
    kind = rng.choice(["rename", "join", "join into", "split", "split off", "dissolve", "group", "move"])
    siblings = [other for other in inner if parent[other] == parent[node] and other != node]
    if kind.startswith("join") and siblings:
        other = rng.choice(siblings)
        home = new if kind == "join" else other
        after = {
            child: home if up in (node, other) else up for child, up in parent.items() if child not in (node, other)
        }
        return {**after, home: parent[node]}, f"& {min(node, other)} + {max(node, other)} joined into {home}"
    if kind == "rename":
        after = {new if child == node else child: new if up == node else up for child, up in parent.items()}
        return after, f"~ {node} is now called {new}"
    if kind == "dissolve":
        after = {child: parent[node] if up == node else up for child, up in parent.items() if child != node}
        return after, f"< {node} dissolved into {parent[node]}"
    part = sorted(rng.sample(below, rng.randint(1, len(below) - 1)))
    if kind == "group":
        shown = part if len(part) < 6 else [*part[:4], f"{len(part) - 4} more"]
        return {**parent, **dict.fromkeys(part, new), new: node}, f"* {new} groups {' + '.join(shown)}"
    if kind == "split off":
        return {
            **parent,
            **dict.fromkeys(part, new),
            new: parent[node],
        }, f"/ {node} split into {' + '.join(sorted([node, new]))}"
    if kind == "split":
        after = {**parent, **dict.fromkeys(below, f"{new}2"), **dict.fromkeys(part, new)}
        after |= {new: parent[node], f"{new}2": parent[node]}
        del after[node]
        return after, f"/ {node} split into {new} + {new}2"
    leaf = rng.choice([child for child in parent if child not in inner])
    home = rng.choice([other for other in inner if other != parent[leaf]])
    return {**parent, leaf: home}, f"> {leaf} moved from {parent[leaf]} to {home}"


@pytest.mark.parametrize("seed", range(10))
def test_one_change_is_one_line_and_two_apart_are_two(seed):
    rng = random.Random(seed)
    for _ in range(20):
        left, right = random_edges(rng, "l"), random_edges(rng, "r")
        (new_left, line), (new_right, other_line) = changed(rng, left, "l"), changed(rng, right, "r")
        assert str(difference(tree(left, right), tree(new_left, right))) == line
        both = str(difference(tree(left, right), tree(new_left, new_right)))
        assert sorted(both.splitlines()) == sorted([line, other_line])


# -------------------------------------------------------------------------------------------------- laws on any two


def random_taxonomy(rng: random.Random, leaves: list[str], names: str, *, dag: bool) -> Taxonomy:
    chosen = rng.sample(names, rng.randint(0, 6))
    parents: dict[str, set[str]] = {}
    inner = [rng.choice(["root", "root", "top"])]
    for node in [*chosen, *rng.sample(leaves, rng.randint(len(leaves) - 2, len(leaves)))]:
        parents[node] = {rng.choice(inner) for _ in range(rng.choice([1, 1, 2]) if dag else 1)}
        if node in chosen:
            inner.append(node)
    while empty := [node for node in chosen if node in parents and all(node not in up for up in parents.values())]:
        for node in empty:
            del parents[node]
    return Taxonomy(root=inner[0], edges=tuple((up, node) for node, ups in parents.items() for up in sorted(ups)))


def random_pair(seed: int, *, dag: bool) -> tuple[Taxonomy, Taxonomy]:
    rng = random.Random(seed)
    leaves = [f"l{number}" for number in range(rng.randint(3, 9))]
    others = rng.choice(["ABCDEFGH", "DEFGHIJK", "IJKLMN"])
    return random_taxonomy(rng, leaves, "ABCDEFGH", dag=dag), random_taxonomy(rng, leaves, others, dag=dag)


@pytest.mark.parametrize("dag", [False, True], ids=["trees", "dags"])
def test_something_is_told_when_edges_differ_and_only_then(dag):
    for seed in range(300):
        before, after = random_pair(seed, dag=dag)
        found = difference(before, after)
        assert bool(found) == bool(str(found)) == (set(before.edges) != set(after.edges))
        assert len(set(str(found).splitlines())) == len(str(found).splitlines())
        assert not difference(before, before)


def test_backwards_is_the_same_story():
    for seed in range(300):
        before, after = random_pair(seed, dag=False)
        there, back = difference(before, after), difference(after, before)
        assert (there.added, there.removed) == (back.removed, back.added)
        assert set(there.renamed) == {(old, new) for new, old in back.renamed}
        assert {(nodes, node) for nodes, node in there.joined} == {(nodes, node) for node, nodes in back.split}
        assert there.dissolved == back.grouped


def possible_parents(node, before, found, called):
    """Where a node hangs by the facts alone, in trees; they do not say which of the parts of a split has it."""
    for group, children, _ in found.grouped:
        if called[node] in children:
            return {group}
    parts = {part for whole, parts in found.split if whole == node for part in parts}  # one of them may be above it
    (parent,) = before.parents(node)
    return follow(parent, called[node], before, found, called) | parts


def follow(parent, child, before, found, called):
    places = {home for guests, home in found.joined if parent in guests}
    places |= {part for whole, parts in found.split if parent == whole for part in parts}
    places |= {home for node, _, home in found.dissolved if node == parent}
    if parent in called and not any(parent == whole for whole, _ in found.split):
        places.add(called[parent])
    if child in places or not places:  # the parent is a part of its child now, or no more
        above = (follow(up, child, before, found, called) for up in before.parents(parent))
        places = (places - {child}).union(*above)
    return places


def test_what_did_not_move_hangs_where_the_facts_say():
    unmoved = 0
    for seed in range(500):
        before, after = random_pair(seed, dag=False)
        found = difference(before, after)
        called = {node: node for node in before.nodes if node in after} | dict(found.renamed)
        moved = {node for node, _, _ in found.moved}
        for node, now in called.items():
            if node != before.root and now != after.root and now not in moved:
                assert set(after.parents(now)) <= possible_parents(node, before, found, called)
                unmoved += 1
    assert unmoved > 1000


@pytest.mark.parametrize("renamed", [False, True], ids=["same names", "new names"])
def test_the_work_grows_with_the_classes_and_no_faster(renamed):
    def pair(groups: int) -> tuple[Taxonomy, Taxonomy]:
        rng = random.Random(0)
        names = [f"g{number}" for number in range(groups)]
        before = {f"{name}-{number}": name for name in names for number in range(10)}
        shuffled = dict(zip(before, rng.sample(list(before.values()), len(before)), strict=True))
        new = {name: f"new {name}" for name in names} if renamed else dict(zip(names, names, strict=True))
        after = {leaf: new[group] for leaf, group in {**before, **dict(itertools.islice(shuffled.items(), 99))}.items()}
        return tree(before), tree(after)

    few, many = pair(200), pair(800)
    assert calls(lambda: difference(*many)) < 4.3 * calls(lambda: difference(*few))


@pytest.fixture(scope="module")
def species(shared_data):
    return load_taxonomy(shared_data / "taxonomies" / "hiercls" / "inat21.csv")


def test_ten_thousand_species_dealt_anew(species):
    dealt = dict(zip(species.leaves, random.Random(0).sample(species.leaves, len(species.leaves)), strict=True))
    after = Taxonomy(root=species.root, edges=tuple((up, dealt.get(node, node)) for up, node in species.edges))
    found = difference(species, after)
    (before, now) = ({node: up for up, node in taxonomy.edges} for taxonomy in (species, after))
    expected = {(node, (before[node],), (now[node],)) for node in species.leaves if before[node] != now[node]}
    assert set(found.moved) == expected
    assert len(str(found).splitlines()) == len(expected) > 9_900


def test_six_thousand_groups_called_anew(species):
    groups = {node: f"new {node}" for node in species.internal_nodes}
    called = Taxonomy(
        root=groups[species.root], edges=tuple((groups[up], groups.get(node, node)) for up, node in species.edges)
    )
    found = difference(species, called)
    assert set(found.renamed) == set(groups.items())
    assert len(str(found).splitlines()) == len(groups)
