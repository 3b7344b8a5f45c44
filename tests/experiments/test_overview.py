import pytest

from experiments.columns import COLUMNS
from experiments.overview import METRIC, NEVER_SEEN, Contest, overview, with_never_seen
from hierclf.errors import ConfigError


def contest(name, values, accuracy=None, errors=()):
    """Values by strategy, one per seed; accuracies too."""
    rows = [
        {
            "strategy": strategy,
            "seed": seed,
            "error": "no" if (strategy, seed) in errors else None,
            METRIC: None if (strategy, seed) in errors else value,
            "leaf_accuracy": (accuracy or {}).get(strategy, 0.9),
        }
        for strategy, of_seed in values.items()
        for seed, value in enumerate(of_seed)
    ]
    return Contest(name=name, titles={strategy: f"row {strategy}" for strategy in values}, rows=rows)


def cells(table):
    lines = [[" ".join(cell.split()) for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {line[0]: line[1:] for line in lines[2:]}


def test_who_is_first_is_counted_over_all_experiments_and_the_best_mean_rank_stands_first():
    one = contest("one", {"a": [0.30, 0.32], "b": [0.10, 0.12], "c": [0.5, 0.5]})
    two = contest("two", {"c": [0.6, 0.6], "a": [0.20, 0.26], "b": [0.21, 0.27]})
    found = cells(overview([one, two]))
    assert list(found) == ["row a", "row b", "row c"], "equal ranks stay in order"
    # In the second, b is 0.01 behind in both seeds, without any spread: that is no tie.
    assert found["row b"] == ["**11.0 ± 1.0 %**", "24.0 ± 3.0 %", "1 of 2", "1.5", "0.0"]
    assert found["row a"] == ["31.0 ± 1.0 %", "**23.0 ± 3.0 %**", "1 of 2", "1.5", "0.0"]
    assert found["row c"][2:] == ["0 of 2", "3.0", "0.0"]


def test_a_tie_within_one_standard_error_of_the_paired_difference_counts_as_first():
    one = contest("one", {"a": [0.10, 0.20, 0.30], "b": [0.14, 0.16, 0.33]})
    found = cells(overview([one]))
    assert found["row a"][1] == found["row b"][1] == "1 of 1"


def test_accuracy_is_told_where_it_lies_farthest_behind():
    one = contest("one", {"a": [0.1, 0.1], "b": [0.2, 0.2]}, {"a": 0.80, "b": 0.95})
    two = contest("two", {"a": [0.1, 0.1], "b": [0.2, 0.2]}, {"a": 0.96, "b": 0.95})
    found = cells(overview([one, two]))
    assert (found["row a"][-1], found["row b"][-1]) == ("15.0", "1.0")


def test_strategies_of_some_experiments_alone_and_failed_rows_are_left_out():
    one = contest("one", {"a": [0.1, 0.1], "b": [0.2, 0.2], "c": [0.3, 0.3]}, errors={("c", 0), ("c", 1)})
    two = contest("two", {"a": [0.1, 0.1], "c": [0.3, 0.3], "d": [0.0, 0.0]})
    found = cells(overview([one, two]))
    assert list(found) == ["row a"]
    assert found["row a"][2:4] == ["1 of 2", "1.5"], "d was better in the second"
    lucky = contest("one", {"a": [0.1, 0.5], "b": [0.2, 0.6]}, errors={("a", 1)})
    assert list(cells(overview([lucky]))) == ["row b"], "a failed in the hard seed"
    with pytest.raises(ConfigError, match=r"no strategy has .* in all 2 experiments"):
        overview([contest("one", {"a": [0.1]}), contest("two", {"b": [0.1]})])
    with pytest.raises(ConfigError, match="in all 0 experiments"):
        overview([])


def test_larger_may_be_better():
    one = contest("one", {"a": [0.1], "b": [0.2]}, {"a": 0.8, "b": 0.9})
    assert next(iter(cells(overview([one], COLUMNS["leaf_accuracy"])))) == "row b"


def test_near_and_far_are_counted_by_their_images():
    near, far = "unknown_accepted_at_95_known_unseen", "unknown_accepted_at_95_known_far"
    assert with_never_seen({near: 0.5, "n_other_unseen": 4})[NEVER_SEEN.key] == 0.5
    assert with_never_seen({near: 0.5, far: None, "n_other_unseen": 4, "n_other_far": 0})[NEVER_SEEN.key] == 0.5
    assert with_never_seen({near: None, "n_other_unseen": 0})[NEVER_SEEN.key] is None
    rows = [
        {
            "strategy": name,
            "seed": 0,
            near: one,
            far: two,
            "n_other_unseen": 10,
            "n_other_far": 90,
            "leaf_accuracy": 1.0,
        }
        for name, one, two in (("logits", 0.4, 0.5), ("distances", 0.6, 0.0))
    ]
    contest_of = Contest.of({"name": "photos", "strategies": {}, "runs": rows})
    assert list(cells(overview([contest_of]))) == ["logits", "distances"]
    assert list(cells(overview([contest_of], NEVER_SEEN))) == ["distances", "logits"]
