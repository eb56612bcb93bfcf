"""Sentences and phone names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vivant.motion.speech.coarticulation import demand
from vivant.training.speech import texts
from vivant.training.speech.phone_sets import IPA, PHONE_SETS, plain
from vivant.training.speech.voices import HELD_OUT, VOICES


@pytest.mark.parametrize(
    ("name", "ipa"),
    [
        ("ˈeɪ", "eɪ"),
        ("ɑː", "ɑ"),
        ("t͡ʃ", "tʃ"),
        ("ɡ", "g"),
        ("ɔ̃", "ɔ"),
        ("õ", "o"),
        ("ç", "ç"),
        ("tʲ", "t"),
        ("ᵻ", "ɨ"),
        ("a5", "a"),
        ("ʔoː", "o"),
        ("tsh", "ts"),
        ("h", "h"),
        ("ʔ", "ʔ"),
        ("_:", ""),
        ("", ""),
        ("(en)", None),
        ("Ω", None),
        ("pataka", None),
    ],
)
def test_names_of_espeak_become_plain(name: str, ipa: str | None) -> None:
    assert plain(name) == ipa


def test_letters_of_espeak_that_mean_another_vowel() -> None:
    assert (plain("ˈy", "ru"), plain("yə", "vi"), plain("y", "de")) == ("ɨ", "ɯə", "y")


def test_every_phone_moves_the_mouth() -> None:
    """All letters of the tables are IPA, and each is known to the coarticulation model."""
    nothing = demand("h")
    for table in PHONE_SETS.values():
        for name, ipa in table.items():
            assert IPA.issuperset(ipa), name
            if ipa and ipa not in ("h", "ɦ", "ʔ"):
                assert len(demand(ipa)) == len(ipa), (name, ipa)
                assert demand(ipa)[0] is not nothing[0], (name, ipa)


def test_every_voice_has_a_phone_set() -> None:
    for voice in (*VOICES, *HELD_OUT):
        assert (voice.phones == "") == (voice.engine == "espeak")
        assert voice.engine == "espeak" or voice.phones in PHONE_SETS
        "a".encode(voice.encoding)


def test_words_are_read_from_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "HUNSPELL", tmp_path)
    (tmp_path / "xx.dic").write_bytes("6\nmáma/AB\npapa\t3\nNATO\nx\na-b\n3rd\nkůň/Z\n".encode("iso-8859-2"))
    (tmp_path / "xx.aff").write_bytes(b"SET ISO8859-2\n")
    assert texts.load_words("xx.dic") == ("kůň", "máma", "papa")
    assert texts.load_words("xx.dic", "iso-8859-1") == ("máma", "papa")
    assert texts.load_words("missing.dic") == ()


@pytest.mark.parametrize("kind", ["fi", "ja", "cmn"])
def test_words_are_made(kind: str) -> None:
    words = texts.made_words(kind)
    assert len(words) > 1000
    assert words == texts.made_words(kind)
    assert max(len(word) for word in words) <= 20


def test_sentences_have_words_and_pauses() -> None:
    words = texts.made_words("fi")
    draw = np.random.default_rng(1)
    found = [texts.sentence(words, draw, "en") for _ in range(400)]
    assert len(set(found)) > 300
    assert all(1 <= len(text.split()) <= 14 and text[-1] in ".?" for text in found)
    assert 0.3 < np.mean(["," in text for text in found]) < 0.95
    assert any(text in texts.EXERCISES["en"] for text in found)
    assert [texts.sentence(words, np.random.default_rng(7)) for _ in range(3)] == [
        texts.sentence(words, np.random.default_rng(7)) for _ in range(3)
    ]


def test_drills_are_full_of_lips() -> None:
    draw = np.random.default_rng(2)
    letters = "".join(texts.drill(draw) for _ in range(200))
    assert sum(letters.count(lip) for lip in "bpmfv") > 2 * sum(letters.count(other) for other in "tdkg")
