"""Recipes in TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivant.errors import SettingsError
from vivant.training.real3d.recipes import MotionRecipe, PretrainingRecipe, TorsoRecipe
from vivant.training.recipe_files import read_recipe

RECIPE = """
start = "../i2p"
vgg19 = "vgg19.pth"
[course]
steps = 500
rate = 2
precision = "bfloat16"
[losses]
laplacian = "frames"
[sizes]
picture = 256
[sizes.image_to_plane]
widths = [8, 16, 32, 64]
reaches = [2, 4]
[sizes.volume]
size = 64
[sizes.head]
side = 64
[sizes.discriminator]
picture = 256
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_take_the_place_of_defaults(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, RECIPE), MotionRecipe)
    assert recipe.start == tmp_path / "../i2p"
    assert recipe.vgg19 == tmp_path / "vgg19.pth"
    assert (recipe.course.steps, recipe.course.rate, recipe.course.clip) == (500, 2.0, 1.0)
    assert recipe.losses.laplacian == "frames"
    assert recipe.sizes.image_to_plane.widths == (8, 16, 32, 64)
    assert recipe.sizes.image_to_plane.reaches == (2, 4)
    assert recipe.sizes.image_to_plane.tokens == 1024
    assert recipe.stage == "motion"


def test_without_a_file_recipes_are_the_publications() -> None:
    torso, first = read_recipe(None, TorsoRecipe), read_recipe(None, PretrainingRecipe)
    assert (torso.steps, torso.losses.realism, torso.realism.since) == (100_000, 0.003, 40_000)
    assert (first.losses.realism_novel, first.smallest_planes, first.realism.since) == (0.025, 128, 30_000)
    assert first.realism.since - first.realism.ahead == 0  # the discriminator learns from the first step


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("steps = 4", "there is no steps; known are start"),
        ("stage = 'sr'", "there is no stage"),
        ("[course]\nstep = 4", r"there is no course\.step"),
        ("[course]\nsteps = 4.5", r"course\.steps cannot be 4\.5; give a whole number"),
        ("[course]\nsteps = true", "give a whole number"),
        ("[course]\nprecision = 'int4'", "give one of 'float32', 'bfloat16'"),
        ("[course]\nrate = nan", "give a number"),
        ("[course]\nbatch = 0", "batch, every and tests of a course must be 1 or more"),
        ("[sizes]\npicture = 64", "pictures of 64 pixels need"),
        ("[sizes.image_to_plane]\nwidths = [1, 2]", "give 4 numbers"),
        ("sizes = 3", "give a table"),
        ("[course", "not a recipe in TOML"),
    ],
)
def test_faults_name_the_file_and_the_entry(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault) as caught:
        read_recipe(written(tmp_path, text), MotionRecipe)
    assert "recipe.toml" in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml", MotionRecipe)
