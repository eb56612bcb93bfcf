"""Phone names of the text-to-speech programs as plain IPA: no stress, no length, no marks.

Every table is a string of pairs "theirs=IPA"; nothing after the sign is silence. An affricate is one phone of two
letters, and so is a diphthong. Which names there are is what the programs print of their phone sets.
"""

from __future__ import annotations

import re
import unicodedata

IPA = frozenset("iyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒɚɝpbmɸβfvɱʋtdnθðɾɗrlɫɬɮszʃʒʂʐɕʑʈɖɳɽɭɹɻjʝçʎɲcɟkgŋxɣqɢχʁɴʀɰwɥʍhɦħʕʔɓɠ")
"""Letters that a phone may have; g is the Latin one."""

_SAME = {
    "ɡ": "g",
    "ᵻ": "ɨ",
    "ɫ": "l",
    "ɺ": "ɾ",
    "ɓ": "b",
    "ɠ": "g",
    "ʦ": "ts",
    "ʧ": "tʃ",
    "ʤ": "dʒ",
    "ʣ": "dz",
    "ε": "ɛ",
}
"""Letters of espeak that others stand for; ᵻ is the reduced vowel of "roses"."""


KEPT = ("Ll", "Lu", "Lo", "Ps")
"""Unicode categories: a capital or a bracket means that a name is no IPA, all other signs are marks."""


_LANGUAGE = {"ru": {"y": "ɨ"}, "uk": {"y": "ɨ"}, "ro": {"y": "ɨ"}, "vi": {"y": "ɯ"}, "hu": {"ɑ": "ɒ"}}
"""Vowels that espeak writes by another letter in some languages."""


def plain(name: str, language: str = "") -> str | None:
    """The IPA `name` of espeak without marks of stress, length, tone, nasality, aspiration and palatalisation.

    "" is silence; None is a name that is not IPA.
    """
    cedilla = "\u0327"
    decomposed = unicodedata.normalize("NFD", "".join(_SAME.get(letter, letter) for letter in name.strip("_:;-")))
    kept = (letter for letter in decomposed if letter == cedilla or unicodedata.category(letter) in KEPT)
    letters = _LANGUAGE.get(language, {})
    joined = "".join(letters.get(letter, letter) for letter in unicodedata.normalize("NFC", "".join(kept)))
    # The catch of Danish vowels, the breath of Chinese and Korean stops.
    result = re.sub("^ʔ(?=.)|(?<=[^h])h$", "", joined)
    return result if IPA.issuperset(result) and len(result) <= 3 else None


def _table(text: str) -> dict[str, str]:
    return {theirs: ipa for theirs, _, ipa in (pair.partition("=") for pair in text.split())}


PHONE_SETS: dict[str, dict[str, str]] = {
    "cmu": _table(
        "aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ b=b ch=tʃ d=d dh=ð dx=ɾ eh=ɛ el=l em=m en=n er=ɝ ey=eɪ f=f g=g "
        "hh=h hv=ɦ ih=ɪ iy=i jh=dʒ k=k l=l m=m n=n nx=n ng=ŋ ow=oʊ oy=ɔɪ p=p r=ɹ s=s sh=ʃ t=t th=θ uh=ʊ uw=u v=v w=w "
        "y=j z=z zh=ʒ pau= h#= brth= ssil="
    ),
    "italian": _table(
        "i=i e=e E=ɛ a=a o=o O=ɔ u=u i1=i e1=e E1=ɛ a1=a o1=o O1=ɔ u1=u j=j w=w p=p t=t k=k b=b d=d g=g f=f s=s S=ʃ "
        "v=v z=z Z=ʒ ts=ts tS=tʃ dz=dz dZ=dʒ m=m n=n J=ɲ ng=ŋ nf=ɱ l=l L=ʎ r=r #="
    ),
    "czech": _table(
        "a=a a:=a e=ɛ e:=ɛ i=ɪ i:=i o=o o:=o u=u u:=u p=p b=b t=t d=d t~=c d~=ɟ k=k g=g f=f v=v s=s z=z s~=ʃ z~=ʒ ch=x "
        "h=ɦ c=ts c~=tʃ dz=dz dz~=dʒ m=m n=n n~=ɲ n*=ŋ l=l r=r r~=r r~*=r j=j #= _=ʔ"
    ),
    "finnish": _table(
        "a=ɑ a:=ɑ e=e e:=e i=i i:=i o=o o:=o u=u u:=u y=y y:=y @=æ @:=æ 7=ø 7:=ø p=p t=t k=k b=b d=d g=g f=f T=θ s=s "
        "S=ʃ h=h v=ʋ m=m n=n N=ŋ l=l L=ʎ r=r j=j w=w p:=p t:=t k:=k b:=b d:=d g:=g f:=f T:=θ D:=ð s:=s z:=z S:=ʃ Z:=ʒ "
        "h:=h v:=ʋ m:=m n:=n N:=ŋ w:=w l:=l L:=ʎ r:=r j:=j #= ##="
    ),
    "russian": _table(
        "ii=i yy=ɨ uu=u ee=e oo=o aa=a a=ɐ e=ɪ i=ɪ y=ɨ u=ʊ ae=ɪ ay=ə ur=ʊ p=p pp=p b=b bb=b t=t tt=t d=d dd=d k=k kk=k "
        "g=g gg=g c=ts ch=tɕ f=f ff=f v=v vv=v s=s ss=s z=z zz=z sh=ʂ sch=ɕ zh=ʐ h=x hh=x m=m mm=m n=n nn=n l=l ll=l "
        "r=r rr=r j=j pau="
    ),
    "catalan": _table(
        "ax=ə a=a a1=a e=e e1=e E=ɛ E1=ɛ i=i i1=i o=o o1=o O=ɔ O1=ɔ u=u u1=u j=j w=w p=p t=t k=k b=b d=d g=g f=f s=s "
        "S=ʃ z=z Z=ʒ m=m n=n J=ɲ l=l L=ʎ r=ɾ rr=r pau= _= #="
    ),
    "indic": _table(
        "a=ə aa=a ih=ɪ iy=i uh=ʊ uw=u eh=e ee=e ay=aɪ oh=o oo=o aw=aʊ f=f k=k g=g ch=tʃ T=ʈ D=ɖ N=ɳ th=t dh=d n=n p=p "
        "b=b m=m y=j r=r l=l v=ʋ L=ɭ R=r s=s sh=ʃ j=dʒ h=h ksh=kʂ x=kʂ kh=k gh=g td=ʈ tth=ʈ ddh=ɖ bh=b zh=ʒ @=ə w=w "
        "pau="
    ),
}
"""IPA of the phones of festival's and flite's sets; "" is silence."""
