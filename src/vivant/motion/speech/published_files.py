"""The files that a published audio-to-motion system needs, found in a user's folder or among the imported weights.

    *.safetensors           networks, as `vivant weights import` leaves them; else those of the store are taken
    config.json             of the downloaded hubert-large-ls960-ft, beside its model.safetensors or pytorch_model.bin
    BFM_model_front.mat     the Basel face model (geneface++ and real3d); else the one that was imported with --bfm

A folder may have any layout, three folders deep at most. HuBERT is also found where huggingface_hub keeps downloads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vivant.errors import SettingsError, WeightsError
from vivant.face import bfm
from vivant.motion.speech.networks.hubert import FILES
from vivant.weights.store import FORMAT, list_stored, show, weights_folder

DEEPEST = 3
MOST_FILES = 20_000
CHECKPOINTS = {".ckpt", ".pt", ".pth"}
HUBERT_IN_CACHE = "models--facebook--hubert-large-ls960-ft/snapshots"
MAX_CONFIG_BYTES = 2**20
STORED_FACE = "real3d/basel_face"


@dataclass(frozen=True)
class System:
    """One published system that speaks."""

    name: str
    """As `vivant weights import` calls it."""
    networks: tuple[str, ...]
    """Our names of its audio-to-motion networks, the best first."""
    amplitude: float = 0.0
    """How wide its mouth opens unless told otherwise, 0..1."""

    @property
    def personal(self) -> bool:
        """Whether a post-net can follow; else expression coefficients come out, which need the Basel face model."""
        return "audio_to_landmarks" in self.networks


SYSTEMS = {
    "geneface": System("geneface", ("audio_to_landmarks_pitch", "audio_to_landmarks")),
    "geneface++": System("geneface", ("audio_to_expression",), 0.4),
    "real3d": System("real3d", ("audio_to_expression",), 0.45),
}
POST_NETS = {"post_net_pitch": "audio_to_landmarks_pitch", "post_net": "audio_to_landmarks"}
"""Each post-net, and the network that it follows."""


@dataclass(frozen=True)
class Imported:
    """A network that `vivant weights import` made."""

    path: Path
    system: str
    network: str
    """Our name of the network."""
    person: str = ""
    """Whom a post-net belongs to."""


@dataclass(frozen=True)
class PublishedFiles:
    """Everything that one system needs."""

    system: System
    motion: Imported
    post_net: Imported | None
    hubert: Path
    """A folder."""
    face_model: Path | None
    """BFM_model_front.mat or the stored one, where `motion` gives expression coefficients."""


def find_published(model: str, weights: str | Path) -> PublishedFiles:
    """What `model` (geneface, geneface++ or real3d) needs, in `weights`: a folder, or a name in the store.

    A name is a system (`geneface`), one of its networks, or a person's post-net (`geneface/post_net-May`). Raises
    SettingsError for another model, WeightsError that says which file is missing and how to get it.
    """
    if model not in SYSTEMS:
        raise SettingsError(f"there is no published speech model {model!r}; give one of {', '.join(SYSTEMS)}")
    system, folder, name = SYSTEMS[model], Path(weights), Path(weights).as_posix()
    if folder.is_file():
        raise WeightsError(f"{folder}: a file; give the folder that holds it and the other weights")
    if folder.is_dir():
        files = list(_files(folder))
        found = [one for path in files if path.suffix == ".safetensors" and (one := _imported(path))]
        found = [one for one in found if one.system == system.name] or _stored(system.name, system)
    else:
        found = _stored(name, system)
        folder = weights_folder()
        files = list(_files(folder))
    motion, post_net = _choose(system, found, _missing(system, name, files))
    face_model = None if system.personal else _face_model(files, folder, model)
    return PublishedFiles(system, motion, post_net, _hubert(files, folder), face_model)


def _files(folder: Path) -> Iterator[Path]:
    """Files of `folder` in order, at most three folders deep."""
    count = 0
    for place, folders, names in os.walk(folder):
        deep = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(folders) if deep < DEEPEST else []
        count += len(names)
        if count > MOST_FILES:
            raise WeightsError(f"{folder}: more than {MOST_FILES} files; give a folder with the weights alone")
        yield from (Path(place, name) for name in sorted(names))


def _imported(path: Path) -> Imported | None:
    """What the file says it is; None if vivant did not make it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a whole .safetensors file ({error}); get it again") from error
    if told.get("format") != FORMAT:
        return None
    network = told.get("network", "")
    return Imported(path, told.get("system", ""), network, path.stem.removeprefix(network).lstrip("-"))


