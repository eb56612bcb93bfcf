"""The command `vivant live`: a tracker, the mouse or a voice moves a character now, on the screen or in a call."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from tyro.conf import Positional, UseAppendAction, arg

from vivant import provenance
from vivant.animation import DEFAULT_RATE, PictureSettings, parse_rate
from vivant.avatars import open_avatar
from vivant.avatars.avatar import Avatar
from vivant.avatars.tha.profile import load_profile
from vivant.avatars.tha.smoother import Smoother, Smoothing
from vivant.avatars.tha.tha import Tha, is_character
from vivant.commands.tha import CharacterOptions, announce, open_drawn
from vivant.compose import Composer, parse_colour
from vivant.errors import SettingsError
from vivant.media.browser import Browser
from vivant.media.container import spare_inputs
from vivant.media.devices import Camera, VirtualCamera, Window
from vivant.media.opaque import Colour
from vivant.media.recorder import Recorder
from vivant.media.writer import check_place, holds_alpha, open_writer
from vivant.motion import files
from vivant.motion.idle import idle
from vivant.motion.live import ifacialmocap, openseeface, vmc, vtube_studio
from vivant.motion.live.breathing import Breathing
from vivant.motion.live.clocked import played, stamped
from vivant.motion.live.loop import Draw, LiveReport, LiveSettings, Shown, live_frames
from vivant.motion.live.mirror import in_mirror
from vivant.motion.live.newest import newest_of
from vivant.motion.live.pointer import Pointer, pointer_states
from vivant.motion.live.rest import from_rest
from vivant.motion.live.sockets import Heard, UdpReader, UdpSettings, address_of, check_port, is_own, udp_states
from vivant.motion.live.webcam import WebcamSettings, newest_pictures, webcam_states
from vivant.motion.motion import Motion
from vivant.motion.retime import at_rate
from vivant.motion.state import FaceState
from vivant.nn.blas import products_in_one_thread
from vivant.portrait.layout import view
from vivant.portrait.open import open_portrait

Bytes = NDArray[np.uint8]
Outlet = Callable[[Shown], bool]
Items = Iterator[Heard | None]
Source = Literal["webcam", "iphone", "vmc", "openseeface", "mouse", "mic", "idle", "csv"]
Target = Literal["window", "browser", "vcam", "vmc", "vts"]

PORTS = {"iphone": ifacialmocap.PORT, "vmc": vmc.PORT, "openseeface": openseeface.PORT}
FACING = ("webcam", "iphone", "openseeface")
"""Drivers that are a person in front of a camera: relative to the first second, and as in a mirror."""
TREMBLING = ("webcam", "openseeface")
"""Drivers that are calmed unless the user says otherwise."""
MOTIONS = (".npz", ".json", ".csv")
IDLE_RATE = Fraction(30)
GREEN: Colour = (0, 177, 64)
LARGEST_SIDE = 1024
"""Pixels of the longer side of a whole picture unless the user says otherwise: more is slow to draw and to show."""
MOST_STATES = 1_000_000
"""States of a recorded motion: nine hours at 30 a second."""


@dataclass(frozen=True)
class DriverOptions:
    """What moves the face."""

    source: Annotated[Source, arg(name="from")] = "webcam"
    """webcam; iphone: the app iFacialMocap; vmc: a VTuber program; openseeface; mouse: over the window or the page;
    mic: the voice; idle: breathing and blinking; csv: a motion file (.csv of Live Link Face, .npz, .json)."""
    device: str | None = None
    """Number of the webcam (or a video file in its place), number or name of the microphone."""
    motion: Path | None = None
    """The file for --from csv."""
    port: int | None = None
    """UDP port to listen at; none: the usual one, 49983 iphone, 39539 vmc, 11573 openseeface."""
    host: str | None = None
    """Own address to listen at; none: all for iphone, this machine only for the others."""
    phone: str | None = None
    """Address of the phone: it is asked to start; without it start the app's stream by hand."""
    sender: str | None = None
    """Listen to this host only, by address or name; none: to the first that speaks."""
    mirror: Literal["auto", "on", "off"] = "auto"
    """Left for right; auto: for webcam, iphone and openseeface."""
    rest: Literal["first", "none"] = "first"
    """first: in the first second you look straight ahead, wherever the camera stands; none: angles as they are sent."""
    smooth: float | None = None
    """Calms trembling, 0 to 10; none: 1 for webcam and openseeface, else 0."""
    face_model: Path | None = None
    """A face_landmarker.task for the webcam; none: the models inside MediaPipe."""


