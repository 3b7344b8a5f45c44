"""A model on disk: a folder that anyone can read and nothing executes.

=====================  =================================================================================================
``model.safetensors``  every tensor: backbone, head, flat baseline, gate
``model.json``         everything else: how the parts are built, the operating point, the promise, checksums
``taxonomy.yaml``      the taxonomy, as one would write it by hand
``README.md``          the model card: what it recognises, what it promises, how it was made
=====================  =================================================================================================

There is no pickle. On loading, the parts must prove that they belong together: the taxonomy by its checksum, the
tensors by theirs, which says together with the preprocessing what the thresholds were calibrated on. A folder is
written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import hierclf
from hierclf.backbones import Backbone, Preprocessing, Projection, build_backbone, projected, projection_of, unprojected
from hierclf.dag import DagPlan, compile_plan
from hierclf.errors import BundleError, HierclfError
from hierclf.gates import Gate
from hierclf.heads import Head, heads
from hierclf.model import Baseline, Model, Operation
from hierclf.model_card import head_name, model_card
from hierclf.taxonomy import Taxonomy

FORMAT = 1
TENSORS, SETTINGS, TAXONOMY, CARD = "model.safetensors", "model.json", "taxonomy.yaml", "README.md"
FILES = frozenset((TENSORS, SETTINGS, TAXONOMY, CARD))
MOST_JSON_BYTES = 16 << 20
PARTS = ("backbone", "head", "baseline", "gate")

_BROKEN = (
    *(HierclfError, ArithmeticError, AttributeError, LookupError),
    *(MemoryError, OSError, RuntimeError, TypeError, ValueError),
)  # what a folder of settings that make no sense may lead to


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model and what else its folder tells.

    Args:
        model: ready to decide.
        facts: anything that JSON can hold: settings of the fit, names of classes, notes.
    """

    model: Model
    facts: dict[str, Any] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------------------- writing


