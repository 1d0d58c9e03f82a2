"""Whether two texts ask the same: what is left of them without politeness must agree word by word, in its order.

Vectors of words cannot tell 10 from 12, with from without, or who did what to whom. So every number, unit, name,
negation and word of content needs its counterpart in the other text, at the same place: itself, a form of it, or a word
that is listed to mean the same. What is not known to be harmless is not served.
"""

import re
from functools import lru_cache
from typing import Final
from unicodedata import normalize

import msgspec

from headgate.cache.words import CONTRACTIONS, ENGLISH, GERMAN, IS_WORDS, LANGUAGES, Language, word_set

MAX_TEXT_CHARS: Final = 2_000
"""Longer texts hardly come in other words, and differ in more than is looked at."""
_TOKEN: Final = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:[-'][^\W\d_]+)*|[%€$£°+*/=<>&@#^!-]")
_MOVABLE: Final = re.compile(
    r"^((?:in|on|for|with|using|at|bei|auf|mit|für|dans|sur|avec|en|con|para) [^,?.!]{2,60}), (.+)$"
)
_WAYS: Final = re.compile(
    r"^(?:how (?:do|can|could|would) (?:i|we|you|one)|how to|what is the (?:best |right )?way to|"
    r"what are the steps to|what do i (?:need|have) to do to)\b"
)
_PRICES: Final = re.compile(
    r"^(?:how much (?:does|do|is|are)|what (?:does|do)|what is the (?:price|cost) (?:of|for))\b(.*?)(?: cost)?[ ?.!]*$"
)
_MARKED: Final = frozenset("!-/")


class Reading(msgspec.Struct, frozen=True):
    """What a text asks."""

    language: str
    words: tuple[str, ...]
    """Its words of content in their order, each as the one that stands for it."""
    past: bool


@lru_cache(maxsize=4096)
def read(text: str) -> Reading | str:
    """What `text` asks, or why it can be compared with no other."""
    if len(text) > MAX_TEXT_CHARS:
        return f"it is longer than {MAX_TEXT_CHARS:,} characters"
    if "```" in text or "\n!" in text or text.startswith("!"):
        return "it holds code or directives"
    plain = normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'")
    folded = " ".join(plain.casefold().split()).lstrip("¿¡")
    name, language = _language(folded)
    if language is None:
        return "its language is none of English, German, French and Spanish, or cannot be told"
    names = _acronyms(plain)
    tokens = _tokens(folded, language)
    if bound := next((token for token in tokens if token in language.time_bound), ""):
        return f"'{bound}' depends on when it is asked"
    if pointing := next((token for token in tokens if token in language.anaphoric and token not in names), ""):
        return f"'{pointing}' points at something outside of it"
    words = tuple(_word(token, language) for token in tokens if token in names or token not in language.idle)
    words = tuple(word for word in words if word not in language.past)
    if not words:
        return "it holds no words of content"
    return Reading(name, words, any(token in language.past for token in tokens))


def differ(one: Reading, other: Reading) -> str:
    """In what two texts differ that makes them two questions; empty where they ask the same."""
    if one.language != other.language:
        return "they are in two languages"
    if one.past is not other.past:
        return "one asks of the past"
    if one.words == other.words:
        return ""
    if sorted(one.words) == sorted(other.words):
        return "the same words stand in another order"
    lacking = sorted(set(one.words) ^ set(other.words))[:3] or ["a word said twice"]
    return "without a counterpart: " + ", ".join(word[:32] for word in lacking)


def _language(folded: str) -> tuple[str, Language | None]:
    """The language whose idle words are most; none where two have as many, or no text of Latin letters has any."""
    said = re.findall(r"[^\W\d_]+", folded)
    counts = sorted(
        (
            (sum(word in language.idle or word in _ASKING[name] for word in said), name)
            for name, language in LANGUAGES.items()
        ),
        reverse=True,
    )
    (most, name), (second, _) = counts[:2]
    if most == 0 or most == second:
        return "", None
    return name, LANGUAGES[name]


def _tokens(folded: str, language: Language) -> list[str]:
    text = folded
    if language is ENGLISH:
        text = re.sub(IS_WORDS, r"\1 is", text)
        for short, long in CONTRACTIONS:
            text = text.replace(short, long)
    for frame in language.frames:
        text = re.sub(frame, "", text)
    if moved := _MOVABLE.match(text):
        text = f"{moved[2].rstrip(' ?.!')} {moved[1]}"
    if language is ENGLISH:
        text = _WAYS.sub("how", text)
        if price := _PRICES.match(text):
            text = f"price{price[1]}" if "cost" in text or "price" in text or "much" in text else text
    if language is not ENGLISH and language is not GERMAN:
        text = text.replace("'", " ")
    tokens = _TOKEN.findall(text)
    while tokens and tokens[-1] in _MARKED:
        tokens.pop()
    return [said for said in tokens if said != "!"]


def _word(token: str, language: Language) -> str:
    if token[0].isdigit():
        grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+", token)
        return token.replace(",", "") if grouped else token
    if token in language.negations:
        return "not" if token not in ("without", "ohne", "sans", "sin") else "without"
    if token in language.same:
        return language.same[token]
    stem = _stem(token) if language is ENGLISH else token
    return language.same.get(stem, stem)


def _stem(word: str) -> str:
    """An English word without what makes it plural, a participle or a gerund; a crude one is enough to compare."""
    if word.endswith("'s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        stem = word[: -len(ending)]
        if word.endswith(ending) and len(stem) >= 4:
            return stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "ls" else stem
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def _acronyms(plain: str) -> frozenset[str]:
    """Words written in capitals, which are names even where they look like an idle word (US, IT)."""
    if plain.isupper():
        return frozenset()
    return frozenset(word.casefold() for word in re.findall(r"\b[^\W\d_]{2,}\b", plain) if word.isupper())


_ASKING: Final = {
    "English": word_set("what which who whom whose when where why how if from by in on at for with about can will"),
    "German": word_set("was wer wen wem wessen wann wo warum wie welche welcher welches wieso wohin"),
    "French": word_set("quoi qui quand où pourquoi comment quel quelle quels quelles combien"),
    "Spanish": word_set("qué quién cuándo dónde cómo cuál cuáles cuánto cuánta cuántos por"),
}
"""Words of content by which a language is told, too."""
