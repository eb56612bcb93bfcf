"""What each stage learns from a pair of frames: its optimiser steps and their losses (real3d 14.3 to 14.6).

A stage is a generator of turns: one side's weighted losses at a time, made with the weights that the turn before left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from vivant.training.real3d import losses
from vivant.training.real3d.losses import OnlineWeight, l1
from vivant.training.real3d.parts import Parts, Shown, raw_of
from vivant.training.real3d.perceptual import FacePerceptual
from vivant.training.real3d.recipes import (
    AnyRecipe,
    MotionLosses,
    MotionRecipe,
    PretrainingRecipe,
    Realism,
    RefinementRecipe,
    TorsoRecipe,
)
from vivant.training.real3d.samples import Pair, View

Losses = dict[str, Tensor]
NEAR_OF_REFERENCE = 0.25
"""How often the face that is nearly the same is the reference's, not the target's."""
SMALLEST_GROWTH = 1


class Turn(NamedTuple):
    """One step of one side's optimiser."""

    side: Literal["generator", "discriminator"]
    losses: Losses
    """Weighted, by name; their sum is descended."""


@dataclass
class Shop:
    """What a stage works with."""

    parts: Parts
    perceptual: FacePerceptual | None = None
    online: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    """Weights that move with their losses: "bend" and "near" of stage motion."""


Turns = Callable[[Shop, Pair, int, float], Iterator[Turn]]
"""Turns of a stage, for a pair, the step, and the step of the published training that it stands for."""


def turns_of(recipe: AnyRecipe) -> Turns:
    """The turns of a recipe's stage."""
    if isinstance(recipe, PretrainingRecipe):
        return partial(pretraining, recipe)
    if isinstance(recipe, MotionRecipe):
        return partial(with_motion, recipe)
    if isinstance(recipe, TorsoRecipe):
        return partial(with_torso, recipe)
    return partial(refinement, recipe)


def online_weights(recipe: AnyRecipe) -> nn.ModuleDict:
    """The weights that move, of a recipe that has such."""
    found = nn.ModuleDict()
    if isinstance(recipe, MotionRecipe):
        told = recipe.losses
        found["bend"] = OnlineWeight(told.bend_target, told.bend_most)
        found["near"] = OnlineWeight(told.near_target, told.near_most)
    return found


def pretraining(recipe: PretrainingRecipe, shop: Shop, pair: Pair, step: int, published: float) -> Iterator[Turn]:
    """Image-to-plane from renderings: the reference view now and then, the novel view always, the discriminator."""
    made: list[tuple[View, Shown]] = []
    for view, same in ((pair.reference, True), (pair.target, False)):
        if same and step % reference_every(published, recipe.realism.since):
            continue
        planes = shop.parts.planes(pair.reference.head)
        shown = shop.parts.head(planes, view.camera, recipe.smallest_planes)
        weight = recipe.losses.realism if same else recipe.losses.realism_novel
        found = likeness(recipe, shop, shown, view)
        if recipe.losses.weights:
            mask = raw_of(view.mask, shown.weights.shape[-1])
            found["weights"] = recipe.losses.weights * losses.weights_within(shown.weights, mask)
        if step % recipe.losses.smooth_every == 0:
            rough = losses.rough_density(partial(shop.parts.densities, planes), len(planes), planes)
            found["smooth"] = recipe.losses.smooth * rough
        found |= realism(shop, recipe.realism, shown, view, weight, published)
        made.append((view, shown))
        yield Turn("generator", prefixed(found, "same" if same else "novel"))
    views = [pair.target] if len(made) == 1 else [pair.reference, pair.target]
    yield from discrimination(shop, recipe.realism, views, made, step, published)


def reference_every(published: float, since: int) -> int:
    """Steps between two reference views: they are rare at first."""
    return 5 if published < since else 2 if published < since + 5000 else 1


def likeness(recipe: PretrainingRecipe, shop: Shop, shown: Shown, view: View) -> Losses:
    """Pictures and raw pictures as they should be."""
    told, raw = recipe.losses, raw_of(view.head, shown.raw.shape[-1])
    found = {
        "picture": told.absolute * l1(shown.picture, view.head),
        "raw": told.absolute * l1(shown.raw, raw),
    }
    if shop.perceptual is not None:
        # This stage alone gives the networks the range that they expect.
        found["seen"] = told.perceptual * shop.perceptual(_positive(shown.picture), _positive(view.head))
        found["seen_raw"] = told.perceptual * shop.perceptual(_positive(shown.raw), _positive(raw))
    return found


