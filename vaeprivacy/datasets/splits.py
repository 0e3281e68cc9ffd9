"""The split into members, non-members, reference, test and public records."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vaeprivacy.arrays import check_labels
from vaeprivacy.checks import check_whole

MOST_MODELS = 100_000  # of a pool: more would be a slip of the keyboard


@dataclass(frozen=True)
class Split:
    """Disjoint sets of records, as indices into one data set.

    Attributes
    ----------
    members : torch.Tensor
        What the defended model may be trained on.
    non_members : torch.Tensor
        Records from the same source that were used for nothing: the other half of an attack's test.
    reference : torch.Tensor
        The adversary's own records.
    test : torch.Tensor
        What utility is measured on.
    public : torch.Tensor
        Records on which encoder and decoder may be trained without touching any other part; may be none.
    """

    members: torch.Tensor
    non_members: torch.Tensor
    reference: torch.Tensor
    test: torch.Tensor
    public: torch.Tensor

    @property
    def candidates(self) -> torch.Tensor:
        """Members followed by non-members, the records whose membership an attack is asked to tell."""
        return torch.cat([self.members, self.non_members])

    @property
    def is_member(self) -> torch.Tensor:
        """Whether each candidate is a member, shape (candidates,), bool."""
        return torch.arange(len(self.candidates)) < len(self.members)


def stratified_parts(y: torch.Tensor, sizes: Sequence[int], *, generator: torch.Generator) -> list[torch.Tensor]:
    """Draw disjoint sets of records at random, each with the classes in the proportions of the whole.

    scikit-learn's ``train_test_split`` does this for two parts, but refuses when fewer records than classes are left.

    Parameters
    ----------
    y : torch.Tensor
        Labels, shape (n,).
    sizes : sequence of int
        Number of records in each part.
    generator : torch.Generator
        Source of the random order.

    Returns
    -------
    list of torch.Tensor
        Indices into `y`, one tensor a part, in random order. In each part, the number of records of a class differs
        from its proportional share by at most 1 + p (K - 2), where p is the share of the class in all records and K the
        number of classes.

    Raises
    ------
    ValueError
        If a size is not positive or there are not enough records.
    """
    y = check_labels(y).cpu()  # and so are the indices, which are for tensors on any device
    if any(size < 1 for size in sizes) or sum(sizes) > len(y):
        raise ValueError(
            f"Cannot draw disjoint parts of {', '.join(f'{s:,}' for s in sizes)} records from {len(y):,}: each size "
            f"must be at least 1 and their sum ({sum(sizes):,}) at most {len(y):,}."
        )
    shuffled = torch.randperm(len(y), generator=generator)
    position = torch.empty(len(y), dtype=torch.float64)
    for label in y.unique():
        mine = shuffled[y[shuffled] == label]
        position[mine] = (torch.arange(len(mine), dtype=torch.float64) + 0.5) / len(mine)
    # Every class is now spread evenly over (0, 1), so any stretch of this order holds the classes in their proportions.
    order = shuffled[torch.argsort(position[shuffled], stable=True)]
    parts = order[: sum(sizes)].split(list(sizes))
    return [part[torch.randperm(len(part), generator=generator)] for part in parts]


def split(
    y: torch.Tensor,
    *,
    n_members: int,
    n_reference: int | None = None,
    n_test: int | None = None,
    n_public: int = 0,
    generator: torch.Generator,
) -> Split:
    """Split records into members, as many non-members, reference, test and public records, all random and stratified.

    Parameters
    ----------
    y : torch.Tensor
        Labels, shape (n,).
    n_members : int
        Number of members, and of non-members.
    n_reference, n_test : int, optional
        Number of reference and test records; by default, of each twice as many as members.
    n_public : int
        Number of public records. The other parts do not depend on it.
    generator : torch.Generator
        Source of the random order.

    Raises
    ------
    ValueError
        If a size is not positive (public records may be none) or there are not enough records.
    """
    n_reference, n_test = (2 * n_members if n is None else n for n in (n_reference, n_test))
    sizes = [n_members, n_members, n_reference, n_test, *([n_public] if n_public else [])]
    parts = stratified_parts(y, sizes, generator=generator)
    return Split(*parts[:4], public=parts[4] if n_public else torch.empty(0, dtype=torch.long))


def draw_memberships(y: torch.Tensor, *, n_shadows: int, generator: torch.Generator) -> torch.Tensor:
    """Draw a stratified random half of the records for each shadow model.

    Parameters
    ----------
    y : torch.Tensor
        Labels of the records, shape (records,).
    n_shadows : int
        Number of shadow models.
    generator : torch.Generator
        Source of the halves.

    Returns
    -------
    torch.Tensor
        Shape (n_shadows, records), bool.
    """
    y = check_labels(y)
    is_member = torch.zeros(check_whole(n_shadows, "n_shadows", least=1, most=MOST_MODELS), len(y), dtype=torch.bool)
    for row in is_member:
        row[stratified_parts(y, [len(y) // 2], generator=generator)[0]] = True
    return is_member


def draw_balanced_memberships(y: torch.Tensor, *, n_shadows: int, generator: torch.Generator) -> torch.Tensor:
    """Draw halves in complementary pairs, so that each record is in the training set of half of the models.

    Parameters and result are those of :func:`draw_memberships`. With an odd number, the last model has no complement.
    """
    halves = draw_memberships(y, n_shadows=(n_shadows + 1) // 2, generator=generator)
    return torch.stack([halves, ~halves], dim=1).flatten(0, 1)[:n_shadows]
