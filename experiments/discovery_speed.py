"""How long a taxonomy of very many classes takes, beside scipy's linkage alone.

    OMP_NUM_THREADS=1 python -m experiments.discovery_speed

One embedding per class, in which a tree with fan-out ten is planted. Three things take turns in one process:

* *linkage alone*: average linkage of distances that are there already, ``linkage(distances, "average")``;
* *scipy's whole way*: ``linkage(embeddings, "average", "cosine")``;
* *discover*: from the embeddings to the text of a YAML file: distances, linkage, cut, names, taxonomy.

Medians in seconds. Peak memory is that of a process of its own for each, the embeddings and the program included; what
the program alone takes stands beside it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage

from hierclf.discovery import Discovery, discover, distances_from_embeddings
from hierclf.discovery.distances import cosine_distances

# K classes, D embedding, P pairs of classes

FAN_OUT = 10
SHARE = 0.5
"""The squared distance between classes of one group, as a share of that one level higher."""
NOTHING, LINKAGE, WHOLE, OURS = "nothing", "linkage alone", "scipy's whole way", "discover"


def made_up(classes: int, size: int) -> npt.NDArray[np.float64]:
    """Embeddings of classes in a tree, a random walk from the root down; the last level is each class's own.

    Args:
        classes: how many.
        size: numbers of an embedding.

    Returns:
        Shape ``(K, D)``; places in the tree go by the decimal digits of a class's number.
    """
    chance = np.random.default_rng(0)
    point_KD = np.zeros((classes, size))
    group, energy = FAN_OUT ** max(0, len(str(classes - 1)) - 1), 1.0
    while group >= 1:
        code_K = np.arange(classes) // group
        offset_GD = chance.normal(size=(int(code_K.max()) + 1, size)) / np.sqrt(size)
        own = energy * (1 - SHARE) if group > 1 else energy
        point_KD += np.sqrt(own) * offset_GD[code_K]
        energy, group = energy * SHARE, group // FAN_OUT
    return point_KD


def discovered(point_KD: npt.NDArray[np.float64]) -> tuple[Discovery, str]:
    """The taxonomy and the text of its file."""
    found = discover(distances_from_embeddings(point_KD))
    return found, found.format()


def sides(point_KD: npt.NDArray[np.float64], distance_P: npt.NDArray[np.float64]) -> dict[str, Callable[[], object]]:
    """What takes turns, by name."""
    return {
        LINKAGE: partial(linkage, distance_P, "average"),
        WHOLE: partial(linkage, point_KD, "average", "cosine"),
        OURS: partial(discovered, point_KD),
    }


def in_turn(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of pieces of work that take turns."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            spent[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in spent.items()}


def peak(name: str, classes: int, size: int) -> float:
    """Peak memory in GB of a process that does one of these things once."""
    words = ["--classes", str(classes), "--size", str(size), "--only", name]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.discovery_speed", *words], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def once(name: str, classes: int, size: int) -> float:
    """Do one of these things in this process, and tell its peak memory in GB."""
    point_KD = made_up(classes, size)
    if name != NOTHING:
        distance_P = cosine_distances(point_KD) if name == LINKAGE else np.zeros(0)
        sides(point_KD, distance_P)[name]()
    return own_peak()


def own_peak() -> float:
    """Peak memory of this process in GB.

    Linux counts it from when the program started in ``VmHWM``; what `resource` says begins with the parent's peak.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform != "darwin" else 1e9)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=(NOTHING, LINKAGE, WHOLE, OURS), help="do this once, print its peak in GB")
    options = parser.parse_args(arguments)
    if options.only:
        print(once(options.only, options.classes, options.size))
        return
    # before this process holds anything large: on Linux, a child's peak begins with that of its parent
    memory = {name: peak(name, options.classes, options.size) for name in (NOTHING, LINKAGE, WHOLE, OURS)}
    point_KD = made_up(options.classes, options.size)
    works = sides(point_KD, cosine_distances(point_KD))
    found, text = discovered(point_KD)
    groups, lines = len(found.hierarchy.clades), text.count("\n")
    print(f"{options.classes} classes, {options.size} numbers each; {groups} groups found, {lines} lines of YAML")
    seconds = in_turn(works, options.repeats)
    print(f"{'':<20}{'seconds':>9}{'ratio':>8}{'peak GB':>9}")
    print(f"{'the program itself':<20}{'':>9}{'':>8}{memory[NOTHING]:9.2f}")
    for name, median in seconds.items():
        print(f"{name:<20}{median:9.2f}{median / seconds[LINKAGE]:8.2f}{memory[name]:9.2f}")


if __name__ == "__main__":
    main()