def save_bundle(bundle: Bundle, path: str | os.PathLike[str]) -> None:
    """Write a model folder; an older model at that place is replaced, anything else there is left alone.

    Raises:
        BundleError: the place holds something else than a model, or cannot be written.
    """
    try:
        target = Path(os.path.realpath(path))
        _require_free(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.parent / f".hierclf-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            draft.mkdir()
            _write_parts(bundle, draft)
            _move(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, TypeError, ValueError, safetensors.SafetensorError) as error:
        full = (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "No space left" in str(error)
        reason = f"no space left, it needs {_megabytes(bundle.model):.0f} MB" if full else _reason(error)
        raise BundleError(f"the model cannot be written to {_shown(path)}: {reason}") from error


def tensor_checksums(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """SHA-256 of the tensors of each part (names, dtypes, shapes and values), by the part's name."""
    digests = {part: hashlib.sha256() for part in PARTS}
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous()
        digest = digests[name.partition(".")[0]]
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return {part: digest.hexdigest() for part, digest in digests.items()}


def taxonomy_checksum(taxonomy: Taxonomy) -> str:
    """SHA-256 of root and edges in order: what the rows of the weights mean."""
    text = json.dumps([taxonomy.root, taxonomy.edges], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _require_free(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise BundleError(f"{_shown(target)} is a file; name a folder to save the model in")
    others = sorted({entry.name for entry in target.iterdir()} - FILES)
    if others or (any(target.iterdir()) and not (target / SETTINGS).is_file()):
        found = f" ({_shown(others[0])})" if others else ""
        raise BundleError(f"{_shown(target)} is a folder with other things in it{found}; name a new or empty one")


def _move(draft: Path, target: Path) -> None:
    """Put the draft in its place; if that fails, what was there before is back."""
    if not target.is_dir():
        draft.rename(target)
        return
    old = draft.with_name(f"{draft.name}-old")
    target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_parts(bundle: Bundle, folder: Path) -> None:
    model = bundle.model
    tensors = {name: values.detach().cpu().contiguous().clone() for name, values in _tensors(model).items()}
    safetensors.torch.save_file(tensors, folder / TENSORS)
    settings: dict[str, Any] = {
        "format": FORMAT,
        "hierclf": hierclf.__version__,
        "backbone": _backbone_settings(model.backbone),
        "head": head_name(model.head),
        "in_features": model.in_features,
        "operation": asdict(model.operation),
        "gate": None if model.gate is None else model.gate.settings(),
        "checksums": {
            "taxonomy": taxonomy_checksum(model.taxonomy),
            "classes": _classes_checksum(bundle.facts),
            **tensor_checksums(tensors),
        },
        "facts": bundle.facts,
    }
    settings["checksums"]["settings"] = _settings_checksum(settings)
    text = json.dumps(settings, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")
    model.taxonomy.to_yaml(folder / TAXONOMY)
    (folder / CARD).write_text(model_card(model, bundle.facts.get("notes", ())), encoding="utf-8")
    for name in FILES:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def _tensors(model: Model) -> dict[str, Tensor]:
    """Every tensor of a model, under ``PART.NAME``."""
    modules: dict[str, object] = {"head": model.head, "baseline": model.baseline.head}
    if model.backbone is not None:
        modules["backbone"] = model.backbone
    tensors = {"baseline.calibration_scores": model.baseline.calibration_scores}
    for part, module in modules.items():
        assert isinstance(module, nn.Module)
        tensors |= {f"{part}.{name}": values for name, values in module.state_dict().items()}
    if model.gate is not None:
        tensors |= {f"gate.{name}": values for name, values in model.gate.tensors().items()}
    return tensors


def _backbone_settings(backbone: Backbone | None) -> dict[str, Any] | None:
    if backbone is None:
        return None
    projection = projection_of(backbone)
    return {
        "name": backbone.name,
        "weights": backbone.weights,
        "pretrained": backbone.pretrained,
        "preprocessing": backbone.preprocessing.to_dict(),
    } | ({} if projection is None else {"projection": projection.dim})


def _classes_checksum(facts: Mapping[str, Any]) -> str:
    """SHA-256 of what the leaves are called in arrays, in order: the columns of probabilities are in that order."""
    return hashlib.sha256(json.dumps(facts.get("classes")).encode()).hexdigest()


def _settings_checksum(settings: Mapping[str, Any]) -> str:
    """SHA-256 of all settings but itself and the facts: an operating point is no longer promised once it is edited."""
    checksums = {name: digest for name, digest in settings["checksums"].items() if name != "settings"}
    sealed = {name: value for name, value in settings.items() if name != "facts"} | {"checksums": checksums}
    return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- reading


def load_bundle(path: str | os.PathLike[str], *, backbone: nn.Module | None = None) -> Bundle:
    """Read a model folder, or a run folder that holds one.

    Args:
        path: the folder.
        backbone: the module itself, for a model that was fitted on a module of the user's own; it is copied.

    Raises:
        BundleError: no model there, or one that is broken, newer than this version, or put together from parts that
            do not belong to one another.
    """
    folder = path
    try:
        folder = Path(path)
        if (folder / "model" / SETTINGS).is_file():
            folder = folder / "model"
        for name in (SETTINGS, TENSORS, TAXONOMY):
            if not (folder / name).is_file():
                raise BundleError(f"there is no model in {_shown(path)}: {name} is missing; give a run or model folder")
        return _assemble(folder, _read_settings(folder / SETTINGS), backbone)
    except BundleError:
        raise
    except _BROKEN as error:
        detail = f"{error.args[0]!r} is missing" if type(error) is KeyError else str(error)
        raise BundleError(f"the model in {_shown(folder)} cannot be put together: {detail}") from error


def _read_settings(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_JSON_BYTES:
        raise BundleError(f"{_shown(path)} is larger than {MOST_JSON_BYTES >> 20} MB; this is no model of hierclf")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{_shown(path)} is no readable JSON: {error}") from error
    if not isinstance(settings, dict) or type(settings.get("format")) is not int:
        raise BundleError(f"{_shown(path)} is no model of hierclf: it names no format")
    if settings["format"] > FORMAT:
        raise BundleError(
            f"the model in {_shown(path.parent)} has format {settings['format']}, this version of hierclf reads up to "
            f"{FORMAT}; upgrade hierclf"
        )
    if settings["checksums"]["settings"] != _settings_checksum(settings):
        raise BundleError(
            f"{_shown(path)} was edited: its promises were calibrated with other settings; load the model and change "
            "the settings there, or fit again"
        )
    sealed = settings["checksums"].get("classes")  # folders of the first versions have none
    if sealed is not None and sealed != _classes_checksum(settings["facts"]):
        raise BundleError(f"{_shown(path)} was edited: its classes have other values or another order; fit again")
    return settings


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _assemble(folder: Path, settings: Mapping[str, Any], module: nn.Module | None) -> Bundle:
    taxonomy = Taxonomy.from_yaml(folder / TAXONOMY)
    if taxonomy_checksum(taxonomy) != settings["checksums"]["taxonomy"]:
        raise BundleError(
            f"{_shown(folder / TAXONOMY)} is not the taxonomy that these weights were fitted with; put the original "
            "back, or fit again (embeddings are cached, so that is quick)"
        )
    tensors = _read_tensors(folder / TENSORS, settings["checksums"])
    plan = compile_plan(taxonomy)
    width = settings["in_features"]
    backbone = _load_backbone(settings["backbone"], _under("backbone.", tensors), module)
    flat = _under("baseline.", tensors)
    calibration_scores = flat.pop("calibration_scores")
    return Bundle(
        model=Model(
            plan=plan,
            backbone=backbone,
            head=_load_head(settings["head"], width, plan, _under("head.", tensors)),
            gate=_load_gate(settings["gate"], _under("gate.", tensors), (width, plan.num_leaves), plan),
            operation=Operation(**settings["operation"]),
            baseline=Baseline(head=_load_head("flat", width, plan, flat), calibration_scores=calibration_scores),
            in_features=width,
        ),
        facts=dict(settings["facts"]),
    )


def _read_tensors(path: Path, checksums: Mapping[str, str]) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise BundleError(
            f"{_shown(path)} is no whole safetensors file ({_reason(error)}); save the model again"
        ) from error
    strange = sorted(name for name in tensors if name.partition(".")[0] not in PARTS)
    if strange:
        raise BundleError(f"{_shown(path)} holds tensors that no model has ({', '.join(strange[:3])}); save it again")
    found = tensor_checksums(tensors)
    wrong = [part for part in PARTS if found[part] != checksums[part]]
    if wrong:
        raise BundleError(
            f"{_shown(path)} does not belong to the rest of this folder, or is damaged: the {' and the '.join(wrong)} "
            "differ from what its thresholds were calibrated with, so their promise does not hold; put the original "
            "back, or fit again"
        )
    broken = sorted(name for name, values in tensors.items() if values.is_floating_point() and values.isnan().any())
    if broken:
        raise BundleError(f"{_shown(path)} holds NaN in {', '.join(broken[:3])}; fit again")
    return tensors


def _load_backbone(
    settings: Mapping[str, Any] | None, tensors: Mapping[str, Tensor], module: nn.Module | None
) -> Backbone | None:
    if settings is None:
        _load_into(None, "backbone", tensors)
        return None
    name = settings["name"]
    preprocessing = Preprocessing.from_dict(settings["preprocessing"])
    try:
        own = unprojected(module).features if isinstance(module, Backbone) else module
        given = name if own is None else copy.deepcopy(own)
        built = build_backbone(given, weights=None, preprocessing=preprocessing)
    except HierclfError as error:
        hint = "" if module is not None else "; for a module of your own, pass it as backbone="
        raise BundleError(f"the backbone {name!r} cannot be built here: {error}{hint}") from error
    tag, pretrained = settings["weights"], bool(settings["pretrained"])
    backbone = Backbone(built.features, preprocessing, name=name, weights=tag, pretrained=pretrained)
    if "projection" in settings:  # folders without one, and those of the first versions, do not name it
        outputs = len(tensors["features.projection.linear.weight"])  # no layer of a width that is merely claimed
        if settings["projection"] != outputs:
            raise BundleError(f"the projection gives {outputs} numbers, {settings['projection']!r} by its settings")
        backbone = projected(backbone, Projection(backbone.dim, outputs))
    _load_into(backbone, "backbone", tensors)
    return backbone.freeze()


def _load_head(name: str, width: int, plan: DagPlan, tensors: Mapping[str, Tensor]) -> Head:
    weight = tensors["linear.weight"]
    if weight.ndim != 2 or weight.shape[1] != width:  # before a layer of any claimed width is made
        raise BundleError(f"the head {name!r} reads {tuple(weight.shape)[1:]} numbers, the model gives {width}")
    head: Head = heads[name](width, plan)  # type: ignore[assignment]  # a builder gives a module that is a head
    assert isinstance(head, nn.Module)
    head.to(weight.dtype)
    _load_into(head, f"head {name!r}", tensors)
    head.requires_grad_(False).eval()
    return head


def _load_gate(
    settings: Mapping[str, Any] | None, tensors: Mapping[str, Tensor], shape: tuple[int, int], plan: DagPlan
) -> Gate | None:
    if settings is None:
        _load_into(None, "gate", tensors)
        return None
    gate = Gate.from_parts(settings, tensors, plan)
    if gate.shape != shape:
        raise BundleError(
            f"the gate reads {gate.shape[0]} numbers and {gate.shape[1]} classes, the model has {shape[0]} and "
            f"{shape[1]}; they do not belong together"
        )
    return gate


def _load_into(module: nn.Module | None, what: str, tensors: Mapping[str, Tensor]) -> None:
    """Fill a module with exactly these tensors; no module takes none."""
    wanted = module.state_dict() if module is not None else {}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - tensors.keys())]
    faults += [f"{name} has no place" for name in sorted(tensors.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & tensors.keys()):
        came, expected = tensors[name], wanted[name]
        if (came.shape, came.dtype) != (expected.shape, expected.dtype):
            faults.append(
                f"{name} is {came.dtype} {tuple(came.shape)}, expected {expected.dtype} {tuple(expected.shape)}"
            )
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise BundleError(f"the weights of the {what} do not fit: {'; '.join(faults[:3])}{more}")
    if module is not None:
        module.load_state_dict(dict(tensors))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}


def _megabytes(model: Model) -> float:
    return sum(values.numel() * values.element_size() for values in _tensors(model).values()) / 1e6


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _shown(path: str | os.PathLike[str]) -> str:
    """A path in letters that can always be printed."""
    return str(path).encode("utf-8", "backslashreplace").decode()
