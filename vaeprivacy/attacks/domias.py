"""DOMIAS: where the release is denser than the population, its generator remembers (van Breugel et al., 2302.12580)."""

import torch
from scipy.stats import gaussian_kde
from sklearn.decomposition import PCA

from vaeprivacy.arrays import check_records
from vaeprivacy.attacks.base import Attack, Candidates, Knowledge


class DensityRatio(Attack):
    """The score is the log of the release's density over the population's, at the candidate (:eq:`domias`).

    Both are kernel estimates on principal components of the population (our choice: in all the pixels, a kernel
    estimate sees nothing).

    Parameters
    ----------
    n_components : int
        Number of principal components, at most; fewer if there are fewer features.

    Raises
    ------
    ValueError
        When it is fitted, if population or release have no more records than there are components to estimate in.
    """

    needs = ("release", "population")

    def __init__(self, *, n_components: int = 8) -> None:
        self.n_components = n_components

    def _fit(self, knowledge: Knowledge) -> None:
        population = knowledge.population.x.cpu().numpy()
        dimension = min(self.n_components, population.shape[1])
        fewest = min(len(population), len(knowledge.release.x))
        if fewest <= dimension:
            raise ValueError(
                f"A kernel estimate in {dimension} dimensions needs more records than that, of the population and of "
                f"the release, but one has {fewest}: give a smaller n_components."
            )
        self._pca = PCA(dimension, svd_solver="full").fit(population)
        self._of_population = gaussian_kde(self._pca.transform(population).T)
        release = check_records(knowledge.release.x, "the release", features=population.shape[1])
        self._of_release = gaussian_kde(self._pca.transform(release.cpu().numpy()).T)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        x = check_records(candidates.x, "the candidates", features=self._pca.n_features_in_)
        places = self._pca.transform(x.cpu().numpy()).T
        return torch.from_numpy(self._of_release.logpdf(places) - self._of_population.logpdf(places))
