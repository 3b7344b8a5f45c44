"""A rehearsal of a protocol on the images to learn from alone, so that something can be chosen without the test.

With ``validation: true`` the division is made once as for the real run, and what it puts into the test is left out. The
rest is then divided anew as if it were all there is:

* a part of the known classes (``validation_unseen``: a share to draw by the seed, or their names) plays the never-seen
  other, near to what is known; the taxonomy is cut to the others;
* half of the kinds that are given as other play never-seen too, far from what is known; the other half stays given;
* of the classes and kinds that stay, the share ``data.test_share`` of the images is tested on.

Files that are there for the test alone are not opened. Data without a test part of its own, and with ``resplit``, is
read as a whole, because the seed says which of its images are the test; these are dropped before anything looks at
them. What is the test of one seed may be learnt from in another there, so a choice that is made over several seeds is
blind to the test images of each seed, not of all together.

An image to learn from may equal one of the real test. A real run leaves it out; here it stays, because nobody can know
without opening the test. It is an image to learn from like any other, and what it tells is known to those who learn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.config import Config
from experiments.roles import Roles
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean

STREAM = 0x7A11D
FEWEST_KNOWN = 2


def rehearsed(roles: Roles, kinds: Sequence[str], config: Config, *, seed: int) -> Roles:
    """The roles of the classes in a rehearsal.

    Args:
        roles: those of the real run.
        kinds: all kinds of other that are given, ``roles.other`` among them.
        config: says which or how many of the known classes play unseen.
        seed: of the draw.

    Raises:
        ConfigError: a class to play unseen that is not known, or too few known classes left.

    >>> given = {"name": "x", "data": {"source": "idx"}, "strategies": {"hierclf": {}}}
    >>> from experiments.config import load_config
    >>> rehearsed(Roles(known=tuple("0123")), "AB", load_config(given), seed=0)
    Roles(known=('0', '1', '3'), other=('B',), unseen=('2',), far=('A',))
    """
    chance = np.random.default_rng([seed, STREAM])
    wanted = config.validation_unseen
    if isinstance(wanted, float):
        count = max(1, round(wanted * len(roles.known)))
        drawn = {roles.known[place] for place in chance.permutation(len(roles.known))[:count].tolist()}
    else:
        drawn = set(wanted)
        strange = [name for name in wanted if name not in roles.known]
        if strange:
            raise ConfigError(
                f"validation_unseen: {strange[0]!r} is no known class{did_you_mean(strange[0], roles.known)}; "
                "those that play unseen come from the known ones"
            )
    if len(roles.known) - len(drawn) < FEWEST_KNOWN:
        raise ConfigError(
            f"validation_unseen: of {len(roles.known)} known classes {len(drawn)} play unseen, and at least "
            f"{FEWEST_KNOWN} must stay; name fewer, or give a smaller share"
        )
    far = {kinds[place] for place in chance.permutation(len(kinds))[: len(kinds) // 2].tolist()}
    return Roles(
        known=tuple(name for name in roles.known if name not in drawn),
        other=tuple(name for name in kinds if name not in far),
        unseen=tuple(name for name in roles.known if name in drawn),
        far=tuple(name for name in kinds if name in far),
    )
