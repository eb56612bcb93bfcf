"""Key tables of the published students of Talking Head Anime 4."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine


def face_student() -> KeyTable:
    """`face_morpher.pt` of a character, to FaceStudent."""
    table = affine("siren.last_linear", "last")
    for layer in range(8):
        table |= affine(f"siren.sine_layers.{layer}.linear", f"layers.{layer}.linear")
    return table


def body_student() -> KeyTable:
    """`body_morpher.pt` of a character, to BodyStudent."""
    table = affine("last_linear", "last")
    for level in range(3):
        for layer in range(3):
            table |= affine(f"siren_layers.{level}.{layer}.linear", f"levels.{level}.{layer}.linear")
    return table
