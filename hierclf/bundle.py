"""A model on disk: a folder that anyone can read and nothing executes.

==================  ====================================================================================================
``model.safetensors``  every tensor: backbone, head, flat baseline, gate
``model.json``      everything else: how the parts are built, the operating point, the promise, checksums
``taxonomy.yaml``   the taxonomy, as one would write it by hand
``README.md``       the model card: what it recognises, what it promises, how it was made
==================  ====================================================================================================

There is no pickle. On loading, the parts must prove that they belong together: the taxonomy by its checksum, the gate's
thresholds by the fingerprint of the weights and the preprocessing they were calibrated with. A folder is written beside
its place and moved there when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
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
from hierclf.backbones import Backbone, Preprocessing, build_backbone
from hierclf.dag import compile_plan
from hierclf.decisions import rules
from hierclf.errors import BundleError, HierclfError
from hierclf.gates import Gate
from hierclf.heads import Head, heads
from hierclf.model import Baseline, Model, Operation
from hierclf.taxonomy import Taxonomy

FORMAT = 1
TENSORS, SETTINGS, TAXONOMY, CARD = "model.safetensors", "model.json", "taxonomy.yaml", "README.md"
MOST_JSON_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model and what else its folder tells.

    Args:
        model: ready to decide.
        facts: anything that JSON can hold: settings of the fit, counts, versions, notes.
    """

    model: Model
    facts: dict[str, Any] = field(default_factory=dict)


