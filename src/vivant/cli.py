"""The command line: finds the command, reads its options, turns every error into one line.

Nothing but the chosen command is imported, when it is chosen: `vivant --help` must come at once. The commands
themselves are in `vivant.commands.table`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

OVERVIEW = """\
usage: vivant COMMAND ...

Makes one portrait move and speak.

commands:
  animate   a picture and a video, a sound or a motion file become a moving picture
  track     a video becomes a motion file (.npz, .json, .csv)
  speech    a voice becomes a motion file, or live from the microphone
  view      the still head from other sides: a film, a sheet, or a mesh
  live      a tracker, the mouse or a voice moves a character now
  pose      a drawn character in a pose by numbers, or a sheet of all of them
  align     a drawing becomes the square that networks for drawn characters want
  distill   a drawing becomes a character with small, fast networks of its own
  export    a character becomes a page for any web server, or an ONNX model
  profile   how one person's face moves a drawn character
  inspect   what was found in a picture, what suits it, and what to do about it
  verify    says whether a file is marked as synthetic
  bench     this machine's figures: track, draw, encode, end to end
  weights   import, list, show and verify the weights of published networks
  train     make the built-in speech model again, from the beginning
  evaluate  how well speech moves a face: one row per measure

  vivant animate face.jpg --video drive.mp4 -o out.mp4
  vivant animate face.jpg --audio speech.wav -o out.mp4
  vivant animate face.jpg --text "Good evening." -o out.mp4

vivant COMMAND --help shows the options of a command; vivant --version the version."""
COMMANDS = (
    *("animate", "track", "speech", "view", "live", "pose", "align", "profile", "distill", "export"),
    *("inspect", "verify", "bench", "weights", "train", "evaluate"),
)
FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `vivant` with `arguments` (those of the process by default); returns the exit status.

    0 done, 1 `verify` found no mark, 2 error (one line on stderr), 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if arguments is None:
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill tidies up like Ctrl-C
        with kept_code():
            status = run(words[0], words[1:])
        if status == INTERRUPTED:
            sys.stderr.flush()
            os._exit(status)  # everything is tidied up; threads of native code that still work would abort the exit
        return status
    return run(words[0], words[1:])


@contextlib.contextmanager
def kept_code() -> Iterator[None]:
    """Within, compiled code has a folder of its own where neither the program's nor the user's can be written."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if "NUMBA_CACHE_DIR" in os.environ or can_write(os.path.dirname(__file__)) or can_write(cache):
        yield
        return
    import tempfile

    # What lies there is run: it must be nobody else's, so it is new, and compiled anew, in each run.
    with tempfile.TemporaryDirectory(prefix="vivant-") as place:
        os.environ["NUMBA_CACHE_DIR"] = place
        os.environ.setdefault("MPLCONFIGDIR", place)
        print("vivant: warning: no folder for compiled code can be written; give one: NUMBA_CACHE_DIR", file=sys.stderr)
        yield


def can_write(place: str) -> bool:
    """Whether the folder `place` can be written, or made."""
    while not os.path.exists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    return os.access(place, os.W_OK)


def run(command: str, words: list[str]) -> int:
    """Run one command; every error becomes one line on stderr and an exit status."""
    try:
        status = _run(command, words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("vivant: interrupted; nothing was left half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the exit does not complain again
        return FAILED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return fail(f"{place[:200]}{error.strerror or error}; check the name and the folder", words)
    except MemoryError:
        return fail("not enough memory; use a smaller picture, or --size", words)
    except Exception as error:
        from vivant.errors import VivantError

        if isinstance(error, VivantError):
            return fail(str(error), words)
        return fail(f"unexpected {type(error).__name__}: {error}; --debug shows where, please report it", words)


def fail(message: str, words: Sequence[str]) -> int:
    """Print one line on stderr, with --debug the traceback before it; returns the exit status."""
    if "--debug" in words:
        import traceback

        traceback.print_exc()
    print(f"vivant: error: {' '.join(message.split())}", file=sys.stderr)
    return FAILED


def _run(command: str, words: list[str]) -> int:
    if command in ("-h", "--help"):
        print(OVERVIEW)
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"vivant {version('vivant')}")
        return 0
    from vivant.errors import SettingsError

    if command not in COMMANDS:
        raise SettingsError(f"there is no command {command!r}; vivant --help shows the commands")
    with held_interrupts():
        from vivant.commands import table

    function, options = table.COMMANDS[command]
    parsed = parse(command, options, words)
    if parsed is None:
        return 0
    if "--debug" in words:
        return function(parsed)
    with silent_natives():
        return function(parsed)


def parse(command: str, options: type[Any], words: list[str]) -> Any | None:
    """`options` filled from `words`, None if the help was shown; raises `SettingsError` for a mistake in them."""
    import io

    import tyro

    from vivant.errors import SettingsError

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                options,
                prog=f"vivant {command}",
                args=[plain_name(word) for word in words],
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        raise SettingsError(f"{first_reason(complaint.getvalue())} (vivant {command} --help)") from None


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Put off Ctrl-C until the block ends: packages that are being loaded swallow it, or make other errors of it."""
    import signal
    import threading

    held: list[int] = []
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt


@contextlib.contextmanager
def silent_natives() -> Iterator[None]:
    """Keep what native libraries write to file descriptor 2 off the terminal; Python's own stderr goes on."""
    sys.stderr.flush()
    kept, python = os.dup(2), sys.stderr
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    os.close(sink)
    owns = python is sys.__stderr__
    try:
        if owns:
            sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        yield
    finally:
        if owns:
            sys.stderr.close()
            sys.stderr = python
        os.dup2(kept, 2)
        os.close(kept)


def plain_name(word: str) -> str:
    """A file name with a leading dash, such as -face.jpg, made safe from being read as an option; numbers stay."""
    long = word.startswith("--")
    if not word.startswith("-") or word in ("-", "-o", "-h") or "=" in word or (long and "." not in word):
        return word
    try:
        [float(part) for part in word.split(",")]
    except ValueError:
        return f"./{word}"
    return word


def first_reason(complaint: str) -> str:
    """The first sentence of tyro's framed complaint, as one line."""
    lines = [line.strip("│ ") for line in complaint.splitlines() if line.startswith("│")]
    first = next((index for index, line in enumerate(lines) if line.startswith("─")), len(lines))
    return " ".join(line for line in lines[:first] if line).rstrip(".") or "the options cannot be read"
