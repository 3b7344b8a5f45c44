from dataclasses import replace

import pytest

from hierclf.discovery import Hierarchy
from hierclf.report.review.summary import cards, lead, settings_told


def values(discovery):
    return {card.label: card.value for card in cards(discovery)}


@pytest.mark.parametrize(
    ("grouped", "end"),
    [((0, 1, 2, 3), "."), ((0, 1, 2), "; 1 class stands in none."), ((0, 1), "; 2 classes stand in none.")],
)
def test_the_lead_counts_what_was_found(found, grouped, end):
    discovery = found(16)
    groups, levels = len(discovery.taxonomy.internal_nodes) - 1, discovery.taxonomy.depth - 1
    assert levels == 2
    discovery = replace(discovery, hierarchy=Hierarchy.of(tuple("abcd"), [grouped]), distances=found(4).distances)
    assert lead(discovery)[0] == f"4 classes were put into {groups} groups on 2 levels{end}"


def test_a_star_is_no_failure(found):
    assert lead(found(4, ratio=0.001, bootstraps=0))[0].startswith("No group among 4 classes is sure enough")
    assert lead(found(1, bootstraps=0))[0].startswith("No group among 1 class is")


def test_the_cards_are_the_numbers(found, torn):
    told = values(torn)
    assert told["Classes"] == "24"
    assert told["Groups"] == str(len(torn.medoid))
    assert told["Given up"] == str(len(torn.dropped))
    assert told["Weakest support"] == f"{100 * min(torn.support.values()):.0f}\u202f%"
    (remark,) = [card.remark for card in cards(torn) if card.label == "Weakest support"]
    assert remark.startswith(min(torn.support, key=torn.support.__getitem__))
    assert remark.endswith("of 20 draws")


def test_support_that_is_not_known_is_not_made_up(found):
    told = {card.label: card for card in cards(found(8, bootstraps=0))}
    assert told["Weakest support"].value == "–"
    assert told["Weakest support"].remark == "images were not drawn anew"
    assert told["Given up"].remark == "nothing is given up where support is not known"


def test_second_parents_have_a_card_where_there_are_any(found):
    discovery = found(8)
    assert "Second parents" not in values(discovery)
    assert values(replace(discovery, second=(("a", "b", 0.5), ("c", "b", 0.6))))["Second parents"] == "2"


def test_the_settings_are_told(found):
    told = dict(settings_told(found(8, method="complete", ratio=0.6, smallest=3, largest=None, seed=7)))
    assert told == {
        "method": "complete (ratio 0.6)",
        "draws of the images": "10",
        "support that a group needs": "70\u202f%",
        "children that a node may have": "any number",
        "classes that a group has": "at least 3",
        "seed": "7",
    }
    without = dict(settings_told(found(8, bootstraps=0)))
    assert without["draws of the images"] == "none"
    assert "support that a group needs" not in without
