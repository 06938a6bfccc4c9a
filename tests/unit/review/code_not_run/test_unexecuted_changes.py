"""Tests of the findings about changed code that a program did not execute."""

import builtins
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from review.code_not_run.executed_parts import find_recorded, read_record
from review.code_not_run.unexecuted_changes import MOST, MOST_OF_FILE, find_not_run
from review.model import Finding
from review.stacks.stack import Stack
from sandbox.engine.replay import executed_code

Review = Callable[..., list[Finding]]

HEADER = "# A program\ndeclare, no, yes = (lambda *a: a), (lambda *a: False), (lambda *a: True)\n"


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Provide two trees with a project."""
    for tree in ("base", "head"):
        (tmp_path / tree).mkdir()
        (tmp_path / tree / "Pulumi.yaml").write_text("name: pipe")
        (tmp_path / tree / "Pulumi.dev.yaml").write_text("config:")
    return tmp_path / "base", tmp_path / "head"


@pytest.fixture
def review(trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Review:
    """Provide a function for the findings about a main script, which it runs."""

    def find(before: str, after: str, **others: str) -> list[Finding]:
        for tree, text in zip(trees, (before, after), strict=True):
            (tree / "__main__.py").write_text(HEADER + textwrap.dedent(text))
        executed: set[tuple[int, int]] = set()
        monkeypatch.setattr(builtins, executed_code.MARK, executed.add, raising=False)
        main = trees[1] / "__main__.py"
        code = executed_code.compile_with_marks(main.read_bytes(), f"{main}", 0)
        exec(code, {"__name__": "__main__"})
        record = {main: {index for _, index in executed}}
        return find_not_run([Stack("dev", executed=record)], trees)

    return find


def messages(findings: list[Finding]) -> list[str]:
    return [finding.message.replace(" did not run in this review", "") for finding in findings]


NOT_RUN = {
    "a branch": ("if no():\n    declare(1)", ["__main__.py:4: declare(1)"]),
    "an else": ("if yes():\n    pass\nelse:\n    declare(1)", ["__main__.py:6: declare(1)"]),
    "an elif": ("if yes():\n    pass\nelif no():\n    declare(1)", ["__main__.py:5-6: elif no():"]),
    "a conditional expression": ("a = declare(1) if no() else 2", ["__main__.py:3: declare(1)"]),
    "a constant in one": ('a = 1 if yes() else "0.0.0.0/0"', ['__main__.py:3: "0.0.0.0/0"']),
    "an operand": ("no() and declare(1)", ["__main__.py:3: declare(1)"]),
    "an operand of a condition": ("if yes() or declare(1):\n    pass", ["__main__.py:3: declare(1)"]),
    "a comparison": ("1 < 0 < declare(1)", ["__main__.py:3: declare(1)"]),
    "an alternative": ('a = yes() or "b"', ['__main__.py:3: "b"']),
    "a lambda": ("a = lambda: declare(1)", ["__main__.py:3: declare(1)"]),
    "a comprehension": ("[declare(a) for a in ()]", ["__main__.py:3: declare(a)"]),
    "its condition": ("{a for a in () if declare(1)}", ["__main__.py:3: a; declare(1)"]),
    "its second iterable": (
        "{a: b for a in () for b in declare(1)}",
        ["__main__.py:3: a; b; declare(1)"],
    ),
    "a loop": ("for a in ():\n    declare(a)", ["__main__.py:4: declare(a)"]),
    "a while": ("while no():\n    declare(1)", ["__main__.py:4: declare(1)"]),
    "its else": ("for a in 'ab':\n    break\nelse:\n    declare(1)", ["__main__.py:6: declare(1)"]),
    "an except": (
        "try:\n    yes()\nexcept ValueError:\n    declare(1)\nelse:\n    yes()\nfinally:\n    yes()",
        ["__main__.py:6: declare(1)"],
    ),
    "the type of an except": (
        "try:\n    yes()\nexcept declare(1):\n    pass",
        ["__main__.py:5: declare(1)"],
    ),
    "what follows an error": (
        "try:\n    yes()\n    int('a')\n    declare(1)\nexcept ValueError:\n    yes()",
        ["__main__.py:6: declare(1)"],
    ),
    "what is no error": ("try:\n    if no():\n        raise declare(1)\nfinally:\n    yes()", 1),
    "a function of an error": (
        "try:\n    if no():\n        raise ValueError(sorted('a', key=declare))\nfinally:\n    yes()",
        1,
    ),
    "what an error has": ("try:\n    if no():\n        raise ValueError(declare(1))\nfinally:\n    yes()", 1),
    "a case": (
        "match 2:\n    case 1:\n        yes()\n    case a if a > 2:\n        no()\n    case _:\n        a",
        ["__main__.py:5: yes()", "__main__.py:7: no()"],
    ),
    "a guard": ("match 2:\n    case 1 if declare(1):\n        pass\n    case _:\n        yes()", 1),
    "a function": ("def a(b):\n    return declare(b)", ["__main__.py:3-4 was not called in this review: a"]),
    "a method with a decorator": (
        "class A:\n    @property\n    def a(self):\n        return declare(self)",
        ["__main__.py:4-6 was not called in this review: a"],
    ),
    "a coroutine": (
        "async def a():\n    yes()\n    if no():\n        await yes()\nnext(a().__await__(), 0)",
        ["__main__.py:6: await yes()"],
    ),
    "a generator": ("def a():\n    yield 1\n    declare(1)\nnext(a())", ["__main__.py:5: declare(1)"]),
    "an early end": (
        "def a():\n    if no():\n        return\n    declare(1)\na()",
        ["__main__.py:5: return"],
    ),
    "several lines": (
        "if no():\n    declare(\n        1,\n    )\n    # more\n\n    declare(2)\nyes()",
        ["__main__.py:4-9: declare(; declare(2)"],
    ),
    "an import": ("if no():\n    import x", ["__main__.py:4: import x"]),
    "a part of an f-string": ("a = f'{yes()} {declare(1) if no() else 2}'", ["__main__.py:3: declare(1)"]),
    "what a constant leaves out": ("if False:\n    declare(1)", ["__main__.py:4: declare(1)"]),
    "what follows an error in a statement": (
        "try:\n    a = [{}[1], declare(1)]\nexcept KeyError:\n    yes()",
        ["__main__.py:4: declare(1)"],
    ),
    "a call of what an error leaves out": (
        "try:\n    yes(1)({}[1])\nexcept KeyError:\n    yes()",
        ["__main__.py:4: yes(1)({}[1])"],
    ),
    "the second call of a chain": (
        "from contextlib import suppress\nwith suppress(ValueError):\n    int('a').real(declare)",
        ["__main__.py:5: int('a').real(declare)"],
    ),
    "an argument by name": (
        "try:\n    declare(a={}[1], **{})\nexcept KeyError:\n    yes()",
        ["__main__.py:4: declare(a={}[1], **{})"],
    ),
    "an argument that is unpacked": (
        "try:\n    declare(*(1 / a for a in [0]))\nexcept ZeroDivisionError:\n    yes()",
        ["__main__.py:4: declare(*(1 / a for a in [0]))"],
    ),
    "what follows a yield": (
        "def a():\n    yield [(yield), declare(1)]\nnext(a())",
        ["__main__.py:4: yield [(yield), declare(1)]"],
    ),
    "an item after a yield": (
        "def a():\n    b = [(yield), declare(1)]\nnext(a())",
        ["__main__.py:4: declare(1)"],
    ),
    "what follows a yield from": (
        "def a():\n    b = [(yield from 'ab'), declare(1)]\nnext(a())",
        ["__main__.py:4: declare(1)"],
    ),
    "what follows an await": (
        "class A:\n    def __await__(self):\n        yield\nasync def a():\n"
        "    b = [await A(), declare(1)]\nb = a()\nb.send(None)",
        ["__main__.py:7: declare(1)"],
    ),
    "the rest of an item of a comprehension": (
        "try:\n    a = [(int('a'), declare(b)) for b in 'a']\nexcept ValueError:\n    yes()",
        ["__main__.py:4: declare(b)"],
    ),
    "the rest of an f-string": (
        "try:\n    a = f'{int(\"a\")} {declare(1)}'\nexcept ValueError:\n    yes()",
        ["__main__.py:4: declare(1)"],
    ),
    "an operator": (
        "try:\n    a = yes + {}[1]\nexcept KeyError:\n    yes()",
        ["__main__.py:4: yes + {}[1]"],
    ),
    "an operator that assigns": (
        "a = yes\ntry:\n    a += {}[1]\nexcept KeyError:\n    yes()",
        ["__main__.py:5: a += {}[1]"],
    ),
    "an attribute that is set": (
        "try:\n    yes.a = {}[1]\nexcept KeyError:\n    yes()",
        ["__main__.py:4: yes.a"],
    ),
    "an item that is removed": (
        "a = {}\ntry:\n    del a[1], a[2]\nexcept KeyError:\n    yes()",
        ["__main__.py:5: a[2]"],
    ),
    "a decorator": (
        "try:\n    @declare\n    def a(b={}[1]):\n        pass\nexcept KeyError:\n    yes()",
        ["__main__.py:4-6: def a(b={}[1]):"],
    ),
    "a default": (
        "try:\n    def a(b={}[1], c=declare(1)):\n        pass\nexcept KeyError:\n    yes()",
        ["__main__.py:4: declare(1)"],
    ),
    "a class": (
        "try:\n    class A(type(yes)):\n        a = {}[1]\nexcept KeyError:\n    yes()",
        ["__main__.py:4-5: class A(type(yes)):"],
    ),
    "a condition after an error": (
        "try:\n    if {}[1] == declare(1):\n        pass\nexcept KeyError:\n    yes()",
        ["__main__.py:4: {}[1] == declare(1)"],
    ),
    "a manager": (
        "from contextlib import suppress\nwith suppress(KeyError), suppress({}[1]), declare(1):\n    pass",
        ["__main__.py:4: suppress({}[1]); declare(1)"],
    ),
    "an assertion": ("assert yes(), declare(1)", ["__main__.py:3: declare(1)"]),
    "a message": ("assert yes(), f'{yes}'", ["__main__.py:3: f'{yes}'"]),
    "an index in a condition": ("if no() and a[1]:\n    pass", ["__main__.py:3: a[1]"]),
    "the truth of an object": ("if no() and a:\n    pass", ["__main__.py:3: a"]),
    "an operator in a condition": ("if no() and not a + 1:\n    pass", ["__main__.py:3: not a + 1"]),
    "a part of a comparison": ("a = 1 < 0 < b[1]", ["__main__.py:3: b[1]"]),
    "an annotation": ("if no():\n    a[1].b: int", ["__main__.py:4: a[1].b: int"]),
    "an annotation of a name": ("if no():\n    a: int", ["__main__.py:4: a: int"]),
    "what an annotation calls": ("if no():\n    a: declare(1)", ["__main__.py:4: a: declare(1)"]),
    "the target of a loop": ("for declare(1)[0] in ():\n    pass", ["__main__.py:3: declare(1)[0]"]),
    "one of two targets": ("for a, *b[1] in ():\n    ...", ["__main__.py:3: a, *b[1]"]),
    "the pattern of a case": ("match 1:\n    case 1:\n        yes()\n    case a.b:\n        pass", 1),
    "the class of a case": ("match 1:\n    case 1:\n        yes()\n    case a():\n        ...", 1),
    "the owner of an error": ("try:\n    yes()\nexcept a.b:\n    pass", ["__main__.py:5: a.b"]),
    "an error that something swallows": (
        "from contextlib import suppress\nwith suppress(ValueError):\n    if no():\n        raise ValueError",
        ["__main__.py:6: raise ValueError"],
    ),
    "a function that is called like an error": (
        "def anError():\n    return ValueError()\nanError()\nif no():\n    raise anError()",
        ["__main__.py:7: raise anError()"],
    ),
    "a class that an error has": ("if no():\n    raise ValueError(type('A', (a,), {}))", 1),
    "a format that an error has": (
        "if no():\n    raise ValueError(f'{yes:0}')",
        ["__main__.py:4: raise ValueError(f'{yes:0}')"],
    ),
    "an attribute that an error has": ("if no():\n    raise ValueError(f'{yes.a}')", 1),
    "a list that an error has": ("if no():\n    raise ValueError(list(a))", 1),
    "the cause of an error": ("if no():\n    raise ValueError from yes()", 1),
    "an exit": ("if no():\n    raise SystemExit", ["__main__.py:4: raise SystemExit"]),
    "an error in a variable": ("a = SystemExit(0)\nif no():\n    raise a", 1),
    "an error with the name of another one": ("ValueError = SystemExit\nif no():\n    raise ValueError", 1),
    "an imported error": (
        "from json import JSONDecodeError as ValueError\nif no():\n    raise ValueError",
        1,
    ),
    "an error of the program's own": ("class AError(SystemExit):\n    pass\nif no():\n    raise AError", 1),
    "the end of an iteration": ("if no():\n    raise StopIteration", 1),
    "imports for types": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b", 1),
}


@pytest.mark.parametrize("case", NOT_RUN)
def test_changed_code_that_did_not_run_is_named(case: str, review: Review) -> None:
    source, expected = NOT_RUN[case]
    texts = messages(review("", source))
    assert len(texts) == expected if isinstance(expected, int) else texts[: len(expected)] == expected, texts
    assert not review(source, source), "nothing is changed"


RUN = {
    "a declaration": "yes()\nfor a in range(2):\n    if a:\n        declare(a)\n    else:\n        yes()",
    "an error": "if no():\n    raise ValueError(f'{yes} and {no!r}', 2) from None",
    "nothing": "'''Doc.'''\nif no():\n    pass\nelse:\n    ...",
    "a stub": "class A:\n    'Doc.'\n    def a():\n        'Doc.'\n    def b():\n        raise TypeError",
    "a condition": "if no() and not (a is None or 1) or yes(): # a is nowhere\n    declare(1)",
    "an expected error": "try:\n    int('a')\nexcept (ValueError, OSError):\n    declare(1)",
    "a future": "def a(b: int | None = None) -> int:\n    global c\n    c = b\n    return 1\na()",
    "a comprehension": "[declare(a) for a in range(3) if a]\nb = {a: a for a in range(3) for c in range(a)}",
    "a with": "from contextlib import suppress\nwith suppress(ValueError):\n    declare(1)",
    "a message": "assert yes(), 'no'",
    "operations": """
        import dataclasses, enum, os
        from contextlib import suppress
        class A:
            a, b = 1, 2
            def __init__(self, *c, d=-1):
                super().__init__()
                self.c: list[int] = [*c][::1][:2]
                self.c[0], self.d = 1, d
                self.c[1:] = [~self.d, 2 < 3 < 4]
        class B(A, metaclass=type):
            @property
            def e(self): return self.d
            def __getitem__(self, a): return a
        @dataclasses.dataclass(frozen=True)
        class C:
            "Doc."
            f: int = dataclasses.field(default=1)
        class D(enum.Enum):
            G = "g"
        def run():
            h = B(*"ab", **{"d": 3})
            h.d += (yield h[1:2, ::3]) or 1
            del h.c[0], h.c
            with suppress(KeyError):
                os.environ["missing"]
            print(f"{h.e:>{C().f}} {D.G!r}", "%s" % 1, sep="", end="", file=open(os.devnull, "w"))
            return (yield from map(str, [1]))
        list(a for a in run() if a)[0:1]
    """,
    "another error": "try:\n    yes()\nexcept ValueError as error:\n    raise TypeError('no') from error",
    "a long condition": f"if no() and {'not ' * 900} True:\n    pass",
    "the target of a loop": "for a, (b, *c) in ():\n    pass",
    "a case": "match 1:\n    case 1:\n        yes()\n    case None | _:\n        pass",
}


@pytest.mark.parametrize("case", RUN)
def test_code_that_runs_or_does_nothing_is_not_named(case: str, review: Review) -> None:
    assert messages(review("", textwrap.dedent(RUN[case]))) == []


OLD = "def a(b):\n    if b():\n        declare(1)\na(no)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD, f"class A:\n{textwrap.indent(OLD, '    ')}"),  # moved into a class
        (OLD, f"{OLD}declare(2)\n"),
        (OLD, OLD.replace("def a(b)", "def a(b, *, c=1)")),
        (OLD, OLD.replace("a(", "other(")),  # another name
        ("a = 1\nif no():\n    declare(1)", "a = 2\nif no():\n    declare(1)"),
    ],
)
def test_old_code_that_does_not_run_is_not_named(before: str, after: str, review: Review) -> None:
    assert messages(review(before, after)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD, OLD.replace("if b()", "if b(2)")),
        (OLD, OLD.replace("declare(1)", "declare(2)")),
        (OLD, f"{OLD}{OLD.replace('a(', 'c(')}"),  # copied
        (
            "if (\n    no()\n    and yes()\n    and no()\n):\n    declare(1)",
            "if (\n    no()\n    and no()\n):\n    declare(1)",
        ),
        ("if yes():\n    yes()\ndeclare(1)", "if no():\n    yes()\n    declare(1)"),
        (
            "try:\n    yes()\nexcept OSError:\n    declare(1)",
            "try:\n    no()\nexcept OSError:\n    declare(1)",
        ),
        ("def a():\n    yes()\n    declare(1)\na()", "def a():\n    if yes(): return\n    declare(1)\na()"),
        ("if no():\n    yes()\n    declare(1)", "if no():\n    no()\n    yes()\n    declare(1)"),
        (
            "match 1:\n    case int() if yes():\n        yes()\n    case _:\n        declare(1)",
            "match 1:\n    case int() if no() or 1:\n        yes()\n    case _:\n        declare(1)",
        ),
        (
            "try:\n    int('a')\nexcept OSError:\n    yes()\nexcept Exception:\n    declare(1)",
            "try:\n    int('a')\nexcept ValueError:\n    yes()\nexcept Exception:\n    declare(1)",
        ),
        (
            "for a in 'a':\n    if a:\n        yes()\n        break\nelse:\n    declare(1)",
            "for a in 'a':\n    if 1:\n        yes()\n        break\nelse:\n    declare(1)",
        ),
        (
            "def a():\n    declare(1)\nif yes():\n    yes()\na()",
            "def a():\n    'Doc.'\nif no():\n    def a():\n        declare(1)\na()",
        ),
    ],
)
def test_old_code_counts_if_what_decides_about_it_is_changed(before: str, after: str, review: Review) -> None:
    assert messages(review(before, after))


@pytest.mark.parametrize(
    "line", ["a += {}[1]", "class a(type(yes)): b = {}[1]", "@a\n    def b(c={}[1]): ..."]
)
def test_old_code_counts_after_a_changed_statement_that_stops(line: str, review: Review) -> None:
    before = "import contextlib\na = yes\nwith contextlib.suppress(KeyError):\n    yes()\n    declare(1)"
    [text] = messages(review(before, before.replace("yes()\n    declare", f"{line}\n    declare", 1)))
    last = 7 + line.count("\n")
    assert text.startswith(f"__main__.py:6-{last}: ")


@pytest.mark.parametrize("target", ["d[{}]", "a, d[{}]", "a = d[{}]", "(a, *d[{}])", "d[{}]: int"])
def test_an_old_target_counts_if_the_value_after_it_is_changed(target: str, review: Review) -> None:
    """Python evaluates the value first."""
    before = "import contextlib\nd = {}\nwith contextlib.suppress(KeyError):\n    " + target.format(
        "\n        declare(1)\n    "
    )
    before += " = (\n        'ab'\n    )"
    [text] = messages(review(before, before.replace("'ab'", "{}[1]")))
    assert text.startswith("__main__.py:6-8: ")
    assert messages(review(before, before.replace("'ab'", "'cd'"))) == []


def test_a_finding_has_the_function_and_the_line(review: Review) -> None:
    [finding] = review(
        "", "class A:\n    def b(self):\n        if no():\n            declare('dev')\nA().b()"
    )
    assert (finding.name, finding.level, finding.blocks) == ("A.b", "advisory", False)
    assert [(place.file, place.line) for place in finding.locations] == [("__main__.py", 6)]
    assert finding.message == "__main__.py:6 did not run in this review: declare('dev')"


def test_a_long_name_is_cut(review: Review) -> None:
    [finding] = review("", f"def {'a' * 10_000}():\n    declare(1)")
    assert len(finding.name) < 200 and len(finding.message) < 300


def test_the_number_of_findings_is_limited(review: Review, trees: tuple[Path, Path]) -> None:
    many = "if no():\n    declare(1)\n" * 9
    texts = messages(review("", many))
    assert len(texts) == MOST_OF_FILE
    assert texts[-1] == "5 more places in __main__.py, the first in line 12"
    names = [f"m{number}" for number in range(MOST)]
    for name in names:
        (trees[1] / f"{name}.py").write_text("a = 1")
    texts = messages(review("", f"if no():\n    import {', '.join(names)}\n{many}"))
    assert (len(texts), texts[-1]) == (MOST, "6 more places in other files")


@pytest.mark.parametrize("is_moved", [True, False])
def test_code_that_no_program_of_the_base_imports_is_new(
    is_moved: bool, trees: tuple[Path, Path], review: Review
) -> None:
    text = "def label():\n    return 1\n"
    for tree in trees:
        (tree / "tests").mkdir()
        (tree / "tests" / "labels.py").write_text(text)
    module = "labels" if is_moved else "tests.labels"
    if is_moved:
        (trees[1] / "tests" / "labels.py").rename(trees[1] / "labels.py")
    first, second = review("", f"if no():\n    import {module}")
    assert first.message.startswith("__main__.py:4 did not run")
    assert second.message == f"{module.replace('.', '/')}.py did not run in this review"


def test_what_ran_in_one_stack_ran(trees: tuple[Path, Path]) -> None:
    main = trees[1] / "__main__.py"
    main.write_text("a = 1\nb = 2\n")
    stacks = [Stack("dev", executed={main: {0}}), Stack("stg", executed={main: {1}}), Stack("prod")]
    assert not find_not_run(stacks, trees)
    [finding] = find_not_run(stacks[1:], trees)
    assert (finding.stacks, finding.locations[0].line) == (["stg"], 1), "the program of prod has failed"
    assert not find_not_run(stacks[2:], trees)


@pytest.mark.parametrize("record", ["", "[]", '{"a": ["b"]}', "x" * 10])
def test_without_a_valid_record_nothing_has_run(
    record: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    (trees[1] / "__main__.py").write_text("import shop\nif x: import tool")
    (trees[1] / "shop.py").write_text("a = 1")
    (trees[1] / "docs.py").write_text("a = 1")
    (trees[1] / "tool.py").write_text("'''Nothing.'''")
    (tmp_path / "record").write_text(record)
    executed = read_record(tmp_path / "record")
    assert executed == {}
    texts = messages(find_not_run([Stack("dev", executed=executed)], trees))
    assert texts == ["__main__.py", "shop.py"]
    assert read_record(tmp_path / "missing") is None


def test_a_file_that_nobody_can_read_is_named(trees: tuple[Path, Path]) -> None:
    (trees[1] / "__main__.py").write_text("a = (")
    [finding] = find_not_run([Stack("dev", executed={})], trees)
    assert finding.message.startswith("__main__.py cannot be read")


def test_changed_python_files_are_recorded_without_links(trees: tuple[Path, Path]) -> None:
    for tree in trees:
        (tree / "same.py").write_text("a = 1")
    (trees[1] / "new.py").write_text("a = 1")
    (trees[1] / "link.py").symlink_to("new.py")
    (trees[1] / "notes.txt").write_text("a")
    (trees[0] / "old.py").write_text("a = 1")
    assert find_recorded(trees) == [f"{trees[1] / 'new.py'}"]
    assert not find_recorded((trees[0], trees[0]))


def test_lines_are_those_of_python(review: Review, trees: tuple[Path, Path]) -> None:
    [finding] = review("", "a = 1 \x0c\nb = '\u2028\x85'\nif no():\n    declare('é', 1 if yes() else 2)")
    assert finding.message == "__main__.py:6 did not run in this review: declare('é', 1 if yes() else 2)"


def test_a_file_whose_lines_are_not_those_of_its_text_is_named(
    review: Review, trees: tuple[Path, Path]
) -> None:
    [finding] = review("", "if no():\n    declare(1)")
    assert finding.message == "__main__.py:4 did not run in this review: declare(1)"
    main = (trees[1] / "__main__.py").read_text()
    header = "# -*- coding: raw_unicode_escape -*-\n# \\u000d\\u000d\\u000d\\u000d\n"
    (trees[1] / "__main__.py").write_text(header + main)
    (trees[0] / "__main__.py").write_text(header)
    record = {trees[1] / "__main__.py": {*range(5)}}
    [finding] = find_not_run([Stack("dev", executed=record)], trees)
    assert finding.message.startswith("__main__.py cannot be read")
