"""Make mutants: copies of a module with one small change each."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Break: (ast.Continue,),
    ast.Continue: (ast.Break,),
}
PAIRS = (  # functions that take each other's place
    *(("add", "subtract"), ("multiply", "divide"), ("min", "max"), ("any", "all")),
    *(("minimum", "maximum"), ("cos", "sin"), ("floor", "ceil"), ("exp", "expm1")),
    *(("sqrt", "square"), ("argmax", "argmin"), ("less", "less_equal"), ("sum", "prod")),
    ("greater", "greater_equal"),
)
FUNCTIONS = dict(PAIRS) | {second: first for first, second in PAIRS}


@dataclass(frozen=True)
class Mutant:
    """Hold a changed module.

    Args:
        file: the module, seen from the project.
        number: of the line, from 1.
        last: number of the last line that is changed.
        line: text of the line, without indentation.
        changed: its text after the change.
        in_function: whether the line runs when a function does, and not at import.
        source: the changed module.
    """

    file: str
    number: int
    last: int
    line: str
    changed: str
    in_function: bool
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what names the mutant even when lines move."""
        return self.file, self.line, self.changed


def make_mutants(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines.

    Only code that computes is changed: no names, texts, annotations or docstrings.
    """
    tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    inside = _lines_of_functions(tree)
    mutants = {}
    for node, replacement in _changes(tree):
        code = ast.unparse(replacement)
        if isinstance(replacement, _COMPOUND):
            code = f"({code})"
        changed = _replace(lines, node, code)
        number, last = node.lineno, node.end_lineno or node.lineno
        before, after = (text.splitlines()[number - 1].strip() for text in (source, changed))
        mutants[changed] = Mutant(
            file, number, last, before, after, inside.issuperset({number, last}), changed
        )
    return sorted(mutants.values(), key=lambda mutant: (mutant.number, mutant.changed))


def draw_mutants(modules: Mapping[str, str], number: int, seed: int) -> list[Mutant]:
    """Draw mutants from all modules in turn, so that each has about as many as the others.

    Args:
        modules: source by file.
        number: how many to draw; fewer, if there are no more.
        seed: of the draw.
    """
    drawn: list[Mutant] = []
    decks = []
    for file, source in modules.items():
        deck = make_mutants(file, source)
        random.Random(f"{seed} {file}").shuffle(deck)
        decks.append(deck)
    while len(drawn) < number and any(decks):
        for deck in decks:
            if deck and len(drawn) < number:
                drawn.append(deck.pop())
    return sorted(drawn, key=lambda mutant: (mutant.file, mutant.number))


_COMPOUND = (ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.IfExp)
_Located = ast.expr | ast.stmt


def _changes(tree: ast.AST) -> Iterator[tuple[_Located, ast.AST]]:
    """Yield each node that can be changed, with what takes its place."""
    for node in _code(tree):
        match node:
            case ast.BinOp(op=operator) | ast.AugAssign(op=operator):
                yield from ((node, _with(node, op=op())) for op in _swaps(operator))
            case ast.BoolOp(op=operator):
                yield from ((node, _with(node, op=op())) for op in _swaps(operator))
            case ast.Compare(ops=[operator, *others]):
                for op in _swaps(operator):
                    yield node, _with(node, ops=[op(), *others])
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                yield node, operand
            case ast.Constant(value=bool(value)):
                yield node, ast.Constant(not value)
            case ast.Constant(value=int(value) | float(value)):
                yield node, ast.Constant(value + 1)
                if value:
                    yield node, ast.UnaryOp(ast.USub(), ast.Constant(value))
            case ast.IfExp(test=test):
                yield node, _with(node, test=_negated(test))
            case ast.Call(func=ast.Attribute(attr=name) as function) if name in FUNCTIONS:
                yield node, _with(node, func=_with(function, attr=FUNCTIONS[name]))
            case ast.Call(func=ast.Name(id=name) as function) if name in FUNCTIONS:
                yield node, _with(node, func=_with(function, id=FUNCTIONS[name]))
            case ast.Subscript(slice=ast.Name() | ast.BinOp() as index):
                yield node, _with(node, slice=ast.BinOp(index, ast.Sub(), ast.Constant(1)))
            case ast.Break() | ast.Continue():
                yield from ((node, op()) for op in _swaps(node))
            case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
                yield node, ast.Return(ast.Constant(None))
        if isinstance(node, ast.If | ast.While):
            yield node.test, _negated(node.test)
        if _can_be_left_out(node):
            assert isinstance(node, ast.stmt)
            yield node, ast.Pass()


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it that compute.

    `strict=` only guards against our own bugs, a planted mistake stays one, and what is imported
    for type checking is for no one else.
    """
    match node:
        case ast.JoinedStr() | ast.keyword(arg="strict"):
            return
        case ast.AnnAssign(target=ast.Name(id="mistake")) | ast.If(test=ast.Name("TYPE_CHECKING")):
            return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _swaps(operator: ast.AST) -> tuple[type[ast.AST], ...]:
    return SWAPS.get(type(operator), ())


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """Return a copy of a node with other fields."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _can_be_left_out(node: ast.AST) -> bool:
    """Return whether code without this statement still knows all its names."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False  # a docstring
        case ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return False  # a subclass has this method
        case ast.Expr() | ast.AugAssign() | ast.Raise():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _replace(lines: Sequence[str], node: _Located, text: str) -> str:
    """Return the lines with other text in the place of a node."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    first, last = lines[node.lineno - 1].encode(), lines[node.end_lineno - 1].encode()
    head, tail = first[: node.col_offset].decode(), last[node.end_col_offset :].decode()
    kept = "\n" * (node.end_lineno - node.lineno) if isinstance(node, ast.stmt) else ""
    return "".join([*lines[: node.lineno - 1], head, text, kept, tail, *lines[node.end_lineno :]])


def _lines_of_functions(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines in the bodies of functions."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            lines |= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return lines
