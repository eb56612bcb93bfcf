"""The corpus of the mouth network: speech of many voices and languages with the times of its phonemes.

    FOLDER/manifest.jsonl                  one utterance per line
    FOLDER/sounds/ENGINE/VOICE/N.flac      16 kHz, mono, 16 bit

It is written as it grows: a run that was stopped is of use, and the next one goes on with it. The same settings make
the same corpus, whatever the number of workers; more hours add to it. `voices.py` says who speaks.
"""

from __future__ import annotations

import json
import tempfile
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vivant.errors import SettingsError
from vivant.motion.speech.sound import RATE
from vivant.progress import Progress, no_progress
from vivant.training.speech.engines import Spoken, Task, Times, speak_all
from vivant.training.speech.labels import tidied, with_closures
from vivant.training.speech.texts import load_words, sentence
from vivant.training.speech.voices import VARIANTS, VOICES, Voice

Floats = NDArray[np.float32]

MANIFEST = "manifest.jsonl"
BATCH = 24
"""Sentences that a program speaks in one go."""
TYPICAL = 5.0
"""Seconds of a sentence, about."""
SECONDS = (1.0, 20.0)
"""Of the shortest and the longest sentence that is kept."""
QUIETEST_PEAK, CLIPPED_SHARE = 0.02, 0.001
"""A sentence is dropped if its peak is lower, or if more of its samples are at the limit."""
MARGIN = (0.1, 0.6)
"""Seconds of silence before and after a sentence."""
FLAC_BLOCK = 4096
"""Samples."""
LONGEST_MANIFEST = 2**29
"""Bytes."""


@dataclass(frozen=True)
class Phone:
    """One phoneme."""

    start: float
    """Seconds."""
    end: float
    ipa: str
    """"" is silence; diphthongs and affricates are one."""


@dataclass(frozen=True)
class Utterance:
    """One sentence of one voice."""

    sound: Path
    engine: str
    voice: str
    language: str
    seconds: float
    phones: tuple[Phone, ...]


@dataclass(frozen=True)
class CorpusSettings:
    """How much is spoken, and by whom."""

    hours: float = 6.0
    """0.01..100, about."""
    seed: int = 0
    workers: int = 2
    """Processes."""
    voices: tuple[Voice, ...] = VOICES
    variants: tuple[str, ...] = VARIANTS
    """Timbres of espeak."""


@dataclass(frozen=True)
class CorpusReport:
    """What was spoken."""

    hours: dict[str, float]
    """By "engine:voice", all runs together."""
    skipped: dict[str, str]
    """Why a voice says nothing."""

    @property
    def total(self) -> float:
        """Hours of all voices."""
        return sum(self.hours.values())