def _stored(name: str, system: System) -> list[Imported]:
    """The networks of the store that `name` means; a post-net brings the network that it follows."""
    if name == system.name:
        wanted = [stored.path for stored in list_stored() if stored.origin.system == system.name]
    elif name.startswith(f"{system.name}/"):
        wanted = [show(name).path]
        follows = POST_NETS.get(show(name).origin.network)
        wanted += [show(f"{system.name}/{follows}").path] if follows else []
    else:
        raise WeightsError(f"{name}: no such folder, and no name of {system.name}'s weights; see: vivant weights list")
    return [one for path in wanted if (one := _imported(path))]


def _missing(system: System, weights: str, files: list[Path]) -> WeightsError:
    """The complaint that the audio-to-motion network is not there."""
    wanted = f"no {' or '.join(system.networks)} of {system.name} was imported"
    checkpoint = next((path for path in files if path.suffix.lower() in CHECKPOINTS), None)
    if checkpoint:
        way = f"run: vivant weights import {system.name} {checkpoint.parent}, then this again"
        return WeightsError(f"{weights}: {wanted}, and {checkpoint.name} is as it was published; {way}")
    return WeightsError(f"{weights}: {wanted}; get the checkpoints, run: vivant weights import {system.name} DIR")


def _choose(system: System, found: list[Imported], missing: WeightsError) -> tuple[Imported, Imported | None]:
    """The audio-to-motion network and, of one person, the post-net that follows it."""
    there = {one.network: one for one in reversed(found)}
    usable = [one for one in found if system.personal and POST_NETS.get(one.network) in there]
    if len({one.person for one in usable}) > 1:
        names = ", ".join(f"{system.name}/{one.path.stem}" for one in usable)
        raise WeightsError(f"{usable[0].path.parent}: post-nets of several people; give one of --weights {names}")
    if usable:
        post_net = min(usable, key=lambda one: list(POST_NETS).index(one.network))
        return there[POST_NETS[post_net.network]], post_net
    motion = next((there[network] for network in system.networks if network in there), None)
    if motion is None:
        raise missing
    return motion, None


def _face_model(files: list[Path], folder: Path, model: str) -> Path:
    found = [path for path in files if path.name == bfm.FILE]
    found += [stored.path for stored in list_stored() if stored.name == STORED_FACE]
    if not found:
        raise WeightsError(
            f"{folder}: no {bfm.FILE} in it; {model} speaks in coefficients of the Basel face model 2009, which may "
            "not be handed on: register at https://faces.dmi.unibas.ch/bfm, then: vivant weights import real3d DIR "
            "--bfm DIR"
        )
    return found[0]


def _hubert(files: list[Path], folder: Path) -> Path:
    for path in (*files, *_cached()):
        if path.name == "config.json" and _is_hubert(path) and any(path.with_name(name).is_file() for name in FILES):
            return path.parent
    raise WeightsError(
        f"{folder}: no HuBERT in it; download hubert-large-ls960-ft (config.json with {' or '.join(FILES)}) "
        "into a folder of its own there"
    )


def _cached() -> Iterator[Path]:
    """Where huggingface_hub keeps the settings of a HuBERT that was downloaded by it."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return iter(sorted((hub / HUBERT_IN_CACHE).glob("*/config.json")))


def _is_hubert(path: Path) -> bool:
    try:
        return path.stat().st_size <= MAX_CONFIG_BYTES and json.loads(path.read_bytes()).get("model_type") == "hubert"
    except (OSError, ValueError, AttributeError):
        return False
