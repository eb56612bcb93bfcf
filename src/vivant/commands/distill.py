"""`vivant distill`: a drawing becomes a character with small networks of its own."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, arg

from vivant.avatars.tha.align import SIDE, align, at_home, placement_notes
from vivant.avatars.tha.tha import COMPACT, POSERS, is_character
from vivant.commands.checks import check_training
from vivant.commands.telling import warn, worth_saying
from vivant.commands.tha import parse_head
from vivant.errors import SettingsError, WeightsError
from vivant.media.container import check_parent, spare_inputs
from vivant.media.image import read_image
from vivant.portrait.drawing import open_drawing
from vivant.progress import shown_progress
from vivant.weights.store import list_stored

if TYPE_CHECKING:
    from vivant.training.tha.courses import Standing
    from vivant.training.tha.distill import DistillSettings
    from vivant.training.tha.teachers import Teacher

Bytes = NDArray[np.uint8]

LINE_SECONDS = 10.0
"""Least time between two lines that say how it goes."""
MADE = ("pool", "held_out", "face.safetensors", "flow.safetensors", "body.safetensors", "preview.png")
"""What the folder of a distillation holds."""


@dataclass(frozen=True)
class DistillOptions:
    """Make a character that moves fast, everywhere, from one drawing: a slow system teaches two small networks.

    Can be interrupted: the same command goes on. Weights of a full system teach best, see vivant weights import.
    """

    drawing: Positional[Path]
    """A drawing as for vivant align; a character (.vivant or a published folder) teaches a new one from scratch."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """The character to write: .vivant. Beside it comes a picture of how it compares with its teacher, .vivant.png."""
    poser: Literal["auto", "tha4/teacher", "tha3/standard", "tha3/separable", "compact"] = "auto"
    """The teacher; auto: the best whose weights are there, else compact, the packaged one."""
    poser_weights: Path | None = None
    """Folder of the teacher's published files; none: those that vivant weights import stored."""
    method: Literal["fast", "published"] = "fast"
    """fast is ours; published is that of the paper."""
    examples: int | None = None
    """Pictures that the teacher draws; none: 8192 on a GPU, 1024 on a CPU, and 1,500,000 published."""
    steps: float | None = None
    """Length of the fast method's training, such as 0.1 for a quick look; none: 4 on a GPU, 1 on a CPU."""
    mask: Path | None = None
    """published: a black picture of 512x512, white where eyes, brows and mouth move; none: it is found."""
    head: str | None = None
    """LEFT,TOP,SIZE of the square around the head, hair to chin, in pixels; none: it is found."""
    work: Path | None = None
    """Folder for what is needed until the end, 1.4 MB for each example; none: OUTPUT.work."""
    keep: bool = False
    """Keep that folder."""
    device: str = "cpu"
    """cpu or cuda."""
    threads: int = 2
    """Processor cores to use."""
    seed: int = 0
    """Chooses all that is random."""
    json: bool = False
    """Print progress and the result as one JSON object per line on stdout."""
    debug: bool = False
    """Show the traceback of an error."""


def distill(options: DistillOptions) -> int:
    """`vivant distill`"""
    _check(options)
    import torch

    from vivant.avatars.tha.character import save_character
    from vivant.training.tha.distill import distil

    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")
    settings = _settings(options)
    teacher, name = _teacher(options)
    work = options.work or options.output.with_name(f"{options.output.name}.work")
    try:
        with shown_progress("teacher", as_json=options.json) as progress:
            tell = _teller(as_json=options.json)
            result = distil(teacher, name, work, settings, tell, progress)
    except KeyboardInterrupt:
        print(f"vivant: the same command goes on from {work}", file=sys.stderr)
        raise
    save_character(options.output, result.character)
    shutil.copyfile(work / "preview.png", options.output.with_name(f"{options.output.name}.png"))
    if not options.keep:
        _tidy(work)
    figures = {"decibels": round(result.decibels, 2), "least": round(result.least, 2), "examples": result.examples}
    if options.json:
        print(json.dumps({"event": "result", "output": str(options.output), **figures}))
    else:
        print(f"{options.output}  ({result.decibels:.1f} dB to its teacher, {result.examples} examples)")
    return 0


