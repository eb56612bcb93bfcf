"""Marks that say that a picture is synthetic: a signed C2PA manifest, a comment in the file, a visible label.

The manifest is signed with a key that is made once per installation and stays in the user's configuration folder. It
shows that a file was not changed since, and that this installation made it; it does not prove who the user is.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivant.errors import MediaError, VivantError
from vivant.media.limits import DEFAULT_LIMITS, Limits

Bytes = NDArray[np.uint8]

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE_BY_GEOMETRY = TERMS + "compositeSynthetic"
"""Digital source type of a real picture moved by geometry alone."""
MADE_BY_NETWORK = TERMS + "compositeWithTrainedAlgorithmicMedia"
"""Digital source type of a picture in which a trained network drew parts."""
SIGNED_FORMATS = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".png": "image/png",
}
"""Extensions whose files can carry a C2PA manifest, and their media types."""
_COMMENT_START = "Synthetic media made with vivant"


@dataclass(frozen=True)
class Marks:
    """What a file says about its origin."""

    state: str
    """C2PA: "trusted" (signed here, unchanged), "valid" (signed elsewhere, unchanged), "invalid" or "none"."""
    source_type: str = ""
    """IPTC digital source type, the last part of its address."""
    generator: str = ""
    """Program named by the manifest."""
    signer: str = ""
    """Name in the signing certificate."""
    problems: tuple[str, ...] = ()
    """Failed checks of the manifest, by C2PA's status codes."""
    comment: str = ""
    """vivant's comment in the file."""

    @property
    def synthetic(self) -> bool:
        """Whether the file is marked as synthetic by a manifest that holds, or by a comment."""
        holds = self.state in ("trusted", "valid")
        made = any(word in self.source_type.lower() for word in ("synthetic", "algorithmic"))
        return bool(self.comment) or (holds and made)


def describe(source_type: str) -> str:
    """The comment for containers and PNG files."""
    return f"{_COMMENT_START} {_version()}; digital source type {source_type}"


def sign(path: Path, extension: str, source_type: str) -> None:
    """Add a C2PA manifest to the finished file `path`, whose format is that of `extension`.

    mp4, mov, gif, webp and png can carry one; other files stay as they are. The file is replaced in one step.
    Raises `VivantError` on failure.
    """
    if path.is_file() and extension.lower() in SIGNED_FORMATS:
        _sign_file(path, SIGNED_FORMATS[extension.lower()], source_type)


def made_by(avatar: str) -> str:
    """The digital source type of what `avatar` draws."""
    return MADE_BY_GEOMETRY if avatar == "relief" else MADE_BY_NETWORK


def write_picture(path: Path, picture: Bytes, source_type: str | None) -> None:
    """Write a drawn `picture` (H, W, 3 or 4), signed where the format can unless `source_type` is None.

    Raises what `write_image` and `sign` raise; nothing unmarked stays behind.
    """
    from vivant.media.image import write_image

    write_image(path, picture)
    if source_type is None:
        return
    try:
        sign(path, path.suffix, source_type)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def read_marks(path: Path, limits: Limits = DEFAULT_LIMITS) -> Marks:
    """Everything that `path`, a file or a folder of PNG, says about its origin.

    Raises `MediaError` if the file is missing or no picture, video or sound.
    """
    from vivant.media.container import check_file

    if path.is_dir():
        pictures = sorted(path.glob("*.png"))
        if not pictures:
            raise MediaError(f"{path}: no PNG files in this folder")
        marks = [read_marks(picture, limits) for picture in pictures]
        return next((mark for mark in marks if not mark.synthetic), marks[0])
    check_file(path, limits)
    comment = _read_comment(path, limits)
    manifest = _read_manifest(path)
    if manifest is None:
        return Marks("none", comment=comment)
    state, store = manifest
    return _summarise(state, store, comment)


def draw_label(text: str, rows: int, columns: int) -> Bytes:
    """A small label (h, w, 4) RGBA for a picture of that size: white letters on a dark, half transparent plate."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(10, round(0.028 * min(rows, columns)))
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    gap = round(0.4 * size)
    label = Image.new("RGBA", (round(right - left) + 2 * gap, round(bottom - top) + 2 * gap), (0, 0, 0, 110))
    ImageDraw.Draw(label).text((gap - left, gap - top), text, font=font, fill=(255, 255, 255, 235))
    return np.asarray(label)[: rows // 2, : columns - columns // 16]


def put_label(picture: Bytes, label: Bytes) -> None:
    """Lay `label` (h, w, 4) into the lower right corner of `picture` (H, W, 4), in place."""
    margin = max(2, min(picture.shape[:2]) // 64)
    bottom, right = picture.shape[0] - margin, picture.shape[1] - margin
    area = picture[bottom - label.shape[0] : bottom, right - label.shape[1] : right]
    share = label[..., 3:].astype(np.float32) / 255
    area[..., :3] = label[..., :3] * share + area[..., :3] * (1 - share) + 0.5
    area[..., 3] = np.maximum(area[..., 3], label[..., 3])


def config_folder() -> Path:
    """The folder of this user's vivant settings; it need not exist."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA", "~")
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "vivant"


