"""Reads one YAML file into a closed schema, remembering on which line everything stands.

A contract is written by people who do not read stack traces: whatever is wrong with it, they are
told the file, the line and the key, every problem at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from expectations.base import Declaration

MAXIMUM_BYTES = 1_000_000
MAXIMUM_NODES = 100_000
"""Nodes after aliases are written out: nested aliases grow exponentially with the file's size."""

MAXIMUM_DEPTH = 40
"""Nesting of collections: libyaml's composer recurses in C, where too deep kills the process."""

_SHALLOW_OPENINGS, _SHALLOW_LINE = 400, 200
"""A text with no more brackets and no longer lines nests 800 deep at most: two block collections
begin in each column. That is deep for a declaration and shallow for the composer."""

_FLOAT_TAG = "tag:yaml.org,2002:float"
_DATE_TAG = "tag:yaml.org,2002:timestamp"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = Sequence[str | int]
Finding = tuple[tuple[str | int, ...], str]
"""Where in a file, and what is wrong there."""

Model = TypeVar("Model", bound=Declaration)


class DeclarationError(Exception):
    """Everything wrong with one file, each as `file:line: message`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class YamlSource:
    """A parsed file: its content as plain Python and the nodes that content came from. It is
    shared by all who read the same text, and never written to."""

    path: Path
    content: Any
    node: yaml.Node

    def line(self, location: Location) -> int:
        """Line (from 1) of the deepest part of `location` that the file has."""
        node, line = self.node, self.node.start_mark.line + 1
        for part in location:
            found = _step(node, part)
            if found is None:
                break
            node, line = found
        return line

    def problem(self, location: Location, message: str) -> str:
        """`file:line: key: message`."""
        where = _spelt(location)
        return f"{self.path}:{self.line(location)}: {where + ': ' if where else ''}{message}"

    def parse(self, model: type[Model]) -> Model:
        """The content as `model`; DeclarationError when it does not fit."""
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            raise DeclarationError(
                [self.problem(found["loc"], _worded(found)) for found in error.errors()]
            ) from None


def read_yaml(path: Path) -> YamlSource:
    """Reads a file as YAML with safe types only.

    Refused with DeclarationError: more than 1 MB, not UTF-8, a key twice in one mapping, an
    infinite or not-a-number value, aliases that expand beyond 100,000 nodes, a second document.
    """
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise DeclarationError(
                [f"{path}:1: larger than 1 MB, which no declaration needs; shorten it"]
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DeclarationError(
            [f"{path}:1: cannot be read ({error.strerror}); check that it exists"]
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DeclarationError([f"{path}:{line}: is not UTF-8 text; save it as UTF-8"]) from None
    return _composed(path, text)


@lru_cache(maxsize=128)
def _composed(path: Path, text: str) -> YamlSource:
    """Kept as long as the text is the same: the orchestrator reads every file at each tick."""
    loader = None
    try:
        depth, has_aliases = _looked_over(text)
        if depth > MAXIMUM_DEPTH:
            raise DeclarationError([f"{path}:1: is nested too deeply for a declaration"])
        loader = _LOADER(text)
        node = loader.get_single_node()
        if node is None:
            raise DeclarationError([f"{path}:1: is empty; a declaration is expected"])
        problems = list(_refused_nodes(path, node, has_aliases=has_aliases))
        if problems:
            raise DeclarationError(problems)
        content = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DeclarationError([f"{path}:{line}: is not valid YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        line = text[: getattr(error, "position", 0)].count("\n") + 1
        raise DeclarationError(
            [f"{path}:{line}: is not valid YAML: a character it does not allow"]
        ) from None
    except RecursionError:
        # Aliases of aliases, each a level deeper than the text shows.
        raise DeclarationError([f"{path}:1: its aliases nest too deeply; write it out"]) from None
    except ValueError:
        raise DeclarationError(
            [f"{path}:1: a value does not fit its explicit !!tag; drop the tag"]
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlSource(path=path, content=content, node=node)


def _looked_over(text: str) -> tuple[int, bool]:
    """How deeply collections nest, no deeper than one too deep, and whether anything is an alias.

    Events come from a loop, not by recursion. Nearly all texts are shallow to the eye, are spared
    that second parse (it would take a tenth of a night without work) and count as depth 0.
    """
    is_shallow = (
        text.count("[") + text.count("{") <= _SHALLOW_OPENINGS
        and max(map(len, text.splitlines()), default=0) <= _SHALLOW_LINE
    )
    if is_shallow:
        return 0, "&" in text  # an alias needs an anchor
    depth = deepest = 0
    has_aliases = False
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAXIMUM_DEPTH:
                break
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            has_aliases = True
    return deepest, has_aliases


def _refused_nodes(path: Path, root: yaml.Node, *, has_aliases: bool) -> Iterator[str]:
    """Duplicate keys, numbers that are none, and aliases that grow without bound."""
    if has_aliases and _expanded_size(root, {}, set()) > MAXIMUM_NODES:
        yield f"{path}:1: its aliases expand beyond {MAXIMUM_NODES:,} nodes; write it out"
        return
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            keys: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                waiting += [key, value]
                if not isinstance(key, yaml.ScalarNode):
                    continue
                at, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in keys:
                    yield f"{path}:{at}: key `{key.value}` is also on line {keys[name]}; keep one"
                keys.setdefault(name, at)
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif node.tag == _FLOAT_TAG and node.value.lower().lstrip("+-") in (
            ".inf",
            ".nan",
        ):
            yield f"{path}:{line}: a finite number is expected"
        elif node.tag == _DATE_TAG and not _is_date(node.value):
            yield f"{path}:{line}: a day of the calendar is expected, as YYYY-MM-DD"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _expanded_size(node: yaml.Node, sizes: dict[int, int], open_nodes: set[int]) -> int:
    """Nodes under `node` once every alias is written out; an alias of itself counts as too many."""
    if id(node) in open_nodes:
        return MAXIMUM_NODES + 1
    if id(node) not in sizes:
        open_nodes.add(id(node))
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        sizes[id(node)] = 1 + sum(_expanded_size(child, sizes, open_nodes) for child in children)
        open_nodes.discard(id(node))
    return sizes[id(node)]


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    """The child of `node` that `part` names, with the line a reader should look at."""
    if isinstance(node, yaml.MappingNode):
        # From the end: a merged mapping (`<<`) puts its keys first and the own ones override.
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return None


def _spelt(location: Location) -> str:
    """`contracts[0].files[1].pattern`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    return text


def _worded(found: Any) -> str:
    """A pydantic error for someone who writes YAML."""
    kind = found["type"]
    if kind == "extra_forbidden":
        return "unknown key; check its spelling or take it out"
    if kind == "missing":
        return "is missing"
    if kind == "string_type":
        return "text is expected; put it in quotes (YAML reads bare yes, no, 1 and 12:30 as others)"
    message = str(found["msg"])
    return message.removeprefix("Value error, ")
