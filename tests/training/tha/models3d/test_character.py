"""Characters of VRM files: a tiny one is written here, drawn in poses, and broken in every way."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vivant.avatars.tha.pose import INDEX, pose_of
from vivant.errors import MediaError, SettingsError
from vivant.training.tha.models3d.character import Character3D, find_models
from vivant.training.tha.models3d.gltf import read_model
from vivant.training.tha.models3d.names import find_morph
from vivant.training.tha.pairs import STEPS, LivePairs, make_pairs, open_pairs

BONES = ("hips", "spine", "chest", "neck", "head")
# x, y, z of a head 0.2 wide and high, its chin at 1.4; a brow before it; a body below
HEAD = [(-0.1, 1.4, 0.0), (0.1, 1.4, 0.0), (0.1, 1.6, 0.0), (-0.1, 1.6, 0.0)]
BROW = [(x * 0.6, 1.53 + (y - 1.4) * 0.1, 0.05) for x, y, _ in HEAD]
BODY = [(x * 1.5, (y - 1.4) * 3.5 + 0.7, -0.05) for x, y, _ in HEAD]


class Writer:
    """Puts numbers into a binary glTF file."""

    def __init__(self) -> None:
        self.data, self.views, self.accessors = b"", [], []

    def add(self, numbers: Any, kind: type, shape: str) -> int:
        raw = np.asarray(numbers, kind)
        code = {np.float32: 5126, np.uint16: 5123, np.uint8: 5121}[kind]
        self.accessors.append(
            {"bufferView": self.view(raw.tobytes()), "componentType": code, "count": len(raw), "type": shape}
        )
        return len(self.accessors) - 1

    def view(self, raw: bytes) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)})
        self.data += raw
        return len(self.views) - 1


def document() -> tuple[dict[str, Any], bytes]:
    """A tiny character that looks along +z (VRM 1), its left at positive x."""
    writer, primitives = Writer(), []
    for material, (shape, bone) in enumerate(((HEAD, 4), (BROW, 4), (BODY, 2))):
        attributes = {
            "POSITION": writer.add(shape, np.float32, "VEC3"),
            "TEXCOORD_0": writer.add([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32, "VEC2"),
            "JOINTS_0": writer.add([(bone, 0, 0, 0)] * 4, np.uint8, "VEC4"),
            "WEIGHTS_0": writer.add([(1, 0, 0, 0)] * 4, np.float32, "VEC4"),
        }
        lift = writer.add(np.full((4, 3), (0, 0.02 * (material == 1), 0)), np.float32, "VEC3")
        grow = writer.add(np.full((4, 3), (0, -0.02 * (material == 0), 0)), np.float32, "VEC3")
        corners = writer.add([[0], [1], [2], [0], [2], [3]], np.uint16, "SCALAR")
        targets = [{"POSITION": lift}, {"POSITION": grow}]
        primitives.append({"attributes": attributes, "indices": corners, "material": material, "targets": targets})
    stored = io.BytesIO()
    Image.fromarray(np.repeat([[[255, 0, 0], [0, 0, 255]]], 2, 0).astype(np.uint8)).save(stored, "png")
    heights = [0.9, 0.2, 0.2, 0.1, 0.05]
    nodes: list[dict[str, Any]] = [
        {"name": bone, "translation": [0, high, 0], "children": [index + 1]}
        for index, (bone, high) in enumerate(zip(BONES, heights, strict=True))
    ]
    nodes[-1].pop("children")
    binds = [np.eye(4) for _ in BONES]
    for index, total in enumerate(np.cumsum(heights)):
        binds[index][1, 3] = -total
    matrices = writer.add([bind.T.flatten() for bind in binds], np.float32, "MAT4")
    human = {bone: {"node": index} for index, bone in enumerate(BONES)}
    texture = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    dark, green = ({"pbrMetallicRoughness": {"baseColorFactor": colour}} for colour in ((0, 0, 0, 1), (0, 1, 0, 1)))
    found = {
        "asset": {"version": "2.0"},
        "nodes": [*nodes, {"mesh": 0, "skin": 0}],
        "meshes": [{"primitives": primitives, "extras": {"targetNames": ["Fcl_BRW_Surprised", "Fcl_MTH_A"]}}],
        "skins": [{"joints": list(range(5)), "inverseBindMatrices": matrices}],
        "materials": [{"name": "Face", **texture}, {"name": "FaceBrow", **dark}, {"name": "Cloth", **green}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": writer.view(stored.getvalue()), "mimeType": "image/png"}],
        "extensions": {"VRMC_vrm": {"humanoid": {"humanBones": human}}},
        "accessors": writer.accessors,
        "bufferViews": writer.views,
        "buffers": [{"byteLength": len(writer.data)}],
    }
    return found, writer.data


def write(path: Path, told: dict[str, Any], data: bytes) -> Path:
    text = json.dumps(told).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(data))
    path.write_bytes(
        head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    )
    return path


@pytest.fixture
def character(tmp_path: Path) -> Character3D:
    return Character3D(read_model(write(tmp_path / "tiny.vrm", *document())))


def middle_of(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Mean x and y of the pixels of a colour."""
    found = np.argwhere(np.abs(picture[..., :3].astype(int) - colour).max(-1) + 255 - picture[..., 3] < 10)
    return found.mean(axis=0)[::-1]


