"""How deep in a network a weight sits, so that what is near the image can be trained more gently than what is far.

The first layers of a pretrained network see edges and colours, which serve every task; the last ones see what its own
classes need. So each block may learn a factor more slowly than the block after it: Howard and Ruder, *Universal
Language Model Fine-tuning for Text Classification*, ACL 2018, arXiv:1801.06146 (factor 1/2.6 per layer); Bao et al.,
*BEiT*, ICLR 2022, arXiv:2106.08254 (0.65 to 0.85 per block of a transformer).

What a block is follows from how a network is written. Going through its children in order, plain containers
(``Sequential``, ``ModuleList``, ``ModuleDict``) are opened, and so is anything that holds nearly all weights; every
other module with a weight matrix is a block. Norms, and parameters that an opened module holds itself (position
embeddings), belong to the block before.

>>> from torchvision.models import resnet18
>>> [len(block) for block in blocks_by_depth(resnet18(num_classes=2))]  # conv1 + bn1, 8 residual blocks, fc
[3, 6, 6, 9, 6, 9, 6, 9, 6, 2]
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NEARLY_ALL = 0.9


def blocks_by_depth(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of a network by block, from the image to the embedding; each in exactly one block.

    Args:
        network: any module whose children are written in the order in which images pass them, as in torchvision's and
            timm's models.

    Returns:
        Blocks of at least one parameter; none at all for a network without parameters.
    """
    nearly_all = NEARLY_ALL * sum(parameter.numel() for parameter in network.parameters())
    blocks: list[list[nn.Parameter]] = []
    first = True  # whether the last block still waits for its weight matrix
    seen: set[int] = set()
    for part, own in _parts(network, nearly_all, opened=True):
        fresh = [parameter for parameter in part if id(parameter) not in seen]  # a layer may be used twice
        seen.update(map(id, fresh))
        loose = own or all(parameter.ndim < 2 for parameter in fresh)
        if blocks and (loose or first):
            blocks[-1].extend(fresh)
        elif fresh:
            blocks.append(fresh)
        first = first and loose
    return blocks


def depth_factors(network: nn.Module, decay: float) -> list[tuple[list[nn.Parameter], float]]:
    """Blocks with the factor on their learning rate: 1 for the last, ``decay`` for the one before, and so on.

    Args:
        network: see `blocks_by_depth`.
        decay: above 0 and at most 1.

    >>> layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    >>> [(len(block), factor) for block, factor in depth_factors(layers, 0.5)]
    [(2, 0.25), (4, 0.5), (2, 1.0)]
    """
    blocks = blocks_by_depth(network)
    return [(block, decay ** (len(blocks) - 1 - place)) for place, block in enumerate(blocks)]


def _parts(module: nn.Module, nearly_all: float, *, opened: bool = False) -> Iterator[tuple[list[nn.Parameter], bool]]:
    """Parameters of a module piece by piece, in order, and whether they are an opened module's own."""
    everything = list(module.parameters())
    has_children = next(module.children(), None) is not None
    large = sum(parameter.numel() for parameter in everything) > nearly_all
    if has_children and (opened or large or type(module) in CONTAINERS):
        yield list(module.parameters(recurse=False)), True
        for child in module.children():
            yield from _parts(child, nearly_all)
    else:
        yield everything, False
