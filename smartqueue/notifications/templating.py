"""
The language in which organizations write their own words: `{{ variable }}`, `{% if variable %}` with
`elif`, `else`, `and`, `or`, `not`, and nothing else. Values are put in as they are, never evaluated.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smartqueue.notifications.errors import (
    TemplateBroken,
    TemplateForbidden,
    UnknownTemplateVariable,
)

MOST_LETTERS: Final = 5000
DEEPEST: Final = 8
_RAW: Final = re.compile(r"\{%[-+]?\s*raw\b")
_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.If,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
_environment: Final = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0
)


def check(source: str, variables: Collection[str]) -> None:
    """
    Check that a template holds nothing but what this language has, and names what there is.

    :raises TemplateBroken: it cannot be read; `line` says where
    :raises TemplateForbidden: a tag, filter, attribute, call or the like; `found` names it
    :raises UnknownTemplateVariable: `variable` is none of these
    """
    if raw := _RAW.search(source):
        raise TemplateForbidden(line=source.count("\n", 0, raw.start()) + 1, found="raw")
    try:
        tree = _environment.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateBroken(line=error.lineno) from error
    except RecursionError as error:
        raise TemplateBroken(line=1) from error
    _check_node(tree, frozenset(variables), 0)


def _check_node(node: nodes.Node, variables: frozenset[str], depth: int) -> None:
    # Branches of one `if` stand beside each other; only what is inside another is deeper.
    depth += isinstance(node, nodes.If | nodes.And | nodes.Or | nodes.Not)
    if not isinstance(node, _ALLOWED) or depth > DEEPEST:
        raise TemplateForbidden(line=node.lineno, found=type(node).__name__.lower())
    if isinstance(node, nodes.Name):
        if node.ctx != "load":
            raise TemplateForbidden(line=node.lineno, found="set")
        if node.name not in variables:
            raise UnknownTemplateVariable(line=node.lineno, variable=node.name)
    for child in node.iter_child_nodes():
        _check_node(child, variables, depth)


def render(source: str, values: Mapping[str, Any], variables: Collection[str]) -> str:
    """
    Fill a template in; a variable that the values lack is empty.

    :raises TemplateBroken, TemplateForbidden, UnknownTemplateVariable: as `check`
    """
    given = {name: values.get(name, "") for name in variables}
    return _compiled(source, frozenset(variables)).render(given)


@lru_cache(maxsize=512)
def _compiled(source: str, variables: frozenset[str]) -> Template:
    check(source, variables)
    return _environment.from_string(source)
