"""Key tables of the networks that only the training of Real3D-Portrait has: discriminator and teacher."""

from __future__ import annotations

from vivant.weights.keys import KeyTable, affine


def dual_discriminator(*, picture: int = 512, mapping: int = 8) -> KeyTable:
    """To DualDiscriminator of pictures so large, with so many layers behind the camera."""
    table = affine(f"b{picture}.fromrgb", "enter")
    unread = ["resample_filter", f"b{picture}.fromrgb.resample_filter", "b4.conv.resample_filter"]
    side, place = picture, 0
    while side > 4:
        old, new = f"b{side}", f"blocks.{place}"
        table |= affine(f"{old}.conv0", f"{new}.first") | affine(f"{old}.conv1", f"{new}.second")
        table[f"{old}.skip.weight"] = f"{new}.skip.weight"
        unread += [f"{old}.{part}resample_filter" for part in ("", "conv0.", "conv1.", "skip.")]
        side, place = side // 2, place + 1
    table |= affine("b4.conv", "compare") | affine("b4.fc", "join") | affine("b4.out", "leave")
    table |= mapping_network("mapping", "camera_code", mapping)
    return table | dict.fromkeys(unread, "")


def teacher_backbone(*, planes: int = 256, mapping: int = 2) -> KeyTable:
    """EG3D's mapping and synthesis networks, to TeacherBackbone."""
    table = mapping_network("backbone.mapping", "mapping", mapping)
    table["backbone.mapping.w_avg"] = "mapping.middle"
    table["backbone.synthesis.b4.const"] = "start"
    side, place = 4, 0
    while side <= planes:
        old, new = f"backbone.synthesis.b{side}", f"blocks.{place}"
        for there, here in (("conv0", "first"), ("conv1", "second"))[side == 4 :]:
            table |= style_conv(f"{old}.{there}", f"{new}.{here}")
        table |= affine(f"{old}.torgb", f"{new}.leave") | affine(f"{old}.torgb.affine", f"{new}.leave.style")
        table[f"{old}.resample_filter"] = ""
        side, place = side * 2, place + 1
    return table


def mapping_network(old: str, new: str, layers: int) -> KeyTable:
    """Embedding of the camera, and fully connected layers."""
    table = affine(f"{old}.embed", f"{new}.embed")
    for place in range(layers):
        table |= affine(f"{old}.fc{place}", f"{new}.layers.{place}")
    return table


def style_conv(old: str, new: str) -> KeyTable:
    """Convolution whose inputs a style scales, with its noise; the filter is a constant."""
    table = affine(old, new) | affine(f"{old}.affine", f"{new}.style")
    table |= {f"{old}.noise_const": f"{new}.noise", f"{old}.noise_strength": f"{new}.noise_strength"}
    return table | {f"{old}.resample_filter": ""}
