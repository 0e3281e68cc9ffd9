"""Tests that not every system can run."""

import sys

import pytest

# Windows has neither the signal that kills a process nor the server that forks one.
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="kills processes as POSIX systems do")
