"""Does the private code of a record ever help, where all must be covered and decoder and prior are from noisy moments?

A linear VAE: its prior is the normal distribution of each class, from noisy moments; a record's code is what its
features are in the first directions of these, cut to a length and released with Gaussian noise. A synthetic record is
drawn from all that code and moments say together: its class from the posterior given the code, then its features (so
the noise is taken into account exactly, with the prior that was learnt: empirical Bayes). Compared at the same whole
epsilon:

- prior: all of the budget for the moments, and samples of them; no record has a code;
- codes: half of the budget (of mu squared) for the moments and half for the codes;
- both: the rows of `codes`, and as many samples of the same moments;
- gift: all of the budget for the moments, as much again for the codes, and the true labels, and nobody counts these:
  what codes could add at most;
- exact: the same with codes without noise.

Prints, and adds to a table (`--output`, CSV), how well logistic regression does that is trained on the rows: accuracy
on images, AUC on the table. Lines that are there are not computed again. What made the table of the book:

    C="python benchmarks/codes.py --output vaeprivacy/reporting/results/moments-codes.csv"
    $C fashion-mnist --members 2500 && $C fair --members 1000
    $C fashion-mnist --members 20000 --seeds 100 101 102 --epsilons 1 4 16 32
"""

import argparse
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from moments import chosen, data, features
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from table import Table
from torch.distributions import MultivariateNormal

from vaeprivacy.defences import NoDefence
from vaeprivacy.distances import clip
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.feature_maps import FeatureMap, table_map
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.moments import MomentModel, fit_moments
from vaeprivacy.randomness import normals, seeded_generator

DIRECTIONS, DELTA = 40, 1e-6
Rows = tuple[torch.Tensor, torch.Tensor]


class LinearVAE:
    """Codes in the first directions of released moments, and what a noisy code says of its record."""

    def __init__(self, model: MomentModel, directions: int) -> None:
        shares = model.counts / model.counts.sum()
        self.centre, self.log_shares = shares @ model.means, shares.log()
        between = model.means - self.centre
        self.covariances, self.means = model.roots @ model.roots.mT, model.means
        total = (shares[:, None, None] * self.covariances).sum(dim=0) + (between.T * shares) @ between
        self.axes = torch.linalg.eigh(total)[1].flip(1)[:, :directions]
        #: An ordinary record has a code of this length; longer ones are cut to it.
        self.radius = (self.axes.T @ total @ self.axes).trace().sqrt().item()

    def codes(self, h: torch.Tensor) -> torch.Tensor:
        """Return the codes of features."""
        return clip((h - self.centre) @ self.axes, radius=self.radius, warn=False)

    def drawn(self, codes: torch.Tensor, sigma: float, y: torch.Tensor | None, *, generator: torch.Generator) -> Rows:
        """Draw a record for each noisy code; labels, too, if there are none."""
        means, covariances = (self.means - self.centre) @ self.axes, self.axes.T @ self.covariances @ self.axes
        noise = sigma**2 * torch.eye(codes.shape[1])
        if y is None:
            likely = MultivariateNormal(means, covariances + noise).log_prob(codes[:, None]) + self.log_shares
            y = torch.multinomial(likely.softmax(dim=1), 1, generator=generator)[:, 0]
        x = torch.empty(len(codes), len(self.centre), dtype=torch.float64)
        for label, mean in enumerate(self.means):
            mine, root = y == label, torch.linalg.cholesky(self.covariances[label])
            # Draw from the prior, see what code it would have had, and move by what the true code differs (Matheron).
            prior = mean + normals((int(mine.sum()), len(mean)), generator=generator).double() @ root.T
            theirs = (prior - self.centre) @ self.axes + sigma * normals(
                (len(prior), codes.shape[1]), generator=generator
            )
            gain = torch.linalg.solve(covariances[label] + noise, self.axes.T @ self.covariances[label])
            x[mine] = prior + (codes[mine] - theirs) @ gain
        return x, y


def of_codes(h: torch.Tensor, model: MomentModel, mu: float, y: torch.Tensor | None, *, seed: int) -> Rows:
    """Return a record for each record's code, released with a budget of mu."""
    vae = LinearVAE(model, min(DIRECTIONS, h.shape[1]))
    sigma = 2 * vae.radius / mu
    noise = normals((len(h), vae.axes.shape[1]), generator=seeded_generator(seed, "noise on codes")).double()
    return vae.drawn(vae.codes(h) + sigma * noise, sigma, y, generator=seeded_generator(seed, "posterior"))


def releases(h: torch.Tensor, y: torch.Tensor, of_map: FeatureMap, *, epsilon: float, seed: int) -> dict[str, Rows]:
    """Return what is released in each way."""
    n_classes, h = int(y.max()) + 1, h.double()
    mu = GaussianIndistinguishability.for_epsilon(epsilon, delta=DELTA).mu
    half = GaussianIndistinguishability(mu / 2**0.5).epsilon(DELTA)
    fit = partial(fit_moments, h, y, of_map, delta=DELTA, n_classes=n_classes)
    whole, cheaper = (fit(epsilon=each, generator=seeded_generator(seed, "moments")) for each in (epsilon, half))
    samples = [each.sample(len(h), generator=seeded_generator(seed, "samples")) for each in (whole, cheaper)]
    prior, less = ((each.x.double(), each.y) for each in samples)
    codes = of_codes(h, cheaper, mu / 2**0.5, None, seed=seed)
    both = tuple(torch.cat(pair) for pair in zip(codes, less, strict=True))
    gift, exact = (of_codes(h, whole, each, y, seed=seed) for each in (mu, 1e6))
    return {"prior": prior, "codes": codes, "both": both, "gift": gift, "exact": exact}


def utility(rows: Rows, test: Rows) -> float:
    """Return the accuracy of logistic regression; of two classes, its AUC."""
    model = LogisticRegression(max_iter=300).fit(*(each.numpy() for each in rows))
    x, y = (each.numpy() for each in test)
    return roc_auc_score(y, model.predict_proba(x)[:, 1]) if len(model.classes_) == 2 else model.score(x, y)


def results(dataset: str, members: int, seed: int, epsilon: float, folder: Path) -> Iterator[dict[str, object]]:
    """Yield the utility of each release."""
    if dataset == "fashion-mnist":
        (mine, fresh), y = chosen(seed, members), data().y
        of_map, h, _ = features("scattering", 250, folder)
    else:
        pool = Pool.of(Config(dataset=dataset, defence=NoDefence(), seed=seed, n_members=members, n_models=4))
        mine, fresh, y = pool.members(0), pool.population, pool.data.y
        width = pool.data.x.shape[1]
        of_map = table_map(torch.zeros(width), torch.ones(width))
        h = of_map.transform(pool.data.x)
    for form, rows in releases(h[mine], y[mine], of_map, epsilon=epsilon, seed=seed).items():
        yield {"form": form, "utility": round(utility(rows, (h[fresh], y[fresh])), 4)}


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=["fashion-mnist", "fair"])
    parser.add_argument("--members", type=int, required=True)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    parser.add_argument("--directory", type=Path, default=Path("runs"), help="where features are kept")
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["dataset", "members", "epsilon", "seed"])
    for epsilon, seed in itertools.product(given.epsilons, given.seeds):
        here = {"dataset": given.dataset, "members": given.members, "epsilon": epsilon, "seed": seed}
        if table.of(**here).empty:
            table.add(here | each for each in results(given.dataset, given.members, seed, epsilon, given.directory))


if __name__ == "__main__":
    main()
