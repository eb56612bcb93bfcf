"""The voices that speak the corpus, and those that never do: Debian packages of text to speech.

| program | voices, packages | the sound is made of | licence in the package |
| --- | --- | --- | --- |
| espeak-ng | libespeak-ng1, espeak-ng-data | formants, hardly any recording | GPL-3+ |
| festival | kal, ked: festvox-kallpc16k, -kdlpc16k | diphones of a recorded man each | free, as X11 (CMU, CSTR) |
| festival | slt: festvox-us-slt-hts | a statistical model of a recorded woman | free, as X11 (CMU); BSD |
| festival | lp, pc: festvox-italp16k, -itapc16k | diphones of a recorded woman and man | GPL-2+ |
| festival | ph: festvox-czech-ph | diphones of a recorded man | GPL-2+ |
| festival | dita, machac, krb: festvox-czech-* | diphones of a recorded woman, man and child | GPL-3+ |
| festival | lj, mv: festvox-suopuhe-lj, -mv | diphones of a recorded woman and man | LGPL-2+ |
| festival | nsh: festvox-ru | whole units of a recorded man | free, as X11 |
| festival | ona: festvox-ca-ona-hts, festival-ca | a statistical model of a recorded woman | LGPL-2.1+ |
| festival | NSK: festvox-hi-nsk, -te-nsk | diphones of one recorded man | GPL-2+ |
| flite | awb, slt, kal16, rms: flite | models or diphones of recorded people | free, as X11 (CMU) |

Sentences are made of words from wamerican, wngerman, wfrench, wspanish, witalian, wdutch, wportuguese, wswedish,
wpolish and hunspell-*. Only the sound that the programs made is used, and only for training: nothing of theirs is
shipped.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One voice of one program."""

    engine: str
    """espeak, festival or flite."""
    name: str
    """As the program calls it; espeak: a language."""
    language: str
    """ISO 639 code."""
    words: str
    """A list that `texts.load_words` knows."""
    phones: str = ""
    """A key of `phone_sets.PHONE_SETS`; espeak speaks IPA."""
    encoding: str = "utf-8"
    """Character set that the program reads."""
    weight: float = 1.0
    """Share of the corpus, against other voices."""
    late: float = 0.0
    """Seconds that the program's times are behind its sound, as measured on stops and vowels."""


VOICES = (
    Voice("festival", "kal_diphone", "en", "american-english", "cmu", weight=1.6),
    Voice("festival", "ked_diphone", "en", "american-english", "cmu", weight=1.6),
    Voice("festival", "cmu_us_slt_arctic_hts", "en", "american-english", "cmu", weight=2.0, late=-0.009),
    Voice("festival", "lp_diphone", "it", "italian", "italian", "iso-8859-1", 1.6),
    Voice("festival", "pc_diphone", "it", "italian", "italian", "iso-8859-1", 1.6),
    Voice("festival", "czech_ph", "cs", "cs_CZ.dic", "czech", "iso-8859-2", 1.6),
    Voice("festival", "czech_dita", "cs", "cs_CZ.dic", "czech", "iso-8859-2", 2.0),
    Voice("festival", "czech_machac", "cs", "cs_CZ.dic", "czech", "iso-8859-2", 1.6),
    Voice("festival", "suo_fi_lj_diphone", "fi", "made:fi", "finnish", "iso-8859-1", 1.6),
    Voice("festival", "hy_fi_mv_diphone", "fi", "made:fi", "finnish", "iso-8859-1", 1.6),
    Voice("festival", "msu_ru_nsh_clunits", "ru", "ru_RU.dic", "russian", weight=2.5, late=0.014),
    Voice("festival", "upc_ca_ona_hts", "ca", "ca.dic", "catalan", "iso-8859-1", 2.0, -0.008),
    Voice("festival", "hindi_NSK_diphone", "hi", "hi_IN.dic", "indic", weight=0.7),
    Voice("festival", "telugu_NSK_diphone", "te", "te_IN.dic", "indic", weight=0.9),
    Voice("flite", "slt", "en", "american-english", "cmu", weight=2.0),
    Voice("flite", "awb", "en", "american-english", "cmu", weight=2.5),
    Voice("flite", "kal16", "en", "american-english", "cmu", weight=0.8),
    *(
        Voice("espeak", name, name.split("-")[0], words, weight=weight)
        for name, words, weight in (
            ("en-us", "american-english", 0.8),
            ("en", "american-english", 0.8),
            ("en-gb-x-rp", "american-english", 0.6),
            ("de", "ngerman", 0.9),
            ("fr", "french", 0.9),
            ("es-419", "spanish", 0.6),
            ("it", "italian", 0.4),
            ("nl", "dutch", 0.6),
            ("pt-br", "portuguese", 0.6),
            ("sv", "swedish", 0.6),
            ("da", "da_DK.dic", 0.4),
            ("nb", "nb_NO.dic", 0.4),
            ("ru", "ru_RU.dic", 0.4),
            ("uk", "uk_UA.dic", 0.4),
            ("cs", "cs_CZ.dic", 0.4),
            ("hu", "hu_HU.dic", 0.6),
            ("ro", "ro_RO.dic", 0.4),
            ("el", "el_GR.dic", 0.4),
            ("fi", "made:fi", 0.4),
            ("id", "id_ID.dic", 0.4),
            ("hi", "hi_IN.dic", 0.5),
            ("ar", "ar.dic", 0.5),
            ("vi", "vi_VN.dic", 0.4),
            ("ja", "made:ja", 0.5),
            ("cmn-latn-pinyin", "made:cmn", 0.9),
        )
    ),
)
HELD_OUT = (
    Voice("flite", "rms", "en", "american-english", "cmu"),
    Voice("festival", "czech_krb", "cs", "cs_CZ.dic", "czech", "iso-8859-2"),
    Voice("espeak", "en-gb-scotland", "en", "american-english"),
    Voice("espeak", "pl", "pl", "polish"),
    Voice("espeak", "tr", "tr", "tr_TR.dic"),
)
"""Never trained on, for tests: two recorded people, two languages, an accent."""

VARIANTS = (
    *(f"f{n}" for n in range(1, 6)),
    *(f"m{n}" for n in range(1, 9)),
    *("croak", "klatt", "klatt2", "klatt3", "klatt4", "Annie", "David", "Andrea", "Alex", "Denis", "whisper"),
)
"""Timbres of espeak; the plain one, as of the timed samples, is left out."""
HELD_OUT_VARIANTS = ("linda", "Mike", "steph", "edward")
"""Timbres of espeak that are never trained on."""
