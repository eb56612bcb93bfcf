"""VTube Studio: states as the tracking parameters of a Live2D model, by its public API (denchisoft.com).

Its parameters have the ranges and signs of Live2D's standard ones: angles in degrees, X > 0 to the right of the screen,
Y > 0 up, Z > 0 leaning to the right; eyes -1..1 alike; brows and smile 0..1 with 0.5 at rest.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vivant.errors import MediaError
from vivant.face.arkit import INDEX
from vivant.face.pose import angles_from_rotation
from vivant.motion.live.websocket import WebSocket
from vivant.motion.state import LOOK_RADIANS, FaceState

PORT = 8001
PLUGIN = {"pluginName": "vivant", "pluginDeveloper": "vivant"}
ASK_SECONDS = 60.0
"""Time that the user has to allow the plugin."""
ANSWER_SECONDS = 5.0
LARGEST_TOKEN = 200
MOST_ANSWERS = 100
FULL_JAW = 0.6


def parameters_of_state(state: FaceState) -> dict[str, float]:
    """VTube Studio's default parameters, by name, that `state` decides."""
    c = {name: float(state.curves[index]) for name, index in INDEX.items()}
    yaw, pitch, roll = np.degrees(angles_from_rotation(state.rotation)).tolist()
    right, up = np.clip(state.gaze / LOOK_RADIANS, -1, 1).tolist()
    smile, frown = (c[f"mouth{name}Left"] + c[f"mouth{name}Right"] for name in ("Smile", "Frown"))
    brows = {side: 0.5 + _lift(c, side) / 2 for side in ("Left", "Right")}
    values = {
        **{"FaceAngleX": yaw, "FaceAngleY": pitch, "FaceAngleZ": -roll},
        **{f"EyeOpen{side}": 1 - c[f"eyeBlink{side}"] for side in ("Left", "Right")},
        **{f"Eye{side}{axis}": value for side in ("Left", "Right") for axis, value in (("X", right), ("Y", up))},
        **{f"Brow{side}Y": value for side, value in brows.items()},
        "Brows": sum(brows.values()) / 2,
        "MouthOpen": min(max(c["jawOpen"] - c["mouthClose"], 0.0) / FULL_JAW, 1.0),
        "MouthSmile": min(max(0.5 + (smile - frown) / 4, 0.0), 1.0),
        "MouthX": c["mouthLeft"] - c["mouthRight"],  # the person's left is the right of the screen
        "CheekPuff": c["cheekPuff"],
        "TongueOut": c["tongueOut"],
    }
    return {name: round(float(np.clip(value, -30, 30)), 4) for name, value in values.items()}


def _lift(c: Mapping[str, float], side: str) -> float:
    return min(max((c["browInnerUp"] + c[f"browOuterUp{side}"]) / 1.2 - c[f"browDown{side}"], -1.0), 1.0)


@dataclass
class VTubeStudio:
    """Sends states to VTube Studio; use with `with`."""

    token_file: Path
    """Where the permission that the user once gave is kept."""
    host: str = "127.0.0.1"
    port: int = PORT
    ask_seconds: float = ASK_SECONDS

    def __enter__(self) -> Self:
        """Connect and get permission; the first time VTube Studio asks its user.

        Raises MediaError where it does not run, its API is off, or the user denies.
        """
        self._way = WebSocket(self.host, self.port)
        try:
            if not self._authenticated(self._stored_token()):
                token = self._new_token()
                if not self._authenticated(token):
                    raise MediaError("VTube Studio did not accept the permission that it gave; start it again")
                self._store(token)
        except BaseException:
            self._way.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._way.__exit__(kind, error, trace)

    def send(self, state: FaceState) -> None:
        """Send one state; raises MediaError where the connection broke."""
        values = [{"id": name, "value": value} for name, value in parameters_of_state(state).items()]
        data = {"faceFound": state.present, "mode": "set", "parameterValues": values}
        self._request("InjectParameterDataRequest", data)
        for _ in range(MOST_ANSWERS):  # answers are read so that they do not fill the connection
            if self._way.receive(0.0) is None:
                break

    def _authenticated(self, token: str) -> bool:
        if not token:
            return False
        self._request("AuthenticationRequest", {**PLUGIN, "authenticationToken": token})
        return self._answer(ANSWER_SECONDS).get("authenticated") is True

    def _new_token(self) -> str:
        self._request("AuthenticationTokenRequest", PLUGIN)
        token = self._answer(self.ask_seconds).get("authenticationToken")
        if not isinstance(token, str) or not 0 < len(token) <= LARGEST_TOKEN:
            raise MediaError("VTube Studio did not allow it; switch its plugin API on and choose Allow")
        return token

    def _request(self, kind: str, data: Mapping[str, Any]) -> None:
        head = {"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "requestID": "vivant", "messageType": kind}
        self._way.send(json.dumps({**head, "data": data}))

    def _answer(self, timeout: float) -> Mapping[str, Any]:
        text = self._way.receive(timeout)
        if text is None:
            raise MediaError(f"VTube Studio did not answer within {timeout:.0f} s; look at its window")
        try:
            data = json.loads(text)["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise MediaError(f"{self.host}:{self.port} does not answer as VTube Studio; check the port")
        return data

    def _stored_token(self) -> str:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if self.token_file.stat().st_size <= LARGEST_TOKEN:
                return self.token_file.read_text(encoding="ascii").strip()
        return ""

    def _store(self, token: str) -> None:
        """Keep the permission for the next time, readable by the user alone; without it the user is asked again."""
        with contextlib.suppress(OSError, UnicodeEncodeError):
            self.token_file.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(token)
