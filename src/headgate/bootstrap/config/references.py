"""Names in a configuration that lead nowhere or to two things, models without a price, secrets that are not there.

It reads the tree as it stands, so that a mistake of shape in one place hides no dangling name in another.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headgate.bootstrap.config.mistakes import did_you_mean
from headgate.bootstrap.config.providers import referred, secret_places
from headgate.bootstrap.config.tree import Path, Tree
from headgate.bootstrap.config.values import identifier
from headgate.catalog.catalog import best_match
from headgate.catalog.prices import known_model
from headgate.domain.call import WireFormat
from headgate.pool.providers import KINDS
from headgate.storage.secrets import SecretUnavailable

RESERVED: Final = "auto"
"""Asks for the use case's chain, so that no model and no use case can be named so."""


def check_references(tree: Tree, environment: Mapping[str, str]) -> None:
    """Note every name that leads nowhere or is used twice, every unpriced model and every missing secret."""
    if not isinstance(tree.data, dict):
        return
    _check_names(tree)
    _check_deployments(tree)
    for name, chain in _section(tree.data, "chains"):
        tries = chain.get("try") if isinstance(chain, dict) else None
        for index, asked in enumerate(tries if isinstance(tries, list) else []):
            if isinstance(asked, str):
                _check_tried(tree, ("chains", name, "try", index), asked)
    for name, use_case in _section(tree.data, "use_cases"):
        asked = use_case.get("chain") if isinstance(use_case, dict) else None
        _check_known(
            tree, ("use_cases", name, "chain"), asked, "chain", [known for known, _ in _section(tree.data, "chains")]
        )
    granted = ["default", *(known for known, _ in _section(tree.data, "use_cases"))]
    for name, team in _section(tree.data, "teams"):
        asked = team.get("use_cases") if isinstance(team, dict) else None
        for index, use_case in enumerate(asked if isinstance(asked, list) else []):
            _check_known(tree, ("teams", name, "use_cases", index), use_case, "use case", granted)
    _check_secrets(tree, environment)


