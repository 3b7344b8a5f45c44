"""Any detector of pytorch-ood by name: ``ood:Mahalanobis``, ``ood:ViM``, ``ood:KNN``, ``ood:EnergyBased`` ….

pytorch-ood comes with the extra ``hierclf[ood]``. Its fitted detectors can only be stored by pickle, so this score
keeps a sample of the evidence that the detector was fitted on, and fits it again where it is loaded. It works for
every detector that reads embeddings or logits; those that reach into the network say what they need. LTS and DICE are
made for embeddings that end in a ReLU.

B images, D embedding, C known leaf classes
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from hierclf.errors import ConfigError, DataError, UnknownName
from hierclf.gates.evidence import Evidence
from hierclf.gates.knn import even_sample
from hierclf.gates.linear_head import linear_head
from hierclf.gates.score import Score, families
from hierclf.registry import did_you_mean

REACHES_INTO_THE_NETWORK = {
    "GradientDetector": "follows gradients through the network",
    "FeatureMapsDetector": "changes feature maps within the network",
    "StructuredDetector": "reads several layers of the network",
}
"""What detectors of these kinds need, that no gate has."""


@families.register("ood")
def pytorch_ood_detector(*, name: str, most: int = 10_000, arguments: Mapping[str, Any] | None = None) -> Score:
    """The detector of that name.

    Args:
        name: a class of ``pytorch_ood.detector``.
        most: fitted on, and stored with, at most so many images.
        arguments: the detector's own settings, such as ``{"k": 10}``; embeddings, logits, weights and biases are
            passed by themselves. A list becomes a tensor (``weights`` of WeightedEBO, ``text_embeddings`` of MCM).

    Raises:
        ConfigError: when pytorch-ood is not installed, the detector needs more than embeddings and logits, or a setting
            that has no default is missing.
        UnknownName: when it has no such detector.
    """
    settings = tuple((key, _frozen(value)) for key, value in sorted((arguments or {}).items()))
    score = PytorchOod(name=name, most=most, arguments=settings)
    score.require_arguments()
    return score


@dataclass(frozen=True, kw_only=True)
class PytorchOod(Score):
    """A detector of pytorch-ood on embeddings and logits."""

    name: str
    most: int = 10_000
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def learns(self) -> tuple[str, ...]:
        """The sample that the detector is fitted on."""
        return ("embedding", "logits", "label")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """A sample of the known images with a class."""
        label_B = torch.zeros(len(known), dtype=torch.int64) if known.label_B is None else known.label_B
        known = known[label_B >= 0]
        if len(known) == 0:
            raise DataError(f"expected known images with a class to fit 'ood:{self.name}' on, got none")
        label_B = label_B[label_B >= 0]
        rows = even_sample(torch.unique(label_B, return_inverse=True)[1], self.most, generator)
        return {"embedding": known.embedding_BD[rows], "logits": known.logits_BC[rows], "label": label_B[rows]}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The detector's score; it is fitted anew here, so prefer `prepare`."""
        return self.prepare(learnt)(evidence)

    def prepare(self, learnt: Mapping[str, Tensor]) -> Callable[[Evidence], Tensor]:
        """The detector, fitted once; not all of them can be asked about no image, so none is."""
        detect = self._fitted(learnt)
        return lambda evidence: detect(evidence) if len(evidence) else torch.empty(0, dtype=torch.float64)

    def detector_class(self) -> Any:
        """The class in pytorch-ood.

        Raises:
            ConfigError: when pytorch-ood is not installed or the detector needs more than embeddings and logits.
            UnknownName: when it has no such detector.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                detectors = importlib.import_module("pytorch_ood.detector")
        except ImportError as error:
            raise ConfigError(f"'ood:{self.name}' needs pytorch-ood: pip install 'hierclf[ood]'") from error
        known = [name for name, part in vars(detectors).items() if inspect.isclass(part)]
        if self.name not in known:
            raise UnknownName(f"pytorch-ood has no detector {self.name!r}{did_you_mean(self.name, known)}")
        found = getattr(detectors, self.name)
        if not (hasattr(found, "predict_features") or hasattr(found, "predict_logits")):
            kinds = [kind.__name__ for kind in found.__mro__]
            why = next((REACHES_INTO_THE_NETWORK[kind] for kind in kinds if kind in REACHES_INTO_THE_NETWORK), None)
            raise ConfigError(
                f"'ood:{self.name}' {why or 'runs the network on images'}, and a gate reads embeddings and logits "
                "only; take a detector with predict_features or predict_logits, such as 'ood:ViM'"
            )
        return found

    def require_arguments(self) -> None:
        """Check that the detector's constructor gets all that it asks for.

        Raises:
            ConfigError: when a setting without a default is missing.
        """
        asked = inspect.signature(self.detector_class()).parameters
        given = {"encoder", "model", "backbone", "head", "w", "b", *dict(self.arguments)}
        given |= {"d"} if self.name == "ViM" else set()
        missing = [
            name
            for name, part in asked.items()
            if part.default is part.empty
            and name not in given
            and part.kind not in (part.VAR_KEYWORD, part.VAR_POSITIONAL)
        ]
        if missing:
            raise ConfigError(
                f"'ood:{self.name}' needs {', '.join(missing)}; give them as arguments of the score: "
                f"arguments={{{', '.join(f'{name!r}: …' for name in missing)}}}"
            )

    def _fitted(self, learnt: Mapping[str, Tensor]) -> Callable[[Evidence], Tensor]:
        known = Evidence(learnt["embedding"].float(), learnt["logits"].float(), learnt["label"])
        detector = self.detector_class()(**self._parts(known))
        if hasattr(detector, "predict_features"):
            if hasattr(detector, "fit_features"):
                classes_B = torch.unique(learnt["label"], return_inverse=True)[1]  # numbered without gaps
                detector.fit_features(known.embedding_BD, classes_B)
            return lambda evidence: torch.as_tensor(detector.predict_features(evidence.embedding_BD.float())).double()
        if getattr(detector, "requires_fit", False):
            detector.fit_logits(known.logits_BC, known.label_B)
        # OpenMax measures distances to those classes alone that are the likeliest of some image in the batch
        extra_CC = torch.eye(known.logits_BC.shape[1])[: None if self.name == "OpenMax" else 0]

        def measure(evidence: Evidence) -> Tensor:
            logits_BC = torch.cat([evidence.logits_BC.float(), extra_CC.to(evidence.logits_BC.device)])
            return torch.as_tensor(detector.predict_logits(logits_BC))[: len(evidence)].double()

        return measure

    def _parts(self, known: Evidence) -> dict[str, Any]:
        """What the detector's constructor asks for: our settings, and the linear head under the names it goes by."""
        asked = inspect.signature(self.detector_class()).parameters
        parts: dict[str, Any] = {name: None for name in ("encoder", "model", "backbone") if name in asked}
        if {"w", "b"} & set(asked) or "head" in asked:
            weight_CD, bias_C = (values.float() for values in linear_head(known))
            head = torch.nn.Linear(weight_CD.shape[1], weight_CD.shape[0])
            head.load_state_dict({"weight": weight_CD, "bias": bias_C})
            parts |= {name: part for name, part in (("w", weight_CD), ("b", bias_C), ("head", head)) if name in asked}
        if self.name == "ViM":
            parts["d"] = max(known.embedding_BD.shape[1] // 2, 1)
        parts |= {key: torch.tensor(value) if isinstance(value, tuple) else value for key, value in self.arguments}
        return parts


def _frozen(value: Any) -> Any:
    """Lists, which cannot be hashed, as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value