def save_bundle(bundle: Bundle, path: str | os.PathLike[str]) -> None:
    """Write a model folder; an older model at that place is replaced, anything else there is left alone.

    Raises:
        BundleError: the place holds something that is no model, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise BundleError(f"{target} is a file; name a folder to save the model in")
    if target.is_dir() and any(target.iterdir()) and not (target / SETTINGS).is_file():
        raise BundleError(f"{target} is a folder with other things in it; name a new or empty one for the model")
    beside = target.absolute().parent / f".{target.name}.part-{os.getpid()}"
    try:
        beside.mkdir(parents=True)
        _write_parts(bundle, beside)
        if target.is_dir():
            old = beside.with_suffix(".old")
            target.rename(old)
            beside.rename(target)
            shutil.rmtree(old)
        else:
            beside.rename(target)
    except OSError as error:
        raise BundleError(f"the model cannot be written to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def load_bundle(path: str | os.PathLike[str], *, backbone: nn.Module | None = None) -> Bundle:
    """Read a model folder, or a run folder that holds one.

    Args:
        path: the folder.
        backbone: the module itself, for a model that was fitted on a module of the user's own.

    Raises:
        BundleError: no model there, or one that is broken, newer than this version, or put together from parts that
            do not belong to one another.
    """
    folder = Path(path)
    if (folder / "model" / SETTINGS).is_file():
        folder = folder / "model"
    if not (folder / SETTINGS).is_file():
        raise BundleError(f"there is no model in {path}: {SETTINGS} is missing; give a run folder or a model folder")
    settings = _read_settings(folder / SETTINGS)
    try:
        return _assemble(folder, settings, backbone)
    except BundleError:
        raise
    except (HierclfError, KeyError, TypeError, ValueError, RuntimeError, OSError, AttributeError) as error:
        detail = f"{error.args[0]!r} is missing" if type(error) is KeyError else str(error)
        raise BundleError(f"the model in {folder} cannot be put together: {detail}") from error


def taxonomy_checksum(taxonomy: Taxonomy) -> str:
    """SHA-256 of root and edges in order: what the rows of the weights mean."""
    text = json.dumps([taxonomy.root, taxonomy.edges], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def weights_checksum(model: Model) -> str:
    """SHA-256 of everything that a threshold depends on: backbone, preprocessing, head."""
    digest = hashlib.sha256()
    tensors = _module_tensors("head", model.head)
    if model.backbone is not None:
        tensors |= _module_tensors("backbone", model.backbone)
        digest.update(json.dumps(model.backbone.preprocessing.to_dict(), sort_keys=True).encode())
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- writing


def _write_parts(bundle: Bundle, folder: Path) -> None:
    model = bundle.model
    tensors = _module_tensors("head", model.head) | _module_tensors("baseline", model.baseline.head)
    tensors["baseline_calibration"] = model.baseline.calibration_scores
    if model.backbone is not None:
        tensors |= _module_tensors("backbone", model.backbone)
    if model.gate is not None:
        tensors |= {f"gate.{name}": values for name, values in model.gate.tensors().items()}
    safetensors.torch.save_file(
        {name: values.detach().cpu().contiguous().clone() for name, values in tensors.items()}, folder / TENSORS
    )
    settings = {
        "format": FORMAT,
        "hierclf": hierclf.__version__,
        "taxonomy": taxonomy_checksum(model.taxonomy),
        "backbone": _backbone_settings(model.backbone),
        "head": _head_name(model.head),
        "in_features": model.in_features,
        "float64": model.dtype == torch.float64,
        "operation": asdict(model.operation),
        "gate": None if model.gate is None else model.gate.settings(),
        "calibrated_with": weights_checksum(model),
        "facts": bundle.facts,
    }
    text = json.dumps(settings, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")
    model.taxonomy.to_yaml(folder / TAXONOMY)
    (folder / CARD).write_text(model_card(bundle), encoding="utf-8")


def _backbone_settings(backbone: Backbone | None) -> dict[str, Any] | None:
    if backbone is None:
        return None
    return {
        "name": backbone.name,
        "weights": backbone.weights,
        "pretrained": backbone.pretrained,
        "preprocessing": backbone.preprocessing.to_dict(),
    }


def _head_name(head: Head) -> str:
    return next(name for name in heads if isinstance(head, heads[name]))  # type: ignore[arg-type]


def _module_tensors(prefix: str, module: object) -> dict[str, Tensor]:
    assert isinstance(module, nn.Module)
    return {f"{prefix}.{name}": values for name, values in module.state_dict().items()}


def model_card(bundle: Bundle) -> str:
    """The README of a model folder, in Markdown."""
    model, facts = bundle.model, bundle.facts
    taxonomy, operation = model.taxonomy, model.operation
    name = taxonomy.name or taxonomy.root
    lines = [f"# {name}: a hierclf model", ""]
    shown = ", ".join(taxonomy.leaves[:30]) + (", …" if len(taxonomy.leaves) > 30 else "")
    lines += [f"Recognises {len(taxonomy.leaves)} classes on {taxonomy.depth} levels: {shown}.", ""]
    lines += ["## What it promises", ""]
    lines.append(f"- {model.gate.promise.sentence}" if model.gate else "- It has no gate: nothing is turned away.")
    if operation.correct is not None:
        lines.append(
            f"- On known images, at least {100 * operation.correct:.6g} % of the answers of the rule "
            f"`{operation.rule}` are the right class or one of its ancestors (calibrated on {operation.calibrated_on} images)."
        )
    else:
        lines.append(f"- The rule `{operation.rule}` answers without a promise about correctness.")
    lines.append("- Both hold on average for images like the calibration images, and not for images of another origin.")
    lines += ["", "## How it works", ""]
    backbone = model.backbone
    lines.append(
        f"- Backbone: {backbone.name}, weights {backbone.weights}"
        if backbone
        else "- Backbone: none (embeddings given)"
    )
    lines.append(f"- Head: {_head_name(model.head)}; rule: {operation.rule} at {operation.point:.6g}")
    if model.gate is not None:
        lines.append(f"- Gate: {', '.join(part.name for part in model.gate.parts)}, combined by {model.gate.combine}")
    for note in facts.get("notes", ()):
        lines.append(f"- {' '.join(str(note).split())}")
    lines += ["", "## Use", "", "```python", "from hierclf import HierarchicalClassifier"]
    lines += ['model = HierarchicalClassifier.load("THIS FOLDER")', 'model.predict(["picture.jpg"])', "```", ""]
    lines.append(f"Made with hierclf {hierclf.__version__}.")
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------------------------------------------------- reading


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            raise BundleError(f"{path} is larger than {MOST_JSON_BYTES >> 20} MB; this is no model of hierclf")
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is no readable JSON: {error}") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("format"), int):
        raise BundleError(f"{path} is no model of hierclf: it names no format")
    if settings["format"] > FORMAT:
        raise BundleError(
            f"the model in {path.parent} has format {settings['format']}, this version of hierclf reads up to "
            f"{FORMAT}; upgrade hierclf"
        )
    return settings


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise BundleError(f"{path} is no whole safetensors file: {error}; save the model again") from error
    return tensors


def _assemble(folder: Path, settings: Mapping[str, Any], module: nn.Module | None) -> Bundle:
    tensors = _read_tensors(folder / TENSORS)
    taxonomy = Taxonomy.from_yaml(folder / TAXONOMY)
    if taxonomy_checksum(taxonomy) != settings["taxonomy"]:
        raise BundleError(
            f"{folder / TAXONOMY} is not the taxonomy that these weights were fitted with; put the original back, or "
            "fit again (embeddings are cached, so that is quick)"
        )
    plan = compile_plan(taxonomy)
    backbone = _load_backbone(settings["backbone"], tensors, module)
    width = int(settings["in_features"])
    dtype = torch.float64 if settings["float64"] else torch.float32
    head = heads[settings["head"]](width, plan)
    flat = heads["flat"](width, plan)
    for prefix, part in (("head", head), ("baseline", flat)):
        part.to(dtype).requires_grad_(False).eval()
        _load_into(part, prefix, tensors)
    operation = Operation(**settings["operation"])
    rules[operation.rule]
    gate = None
    if settings["gate"] is not None:
        gate = Gate.from_parts(settings["gate"], _under("gate.", tensors))
        if gate.shape != (width, plan.num_leaves):
            raise BundleError(
                f"the gate reads {gate.shape[0]} numbers and {gate.shape[1]} classes, the model has {width} and "
                f"{plan.num_leaves}; they do not belong together"
            )
    model = Model(
        plan=plan,
        backbone=backbone,
        head=head,  # type: ignore[arg-type]
        gate=gate,
        operation=operation,
        baseline=Baseline(head=flat, calibration_scores=tensors["baseline_calibration"]),  # type: ignore[arg-type]
        in_features=width,
    )
    if weights_checksum(model) != settings["calibrated_with"]:
        raise BundleError(
            f"the thresholds in {folder} were calibrated with other weights or another preprocessing; fit again, since "
            "their promise does not hold for these"
        )
    return Bundle(model=model, facts=dict(settings.get("facts", {})))


def _load_backbone(
    settings: Mapping[str, Any] | None, tensors: Mapping[str, Tensor], module: nn.Module | None
) -> Backbone | None:
    if settings is None:
        return None
    preprocessing = Preprocessing.from_dict(settings["preprocessing"])
    try:
        built = build_backbone(
            settings["name"] if module is None else module, weights=None, preprocessing=preprocessing
        )
    except HierclfError as error:
        hint = "" if module is not None else "; for a module of your own, pass it as backbone="
        raise BundleError(f"the backbone {settings['name']!r} cannot be built here: {error}{hint}") from error
    backbone = Backbone(
        built.features,
        preprocessing,
        name=settings["name"],
        weights=settings["weights"],
        pretrained=bool(settings["pretrained"]),
    )
    _load_into(backbone, "backbone", tensors)
    return backbone.freeze()


def _load_into(module: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    try:
        module.load_state_dict(_under(f"{prefix}.", tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[1:2]
        raise BundleError(f"the weights of the {prefix} do not fit: {' '.join(first).strip()}") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
