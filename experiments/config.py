"""What a config may say.

::

    name: digits                        # of the run folder: runs/digits-1, runs/digits-2, …
    about: what is done, in a sentence  # above the table
    look_at: what to look at            # below the table
    data: {source: "sklearn:digits"}    # see `experiments.sources`
    classes: {known: [0, 1, 4], other: [3], unseen: [A-M]}  # see `experiments.roles`
    validation: true                    # the test is left alone, see `experiments.validation`
    taxonomy: digits                    # shipped, a file, or a file in data.root; without it classes stand side by side
    settings: {backbone: small_cnn}     # of `hierclf.HierarchicalClassifier`, for all strategies
    include: strategies/all.yaml        # strategies from a file beside this one, see `experiments.rows`
    only: ["flat_*", hierclf]           # of all the strategies, these and the baseline; names may be globs
    strategies:
      hierclf: {}                       # a name from `hierclf.strategies`
      ours: {title: "with GEN", gate: [gen]}          # our default with other settings
      flat: {base: flat_msp, use_other: false, epochs: 3}  # another base
      mine: strategies/mine.yaml        # a file that holds the same settings
      plain: flat_msp                   # another name for a registered one
    baseline: flat                      # the strategy that differences are taken to
    other_called: letters               # what to write behind strategies that learn from images of other
    seeds: [0, 1, 2]
    columns: [leaf_accuracy, known_rejected]          # see `experiments.columns`
    threads: 2                          # of torch, in each process; all cores when left out
    processes: 2                        # to share the work; 1 when left out
    runs: runs                          # where run folders go
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from experiments.columns import COLUMNS, DEFAULT_COLUMNS
from experiments.document import NOTHING, plain
from experiments.rows import gathered
from hierclf.errors import ConfigError, HierclfError
from hierclf.registry import did_you_mean
from hierclf.strategies import Strategy, described, strategies

Checked = TypeVar("Checked", bound=BaseModel)

_RANGE = re.compile(r"([0-9])-([0-9])|([a-z])-([a-z])|([A-Z])-([A-Z])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,63}")


def one_or_many(value: Any) -> Any:
    """A list of what may be a list, one thing or nothing."""
    return [] if value in (None, *NOTHING) else value if isinstance(value, list) else [value]


def or_nothing(value: Any) -> Any:
    """None for the texts that stand for nothing."""
    return None if value in NOTHING else value


def _folder_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("use letters, digits, '_', '-', '+' and '.', as it names a folder")
    return value


def _ranges_written_out(names: list[str]) -> list[str]:
    written = [one for name in names for one in expanded(name)]
    twice = sorted({name for name in written if written.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} is listed twice")
    return written


Names = Annotated[list[str], BeforeValidator(one_or_many)]
Classes = Annotated[Names, AfterValidator(_ranges_written_out)]
FolderName = Annotated[str, AfterValidator(_folder_name)]
Text = Annotated[str | None, BeforeValidator(or_nothing)]
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(or_nothing)]
Share = Annotated[float, Field(gt=0, lt=1)]


def expanded(name: str) -> list[str]:
    """The classes that a name stands for: ``A-D`` is short for four of them.

    >>> expanded("A-D"), expanded("T-shirt"), expanded("7-9")
    (['A', 'B', 'C', 'D'], ['T-shirt'], ['7', '8', '9'])
    """
    if not _RANGE.fullmatch(name):
        return [name]
    return [chr(code) for code in range(ord(name[0]), ord(name[2]) + 1)]


class Part(BaseModel):
    """A part of a config: frozen, and without room for typos."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BesideConfig(Part):
    """Images of other from another source than the known ones.

    Args:
        source: a name of `experiments.sources.sources`.
        root: the folder that holds them; a relative path is looked up from ``data.root``.
        train: folders below it to learn from; likewise ``test``.
        other: classes whose images to learn from are given as other.
        unseen: classes whose test images are other that is never seen before the test, and far from what is known.
        help: how to get the data.
    """

    source: str
    root: Text = None
    train: Names = []
    test: Names = []
    other: Classes = []
    unseen: Classes = []
    help: str = ""


