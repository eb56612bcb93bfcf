"""How well speech moves a face: the table of `vivant evaluate speech`, the built-in model beside the first version.

Nothing that is measured on was trained on. "p b m" and the like are phonemes of known time in synthetic speech, real
people are two talking clips, and the amounts of motion follow THEval on our rendered, re-tracked portrait.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivant.avatars import open_avatar
from vivant.errors import SettingsError, VivantError
from vivant.evaluate import people
from vivant.evaluate.timed import CLOSED, Timing, mouths, pooled, read_segments, timing
from vivant.face.arkit import INDEX, group
from vivant.media.audio import read_audio
from vivant.media.image import write_image
from vivant.motion.speech.choice import SpeechModel, open_mouth
from vivant.motion.speech.live import live_states
from vivant.motion.speech.sound import RATE
from vivant.motion.speech.speak import SpeechSettings, speak
from vivant.motion.state import FaceState
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Progress = Callable[[int, int | None], None]

MODELS: tuple[SpeechModel, SpeechModel] = ("builtin", "signal")
"""The built-in model, and the first version beside it."""
TIMED = ("a06_timed_en", "a07_timed_es")
CLIPS = ("v01_talk_512_25fps", "v02_talk_512_mpeg4")
VOICES = (
    "a01_en_16k_stereo.wav",
    "a02_en_44k_stereo.flac",
    "a03_fr_48k_stereo.flac",
    "a04_zh_24k_mono.wav",
    "a05_de_48k_24bit_stereo.flac",
)
PORTRAIT = "portraits/p16_mona_lisa.jpg"


@dataclass(frozen=True)
class EvaluateSettings:
    """What is measured."""

    timed: tuple[Path, ...] = ()
    """Further folders of speech with phoneme times: sounds with a .json beside."""
    quick: bool = False
    """Leave out what renders pictures or takes minutes."""
    strips: Path | None = None
    """Folder for strips of frames."""
    rate: Fraction = Fraction(25)
    seeds: tuple[int, ...] = (0, 1, 2)
    """Over which motion of head, brows and eyes is averaged."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    measure: str
    subject: str
    """Voice or clip."""
    bar: str
    """What must be reached; empty for information."""
    builtin: float
    first: float
    """The first version's value; not a number where it has none."""
    met: bool | None
    """Whether the built-in model reaches the bar."""


@dataclass(frozen=True)
class Bar:
    """Limits of a measure."""

    low: float = -np.inf
    high: float = np.inf
    text: str = ""

    def row(self, measure: str, subject: str, builtin: float, first: float = float("nan")) -> Row:
        """The line of a measurement."""
        met = bool(self.low <= builtin <= self.high) if self.text and not np.isnan(builtin) else None
        return Row(measure, subject, self.text, float(builtin), float(first), met)


def at_least(value: float) -> Bar:
    """A bar from below."""
    return Bar(low=value, text=f">= {value:g}")


def between(low: float, high: float) -> Bar:
    """A bar from both sides."""
    return Bar(low, high, f"{low:g}..{high:g}")


INFORMATION = Bar()


def evaluate_speech(
    samples: Path, settings: EvaluateSettings = EvaluateSettings(), progress: Progress = lambda done, total: None
) -> list[Row]:
    """All rows of the table from the folder `samples`. Raises VivantError where files are missing."""
    if not (samples / "audio").is_dir():
        raise SettingsError(f"{samples}: no folder of samples here; name it with --samples")
    parts = [_timed_rows, _delay_rows, _gap_rows, _presence_rows, _speed_rows, _live_rows]
    if not settings.quick:
        parts += [_amount_rows, _memory_rows]
    if settings.strips is not None:
        settings.strips.mkdir(parents=True, exist_ok=True)
        parts.append(_strips)
    rows: list[Row] = []
    for done, part in enumerate(parts):
        progress(done, len(parts))
        rows += part(samples, settings)
    progress(len(parts), len(parts))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'measure':34} {'of':24} {'bar':>10} {'built-in':>9} {'first':>9}   "]
    for row in rows:
        first = "" if np.isnan(row.first) else f"{row.first:9.3f}"
        met = {True: "yes", False: "NO", None: ""}[row.met]
        lines.append(f"{row.measure:34} {row.subject:24} {row.bar:>10} {row.builtin:9.3f} {first:>9}  {met}")
    return "\n".join(lines)


def load_sound(path: Path) -> Floats:
    """The whole sound (N,) of `path`, mono 16 kHz."""
    return np.concatenate([np.zeros(0, np.float32), *read_audio(path, RATE)])


def states_of(sound: Floats, model: SpeechModel, settings: SpeechSettings = SpeechSettings()) -> list[FaceState]:
    """What `model` makes of `sound` (N,)."""
    return list(speak([sound], settings, open_mouth(model, None, settings)))