def test_the_head_fills_its_rows_and_left_is_on_the_viewers_right(character: Character3D) -> None:
    picture = character.draw(pose_of({}))
    rows, columns = np.nonzero(picture[..., 3] > 128)
    assert rows.min() in (63, 64)
    assert middle_of(picture, (255, 0, 0))[0] < 256 < middle_of(picture, (0, 0, 255))[0]
    assert middle_of(picture, (0, 255, 0))[1] > 192
    assert abs(columns.mean() - 255.5) < 1
    assert picture[300, 20, 3] == 0


def test_targets_and_bones_make_the_parameters_they_are_for(character: Character3D) -> None:
    rest = character.draw(pose_of({}))
    raised = character.draw(pose_of({"eyebrow_raised_left": 1.0}))
    changed = np.nonzero(np.abs(rest.astype(int) - raised).max(-1) > 20)[1]
    assert (changed > 256).sum() > 2.5 * (changed < 256).sum()  # of a brow across the face only the left end moved
    assert changed.max() > 285
    turned = character.draw(pose_of({"body_z": 1.0}))
    assert middle_of(turned, (0, 0, 255))[0] < middle_of(rest, (0, 0, 255))[0] - 5
    leaning = character.draw(pose_of({"neck_z": 1.0}))
    assert middle_of(leaning, (0, 0, 255))[0] < middle_of(rest, (0, 0, 255))[0] - 5
    assert middle_of(leaning, (0, 255, 0)) == pytest.approx(middle_of(rest, (0, 255, 0)), abs=1.5)


def test_turns_go_the_way_of_the_published_ones(character: Character3D) -> None:
    """Measured by the brow, which lies before the head: head_x tilts up, head_y turns to the viewer's left."""
    rest = middle_of(character.draw(pose_of({})), (0, 0, 0))
    up, left = (middle_of(character.draw(pose_of({name: 1.0})), (0, 0, 0)) - rest for name in ("head_x", "head_y"))
    assert up[1] < -2
    assert left[0] < -2


def test_what_it_does_not_know_changes_nothing(character: Character3D) -> None:
    known = {name for name in INDEX if character.knows[INDEX[name]]}
    assert {"mouth_aaa", "eyebrow_raised_left", "eyebrow_raised_right", "head_x", "breathing"} <= known
    assert not known & {"eye_wink_left", "iris_small_right", "mouth_delta"}
    assert np.array_equal(character.draw(pose_of({"eye_wink": 1.0})), character.draw(pose_of({})))


def test_brows_can_be_taken_off(character: Character3D) -> None:
    dark = (0, 0, 0)
    assert middle_of(character.draw(pose_of({})), dark).shape == (2,)
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        assert np.isnan(middle_of(character.bare(), dark)).all()


