"""Models as OpenAI lists them, with tiers, states and the fallback chain beside them (OpenAI API reference, models)."""

from collections.abc import Sequence

import msgspec

from headgate.catalog.catalog import Listed


class ModelEntry(msgspec.Struct):
    """A model as OpenAI lists it."""

    id: str
    tier: str
    """The configuration's word for it."""
    status: str
    """`available`, or `unavailable` while every deployment is held back or drained."""
    owned_by: str = "headgate"
    created: int = 0
    """Unknown; a configuration does not say when a model was made."""
    object: str = "model"


class Models(msgspec.Struct):
    """The models that a caller may name; patterns are not names."""

    data: list[ModelEntry]
    models: list[Listed]
    fallback_chain: list[str]
    """What a call without a model tries, in order."""
    object: str = "list"


def write_model(model: Listed) -> bytes:
    """One model."""
    return msgspec.json.encode(_entry(model))


def write_models(found: Sequence[Listed], chain: Sequence[str]) -> bytes:
    """The models `found`, and the `chain` that a call without a model tries."""
    return msgspec.json.encode(Models([_entry(model) for model in found], list(found), list(chain)))


def _entry(model: Listed) -> ModelEntry:
    return ModelEntry(model.id, model.tier, model.status)
