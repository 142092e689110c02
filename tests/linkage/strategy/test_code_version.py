"""A strategy's code version changes exactly when its decisions may, and is the same text everywhere."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from infra.cdk.zips import find_python
from linkage.domain.errors import ConfigurationError
from linkage.strategy.code_version import canonical_source, code_version, contents

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "your-own-strategy.md"
STRATEGIES = ("strategies.matrix", "mean_cross")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PRODUCT = ("linkage", "strategies", "functions", "cli", "local", "infra", "bench", "demo")

VERSIONS = """
import json, sys
sys.path[:0] = sys.argv[1:]
sys.dont_write_bytecode = True
from linkage.strategy.code_version import code_version
print(json.dumps([code_version("strategies.matrix"), code_version("mean_cross")]))
"""

TEXTS = """
import ast, hashlib, pathlib, sys
sys.path[:0] = sys.argv[1:2]
sys.dont_write_bytecode = True
from linkage.strategy.code_version import canonical_source
for path in sys.argv[2:]:
    print(hashlib.sha256(canonical_source(ast.parse(pathlib.Path(path).read_bytes()))).hexdigest())
"""


def copied(tmp_path: Path) -> Path:
    """Put the host, the reference strategy and the documented example into a folder of their own."""
    for name in ("linkage", "strategies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    (tmp_path / "mean_cross").mkdir()
    (tmp_path / "mean_cross" / "__init__.py").write_text(code, encoding="utf-8")
    return tmp_path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The versions of the copy as long as nothing in it is changed."""
    return versions(copied(tmp_path_factory.mktemp("unchanged")))


def versions(folder: Path, python: str = sys.executable) -> dict[str, str]:
    installed = sysconfig.get_paths()["purelib"]
    done = subprocess.run(
        [python, "-I", "-c", VERSIONS, str(folder), installed], capture_output=True, text=True, check=True
    )
    return dict(zip(STRATEGIES, json.loads(done.stdout), strict=True))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def canonical(source: str) -> bytes:
    return canonical_source(ast.parse(source))


def test_blanks_comments_docstrings_layout_and_what_types_need_change_nothing(
    copy: Path, before: dict[str, str]
) -> None:
    window, market = copy / "linkage/strategy/window.py", copy / "linkage/ports/market.py"
    change(window, '"""The bars that a decision may see', '"""Which bars a decision may see')
    change(window, "    skipped = dict(", "\n    # those that the market refused\n    skipped = dict( ")
    change(market, "    import numpy as np\n", "    import json\n    import numpy as np\n")
    change(copy / "mean_cross/__init__.py", '"""Buys when', '"""It buys when')
    change(copy / "linkage/__init__.py", '__version__ = "', '__version__ = "9.')

    assert versions(copy) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("linkage/strategy/window.py", "failed & usable", "failed | usable"),
        ("linkage/strategy/candles.py", "// interval_seconds *", "/ interval_seconds *"),
        ("linkage/strategy/candles.py", "len(candles.times) - bars", "len(candles.times) - bars + 20"),
        ("linkage/strategy/state.py", "known != before.symbols", "known == before.symbols"),
        ("linkage/strategy/state.py", "if name not in refused", "if name in refused"),
        ("linkage/strategy/walk.py", "last - parameters.bars + 1", "last - parameters.bars + 2"),
        ("linkage/strategy/walk.py", "is not None and candles", "is not None or candles"),
        ("linkage/strategy/walk.py", "_seconds == parameters", "_seconds != parameters"),
        ("linkage/strategy/decisions.py", 'order_type: str = "market"', 'order_type: str = "limit"'),
        ("linkage/strategy/state.py", "known.last.at < now", "known.last.at <= now"),
        ("linkage/strategy/parameters.py", "max_bridged: Annotated[float, Field(ge=0, le=1)] = 0.15",
         "max_bridged: Annotated[float, Field(ge=0, le=1)] = 0.25"),
        ("linkage/ports/market.py", "Mapping[str, float] = field(default_factory=dict)",
         "Mapping[str, float] | None = None"),
    ],
)  # fmt: skip
def test_one_changed_operator_of_the_host_changes_the_example_as_well_as_ours(
    copy: Path, name: str, old: str, new: str, before: dict[str, str]
) -> None:
    change(copy / name, old, new)
    after = versions(copy)

    assert before["strategies.matrix"] != after["strategies.matrix"]
    assert before["mean_cross"] != after["mean_cross"]