def with_motion(recipe: MotionRecipe, shop: Shop, pair: Pair, step: int, published: float) -> Iterator[Turn]:
    """Image-to-plane and motion adapter from pairs: reference to target, now and then to the reference itself."""
    told, made = recipe.losses, []
    for view, same in ((pair.target, False), (pair.reference, True)):
        if same and step % told.same_every:
            continue
        planes = shop.parts.planes(pair.reference.head) + shop.parts.change(pair, view.code)
        shown = shop.parts.head(planes, view.camera)
        found = head_losses(told, shop, shown, view)
        if not same and step % told.every == 0:
            found |= plane_losses(told, shop, pair, planes)
        found |= realism(shop, recipe.realism, shown, view, told.realism, published)
        made.append((view, shown))
        yield Turn("generator", prefixed(found, "same" if same else "target"))
    yield from discrimination(shop, recipe.realism, [view for view, _ in made], made, step, published)


def head_losses(told: MotionLosses, shop: Shop, shown: Shown, view: View) -> Losses:
    """A head as it should be."""
    size, small = shown.picture.shape[-1], shown.raw.shape[-1]
    mask, raw, wanted = (view.mask > 0.5).to(shown.raw), raw_of(view.head, small), view.head
    little = (raw_of(mask, small) > 0.5).to(mask)
    found = {
        "picture": told.absolute * losses.masked_l1(shown.picture, wanted, _grown(mask, size), told.outside),
        "raw": told.absolute * losses.masked_l1(shown.raw, raw, _grown(little, small), told.outside),
        "weights": told.weights * losses.weights_within(shown.weights, little),
        "entropy": told.entropy * losses.entropy(shown.weights),
    }
    if shop.perceptual is not None:
        found["seen"] = told.perceptual * shop.perceptual(shown.picture, wanted)
        found["seen_raw"] = told.perceptual * shop.perceptual(shown.raw, raw)
    return found | lip_losses(shop, shown.picture, wanted, view, (told.lips, told.lips_perceptual))


def lip_losses(shop: Shop, made: Tensor, wanted: Tensor, view: View, weights: tuple[float, float]) -> Losses:
    """Once more (), around the lips of (N, 3, H, W); `weights` are those of L1 and of the perceptual distance."""
    if view.lips is None:
        return {}
    cut = []
    for place, lips in enumerate(view.lips):
        box = losses.lip_box(lips, made.shape[-1])
        cut.append((box.cut(made[place : place + 1]), box.cut(wanted[place : place + 1])))
    found = {"lips": weights[0] * torch.stack([l1(*pair) for pair in cut]).mean()}
    if shop.perceptual is not None:
        found["seen_lips"] = weights[1] * torch.stack([shop.perceptual(*pair) for pair in cut]).mean()
    return found


def plane_losses(told: MotionLosses, shop: Shop, pair: Pair, planes: Tensor) -> Losses:
    """Densities that change little from place to place, `planes` (N, 3, C, H, W) that change evenly with the face."""
    rough = losses.rough_density(partial(shop.parts.densities, planes), len(planes), planes)
    found = {"smooth": told.smooth * rough}
    if told.laplacian != "none" and pair.bend is not None:
        moved = [shop.parts.change(pair, code) for code in pair.bend.unbind(1)]
        in_time = told.laplacian == "frames"
        bent = losses.bent_in_time(torch.stack(moved, 1)) if in_time else losses.bent(*moved)
        found["bend"] = told.every * shop.online["bend"](bent)
    view = pair.reference if float(torch.rand(())) < NEAR_OF_REFERENCE else pair.target
    if view.near is not None and told.near_most > 0:
        away = l1(shop.parts.change(pair, view.code), shop.parts.change(pair, view.near))
        found["near"] = told.every * shop.online["near"](away)
    return found


