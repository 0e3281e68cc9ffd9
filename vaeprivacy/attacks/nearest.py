"""An adversary that reads the release itself: is there a synthetic record close to this candidate?"""

import torch

from vaeprivacy.arrays import check_labels, check_records
from vaeprivacy.attacks.base import Attack, Candidates, Knowledge


def nearest_record_score(
    candidates: torch.Tensor, y: torch.Tensor, *, release_x: torch.Tensor, release_y: torch.Tensor
) -> torch.Tensor:
    """Score candidates by the distance to the nearest synthetic record of the same label (:eq:`nearest-score`).

    Parameters
    ----------
    candidates : torch.Tensor
        Candidates, as they are or as encoder and decoder reconstruct them, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,).
    release_x, release_y : torch.Tensor
        Synthetic records, shape (released, features), and their labels, shape (released,).

    Returns
    -------
    torch.Tensor
        Minus the Euclidean distance, shape (records,); minus infinity where the release has no record of that label.

    Raises
    ------
    TypeError, ValueError
        If candidates or release are no tables of the same features, or their labels do not fit.
    """
    candidates = check_records(candidates, "candidates")
    release_x = check_records(release_x, "release_x", features=candidates.shape[1])
    y, release_y = check_labels(y, of=candidates), check_labels(release_y, "release_y", of=release_x)
    scores = torch.full((len(y),), -torch.inf, dtype=candidates.dtype, device=candidates.device)
    for label in y.unique():
        mine, released = y == label, release_x[release_y == label]
        if len(released):
            # The exact mode: distances by way of a matrix product lose the digits that tell a copy from a neighbour.
            distances = torch.cdist(candidates[mine], released, compute_mode="donot_use_mm_for_euclid_dist")
            scores[mine] = -distances.min(dim=1).values
    return scores


class NearestRecord(Attack):
    """A member has a synthetic record close to it (closest-record attack; Chen et al., arXiv 1909.03935)."""

    needs = ("release",)

    def _fit(self, knowledge: Knowledge) -> None:
        self._release = knowledge.release

    def _score(self, candidates: Candidates) -> torch.Tensor:
        release = self._release
        return nearest_record_score(candidates.x, candidates.labels, release_x=release.x, release_y=release.y)


class NearestReconstruction(Attack):
    """A member's reconstruction has a synthetic record close to it.

    Whoever holds encoder and decoder passes a candidate through both, without noise, before it compares. A member whose
    code got little noise then finds its own synthetic record.
    """

    needs = ("release", "synthesizer")

    def _fit(self, knowledge: Knowledge) -> None:
        self._release, self._synthesizer = knowledge.release, knowledge.synthesizer

    def _score(self, candidates: Candidates) -> torch.Tensor:
        decoded, release = self._synthesizer.reconstruct(candidates.x, candidates.labels), self._release
        return nearest_record_score(decoded, candidates.labels, release_x=release.x, release_y=release.y)