class DataConfig(Part):
    """Which images; see `experiments.sources` for what each source reads.

    Args:
        source: a name of `experiments.sources.sources`, perhaps with a word after a colon.
        root: the folder that holds the data.
        train: folders below it to learn from, and so on for the other parts.
        beside: images of other from elsewhere, by a name that is put before their classes.
        resplit: join the parts that the data comes in, and divide all images anew by the seed.
        test_share: share of the images to test on, where the seed divides them.
        limit: images to learn from per class, at most.
        without_test: leave unread what is there for the test alone; ``validation`` sees to it.
        download: whether torchvision may fetch what is missing.
        help: how to get the data, for whoever does not have it.
    """

    source: str
    root: Text = None
    train: Names = []
    test: Names = []
    other_train: Names = []
    other_test: Names = []
    beside: dict[str, BesideConfig] = {}
    resplit: bool = False
    test_share: Share = 0.4
    limit: Count = None
    without_test: bool = False
    download: bool = False
    help: str = ""


class SplitConfig(Part):
    """The classes of one seed, where seeds differ in them, on top of those that all seeds share.

    A list stands for the known ones. Whoever is not named takes the role that is left: ``known`` where no class is
    named as known, else ``unseen``.
    """

    known: Classes = []
    other: Classes = []
    unseen: Classes = []
    far: Classes = []

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"known": value}


class ClassesConfig(Part):
    """How the classes of the data are divided; without ``known``, all that the taxonomy holds are known.

    Args:
        known: to be recognised.
        other: given as images of none of them.
        unseen: never seen before the test.
        far: never seen either, and far from what is known: told apart from ``unseen``.
        splits: known classes by the seed: the first for seed 0, the next for seed 1; after the last, the first again.
    """

    known: Classes = []
    other: Classes = []
    unseen: Classes = []
    far: Classes = []
    splits: list[SplitConfig] = []


def _share_or_names(value: Any) -> Any:
    share = plain(value)
    if not isinstance(share, float):
        return _ranges_written_out([str(name) for name in one_or_many(value)])
    if not 0 < share < 1:
        raise ValueError("give a share between 0 and 1, or the classes")
    return share


class Config(Part):
    """A whole experiment."""

    name: FolderName
    about: str = ""
    look_at: str = ""
    data: DataConfig
    classes: ClassesConfig = ClassesConfig()
    validation: bool = False
    validation_unseen: Annotated[float | list[str], BeforeValidator(_share_or_names)] = 0.3
    taxonomy: Text = None
    settings: Annotated[dict[str, Any], BeforeValidator(plain)] = {}
    include: Names = []
    only: Names = []
    strategies: Annotated[dict[FolderName, Any], Field(min_length=1)]
    baseline: Text = None
    other_called: Text = None
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), BeforeValidator(one_or_many)] = [0]
    columns: Names = list(DEFAULT_COLUMNS)
    threads: Count = None
    processes: Count = None
    runs: str = "runs"

    def built(self) -> dict[str, Strategy]:
        """The strategies by name, with all their settings.

        Raises:
            ConfigError: one that cannot be used, or two of one title; the message names it.
        """
        built = {name: build_strategy(name, entry, self.settings) for name, entry in self.strategies.items()}
        if self.other_called is not None:
            mark = f" [{self.other_called}]"
            built = {
                name: replace(strategy, title=strategy.title + mark) if strategy.uses_other else strategy
                for name, strategy in built.items()
            }
        require_own_titles({name: strategy.title for name, strategy in built.items()})
        return built