@dataclass(frozen=True)
class ShowOptions:
    """Where the pictures go."""

    to: UseAppendAction[tuple[Target, ...]] = ()
    """window, browser (a page of this machine), vcam (a virtual camera), vmc (a VTuber program), vts (VTube Studio);
    several may be given. None: a window."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Record what is shown as a film, or as a motion (.npz, .json, .csv)."""
    web_port: int = 8765
    """Port of the page."""
    camera_name: str | None = None
    """Virtual camera to use, such as /dev/video2."""
    vmc_host: str = "127.0.0.1"
    """Address of the VTuber program."""
    vmc_port: int = vmc.PORT
    """UDP port of the VTuber program: 39539 shows, 39540 processes further."""
    vmc_names: vmc.Names = "arkit"
    """arkit: the 52 of perfect sync; presets: A I U E O, Joy ... for models without."""
    vts_port: int = vtube_studio.PORT
    """Port of the plugin API of VTube Studio."""
    fps: float = 120.0
    """Frames per second at most; each new state of the driver is drawn once."""
    seconds: float | None = None
    """Stop after so long; none: until Ctrl-C, Escape in the window, or the end of the file."""


@dataclass(frozen=True)
class LiveOptions:
    """Move a character or a portrait now, by a tracker, the mouse or a voice. Ctrl-C ends it."""

    picture: Positional[Path | None] = None
    """A character (girl.vivant, or a folder with character_model.yaml), or a portrait; --to vmc and vts need none."""
    driver: DriverOptions = field(default_factory=DriverOptions)
    show: ShowOptions = field(default_factory=ShowOptions)
    look: PictureSettings = field(default_factory=PictureSettings)
    how: CharacterOptions = field(default_factory=CharacterOptions)
    avatar: str = "relief"
    """What draws a portrait: relief, or tha for a drawing without networks of its own."""
    seed: int = 0
    """Chooses the blinks and glances at rest."""
    json: bool = False
    """Print the result as a JSON object on stdout."""
    debug: bool = False
    """Show the traceback of an error."""

    @property
    def drawn(self) -> bool:
        """Whether the picture is a drawn character."""
        return self.picture is not None and (self.avatar == "tha" or is_character(self.picture))


def live(options: LiveOptions) -> int:
    """`vivant live`"""
    report, show = LiveReport(), options.show
    settings = LiveSettings(show.fps, min(30.0, show.fps), show.seconds, seed=options.seed)
    targets = show.to or ("window",)
    _check(options, targets)
    draw = open_draw(options)
    draw(FaceState())  # the first picture takes longer: kernels are compiled, caches filled
    with ExitStack() as stack:
        stack.enter_context(products_in_one_thread())
        pointer = Pointer()
        outlets = [_open_outlet(target, options, pointer, stack) for target in targets]
        outlets += [_recorder(show.output, options, stack)] if show.output else []
        readers: list[UdpReader] = []
        items = _driven(options, pointer, readers, stack)
        frames = stack.enter_context(closing(live_frames(items, draw, settings, report)))
        try:
            for shown in frames:
                going = [outlet(shown) for outlet in outlets]
                if not all(going):
                    break
        except KeyboardInterrupt:
            _say("stopped")
    _tell(report, readers, as_json=options.json)
    return 0


def _check(options: LiveOptions, targets: tuple[Target, ...]) -> None:
    """Raise SettingsError for what cannot work together, before anything is opened."""
    driver, output = options.driver, options.show.output
    if (driver.source == "csv") != (driver.motion is not None):
        raise SettingsError("--from csv and --motion FILE belong together; give both or none")
    if driver.motion is not None and not driver.motion.is_file():
        raise SettingsError(f"{driver.motion}: no such file; give a .npz, .json or .csv motion")
    if driver.source == "mouse" and not {"window", "browser"} & set(targets):
        raise SettingsError("the mouse is seen over the window or the page only; add --to window or --to browser")
    if driver.smooth is not None and not 0 <= driver.smooth <= 10:
        raise SettingsError(f"smooth is {driver.smooth:g}; give 0 to 10")
    _check_ports(driver, options.show, targets)
    if options.picture is not None:
        # Of a profile its smoothing counts for portraits, too.
        replace(options.how, profile=None).check_used("tha" if options.drawn else options.avatar)
    if options.picture is None and (
        not set(targets) <= {"vmc", "vts"} or (output and output.suffix.lower() not in MOTIONS)
    ):
        raise SettingsError("give a character or a portrait; only --to vmc and --to vts need none")
    if output is not None:
        spare_inputs(output, [options.picture, driver.motion, *options.how.files])
        (files.check_place if output.suffix.lower() in MOTIONS else check_place)(output)


