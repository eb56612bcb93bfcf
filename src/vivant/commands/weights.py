"""`vivant weights`: published networks, imported and looked after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from vivant.commands.telling import warn
from vivant.errors import SettingsError
from vivant.weights import store
from vivant.weights.store import Stored

WORDS = {
    "import": ((2,), "a system and the folder of its files, such as: vivant weights import tha4 FOLDER"),
    "list": ((0,), "no other words"),
    "show": ((1,), "one name as vivant weights list shows it"),
    "verify": ((0, 1), "one name as vivant weights list shows it, or none"),
}
"""How many words an action takes, and which."""


@dataclass(frozen=True)
class WeightsOptions:
    """Import published weights, and look after those that were imported.

    import geneface|real3d|tha3|tha4|metrics|ict-facekit FOLDER, list, show NAME, verify [NAME]; exit status of verify:
    0 whole, 1 not.
    """

    action: Positional[Literal["import", "list", "show", "verify"]]
    """What to do."""
    words: Positional[tuple[str, ...]] = ()
    """import: the system, and the folder or file of its checkpoints; show, verify: a name as list shows it."""
    bfm: Path | None = None
    """import real3d: the folder of the Basel face model's files, which the networks need beside their own."""
    licence: str = "not told"
    """import: the licence of the weights, kept with them."""
    json: bool = False
    """Print everything as one JSON object per line."""
    debug: bool = False
    """Show the traceback of an error."""


def weights(options: WeightsOptions) -> int:
    """`vivant weights`"""
    wanted, told = WORDS[options.action]
    if len(options.words) not in wanted:
        raise SettingsError(f"weights {options.action} takes {told}; see vivant weights --help")
    if options.action == "import":
        found = _import_weights(options.words[0], Path(options.words[1]), options)
    else:
        found = [store.show(name) for name in options.words] or store.list_stored()
    problems = {one.name: store.verify(one) if options.action == "verify" else [] for one in found}
    for one in found:
        if options.json:
            print(json.dumps({**asdict(one), "path": str(one.path), "problems": problems[one.name]}))
        else:
            _print_weights(one, problems[one.name], whole=options.action == "show")
    return int(any(problems.values()))


def _import_weights(system: str, place: Path, options: WeightsOptions) -> Sequence[Stored]:
    """Everything stored from the checkpoints at `place`."""
    from vivant.avatars.real3d import released as real3d
    from vivant.avatars.real3d.face_store import store_face
    from vivant.avatars.tha.character import DESCRIPTION
    from vivant.avatars.tha.networks import released as tha
    from vivant.evaluate import syncnet
    from vivant.motion.speech.networks import released
    from vivant.training.real3d.heads import stored as heads
    from vivant.weights.release import import_weights

    if options.bfm is not None and system != real3d.SYSTEM:
        raise SettingsError(f"--bfm goes with import {real3d.SYSTEM}; leave it out")
    if system == heads.SYSTEM:
        return [heads.import_head(place)]
    known = [*released.releases(), *syncnet.releases(), *tha.releases(), *real3d.releases()]
    systems = list(dict.fromkeys(release.system for release in known))
    if system not in systems:
        raise SettingsError(f"there is no system {system!r}; give one of {', '.join(systems)} and {heads.SYSTEM}")
    if place.suffix.lower() == ".vivant" or (place / DESCRIPTION).is_file():
        raise SettingsError(f"{place}: a character of its own needs no import; give it as the picture, or --character")
    faces = [] if options.bfm is None else [store_face(options.bfm, options.licence)]
    done = import_weights(place, [release for release in known if release.system == system], options.licence)
    warn(f"not imported: {line}" for line in done.left)
    return [*faces, *done.stored]


def _print_weights(stored: Stored, problems: Iterable[str], *, whole: bool) -> None:
    print(f"{stored.name:42} {stored.tensors:5} tensors {stored.numbers / 1e6:8.2f} M numbers")
    if whole:
        for name, text in {**asdict(stored.origin), "file": stored.path}.items():
            print(f"  {name:14} {text}")
    for problem in problems:
        print(f"  damaged: {problem}")
