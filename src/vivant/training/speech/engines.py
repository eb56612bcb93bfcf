"""Text to speech with phoneme times, by programs in child processes.

Programs read text from files or pipes, never from a shell. A sentence that a program fails on is left out.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivant.errors import SettingsError
from vivant.training.speech.phone_sets import PHONE_SETS, plain
from vivant.training.speech.voices import Voice

SECONDS_PER_TASK = 30.0
"""Longest time that a program may take for a sentence."""
PACKAGES = {
    "espeak": "espeak-ng",
    "festival": "festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k festvox-itapc16k "
    "festvox-czech-ph festvox-czech-dita festvox-czech-machac festvox-suopuhe-lj festvox-suopuhe-mv festvox-ru "
    "festvox-ca-ona-hts festvox-hi-nsk festvox-te-nsk",
    "flite": "flite",
}
"""Debian packages by engine."""

Times = tuple[tuple[float, float, str], ...]
"""Start and end in seconds, IPA; "" is silence."""


@dataclass(frozen=True)
class Task:
    """A sentence, how it is to be said, and the .wav file to write."""

    text: str
    output: Path
    variant: str
    """espeak's timbre; no other program has any."""
    pace: float
    """1 is usual, 1.2 faster; models and units of festival keep their own."""
    pitch: float
    """-1 low to 1 high; of espeak and of diphones."""
    melody: float = 0.5
    """0 monotonous to 1 lively; of espeak."""


@dataclass(frozen=True)
class Spoken:
    """What came of a task."""

    task: Task
    phones: Times


def speak_all(voice: Voice, tasks: Sequence[Task]) -> list[Spoken]:
    """The tasks that could be spoken by `voice`; fewer where the program fails. Raises SettingsError without it."""
    speakers = {"espeak": _by_espeak, "festival": _by_festival, "flite": _by_flite}
    try:
        found = speakers[voice.engine](voice, tasks)
    except FileNotFoundError:
        raise SettingsError(missing(voice)) from None
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{voice.engine} hangs with voice {voice.name}; leave that voice out") from None
    kept = [spoken for spoken in found if len(spoken.phones) > 3 and spoken.task.output.is_file()]
    if tasks and not kept:
        raise SettingsError(missing(voice))
    return kept


def missing(voice: Voice) -> str:
    """What to do for `voice`."""
    return f"no voice {voice.name} of {voice.engine}; install Debian's {PACKAGES[voice.engine]}"


def _run(command: list[str], data: bytes, count: int) -> str:
    done = subprocess.run(
        command, input=data, capture_output=True, timeout=SECONDS_PER_TASK * max(count, 1), check=False
    )
    return done.stdout.decode("utf-8", "replace")


def _by_espeak(voice: Voice, tasks: Sequence[Task]) -> list[Spoken]:
    orders = (
        {
            "text": task.text,
            "voice": voice.name,
            "variant": task.variant,
            "rate": round(165 * task.pace),
            "pitch": round(50 + 28 * task.pitch),
            "range": round(100 * task.melody),
            "output": str(task.output),
        }
        for task in tasks
    )
    lines = "".join(json.dumps(order) + "\n" for order in orders).encode()
    answers = _run([sys.executable, "-m", "vivant.motion.speech.espeak"], lines, len(tasks)).splitlines()
    found = []
    for task, line in zip(tasks, answers, strict=False):
        phones = [(start, end, plain(name, voice.language)) for start, end, name in json.loads(line).get("phones", ())]
        # A name that is no IPA marks a word of another language: the sentence is of no use.
        if all(ipa is not None for _, _, ipa in phones):
            found.append(Spoken(task, tuple((start, end, ipa or "") for start, end, ipa in phones)))
    return found


FESTIVAL = """
(define pitch_factor 1.0)
(define (change_pitch utt)
  (if (member 'Target (utt.relationnames utt))
      (mapcar
        (lambda (target)
          (if (item.feat target 'f0)
              (item.set_feat target 'f0 (* pitch_factor (item.feat target 'f0)))))
        (utt.relation.leafs utt 'Target))))
(set! after_analysis_hooks (list change_pitch))
(define (say_one text name)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave utt name 'riff)
    (format t "FILE %s\\n" name)
    (mapcar
      (lambda (segment) (format t "%s %f\\n" (item.name segment) (item.feat segment 'end)))
      (utt.relation.items utt 'Segment))))
"""
"""Says a text into a file and prints the name and the end of every phone."""


def _by_festival(voice: Voice, tasks: Sequence[Task]) -> list[Spoken]:
    if shutil.which("festival") is None:
        raise FileNotFoundError
    select = f"(if (symbol-bound? 'voice_{voice.name} nil) (voice_{voice.name}) (quit))"
    script = [select, FESTIVAL]
    for task in tasks:
        text = task.text.replace("\\", " ").replace('"', " ")
        script.append(f"(Parameter.set 'Duration_Stretch {1 / task.pace:.3f})")
        script.append(f"(set! pitch_factor {2 ** (task.pitch / 3):.3f})")
        script.append(f'(say_one "{text}" "{task.output}")')
    answer = _run(["festival", "--pipe"], "\n".join(script).encode(voice.encoding, "ignore"), len(tasks))
    found: dict[str, list[tuple[float, str]]] = {}
    current: list[tuple[float, str]] = []
    for line in answer.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "FILE":
            current = found.setdefault(words[1], [])
        elif len(words) == 2:
            current.append((float(words[1]), words[0]))
    return [Spoken(task, _from_ends(found.get(str(task.output), ()), voice.phones)) for task in tasks]


def _by_flite(voice: Voice, tasks: Sequence[Task]) -> list[Spoken]:
    # flite speaks with another voice where it lacks one.
    if voice.name not in _run(["flite", "-lv"], b"", 1).split():
        raise SettingsError(missing(voice))
    found = []
    for task in tasks:
        command = ["flite", "-voice", voice.name, "-psdur", "--setf", f"duration_stretch={1 / task.pace:.3f}"]
        answer = _run([*command, "-t", task.text, "-o", str(task.output)], b"", 1)
        pairs = (word.rsplit(":", 1) for word in answer.split() if ":" in word)
        found.append(Spoken(task, _from_ends([(float(end), name) for name, end in pairs], voice.phones)))
    return found


def _from_ends(ends: Sequence[tuple[float, str]], phones: str) -> Times:
    """Phones from their ends in seconds and their names in the set `phones`; nothing if a name is unknown."""
    table, result, start = PHONE_SETS[phones], [], 0.0
    for end, name in ends:
        if name not in table:
            return ()
        if end > start:
            result.append((start, end, table[name]))
            start = end
    return tuple(result)
