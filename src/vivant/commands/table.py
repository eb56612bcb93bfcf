"""Every command by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vivant.commands.animate import AnimateOptions, animate
from vivant.commands.bench import BenchOptions, bench
from vivant.commands.distill import DistillOptions, distill
from vivant.commands.evaluate import EvaluateOptions, evaluate
from vivant.commands.export import ExportOptions, export
from vivant.commands.inspect import InspectOptions, VerifyOptions, inspect, verify
from vivant.commands.live import LiveOptions, live
from vivant.commands.speech import SpeechOptions, speech
from vivant.commands.tha import AlignOptions, PoseOptions, ProfileOptions, align_drawing, make_profile, pose
from vivant.commands.track import TrackOptions, track_video
from vivant.commands.train import train
from vivant.commands.train_options import TrainOptions
from vivant.commands.view import ViewOptions, view
from vivant.commands.weights import WeightsOptions, weights

COMMANDS: dict[str, tuple[Callable[[Any], int], type[Any]]] = {
    "animate": (animate, AnimateOptions),
    "track": (track_video, TrackOptions),
    "speech": (speech, SpeechOptions),
    "view": (view, ViewOptions),
    "live": (live, LiveOptions),
    "pose": (pose, PoseOptions),
    "align": (align_drawing, AlignOptions),
    "profile": (make_profile, ProfileOptions),
    "distill": (distill, DistillOptions),
    "export": (export, ExportOptions),
    "inspect": (inspect, InspectOptions),
    "verify": (verify, VerifyOptions),
    "bench": (bench, BenchOptions),
    "weights": (weights, WeightsOptions),
    "train": (train, TrainOptions),
    "evaluate": (evaluate, EvaluateOptions),
}