def prepare_corpus(
    folder: Path, settings: CorpusSettings = CorpusSettings(), progress: Progress = no_progress
) -> CorpusReport:
    """Let every voice speak its share into `folder`; goes on where an earlier run stopped.

    `progress` counts batches of sentences. A voice that is not installed is skipped and named in the report.
    Raises SettingsError if none is left, or where the manifest of `folder` is damaged.
    """
    if not 0 < settings.hours <= 100 or settings.workers < 1:
        raise SettingsError("a corpus needs 0 to 100 hours and at least one worker")
    folder.mkdir(parents=True, exist_ok=True)
    _drop_torn_line(folder / MANIFEST)
    known = {_batch_of(utterance, folder) for utterance in _read(folder)} if (folder / MANIFEST).exists() else set()
    jobs = [job for job in _jobs(settings) if (job.place, job.first // BATCH) not in known]
    skipped: dict[str, str] = {}
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(settings.workers, get_context("spawn")))
        manifest = stack.enter_context((folder / MANIFEST).open("a", encoding="utf-8"))
        results = pool.map(_speak, jobs, [folder] * len(jobs))
        for number, (job, result) in enumerate(zip(jobs, results, strict=True), 1):
            if isinstance(result, str):
                skipped[f"{job.voice.engine}:{job.voice.name}"] = result
            else:
                manifest.write("".join(_line(utterance, folder) for utterance in result))
                manifest.flush()
            progress(number, len(jobs))
    return _report(folder, skipped)


def read_corpus(folder: Path) -> list[Utterance]:
    """All utterances of the corpus in `folder`.

    Raises SettingsError, with file and line, where its manifest is missing, damaged, or its times make no sense.
    """
    if not (folder / MANIFEST).is_file():
        raise SettingsError(f"{folder}: no corpus here; make one with vivant train speech --prepare {folder}")
    return list(_read(folder))


def _read(folder: Path) -> Iterator[Utterance]:
    path = folder / MANIFEST
    if path.stat().st_size > LONGEST_MANIFEST:
        raise SettingsError(f"{path}: larger than 512 MiB; this is no corpus of vivant")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield _utterance(line, folder, f"{path}, line {number}")


def _report(folder: Path, skipped: dict[str, str]) -> CorpusReport:
    hours: dict[str, float] = {}
    for utterance in _read(folder):
        name = f"{utterance.engine}:{utterance.voice}"
        hours[name] = hours.get(name, 0.0) + utterance.seconds / 3600
    if not hours:
        raise SettingsError("no text-to-speech program spoke: " + "; ".join(sorted(set(skipped.values()))))
    return CorpusReport(hours, {name: why for name, why in skipped.items() if name not in hours})


@dataclass(frozen=True)
class _Job:
    """Some sentences of one voice."""

    voice: Voice
    first: int
    """Number of the first sentence."""
    seed: int
    variants: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"sounds/{self.voice.engine}/{self.voice.name}"


def _jobs(settings: CorpusSettings) -> list[_Job]:
    """Batches of all voices, in turns, so that a corpus that was cut short is balanced, too."""
    total = sum(voice.weight for voice in settings.voices)
    found = []
    for voice in settings.voices:
        count = settings.hours * 3600 * voice.weight / total / TYPICAL
        firsts = range(0, max(round(count), 1), BATCH)
        found += [((n + 0.5) / count, _Job(voice, n, settings.seed, settings.variants)) for n in firsts]
    return [job for _, job in sorted(found, key=lambda pair: pair[0])]


def _batch_of(utterance: Utterance, folder: Path) -> tuple[str, int]:
    path = utterance.sound.relative_to(folder)
    return path.parent.as_posix(), int(path.stem) // BATCH


def _speak(job: _Job, folder: Path) -> list[Utterance] | str:
    """Speak one batch; a text says why that cannot be."""
    words = load_words(job.voice.words, job.voice.encoding)
    if not words:
        return f"no word list {job.voice.words}; install Debian's package of it (wamerican, hunspell-cs and the like)"
    draw = np.random.default_rng([job.seed, job.first, *f"{job.voice.engine}:{job.voice.name}".encode()])
    place = folder / job.place
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        tasks = [
            Task(
                sentence(words, draw, job.voice.language),
                Path(scratch, f"{job.first + number:06d}.wav"),
                job.variants[int(draw.integers(len(job.variants)))],
                pace=float(draw.uniform(0.78, 1.28)),
                pitch=float(draw.uniform(-1, 1)),
                melody=float(draw.uniform(0.2, 0.9)),
            )
            for number in range(BATCH)
        ]
        margins = draw.uniform(*MARGIN, (BATCH, 2))
        try:
            spoken = {one.task.output.stem: one for one in speak_all(job.voice, tasks)}
        except SettingsError as error:
            return str(error)
        found = (
            keep(spoken[task.output.stem], job.voice, place, margin)
            for task, margin in zip(tasks, margins, strict=True)
            if task.output.stem in spoken
        )
        return [utterance for utterance in found if utterance is not None]


def keep(spoken: Spoken, voice: Voice, place: Path, margin: Sequence[float]) -> Utterance | None:
    """Store one sentence in `place` as FLAC, with a `margin` of silence (before, after); None if it is broken."""
    sound, rate = read_wave(spoken.task.output)
    phones = with_closures(spoken.phones, sound, rate) if voice.engine == "espeak" else spoken.phones
    if not is_sound(sound, rate) or not len(phones):
        return None
    sound = resampled(sound, rate)
    before, after = (np.zeros(round(seconds * RATE), np.float32) for seconds in margin)
    sound = np.concatenate([before, sound, after])
    lead = len(before) / RATE - voice.late
    seconds = len(sound) / RATE
    moved = tuple((start + lead, end + lead, ipa) for start, end, ipa in phones)
    whole = tidied(moved, seconds)
    path = place / spoken.task.output.with_suffix(".flac").name
    write_flac(path, sound)
    return Utterance(path, voice.engine, voice.name, voice.language, seconds, _phones(whole))


def _phones(times: Times) -> tuple[Phone, ...]:
    return tuple(Phone(round(start, 4), round(end, 4), ipa) for start, end, ipa in times)


def is_sound(sound: Floats, rate: int) -> bool:
    """Neither too short or long, nor nearly silent, nor clipped."""
    loud = np.abs(sound)
    return bool(
        SECONDS[0] <= len(sound) / rate <= SECONDS[1]
        and loud.max() >= QUIETEST_PEAK
        and (loud >= 0.999).mean() < CLIPPED_SHARE
    )


def read_wave(path: Path) -> tuple[Floats, int]:
    """Samples (n,) -1..1 and rate of a mono 16-bit .wav file, as the programs write them."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.astype(np.float32) / 32768, file.getframerate()


def resampled(sound: Floats, rate: int) -> Floats:
    """`sound` at 16 kHz, by a filter without delay."""
    from scipy.signal import resample_poly

    common = int(np.gcd(rate, RATE))
    return cast(Floats, resample_poly(sound, RATE // common, rate // common).astype(np.float32))


def write_flac(path: Path, sound: Floats) -> None:
    """Write `sound` (n,) at 16 kHz to `path`, whole or not at all."""
    import av

    partial = path.with_suffix(".part")
    samples = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(str(partial), "w", format="flac") as out:
        stream = out.add_stream("flac", rate=RATE)
        stream.layout, stream.format = "mono", "s16"
        for start in range(0, len(samples), FLAC_BLOCK):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + FLAC_BLOCK], "s16", "mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    partial.replace(path)


def _line(utterance: Utterance, folder: Path) -> str:
    record: dict[str, Any] = {
        "sound": utterance.sound.relative_to(folder).as_posix(),
        "engine": utterance.engine,
        "voice": utterance.voice,
        "language": utterance.language,
        "seconds": utterance.seconds,
        "phones": [[phone.start, phone.end, phone.ipa] for phone in utterance.phones],
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def _drop_torn_line(path: Path) -> None:
    """Remove an unfinished last line, as of a run that was killed."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def _utterance(line: bytes, folder: Path, where: str) -> Utterance:
    try:
        record = json.loads(line)
        phones = tuple(Phone(float(start), float(end), str(ipa)) for start, end, ipa in record["phones"])
        engine, voice, language, sound = (str(record[name]) for name in ("engine", "voice", "language", "sound"))
        found = Utterance(folder / sound, engine, voice, language, float(record["seconds"]), phones)
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{where}: damaged; remove the line, or make the corpus again") from None
    if ".." in Path(sound).parts or Path(sound).is_absolute() or not is_in_order(found):
        raise SettingsError(f"{where}: times or names make no sense; remove the line, or make the corpus again")
    return found


def is_in_order(utterance: Utterance) -> bool:
    """Whether the phones follow each other within 1 ms and end within the sound."""
    ends = (0.0, *(phone.end for phone in utterance.phones))
    follow = all(end - 1e-3 <= phone.start <= phone.end for end, phone in zip(ends, utterance.phones, strict=False))
    return follow and 0 < utterance.seconds < 3600 and ends[-1] <= utterance.seconds + 1e-3


def only(settings: CorpusSettings, voices: Sequence[str]) -> CorpusSettings:
    """`settings` with only those voices whose engine or "engine:voice" is among `voices`; all of them if it is empty.

    Raises SettingsError if none is left.
    """
    chosen = tuple(
        voice for voice in settings.voices if not voices or {voice.engine, f"{voice.engine}:{voice.name}"} & set(voices)
    )
    if not chosen:
        raise SettingsError(
            f"no voice is called {', '.join(voices)}; known are espeak, festival, flite and their voices"
        )
    return replace(settings, voices=chosen)
