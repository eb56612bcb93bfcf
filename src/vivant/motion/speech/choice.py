"""Which mouth speaks: the built-in network, the first version, or a published network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from vivant.errors import SettingsError
from vivant.motion.speech.mouth import Mouth
from vivant.motion.speech.speak import SpeechSettings

SpeechModel = Literal["builtin", "signal", "geneface", "geneface++", "real3d"]


def open_mouth(
    model: SpeechModel = "builtin",
    weights: str | Path | None = None,
    settings: SpeechSettings = SpeechSettings(),
    *,
    live: bool = False,
) -> Mouth:
    """The mouth of `model` with the gain, temperature and seed of `settings`.

    `weights` is a folder or a stored name of a published network's weights; `live` keeps the look-ahead below 0.2 s
    and is for the built-in model only. Raises SettingsError for an unknown model and for weights where none are used.
    """
    if model not in get_args(SpeechModel):
        raise SettingsError(f"there is no speech model {model!r}; give one of {', '.join(get_args(SpeechModel))}")
    if model in ("builtin", "signal"):
        if weights is not None:
            raise SettingsError(f"the speech model {model} brings its own weights; leave --weights out")
        return _own(model, settings, live=live)
    if weights is None:
        raise SettingsError(f"the speech model {model} needs --weights: a folder, or a name of vivant weights list")
    if live:
        raise SettingsError(f"the speech model {model} looks too far ahead to be live; leave --speech-model out")
    from vivant.motion.speech.published import published_mouth

    chosen = {} if settings.temperature is None else {"temperature": settings.temperature}
    return published_mouth(model, weights, gain=settings.mouth_gain, seed=settings.seed, **chosen)


def _own(model: SpeechModel, settings: SpeechSettings, *, live: bool) -> Mouth:
    if model == "signal":
        from vivant.motion.speech.signal import signal_mouth

        return signal_mouth(settings.mouth_gain, settings.seed)
    from vivant.motion.speech.learned import LIVE, OFFLINE, TEMPERATURE, learned_mouth

    temperature = TEMPERATURE if settings.temperature is None else settings.temperature
    return learned_mouth(settings.mouth_gain, temperature, settings.seed, LIVE if live else OFFLINE)
