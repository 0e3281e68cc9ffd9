"""Releases that are wrong although their noise has the right distribution, and the audit or property that tells."""

import copy
import hashlib
import math
from collections.abc import Callable
from functools import cache, partial

import torch
from scipy import stats
from torch import nn

from vaeprivacy.audit.faults.fault import LEVEL, Alarm, Fault
from vaeprivacy.audit.faults.noise import DIMENSION, LAPLACE, RADIUS
from vaeprivacy.audit.lower_bounds import audit_mechanism, audit_scores, furthest_codes
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import clip
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY, normals
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings

AUDIT_RADIUS, AUDIT_OUTPUTS = 2.0, 1000
NOISE_OF_AUDIT = EuclideanLaplace(0.5)  # for any two codes in the ball, epsilon 2


def clip_of_the_wrong_norm(codes: torch.Tensor) -> torch.Tensor:
    """Clip each coordinate to the radius, which leaves a cube with corners far outside the ball."""
    return codes.clamp(-RADIUS, RADIUS)


def clip_by_the_longest(codes: torch.Tensor) -> torch.Tensor:
    """Take the radius from the batch itself: its longest code."""
    return codes * RADIUS / codes.norm(dim=1).max()


def _right_clip(codes: torch.Tensor) -> torch.Tensor:
    return clip(codes, radius=RADIUS, warn=False)


def leaves_the_ball(project: Callable, generator: torch.Generator) -> bool:
    """Return whether clipped random codes, or diagonal ones, are longer than the radius."""
    codes = torch.cat([3 * normals((99, DIMENSION), generator=generator), torch.full((1, DIMENSION), RADIUS)])
    return bool((project(codes).norm(dim=1) > RADIUS).any())


def depends_on_others(project: Callable, generator: torch.Generator) -> bool:
    """Return whether one huge code changes another one's projection."""
    codes = normals((2, DIMENSION), generator=generator)
    with_huge = codes.clone()
    with_huge[1] = 1e6
    return not torch.equal(project(codes)[0], project(with_huge)[0])


def two_releases_refute(claim: Indistinguishability, generator: torch.Generator) -> bool:
    """Return whether two releases of the same codes refute a claim, in one dimension."""
    ends = furthest_codes(NOISE_OF_AUDIT, radius=AUDIT_RADIUS, dimension=1, n=AUDIT_OUTPUTS)
    scores = []
    for codes in ends:
        outputs = [NOISE_OF_AUDIT.perturb(codes, generator=generator) for _ in range(2)]
        scores.append(
            sum(NOISE_OF_AUDIT.log_density(w - ends[1]) - NOISE_OF_AUDIT.log_density(w - ends[0]) for w in outputs)
        )
    return audit_scores(*scores, claim).violated


def label_decoder_refutes(shift: float, generator: torch.Generator) -> bool:
    """Return whether outputs of a decoder that moves by `shift` with the label tell two labels of one record apart."""
    codes = torch.zeros(AUDIT_OUTPUTS, 1, dtype=torch.float64)
    outputs = [NOISE_OF_AUDIT.perturb(codes, generator=generator)[:, 0] + shift * label for label in (0, 1)]
    return audit_scores(*outputs, NOISE_OF_AUDIT.guarantee(AUDIT_RADIUS).any_two_records).violated


def mixes_records(training: bool, generator: torch.Generator) -> bool:
    """Return whether a record's code depends on the others, for an encoder with batch normalisation."""
    encoder = nn.Sequential(nn.Linear(8, 3), nn.BatchNorm1d(3)).double().train(training)
    x = normals((4, 8), generator=generator)
    changed = x.clone()
    changed[3] += 1
    with torch.no_grad():
        return not torch.equal(encoder(x)[:3], encoder(changed)[:3])


class RetrainingSynthesizer(Synthesizer):
    """Adapts the decoder to the private records while it releases them."""

    def release(self, x: torch.Tensor, y: torch.Tensor, **options: object) -> object:
        """Take a step of training, then release."""
        self.vae.elbo(x, generator=torch.Generator()).value.backward()
        with torch.no_grad():
            for weight in self.vae.parameters():
                weight += 1e-3 * weight.grad
        return super().release(x, y, **options)


@cache
def _small_vae() -> VAE:
    return VAE(8, latent_dim=2, hidden=4, generator=torch.Generator().manual_seed(0))