def _timed_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    sounds = [samples / "audio" / f"{name}.wav" for name in TIMED]
    for folder in settings.timed:
        sounds += sorted(path for path in folder.iterdir() if path.suffix in (".wav", ".flac"))
    rows: list[Row] = []
    speech = SpeechSettings(settings.rate)
    everything: dict[SpeechModel, list[Timing]] = {model: [] for model in MODELS}
    for path in sounds:
        sound, segments = load_sound(path), read_segments(path.with_suffix(".json"))
        for model, found in everything.items():
            found.append(timing(mouths(states_of(sound, model, speech)), segments, float(settings.rate)))
        rows += _timing_rows(path.stem, *(found[-1] for found in everything.values()))
    return [*rows, *_timing_rows("all of them", *(pooled(found) for found in everything.values()))]


def _timing_rows(subject: str, builtin: Timing, first: Timing) -> Iterator[Row]:
    bars = {
        "closed": ("lips closed at p b m", at_least(0.95)),
        "wrongly_closed": ("  others closed", INFORMATION),
        "opened": ("open vowels open", at_least(0.90)),
        "narrowed": ("rounded vowels narrow", at_least(0.90)),
        "bitten": ("f v bring lip to teeth", at_least(0.80)),
        "rested": ("at rest in pauses", at_least(0.98)),
    }
    for name, (measure, bar) in bars.items():
        values = [getattr(one, name).share for one in (builtin, first)]
        if not np.isnan(values[0]):
            yield bar.row(measure, subject, *values)


def _delay_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    mouth = list(group("jaw") + group("mouth"))
    rows = []
    for name in TIMED:
        sound = load_sound(samples / "audio" / f"{name}.wav")
        late = np.concatenate([np.zeros(RATE, np.float32), sound])
        results = []
        for model in MODELS:
            plain, delayed = (np.stack([s.curves[mouth] for s in states_of(x, model)]) for x in (sound, late))
            length, shifts = len(plain) - 12, range(15, 36)
            scores = [np.corrcoef(plain[:length].ravel(), delayed[k : k + length].ravel())[0, 1] for k in shifts]
            results.append((max(scores), float(shifts[int(np.argmax(scores))] - 25)))
        rows.append(at_least(0.95).row("sound 1 s late: likeness", name, *(score for score, _ in results)))
        rows.append(between(0, 0).row("  frames off", name, *(off for _, off in results)))
    return rows


def _gap_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    rows = []
    for clip in CLIPS:
        with np.load(samples / "tracks" / f"{clip}.npz", allow_pickle=False) as track:
            times, truth = track["time"].astype(float), track["mouth"][:, 0].astype(float)
        sound = load_sound(samples / "videos" / f"{clip}.mp4")
        found = []
        for model in MODELS:
            gap = mouths(states_of(sound, model, SpeechSettings(Fraction(50)))).gap
            found.append(people.best_likeness(times, truth, _at(gap, 50.0)))
        rows.append(at_least(0.5).row("mouth gap against the truth", clip, *found))
        rows.append(at_least(0.2).row("  above the first version", clip, found[0] - found[1]))
    return rows


def _at(values: Doubles, rate: float) -> Callable[[Doubles], Doubles]:
    """`values` (N,) of `rate` as a function of times (T,)."""
    return lambda times: np.interp(times, np.arange(len(values)) / rate, values)


def _presence_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    sounds = [load_sound(samples / "audio" / name) for name in VOICES]
    sound = np.concatenate([part for _ in range(2) for part in sounds])
    blinks, looks = [], []
    for seed in settings.seeds:
        states = states_of(sound, "signal", SpeechSettings(settings.rate, seed=seed))
        shut = np.array([state.curves[INDEX["eyeBlinkLeft"]] for state in states]) > 0.5
        blinks.append((shut[1:] & ~shut[:-1]).sum() / (len(states) / float(settings.rate) / 60))
        looks.append(np.mean([_looks(state) for state in states]))
    return [
        between(10, 25).row("blinks per minute", "a01..a05", float(np.mean(blinks))),
        at_least(0.7).row("share of gaze at the camera", "a01..a05", float(np.mean(looks))),
    ]


def _looks(state: FaceState) -> bool:
    """Whether the eyes look at the camera, head and gaze taken together."""
    forward = state.rotation @ np.array([np.sin(state.gaze[0]), np.sin(state.gaze[1]), 1.0])
    return bool(np.hypot(forward[0], forward[1]) / np.linalg.norm(forward) < people.SEEN)


def _speed_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    sound = np.tile(load_sound(samples / "audio" / f"{TIMED[0]}.wav"), 4)
    speeds = []
    for model in MODELS:
        states_of(sound[:RATE], model)
        start = time.process_time()
        states_of(sound, model)
        speeds.append(len(sound) / RATE / (time.process_time() - start))
    return [at_least(20).row("times real time (CPU time)", "a06 four times", *speeds)]


