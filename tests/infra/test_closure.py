"""What a module imports is found wherever the import stands, and what only a type checker reads is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cdk.closure import Imports

FILES = {
    "__init__.py": "",
    "handler.py": """
from __future__ import annotations

from typing import TYPE_CHECKING

from made_up_product.adapters import table

if TYPE_CHECKING:
    from made_up_product import reports


def handle() -> None:
    from made_up_product.adapters.market import candles
""",
    "reports.py": "import made_up_product.pictures\n",
    "pictures.py": "",
    "adapters/__init__.py": "import made_up_product.adapters.registry\n",
    "adapters/registry.py": "import psycopg.rows\n",
    "adapters/table.py": "",
    "adapters/queue.py": "",
    "adapters/market.py": "candles = None\n",
}


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    for name, content in FILES.items():
        path = tmp_path / "made_up_product" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Imports(["made_up_product"], root=tmp_path)


def ours(modules: frozenset[str]) -> set[str]:
    return {module.partition(".")[2] for module in modules if module.startswith("made_up_product.")}


def test_imports_inside_functions_and_of_packages_around_count(imports: Imports) -> None:
    closure = imports.closure(["made_up_product.handler"])
    assert ours(closure) == {
        "handler", "adapters", "adapters.registry", "adapters.table", "adapters.market",
    }  # fmt: skip
    assert {"made_up_product", "psycopg"} <= closure


def test_what_is_left_out_is_not_followed(imports: Imports) -> None:
    without = {"made_up_product.adapters.market", "made_up_product.adapters.registry"}
    closure = imports.closure(["made_up_product.handler"], without=without)
    assert ours(closure) == {"handler", "adapters", "adapters.table"}
    assert "psycopg" not in closure


def test_a_package_has_all_modules_below_it(imports: Imports) -> None:
    assert ours(imports.modules_of("made_up_product.adapters")) == {
        "adapters", "adapters.registry", "adapters.table", "adapters.queue", "adapters.market",
    }  # fmt: skip
