"""Which texts ask the same: harmless rewordings do, and the smallest change of what is asked does not."""

import pytest

from headgate.cache.veto import Reading, differ, read

SAME = [
    ("What is the capital of France?", "Please tell me what the capital of France is."),
    ("What is the capital of France?", "what's the capital of france"),
    ("How do I reset my password?", "Could you please tell me how to reset my password?"),
    ("How do I reset my password?", "hi, how can I reset the password? thanks"),
    ("How do I cancel an order?", "What are the steps to cancel an order?"),
    ("Where can I buy 2 tickets?", "Where can I purchase two tickets?"),
    ("How do I merge cells in Excel?", "In Excel, how do I merge cells?"),
    ("How much does shipping cost?", "What is the price of shipping?"),
    (
        "Wie kann ich mein Passwort zurücksetzen?",
        "Können Sie mir sagen, wie ich mein Passwort zurücksetzen kann?",
    ),
    ("Quelle est la capitale de l'Italie ?", "Bonjour, dites-moi quelle est la capitale de l'Italie, merci"),
    ("¿Cuál es la capital de Italia?", "Hola, dime cuál es la capital de Italia por favor"),
]
TRAPS = [
    ("Is 10 mg of aspirin safe?", "Is 12 mg of aspirin safe?"),
    ("Is 10 mg of aspirin safe?", "Is 10 g of aspirin safe?"),
    ("Can I enter with a visa?", "Can I enter without a visa?"),
    ("Should I accept the offer?", "Should I not accept the offer?"),
    ("Is the shop open on Monday?", "Is the shop closed on Monday?"),
    ("What happened on 3 May 1990?", "What happened on 3 May 1991?"),
    ("What happened on 3 May?", "What happened on 3 June?"),
    ("What is the capital of France?", "What is the capital of Spain?"),
    ("How do I convert miles to kilometers?", "How do I convert kilometers to miles?"),
    ("Did Ann call Bob?", "Did Bob call Ann?"),
    ("Can I call you?", "Can you call me?"),
    ("Who is the president of Chad?", "Who was the president of Chad?"),
    ("When was Ada born?", "Where was Ada born?"),
    ("Send money to Ann for Bob", "Send money to Bob for Ann"),
    ("How do I get a visa for the US?", "How do I get a visa for the UK?"),
    ("Darf ich mit Hund einreisen?", "Darf ich ohne Hund einreisen?"),
    ("Le magasin est ouvert dimanche ?", "Le magasin n'est pas ouvert dimanche ?"),
    ("¿Puedo viajar con mi perro?", "¿Puedo viajar sin mi perro?"),
]
INCOMPARABLE = [
    ("What is the weather like today?", "today"),
    ("What is the latest version of Python?", "latest"),
    ("What does it cost?", "'it'"),
    ("What did they say about that?", "points at"),
    ("フランスの首都はどこですか", "language"),
    ("Какая столица Франции?", "language"),
    ("Explain ```x = 1``` to me", "code"),
    ("a" * 3_000, "longer"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_rewording_asks_the_same(one: str, other: str) -> None:
    first, second = read(one), read(other)
    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert differ(first, second) == ""


@pytest.mark.parametrize(("one", "other"), TRAPS)
def test_a_small_change_asks_something_else(one: str, other: str) -> None:
    first, second = read(one), read(other)
    assert isinstance(first, str) or isinstance(second, str) or differ(first, second)


@pytest.mark.parametrize(("text", "why"), INCOMPARABLE)
def test_what_cannot_be_compared_says_why(text: str, why: str) -> None:
    found = read(text)
    assert isinstance(found, str)
    assert why in found