def _check_ports(driver: DriverOptions, show: ShowOptions, targets: tuple[Target, ...]) -> None:
    check_port(driver.port or 0)
    check_port(show.web_port)
    for port in (show.vmc_port, show.vts_port):
        check_port(port, 1)
    back = driver.source in PORTS and "vmc" in targets and _port(driver) == show.vmc_port
    if back and is_own(address_of(show.vmc_host)):
        raise SettingsError(f"vivant would hear itself at port {show.vmc_port}; give another --port or --vmc-port")


# what draws


def open_draw(options: LiveOptions) -> Draw:
    """What draws the picture of `options` in a state: (H, W, 4) RGBA, a new array each time."""
    picture, look = options.picture, options.look
    if picture is None:
        nothing = np.zeros((1, 1, 4), np.uint8)
        return lambda state: nothing
    if not picture.exists():
        raise SettingsError(f"{picture} does not exist; give a character or a portrait")
    avatar: Avatar[Any]
    if options.drawn:
        settings = replace(options.how.settings(picture), live=True)
        avatar, portrait = Tha(settings), open_drawn(picture)
        announce(settings)
    else:
        avatar, portrait = open_avatar(options.avatar), open_portrait(picture, model_file=options.driver.face_model)
    whole = min(LARGEST_SIDE, max(portrait.size)) if look.crop == "whole" else None
    window = view(portrait, look.crop, whole if look.size is None else look.size)
    composer = Composer(portrait, window, look.background)
    prepared = avatar.prepare(portrait, window, cutout=composer.cutout)
    label = provenance.draw_label("synthetic", window.rows, window.columns) if look.mark else None
    started, breathing = time.perf_counter(), Breathing(options.seed)

    def draw(state: FaceState) -> Bytes:
        passed = time.perf_counter() - started
        drawn = avatar.draw(prepared, breathing.lifted(state, passed) if options.drawn else state)
        result = composer.compose([drawn], passed)
        if label is not None:
            provenance.put_label(result, label)
        return result

    return draw


# what drives


def _driven(options: LiveOptions, pointer: Pointer, readers: list[UdpReader], stack: ExitStack) -> Items:
    """The driver's states as they come: from the user's rest, as in a mirror, calmed."""
    driver = options.driver
    items = _source(options, pointer, readers, stack)
    facing = driver.source in FACING
    if driver.rest == "first" and facing:
        items = from_rest(items)
    if driver.mirror == "on" or (driver.mirror == "auto" and facing):
        items = in_mirror(items)
    return _smoothed(items, _smoothing(options))


def _smoothing(options: LiveOptions) -> Smoothing:
    driver = options.driver
    own = load_profile(options.how.profile).smoothing if options.how.profile else Smoothing()
    if driver.smooth is not None:
        return replace(own, amount=driver.smooth)
    return own if driver.source in TREMBLING else replace(own, amount=0.0)


def _smoothed(items: Items, settings: Smoothing) -> Items:
    smoother = Smoother(settings)
    for heard in items:
        yield None if heard is None else Heard(smoother.step(heard.state, heard.time), heard.time)


def _source(options: LiveOptions, pointer: Pointer, readers: list[UdpReader], stack: ExitStack) -> Items:
    driver = options.driver
    match driver.source:
        case "iphone" | "vmc" | "openseeface":
            return _udp_source(driver, readers, stack)
        case "webcam":
            return _webcam_source(driver, stack)
        case "mouse":
            return pointer_states(pointer, options.seed)
        case "mic":
            return _mic_source(driver, stack)
        case "csv":
            assert driver.motion is not None
            motion = files.load_motion(driver.motion)
            return played(motion, motion.rate)
    return played(idle(IDLE_RATE, seed=options.seed), IDLE_RATE)


def _udp_source(driver: DriverOptions, readers: list[UdpReader], stack: ExitStack) -> Items:
    kind = driver.source
    host = driver.host or ("0.0.0.0" if kind == "iphone" else "127.0.0.1")
    most = vmc.PACKETS_PER_SECOND if kind == "vmc" else UdpSettings.packets_per_second
    largest = 65_507 if kind != "iphone" else UdpSettings.largest
    reader = stack.enter_context(UdpReader(UdpSettings(_port(driver), host, driver.sender, most, largest)))
    readers.append(reader)
    _say(f"listening for {kind} at UDP {host}:{reader.port}")
    if kind == "iphone":
        return udp_states(reader, ifacialmocap.parse_state, ifacialmocap.greeting(driver.phone))
    return udp_states(reader, vmc.VmcFace().feed if kind == "vmc" else openseeface.OpenSeeFace().feed)


