"""A YAML document as plain data that knows the line and column of every key and value."""

import re
from typing import Any, Final

import msgspec
import yaml

from headgate.bootstrap.config.mistakes import Mistake, Span, did_you_mean
from headgate.storage.secrets import is_reference

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 100_000
"""Values of one document, each use of an alias counted, so that aliases cannot multiply without end."""
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]

SECRET_KEYS: Final = frozenset(
    {
        "key",
        "next_key",
        "api_key",
        "apikey",
        "database",
        "redis",
        "password",
        "secret",
        "token",
        "authorization",
        "credential",
    }
)
"""Keys whose literal values are masked wherever a source line is shown."""
_HEADERS: Final = ("headers",)
"""The section whose every value is masked: any of them may be somebody's token."""
_LOOKS_SECRET: Final = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|hg_[A-Za-z0-9_]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,})"
)
_KEYED_SECRET: Final = re.compile(
    rf"(?i)\b(?:{'|'.join(sorted(SECRET_KEYS))})[\"']?\s*:\s*[\"']?(?!\$\{{)([^\s\"',}}]+)"
)
_URL_PASSWORD: Final = re.compile(r"://[^\s/@:]*:([^\s/@]+)@")


class Tree(msgspec.Struct):
    """A document: its data, where everything stands, and what is wrong with it."""

    data: Any
    """None only where the document cannot be read; an empty one is an empty mapping."""
    values: dict[Path, Span]
    keys: dict[Path, Span]
    lines: list[str]
    mistakes: list[Mistake]

    def at(self, path: Path, *, key: bool = False) -> Span:
        """Where the value (or the key) at `path` stands; the nearest parent where it is missing."""
        while path:
            span = (self.keys.get(path) if key else None) or self.values.get(path)
            if span is not None:
                return span
            path, key = path[:-1], True
        return self.values.get((), Span(1, 1, 1, 1))

    def mistake(self, path: Path, sentence: str, *, key: bool = False) -> None:
        """Note a mistake about the value (or the key) at `path`."""
        span = self.at(path, key=key)
        sentence = _LOOKS_SECRET.sub("***", sentence)
        self.mistakes.append(Mistake(span.line, span.column, sentence, span.width))


class _Loader(yaml.SafeLoader):
    """Composes nodes whose plain scalars are resolved by the core schema of YAML 1.2 (YAML 1.2.2, 10.3.2)."""

    yaml_implicit_resolvers: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]


_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
)
for _name, _expression, _first in _PLAIN:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_expression})\Z"), _first)


def read_tree(raw: bytes) -> Tree:
    """The document in `raw`; where its syntax is wrong, `data` is None and `mistakes` says why."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        return Tree(None, {}, {}, [], [Mistake(line, column, "the file is not UTF-8 text")])
    lines = text.splitlines()
    tree = Tree(None, {}, {}, [_mask_by_pattern(line) for line in lines], [])
    if len(raw) > MAX_BYTES:
        tree.mistakes.append(Mistake(1, 1, f"the file is longer than {MAX_BYTES} bytes"))
        return tree
    try:
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        tree.mistakes.append(Mistake(*position, f"this is not YAML: {_problem(error)}"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        tree.mistakes.append(Mistake(before.count("\n") + 1, column, "this is not YAML: a control character"))
        tree.lines = []
    except RecursionError:
        tree.mistakes.append(Mistake(1, 1, f"the file is nested more than {MAX_DEPTH} deep"))
    else:
        _Reading(tree).read(root)
    return tree


def _problem(error: yaml.MarkedYAMLError) -> str:
    said = (error.problem or "").removeprefix("but ")
    if "character '\\t'" in said:
        return "a tab; indent with spaces"
    if said == "mapping values are not allowed here":
        return "a second ':' on the line; put the value in quotes, or the key on a line of its own"
    return " ".join(part for part in (error.context, said) if part) or "it cannot be read"


class _Reading:
    """Turns nodes into data, noting where each stands."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._nodes = 0

    def read(self, root: yaml.Node | None) -> None:
        try:
            data = None if root is None else self._value(root, ())
            self._tree.data = {} if data is None else data
        except _TooMuch as error:
            self._tree.data = None
            self._tree.mistakes.append(Mistake(1, 1, str(error)))
        if root is None:
            self._tree.values[()] = Span(1, 1, 1, 1)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuch(f"the file holds more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            raise _TooMuch(f"the file is nested more than {MAX_DEPTH} deep")
        self._tree.values[path] = _span(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key_node, value_node in node.value:
            span = _span(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._tree.mistakes.append(Mistake(span.line, span.column, "a key is a single word or text"))
                continue
            name = self._seen(key_node.value, (*path, key_node.value))
            if isinstance(value_node, yaml.ScalarNode) and (_names_secret(name) or path[-1:] == _HEADERS):
                self._hide(value_node)
            if name in read:
                first = self._tree.keys[(*path, name)].line
                sentence = f"the key '{name}' stands twice; it is on line {first} already"
                self._tree.mistakes.append(Mistake(span.line, span.column, sentence, span.width))
                continue
            self._tree.keys[(*path, name)] = span
            read[name] = self._value(value_node, (*path, name))
        return read

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text, tag = self._seen(str(node.value), path), node.tag.removeprefix(_TAG)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag == "int" and not text.lstrip("-+").isdigit():
            return int(text[2:], {"o": 8, "x": 16}[text[1]])
        if tag == "int":
            return int(text) if len(text) <= 40 else float(text)
        if tag == "float":
            return float(text)
        if tag != "str":
            self._tree.mistake(path, f"the tag '{node.tag}' is not used here")
        if _LOOKS_SECRET.search(text):
            self._hide(node)
            self._tree.mistake(path, "this looks like a literal secret; write ${env:NAME} or ${file:/path}")
        return text

    def _seen(self, text: str, path: Path) -> str:
        """`text`, noting characters that cannot be seen; half of a surrogate pair, which is no text, is replaced."""
        if any(not character.isprintable() and character not in "\n\t" for character in text):
            self._tree.mistake(path, "the text holds characters that cannot be seen")
        return text.encode(errors="replace").decode()

    def _hide(self, node: yaml.Node) -> None:
        """Mask a literal in the lines that messages show."""
        if is_reference(str(node.value)):
            return
        span, lines = _span(node), self._tree.lines
        for number in range(span.line, min(span.end_line, len(lines)) + 1):
            line = lines[number - 1]
            start = span.column - 1 if number == span.line else 0
            end = span.end_column - 1 if number == span.end_line else len(line)
            lines[number - 1] = line[:start] + "*" * max(0, min(end, len(line)) - start) + line[end:]


class _TooMuch(Exception):
    """The document goes past a bound."""


def _names_secret(key: str) -> bool:
    """Whether `key` is, or is a slip of the pen for, one that holds a secret."""
    return key.lower().replace("-", "_") in SECRET_KEYS or bool(did_you_mean(key, ("key", "api_key")))


def _span(node: yaml.Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _mask_by_pattern(line: str) -> str:
    """`line` with what looks like a secret masked, for files whose syntax keeps them from being read."""
    line = _LOOKS_SECRET.sub(lambda match: "*" * len(match[0]), line)
    for expression in (_KEYED_SECRET, _URL_PASSWORD):
        line = expression.sub(
            lambda match: (
                match[0][: match.start(1) - match.start()]
                + "*" * len(match[1])
                + match[0][match.end(1) - match.start() :]
            ),
            line,
        )
    return line
