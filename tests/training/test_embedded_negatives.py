from __future__ import annotations

import torch

from hierclf.negatives import NegativeRecipe
from hierclf.training.embedded_negatives import EmbeddedNegatives, embed_negatives, of_recipe
from tests.training.benches import bench_of


def test_embedded_negatives_are_those_of_the_recipe_and_repeat_themselves():
    bench = bench_of(count=20)
    allowed = torch.zeros(2, len(bench.plan.nodes), dtype=torch.bool)
    allowed[0, bench.plan.nodes.index("bar")] = allowed[1, bench.plan.nodes.index("square")] = True
    recipe = NegativeRecipe(names=("mixed", "warped"), allowed_TN=allowed)

    def made():
        generator = torch.Generator().manual_seed(1)
        return embed_negatives(bench.backbone.freeze(), bench.images, bench.label_n, recipe, generator)

    first = made()
    embedding, how, label = first.embedding_MD, first.how_M, first.label_M
    assert embedding.shape == (len(how), 128)
    assert set(zip(how.tolist(), label.tolist(), strict=True)) == {
        (0, bench.plan.nodes.index("bar")),
        (1, bench.plan.nodes.index("square")),
    }
    assert torch.equal(embedding, made().embedding_MD)


def test_a_recipe_that_fits_no_image_gives_no_embedding():
    bench = bench_of(count=4)
    nothing = NegativeRecipe(names=("mixed",), allowed_TN=torch.zeros(1, len(bench.plan.nodes), dtype=torch.bool))
    made = embed_negatives(bench.backbone.freeze(), bench.images, bench.label_n, nothing, torch.Generator())
    assert made.embedding_MD.shape == (0, 128)
    assert made.how_M.shape == made.label_M.shape == made.partner_M.shape == (0,)


def test_a_narrower_recipe_and_fewer_classes_leave_what_they_allow():
    generator = torch.Generator().manual_seed(0)
    how, label, partner = (torch.randint(high, (300,), generator=generator) for high in (2, 5, 5))
    made = EmbeddedNegatives(embedding_MD=torch.arange(300.0)[:, None], how_M=how, label_M=label, partner_M=partner)
    allowed = torch.tensor([[0, 1, 1, 0, 1], [0, 0, 1, 1, 1]]).bool()
    kept = of_recipe(made, NegativeRecipe(names=("mixed", "warped"), allowed_TN=allowed), torch.tensor([1, 2, 3, 1]))
    expected = [
        row
        for row in range(300)
        if allowed[how[row], label[row]] and label[row] in (1, 2, 3) and partner[row] in (1, 2, 3)
    ]
    assert kept.embedding_MD[:, 0].tolist() == expected
    assert torch.equal(kept.partner_M, partner[expected])
