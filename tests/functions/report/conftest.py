"""The mail is looked at in a browser only where there is one."""

from __future__ import annotations

from tests.support.browser import find_browser

collect_ignore = [] if find_browser() else ["test_in_a_browser.py"]
