"""Run templates that nobody has to trust: plain values only, every step counted, every result weighed.

Jinja2's sandbox keeps a template away from Python's insides; it does not keep it from using up the machine. So this
one goes further. What a template can touch is a list: these filters, these functions, these methods of plain values.
Whatever an operator, a filter, a call, a literal or a joined block makes is weighed, as deep as it goes, and each turn
of a loop and each call is a step; when the weight, the steps or the time of a render are used up, it ends. No single
step can take long, because nothing it is given can be large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame, operators
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Joiner, Namespace

from unicom.sandbox.allowed import FIELDS, FILTERS, FUNCTIONS, METHODS
from unicom.sandbox.budget import Method, Refused, Scope, current
from unicom.sandbox.sizes import called, check_operands, guarded, numbers

_NOTHING = object()


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """Weigh what is written out; asked for with the context, it is never evaluated while compiling."""
    return current().weigh(value)


class _Compiler(CodeGenerator):
    """Write steps and weights into the compiled template, where Jinja2 has no hook for them."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        node.body.insert(0, _call("step", node.lineno))
        super().visit_For(node, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("(")
        self._weighed(node.expr, frame)
        for operand in node.ops:
            self.write(f" {operators[operand.op]} ")
            self._weighed(operand.expr, frame)
        self.write(")")

    def _weighed(self, node: nodes.Node, frame: Frame) -> None:
        self.write("environment.weigh(")
        self.visit(node, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        escapes = "context.eval_ctx.autoescape" if frame.eval_ctx.volatile else repr(bool(frame.eval_ctx.autoescape))
        self.write(f"environment.joined((markup_join if {escapes} else str_join), (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        self.write("environment.weigh(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        self.write("environment.weigh(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        if node.ctx != "load":
            super().visit_Tuple(node, frame)
            return
        self.write("environment.weigh(")
        super().visit_Tuple(node, frame)
        self.write(")")


def _call(name: str, line: int) -> nodes.ExprStmt:
    function = nodes.EnvironmentAttribute(name, lineno=line)
    return nodes.ExprStmt(nodes.Call(function, [], [], None, None, lineno=line), lineno=line)


class Sandbox(ImmutableSandboxedEnvironment):
    """Be the environment that templates of messages run in."""

    code_generator_class = _Compiler
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, *, undefined: type[Undefined] = StrictUndefined, autoescape: bool = False) -> None:
        # Not optimized: constants would be worked out while compiling, outside any budget.
        super().__init__(
            undefined=undefined, autoescape=autoescape, finalize=_finalize, optimized=False, cache_size=0,
            keep_trailing_newline=True,
        )  # fmt: skip
        filters: dict[str, Any] = self.filters
        tests: dict[str, Any] = self.tests
        self.filters = {name: guarded(name, filters[name]) for name in FILTERS}
        self.tests = {name: guarded(name, test, opaque=True) for name, test in tests.items()}
        self.globals = {name: item for name, item in self.globals.items() if name in FUNCTIONS}
        self.globals["range"] = numbers
        self.functions: frozenset[Any] = frozenset(self.globals.values())

    # What the compiled template calls.

    def step(self) -> None:
        """Count a turn of a loop."""
        current().step()

    def weigh(self, value: Any) -> Any:
        """Weigh a value that was just made, or is about to be compared."""
        return current().weigh(value)

    def joined(self, join: Callable[[Any], str], parts: Iterable[Any]) -> str:
        """Join what ``~`` stands between."""
        return join(self.weigh(tuple(parts)))

    def concat(self, parts: Iterable[str]) -> str:
        """Join the pieces of a block that is kept, or of a macro."""
        pieces = parts if isinstance(parts, list) else list(parts)
        current().take(sum(map(len, pieces)) + 1)
        return "".join(pieces)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Work out what stands on both sides of an operator, if the result is of a size."""
        budget = current()
        budget.weigh(left)
        budget.weigh(right)
        check_operands(operator, left, right)
        return budget.weigh(super().call_binop(context, operator, left, right))

    def call(self, context: Context, function: Any, *given: Any, **named: Any) -> Any:
        """Call what a template may call."""
        budget = current()
        budget.step()
        if isinstance(function, Undefined):
            function._fail_with_undefined_error()
        if function == self.step:
            return None
        for item in (*given, *named.values()):
            budget.weigh(item, opaque=True)
        if isinstance(function, Method):
            return budget.weigh(called(function, *given, **named))
        if not (isinstance(function, Macro | LoopContext | Joiner) or self._is_ours(function)):
            raise Refused(f"a {type(function).__name__.lower()} cannot be called")
        return budget.weigh(super().call(context, function, *given, **named), opaque=True)

    def _is_ours(self, function: Any) -> bool:
        try:
            return function in self.functions
        except TypeError:
            return False  # a list or a dict cannot even be looked for

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what stands after a dot."""
        if isinstance(obj, Undefined):
            if attribute.startswith("_"):
                obj._fail_with_undefined_error()
            return getattr(obj, attribute)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if attribute.startswith("_"):
            raise Refused(f"{attribute!r} may not be used")
        if isinstance(obj, Namespace):
            found = getattr(obj, attribute, _NOTHING)
            return self.missing(obj, attribute) if found is _NOTHING else found
        for kind in type(obj).__mro__:
            if attribute in METHODS.get(kind, ()):
                return Method(obj, attribute)
            if attribute in FIELDS.get(kind, ()):
                return getattr(obj, attribute)
        if hasattr(obj, attribute):
            raise Refused(f"{attribute!r} may not be used")
        return self.missing(obj, attribute)

    def missing(self, obj: Any, name: Any) -> Undefined:
        """Return what stands for a value that is not there, named as the template names it."""
        path = getattr(obj, "path", "") if isinstance(obj, Scope) else ""
        return self.undefined(name=f"{path}.{name}" if path else str(name))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return what stands in brackets."""
        if isinstance(obj, Undefined):
            return obj[argument]
        current().weigh(argument)
        if isinstance(obj, dict | list | tuple | str | range):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        return self.missing(obj, argument)
