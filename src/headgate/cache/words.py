"""The words by which texts of four languages are compared: what may be left out, and what means the same."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Language(NamedTuple):
    """A language's words, folded."""

    idle: frozenset[str]
    """Words that may come and go without changing what is asked; by them the language is told."""
    negations: frozenset[str]
    past: frozenset[str]
    time_bound: frozenset[str]
    """Words whose meaning depends on when they are said."""
    anaphoric: frozenset[str]
    """Words that point at something said before."""
    same: Mapping[str, str]
    """Words that mean what another means."""
    frames: tuple[str, ...]
    """Regular expressions for how a question is clad; each is replaced by a blank."""


def word_set(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


def _same(groups: str) -> dict[str, str]:
    """Groups stand apart by `;`, and the first word of a group stands for all."""
    found = {}
    for group in groups.split(";"):
        first, *others = group.split()
        found.update(dict.fromkeys(others, first))
    return found


_NUMBERS: Final = "zero one two three four five six seven eight nine ten eleven twelve"
ENGLISH: Final = Language(
    word_set(
        "a an the is are am be been being do does my your our please kindly to of and so just also hi hello hey thanks "
        "there has have any some know tell show"
    ),
    word_set("not no never none nothing nobody neither nor cannot without"),
    word_set("was were did had"),
    word_set(
        "today tonight now currently current yesterday tomorrow latest newest recent recently nowadays present "
        "presently soon ago upcoming live ongoing"
    ),
    word_set("it its this that these those they them their he she him her hers above previous earlier former latter"),
    _same(
        "buy purchase;start begin commence;fix repair;big large;fast quick rapid;delete remove erase;choose select;"
        "i we;me us;can could;will would;"
        "photo picture photograph;phone telephone;help assist;close shut;what which;mail e-mail email;movie film;"
        "car automobile;% percent;change modify alter;create make;update renew;km kilometer kilometre;"
        + ";".join(f"{number} {word}" for number, word in enumerate(_NUMBERS.split()))
    ),
    (
        r"^(?:(?:hi|hello|hey|good morning|quick question|please)\b[ ,:!.]*)+",
        r"^(?:can|could|would|will) you (?:please |kindly )?(?:tell|explain to|show|give) me[ ,:]+",
        r"^(?:please |kindly )?(?:tell|explain to|show|give) me(?: please)?[ ,:]+",
        r"^(?:i (?:want|need|would like|'d like)) to know ",
        r"^(?:do you (?:happen to )?know|any idea|i was wondering|i wonder|may i ask) ",
        r"[ ,]*\b(?:please|thanks|thank you|thanks in advance)[ .!]*$",
    ),
)
GERMAN: Final = Language(
    word_set(
        "der die das den dem des ein eine einen einem einer eines ist sind bin sein kann kannst können könnte könnten "
        "ich du wir mir mich mein meine meinen meiner ihr ihre ihnen uns man bitte zu zum zur von für in im am an auf "
        "mit und so mal denn hallo danke gern gerne würde möchte werden wird sie wissen sagen sag zeigen haben hat"
    ),
    word_set("nicht kein keine keinen keinem keiner nie niemals nichts niemand ohne weder"),
    word_set("war waren wurde wurden hatte hatten"),
    word_set("heute jetzt aktuell aktuelle aktuellen gestern morgen gerade derzeit neueste kürzlich bald momentan"),
    word_set("es dies diese dieser dieses diesem diesen er ihn ihm jene jener obige vorige oben vorherige"),
    _same(
        "kaufen erwerben;beginnen anfangen starten;löschen entfernen;auto wagen;% prozent;ändern wechseln;"
        "1 eins;2 zwei;3 drei;4 vier;5 fünf;6 sechs;7 sieben;8 acht;9 neun;10 zehn"
    ),
    (
        r"^(?:(?:hallo|guten tag|bitte)\b[ ,:!.]*)+",
        r"^(?:können|könnten) sie mir (?:bitte )?(?:sagen|erklären|zeigen)[ ,]*",
        r"^(?:kannst|könntest) du mir (?:bitte )?(?:sagen|erklären|zeigen)[ ,]*",
        r"^(?:sag|sage|erklär|erkläre|zeig|zeige|sagen sie|erklären sie) mir (?:bitte )?[ ,]*",
        r"^ich (?:möchte|würde gern|würde gerne|will) wissen[ ,]*",
        r"[ ,]*\b(?:bitte|danke)[ .!]*$",
    ),
)
FRENCH: Final = Language(
    word_set(
        "le la les l un une des du de d est sont être je j tu vous nous me m moi mon ma mes votre vos notre on peux "
        "peut puis pouvez pourriez s'il plait plaît svp à au aux pour en dans sur avec et merci bonjour est-ce que qu "
        "se s y a ai avez dire savoir voudrais"
    ),
    word_set("pas jamais rien aucun aucune personne sans ni non"),
    word_set("était étaient fut avait avaient"),
    word_set("aujourd hui aujourd'hui maintenant actuel actuelle actuellement hier demain récemment dernier dernière"),
    word_set("il elle ils elles ceci cela ça ce cet cette ces celui celle ceux lui leur ci-dessus précédent"),
    _same(
        "acheter acquérir;commencer débuter démarrer;supprimer effacer enlever;voiture automobile;% pourcent;"
        "changer modifier;2 deux;3 trois;4 quatre;5 cinq;6 six;7 sept;8 huit;9 neuf;10 dix"
    ),
    (
        r"^(?:bonjour|salut)\b[ ,:!.]*",
        r"^(?:pouvez|pourriez)-vous me (?:dire|expliquer|montrer) ",
        r"^(?:peux|pourrais)-tu me (?:dire|expliquer|montrer) ",
        r"^(?:dites|dis|expliquez|montrez)-moi ",
        r"^je (?:voudrais|veux|souhaite) savoir ",
        r"[ ,]*\b(?:s'il vous plaît|s'il te plaît|svp|merci)[ .!]*$",
    ),
)
SPANISH: Final = Language(
    word_set(
        "el la los las un una unos unas de del al es son ser está están yo tú usted nosotros me mi mis tu su sus se "
        "puedo puede puedes podría por favor a para en con y gracias hola que lo le nos hay ha he decir saber quiero"
    ),
    word_set("no nunca nada nadie ningún ninguna ninguno sin ni jamás"),
    word_set("era eran fue fueron había habían"),
    word_set("hoy ahora actual actualmente ayer mañana reciente recientemente último última"),
    word_set("esto eso aquello ello este esta estos estas ese esa esos esas él ella ellos ellas anterior arriba"),
    _same(
        "comprar adquirir;empezar comenzar iniciar;borrar eliminar quitar;coche auto automóvil carro;"
        "cambiar modificar;2 dos;3 tres;4 cuatro;5 cinco;6 seis;7 siete;8 ocho;9 nueve;10 diez"
    ),
    (
        r"^(?:hola|buenos días|buenas tardes)\b[ ,:!.]*",
        r"^¿?(?:puede|puedes|podría|podrías) (?:decirme|explicarme|mostrarme) ",
        r"^(?:dime|dígame|explícame|muéstrame) ",
        r"^(?:quiero|quisiera|me gustaría) saber ",
        r"[ ,]*\b(?:por favor|gracias)[ .!?]*$",
    ),
)
LANGUAGES: Final = {"English": ENGLISH, "German": GERMAN, "French": FRENCH, "Spanish": SPANISH}
CONTRACTIONS: Final = (
    ("can't", "can not"),
    ("won't", "will not"),
    ("cannot", "can not"),
    ("n't", " not"),
    ("'re", " are"),
    ("'m", " am"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'d", " would"),
)
IS_WORDS: Final = r"\b(what|where|who|when|how|there|it|that|here)'s\b"
"""Where `'s` is `is`; elsewhere it says whose something is."""
