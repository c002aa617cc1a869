"""Work out how large a result will be before it is made, and guard filters and tests with that."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from unicom.sandbox.budget import ITEM, MAX_BITS, MAX_VALUE, Method, Refused, current

MAX_WIDTH = 1000
MAX_RANGE = 100_000
# The flags, the width and the precision of a conversion, after its key in parentheses.
_WIDTHS = re.compile(r"[-+ #0]*(\*|\d*)(?:\.(\*|\d*))?")


def numbers(*limits: Any) -> range:
    """Be ``range``, with an end."""
    found = range(*limits)
    if len(found) > MAX_RANGE:
        raise Refused(f"range() gives at most {MAX_RANGE:,} numbers")
    return found


def _check_replace(text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> None:
    times = str(text).count(str(old)) if isinstance(old, str) else 0
    current().take(len(str(text)) + times * len(str(new)))


def _check_join(items: Any, separator: Any = "", *_: Any, **__: Any) -> None:
    count = len(items) if hasattr(items, "__len__") else 0
    current().take(count * (len(str(separator)) + 1))


def _check_format(text: Any, *given: Any, **named: Any) -> None:
    """Refuse a text that ``%`` would blow up: by a width, or by naming one value again and again."""
    form, at, total, count = str(text), 0, 0, 0
    while (at := form.find("%", at)) >= 0:
        at = _after_key(form, at + 1)
        found = _WIDTHS.match(form, at)
        assert found is not None  # noqa: S101  it matches nothing as well
        for width in found.groups():
            if width == "*" or len(width or "") > 3:
                raise Refused(f"it asks for a width of more than {MAX_WIDTH - 1}")
            total += int(width or 0)
        at = found.end() + 1
        count += 1
    current().take(total)
    for values in (named, *given):
        if isinstance(values, dict):
            current().take(count * _weight([*values.values()]))


def _after_key(form: str, at: int) -> int:
    """Return where the key in parentheses ends that begins here; parentheses within it count."""
    if form[at : at + 1] != "(":
        return at
    depth = 0
    for place in range(at, len(form)):
        depth += {"(": 1, ")": -1}.get(form[place], 0)
        if not depth:
            return place + 1
    return len(form)


def _check_width(value: Any, *given: Any, **named: Any) -> None:
    """Refuse a width or a number of columns beyond reason."""
    for number in (*given[:1], *(named.get(name, 0) for name in ("width", "linecount", "slices"))):
        if isinstance(number, int | float) and not abs(number) <= MAX_WIDTH:
            raise Refused(f"it asks for a width of more than {MAX_WIDTH}")


def _check_indent(text: Any, *given: Any, **named: Any) -> None:
    _check_width(text, *given, **named)
    width = named.get("width", given[0] if given else 4)
    current().take((str(text).count("\n") + 1) * (width if isinstance(width, int) else len(str(width))))


def _check_wrap(text: Any, *given: Any, **named: Any) -> None:
    _check_width(text, *given, **named)
    line = named.get("wrapstring", given[2] if len(given) > 2 else "")
    current().take((len(str(text)) + 1) * (len(str(line or "")) + 1))


def _check_round(value: Any, precision: Any = 0, *_: Any, **__: Any) -> None:
    if isinstance(precision, int) and abs(precision) > 20:
        raise Refused("numbers are rounded to at most 20 places")


def _check_sum(items: Any, attribute: Any = None, start: Any = 0) -> None:
    # Lists can be added, too: each time all of them anew.
    if not isinstance(start, int | float | Decimal):
        raise Refused("only numbers are added up")


def _check_json(value: Any, indent: Any = None) -> None:
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 8):
        raise Refused("JSON is indented by at most 8")


CHECKS: dict[str, Callable[..., None]] = {
    "batch": _check_width,
    "center": _check_width,
    "format": _check_format,
    "indent": _check_indent,
    "join": _check_join,
    "replace": _check_replace,
    "round": _check_round,
    "slice": _check_width,
    "sum": _check_sum,
    "tojson": _check_json,
    "wordwrap": _check_wrap,
}


def guarded(name: str, function: Callable[..., Any], *, opaque: bool = False) -> Callable[..., Any]:
    """Return a filter or a test that weighs what it is given and what it makes."""
    passes = getattr(function, "jinja_pass_arg", None)
    check = CHECKS.get(name)

    def guarded(*given: Any, **named: Any) -> Any:
        budget = current()
        budget.step()
        head, rest = (given[:1], given[1:]) if passes is not None else ((), given)
        rest = tuple(budget.weigh(item, opaque=opaque) for item in rest)
        for item in named.values():
            budget.weigh(item)
        if check is not None:
            check(*rest, **named)
        return budget.weigh(function(*head, *rest, **named))

    if passes is not None:
        guarded.jinja_pass_arg = passes  # type: ignore[attr-defined]
    return guarded


def called(method: Method, *given: Any, **named: Any) -> Any:
    """Call a method of a plain value."""
    if isinstance(method.of, str) and method.name == "replace":
        _check_replace(method.of, *given, **named)
    elif isinstance(method.of, str) and method.name == "join":
        _check_join(*given, method.of)
    result = getattr(method.of, method.name)(*given, **named)
    return list(result) if isinstance(method.of, dict) and method.name != "get" else result


def _size_of_product(left: Any, right: Any) -> None:
    for items, times in ((left, right), (right, left)):
        if isinstance(items, str | list | tuple) and isinstance(times, int):
            one = len(items) if isinstance(items, str) else _weight(items)
            if one * max(times, 0) > MAX_VALUE:
                raise Refused(f"it makes a value of more than {MAX_VALUE:,} characters or items")


def _weight(value: Any) -> int:
    """Return what a value that has been weighed counts for in a larger one."""
    if isinstance(value, str):
        return len(value) + ITEM
    if isinstance(value, dict):
        return ITEM + sum(_weight(item) for pair in value.items() for item in pair)
    return ITEM + sum(map(_weight, value)) if isinstance(value, list | tuple) else ITEM


def _size_of_power(base: Any, exponent: Any) -> None:
    numbers = isinstance(base, int) and isinstance(exponent, int)
    if not numbers and not (isinstance(base, int | float) and isinstance(exponent, int | float)):
        raise Refused("only numbers have powers")
    if numbers and abs(base) > 1 and base.bit_length() * abs(exponent) > MAX_BITS:
        raise Refused("it makes a number that is too large")


def _size_of_format(left: Any, right: Any) -> None:
    if isinstance(left, str):
        _check_format(left, right)


_SIZES: dict[str, Callable[[Any, Any], None]] = {"*": _size_of_product, "**": _size_of_power, "%": _size_of_format}


def check_operands(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large."""
    if operator in _SIZES:
        _SIZES[operator](left, right)