def _check(options: DistillOptions) -> None:
    if options.output.suffix.lower() != ".vivant":
        raise SettingsError(f"{options.output}: a character is written as .vivant; choose such a name")
    spare_inputs(options.output, [options.drawing])
    check_parent(options.output)
    check_training(options.seed, options.device, options.threads)
    if options.steps is not None and not 0 < options.steps <= 100:
        raise SettingsError(f"--steps {options.steps:g} cannot be; give a factor such as 0.1 or 2")
    if options.mask is not None and options.method != "published":
        raise SettingsError("only the published method takes a mask; leave --mask out, or add --method published")


def _settings(options: DistillOptions) -> DistillSettings:
    from vivant.training.tha.distill import DistillSettings
    from vivant.training.tha.fast import Recipe
    from vivant.training.tha.published import BODY_EXAMPLES

    usual = DistillSettings()
    if options.method == "published":
        mask = None if options.mask is None else _mask(options.mask)
        examples = BODY_EXAMPLES if options.examples is None else options.examples
        return replace(usual, method="published", examples=examples, seed=options.seed, mask=mask)

    examples, factor = (1024, 1.0) if options.device == "cpu" else (8192, 4.0)
    examples = examples if options.examples is None else options.examples
    factor = factor if options.steps is None else options.steps

    def length(recipe: Recipe) -> Recipe:
        return replace(recipe, steps=max(1, round(recipe.steps * factor)))

    return replace(
        usual,
        examples=examples,
        face=length(usual.face),
        flow=length(usual.flow),
        body=length(usual.body),
        seed=options.seed,
    )


def _teacher(options: DistillOptions) -> tuple[Teacher, str]:
    """The teacher of the drawing, and its name."""
    from vivant.training.tha.teachers import CharacterTeacher, open_teacher

    if is_character(options.drawing):
        from vivant.avatars.tha.character import load_character

        return CharacterTeacher(load_character(options.drawing), options.device), options.drawing.stem
    picture = _picture(options)
    stored = [one.name for one in list_stored()]
    here = [name for name in POSERS if options.poser_weights or any(one.startswith(name) for one in stored)]
    names = [options.poser] if options.poser != "auto" else here
    for name in names:
        try:
            return open_teacher(name, options.poser_weights, picture, options.device), name
        except WeightsError:
            if name == names[-1]:
                raise
    warn(["no weights of a full system; the packaged poser teaches: vivant weights import tha4 FOLDER"])
    return open_teacher(COMPACT, None, picture, options.device), COMPACT


def _picture(options: DistillOptions) -> Bytes:
    """The drawing as the networks want it (512, 512, 4)."""
    drawing = open_drawing(options.drawing, head=parse_head(options.head))
    height, width = drawing.picture.shape[:2]
    character = align(drawing.picture, at_home(drawing.head, (width, height)))
    warn(worth_saying((*drawing.notes, *placement_notes(character))))
    return character


def _mask(path: Path) -> Bytes:
    """The face's part (128, 128) of a mask."""
    from vivant.avatars.tha.networks.face_student import FACE_COLUMNS, FACE_ROWS

    pixels = read_image(path).pixels
    if pixels.shape[:2] != (SIDE, SIDE):
        raise SettingsError(f"{path}: the mask is {pixels.shape[1]}x{pixels.shape[0]}; it must be {SIDE}x{SIDE}")
    part = pixels[FACE_ROWS, FACE_COLUMNS, 0]
    if not (part > 127).any():
        raise SettingsError(f"{path}: nothing of the face is white; paint eyes, brows and mouth white")
    return part


def _teller(*, as_json: bool) -> Callable[[Standing], None]:
    """Says how a distillation goes, now and then."""
    last = 0.0

    def tell(standing: Standing) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_SECONDS and standing.step != standing.steps:
            return
        last = now
        if as_json:
            print(json.dumps({"event": "training", **asdict(standing)}), flush=True)
            return
        left = (
            f"{standing.seconds_left / 60:.0f} min" if standing.seconds_left >= 90 else f"{standing.seconds_left:.0f} s"
        )
        place = f"{standing.course} {standing.step}/{standing.steps}"
        print(f"{place}  {standing.decibels:.2f} dB on poses not learnt  {left} left", file=sys.stderr, flush=True)

    return tell


def _tidy(work: Path) -> None:
    """Remove what a distillation made, and nothing else."""
    for name in MADE:
        path = work / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not any(work.iterdir()):
        work.rmdir()
