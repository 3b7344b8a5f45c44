import html
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hierclf.discovery import Clade, Hierarchy, discover, distances_from_weights
from hierclf.discovery.agreement import compare
from hierclf.errors import ImageError
from hierclf.report import next_steps, write_review
from hierclf.report.review.groups import found_groups
from hierclf.taxonomy import Taxonomy

HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def pictures(name, count):
    return [Image.new("RGB", (20, 20), (len(name) * 3 % 256, 40 * number, 9)) for number in range(count)]


@pytest.fixture
def write(tmp_path, page):
    def make(discovery, **options):
        path = tmp_path / "review.html"
        write_review(discovery, path, **{"title": "Kinds", **options})
        shown = page(path.read_text(encoding="utf-8"))
        shown.raw, shown.size = path.read_text(encoding="utf-8"), path.stat().st_size
        targets, links = shown.values("id"), {link[1:] for link in shown.values("href") if link.startswith("#")}
        assert len(targets) == len(set(targets))
        assert links <= set(targets)
        assert "script" not in shown.tags
        assert all(value.startswith(("data:", "#")) for value in [*shown.values("src"), *shown.values("href")])
        assert "url(" not in shown.raw
        return shown

    return make


def test_it_says_what_was_found_and_what_to_do(write, found):
    discovery = found(24)
    shown = write(discovery, images=pictures, commands=next_steps(discovery, fit=["photos"], taxonomy="t.yaml"))
    groups, levels = len(discovery.medoid), discovery.taxonomy.depth - 1
    weakest = min(discovery.support.values())
    for sentence in (
        f"24 classes were put into {groups} groups on {levels} levels",
        f"Weakest support {100 * weakest:.0f} %",
        "The whole dendrogram, and where it was cut",
        "in which share of 10 draws",
        "hierclf fit photos --taxonomy t.yaml",
        "hierclf taxonomy diff t.yaml edited.yaml",
        "--support 0.9",
        "average",
    ):
        assert sentence in shown.text
    for name, medoid in discovery.medoid.items():
        assert name in shown.text
        assert medoid in shown.text


def test_the_file_on_the_page_is_the_file(write, found):
    discovery = found(24)
    shown = write(discovery)
    (text,) = re.findall(r'<pre class="file"[^>]*><code>(.*?)</code>', shown.raw, re.DOTALL)
    assert html.unescape(text) == discovery.format()


def test_every_group_has_a_row_with_its_facts_and_its_classes(write, found):
    discovery = found(24)
    shown = write(discovery)
    groups = [group for group in found_groups(discovery).values() if group.number]
    cards = [" ".join(text.split()) for text in shown.by_class["group-card"]]
    assert {group.name for group in groups} == set(discovery.medoid)
    for group, card in zip(groups, cards, strict=True):
        assert group.name in card
        assert f"support {100 * discovery.support[group.name]:.0f} %" in card
        assert f"{len(discovery.taxonomy.leaves_below(group.name))} classes" in card
        assert f"the most typical is {discovery.medoid[group.name]}" in card
        assert all(child in card for child in discovery.taxonomy.children(group.name))
        assert f"nearest other group: {discovery.name[group.other]} at {group.far:.3g}" in card


def test_pictures_stand_beside_their_classes(write, found):
    discovery = found(16)
    asked = {}

    def images(name, count):
        asked[name] = count
        return pictures(name, count)

    shown = write(discovery, images=images)
    assert set(asked) == set(discovery.distances.classes)
    for name in discovery.distances.classes:
        assert shown.values("alt").count(name) >= asked[name]
    assert all(source.startswith("data:image/") for source in shown.values("src"))
    assert "src" not in {name for name, _ in write(discovery).attributes}


def test_a_picture_that_cannot_be_read_costs_nothing_else(write, found):
    def images(name, count):
        if name.endswith("_3"):
            raise ImageError("truncated")
        return pictures(name, count)

    discovery = found(16)
    shown = write(discovery, images=images)
    assert shown.text.count("cannot be shown: truncated") == 1
    assert len(shown.values("src")) >= 15 * 4


def test_hostile_names_are_text_everywhere(write, found):
    names = [f"{HOSTILE} {number}" for number in range(8)] + [f"{'W' * 190}{number}" for number in range(8)]

    def images(name, count):
        raise ValueError(HOSTILE)

    first = found(16, names=names, root=HOSTILE)
    discovery = replace(
        first,
        notes=(HOSTILE,),
        second=((HOSTILE, HOSTILE, 0.5),),
        dropped=(Clade(members=tuple(names[:3]), support=0.4),),
    )
    shown = write(
        discovery, title=HOSTILE, images=images, commands={HOSTILE: HOSTILE},
        made={HOSTILE: HOSTILE}, agreement=compare(discovery.taxonomy, discovery.taxonomy),
    )  # fmt: skip
    assert "<script" not in shown.raw
    assert "<img" not in shown.raw
    assert shown.raw.count("</style>") == 1
    assert not any(name.startswith("on") for name, _ in shown.attributes)
    assert shown.text.count("<script>alert(1)</script>") > 30
    assert shown.text.count("cannot be shown") == 16