def with_torso(recipe: TorsoRecipe, shop: Shop, pair: Pair, step: int, published: float) -> Iterator[Turn]:
    """Super-resolution with torso and background; the head stands."""
    told, made = recipe.losses, []
    if pair.around is None:
        raise TypeError("stage torso needs pictures of torso and background")
    for view, same in ((pair.target, False), (pair.reference, True)):
        if same and step % told.same_every:
            continue
        with torch.no_grad():
            planes = shop.parts.planes(pair.reference.head) + shop.parts.change(pair, view.code)
        shown = shop.parts.whole(planes, view.camera, pair.around, same=same)
        body = pair.around.classes[:, [2, 4]].sum(1, keepdim=True) if same else pair.around.body
        mask = _grown(body, shown.picture.shape[-1])
        found = {"picture": told.absolute * losses.masked_l1(shown.picture, view.picture, mask, told.outside)}
        if shown.occupancy is not None:
            found["entropy"] = told.entropy * losses.entropy(shown.occupancy)
        if shop.perceptual is not None:
            found["seen"] = told.perceptual * shop.perceptual(shown.picture, view.picture)
        found |= lip_losses(shop, shown.picture, view.picture, view, (told.lips, told.lips_perceptual))
        found |= realism(shop, recipe.realism, shown, view, told.realism, published)
        made.append((view, shown))
        yield Turn("generator", prefixed(found, "same" if same else "target"))
    yield from discrimination(shop, recipe.realism, [view for view, _ in made], made, step, published)


def refinement(recipe: RefinementRecipe, shop: Shop, pair: Pair, step: int, published: float) -> Iterator[Turn]:
    """Super-resolution of the head alone; what comes into it stands.

    As published for the second of two stages, the target is judged by the discriminator and by its lips, the reference,
    which is known, by its picture.
    """
    told, made = recipe.losses, []
    for view, same in ((pair.target, False), (pair.reference, True)):
        if same and step % told.same_every:
            continue
        with torch.no_grad():
            planes = shop.parts.planes(pair.reference.head) + shop.parts.change(pair, view.code)
        shown = shop.parts.head(planes.detach(), view.camera)
        found = head_losses(told, shop, shown, view)
        kept = ("picture", "seen", "lips", "seen_lips") if same else ("lips", "seen_lips")
        found = {name: value for name, value in found.items() if name in kept}
        found |= realism(shop, recipe.realism, shown, view, told.realism, published)
        made.append((view, shown))
        if found:
            yield Turn("generator", prefixed(found, "same" if same else "target"))
    yield from discrimination(shop, recipe.realism, [view for view, _ in made], made, step, published)


def realism(shop: Shop, told: Realism, shown: Shown, view: View, weight: float, published: float) -> Losses:
    """What the discriminator holds against a picture, once that counts."""
    if published < told.since or weight == 0:
        return {}
    realness = shop.parts.discriminator(shown.picture, shown.raw, view.camera)
    return {"real": weight * losses.deceives(realness)}


def discrimination(
    shop: Shop, told: Realism, real: list[View], made: list[tuple[View, Shown]], step: int, published: float
) -> Iterator[Turn]:
    """The discriminator's turn, once it begins to learn; every 16th with the gradient penalty."""
    if published < told.since - told.ahead:
        return
    judge = shop.parts.discriminator
    found: Losses = {}
    for name, wanted in zip(("first", "second"), real, strict=False):
        picture = wanted.picture if made[0][1].occupancy is not None else wanted.head
        raw = raw_of(wanted.head, made[0][1].raw.shape[-1])
        found[f"real_{name}"] = losses.said(judge(picture, raw, wanted.camera), real=True)
        if step % told.every == 0:
            seen = partial(_judged, judge, wanted.camera)
            found[f"penalty_{name}"] = told.penalty * told.every * losses.gradient_penalty(seen, picture, raw)
    for name, (view, shown) in zip(("first", "second"), made, strict=False):
        realness = judge(shown.picture.detach(), shown.raw.detach(), view.camera)
        found[f"made_{name}"] = losses.said(realness, real=False)
    yield Turn("discriminator", found)


def prefixed(found: Mapping[str, Tensor], prefix: str) -> Losses:
    """Names of losses () with the view that they are of."""
    return {f"{prefix}_{name}": value for name, value in found.items()}


def _judged(judge: nn.Module, camera: Tensor, picture: Tensor, raw: Tensor) -> Tensor:
    """What a discriminator says (N, 1) of pictures (N, 3, H, W)."""
    realness: Tensor = judge(picture, raw, camera)
    return realness


def _positive(picture: Tensor) -> Tensor:
    """(N, 3, H, W) from -1..1 to 0..1."""
    return picture * 0.5 + 0.5


def _grown(mask: Tensor, size: int) -> Tensor:
    """(N, 1, H, W) grown as published for pictures of 512 pixels; raw ones are small and grow by as much of a side."""
    return losses.grown(mask, max(SMALLEST_GROWTH, round(losses.GROWTH * size / 512)))
