import pytest

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.convert import load_taxonomy, save_taxonomy
from hierclf.taxonomy.taxonomy import Taxonomy

DAG = Taxonomy.from_edges({"r": ["a, b", 'say "c"', "=1+1"], "a, b": ["x y", "é"], 'say "c"': ["x y"]})
SIZES = {
    "hiercls/imagenet_fiveai.csv": (1372, 1000),
    "hiercls/inat19.csv": (1190, 1010),
    "hiercls/inat21.csv": (16344, 10000),
    "hiercls/mini_imagenet_fiveai.csv": (260, 100),
    "hiercls/tiered_imagenet.csv": (643, 608),
    "hiercls/tiny_imagenet_fiveai.csv": (413, 200),
    "neural-backed-decision-trees/CIFAR10_graph-wordnet.json": (18, 10),
    "neural-backed-decision-trees/CIFAR100_graph-wordnet.json": (149, 100),
    "neural-backed-decision-trees/CIFAR100_graph-induced-ResNet18.json": (199, 100),
    "neural-backed-decision-trees/TinyImagenet200_graph-wordnet.json": (295, 200),
    "neural-backed-decision-trees/TinyImagenet200_graph-induced-ResNet18.json": (399, 200),
}


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".csv", ".json", ".skos", ".tsv", ".txt"])
def test_every_form_gives_back_what_it_was_given(tmp_path, suffix):
    save_taxonomy(DAG, tmp_path / f"t{suffix}")
    assert load_taxonomy(tmp_path / f"t{suffix}") == DAG


@pytest.mark.parametrize("suffix", [".csv", ".json", ".skos", ".tsv", ".txt"])
def test_a_table_may_start_with_a_byte_order_mark(tmp_path, suffix):
    save_taxonomy(DAG, tmp_path / f"t{suffix}")
    (tmp_path / f"t{suffix}").write_bytes(b"\xef\xbb\xbf" + (tmp_path / f"t{suffix}").read_bytes())
    assert load_taxonomy(tmp_path / f"t{suffix}") == DAG


@pytest.mark.parametrize("file", SIZES)
def test_published_taxonomies_load_whole(shared_data, file):
    taxonomy = load_taxonomy(shared_data / "taxonomies" / file)
    assert (len(taxonomy), len(taxonomy.leaves)) == SIZES[file]
    assert taxonomy.is_tree


def test_the_edges_beside_the_data_load(shared_data):
    files = [*shared_data.glob("*/edges.csv"), *shared_data.glob("*/dag_edges.csv")]
    assert len(files) >= 9
    for file in files:
        assert len(load_taxonomy(file).edges) == len(file.read_text().strip().splitlines()) - 1  # all but the header


def test_a_shipped_name_loads():
    assert load_taxonomy("digits").root == "digit"


def test_a_root_is_put_above_several_tops(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\nc,d\n")
    with pytest.raises(TaxonomyError, match=r"t\.csv: 2 names have no parent \('a', 'c'\); name a root"):
        load_taxonomy(tmp_path / "t.csv")
    assert load_taxonomy(tmp_path / "t.csv", root="r").children("r") == ("a", "c")


def test_a_yaml_file_says_its_root_itself(tmp_path):
    (tmp_path / "t.yaml").write_text("tree: [a]")
    assert load_taxonomy(tmp_path / "t.yaml", root="root").root == "root"
    with pytest.raises(TaxonomyError, match="its root is 'root', not 'r'"):
        load_taxonomy(tmp_path / "t.yaml", root="r")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "a,b\nb,a\n", "loop"),
        ("t.csv", "a,b\na\n", r"t\.csv:2:1: expected two names"),
        ("t.csv", 'a,"b\n', "broken CSV"),
        ("t.csv", "", "no edges"),
        ("t.csv", "parent,child\n", "no edges"),
        ("t.csv", "a,b\na,b\n", "listed twice"),
        ("t.csv", "a,b\x00\n", "U\\+0000|NUL"),
        ("t.skos", "dog is animal\n", r"t\.skos:1:1: expected `child broader parent`"),
        ("t.json", "[" * 100_000, "expected node-link JSON"),
        ("t.json", "{}", "expected node-link JSON"),
        ("t.json", "no", "expected node-link JSON"),
        ("t.json", '{"nodes": [{"id": []}], "links": []}', "each node needs an `id`"),
        ("t.json", '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 2}]}', "among the nodes"),
        ("t.json", '{"nodes": [{"id": 1}], "links": [3]}', "among the nodes"),
        ("t.json", '{"directed": false, "nodes": [], "links": []}', "undirected"),
    ],
)
def test_other_forms_with_faults_are_refused_with_the_file(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(TaxonomyError, match=words) as caught:
        load_taxonomy(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert len(caught.value.faults) == 1


def test_unknown_suffixes_are_refused(tmp_path):
    (tmp_path / "t.xml").write_text("<a/>")
    with pytest.raises(TaxonomyError, match=r"ends in \.yaml, \.yml"):
        load_taxonomy(tmp_path / "t.xml")
    with pytest.raises(TaxonomyError, match=r"ends in \.yaml, \.yml"):
        save_taxonomy(DAG, tmp_path / "u.xml")
