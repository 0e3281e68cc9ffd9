"""How tests compare tables of sweeps."""

import pandas as pd

WHEN = ["seconds", "finished"]  # how long it took, and when


def assert_same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare two tables bit for bit, but for the times."""
    pd.testing.assert_frame_equal(table.drop(columns=WHEN), expected.drop(columns=WHEN), check_exact=True)
