"""Sentences to be spoken: random words of a language, written exercises, and drills of syllables.

Meaning does not matter here, sounds and pauses do. The words come from Debian's word lists (packages wamerican,
wngerman, ... and hunspell-*, read where they are installed), or are made of syllables by rules written out below.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np

WORD_LISTS = Path("/usr/share/dict")
HUNSPELL = Path("/usr/share/hunspell")
LONGEST_LIST = 64 * 2**20
"""Bytes of the largest word list that is read."""
LETTERS = (2, 14)
"""Least and most letters of a word."""

EXERCISES: dict[str, tuple[str, ...]] = {
    "en": (
        "Bob made Pam a map, and Pam put ham in the pan.",
        "Five very fine waves move over the roof of the cave.",
        "Who knew you two would choose the blue shoes?",
        "My father calmly parked the car far from the harbour.",
        "She sees these green leaves, he reads, we eat peas.",
        "Above, about, below: bumblebees hum by the pump.",
        "Shy Charlie chews cheese, Jane joins the jury.",
        "We wonder why the wool was wet when the wind woke.",
        "Both thieves breathe, then think of this thing.",
        "No, oh no. Go slow, both boats float home.",
    ),
    "de": (
        "Die blauen Bäume blühen, und der Müller mahlt Mehl.",
        "Fünf Fischer fahren früh auf vollen Wagen fort.",
        "Süße Brötchen, böse Möwen, kühle Hütten.",
        "Papa bummelt abends am Bahnhof vorbei.",
        "Schöne Schuhe, schwarze Tücher, zwölf Stühle.",
    ),
    "fr": (
        "Un petit bateau blanc passe près du pont.",
        "Tu as vu la lune sur le mur du musée ?",
        "Papa voit Fabien, mais Fabien ne bouge pas.",
        "Deux vieux messieurs veulent du feu et du beurre.",
        "Bon, on a mangé un bon jambon avant le bain.",
    ),
    "es": (
        "Mamá prepara una sopa para papá.",
        "El bombero va a Burgos, uno, dos, uno.",
        "Fuimos a ver fotos, favor de volver a vivir.",
        "Un lobo bobo mueve la bola roja.",
    ),
    "it": (
        "La mamma prepara un buon pane, il babbo beve.",
        "Un uovo fuori, due buoi, più pioppi.",
        "Favole vere, vino fino, fave e uva.",
        "Gli uomini mangiano mele, pere e bombe.",
    ),
    "cs": (
        "Máma a bába pomalu mele mouku.",
        "Fouká vítr, v ulici voní fialová květina.",
        "Úzkou cestou jdou dva kluci z hor.",
    ),
    "ru": (
        "Мама варит борщ, папа пьёт пиво.",
        "Филин влетел в форточку, ветер выл.",
        "Утром у моря дул ветер, пуст был мол.",
    ),
    "fi": ("Mummo ampui pimeään puuhun.", "Yöllä löytyy hyvä pöytä.", "Vaari puhui hiljaa, poika nukkui."),
    "ca": ("La mare i el pare beuen un bon vi.", "Un home bufa el foc, fa fum i vapor."),
    "nl": ("Moeder bakt brood, papa pompt water op.", "Vijf vuile vuren, duur en zuur."),
    "pt": ("Mamãe e papai bebem bom vinho.", "O avô foi ver o fogo, uma uva roxa."),
    "sv": ("Mamma bakar bröd, pappa plockar plommon.", "Fyra fula får, sju sjöar, du och ni."),
}
"""Own sentences by language: lips that meet, teeth on lips, rounding, open vowels."""

SYLLABLES: dict[str, tuple[str, str, str]] = {
    "drill": ("b p m f v d t n s k g l r", "a e i o u", " "),
    "fi": ("p t k s h v m n l r j d mm pp tt kk ll nn ss", "a o u i e aa uu ii oo ai ui uo", " n s"),
    "fi front": ("p t k s h v m n l r j d mm pp tt kk ll nn ss", "ä ö y i e ää yy öö äi yö öy", " n s"),
    "cmn": (
        "b p m f d t n l g k h zh ch sh r z c s",
        "a1 a2 a3 a4 u1 u2 u4 ao3 ao4 ou1 ou4 ai4 ai2 an1 an4 ang1 ang4 eng2 eng1",
        " ",
    ),
    "cmn front": ("j q x y", "i1 i4 ia4 ian1 ie4 iao3 in1 ing2 u2 u4 ue2 uan4", " "),
    "cmn round": ("d t n l g k h zh ch sh", "uo1 uo4 ui4 un1 ong1 ong4", " "),
    "ja": (
        "",
        "あ い う え お か き く け こ さ し す せ そ た ち つ て と な "
        "に ぬ ね の は ひ ふ へ ほ ま み む め も や ゆ よ ら り る れ ろ わ",
        " ん",
    ),
}
"""Onsets, vowels and codas (a blank is none) of words that are made up."""


@lru_cache(maxsize=4)
def load_words(source: str, encoding: str = "utf-8") -> tuple[str, ...]:
    """The usable words of `source`: a list of Debian, or "made:" and a language of `SYLLABLES`; empty if not installed.

    Only words that `encoding` can write are kept, since some programs read an old character set.
    """
    if source.startswith("made:"):
        return made_words(source.removeprefix("made:"))
    path = (HUNSPELL if source.endswith(".dic") else WORD_LISTS) / source
    if not path.is_file() or path.stat().st_size > LONGEST_LIST:
        return ()
    content = path.read_bytes()
    lines = content.decode(_charset(path), errors="ignore").splitlines()
    words = (line.split("/")[0].split("\t")[0].strip() for line in lines)
    return tuple(sorted({word for word in words if _usable(word, encoding)}))


def made_words(kind: str, count: int = 4000) -> tuple[str, ...]:
    """`count` words of one to four syllables, the same each time."""
    draw = np.random.default_rng(len(kind))
    kinds = [name for name in SYLLABLES if name.split()[0] == kind]
    words = set()
    for number in range(count):
        onsets, vowels, codas = SYLLABLES[kinds[number % len(kinds)]]
        starts, ends = onsets.split() or [""], [codas[0].strip(), *codas.split()]
        size = int(draw.integers(1, 4))
        words.add("".join(_pick(draw, starts) + _pick(draw, vowels.split()) + _pick(draw, ends) for _ in range(size)))
    return tuple(sorted(words))


def sentence(words: tuple[str, ...], draw: np.random.Generator, language: str = "") -> str:
    """3 to 12 words with a full stop and perhaps commas; one in eight is an exercise, one in twelve a drill."""
    chance = draw.random()
    own = EXERCISES.get(language, ())
    if own and chance < 0.12:
        return _pick(draw, own)
    if chance < 0.2 and words[0].isascii():
        return drill(draw)
    count = int(draw.integers(3, 13))
    # Half of the words are the shorter of two, since running speech is made of short ones.
    pairs = [(_pick(draw, words), _pick(draw, words)) for _ in range(count)]
    chosen = [min(pair, key=len) if draw.random() < 0.5 else pair[0] for pair in pairs]
    comma = int(draw.integers(2, 12))
    marked = [word + "," if 0 < place < count - 1 and place % comma == 0 else word for place, word in enumerate(chosen)]
    text = " ".join(marked)
    return text[0].upper() + text[1:] + "."


def drill(draw: np.random.Generator) -> str:
    """Syllables such as "abama, pufu.": consonants of the lips between all vowels."""
    onsets, vowels, _ = SYLLABLES["drill"]
    lips = [*onsets.split()[:5], *onsets.split()]
    groups = []
    for _ in range(int(draw.integers(3, 7))):
        vowel = _pick(draw, vowels.split()) if draw.random() < 0.5 else ""
        size = int(draw.integers(1, 4))
        groups.append(vowel + "".join(_pick(draw, lips) + _pick(draw, vowels.split()) for _ in range(size)))
    return ", ".join(groups) + "."


def _pick(draw: np.random.Generator, choices: list[str] | tuple[str, ...]) -> str:
    return choices[int(draw.integers(len(choices)))]


def _usable(word: str, encoding: str) -> bool:
    """Of letters and their signs, no abbreviation, and of the characters that `encoding` has."""
    letters = all(unicodedata.category(letter)[0] in "LM" for letter in word)
    if not letters or not LETTERS[0] <= len(word) <= LETTERS[1] or word[1:] != word[1:].lower():
        return False
    return word.encode(encoding, "ignore").decode(encoding) == word


def _charset(path: Path) -> str:
    """The character set that a hunspell list names in the file beside it."""
    beside = path.with_suffix(".aff")
    if path.suffix != ".dic" or not beside.is_file():
        return "utf-8"
    for line in beside.read_bytes()[:4096].splitlines():
        if line.startswith(b"SET"):
            return line.split()[1].decode("ascii").replace("ISO8859", "iso-8859")
    return "utf-8"