def test_a_folder_of_models_becomes_pairs(character: Character3D, tmp_path: Path) -> None:
    source = find_models(tmp_path)
    assert make_pairs(source, tmp_path / "pairs", 2, 2, seed=3) == 4
    pairs = open_pairs(tmp_path / "pairs")
    pictures, pose = pairs.read(0)
    assert set(pictures) == set(STEPS)
    assert not (pose * (1 - character.knows)).any()
    assert np.array_equal(pictures["posed"], character.draw(pose))
    again, _ = pairs.read(2)
    assert any(np.array_equal(again["posed"], pairs.read(n)[0]["posed"]) for n in (0, 1))
    live, _ = LivePairs(source).read(0, test=True)
    assert np.array_equal(live["rest"], pictures["rest"])


def test_pairs_go_on_and_refuse_other_settings(character: Character3D, tmp_path: Path) -> None:
    source, folder = find_models(tmp_path), tmp_path / "pairs"
    with pytest.raises(SettingsError, match="kept for tests"):
        make_pairs(source, folder, 1, 2)
    make_pairs(source, folder, 2, 2)
    last = folder / "0000" / "0000003.png"
    before = (folder / "0000" / "0000000.png").stat().st_mtime_ns
    last.unlink()
    with pytest.raises(SettingsError, match="not complete"):
        open_pairs(folder)
    make_pairs(source, folder, 2, 2)
    assert (folder / "0000" / "0000000.png").stat().st_mtime_ns in (before, last.stat().st_mtime_ns) or last.is_file()
    with pytest.raises(SettingsError, match="another data set"):
        make_pairs(source, folder, 2, 3)
    last.write_bytes(b"no picture")
    with pytest.raises(MediaError, match="prepare the pairs again"):
        [open_pairs(folder).read(number) for number in range(2)]


def spoil(told: dict[str, Any], how: str) -> None:
    if how == "circle":
        told["nodes"][4]["children"] = [0]
    elif how == "far index":
        told["accessors"][told["meshes"][0]["primitives"][0]["indices"]]["bufferView"] = 0
    elif how == "huge accessor":
        told["accessors"][0]["count"] = 10**12
    elif how == "beyond its end":
        told["bufferViews"][0]["byteOffset"] = 10**6
    elif how == "no mesh":
        told["nodes"][5].pop("mesh")
    elif how == "other file":
        told["bufferViews"][0]["buffer"] = 1
    elif how == "no list":
        told["nodes"] = 5


@pytest.mark.parametrize(
    "how", ["circle", "far index", "huge accessor", "beyond its end", "no mesh", "other file", "no list"]
)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, how: str) -> None:
    told, data = document()
    spoil(told, how)
    with pytest.raises(MediaError, match=r"bad\.vrm") as caught:
        read_model(write(tmp_path / "bad.vrm", told, data))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 3, 11, 19, 200, 1500])
def test_truncated_files_are_refused(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "cut.vrm", *document())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(MediaError, match=r"cut\.vrm"):
        read_model(path)


def test_a_model_without_a_head_is_refused(tmp_path: Path) -> None:
    told, data = document()
    told["extensions"] = {}
    told["nodes"][4]["name"] = "other"
    with pytest.raises(MediaError, match="head bone"):
        Character3D(read_model(write(tmp_path / "x.glb", told, data))).draw(pose_of({}))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no \.vrm"):
        find_models(tmp_path)


def test_names_of_several_makers_are_known() -> None:
    assert find_morph("eye_wink_left", ["Fcl_EYE_Close_L"]).names == ("Fcl_EYE_Close_L",)  # type: ignore[union-attr]
    assert find_morph("eye_wink_right", ["ウィンク", "ウィンク右"]).names == ("ウィンク右",)  # type: ignore[union-attr]
    both = find_morph("eyebrow_angry_right", ["怒り", "browDownRight"])
    assert both is not None
    assert (both.names, both.half) == (("怒り",), -1)
    assert find_morph("mouth_delta", ["a", "i"]) is None
    assert find_morph("head_x", ["head_x"]) is None
