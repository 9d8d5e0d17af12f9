"""Tests: their folders mirror those of the package."""

import pytest

pytest.register_assert_rewrite("tests.helpers")  # else Python's -O leaves their assertions out