def test_what_every_decision_runs_through_counts_for_a_strategy_that_imports_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lone").mkdir()
    (tmp_path / "lone" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    for name in ("candles", "state", "walk", "decisions"):
        assert f"linkage/strategy/{name}.py" in contents("lone")


@pytest.mark.parametrize(
    "name",
    [
        "linkage/strategy/arms.py", "linkage/strategy/fields.py", "linkage/strategy/documents.py",
        "linkage/strategy/plugin.py", "linkage/domain/errors.py", "linkage/domain/snapshots.py",
        "linkage/contracts/signals.py",
    ],
)  # fmt: skip
def test_a_file_of_the_host_that_decisions_do_not_run_through_changes_nothing(
    copy: Path, name: str, before: dict[str, str]
) -> None:
    with (copy / name).open("a", encoding="utf-8") as file:
        file.write("\nMORE = 1\n")

    assert versions(copy) == before


def test_a_change_of_one_strategy_leaves_the_other_alone(copy: Path, before: dict[str, str]) -> None:
    change(copy / "strategies/matrix/indicators/ratio.py", "ratio > wide", "ratio >= wide")
    after = versions(copy)

    assert before["strategies.matrix"] != after["strategies.matrix"]
    assert before["mean_cross"] == after["mean_cross"]


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("    decisions = []\n", "    from linkage.domain import errors\n    decisions = []\n", True),
        (
            "class Parameters",
            "if TYPE_CHECKING:\n    from linkage.domain import errors\nclass Parameters",
            False,
        ),
    ],
)
def test_an_import_inside_a_function_brings_its_file_in_and_one_for_types_does_not(
    copy: Path, old: str, new: str, counts: bool
) -> None:
    change(copy / "mean_cross/__init__.py", old, new)
    before = versions(copy)["mean_cross"]
    change(copy / "linkage/domain/errors.py", "\n\n\nclass", "\nMORE = 1\n\n\nclass")

    assert (versions(copy)["mean_cross"] != before) is counts


def test_what_the_package_reads_besides_code_counts_and_its_tests_do_not(
    copy: Path, before: dict[str, str]
) -> None:
    for name in ("tests/test_it.py", "__pycache__/x.pyc", ".hidden", "types.pyi"):
        path = copy / "mean_cross" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1", encoding="utf-8")
    assert versions(copy) == before
    (copy / "mean_cross/table.json").write_text("[1]", encoding="utf-8")

    assert versions(copy)["mean_cross"] != before["mean_cross"]


def test_the_versions_of_the_packages_that_are_imported_count() -> None:
    found = contents("strategies.matrix")
    pins = {name for name in found if "==" in name}

    assert {pin.partition("==")[0] for pin in pins} == {"numpy", "pydantic"}
    locked = (ROOT / "requirements/sighook.txt").read_text(encoding="utf-8")
    assert all(pin in locked for pin in pins)
    assert not [name for name in found if name.startswith(("functions/", "linkage/adapters/"))]


@pytest.mark.parametrize(
    ("source", "counted"),
    [('__version__ = "2.1"\n', "lib==2.1"), ("from lib import more\n", "lib/more.py")],
)
def test_a_package_without_metadata_counts_by_its_own_version_or_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, counted: str
) -> None:
    files = {
        "own/__init__.py": "import lib\nimport nowhere\n",
        "lib/__init__.py": source,
        "lib/more.py": "x = 1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert counted in contents("own")
    assert not any(name.startswith("nowhere") for name in contents("own"))


def test_every_file_of_the_reference_strategy_is_imported_by_it() -> None:
    root = ROOT / "strategies" / "matrix"
    seen = {"strategies.matrix.strategy", "strategies.matrix"}
    code = "import sys, strategies.matrix.strategy\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seen |= set(done.stdout.split())
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in root.rglob("*.py")
    }

    assert names <= seen


