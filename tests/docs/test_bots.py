"""What docs/bots.md tells people to paste does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linkage.domain.evidence import key_from_evidence
from tests.functions.webhook.conftest import WebhookApi, api
from tests.linkage.domain.test_evidence import EVIDENCE
from tests.support.webhook import event_file, listening

__all__ = ["api"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bots.md").read_text()
ARGUMENTS = [
    EVIDENCE["bot_id"],
    EVIDENCE["strategy"],
    str(EVIDENCE["snapshot_id"]),
    EVIDENCE["symbol"],
    EVIDENCE["side"],
    EVIDENCE["trigger"],
    int(EVIDENCE["signalled_at"].timestamp() * 1000),
]


def _snippet(language: str, name: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    (found,) = [block for block in blocks if name in block]
    return found


def _bodies() -> list[Any]:
    request = re.compile(r"POST (/\S+)\n(?:Authorization[^\n]*\n)?([\[{].*?)\n(?=\n|```)", re.DOTALL)
    return [(path, json.loads(body)) for path, body in request.findall(PAGE)]


def test_the_key_in_python_is_the_one_that_we_make() -> None:
    namespace: dict[str, Any] = {}
    exec(_snippet("python", "signal_key"), namespace)
    assert namespace["signal_key"](*ARGUMENTS) == key_from_evidence(**EVIDENCE)


def test_the_key_in_javascript_is_the_one_that_we_make() -> None:
    script = _snippet("javascript", "signalKey") + f"\nconsole.log(signalKey(...{json.dumps(ARGUMENTS)}));"
    node = Path(sys.executable).parent / "node"
    done = subprocess.run([str(node), "-e", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == key_from_evidence(**EVIDENCE)


def test_the_order_process_tells_both_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {}
    exec(_snippet("python", "tell_both_ids"), namespace)
    exec(_snippet("python", "client_order_id_of"), namespace)
    post = event_file("bottrader_signal.json")
    with listening() as receiver:
        monkeypatch.setenv("LINKAGE_URL", receiver.url)
        monkeypatch.setenv("LINKAGE_TOKEN", "lkt_x")
        namespace["tell_both_ids"](post, "venue-1")
        ((headers, body),) = receiver.requests
    assert headers["authorization"] == "Bearer lkt_x"
    assert json.loads(body) == {
        "client_order_id": namespace["client_order_id_of"](post),
        "order_id": "venue-1",
    }


def test_every_request_on_the_page_is_taken_as_it_stands(api: WebhookApi) -> None:
    token = api.bots.register(bot_id="matrix")
    answers = [(path, api.post(path, body, token).status) for path, body in _bodies()]
    assert answers == [("/v1/signals", 200), ("/v1/orders", 202), ("/v1/fills/generic", 202)]
