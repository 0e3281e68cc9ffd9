"""Fair's survey of affairs, a table that comes with statsmodels."""

import torch

from vaeprivacy.compute.extras import extra
from vaeprivacy.datasets.dataset import Dataset, encode_table

OCCUPATIONS = {
    1: "student",
    2: "farming or unskilled",
    3: "white-collar",
    4: "teacher, nurse, artist or skilled",
    5: "managerial",
    6: "professional",
}


def load_fair() -> Dataset:
    """Load Fair's survey of 6,366 married women (Journal of Political Economy, 1978), which comes with statsmodels.

    The label is whether a woman had any affair. All eight features are answers on scales, except for the two
    occupations, which are categories.
    """
    with extra("experiments", work="The data set fair"):
        from statsmodels.datasets import fair  # a large package that nothing else needs

    frame = fair.load_pandas().data
    y = torch.tensor((frame.pop("affairs") > 0).to_numpy()).long()
    occupations = ["occupation", "occupation_husb"]
    for name in occupations:
        frame[name] = frame[name].map(OCCUPATIONS)
    x, columns = encode_table(
        frame, categorical=occupations, ordinal=[c for c in frame.columns if c not in occupations]
    )
    return Dataset("fair", x, y, None, ("no affair", "an affair"), columns)
