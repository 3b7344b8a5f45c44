from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hierclf.backbones import (
    Projection,
    build_backbone,
    fingerprint,
    project_rows,
    projected,
    projection_of,
    unprojected,
)


def trained_projection(width, outputs, generator):
    """A projection whose statistics are not those of the start."""
    projection = Projection(width, outputs)
    rows = 3 + 2 * torch.randn(200, width, generator=generator)
    projection.standardise(rows).train()
    projection(rows)
    return projection.eval()


def test_it_is_standardisation_then_a_matrix_then_batch_norm(generator):
    rows = (5 + 3 * torch.randn(50, 6, generator=generator)).double().numpy()
    projection = Projection(6, 4).standardise(torch.from_numpy(rows)).train()
    with torch.no_grad():
        found = projection(torch.from_numpy(rows).float()).double().numpy()
    mean, scale = rows.mean(0), np.sqrt(rows.var(0).mean())
    lines = ((rows - mean) / scale) @ projection.linear.weight.detach().double().numpy().T
    expected = (lines - lines.mean(0)) / np.sqrt(lines.var(0) + 1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_equal_embeddings_are_no_division_by_zero():
    projection = Projection(3, 2).standardise(torch.full((5, 3), 7.0)).eval()
    assert projection(torch.full((2, 3), 7.0)).isfinite().all()


def test_a_projected_backbone_gives_the_projection_of_its_embeddings(generator):
    base = build_backbone("small_cnn", image_size=12, grey=True).eval()
    before = fingerprint(base)
    projection = trained_projection(base.dim, 5, generator)
    both = projected(base, projection)
    images = torch.randn(7, 1, 12, 12, generator=generator)
    assert both.dim == 5
    assert_close(both(images), projection(base(images)))
    assert both.frozen
    assert not any(parameter.requires_grad for parameter in both.parameters())
    assert unprojected(both) is base
    assert projection_of(both) is projection
    assert (unprojected(base), projection_of(base)) == (base, None)
    assert fingerprint(base) == before  # so that its cached embeddings are found
    assert fingerprint(both) != before
    with torch.no_grad():
        projection.linear.weight[0, 0] += 1
    assert fingerprint(both) not in (before, fingerprint(projected(base, trained_projection(base.dim, 5, generator))))


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_a_row_comes_out_the_same_beside_any_others(count, generator):
    projection = trained_projection(40, 16, generator)
    rows = torch.randn(count, 40, generator=generator)
    found = project_rows(projection, rows)
    assert found.shape == (count, 16)
    assert_close(found, projection(rows).detach() if count else found)
    for place in range(0, count, 37):
        assert torch.equal(project_rows(projection, rows[place : place + 1])[0], found[place])