@dataclass(frozen=True)
class Identity:
    """A signing key with its certificates, all PEM."""

    key: str
    """Private key (EC P-256, PKCS 8)."""
    chain: str
    """Certificate of the key, then its root."""

    @property
    def root(self) -> str:
        """The root certificate."""
        mark = "-----BEGIN CERTIFICATE-----"
        return mark + self.chain.rsplit(mark, 1)[1]


def load_identity() -> Identity:
    """The identity of this installation, made at the first call; one for this run if the folder is not writable."""
    folder = config_folder()
    file = folder / "signing.json"
    try:
        kept = json.loads(file.read_text())
        return Identity(str(kept["key"]), str(kept["chain"]))
    except (OSError, ValueError, KeyError, TypeError):
        identity = make_identity()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(file, json.dumps({"key": identity.key, "chain": identity.chain}).encode(), mode=0o600)
    except OSError:
        pass  # a read-only home: the mark still holds, only `verify` cannot say that it was made here
    return identity


def make_identity() -> Identity:
    """A new key, with a certificate for signing media that its own new root issues, valid for ten years."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _x509_name("root"), _x509_name("signer")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _certificate(name, root_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(private.decode(), (signer.public_bytes(pem) + root.public_bytes(pem)).decode())


def _x509_name(common: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    # A random part keeps the roots of two installations apart.
    name = f"vivant {common} {secrets.token_hex(4)}"
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "vivant (self-signed)")]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: Any, issuer: Any, public_key: Any) -> Any:
    from datetime import datetime, timedelta, timezone

    from cryptography import x509

    now = datetime.now(timezone.utc)  # noqa: UP017
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
    )


def _key_usage(*allowed: str) -> Any:
    from cryptography import x509

    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
    flags = dict.fromkeys((*names.split(), "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**flags | dict.fromkeys(allowed, True))


def _sign_file(path: Path, media_type: str, source_type: str) -> None:
    import c2pa

    agent = {"name": "vivant", "version": _version()}
    action = {"action": "c2pa.created", "digitalSourceType": source_type, "softwareAgent": agent}
    manifest = {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    identity = load_identity()
    settings = {
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"verify_after_sign": False},
        # Hashed piece by piece, and what is large waits on disk: an hour of film needs the memory of a minute.
        "core": {"backing_store_memory_threshold_in_mb": 8, "merkle_tree_chunk_size_in_kb": 1024},
    }
    temporary = path.with_name(f".vivant-{secrets.token_hex(6)}.part")
    try:
        info = c2pa.C2paSignerInfo("es256", identity.chain.encode(), identity.key.encode(), None)
        context = c2pa.Context.from_dict(settings, signer=c2pa.Signer.from_info(info))
        with path.open("rb") as source, temporary.open("w+b") as target:
            c2pa.Builder(manifest, context=context).sign(media_type, source, target)
        os.replace(temporary, path)
    except (c2pa.C2paError, OSError) as error:
        reason = " ".join(str(error).split())
        raise VivantError(f"{path}: the mark of origin cannot be written: {reason}; --no-provenance omits it") from None
    finally:
        temporary.unlink(missing_ok=True)


def _read_manifest(path: Path) -> tuple[str, dict[str, Any]] | None:
    """C2PA's verdict and manifest store of a file; None if it has none or cannot have one."""
    import c2pa

    kind = path.suffix.lower()
    trust = {"verify": {"verify_trust": True}, "trust": {"user_anchors": load_identity().root}}
    try:
        with path.open("rb") as stream:
            context = c2pa.Context.from_dict(trust)
            reader = c2pa.Reader(SIGNED_FORMATS.get(kind, kind.lstrip(".")), stream, context=context)
            return str(reader.get_validation_state()).lower(), json.loads(reader.json())
    except c2pa.C2paError:
        return None


def _summarise(state: str, store: dict[str, Any], comment: str) -> Marks:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    generators = manifest.get("claim_generator_info") or [{}]
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    types = [str(action["digitalSourceType"]) for action in actions if "digitalSourceType" in action]
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure") or []
    return Marks(
        state=state,
        source_type=types[0].rsplit("/", 1)[-1] if types else "",
        generator=f"{generators[0].get('name', '')} {generators[0].get('version', '')}".strip(),
        signer=str(manifest.get("signature_info", {}).get("common_name", "")),
        problems=tuple(str(failure.get("code")) for failure in failures),
        comment=comment,
    )


def _read_comment(path: Path, limits: Limits) -> str:
    """vivant's comment in a container or a picture; empty if there is none."""
    found: dict[Any, Any]
    try:
        from vivant.media.container import open_media

        with open_media(path, limits) as container:
            found = dict(container.metadata)
    except MediaError:
        from PIL import Image

        try:
            with Image.open(path) as image:
                found = dict(image.info)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            raise MediaError(f"{path}: neither a picture nor a video nor a sound that can be read") from None
    texts = (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in found.values())
    return next((text for text in texts if text.startswith(_COMMENT_START)), "")


def _replace(path: Path, content: bytes, mode: int = 0o666) -> None:
    temporary = path.with_name(f".vivant-{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _version() -> str:
    from importlib.metadata import version

    return version("vivant")
