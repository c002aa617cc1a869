"""Test every platform: what all have in common is the contract, the rest lives in a folder a platform."""

from __future__ import annotations

import pytest

# The contract is no test module, and its assertions shall say as much as those of one.
pytest.register_assert_rewrite(
    "tests.platforms.subject", "tests.platforms.wire_contract", "tests.platforms.core_contract"
)
