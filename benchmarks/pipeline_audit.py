"""Do trained pipelines keep their promise? Lower bounds by audits of the whole training, beside what is promised.

- moments: the whole fit (`noisy_moments`, with the noise of `fit_moments`) runs 1,000 times on each of two neighbouring
  sets of 100 records, with 20 features. The pair is the worst one for the first step (opposite features), or for the
  second one (features at 120 degrees); each is longer than the clip norm. Lower bounds on mu, of each step and of the
  whole, at whole epsilon 4 and 10 (delta 1e-6); and once with noise that is ten times too small.
- classifier: DP-SGD on 2,500 records of Fashion-MNIST, audited in one run by 1,000 canaries of which the 100 surest are
  guessed; lower bounds on epsilon for replacing a record. The undefended classifier is the control: it promises
  nothing, and the audit must find something there.

Each bound holds with a confidence of 95%. Adds lines to a table (`--output`, CSV); what is there is not computed again.
What made the table of the book:

    python benchmarks/pipeline_audit.py --output vaeprivacy/reporting/results/pipeline_audit.csv
"""

import argparse
import itertools
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from moments import chosen, data
from table import Table

from vaeprivacy.audit import audit_fit, audit_training
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import fit_classifier
from vaeprivacy.dp_classifier import fit_dp_classifier
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.moments import MomentSettings, noisy_moments, with_noise
from vaeprivacy.randomness import normals, seeded_generator

DELTA, EPSILONS = 1e-6, (4.0, 10.0)
SETTINGS, RUNS, RECORDS, FEATURES = MomentSettings(), 1000, 100, 20
PAIRS = {"opposite": (-1.0, 0.0), "turned": (-0.5, math.sqrt(3) / 2)}  # the second record; the first is (1, 0)
SHARES = {
    "centre": (["centre"], SETTINGS.centre_share),
    "sums, second moment, counts": (["sums", "second", "counts"], 1 - SETTINGS.centre_share - SETTINGS.class_share),
    "second moment by class": (["second by class"], SETTINGS.class_share),
    "whole": (["centre", "sums", "second", "counts", "second by class"], 1.0),
}
MEMBERS, CANARIES, GUESSES = 2500, 1000, 100
Rows = Iterator[dict[str, object]]


def worlds_of(pair: str, sigma: dict[str, float], *, seed: int) -> tuple[partial, partial]:
    """Return the fit on two sets of records that differ in the first one."""
    others = normals((RECORDS - 1, FEATURES), generator=seeded_generator(seed, "others")).double() / FEATURES**0.5
    y = F.one_hot(torch.arange(RECORDS) % 2).double()
    firsts = (F.pad(10 * torch.tensor([first]).double(), (0, FEATURES - 2)) for first in ((1.0, 0.0), PAIRS[pair]))
    return tuple(partial(noisy_moments, torch.cat([first, others]), y, SETTINGS, sigma) for first in firsts)


def of_moments(epsilon: float, seed: int, *, fault: float = 1.0) -> Rows:
    """Yield the audits of the fit, with noise that is too small by a factor."""
    mu = GaussianIndistinguishability.for_epsilon(epsilon, delta=DELTA).mu
    sigma, generator = SETTINGS.deviations(mu), seeded_generator(seed, f"noise {epsilon} {fault}")
    steps = {name: (sums, mu * math.sqrt(share)) for name, (sums, share) in SHARES.items()}

    def answer(name: str, sums: torch.Tensor) -> torch.Tensor:
        return with_noise(sums, sigma[name] / fault, generator=generator)

    for pair in PAIRS:
        found = audit_fit(worlds_of(pair, sigma, seed=seed), steps, sigma=sigma, answer=answer, n=RUNS)
        for step, audit in found.items():
            yield {"what": f"{pair} pair: {step}", "promised": audit.claimed, "measured": audit.measured}


def of_classifier(epsilon: float, seed: int) -> Rows:
    """Yield the audit of a classifier, trained with DP-SGD or (with an infinite epsilon) without."""
    mine = chosen(seed, MEMBERS)[0]
    options = {"n_classes": 10, "generator": seeded_generator(seed, f"training {epsilon}")}
    if math.isfinite(epsilon):
        options |= {"epsilon": epsilon, "delta": DELTA, "adjacency": "replace"}

    def train(x: torch.Tensor, y: torch.Tensor) -> torch.nn.Module:
        return fit_dp_classifier(x, y, **options)[0] if math.isfinite(epsilon) else fit_classifier(x, y, **options)

    claimed = Indistinguishability(min(epsilon, 1e3), DELTA)
    sizes = {"canaries": CANARIES, "guesses": GUESSES, "n_classes": 10}
    audit = audit_training(
        train, data().x[mine], data().y[mine], claimed, **sizes, generator=seeded_generator(seed, "canaries")
    )
    yield {"what": "classifier", "promised": epsilon, "measured": audit.measured}


AUDITS = {
    "classifier": (of_classifier, "epsilon", (*EPSILONS, math.inf), (100, 101, 102, 103, 104)),
    "moments": (of_moments, "mu", EPSILONS, (100, 101, 102)),
    "moments, a tenth of the noise": (partial(of_moments, fault=10.0), "mu", EPSILONS[:1], (100, 101, 102)),
}


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["pipeline", "parameter", "epsilon", "seed", "what"])
    for pipeline, (audit, parameter, epsilons, seeds) in AUDITS.items():
        for epsilon, seed in itertools.product(epsilons, seeds):
            here = {"pipeline": pipeline, "parameter": parameter, "epsilon": epsilon, "seed": seed}
            if table.of(**here).empty:
                found = audit(epsilon, seed)
                table.add(
                    here | {name: round(v, 4) if name != "what" else v for name, v in each.items()} for each in found
                )


if __name__ == "__main__":
    main()
