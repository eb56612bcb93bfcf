"""`vivant train real3d`: rendered heads, and the stages i2p, motion, torso and sr."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vivant.errors import SettingsError
from vivant.progress import shown_progress

if TYPE_CHECKING:
    from vivant.commands.train_options import TrainOptions
    from vivant.training.real3d.recipes import AnyRecipe
    from vivant.training.real3d.samples import Source
    from vivant.training.real3d.schedules import StageName
    from vivant.training.real3d.train import Report

STAGES = ("i2p", "motion", "torso", "sr")
SHEET = "preview.png"
CLIPS = "gt_imgs"
"""What a folder of clips has."""


def train_real3d(options: TrainOptions) -> int:
    """Render heads to learn from, or train a stage."""
    import torch

    torch.set_num_threads(options.threads)
    if options.prepare is not None:
        return _prepare(options, options.prepare)
    if options.stage not in STAGES:
        raise SettingsError(f"say which stage of real3d is trained: --stage {', '.join(STAGES[:-1])} or {STAGES[-1]}")
    if options.output is None:
        raise SettingsError("say where the training stands: -o FOLDER")
    return _train(options, cast("StageName", options.stage), options.output)


def _prepare(options: TrainOptions, folder: Path) -> int:
    from vivant.training.real3d.heads.prepare import prepare_heads
    from vivant.training.real3d.heads.stored import stored_head

    if options.heads is None:
        raise SettingsError("say how many heads are rendered: --heads N")
    with shown_progress("heads", as_json=options.json) as progress:
        made = prepare_heads(
            folder, options.heads, options.seed, model=stored_head(), processes=options.threads, progress=progress
        )
    print(json.dumps({"event": "result", "heads": len(made)}) if options.json else f"{folder}  {len(made)} heads")
    return 0


def _train(options: TrainOptions, stage: StageName, work: Path) -> int:
    from vivant.training.real3d.recipes import RECIPES
    from vivant.training.real3d.train import train_stage
    from vivant.training.recipe_files import read_recipe

    recipe: AnyRecipe = read_recipe(options.recipe, RECIPES[stage])
    if options.steps is not None:
        recipe = replace(recipe, course=replace(recipe.course, steps=options.steps))
    source = _source(options, recipe)
    if recipe.vgg19 is None and recipe.vgg_face is None:
        print("vivant: without vgg19 and vgg_face only the L1 losses are used; pictures stay softer", file=sys.stderr)
    report: Report | None = None
    with shown_progress("train", as_json=options.json) as progress:
        for report in train_stage(recipe, source, work, options.device, work / SHEET if options.preview else None):
            progress(report.step, report.steps)
    if report is None:
        print("vivant: this training was at its end already", file=sys.stderr)
    elif options.json:
        print(json.dumps({"event": "result", "step": report.step, **report.figures}))
    else:
        found = report.figures
        print(f"{work}  {report.steps} steps, held out {found['psnr']:.2f} dB, raw {found['psnr_raw']:.2f} dB")
    return 0


def _source(options: TrainOptions, recipe: AnyRecipe) -> Source:
    """Pairs from the folder that the user names."""
    from vivant.training.real3d.clips import ClipPairs, open_clips
    from vivant.training.real3d.head_pairs import HeadPairs
    from vivant.training.real3d.shards import open_heads

    if recipe.teacher is not None:
        return _teacher(options, recipe, recipe.teacher)
    if len(options.places) != 1:
        raise SettingsError("name one folder, of clips or of rendered heads (vivant train real3d --prepare FOLDER)")
    folder, size, torso = options.places[0], recipe.sizes.picture, recipe.stage == "torso"
    if not (folder / CLIPS).is_dir():
        return HeadPairs(open_heads(folder), size, still=recipe.stage == "i2p", torso=torso)
    from vivant.avatars.real3d.face_store import open_face

    mesh = None if recipe.stage == "i2p" else open_face()
    return ClipPairs(open_clips(folder, torso=torso), size, mesh, torso=torso)


def _teacher(options: TrainOptions, recipe: AnyRecipe, path: Path) -> Source:
    """What a generator draws; where a folder of clips is named, half of the cameras are those of its frames."""
    from vivant.training.real3d.clips import cameras_of, open_clips
    from vivant.training.real3d.teacher_views import TeacherViews, open_teacher

    if recipe.stage != "i2p":
        raise SettingsError(f"stage {recipe.stage} learns from frames; only i2p has a teacher")
    teacher = open_teacher(path, recipe.sizes.volume).to(options.device)
    return TeacherViews(teacher, cameras_of(open_clips(options.places[0])) if options.places else None)
