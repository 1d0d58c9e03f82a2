"""Questions for the cache's benchmark, made from a seed: harmless rewordings, traps of one small change, a stream."""

import random
from collections.abc import Callable, Iterator

SUBJECTS = (
    *("a parcel", "an invoice", "a refund", "the warranty", "a subscription", "the router", "a password"),
    *("the newsletter", "a voucher", "the manual", "a passport", "the boiler", "a bicycle", "the printer"),
    *("a contract", "the deposit", "a mortgage", "the pension", "a vaccine", "the library card"),
)
ACTIONS = ["cancel", "renew", "return", "replace", "register", "transfer", "activate", "download", "insure", "track"]
PLACES = ["Berlin", "Paris", "Madrid", "Vienna", "Oslo", "Lisbon", "Dublin", "Prague", "Athens", "Warsaw"]
PEOPLE = ["Ann", "Bob", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Irene", "Jonas"]
SWAPS = (
    ("open", "closed"),
    ("before", "after"),
    ("increase", "decrease"),
    ("legal", "illegal"),
    ("hot", "cold"),
    ("cheapest", "dearest"),
    ("minimum", "maximum"),
    ("inside", "outside"),
    ("buy", "sell"),
    ("accept", "reject"),
)
MONTHS = ["January", "March", "April", "June", "July", "August", "October", "December"]
WAYS = ("How do I ", "How can I ", "How to ", "What is the best way to ", "What are the steps to ")
DRESSES = ("Hi, {}", "Please tell me: {}", "Could you tell me {}", "Hello! {}", "{} Thanks", "{} please")
UNITS = ("mg|g", "km|miles", "litres|gallons", "days|weeks", "euros|dollars", "kilograms|pounds")

Pair = tuple[str, str]


def _number(r: random.Random) -> Pair:
    one, other = r.sample(range(2, 400), 2)
    text = f"Is {{}} kg too heavy for {r.choice(SUBJECTS)} to {r.choice(PLACES)}?"
    return text.format(one), text.format(other)


def _negation(r: random.Random) -> Pair:
    action, subject, place = r.choice(ACTIONS), r.choice(SUBJECTS), r.choice(PLACES)
    return f"Should I {action} {subject} in {place}?", f"Should I not {action} {subject} in {place}?"


def _antonym(r: random.Random) -> Pair:
    one, other = r.choice(SWAPS)
    text = f"What is {{}} for {r.choice(SUBJECTS)} in {r.choice(PLACES)}?"
    return text.format(one), text.format(other)


def _entity(r: random.Random) -> Pair:
    one, other = r.sample(PLACES, 2)
    text = f"How do I {r.choice(ACTIONS)} {r.choice(SUBJECTS)} in {{}}?"
    return text.format(one), text.format(other)


def _unit(r: random.Random) -> Pair:
    one, other = r.choice(UNITS).split("|")
    text = f"Is {r.randint(2, 90)} {{}} enough for {r.choice(SUBJECTS)} in {r.choice(PLACES)}?"
    return text.format(one), text.format(other)


def _date(r: random.Random) -> Pair:
    one, other = r.sample(MONTHS, 2)
    text = f"Can I {r.choice(ACTIONS)} {r.choice(SUBJECTS)} on {r.randint(1, 28)} {{}} {r.randint(2001, 2040)}?"
    return text.format(one), text.format(other)


def _order(r: random.Random) -> Pair:
    (one, other), subject = r.sample(r.choice((PEOPLE, PLACES)), 2), r.choice(SUBJECTS)
    text = r.choice(
        ("Did {} send {subject} to {}?", "Is {} nearer than {} for {subject}?", "Who takes {subject} from {} to {}?")
    )
    return text.format(one, other, subject=subject), text.format(other, one, subject=subject)


TRAPS: dict[str, Callable[[random.Random], Pair]] = {
    "number": _number,
    "negation": _negation,
    "antonym": _antonym,
    "entity": _entity,
    "unit": _unit,
    "date": _date,
    "order": _order,
}


def question(r: random.Random) -> str:
    """A question of a help desk."""
    action, subject, place = r.choice(ACTIONS), r.choice(SUBJECTS), r.choice(PLACES)
    return r.choice(
        (
            f"How do I {action} {subject} in {place}?",
            f"What is the deadline to {action} {subject} in {place}?",
            f"Can I {action} {subject} without a receipt in {place}?",
            f"Where can I {action} {subject} near {place}?",
            f"Who can {action} {subject} for {r.choice(PEOPLE)} in {place}?",
        )
    )


def rewording(text: str, r: random.Random) -> str:
    """The same question in other dress: politeness, case, marks, contractions, articles, ways to ask how."""
    said = text
    if said.startswith("How do I "):
        said = (
            r.choice(("How do I ", "How can I ", "How to ", "What is the best way to ", "What are the steps to "))
            + said[9:]
        )
    said = said.replace("What is", "What's") if r.random() < 0.4 else said
    if r.random() < 0.3:
        for article in (" a ", " an "):
            said = said.replace(article, " my ", 1)
    if r.random() < 0.6:
        clad = said[0].lower() + said[1:]
        said = r.choice(
            ("Hi, {}", "Please tell me: {}", "Could you tell me {}", "Hello! {}", "{} Thanks", "{} please")
        ).format(clad)
    if r.random() < 0.4:
        said = said.rstrip("?")
    said = said.lower() if r.random() < 0.3 else said
    return f"  {said.replace(' ', '  ', 1)} " if r.random() < 0.2 else said


def stream(count: int, r: random.Random) -> Iterator[tuple[int, str]]:
    """Requests of a help desk, each with the number of what it asks: 800 questions, the first ones far more often."""
    asked: dict[str, int] = {}
    while len(asked) < 800:
        asked.setdefault(question(r), len(asked))
    texts = list(asked)
    weights = [1 / (rank + 1) for rank in range(len(texts))]
    for text in r.choices(texts, weights, k=count):
        yield asked[text], rewording(text, r)