def test_what_was_given_up_is_told_with_its_support_and_its_new_place(write, torn):
    shown = write(torn)
    section = shown.raw.split('<section id="dropped">')[1].split("</section>")[0]
    rows = re.findall(r"<tr><td class=\"number\">(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>", section, re.DOTALL)
    assert len(rows) == len(torn.dropped)
    by_members = {", ".join(clade.members): clade for clade in torn.dropped}
    for support, members, into in rows:
        clade = by_members[members]
        assert support == f"{100 * clade.support:.0f}\u202f%"
        holders = [
            name for name in torn.taxonomy.internal_nodes if set(clade.members) <= set(torn.taxonomy.leaves_below(name))
        ]
        lowest = min(holders, key=lambda name: len(torn.taxonomy.leaves_below(name)))
        assert re.sub("<.*?>", "", into) == lowest


def test_second_parents_are_listed(write, found):
    discovery = replace(found(16), second=(("kind_0_0_1", "some group", 0.62),))
    shown = write(discovery)
    assert "kind_0_0_1 some group 62 %" in shown.text
    assert "Second parents" not in write(found(16)).text


def test_agreement_with_a_reference_is_a_table(write, found):
    discovery = found(16)
    reference = Taxonomy(root="all", edges=tuple(("all", leaf) for leaf in (*discovery.taxonomy.leaves, "unicorn")))
    agreement = compare(discovery.taxonomy, reference)
    shown = write(discovery, agreement=agreement)
    for row in agreement.rows():
        assert f"{row.title} {row.value}" in shown.text
    assert all(note in shown.text for note in agreement.notes)
    assert "Agreement with the reference" not in write(discovery).text


@pytest.mark.parametrize("classes", [1, 2, 3, 40])
def test_any_number_of_classes(write, found, classes):
    discovery = found(classes)
    shown = write(discovery, images=pictures)
    assert all(name in shown.text for name in discovery.distances.classes)
    assert ("dendrogram" in shown.by_class) == (classes > 1)
    if classes > 1:
        assert len(re.findall(r"<li class=\"s\d\" title", shown.raw)) == classes


def test_two_thousand_classes_make_a_page_that_opens(write, found):
    discovery = found(2000, images=2, bootstraps=2, width=64)
    shown = write(discovery)
    assert shown.size < 2_000_000
    assert "2,000 classes were put into" in shown.text
    assert "There are too many classes to draw each" in shown.text
    rows = re.search(r"--rows:(\d+)", shown.raw)
    assert rows
    assert int(rows.group(1)) <= 400
    assert all(name in shown.raw for name in discovery.taxonomy.internal_nodes)


@pytest.mark.parametrize("method", ["kmeans", "hdbscan", "nbdt", "ward"])
def test_other_ways_to_find_groups(write, found, method):
    discovery = found(16, method=method, bootstraps=0 if method == "kmeans" else 5)
    shown = write(discovery)
    assert len(shown.by_class["group-card"]) == len(discovery.medoid) > 0
    assert ("where it had to join at the latest" in shown.text) == (method == "ward")
    assert "Thin lines are joins" in shown.text or method == "kmeans"


def test_without_draws_no_support_is_claimed(write):
    source = np.random.default_rng(0)
    weights = np.repeat(source.normal(size=(3, 16)), 4, 0) + 0.1 * source.normal(size=(12, 16))
    discovery = discover(distances_from_weights(weights, [f"c{i}" for i in range(12)]))
    assert discovery.support == {}
    shown = write(discovery)
    assert "No group has a support" in shown.text
    assert "There are no images to draw anew" in shown.text
    assert "Weakest support –" in shown.text
    assert "--support" not in shown.text


def test_a_star_is_called_one(write, found):
    discovery = found(5, bootstraps=3, ratio=0.001)
    shown = write(discovery)
    assert "No group among 5 classes is sure enough" in shown.text
    assert "Group by group" not in shown.text
    assert "Classes in no group" in shown.text


def test_no_distance_at_all_is_drawn_all_the_same(write, found):
    discovery = found(6, bootstraps=0)
    hierarchy = Hierarchy.of(discovery.distances.classes, [(0, 1, 2)])
    flat = replace(
        discovery, hierarchy=hierarchy, name={6: "root", 7: "three"}, medoid={"three": "kind_0_0_0"}, support={},
        taxonomy=Taxonomy.from_edges({"root": ["three", *discovery.distances.classes[3:]],
                                      "three": list(discovery.distances.classes[:3])}),
        dendrogram=None,
    )  # fmt: skip
    shown = write(flat)
    assert "three" in shown.by_class["runs"][0]


def test_the_drawing_has_a_title_a_description_and_links_that_say_where_they_go(write, found):
    discovery = found(16)
    shown = write(discovery)
    assert re.search(r'aria-labelledby="drawing-title drawing-words"', shown.raw)
    assert re.search(r"<title id=\"drawing-title\">Dendrogram</title>", shown.raw)
    assert re.search(r"<desc id=\"drawing-words\">A tree of 16 rows", shown.raw)
    labels = [label for label in shown.values("aria-label") if "joined at" in label]
    assert len(labels) == len(discovery.medoid)


def test_an_older_page_is_replaced_as_a_whole(tmp_path, found):
    path = tmp_path / "review.html"
    path.write_text("old")
    with pytest.raises(AttributeError):
        write_review(None, path, title="Kinds")
    assert path.read_text() == "old"
    write_review(found(4), path, title="Kinds")
    assert path.read_text().startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]