@pytest.mark.parametrize(
    "same",
    [
        ("def f():\n    '''Doc.'''\n    return 1", "def f():\n    return (1)"),
        ("class E(Exception):\n    '''Doc.'''", "class E(Exception): pass"),
        ("X = 1\n'''What X is.'''\nY = 2", "X = 1\nY = 2  # two"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = f'a{b}' 'c'", "x = f'a{b}c'"),
    ],
)
def test_two_spellings_of_one_meaning_are_one_text(same: tuple[str, str]) -> None:
    assert canonical(same[0]) == canonical(same[1])


@pytest.mark.parametrize(
    "different",
    [
        ("x = a + b", "x = a - b"),
        ("x = 1", "x = 1.0"),
        ("x = True", "x = 1"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = ..."),
        ("x: int = 1", "x: float = 1"),
        ("def f(a, *, b): return 1", "def f(a, b): return 1"),
        ("def f(a, b=1): return 1", "def f(a=1, b=1): return 1"),
        ("if a:\n    b()\nelse:\n    c()", "if a:\n    b()\nc()"),
        ("from a import b", "from .a import b"),
        ("x = {**a}", "x = {None: a}"),
        ("x = f'{a!r}'", "x = f'{a}'"),
        ("x = f'{a:.2f}'", "x = f'{a:.3f}'"),
        ("x = [a, [b]]", "x = [[a], b]"),
        ("async def f(): return 1", "def f(): return 1"),
    ],
)
def test_two_meanings_are_two_texts(different: tuple[str, str]) -> None:
    assert canonical(different[0]) != canonical(different[1])


UNUSUAL = r"""
x = f'{a:>{w}}' f'{b:{c}{d}}' f'{e:{{}}}' f'{g=}' f'{h = !r:>5}' f'' u'y' f'{i:}' f'{j:x{{y}}}'
'''About x, and ü.'''
type_ = 'é\u2028\U0001fae8' 'b' + "\x00"; number = 1_000, 0x10, 1e3, 2j, -0.0, 10**20, b'\xff'
match x:
    case [1, *rest, {'a': None, **others}] | int(real=True) if (n := len(rest)): pass
    case _: ...
try: pass
except* (A, B) as group: raise
@decorated(*a, **b)
async def f(a, /, b: int = 1, *args: *Ts, c=2, **d: "x") -> None:
    '''Doc.'''
    async with a as b, c: await d
    z = [*a, {**b}, {*c}, (yield), lambda x=1, *y: x, a if b else c]
    return [e async for e in f if e], a[1:2, ::3]
class C(B, metaclass=M): a: int; b: str = 'c'; (d): int = 1
global_ = not a < b <= c is not d; a @= b; del a, b; assert c, 'd'
"""


def pythons() -> list[str]:
    """Return the interpreters that are installed here, of those that we support."""
    return [found for found in map(find_python, PYTHONS) if found is not None]


def test_every_python_writes_the_same_text_of_every_file_of_the_product(tmp_path: Path) -> None:
    unusual = tmp_path / "unusual.py"
    unusual.write_text(UNUSUAL, encoding="utf-8")
    files = [str(path) for name in PRODUCT for path in sorted((ROOT / name).rglob("*.py"))] + [str(unusual)]

    def texts(python: str) -> list[str]:
        command = [python, "-I", "-c", TEXTS, str(ROOT), *files]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    here = texts(sys.executable)
    assert len(here) == len(files)
    for python in pythons():
        assert texts(python) == here


def test_every_python_finds_the_same_version(copy: Path) -> None:
    here = versions(copy)

    assert here["strategies.matrix"] == code_version("strategies.matrix")
    for python in pythons():
        assert versions(copy, python) == here


@pytest.mark.parametrize(
    "package", ["json.decoder", "no_such_package", "strategies.matrix.engine", "no_such.one"]
)
def test_what_is_no_package_is_refused(package: str) -> None:
    with pytest.raises(ConfigurationError, match="is no package"):
        code_version(package)
