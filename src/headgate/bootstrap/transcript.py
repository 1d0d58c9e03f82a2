"""What a first start says on a terminal: where things are, and one line that works."""

from collections.abc import Sequence
from typing import NamedTuple

from headgate import __version__
from headgate.bootstrap.discovery import Found


class Started(NamedTuple):
    """What is worth telling about a start."""

    url: str
    store: str
    providers: tuple[str, ...]
    """The configured providers; only `demo` where nothing was configured."""
    origin: str
    """Where the configuration comes from."""
    found: Sequence[Found]
    development_key: str | None
    admin_key: str | None
    admin_key_given: bool
    """Whether HEADGATE_ADMIN_KEY says which key administers."""
    reserved: int
    """Attempts that an earlier, killed process left open."""


def transcript(started: Started) -> str:
    """The lines for a terminal."""
    lines = [f"Headgate {__version__} is ready at {started.url}", ""]
    lines += [f"  {name:<11} {text}" for name, text in _facts(started)]
    lines += ["", "Try it:", "", f"  {curl(started.url, started.development_key)}", ""]
    return "\n".join(lines)


def curl(url: str, key: str | None) -> str:
    """One line that works as it is printed; without a key to show, it takes the one in HEADGATE_KEY."""
    quoted = f"'Authorization: Bearer {key}'" if key else '"Authorization: Bearer $HEADGATE_KEY"'
    return (
        f"curl {url}/v1/generate -H {quoted} -H 'Content-Type: application/json' "
        """-d '{"prompt": "Say hello"}'"""
    )


def _facts(started: Started) -> list[tuple[str, str]]:
    facts = [("store", started.store), ("policy", started.origin)]
    if started.providers == ("demo",):
        facts.append(("providers", "the built-in demo model answers every model name"))
    else:
        facts.append(("providers", ", ".join(started.providers)))
    unused = "not used until headgate.yaml names it"
    facts += [("found", f"{one.name} ({one.where}); {unused}") for one in started.found]
    facts.append(("reference", f"{started.url}/docs"))
    if started.admin_key:
        facts.append(("admin key", f"{started.admin_key}  (administers; shown only this once)"))
    elif started.admin_key_given:
        facts.append(("admin key", "the one in HEADGATE_ADMIN_KEY administers"))
    if started.development_key:
        facts.append(("key", f"{started.development_key}  (team default; shown only this once)"))
    if started.reserved:
        facts.append(("recovered", f"{started.reserved} attempts of a killed process were charged at their bound"))
    return facts