def _live_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    sound = load_sound(samples / "audio" / f"{TIMED[0]}.wav")
    taken, begun = 0, 0.0

    def blocks() -> Iterator[Floats]:
        """The sound in blocks (320,) as a microphone gives them."""
        nonlocal taken, begun
        for start in range(0, len(sound), 320):
            taken, begun = start + 320, time.perf_counter()
            yield sound[start : start + 320]

    waits = []
    speech = SpeechSettings(settings.rate)
    for index, _ in enumerate(live_states(blocks(), speech)):
        waits.append(taken / RATE - index / float(settings.rate) + time.perf_counter() - begun)
    late = float(np.percentile(waits[: -len(waits) // 20], 95))
    return [Bar(high=0.25, text="<= 0.25").row("live: sound in to state out, s", "a06, 95 %", late)]


def _amount_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    names = ("lip_dynamics", "brow_dynamics", "head_motion")
    real: dict[str, list[float]] = {name: [] for name in names}
    ours: dict[str, list[float]] = {name: [] for name in names}
    rows = []
    for clip in CLIPS:
        path = samples / "videos" / f"{clip}.mp4"
        truth = people.track_video(path)
        heard = people.hear_clip(path, truth.times)
        rows.append(INFORMATION.row("THEval lip-sync, real", clip, people.sound_figures(truth, heard)[1]))
        for seed in settings.seeds:
            states = states_of(load_sound(path), "builtin", SpeechSettings(settings.rate, seed=seed))
            track = people.track_portrait(samples / PORTRAIT, states, float(settings.rate))
            alike = people.alike(truth, track)
            for name in names:
                real[name].append(getattr(alike[0], name))
                ours[name].append(getattr(alike[1], name))
        count = min(len(track.times), len(heard.silent))
        cut = people.Track(track.times[:count], track.points[:count], track.angles[:count])
        ours_heard = people.Heard(heard.loudness[:count], heard.silent[:count])
        rows.append(INFORMATION.row("THEval lip-sync, ours", clip, people.sound_figures(cut, ours_heard)[1]))
    for name in names:
        ratio = float(np.mean(ours[name]) / np.mean(real[name]))
        rows.append(between(0.8, 1.25).row(f"amount of {name.replace('_', ' ')}", "ours / v01, v02", ratio))
        rows.append(INFORMATION.row("  real", "v01, v02", float(np.mean(real[name]))))
    return rows


def _memory_rows(samples: Path, settings: EvaluateSettings) -> list[Row]:
    short, long = (_peak_memory(minutes) for minutes in (1, 10))
    return [Bar(high=30.0, text="<= 30").row("MB more for 10 minutes than 1", "silence and noise", long - short)]


def peak_of_this_process() -> float:
    """Peak MB of resident memory since this process started; not a number where the system does not tell."""
    try:  # getrusage would count what the parent held when it made this process
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return float("nan")


def _peak_memory(minutes: int) -> float:
    """Peak MB of a process that turns noise into states and forgets them."""
    code = (
        "import sys, numpy as np\n"
        "from vivant.motion.speech.speak import speak, SpeechSettings\n"
        "from vivant.motion.speech.choice import open_mouth\n"
        "draw = np.random.default_rng(0)\n"
        "chunks = (0.1 * draw.standard_normal(16000).astype(np.float32) for _ in range(60 * int(sys.argv[1])))\n"
        "for state in speak(chunks, SpeechSettings(), open_mouth()): pass\n"
        "from vivant.evaluate.speech import peak_of_this_process\n"
        "print(peak_of_this_process())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(minutes)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise VivantError("the memory of speech could not be measured; leave it out with --quick")
    return float(done.stdout)


def _strips(samples: Path, settings: EvaluateSettings) -> list[Row]:
    """A picture per voice: three frames at peaks of the sound, three in pauses, three with closed lips."""
    assert settings.strips is not None
    portrait, rows = open_portrait(samples / PORTRAIT), []
    avatar = open_avatar()
    prepared = avatar.prepare(portrait, view(portrait, "face", 256))
    for name in VOICES:
        sound = load_sound(samples / "audio" / name)
        states = states_of(sound, "builtin", SpeechSettings(settings.rate))
        gap = mouths(states).gap
        times = np.arange(len(states)) / float(settings.rate)
        heard = people.loudness_at(sound, times)
        spoken = np.flatnonzero(~heard.silent)
        unit = float(np.percentile(gap[spoken], 90))
        chosen = [
            *_spread(np.flatnonzero(heard.loudness >= np.percentile(heard.loudness, 92))),
            *_spread(np.flatnonzero(heard.silent)),
            *_spread(spoken[gap[spoken] <= CLOSED * unit]),
        ]
        pictures = [avatar.draw(prepared, states[index]).pixels[..., :3] for index in chosen]
        if pictures:
            write_image(settings.strips / f"{Path(name).stem}.png", np.concatenate(pictures, axis=1))
        closed = gap <= CLOSED * unit
        rows.append(INFORMATION.row("share of speech with closed lips", name, float(closed[spoken].mean())))
        if heard.silent.any():
            rows.append(INFORMATION.row("share of pauses with closed lips", name, float(closed[heard.silent].mean())))
    return rows


def _spread(places: NDArray[np.int64], count: int = 3) -> list[int]:
    """`count` of `places` (N,), evenly spread; fewer where there are fewer."""
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return [int(place) for place in places[chosen]]
