"""The published networks around speech: our name, key table, and the network in the sizes of the release."""

from __future__ import annotations

from vivant.motion.speech.networks.audio_to_expression import AudioToExpression
from vivant.motion.speech.networks.audio_to_landmarks import AudioToLandmarks, AudioToLandmarksConfig
from vivant.motion.speech.networks.head_pose import HeadPose
from vivant.motion.speech.networks.landmark_critic import LandmarkCritic
from vivant.motion.speech.networks.post_net import PostNet, PostNetConfig
from vivant.motion.speech.networks.sync_expert import SyncExpert, SyncExpertConfig
from vivant.weights import geneface, real3d
from vivant.weights.release import Release


def releases() -> tuple[Release, ...]:
    """Every network that can be imported."""
    return (
        Release("geneface", "audio_to_landmarks", geneface.audio_to_landmarks(pitch=False), AudioToLandmarks),
        Release("geneface", "audio_to_landmarks_pitch", geneface.audio_to_landmarks(pitch=True), _landmarks_pitch),
        Release("geneface", "audio_to_expression", geneface.audio_to_expression(), AudioToExpression),
        Release("geneface", "sync_expert", geneface.sync_expert(), SyncExpert),
        Release("geneface", "post_net", geneface.post_net(), PostNet, personal=True),
        Release("geneface", "post_net_pitch", geneface.post_net(), _post_net_pitch, personal=True),
        Release("geneface", "landmark_critic", geneface.landmark_critic(), LandmarkCritic, personal=True),
        Release("geneface", "head_pose", geneface.head_pose(), HeadPose, personal=True),
        Release("real3d", "audio_to_expression", real3d.audio_to_expression(), AudioToExpression),
        Release("real3d", "sync_expert", real3d.sync_expert(), _mesh_sync_expert),
    )


def _landmarks_pitch() -> AudioToLandmarks:
    return AudioToLandmarks(AudioToLandmarksConfig(pitch=32))


def _post_net_pitch() -> PostNet:
    return PostNet(PostNetConfig(pitch=64))


def _mesh_sync_expert() -> SyncExpert:
    return SyncExpert(SyncExpertConfig(mouth=1404, widen=1024))
