"""A tree against the typed document: every mistake of shape, said in a sentence at its line and column."""

from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from headgate.bootstrap.config.document import Document, is_absent
from headgate.bootstrap.config.mistakes import did_you_mean
from headgate.bootstrap.config.tree import Path, Tree

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def validate(tree: Tree) -> Document | None:
    """The typed document, or None after noting every mistake of shape in the tree."""
    empty = set(_empty_paths(tree.data, ()))
    for path in empty:
        tree.mistake(
            path, f"{_name(path)} has no value; leave it out, or write {{}} for a section without settings", key=True
        )
    try:
        return Document.model_validate(tree.data)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            path = _path(details["loc"])
            if path not in empty:
                _note(tree, path, details)
        return None


def _empty_paths(data: Any, path: Path) -> list[Path]:
    if data is None:
        return [path]
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [found for step, value in steps for found in _empty_paths(value, (*path, step))]


def _path(location: tuple[int | str, ...]) -> Path:
    """Where an error of pydantic stands in the tree; `[key]` marks a mapping's key."""
    return tuple(step for step in location if step != "[key]")


def _note(tree: Tree, path: Path, details: ErrorDetails) -> None:
    kind, context = details["type"], details.get("ctx", {})
    on_key = details["loc"][-1:] == ("[key]",)
    name = _name(path)
    if kind == "extra_forbidden":
        tree.mistake(path, _unknown(path), key=True)
    elif kind == "missing":
        tree.mistake(path[:-1], f"the key {name} is missing{_example(path)}", key=True)
    elif kind == "value_error":
        tree.mistake(path, str(context.get("error", details["msg"])), key=on_key)
    elif kind in _EXPECTED:
        tree.mistake(path, f"{name} must be {_EXPECTED[kind]}")
    elif kind in ("less_than_equal", "greater_than_equal"):
        bound = f"at most {context['le']}" if "le" in context else f"at least {context['ge']}"
        tree.mistake(path, f"{name} must be {bound}")
    elif kind == "too_short":
        tree.mistake(path, f"{name} is an empty list; name at least one")
    else:
        tree.mistake(path, f"{name}: {details['msg'][:1].lower()}{details['msg'][1:]}", key=on_key)


def _name(path: Path) -> str:
    """How a sentence calls the value at `path`."""
    return f"'{path[-1]}'" if path and isinstance(path[-1], str) else "this"


def _unknown(path: Path) -> str:
    name = str(path[-1])
    if is_absent(path):
        return f"'{name}' is not part of this version yet; take it out"
    known = _keys_at(path[:-1])
    meant = did_you_mean(name, known) or f"; known here: {', '.join(known)}"
    return f"unknown key '{name}'{meant}"


def _example(path: Path) -> str:
    return "; write version: 1" if path == ("version",) else ""


def _keys_at(path: Path) -> list[str]:
    """The keys that the section at `path` knows."""
    annotation: Any = Document
    for step in path:
        model = _model_in(annotation)
        if model is not None:
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            extra = model.__annotations__.get("__pydantic_extra__")
            annotation = fields.get(str(step), get_args(extra)[-1] if extra else None)
        else:
            annotation = next(iter(get_args(_bare(annotation))[-1:]), None)
    model = _model_in(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _bare(annotation: Any) -> Any:
    """`annotation` without `Annotated` and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None
