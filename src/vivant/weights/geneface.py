"""Key tables of GeneFace's and GeneFace++'s published checkpoints."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine, batch_norm, same

COUPLINGS, COUPLING_LAYERS, ENCODER_LAYERS, DECODER_LAYERS = 4, 4, 8, 4
POSE_LAYERS = 6


def audio_to_landmarks(*, pitch: bool) -> KeyTable:
    """GeneFace's audio-to-motion VAE, to AudioToLandmarks."""
    return feature_encoder("mel_encoder", "sound") | (pitch_encoder() if pitch else {}) | flow_vae("vae", "vae")


def audio_to_expression() -> KeyTable:
    """GeneFace++'s audio-to-motion VAE with pitch, blink and amplitude, to AudioToExpression."""
    return (
        {"mouth_amp_embed": "amplitude", "blink_embed.weight": "blink_table.weight"}
        | feature_encoder("mel_encoder", "sound")
        | pitch_encoder()
        | affine("cond_proj", "join")
        | flow_vae("vae", "vae")
    )


def sync_expert(*, layers: int = 13) -> KeyTable:
    """SyncNet, to SyncExpert; each tower has `layers` layers."""
    table: KeyTable = {}
    for old, new in (("hubert_encoder", "sound"), ("mouth_encoder", "mouth")):
        for layer in range(layers):
            table |= conv_block(f"{old}.{layer}", f"{new}.{layer}")
    return table


def post_net() -> KeyTable:
    """Post-net, to PostNet."""
    table = conv_block("block3.0", "leave.0") | affine("block3.1", "leave.1")
    for old, new in (("block1", "enter"), ("block2", "middle")):
        for layer in range(3):
            table |= conv_block(f"{old}.{layer}", f"{new}.{layer}")
    return table


def landmark_critic() -> KeyTable:
    """The post-net's discriminator, to LandmarkCritic."""
    table = same("backbone.12", "layers.12", ("weight",))
    for layer in (0, 3, 6, 9):
        table |= affine(f"backbone.{layer}", f"layers.{layer}")
    return table


def head_pose() -> KeyTable:
    """Audio-to-pose, to HeadPose."""
    table: KeyTable = {}
    for layer in (0, 2):
        table |= affine(f"audio_encoder.{layer}", f"sound.{layer}")
    for number in (0, 1):
        table |= affine(f"backbone.start_conv{number + 1}", f"enter.{number}")
        table |= affine(f"backbone.end_conv_{number + 1}", f"leave.{number}")
    parts = {
        "filter_conv": "signal",
        "gate_conv": "gate",
        "cond_filter_conv": "sound_signal",
        "cond_gate_conv": "sound_gate",
        "residual_conv": "step",
        "skip_conv": "skip",
    }
    for layer in range(POSE_LAYERS):
        for old, new in parts.items():
            table |= affine(f"backbone.residual_blocks.{layer}.{old}", f"layers.{layer}.{new}")
    return table


def feature_encoder(old: str, new: str) -> KeyTable:
    """Convolution, batch norm, convolution."""
    return (
        same(f"{old}.0", f"{new}.enter", ("weight",))
        | batch_norm(f"{old}.1", f"{new}.norm")
        | same(f"{old}.3", f"{new}.leave", ("weight",))
    )


def pitch_encoder() -> KeyTable:
    """Pitch embedding and its encoder."""
    return same("pitch_embed", "pitch_table", ("weight",)) | feature_encoder("pitch_encoder", "pitch")


def conv_block(old: str, new: str) -> KeyTable:
    """Convolution and batch norm of one block."""
    return affine(f"{old}.conv_block.0", f"{new}.conv") | batch_norm(f"{old}.conv_block.1", f"{new}.norm")


def flow_vae(old: str, new: str) -> KeyTable:
    """VAE with flow prior, to FlowVAE; the flow's odd places hold the channel flips, without tensors."""
    table = affine(f"{old}.g_pre_net.0", f"{new}.squeeze")
    for half, layers in (("encoder", ENCODER_LAYERS), ("decoder", DECODER_LAYERS)):
        table |= affine(f"{old}.{half}.pre_net.0", f"{new}.{half}.enter")
        table |= gated_stack(f"{old}.{half}.wn", f"{new}.{half}.stack", layers)
        table |= affine(f"{old}.{half}.out_proj", f"{new}.{half}.leave")
    for step in range(COUPLINGS):
        there, here = f"{old}.prior_flow.flows.{2 * step}", f"{new}.flow.couplings.{step}"
        table |= affine(f"{there}.pre", f"{here}.enter")
        table |= gated_stack(f"{there}.enc", f"{here}.stack", COUPLING_LAYERS)
        table |= affine(f"{there}.post", f"{here}.leave")
    return table


def gated_stack(old: str, new: str, layers: int) -> KeyTable:
    """A stack of gated convolutions."""
    table = normed_conv(f"{old}.cond_layer", f"{new}.condition")
    for layer in range(layers):
        table |= normed_conv(f"{old}.in_layers.{layer}", f"{new}.gates.{layer}")
        table |= normed_conv(f"{old}.res_skip_layers.{layer}", f"{new}.exits.{layer}")
    return table


def normed_conv(old: str, new: str) -> KeyTable:
    """A weight-normalised convolution."""
    parts = {"weight_g": "gain", "weight_v": "direction", "bias": "bias"}
    return {f"{old}.{there}": f"{new}.{here}" for there, here in parts.items()}
