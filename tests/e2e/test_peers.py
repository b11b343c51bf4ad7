# SPDX-License-Identifier: Apache-2.0
"""Peers that come from a registry."""

import pytest

from support.pypi import is_missing


@pytest.mark.parametrize("told, outcome", [(None, pytest.skip.Exception), ("0", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_what_is_missing_is_skipped_unless_that_may_not_be(monkeypatch, told, outcome):
    monkeypatch.delenv("CLAVIGER_TESTS_MAY_NOT_SKIP", raising=False)
    if told:
        monkeypatch.setenv("CLAVIGER_TESTS_MAY_NOT_SKIP", told)
    with pytest.raises(outcome, match="a peer could not be had"):
        is_missing("a peer could not be had")