def checked(kind: type[Checked], values: Mapping[str, Any]) -> Checked:
    """A part of a config from plain values.

    Raises:
        ConfigError: unknown names, wrong types, values out of range; all of them, each with its place.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        raise ConfigError("\n".join(dict.fromkeys(_sentence(fault, kind) for fault in error.errors()))) from None


def load_config(values: Mapping[str, Any], *, beside: Path | None = None) -> Config:
    """A checked config.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.
        beside: the folder that the config lies in, where files that it names are looked up.

    Raises:
        ConfigError: it cannot be used; the message says what to do.
    """
    if "hold_out" in values:
        raise ConfigError("hold_out: this config holds classes out; run it with python -m experiments.hold_out")
    config = checked(Config, gathered(values, beside))
    if len(set(config.seeds)) < len(config.seeds):
        raise ConfigError(f"seeds: each seed once, got {config.seeds}")
    unknown = [name for name in config.columns if name not in COLUMNS]
    if unknown:
        hint = did_you_mean(unknown[0], COLUMNS)
        raise ConfigError(f"columns: no column named {unknown[0]!r}{hint} (known: {', '.join(COLUMNS)})")
    _check_classes(config.classes)
    if config.baseline is not None and config.baseline not in config.strategies:
        hint = did_you_mean(config.baseline, config.strategies)
        raise ConfigError(f"baseline: no strategy of this config is called {config.baseline!r}{hint}")
    config.built()
    if config.validation and not config.data.without_test:
        return config.model_copy(update={"data": config.data.model_copy(update={"without_test": True})})
    return config


def _check_classes(classes: ClassesConfig) -> None:
    """Every class has one role, for every seed."""
    if classes.splits and classes.known:
        raise ConfigError("classes: the known classes are told twice, by known and by splits; leave one of them out")
    shared = [*classes.known, *classes.other, *classes.unseen, *classes.far]
    for split in classes.splits or [SplitConfig()]:
        named = [*shared, *split.known, *split.other, *split.unseen, *split.far]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ConfigError(f"classes: {twice[0]!r} is in two of known, other, unseen and far; a class has one role")


def require_own_titles(titles: Mapping[str, str], part: str = "strategies") -> None:
    """Refuse two rows of one title: a table would make one of them.

    Args:
        titles: by the name in the config.
        part: of the config that holds them.

    Raises:
        ConfigError: the message names both.

    >>> require_own_titles({"one": "ours", "two": "theirs"})
    """
    first: dict[str, str] = {}
    for name, title in titles.items():
        earlier = first.setdefault(" ".join(title.split()), name)
        if earlier != name:
            raise ConfigError(
                f"{part}.{name}: {earlier!r} is called {title!r} in the tables too, so both would share a row; "
                f"give it a title of its own, such as title: {name}"
            )


def build_strategy(name: str, entry: Any, common: Mapping[str, Any]) -> Strategy:
    """A strategy as a config describes it.

    Args:
        name: its name in the config; where it is a registered one, that is its base.
        entry: its own settings, with ``title``, ``base`` and ``use_other`` among them; or nothing, for a strategy as it
            is registered.
        common: settings that all strategies have.

    Raises:
        ConfigError: it cannot be used; the message names it.
    """
    entry = plain(entry) or {}
    if not isinstance(entry, dict):
        raise ConfigError(f"strategies.{name}: expected settings as 'name: value', got {entry!r}")
    if "seed" in {**common, **entry}:
        raise ConfigError(f"strategies.{name}: the seed comes from 'seeds'; leave the setting 'seed' out")
    if name not in strategies:
        base = {} if entry else {"base": name}  # a bare name that is not registered is a typo, not one of our own
        entry = {"title": name, **base, **entry}
    try:
        return described(entry, called=name, common={"backbone": "auto", **common})
    except HierclfError as error:
        raise ConfigError(f"strategies.{error}") from error


def _sentence(fault: Any, kind: type[BaseModel]) -> str:
    place = ".".join(str(step) for step in fault["loc"] if step != "[key]")
    if fault["type"] == "extra_forbidden":
        known = tuple(_part_at(fault["loc"][:-1], kind).model_fields)
        word = str(fault["loc"][-1])
        return f"{place}: there is no such setting{did_you_mean(word, known)} (known: {', '.join(known)})"
    if fault["type"] == "missing":
        return f"{place}: this setting is missing"
    told = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {told[:1].lower()}{told[1:]}, got {fault['input']!r}"


def _part_at(steps: Sequence[Any], kind: Any) -> type[BaseModel]:
    """The part of a config at the end of a way, which may lead through mappings of parts."""
    for step in steps:
        inner = get_args(kind)
        kind = inner[-1] if inner else kind.model_fields[step].annotation
    return kind  # type: ignore[no-any-return]