def changes_model(kind: type[Synthesizer], generator: torch.Generator) -> bool:
    """Return whether a release changes encoder or decoder, by a hash of their weights."""
    synthesizer = kind(NOISE_OF_AUDIT, VAESettings(latent_dim=2), vae=copy.deepcopy(_small_vae()))
    x = torch.rand(20, 8, generator=generator)

    def fingerprint() -> str:
        weights = b"".join(weight.numpy().tobytes() for weight in synthesizer.vae.state_dict().values())
        return hashlib.sha256(weights).hexdigest()

    before = fingerprint()
    synthesizer.release(x, torch.zeros(20, dtype=torch.long), generator=generator)
    return fingerprint() != before


def mechanism_refutes(claim: float, generator: torch.Generator) -> bool:
    """Return whether outputs in one dimension refute a claimed epsilon for any two codes."""
    options = {"radius": AUDIT_RADIUS, "dimension": 1, "n": AUDIT_OUTPUTS, "generator": generator}
    return audit_mechanism(NOISE_OF_AUDIT, claimed=Indistinguishability(claim), **options).violated


def delta_exceeds(sigma: float, generator: torch.Generator) -> bool:
    """Return whether Gaussian noise for sensitivity 1 has more delta than 1e-5 at epsilon 10, by its exact formula."""
    return GaussianIndistinguishability(1 / sigma).delta(10.0) > 1e-5 * (1 + 1e-6)


CLASSICAL_SIGMA = math.sqrt(2 * math.log(1.25 / 1e-5)) / 10
ANALYTIC_SIGMA = 1 / GaussianIndistinguishability.for_epsilon(10.0, delta=1e-5).mu


@cache
def _noise_of_small_seeds() -> torch.Tensor:
    """Return the first noise vector of each seed from 0 to 1000."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(1001)]
    return torch.cat([LAPLACE.perturb(torch.zeros(1, DIMENSION), generator=g) for g in generators])


def seed_is_guessed(constant: bool, generator: torch.Generator) -> bool:
    """Return whether one noisy code of zero is what one of the seeds from 0 to 1000 gives."""
    source = torch.Generator().manual_seed(42) if constant else SYSTEM_ENTROPY
    noisy = LAPLACE.perturb(torch.zeros(1, DIMENSION), generator=source)
    return bool((_noise_of_small_seeds() == noisy).all(dim=1).any())


def order_is_kept(shuffle: bool, generator: torch.Generator) -> bool:
    """Return whether the rank correlation of a release's order with that of the records is not due to chance."""
    synthesizer = Synthesizer(NOISE_OF_AUDIT, VAESettings(latent_dim=2), vae=_small_vae())
    y = torch.arange(32)  # labels that tell where each record stood
    release = synthesizer.release(torch.rand(32, 8, generator=generator), y, generator=generator, shuffle=shuffle)
    return stats.spearmanr(release.y.numpy(), y.numpy()).pvalue < LEVEL


def _pair(check: Callable, wrong: object, right: object) -> tuple[Alarm, Alarm]:
    return partial(check, wrong), partial(check, right)


_TRUE = NOISE_OF_AUDIT.guarantee(AUDIT_RADIUS).any_two_records
RELEASE_FAULTS = [
    Fault("13", "Clip each coordinate instead of the norm", "no code is longer than R", 100,
               *_pair(leaves_the_ball, clip_of_the_wrong_norm, _right_clip)),
    Fault("14", "Take the radius from the batch", "other codes do not change", 2,
               *_pair(depends_on_others, clip_by_the_longest, _right_clip)),
    Fault("15", "Two releases, accounted for as one", "audit of epsilon, d = 1", AUDIT_OUTPUTS,
               *_pair(two_releases_refute, _TRUE, _TRUE.repeated(2))),
    Fault("16", "A decoder that looks at the uncovered label", "audit of epsilon, labels exchanged", AUDIT_OUTPUTS,
               *_pair(label_decoder_refutes, 20.0, 0.0)),
    Fault("17", "Encoder in training mode (batch normalisation)", "other codes do not change", 2,
               *_pair(mixes_records, True, False)),
    Fault("18", "Decoder trained again while releasing", "hash of the weights", 20,
               *_pair(changes_model, RetrainingSynthesizer, Synthesizer)),
    Fault("19", "R epsilon claimed instead of 2 R epsilon", "audit of epsilon, d = 1", AUDIT_OUTPUTS,
               *_pair(mechanism_refutes, _TRUE.epsilon / 2, _TRUE.epsilon)),
    Fault("20", "Classical Gaussian calibration at epsilon 10", "exact delta", 0,
               *_pair(delta_exceeds, CLASSICAL_SIGMA, ANALYTIC_SIGMA)),
    Fault("21", "A constant seed", "seeds 0 to 1000 tried", 1,
               *_pair(seed_is_guessed, True, False)),
    Fault("22", "Records in the order of the originals", "rank correlation of the order", 32,
               *_pair(order_is_kept, False, True)),
]  # fmt: skip
