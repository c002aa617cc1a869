"""Try to break out of a template, and to use up the machine with one."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from unicom import templating
from unicom.errors import TemplateProblem

pytestmark = pytest.mark.once

CONTEXT: dict[str, Any] = {
    "variables": {"name": "Ann", "items": [{"title": "a"}, {"title": "b"}], "n": 3},
    "message": {"subject": "s", "html": "<b>", "to": ["a@example.org"]},
    "channel": {"id": 1, "name": "c", "platform": "P"},
    "sender": {"username": "ann"},
}
# From advisories and collections of server-side template injections.
ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ {}.__class__.__bases__[0].__subclasses__()[40]('/etc/passwd').read() }}",
    "{{ (0).__class__.__base__ }}",
    "{{ variables['__class__'] }}",
    "{{ variables['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ variables|attr('__class__') }}",
    "{{ variables|attr('\\x5f\\x5fclass\\x5f\\x5f')|attr('__base__') }}",
    "{{ variables|attr(['_'*2,'class','_'*2]|join) }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ namespace.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ now.__globals__ }}",
    "{{ now().__class__ }}",
    "{{ now().__reduce__() }}",
    "{{ dict.mro() }}",
    "{{ dict.__base__.__subclasses__() }}",
    "{{ range.__class__ }}",
    "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ get_flashed_messages.__globals__.__builtins__.open('/etc/passwd').read() }}",
    "{{ url_for.__globals__ }}",
    "{{ config.items() }}",
    # str.format reached attributes (CVE-2016-10745), format_map did (CVE-2019-10906), stored and filtered formats did
    # (CVE-2024-56326, CVE-2025-27516).
    "{{ '{0.__class__}'.format(variables) }}",
    "{{ '{0.__class__.__init__.__globals__}'.format_map({'0': variables}) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(variables) }}",
    "{{ ('{0.__class__}'|safe).format(variables) }}",
    "{{ ['{0.__class__}']|map('format', variables)|list|first|attr('x') }}",
    "{{ '{0.__class__}'|attr('format')(variables) }}",
    "{{ ['{0.__class__}'.format]|map('attr', '__call__')|list }}",
    "{{ [variables]|map(attribute='__class__')|list }}",
    "{{ [variables]|map(attribute='name.__class__')|list }}",
    "{{ [variables.name]|groupby('__class__') }}",
    "{{ [variables.name]|sum(attribute='__class__') }}",
    "{{ [variables.name]|sort(attribute='__class__') }}",
    "{{ [variables.name]|selectattr('__class__')|list }}",
    "{{ [variables.name]|rejectattr('__class__')|list }}",
    "{{ [variables.name]|unique(attribute='__class__')|list }}",
    "{{ [variables.name]|max(attribute='__class__') }}",
    "{{ [variables.name]|join(attribute='__class__') }}",
    "{{ {'a b': 1}|xmlattr }}",
    "{% for item in self.__dict__ %}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% for x in [1] %}{{ loop.__class__ }}{{ loop._iterator.gi_frame }}{% endfor %}",
    "{% call(x) m() %}{% endcall %}",
    "{% set ns = namespace() %}{{ ns.__class__ }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 'x' %}{{ ns }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import popen %}",
    "{% extends '/etc/passwd' %}",
    "{% block x %}{{ self.x() }}{% endblock %}",
    "{% set variables.name = 'x' %}",
    "{{ variables.update({'name': 'x'}) }}",
    "{{ variables.pop('name') }}",
    "{{ variables['items'].append('x') }}",
    "{{ variables.name.encode('utf-16') }}",
    "{% do variables.clear() %}",
    "{% debug %}",
    "{{ caller() }}",
    "{{ context }}{{ environment }}",
    "{{ self }}",
]
BOMBS = [
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [0] * 10**9 }}",
    "{{ 9**(9**9) }}",
    "{{ 10 ** (10 ** 9) }}",
    "{{ -(10**9)**500 }}",
    "{% set ns = namespace(n=9) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}",
    "{% for i in range(10**5) if false %}{% endfor %}{% for i in range(10**5) %}{{ range(10**5)|list }}{% endfor %}",
    "{% for i in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ 'a'|center(10**9) }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ 'a'.center(10**9) }}{{ 'a'.zfill(10**9) }}",
    "{{ '\\t'.expandtabs(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '%.1000000000f'|format(1) }}",
    "{{ '%*d'|format(1000000000, 1) }}",
    "{{ '%((a))1000000000d' % {'(a)': 1} }}",
    "{{ ('%(a)s' * 100000) % {'a': 'x' * 500000} }}",
    "{{ ('%999d' * 50000) % ((1,) * 50000) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'a'.replace('', 'b' * 100000).replace('b', 'c' * 100000) }}",
    "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "{{ ''.join(['a' * 1000000] * 1000000) }}",
    "{{ ('a' * 1000).join(range(100000)|map('string')) }}",
    "{{ (['a' * 1000] * 1000)|join('b' * 100000) }}",
    "{{ 'a'|indent(10**9) }}",
    "{{ ('a\\n' * 100000)|indent('x' * 100000, true) }}",
    "{{ ('a ' * 10000)|wordwrap(1, wrapstring='x' * 100000) }}",
    "{{ [1]|batch(10**9, 0)|list }}",
    "{{ [1]|slice(10**9)|list }}",
    "{{ 1|round(-1000000000) }}",
    "{{ 1.5|round(1000000000, 'ceil') }}",
    "{{ [[1]]|sum(start=[]) }}",
    "{{ (1, 2)|tojson(indent=1000000000) }}",
    "{{ lipsum(n=10**8) }}",
    "{% filter center(100000000) %}a{% endfilter %}",
    "{{ [1]|map('center', 1000000000)|list }}",
    "{% set ns = namespace(s='abcdefgh') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s='abcdefgh') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s='abcdefgh') %}{% for i in range(99) %}{% set x %}{{ ns.s }}{{ ns.s }}{% endset %}"
    "{% set ns.s = x %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=(1,)) %}{% for i in range(99) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}",
    "{% set n = namespace(s={}) %}{% for i in range(99) %}{% set n.s = {'a': n.s, 'b': n.s} %}{% endfor %}{{ n.s }}",
    "{% set n = namespace(s=1) %}{% for i in range(99) %}{% set n.s = namespace(a=n.s, b=n.s) %}{% endfor %}{{ n.s }}",
    "{% set ns = namespace(t=1) %}{% for i in range(50000) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t }}",
    "{% for i in range(90000) %}{% set s = 'x' * 900000 %}{% endfor %}",
    "{% for i in range(90000) %}" + "x" * 10_000 + "{% endfor %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "+".join(["1"] * 50_000) + " }}",
    "{{ [" + "1," * 60_000 + "] }}",
    "{{ " + "9" * 100_000 + " }}",
    "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "{{ variables.name }}" * 100_000,
]


@pytest.mark.parametrize("html", [False, True], ids=["text", "html"])
@pytest.mark.parametrize("source", ESCAPES)
def test_published_escapes_fail(source: str, html: bool) -> None:
    with pytest.raises(TemplateProblem) as caught:
        templating.render(source, CONTEXT, html=html)
    assert str(caught.value).startswith("line 1")
    assert "\n" not in str(caught.value)
    # Nor does a preview, which forgives what is not there, let anything out.
    shown = templating.preview(source, CONTEXT, html=html)
    assert not any(word in shown.text for word in ("class '", "&lt;class", "root:", "uid=", "<function", "object at"))


@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:60])
def test_nothing_a_template_does_uses_up_the_machine(source: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(TemplateProblem) as caught:
            templating.render(source, CONTEXT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Tracing alone makes it several times slower; unguarded the first one takes 22 seconds and a gigabyte.
    assert time.process_time() - began < 20
    assert peak < 200_000_000
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_thousand_honest_renders_end() -> None:
    for number in range(1000):
        context = {**CONTEXT, "variables": {"name": f"Ann {number}"}}
        assert templating.render("Hi {{ variables.name }}", context) == f"Hi Ann {number}"


def test_a_table_of_a_thousand_rows_is_no_bomb() -> None:
    rows = [{"title": f"Thing {n}", "price": n} for n in range(1000)]
    row = "<tr><td>{{ row.title }}</td><td>{{ '%.2f'|format(row.price) }}</td></tr>"
    made = templating.render(
        "{% for row in variables.rows %}" + row + "{% endfor %}", {"variables": {"rows": rows}}, html=True
    )
    assert made.count("<tr>") == 1000
    assert made.endswith("<td>999.00</td></tr>")
