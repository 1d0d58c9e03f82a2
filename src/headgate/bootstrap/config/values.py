"""Values with units as the configuration writes them, read strictly; each says in a sentence what it expects."""

import ipaddress
import re
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from headgate.bootstrap.config.mistakes import did_you_mean
from headgate.domain.money import Budget, pico_per_token
from headgate.domain.money import budget as read_budget
from headgate.kit.quantities import count, duration_ms, size_bytes
from headgate.storage.secrets import Reference, SecretUnavailable, is_reference, reference

MAX_USD: Final = 1_000_000_000
MAX_USD_PER_MILLION: Final = 100_000
MAX_COUNT: Final = 1_000_000_000
MAX_DURATION_MS: Final = 86_400_000
MAX_LISTED: Final = 8
"""Choices that a sentence lists where it knows which one was probably meant."""
LIFTED: Final = "none"
"""Written for a budget or limit that shall not be."""
IDENTIFIER: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"
MODEL_NAME: Final = r"^[^\s\x00-\x1f]{1,128}$"


class Section(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _shape_version(value: object) -> int:
    if value is True or value != 1 or not isinstance(value, int):
        raise ValueError("the version of this shape is 1; write version: 1")
    return value


def _text(value: object, example: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"'{value}' has no unit; write it as {example}" if is_number(value) else f"write it as {example}")


def is_number(value: object) -> bool:
    """Whether `value` is an integer or a fraction, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _duration(value: object) -> int:
    ms = duration_ms(_text(value, "300ms, 30s or 5m"))
    if not 1 <= ms <= MAX_DURATION_MS:
        raise ValueError(f"'{value}' is out of range; a duration here is from 1ms to 1d")
    return ms


def _size(value: object) -> int:
    size = size_bytes(_text(value, "64KiB or 10MB"))
    if not 1 <= size <= 2**30:
        raise ValueError(f"'{value}' is out of range; a size here is from 1B to 1GiB")
    return size


def _count(value: object) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else count(_text(value, "100 or 400k"))
    if not 1 <= number <= MAX_COUNT:
        raise ValueError(f"'{value}' is out of range; a count here is from 1 to {MAX_COUNT}")
    return number


def _rate(value: object) -> int | None:
    text = _text(value, "100/min or 400k/min")
    if text == LIFTED:
        return None
    number, slash, unit = (part.strip() for part in text.partition("/"))
    if not slash or unit not in ("min", "minute"):
        raise ValueError(f"'{text}' is not a rate; write it as 100/min or 400k/min, or none")
    return _count(number)


def _parallel(value: object) -> int | None:
    return None if value == LIFTED else _count(value)


def _budgets(value: object) -> tuple[Budget, ...]:
    if value == LIFTED:
        return ()
    items = value if isinstance(value, list) else [value]
    budgets = tuple(read_budget(_text(item, "500 USD/month or 20 USD/day")) for item in items)
    if any(budget.nano > MAX_USD * 1_000_000_000 for budget in budgets):
        raise ValueError(f"a budget is at most {MAX_USD} USD")
    if len({budget.period for budget in budgets}) < len(budgets):
        raise ValueError("two budgets for the same period; write one a day and one a month at most")
    return budgets


def _price(value: object) -> int:
    if not is_number(value) or not 0 <= float(value) <= MAX_USD_PER_MILLION:  # type: ignore[arg-type]
        raise ValueError("a price is a number of USD per million tokens, such as 3 or 0.25")
    if (Decimal(str(value)) * 1_000_000) % 1:
        raise ValueError(f"'{value}' is too fine; a price has at most 6 decimals")
    return pico_per_token(str(value))


def _reference(value: object) -> Reference:
    try:
        return reference(value if isinstance(value, str) else "")
    except SecretUnavailable as error:
        raise ValueError(str(error)) from None


def _database(value: object) -> Reference | str:
    text = _text(value, "${env:HEADGATE_DATABASE_URL}")
    if is_reference(text):
        return _reference(text)
    try:
        url = urlsplit(text)
        secret = url.password is not None or "password" in url.query
    except ValueError:
        raise ValueError("this is not a URL; write ${env:HEADGATE_DATABASE_URL}") from None
    if url.scheme not in ("postgresql", "postgres"):
        raise ValueError("a database is ${env:HEADGATE_DATABASE_URL} or a URL that begins with postgresql://")
    if secret:
        raise ValueError("the URL holds a literal password; write ${env:HEADGATE_DATABASE_URL}")
    return text


def _base_url(value: object) -> str:
    text = _text(value, "http://host:8000/v1")
    try:
        url = urlsplit(text)
        wrong = url.scheme not in ("http", "https") or not url.hostname or url.port == 0
    except ValueError:
        wrong = True
    if wrong or re.search(r"\s", text):
        raise ValueError("this is not a base URL; write it as http://host:8000/v1")
    if url.username is not None or url.password is not None:
        raise ValueError("the URL holds a literal credential; write it as key: ${env:NAME}")
    if url.query or url.fragment:
        raise ValueError("a base URL has no '?' and no '#'")
    return text.rstrip("/")


def _origin(value: object) -> str:
    text = _text(value, "https://app.example.org")
    url = urlsplit(text)
    if text != "*" and (url.scheme not in ("http", "https") or not url.netloc or url.path or url.query):
        raise ValueError(f"'{text}' is not an origin; write it as https://app.example.org, or '*'")
    return text


def _network(value: object) -> str:
    text = _text(value, "10.0.0.0/8")
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError(f"'{text}' is not a network; write it as 10.0.0.0/8 or 192.168.1.7") from None


def one_of(names: Collection[str], later: Collection[str] = ()) -> Any:
    """A validator and a schema for one of `names`; `later` are names that this version does not have yet."""

    def read(value: object) -> str:
        if value in later:
            raise ValueError(f"'{value}' is not part of this version yet; choose {' or '.join(names)}")
        if value not in names:
            meant = did_you_mean(str(value), names)
            known = f"the {len(names)} known here" if meant and len(names) > MAX_LISTED else ", ".join(names)
            raise ValueError(f"'{value}' is not one of {known}{meant}")
        return str(value)

    return PlainValidator(read), WithJsonSchema({"type": "string", "enum": sorted(names)})


def _plain(read: Callable[[object], Any], pattern: str, *examples: str) -> tuple[Any, Any]:
    schema: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": list(examples)}
    return PlainValidator(read), WithJsonSchema(schema)


def _choice(read: Callable[[object], Any], *schemas: dict[str, Any]) -> tuple[Any, Any]:
    return PlainValidator(read), WithJsonSchema({"anyOf": list(schemas)})


_UNSIGNED: Final = {"type": "integer", "minimum": 1}
_COUNTED: Final = {"type": "string", "pattern": r"^\d+(\.\d+)?[kM]?$", "examples": ["400k", "1.5M"]}
_NONE: Final = {"const": LIFTED}
_BUDGET: Final = {"type": "string", "pattern": r"^\d+(\.\d{1,9})? *USD */ *(day|month)$", "examples": ["500 USD/month"]}
_RATE: Final = {"type": "string", "pattern": r"^\d+(\.\d+)?[kM]? */ *min(ute)?$", "examples": ["100/min", "400k/min"]}
_REFERENCE: Final = r"^\$\{(env|file):[^{}]+\}$"

ShapeVersion = Annotated[int, PlainValidator(_shape_version), WithJsonSchema({"const": 1})]
Duration = Annotated[int, *_plain(_duration, r"^\d+(\.\d+)? *(ms|s|m|min|h|d)$", "300ms", "30s", "5m")]
Size = Annotated[int, *_plain(_size, r"^\d+(\.\d+)? *(B|kB|MB|GB|KiB|MiB|GiB)$", "64KiB", "10MB")]
Count = Annotated[int, *_choice(_count, _UNSIGNED, _COUNTED)]
Rate = Annotated[int | None, *_choice(_rate, _RATE, _NONE)]
Parallel = Annotated[int | None, *_choice(_parallel, _UNSIGNED, _COUNTED, _NONE)]
Budgets = Annotated[tuple[Budget, ...], *_choice(_budgets, _BUDGET, {"type": "array", "items": _BUDGET}, _NONE)]
PicoPrice = Annotated[int, PlainValidator(_price), WithJsonSchema({"type": "number", "minimum": 0})]
Secret = Annotated[Reference, *_plain(_reference, _REFERENCE, "${env:OPENAI_API_KEY}", "${file:/run/secrets/key}")]
DatabaseUrl = Annotated[
    Reference | str,
    *_plain(_database, r"^(\$\{(env|file):[^{}]+\}|postgres(ql)?://.*)$", "${env:HEADGATE_DATABASE_URL}"),
]
BaseUrl = Annotated[str, *_plain(_base_url, r"^https?://[^\s?#]+$", "http://vllm.internal:8000/v1")]
Origin = Annotated[str, *_plain(_origin, r"^(\*|https?://[^/]+)$", "https://app.example.org")]
Network = Annotated[str, *_plain(_network, r"^[0-9a-fA-F.:]+(/\d+)?$", "10.0.0.0/8")]


def identifier(value: object) -> object:
    """`value`, where it is text that may name a team, a provider, a chain or a use case.

    Raises:
        ValueError: it is text that may not.
    """
    if isinstance(value, str) and not re.fullmatch(IDENTIFIER, value):
        raise ValueError(f"'{value}' is not a name here; use a-z, 0-9, '.', '_' and '-', at most 63")
    return value


def _model_name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(MODEL_NAME, value):
        raise ValueError("a model's name has no spaces and at most 128 characters")
    return value


Identifier = Annotated[str, BeforeValidator(identifier), Field(json_schema_extra={"pattern": IDENTIFIER})]
ModelName = Annotated[str, BeforeValidator(_model_name), Field(json_schema_extra={"pattern": MODEL_NAME})]
