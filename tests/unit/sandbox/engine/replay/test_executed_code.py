"""Tests of the record of the code that a program executes."""

import ast
import json
import subprocess
import sys
import textwrap
from pathlib import Path

from sandbox.engine import program_main
from sandbox.engine.replay import executed_code
from sandbox.engine.replay.executed_code import find_parts

PROGRAM = '''
    """A program that imports a module in a thread, and ends its work in callbacks."""
    from __future__ import annotations
    import asyncio, atexit, sys, threading
    thread = threading.Thread(target=lambda: __import__("shop.api"))
    thread.start()
    thread.join()
    import linked
    async def work() -> None:
        """Work."""
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(lambda: done.append(1))
        await asyncio.sleep(0)
    done = []
    asyncio.run(work())
    class Base:
        """A class."""
        b: "int" = 1
    print(sys.modules["shop.api"].price(2), done, Base.__doc__, __doc__, work.__doc__)
    try:
        1 if done else 2; [1 / 0 for _ in done]
    except ZeroDivisionError as error:
        frame = error.__traceback__
        print(frame.tb_lineno, [name for name in globals() if "executed" in name])
'''

MODULE = """
    def price(count):
        if count > 1:
            return 'many'
        return 'one'
"""

RUN = """
    import importlib.util, runpy, sys
    spec = importlib.util.spec_from_file_location("executed_code", sys.argv[1])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    write = module.record(sys.argv[2:])
    runpy.run_path(".", run_name="__main__")
    print(write())
"""


def executed_code_of(folder: Path, *files: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Run the program in a folder; return its output, and the executed code by the file."""
    arguments = [sys.executable, "-P", "-c", textwrap.dedent(RUN), executed_code.__file__, *map(str, files)]
    # The second run finds the byte code of the first one, if any was written.
    subprocess.run(arguments, cwd=folder, capture_output=True, check=True)
    text = subprocess.check_output(arguments, cwd=folder, text=True)
    *output, record = text.splitlines()
    executed: dict[str, list[str]] = {}
    for path, numbers in json.loads(record).items():
        module: ast.Module = ast.parse(Path(path).read_text())
        parts = find_parts(module)
        executed[Path(path).name] = [ast.unparse(parts[int(number)]).split("\n")[0] for number in numbers]
    return output, executed


def test_only_what_a_program_executes_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "api.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "real.py").write_text("a = 1\n")
    (tmp_path / "linked.py").symlink_to("real.py")
    main, api, real = (tmp_path / name for name in ("__main__.py", "shop/api.py", "real.py"))
    plain, none = executed_code_of(tmp_path)
    output, executed = executed_code_of(tmp_path, main, api, real)
    assert output == plain, "the program does the same with marks"
    assert none == {}
    assert executed["api.py"] == ["def price(count):", "if count > 1:", "return 'many'", "count > 1"]
    assert executed["real.py"] == ["a = 1"]
    statements = executed["__main__.py"]
    assert {"__import__('shop.api')", "await asyncio.sleep(0)", "done.append(1)", "1 / 0"} <= {*statements}
    assert "2" not in statements and "frame = error.__traceback__" in statements


def test_a_file_that_is_too_deep_with_marks_has_none(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import deep\nprint(deep.a)\n")
    deep = tmp_path / "deep.py"
    deep.write_text(f"a = {'1 if True else ' * 600}1\n")
    assert executed_code_of(tmp_path, deep) == (["1"], {})


def test_the_process_of_a_program_records_without_a_further_module(tmp_path: Path) -> None:
    code = f"""
        import runpy, sys
        main = runpy.run_path({program_main.__file__!r})
        before = set(sys.modules)
        assert main["record_executed_code"]([]) is None
        write = main["record_executed_code"](["/a.py"])
        assert write() == "{{}}"
        assert set(sys.modules) == before, set(sys.modules) - before
    """
    subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(code)], cwd=tmp_path, check=True)