def _section(data: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    section = data.get(name)
    return list(section.items()) if isinstance(section, dict) else []


def _check_names(tree: Tree) -> None:
    models = [name for name, _ in _section(tree.data, "models")]
    use_cases = [name for name, _ in _section(tree.data, "use_cases")]
    for name in models:
        if name == RESERVED:
            tree.mistake(("models", name), "'auto' asks for a use case's chain, so no model is named so", key=True)
        elif name == "default" and name not in use_cases:
            tree.mistake(("models", name), "'default' is the name of the built-in use case; rename the model", key=True)
    for name in use_cases:
        if name in models:
            line = tree.at(("models", name), key=True).line
            sentence = f"'{name}' is also the name of the model on line {line}; a caller could not tell them apart"
            tree.mistake(("use_cases", name), sentence, key=True)
        elif name == RESERVED:
            tree.mistake(
                ("use_cases", name), "'auto' asks for a use case's chain, so no use case is named so", key=True
            )
    for name, _ in _section(tree.data, "teams"):
        try:
            identifier(name)
        except ValueError as error:
            tree.mistake(("teams", name), str(error), key=True)
    if tree.data.get("providers") and not models:
        tree.mistake(("providers",), "there are providers but no models that use them; add models", key=True)


def _deployments(tree: Tree) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Path, model and content of every deployment that is a mapping."""
    for name, model in _section(tree.data, "models"):
        listed = model.get("deployments") if isinstance(model, dict) else None
        for index, deployment in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(deployment, dict):
                yield ("models", name, "deployments", index), name, deployment


def _check_deployments(tree: Tree) -> None:
    providers = [name for name, _ in _section(tree.data, "providers")]
    seen: dict[tuple[str, str], tuple[Path, str, dict[str, Any]]] = {}
    for path, model, deployment in _deployments(tree):
        provider, model_id = deployment.get("provider"), deployment.get("id")
        _check_known(tree, (*path, "provider"), provider, "provider", providers)
        _check_embeds(tree, path, model, provider)
        if not isinstance(provider, str) or not isinstance(model_id, str):
            continue
        if "*" in model_id and model_id != "*":
            tree.mistake((*path, "id"), "an id is the provider's own, or '*' alone for the asked name")
        elif not _is_priced(tree, deployment, model):
            asked = model if model_id == "*" else model_id
            sentence = f"no price is known for '{asked}' at '{provider}'; add price: {{in: ..., out: ...}}"
            tree.mistake((*path, "id"), sentence)
        resolved = model if model_id == "*" and "*" not in model else model_id
        first_path, first_model, first = seen.setdefault((provider, resolved), (path, model, deployment))
        if first is deployment:
            continue
        line = tree.at(first_path).line
        if first_model == model:
            tree.mistake(path, f"'{provider}/{resolved}' stands in this model already, on line {line}")
        elif resolved != "*" and any(
            first.get(key) != deployment.get(key) for key in ("region", "price", "max_output")
        ):
            tree.mistake(path, f"'{provider}/{resolved}' differs from line {line} in region, price or max_output")


def _check_embeds(tree: Tree, path: Path, model: str, provider: object) -> None:
    """A model that embeds lives at providers that take embeddings."""
    if tree.data["models"][model].get("embeds") is not True:
        return
    section = dict(_section(tree.data, "providers")).get(str(provider))
    kind = KINDS.get(str(section.get("kind"))) if isinstance(section, dict) else None
    if kind is not None and WireFormat.OPENAI_EMBEDDINGS not in kind.paths:
        tree.mistake(
            (*path, "provider"), f"a provider of kind {kind.name} takes no embeddings, so '{model}' cannot embed"
        )


def _is_priced(tree: Tree, deployment: Mapping[str, Any], model: str) -> bool:
    """Whether a price is written or known, or cannot be asked for before a caller names a model."""
    model_id = deployment["id"]
    if "price" in deployment or (model_id == "*" and "*" in model):
        return True
    return _knows_price(tree, deployment, model if model_id == "*" else model_id)


def _knows_price(tree: Tree, deployment: Mapping[str, Any], model_id: str) -> bool:
    provider = dict(_section(tree.data, "providers")).get(str(deployment.get("provider")))
    if not isinstance(provider, dict) or str(provider.get("kind")) not in KINDS:
        return True  # said already
    kind = KINDS[provider["kind"]]
    return known_model(kind.name, str(provider.get("base_url") or kind.base_url), model_id).price is not None


def _check_tried(tree: Tree, path: Path, asked: str) -> None:
    """A chain names models of their own, or names that a pattern serves at a known price."""
    models = [name for name, _ in _section(tree.data, "models")] or ["demo"]
    serving = best_match(models, asked) if "*" not in asked else None
    if serving is None:
        _check_known(tree, path, asked, "model", [name for name in models if "*" not in name])
    elif serving != asked and "default" not in dict(_section(tree.data, "prices")):
        passing = [entry for _, name, entry in _deployments(tree) if name == serving]
        if passing and not any("price" in e or e.get("id") != "*" or _knows_price(tree, e, asked) for e in passing):
            tree.mistake(
                path, f"no price is known for '{asked}', which '{serving}' would serve; give it a model of its own"
            )


def _check_known(tree: Tree, path: Path, name: object, what: str, known: list[str]) -> None:
    if isinstance(name, str) and name not in known:
        listed = f"; there are: {', '.join(known)}" if known else f"; no {what} is configured"
        tree.mistake(path, f"there is no {what} '{name}'{did_you_mean(name, known) or listed}")


def _check_secrets(tree: Tree, environment: Mapping[str, str]) -> None:
    store = tree.data.get("store")
    places: list[tuple[Path, object]] = []
    if isinstance(store, dict):
        places.append((("store", "database"), store.get("database")))
    for name, provider in _section(tree.data, "providers"):
        if isinstance(provider, dict):
            places += [(("providers", name, *path), text) for path, text in secret_places(provider)]
    for path, text in places:
        if not isinstance(text, str):
            continue
        try:
            found = referred(text)
        except SecretUnavailable:
            continue  # a mistake of shape
        try:
            if found is not None:
                found.resolve(environment)
        except SecretUnavailable as error:
            tree.mistake(path, str(error))
