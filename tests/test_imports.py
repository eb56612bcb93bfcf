"""Who may import whom, as in docs/architecture.md; and what importing vivant must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "vivant"

GROUND = {"errors", "smooth"}
ROOMS = GROUND | {"media", "face", "nn", "weights"}
DRAWING = ROOMS | {"portrait", "motion", "avatars"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "smooth": set(),
    "media": GROUND,
    "face": GROUND,
    "nn": GROUND,
    "weights": GROUND,
    "portrait": ROOMS,
    "motion": ROOMS,
    "avatars": (ROOMS - {"media"}) | {"portrait", "motion"},
    "training": DRAWING | {"progress"},
    "evaluate": DRAWING,
    "provenance": GROUND | {"media"},
    "progress": GROUND,
    "compose": DRAWING,
    "animation": DRAWING | {"compose", "provenance", "progress"},
    "bench": DRAWING | {"compose", "animation", "provenance", "progress"},
    "web": DRAWING,
    "": DRAWING | {"animation"},
}
"""What each room may import beside itself; the command line may import everything."""
FREE = {"cli", "commands"}


def room_of(module: str) -> str:
    """The part of `vivant.room.file` between the first two dots; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imported(source: str) -> Iterator[str]:
    """Every module of vivant that `source` imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "vivant")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "vivant":
                yield from (f"vivant.{alias.name}" for alias in node.names)
            elif node.module is not None and node.module.startswith("vivant."):
                yield node.module


def files_imported(source: str) -> Iterator[tuple[str, str]]:
    """What `source` imports from: a name, and the file that it is if there is such a file, then where it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", str(node.module)) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, alias.name) for alias in node.names)


def circles(sources: dict[str, str]) -> list[str]:
    """The modules of `sources`, texts by names, on circles of imports or between them."""
    left = {
        module: {name if name in sources else place for name, place in files_imported(source)} & {*sources}
        for module, source in sources.items()
    }
    for _ in range(2):  # those that import nothing that is left, then those that nothing imports
        while free := {module for module, others in left.items() if not others}:
            left = {module: others - free for module, others in left.items() if module not in free}
        left = {module: {other for other, others in left.items() if module in others} for module in left}
    return list(left)


def faults(module: str, source: str) -> list[str]:
    """What `source`, the text of `module`, imports against the rules."""
    room = room_of(module)
    if room in FREE:
        return []
    found = []
    for other in imported(source):
        target = room_of(other)
        beside_itself = target != room and target not in ALLOWED[room]
        parts = other.split(".")
        own = module.split(".")[2:3]
        another_avatar = room == target == "avatars" and len(own) == 1 and own != ["avatar"] and len(parts) > 3
        if beside_itself or (another_avatar and parts[2:3] != own and parts[2] != "avatar"):
            found.append(f"{module} imports {other}")
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_no_files_import_each_other_in_a_circle() -> None:
    sources = {module: path.read_text(encoding="utf-8") for module, path in modules()}
    assert circles(sources) == []
    sources["vivant.errors"] += "\nif TYPE_CHECKING:\n    from vivant.face import arkit, tracker\n"
    assert "vivant.errors" in circles(sources)


def test_every_import_follows_the_rules() -> None:
    found = [fault for module, path in modules() for fault in faults(module, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("vivant.media.video", "from vivant.motion.motion import Motion"),
        ("vivant.face.pose", "def f():\n    import vivant.media.image"),
        ("vivant.motion.track", "from vivant import cli"),
        ("vivant.portrait.open", "from vivant.motion.state import FaceState"),
        ("vivant.avatars.relief.relief", "from vivant.avatars.tha.tha import Tha"),
        ("vivant.avatars.relief.relief", "from vivant.compose import Composer"),
        ("vivant.animation", "from vivant.cli import main"),
    ],
)
def test_the_rules_can_be_broken(module: str, source: str) -> None:
    assert len(faults(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("vivant.avatars.relief.relief", "from vivant.avatars.avatar import Frame"),
        ("vivant.avatars.relief.relief", "from vivant.avatars.relief.mesh import Sheet"),
        ("vivant.cli", "from vivant.animation import render"),
        ("vivant.motion.track", "from vivant.face.tracker import FaceTracker"),
    ],
)
def test_the_rules_allow_what_they_should(module: str, source: str) -> None:
    assert faults(module, source) == []


def test_importing_vivant_is_light_and_silent() -> None:
    check = (
        "import sys, vivant; "
        "heavy = {'mediapipe', 'torch', 'gradio', 'librosa', 'scipy', 'matplotlib', 'cv2', 'av', 'numpy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", check], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_using_the_public_names_loads_no_network() -> None:
    check = (
        "import sys, vivant; [getattr(vivant, name) for name in vivant.__all__]; "
        "heavy = {'mediapipe', 'torch', 'gradio', 'librosa', 'matplotlib', 'c2pa', 'pymatting'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", check], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
