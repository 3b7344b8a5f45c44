from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.backbones import Preprocessing
from hierclf.bundle import Bundle, load_bundle, save_bundle
from hierclf.errors import BundleError
from tests.conftest import DEEP_DAG
from tests.synthetic import LETTERS, SHAPES, clouds, glyphs

FILES = {"model.safetensors", "model.json", "taxonomy.yaml", "README.md"}
SIDE_TABLES = Taxonomy(
    root="thing",
    edges=DEEP_DAG.edges,
    name="things & more",
    labels=(("dogge", "dog"), ("no", "rock")),
    level_weights=("decay", 0.5),
    class_weights=(("dog", 2.0),),
    other=("clutter",),
    keep=0.9,
)


class Averages(nn.Module):
    """A module of the user's own: averages over quarters of the image, times a weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, 16))
        self.register_buffer("offset", torch.full((16,), 0.25))
        self.preprocessing = Preprocessing(height=12, width=12, mode="L", mean=(0.5,), std=(0.5,))

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 4).flatten(1) * self.weight + self.offset


def embeddings(taxonomy=LETTERS, **settings):
    values, labels = clouds(list(taxonomy.leaves), 40)
    strange = clouds("xyz", 10)[0]
    return HierarchicalClassifier(taxonomy, **settings).fit(values, labels, other=strange), clouds("aexq", 20, seed=9)[
        0
    ]


def images(backbone, **settings):
    model = HierarchicalClassifier(SHAPES, backbone=backbone, epochs=2, cache=False, **settings)
    return model.fit(*glyphs(count=20)), glyphs(seed=5, count=10)[0]


MODELS = {
    "embeddings": lambda: embeddings(),
    "no gate": lambda: embeddings(gate="none", rule="information"),
    "dag with side tables": lambda: embeddings(SIDE_TABLES, head="per_node"),
    "many scores": lambda: embeddings(
        gate=["energy", ("knn", {"k": 3}), "mahalanobis++", "one_class_svm"], combine="max"
    ),
    "flat head, no promise": lambda: embeddings(head="flat", correct=None, rule="expected_distance"),
    "promise about this very model": lambda: embeddings(promise="confident", keep=0.8, node_gates=["gen", "msp"]),
    "promise for each class": lambda: embeddings(promise="per_class", keep=0.8),
    "promise on folds": lambda: embeddings(promise="cross"),
    "promise on both sides": lambda: embeddings(promise="two_sided"),
    "no promise": lambda: embeddings(DEEP_DAG, promise="none", node_gates="energy"),
    "gate at the root alone": lambda: embeddings(node_gates="none", leave_one_out=False),
    "small network": lambda: images("small_cnn"),
    "own module, frozen": lambda: images(Averages()),
    "own module, trained": lambda: images(Averages(), freeze=False),
    "own module, frozen, with a projection": lambda: images(Averages(), projection=6),
    "projection by an embedding loss alone": lambda: images(
        Averages(), projection=6, embedding_loss="supcon", classification_weight=0.0
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return embeddings()[0]


@pytest.fixture(scope="module")
def pristine(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "model"
    fitted.save(folder)
    return folder


@pytest.fixture
def folder(pristine, tmp_path):
    return Path(shutil.copytree(pristine, tmp_path / "model"))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder, change):
    path = folder / "model.json"
    settings = json.loads(path.read_text())
    change(settings)
    path.write_text(json.dumps(settings))


def edit_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path)


def seal(folder):
    """Make every checksum right again, as somebody would who means harm."""
    from hierclf.bundle import _settings_checksum, taxonomy_checksum, tensor_checksums

    tensors = safetensors.torch.load_file(folder / "model.safetensors")

    def change(settings):
        taxonomy = taxonomy_checksum(Taxonomy.from_yaml(folder / "taxonomy.yaml"))
        settings["checksums"] = {"taxonomy": taxonomy, **tensor_checksums(tensors)}
        settings["checksums"]["settings"] = _settings_checksum(settings)

    edit(folder, change)


# ------------------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_exactly(name, tmp_path):
    model, data = MODELS[name]()
    model.save(tmp_path / "model")
    own = model.backbone if isinstance(model.backbone, nn.Module) else None
    loaded = HierarchicalClassifier.load(tmp_path / "model", backbone=own and Averages())
    before, after = model.predict(data), loaded.predict(data)
    assert after.to_records() == before.to_records()
    np.testing.assert_array_equal(loaded.predict_node_proba(data), model.predict_node_proba(data))
    np.testing.assert_array_equal(loaded.unknown_score(data), model.unknown_score(data))
    for kind in ("stop_log_probs_BN", "surprise_BG", "uncertain_B"):
        np.testing.assert_array_equal(getattr(loaded.read(data), kind), getattr(model.read(data), kind))
    if model.model_.gate is not None:
        assert loaded.model_.gate.detections == model.model_.gate.detections
        assert loaded.model_.gate.promise.sentence == model.model_.gate.promise.sentence
    assert loaded.taxonomy_ == model.taxonomy_
    assert loaded.notes_ == model.notes_
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.model_.operation == model.model_.operation
    assert loaded.model_.threshold == model.model_.threshold
    assert loaded.model_.baseline_threshold == model.model_.baseline_threshold
    params, expected = loaded.get_params(), model.get_params()
    assert {k: v for k, v in params.items() if k not in ("backbone", "taxonomy", "cache", "gate")} == {
        k: v for k, v in expected.items() if k not in ("backbone", "taxonomy", "cache", "gate")
    }


def test_saving_again_gives_the_same_bytes(fitted, folder, tmp_path):
    fitted.save(tmp_path / "again")
    HierarchicalClassifier.load(folder).save(tmp_path / "third")
    assert content(tmp_path / "again") == content(folder)
    assert content(tmp_path / "third") == content(folder)


def test_two_fits_with_one_seed_give_the_same_bytes(tmp_path):
    for number in range(2):
        np.random.seed(number)
        torch.manual_seed(number)
        images("small_cnn")[0].save(tmp_path / f"{number}")
    assert content(tmp_path / "0") == content(tmp_path / "1")


def test_the_folder_holds_four_files_and_no_pickle(folder):
    assert set(content(folder)) == FILES
    for name, data in content(folder).items():
        assert not data.startswith((b"\x80", b"PK")), name
        with pytest.raises((pickle.UnpicklingError, UnicodeDecodeError, ValueError, KeyError, EOFError, IndexError)):
            pickle.loads(data)
    json.loads((folder / "model.json").read_text())


def test_labels_that_were_numbers_are_numbers_again(tmp_path):
    values, labels = clouds("01", 40)
    model = HierarchicalClassifier().fit(values, labels.astype(int))
    model.save(tmp_path / "model")
    loaded = HierarchicalClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == [0, 1]
    assert loaded.score(values, labels.astype(int)) == model.score(values, labels.astype(int)) == 1.0


def test_what_belongs_to_a_machine_stays_there(fitted, tmp_path):
    values, labels = clouds()
    model = HierarchicalClassifier(LETTERS, device="cpu", workers=3, cache=False).fit(values, labels)
    model.save(tmp_path / "model")
    loaded = HierarchicalClassifier.load(tmp_path / "model")
    assert (loaded.device, loaded.workers, loaded.cache) == ("auto", 0, True)


def test_a_run_folder_is_taken_for_the_model_in_it(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "model")
    assert HierarchicalClassifier.load(tmp_path / "run").taxonomy_ == LETTERS


def test_a_module_is_needed_again_and_stays_untouched(tmp_path):
    images(Averages(), freeze=False)[0].save(tmp_path / "model")
    with pytest.raises(BundleError, match=r"the backbone 'Averages' cannot be built here: .*pass it as backbone="):
        HierarchicalClassifier.load(tmp_path / "model")
    module = Averages()
    loaded = HierarchicalClassifier.load(tmp_path / "model", backbone=module)
    assert torch.equal(module.weight, Averages().weight)
    assert not torch.equal(loaded.model_.backbone.features.weight, module.weight)
    with pytest.raises(BundleError, match=r"the weights of the backbone do not fit: features.offset has no place"):
        HierarchicalClassifier.load(tmp_path / "model", backbone=nn.Flatten())


@pytest.mark.parametrize(
    "name", ["with blank", "ünïcode", "-o", "a" * 200, "new\nline", "50%", "{x}", "$HOME", "~", "'\"", "..."]
)
def test_names_of_folders_may_be_odd(fitted, tmp_path, name):
    fitted.save(tmp_path / name)
    assert set(content(tmp_path / name)) == FILES
    assert HierarchicalClassifier.load(tmp_path / name).taxonomy_ == LETTERS
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_folders_above_are_made_and_links_followed(fitted, tmp_path):
    fitted.save(tmp_path / "a" / "b" / "model")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b" / "model")
    fitted.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert HierarchicalClassifier.load(tmp_path / "link").taxonomy_ == LETTERS


# ------------------------------------------------------------------------------------------------------------- writing


def test_an_older_model_is_replaced_as_a_whole(fitted, tmp_path):
    images("small_cnn")[0].save(tmp_path / "model")
    fitted.save(tmp_path / "model")
    assert HierarchicalClassifier.load(tmp_path / "model").backbone is None
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("wreck", ["_write_parts", "_move"])
def test_when_writing_fails_the_older_model_is_still_there(fitted, folder, monkeypatch, wreck):
    before = content(folder)

    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"hierclf.bundle.{wreck}", fail)
    with pytest.raises(BundleError, match=r"cannot be written to .*model: no space left, it needs \d+ MB"):
        fitted.save(folder)
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_when_the_last_step_fails_the_older_model_is_back(fitted, folder, monkeypatch):
    before = content(folder)
    rename = Path.rename

    def fail(self, target):
        if ".hierclf-" in self.name and "old" not in self.name:
            raise PermissionError(1, "Operation not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(BundleError, match=r"cannot be written to .*: Operation not permitted"):
        fitted.save(folder)
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_other_things_are_never_overwritten(fitted, folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BundleError, match="file is a file; name a folder"):
        fitted.save(tmp_path / "file")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photo.jpg").write_text("mine")
    with pytest.raises(BundleError, match=r"a folder with other things in it \(photo.jpg\); name a new or empty one"):
        fitted.save(tmp_path / "data")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"notes\.txt"):
        fitted.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "README.md").write_text("mine")
    with pytest.raises(BundleError, match="a folder with other things in it"):
        fitted.save(tmp_path / "project")
    with pytest.raises(BundleError, match=r"cannot be written to .*: (Not a directory|File exists)"):
        fitted.save(tmp_path / "file" / "model")
    with pytest.raises(BundleError, match="cannot be written"):
        fitted.save(tmp_path / "nul\0")


def test_an_empty_folder_is_taken(fitted, tmp_path):
    (tmp_path / "model").mkdir()
    fitted.save(tmp_path / "model")
    assert set(content(tmp_path / "model")) == FILES


def test_facts_are_anything_that_json_holds(fitted, tmp_path):
    facts = {"counts": [1, 2], "classes": {}, "words": "ü"}
    save_bundle(Bundle(model=fitted.model_, facts=facts), tmp_path / "model")
    assert load_bundle(tmp_path / "model").facts == facts
    with pytest.raises(BundleError, match="the model cannot be written"):
        save_bundle(Bundle(model=fitted.model_, facts={"x": float("nan")}), tmp_path / "other")
    assert not (tmp_path / "other").exists()


# -------------------------------------------------------------------------------------------------- broken and hostile


def flip_header(path):
    data = bytearray(path.read_bytes())
    data[20] ^= 0xFF
    path.write_bytes(data)


def flip_value(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 0x10
    path.write_bytes(data)


def longer_header(path):
    data = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 1 << 60) + data[8:])


class Bomb:
    def __reduce__(self):
        return (os.system, ("echo ran > ran.txt",))


def renamed(name, change):
    def edit(tensors):
        tensors[name] = change(tensors[name]).contiguous()

    return lambda path: edit_tensors(path.parent, edit)


BROKEN = {
    "empty": (lambda path: path.write_bytes(b""), "no whole safetensors file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "no whole safetensors file"),
    "cut in the header": (lambda path: path.write_bytes(path.read_bytes()[:50]), "no whole safetensors file"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"more"), "no whole safetensors file"),
    "flipped header": (flip_header, "no whole safetensors file"),
    "flipped value": (flip_value, "does not belong to the rest of this folder, or is damaged"),
    "header of exabytes": (longer_header, "no whole safetensors file"),
    "text": (lambda path: path.write_text("<html>not found</html>"), "no whole safetensors file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps(Bomb())), "no whole safetensors file"),
    "torch file": (lambda path: torch.save({"x": Bomb()}, path), "no whole safetensors file"),
    "wrong dtype": (renamed("head.linear.weight", torch.Tensor.half), "the head differ"),
    "wrong shape": (renamed("head.linear.weight", torch.Tensor.t), "the head differ"),
    "missing tensor": (lambda path: edit_tensors(path.parent, lambda t: t.pop("head.linear.bias")), "the head differ"),
    "extra tensor": (
        lambda path: edit_tensors(path.parent, lambda t: t.update({"virus.x": torch.zeros(1)})),
        r"holds tensors that no model has \(virus.x\)",
    ),
    "extra part": (
        lambda path: edit_tensors(path.parent, lambda t: t.update({"gate.x": torch.zeros(1)})),
        "the gate differ",
    ),
    "NaN": (renamed("head.linear.weight", lambda weight: weight * torch.nan), "the head differ"),
    "gone": (lambda path: path.unlink(), "model.safetensors is missing"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "model.safetensors is missing"),
    "pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "model.safetensors is missing"),
}


def refused(folder, message):
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(BundleError, match=message):
        HierarchicalClassifier.load(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not Path("ran.txt").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tensors_are_refused(folder, name):
    spoil, message = BROKEN[name]
    spoil(folder / "model.safetensors")
    refused(folder, message)


SEALED = {
    "wrong dtype": (renamed("head.linear.weight", torch.Tensor.half), "do not fit: linear.bias is torch.float64"),
    "wrong shape": (
        renamed("head.linear.weight", lambda w: w[1:]),
        r"linear.weight is torch.float64 \(5, 8\), expected",
    ),
    "wrong width": (renamed("head.linear.weight", lambda w: w[:, 1:]), r"reads \(7,\) numbers, the model gives 8"),
    "vector": (renamed("head.linear.weight", torch.flatten), "the model gives 8"),
    "missing tensor": (lambda path: edit_tensors(path.parent, lambda t: t.pop("head.linear.bias")), "bias is missing"),
    "missing baseline": (
        lambda path: edit_tensors(path.parent, lambda t: t.pop("baseline.calibration_scores")),
        "'calibration_scores' is missing",
    ),
    "extra tensor": (
        lambda path: edit_tensors(path.parent, lambda t: t.update({"head.x": torch.zeros(1)})),
        "x has no place",
    ),
    "unused backbone": (
        lambda path: edit_tensors(path.parent, lambda t: t.update({"backbone.x": torch.zeros(1)})),
        "the weights of the backbone do not fit: x has no place",
    ),
    "NaN": (renamed("head.linear.weight", lambda weight: weight * torch.nan), "holds NaN in head.linear.weight; fit"),
    "gate torn": (
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.0.map.scale")),
        "the stored gate's settings and tensors do not belong together",
    ),
    "promise torn": (
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.promise.scores")),
        "the stored promise 'average' is not whole; save the model anew",
    ),
    "promise of a table": (
        renamed("gate.promise.scores", lambda scores: scores[:, None]),
        "the stored promise 'average' holds scores of the wrong shape, or NaN",
    ),
    "statistics of other classes": (
        renamed("gate.nodes.classes.count", lambda count: count[1:]),
        r"the stored statistics of the classes do not fit the model: count is no \(4,\)",
    ),
    "statistics torn": (
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.nodes.classes.bank")),
        "the stored gate's settings and tensors do not belong together .*bank",
    ),
    "a bank of other classes": (
        renamed("gate.nodes.classes.bank_label", lambda label: label + 1),
        "the stored statistics of the classes name classes that there are none of",
    ),
    "a bank out of order": (
        renamed("gate.nodes.classes.bank_label", lambda label: label.flip(0)),
        "the stored statistics of the classes name classes that there are none of",
    ),
    "gates at leaves": (
        renamed("gate.nodes.gated", lambda gated: gated + 2),
        "the stored model has gates at nodes that cannot have one; save it anew",
    ),
    "a gate at the root": (
        renamed("gate.nodes.gated", lambda gated: gated - 1),
        "the stored model has gates at nodes that cannot have one; save it anew",
    ),
    "gates at fewer nodes": (
        renamed("gate.nodes.gated", lambda gated: gated[:1]),
        "the stored gates of the nodes do not fit their scores; save the model anew",
    ),
    "gates that read nothing": (
        renamed("gate.nodes.surprise.use", torch.zeros_like),
        "a stored node gate reads no score; save the model anew",
    ),
    "gates without a scale": (
        renamed("gate.nodes.surprise.scale", torch.zeros_like),
        "the stored gates of the nodes do not fit their scores; save the model anew",
    ),
    "a node's map that descends": (
        renamed("gate.nodes.surprise.single.0.knots", lambda knots: knots.flip(0)),
        "a stored p-value map does not ascend; save it anew",
    ),
    "a node's map is missing": (
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.nodes.surprise.summed.0.scale")),
        "the stored gate's settings and tensors do not belong together .*summed.0.scale",
    ),
    "chances of another taxonomy": (
        renamed("gate.novel.slope", lambda slope: slope[1:]),
        "the stored chances of novelty do not fit the taxonomy; save the model anew",
    ),
    "chances that fall": (
        renamed("gate.novel.slope", lambda slope: slope - 1e3),
        "the stored chances of novelty are no numbers, or fall with surprise; save the model anew",
    ),
    "the root's map descends": (
        renamed("gate.rarity.knots", lambda knots: knots.flip(0)),
        "a stored p-value map does not ascend; save it anew",
    ),
}


@pytest.mark.parametrize("name", SEALED)
def test_tensors_that_do_not_fit_are_refused_whatever_the_checksums_say(folder, name):
    spoil, message = SEALED[name]
    spoil(folder / "model.safetensors")
    seal(folder)
    refused(folder, message)


@pytest.fixture(scope="module")
def promised(tmp_path_factory):
    """A model folder for each of the promises that hold more than one row of scores."""
    folder = tmp_path_factory.mktemp("promised")
    for promise in ("cross", "per_class", "two_sided"):
        embeddings(promise=promise)[0].save(folder / promise)
    return folder


PROMISED = {
    "a fold without its classifier": (
        "cross",
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.fold.1.bias")),
        "the stored gate's settings and tensors do not belong together .*fold.1.bias",
    ),
    "a fold's classifier of other embeddings": (
        "cross",
        renamed("gate.fold.1.weight", lambda weight: weight[:, 1:]),
        "the stored gate's settings and tensors do not belong together",
    ),
    "a fold's gate torn": (
        "cross",
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.fold.0.gate.promise.scores")),
        "the stored promise 'average' is not whole",
    ),
    "folds that are not there": (
        "cross",
        renamed("gate.promise.folds", lambda folds: folds + 1),
        "the stored gate's settings and tensors do not belong together .*fold",
    ),
    "fewer folds than scores": (
        "cross",
        renamed("gate.promise.folds", lambda folds: folds[1:]),
        "the stored gate's settings and tensors do not belong together",
    ),
    "groups of another taxonomy": (
        "per_class",
        renamed("gate.promise.pools", lambda pools: pools[1:]),
        "the stored gate's settings and tensors do not belong together",
    ),
    "images of nodes that are not there": (
        "per_class",
        renamed("gate.promise.nodes", lambda nodes: nodes + 100),
        "the stored gate's settings and tensors do not belong together .*node",
    ),
    "nothing of other": (
        "two_sided",
        lambda path: edit_tensors(path.parent, lambda t: t.pop("gate.promise.other")),
        "the stored promise 'two_sided' is not whole; save the model anew",
    ),
}


@pytest.mark.parametrize("name", PROMISED)
def test_promises_that_are_not_whole_are_refused(promised, tmp_path, name):
    promise, spoil, message = PROMISED[name]
    folder = Path(shutil.copytree(promised / promise, tmp_path / "model"))
    spoil(folder / "model.safetensors")
    seal(folder)
    refused(folder, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(format=2), "has format 2, this version of hierclf reads up to 1; upgrade hierclf"),
        (lambda s: s.update(format="1"), "names no format"),
        (lambda s: s.pop("format"), "names no format"),
        (lambda s: s.pop("checksums"), "'checksums' is missing"),
        (lambda s: s["operation"].update(point=0.1), "model.json was edited: its promises were calibrated with other"),
        (lambda s: s["operation"].update(correct=0.999), "model.json was edited"),
        (lambda s: s["gate"].update(keep=0.5), "model.json was edited"),
        (lambda s: s.update(facts=3), "cannot be put together"),
        (lambda s: s["facts"]["classes"].update(a="b", b="a"), "its classes have other values or another order"),
        (lambda s: s["facts"].update(classes=dict(reversed(s["facts"]["classes"].items()))), "or another order"),
        (lambda s: s["facts"].pop("classes"), "its classes have other values"),
        (lambda s: s["facts"]["settings"].update(kep=1), "no setting named 'kep'"),
        (lambda s: s["facts"].update(settings=[]), "make no sense"),
    ],
    ids=range(13),
)
def test_settings_that_make_no_sense_are_refused(folder, change, message):
    edit(folder, change)
    refused(folder, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["facts"].pop("classes"), "says things about itself that make no sense"),
        (lambda s: s["facts"].update(classes=[1]), "says things about itself that make no sense"),
        (lambda s: s["facts"].update(classes={"a": "a"}), "names other classes than its taxonomy"),
        (lambda s: s["facts"]["classes"].update(a=["a"]), "names other classes than its taxonomy"),
        (lambda s: s.update(head="flot"), "no head named 'flot'; did you mean 'flat'"),
        (
            lambda s: s.update(head="flat"),
            r"the weights of the head 'flat' do not fit: linear.bias is torch.float64 \(6,\)",
        ),
        (lambda s: s.update(in_features=10**12), "the model gives 1000000000000"),
        (lambda s: s.update(in_features="8"), "the model gives 8"),
        (lambda s: s["operation"].update(rule="lief"), "no rule named 'lief'"),
        (lambda s: s["operation"].update(point="high"), "cannot be put together"),
        (lambda s: s["operation"].update(more=1), "cannot be put together"),
        (lambda s: s.update(operation=[]), "cannot be put together"),
        (lambda s: s.update(gate=None), "the weights of the gate do not fit"),
        (lambda s: s["gate"].update(shape=[9, 4]), "centre is no"),
        (lambda s: s["gate"]["scores"][0].update(name="os.system"), "no score named 'os.system'"),
        (lambda s: s.update(backbone={"name": "small_cnn"}), "'preprocessing' is missing"),
        (lambda s: s.update(backbone="resnet18"), "cannot be put together"),
        (
            lambda s: s.update(
                backbone={
                    "name": "small_cnn",
                    "weights": "",
                    "pretrained": True,
                    "preprocessing": {"height": 12, "width": 12},
                }
            ),
            "the weights of the backbone do not fit",
        ),
        (
            lambda s: s.update(
                backbone={
                    "name": "os.system",
                    "weights": "",
                    "pretrained": 1,
                    "preprocessing": {"height": 12, "width": 12},
                }
            ),
            "no backbone named 'os.system'",
        ),
    ],
    ids=range(19),
)
def test_sealed_settings_that_make_no_sense_are_refused(folder, change, message):
    edit(folder, change)
    seal(folder)
    refused(folder, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no readable JSON"),
        ("{", "no readable JSON"),
        ("[1]", "names no format"),
        ('{"format": NaN}', "no readable JSON: NaN is no number"),
        ("[" * 200_000, "no readable JSON"),
        ("\ufeff{}", "no readable JSON"),
        ('{"format": 1}', "'checksums' is missing"),
        (" " * (17 << 20), "larger than 16 MB"),
    ],
    ids=range(8),
)
def test_json_that_is_none_is_refused(folder, text, message):
    (folder / "model.json").write_text(text)
    refused(folder, message)


def test_bytes_that_are_no_text_are_refused(folder):
    (folder / "model.json").write_bytes(b"\xff\xfe\x00{")
    refused(folder, "no readable JSON")


@pytest.mark.parametrize("name", ["model.json", "taxonomy.yaml"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, f"{name} is missing; give a run or model folder")


@pytest.mark.parametrize(
    "tree",
    [
        "{vowel: [a, e], consonant: [c, b]}",
        "{consonant: [b, c], vowel: [a, e]}",
        "{vowel: [a, e, i], consonant: [b, c]}",
        "{vowel: [a, e], consonant: [b, z]}",
    ],
)
def test_another_taxonomy_is_refused(folder, tree):
    (folder / "taxonomy.yaml").write_text(f"version: 1\nroot: letter\ntree: {tree}\n")
    refused(folder, "is not the taxonomy that these weights were fitted with; put the original back, or fit again")


def test_a_hostile_taxonomy_is_refused(folder):
    (folder / "taxonomy.yaml").write_text("tree: " + "[" * 100_000)
    refused(folder, "cannot be put together: .*taxonomy.yaml:1:")


@pytest.mark.parametrize("kind", ["S1", object])
def test_labels_of_bytes_are_text_there_and_back(tmp_path, kind):
    values, labels = clouds()
    told = np.array([label.encode() for label in labels], dtype=kind)
    fitted = HierarchicalClassifier(LETTERS).fit(values, told)
    fitted.save(tmp_path / "model")
    again = HierarchicalClassifier.load(tmp_path / "model")
    assert fitted.classes_.tolist() == again.classes_.tolist() == ["a", "b", "c", "e"]


def test_comments_and_side_tables_of_the_taxonomy_may_be_edited(folder):
    text = (folder / "taxonomy.yaml").read_text()
    (folder / "taxonomy.yaml").write_text(f"{text}\n# a comment\nlabels:\n  a: [alpha]\n")
    assert HierarchicalClassifier.load(folder).taxonomy_.node_of_label("alpha") == "a"


def test_thresholds_of_other_weights_are_refused(folder, tmp_path):
    other = HierarchicalClassifier(LETTERS).fit(*clouds(seed=1))
    other.save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder / "model.safetensors")
    refused(folder, "differ from what its thresholds were calibrated with, so their promise does not hold")


def test_another_preprocessing_is_refused(tmp_path):
    images("small_cnn")[0].save(tmp_path / "model")
    edit(tmp_path / "model", lambda s: s["backbone"]["preprocessing"].update(mean=[0.4]))
    refused(tmp_path / "model", "model.json was edited")


def test_what_is_no_model_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere", __file__, tmp_path / "nul\0"):
        with pytest.raises(BundleError, match=r"there is no model in|cannot be put together"):
            HierarchicalClassifier.load(path)


# ---------------------------------------------------------------------------------------------------------- projections


def test_the_folder_of_a_projected_backbone_names_its_width_and_other_folders_do_not(tmp_path):
    for settings, expected in (({"projection": 6}, 6), ({}, None)):
        model, data = images(Averages(), **settings)
        model.save(tmp_path / "model")
        written = json.loads((tmp_path / "model" / "model.json").read_text())
        assert written["backbone"].get("projection") == expected
        assert ("projection" in written["backbone"]) == (expected is not None)
        loaded = HierarchicalClassifier.load(tmp_path / "model", backbone=model.model_.backbone)
        np.testing.assert_array_equal(loaded.embed(data), model.embed(data))


@pytest.mark.parametrize("claimed", [7, 10**12, -3, "six", 1.5, None])
def test_a_projection_of_another_width_than_its_tensors_is_refused(claimed, tmp_path):
    images(Averages(), projection=6)[0].save(tmp_path / "model")
    edit(tmp_path / "model", lambda settings: settings["backbone"].update(projection=claimed))
    seal(tmp_path / "model")
    with pytest.raises(BundleError, match=r"the projection gives 6 numbers, .* by its settings"):
        load_bundle(tmp_path / "model", backbone=Averages())


def test_a_projection_that_is_not_there_is_refused(tmp_path):
    images(Averages())[0].save(tmp_path / "model")
    edit(tmp_path / "model", lambda settings: settings["backbone"].update(projection=6))
    seal(tmp_path / "model")
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "model", backbone=Averages())
