import shlex

import pytest

from hierclf.discovery import discover
from hierclf.report import next_steps


def test_it_says_how_to_accept_edit_check_and_compare(found):
    commands = list(next_steps(found(), fit=["photos"], taxonomy="out/t.yaml").values())
    assert commands[:4] == [
        "hierclf fit photos --taxonomy out/t.yaml",
        "cp out/t.yaml out/edited.yaml",
        "hierclf taxonomy check out/edited.yaml",
        "hierclf taxonomy diff out/t.yaml out/edited.yaml",
    ]


def test_it_says_how_to_find_more_and_fewer_groups(found):
    steps = next_steps(found(ratio=0.6), again="hierclf discover photos -o t.yaml --review")
    run = "hierclf discover photos -o t.yaml --review"
    assert list(steps.values())[4:] == [
        f"{run} --support 0.9",
        f"{run} --support 0.5",
        f"{run} --ratio 0.8",
        f"{run} --ratio 0.48",
        f"{run} --largest 10",
    ]


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"support": 0.9, "largest": 8}, ["--support 0.95", "--support 0.5", "--largest 4"]),
        ({"support": 0.5, "largest": 3}, ["--support 0.9", "--largest 2"]),
        ({"support": 1.0, "largest": None}, ["--support 0.5", "--largest 10"]),
    ],
)
def test_changes_start_from_the_settings_of_this_run(found, settings, changes):
    told = [" ".join(command.split()[-2:]) for command in list(next_steps(found(**settings)).values())[4:]]
    assert [change for change in told if "ratio" not in change] == changes


def test_names_of_files_are_quoted(found):
    data, taxonomy = "my photos; rm -rf $HOME", "it's.yaml"
    for command in next_steps(found(), fit=[data], taxonomy=taxonomy).values():
        words = shlex.split(command)
        assert data in words or words[0] == "cp" or words[1] == "taxonomy"
        assert taxonomy in words or "edited.yaml" in words


@pytest.mark.parametrize(
    ("settings", "gone"),
    [
        ({"bootstraps": 0}, "--support"),
        ({"method": "kmeans", "bootstraps": 1, "clouds": 0}, "--ratio"),
        ({"method": "kmeans", "bootstraps": 1, "clouds": 0}, "--largest"),
    ],
)
def test_what_makes_no_difference_is_not_offered(found, settings, gone):
    assert any(gone in command for command in next_steps(found()).values())
    assert not any(gone in command for command in next_steps(found(**settings)).values())


def test_every_change_offered_is_a_setting_that_works(found):
    discovery = found()
    for command in list(next_steps(discovery).values())[4:]:
        name, value = command.split()[-2:]
        settings = {name.removeprefix("--"): float(value) if "." in value else int(value)}
        changed = discover(discovery.distances, bootstraps=3, **settings)
        assert settings.items() <= {**changed.settings, **changed.settings["options"]}.items()