def _port(driver: DriverOptions) -> int:
    return PORTS[driver.source] if driver.port is None else driver.port


def _webcam_source(driver: DriverOptions, stack: ExitStack) -> Items:
    device = driver.device or "0"
    camera = stack.enter_context(Camera(int(device) if device.isdecimal() else device))
    pictures = stack.enter_context(newest_of(iter(camera)))
    _say("look straight ahead for a second")
    return webcam_states(newest_pictures(pictures), WebcamSettings(model_file=driver.face_model))


def _mic_source(driver: DriverOptions, stack: ExitStack) -> Items:
    from vivant.motion.speech.live import Microphone, live_states

    device = int(driver.device) if driver.device is not None and driver.device.isdecimal() else driver.device
    return stamped(live_states(stack.enter_context(Microphone(device))))


# who shows


def _open_outlet(target: Target, options: LiveOptions, pointer: Pointer, stack: ExitStack) -> Outlet:
    background = options.look.background
    colour = parse_colour(background) if background.startswith("#") else None
    show = options.show
    if target == "window":
        window = stack.enter_context(Window("vivant", colour, pointer.move))
        return lambda shown: window.show(shown.picture)
    if target == "browser":
        browser = stack.enter_context(Browser(show.web_port, colour or GREEN, pointer.move))
        _say(f"open {browser.url} (?background=none for OBS)")
        return lambda shown: browser.show(shown.picture)
    if target == "vcam":
        camera = stack.enter_context(VirtualCamera(min(show.fps, 30.0), colour or GREEN, show.camera_name))
        return lambda shown: camera.show(shown.picture)
    sender: vmc.VmcSender | vtube_studio.VTubeStudio
    if target == "vmc":
        sender = vmc.VmcSender(show.vmc_host, show.vmc_port, show.vmc_names)
    else:
        sender = vtube_studio.VTubeStudio(provenance.config_folder() / "vtube-studio-token", port=show.vts_port)
    stack.enter_context(sender)

    def send(shown: Shown) -> bool:
        sender.send(shown.state)
        return True

    return send


def _recorder(path: Path, options: LiveOptions, stack: ExitStack) -> Outlet:
    if path.suffix.lower() in MOTIONS:
        return _motion_recorder(path, stack)
    rate = parse_rate(f"{min(options.show.fps, 30.0):g}")
    origin = provenance.MADE_BY_NETWORK if options.drawn else provenance.MADE_BY_GEOMETRY
    seal = partial(provenance.sign, extension=path.suffix, source_type=origin)
    opened: list[Recorder] = []

    def record(shown: Shown) -> bool:
        if not opened:
            rows, columns, _ = shown.picture.shape
            alpha = holds_alpha(path) and bool((shown.picture[..., 3] < 255).any())
            comment = provenance.describe(origin)
            writer = open_writer(path, (columns, rows), rate, alpha=alpha, comment=comment, seal=seal)
            opened.append(Recorder(stack.enter_context(writer), rate))
            stack.callback(opened[0].finish)
        opened[0].show(shown.picture, shown.time)
        return True

    return record


def _motion_recorder(path: Path, stack: ExitStack) -> Outlet:
    kept: list[tuple[float, FaceState]] = []

    def save() -> None:
        if kept:
            states = at_rate(((when - kept[0][0], state) for when, state in kept), DEFAULT_RATE)
            files.save_motion(path, Motion.from_states(DEFAULT_RATE, states, {"driver": "live"}))

    def record(shown: Shown) -> bool:
        if len(kept) < MOST_STATES:
            kept.append((shown.time, replace(shown.state, dense=None)))
        return True

    stack.callback(save)
    return record


def _tell(report: LiveReport, readers: list[UdpReader], *, as_json: bool) -> None:
    p50, p95 = (round(report.latency(percent), 1) for percent in (50, 95))
    for reader in readers:
        for note in reader.counts.notes():
            _say(f"warning: {note}")
    if as_json:
        counts = {key: value for reader in readers for key, value in asdict(reader.counts).items()}
        record = {"frames": report.frames, "frames_per_second": round(report.rate, 2), "skipped": report.skipped}
        latency = {"latency_ms_p50": p50, "latency_ms_p95": p95}
        print(json.dumps({"event": "result", **record, **latency, "packets": counts}))
        return
    print(f"{report.frames} frames, {report.rate:.1f}/s; from driver to picture {p50:g} ms, 95 % within {p95:g} ms")


def _say(line: str) -> None:
    print(f"vivant: {line}", file=sys.stderr, flush=True)
