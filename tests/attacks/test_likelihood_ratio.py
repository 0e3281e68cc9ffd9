"""The likelihood ratio through the class: a VAE with a linear decoder, where the answer is known."""

import math

import pytest
import torch
from seeding import seeded
from torch import nn
from toy_worlds import Identity

from vaeprivacy.attacks import Candidates, DensityRatio, Knowledge, LikelihoodRatio, NearestReconstruction
from vaeprivacy.attacks.likelihood import WIDTHS, decoded_codes, log_likelihoods, noisy_codes
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.metrics import auc, roc
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import new_vae

D = 3


def linear_vae() -> VAE:
    """Return a VAE whose records are their codes, and whose logits are twelve linear functions of the code."""
    vae = VAE(D, latent_dim=D, hidden=1, generator=seeded())
    vae.encoder, vae.decoder = Identity(), nn.utils.skip_init(nn.Linear, D, 12)
    with torch.no_grad():
        vae.decoder.weight.normal_(generator=seeded(1)).div_(3)
        vae.decoder.bias.zero_()
    return vae


class LinearVAE(VAE):
    """The same, with an encoder for synthetic records, whose features are others."""

    def encode(self, x: torch.Tensor, y: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return super().encode(x if x.shape[1] == D else x[:, :D])


def synthesizer(mechanism: Mechanism | None, labels: RandomisedResponse | None = None) -> Synthesizer:
    vae = linear_vae()
    vae.__class__ = LinearVAE
    return Synthesizer(mechanism, VAESettings(latent_dim=D), radius=100.0, vae=vae, labels=labels)


def records(codes: torch.Tensor, y: torch.Tensor | None = None) -> Candidates:
    return Candidates(x=codes.float(), y=torch.zeros(len(codes), dtype=torch.int64) if y is None else y)


def released(framework: Synthesizer, noisy: torch.Tensor, y: torch.Tensor | None = None) -> Release:
    return Release(framework.decode(noisy.float()), records(noisy, y).y, None)


# The decoder's inverse


@pytest.mark.parametrize("decoder", ["linear", "random"])
def test_codes_are_read_from_the_records_that_they_were_decoded_to(decoder: str, vae: VAE) -> None:
    framework = synthesizer(None) if decoder == "linear" else Synthesizer(None, VAESettings(latent_dim=3), vae=vae)
    codes = 2 * torch.randn(300, 3, generator=seeded(2))
    errors = (noisy_codes(framework.vae, framework.decode(codes)) - codes).norm(dim=1)
    assert (errors < 1e-3).double().mean() >= 0.99


def test_a_white_pixel_tells_nothing_and_hides_nothing() -> None:
    framework = synthesizer(None)
    with torch.no_grad():
        framework.vae.decoder.bias[0] = 40.0  # in float32, its value is 1
    codes = 2 * torch.randn(20, D, generator=seeded(2))
    records = framework.decode(codes)
    assert (records[:, 0] == 1).all()
    assert torch.allclose(noisy_codes(framework.vae, records).float(), codes, atol=1e-3)


# Known answers


@pytest.mark.parametrize(
    "mechanism",
    [Gaussian(0.7), EuclideanLaplace(2.0), CoordinateLaplace(2.0), WhitenedLaplace(2.0, torch.eye(D) + 0.3)],
    ids=lambda mechanism: type(mechanism).__name__,
)
def test_a_density_is_the_mechanisms_at_the_noise(mechanism: Mechanism) -> None:
    codes, noisy = torch.randn(2, 4, D, generator=seeded(3), dtype=torch.float64)
    y, reported = torch.tensor([0, 1, 1, 0]), torch.tensor([1, 1, 0, 0])
    found = log_likelihoods(codes, y, noisy=noisy, reported=reported, mechanism=mechanism)
    for i in range(4):
        for j in range(4):
            expected = mechanism.log_density((noisy[j] - codes[i])[None]).item() if y[i] == reported[j] else -math.inf
            assert found[i, j].item() == pytest.approx(expected)


def test_a_wider_kernel_is_still_a_density() -> None:
    grid = torch.linspace(-30, 30, 6001, dtype=torch.float64)[:, None]
    zeros = torch.zeros(6001, dtype=torch.int64)
    for width in WIDTHS:
        options = {"noisy": grid, "reported": zeros, "mechanism": Gaussian(1.3), "width": width}
        density = log_likelihoods(torch.zeros(1, 1), zeros[:1], **options)[0].exp()
        assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=1e-6)


def test_noise_on_labels_has_its_probabilities() -> None:
    labels = RandomisedResponse(1.0, 3)
    options = {"noisy": torch.zeros(3, 1), "reported": torch.arange(3), "mechanism": Gaussian(1.0)}
    by_label = log_likelihoods(torch.zeros(1, 1), torch.tensor([2]), labels=labels, **options)[0].exp()
    keep = math.e / (math.e + 2)
    expected = torch.tensor([(1 - keep) / 2, (1 - keep) / 2, keep], dtype=torch.float64) / math.sqrt(2 * math.pi)
    assert torch.allclose(by_label, expected)


def test_the_score_of_a_known_population_is_the_log_of_the_average_ratio() -> None:
    framework = synthesizer(Gaussian(1.0))
    population, noisy, asked = torch.randn(3, 5, D, generator=seeded(4))
    attack = LikelihoodRatio()
    attack.fit(Knowledge(release=released(framework, noisy), synthesizer=framework, population=records(population)))
    found = attack.score(records(asked))

    def density(codes: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        distance = torch.cdist(codes.double(), noisy.double())
        return (-0.5 * (distance / width) ** 2).exp() / (width * math.sqrt(2 * math.pi)) ** D

    marginal = max((density(population, width).mean(dim=0) for width in WIDTHS), key=lambda each: each.log().sum())
    assert found.tolist() == pytest.approx((density(asked) / marginal).mean(dim=1).log().tolist(), abs=1e-3)


def test_against_one_other_code_one_synthetic_record_is_used_to_the_bound() -> None:
    # Each release holds one record, and the population is the other code.
    sigma, distance, n = 1.0, 1.5, 4000
    framework = synthesizer(Gaussian(sigma))
    codes = torch.tensor([[0.0] * D, [distance] + [0.0] * (D - 1)])
    scores = []
    for number, code in enumerate(codes):
        noisy = code + sigma * torch.randn(n, D, generator=seeded(number), dtype=torch.float64)
        recovered = noisy_codes(framework.vae, framework.decode(noisy.float()))
        options = {"noisy": recovered, "reported": torch.zeros(n, dtype=torch.int64), "mechanism": Gaussian(sigma)}
        of_first, of_second = log_likelihoods(codes, torch.zeros(2, dtype=torch.int64), **options)
        scores.append(of_second - of_first)
    found = auc(torch.cat(scores), torch.arange(2 * n) >= n)
    assert found.value == pytest.approx(GaussianIndistinguishability(distance / sigma).max_auc(), rel=0.02)


@pytest.mark.parametrize("dimension", [1, 4])
def test_laplace_noise_is_never_exploited_beyond_its_bound(dimension: int) -> None:
    mechanism, distance, n = EuclideanLaplace(1.0), 1.0, 20_000
    codes = torch.zeros(2, dimension, dtype=torch.float64)
    codes[1, 0] = distance
    y, scores = torch.zeros(2, dtype=torch.int64), []
    for number, code in enumerate(codes):
        noisy = code + mechanism.sample(n, dimension, generator=seeded(number))
        options = {"noisy": noisy, "reported": torch.zeros(n, dtype=torch.int64), "mechanism": mechanism}
        of_first, of_second = log_likelihoods(codes, y, **options)
        scores.append(of_second - of_first)
    curve = roc(torch.cat(scores).round(decimals=9), torch.arange(2 * n) >= n)
    bound = curve.fpr.map(mechanism.per_unit.times(distance).max_tpr)
    # Four standard errors of either rate, each at most 1 / (2 sqrt n); a steep curve multiplies that of the first.
    assert (curve.tpr <= bound + 4 * (1 + math.e) / (2 * math.sqrt(n))).all()
    # On a line, all noise beyond the other code reaches it; in more dimensions almost none lies on that line.
    reached = (curve.tpr / bound)[(curve.fpr > 0.01) & (curve.fpr < 0.2)].max()
    assert reached > 0.95 if dimension == 1 else 0.6 < reached < 0.95


def world(sigma: float, *, disjoint: bool = False) -> tuple[Knowledge, Candidates, torch.Tensor]:
    framework = synthesizer(Gaussian(sigma))
    generator = seeded(6)
    members, others, elsewhere, population = torch.randn(4, 400, D, generator=generator)
    kept = elsewhere if disjoint else members
    noisy = kept + sigma * torch.randn(400, D, generator=generator)
    knowledge = Knowledge(
        release=released(framework, noisy[torch.randperm(400, generator=generator)]),
        synthesizer=framework,
        population=records(population),
    )
    return knowledge, records(torch.cat([members, others])), torch.arange(800) < 400


def test_with_hardly_any_noise_all_members_are_found() -> None:
    knowledge, candidates, is_member = world(0.01)
    scores = LikelihoodRatio().fit(knowledge).score(candidates)
    assert auc(scores, is_member).value > 0.95
    assert ((scores > LikelihoodRatio.threshold) == is_member).double().mean() > 0.9


def test_a_release_of_other_records_gives_nothing_away_to_the_likelihood_ratio() -> None:
    knowledge, candidates, is_member = world(0.3, disjoint=True)
    found = auc(LikelihoodRatio().fit(knowledge).score(candidates), is_member)
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_no_attack_with_less_of_the_knowledge_does_better(sigma: float) -> None:
    knowledge, candidates, is_member = world(sigma)
    best = auc(LikelihoodRatio().fit(knowledge).score(candidates), is_member)
    assert best.low > 0.5
    nearest = auc(NearestReconstruction().fit(knowledge).score(candidates), is_member).value
    assert best.value >= nearest - (best.high - best.low) / 4  # a standard error


# Labels


def test_a_label_that_the_population_lacks_spoils_no_other_score() -> None:
    framework = synthesizer(Gaussian(1.0))
    codes, y = torch.randn(30, D, generator=seeded(7)), torch.arange(3).repeat(10)
    seen = y != 2
    release, rest = released(framework, codes, y), records(codes[seen], y[seen])
    attack = LikelihoodRatio().fit(Knowledge(release=release, synthesizer=framework, population=rest))
    scores = attack.score(records(codes, y))
    assert scores[seen].isfinite().all()
    assert (scores[~seen] == math.inf).all()  # impossible but for members
    assert attack.score(records(codes[:1], torch.tensor([9]))).tolist() == [-math.inf]


@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize("denoiser", [None, "shrink", "posterior-mean"])
def test_the_score_sees_through_denoiser_and_noise_of_labels(n_classes: int, denoiser: str | None) -> None:
    """One synthetic record: the ratio is that of the codes' densities, weighted by those of the labels."""
    settings = VAESettings(latent_dim=D, hidden=32, n_classes=n_classes)
    vae = new_vae(12, settings, generator=seeded(8))
    mechanism, labels = EuclideanLaplace(3.0), RandomisedResponse(1.0, 2)
    framework = Synthesizer(mechanism, settings, vae=vae, labels=labels, denoiser=denoiser and DENOISERS[denoiser])
    x, y = torch.rand(6, 12, generator=seeded(9)), torch.tensor([0, 1, 0, 1, 0, 1])
    release = framework.release(x[:1], y[:1], generator=seeded(10))
    own, others = Candidates(x=x[:2], y=y[:2]), Candidates(x=x[2:], y=y[2:])
    attack = LikelihoodRatio().fit(Knowledge(release=release, synthesizer=framework, population=others))
    noisy = decoded_codes(framework, release)

    def log_density(records: Candidates, width: float) -> torch.Tensor:
        codes = framework.encode(records.x, release.y.expand(len(records.y)))
        of_label = torch.where(records.y == release.y, labels.keep_probability, 1 - labels.keep_probability)
        return mechanism.log_likelihood(noisy.expand(len(codes), D), codes, width=width) + of_label.log()

    population = max(log_density(others, width).logsumexp(dim=0).item() for width in WIDTHS) - math.log(4)
    assert attack.score(own).tolist() == pytest.approx((log_density(own, 1.0) - population).tolist(), abs=1e-6)
    again = mechanism.perturb(framework.encode(x[:1], release.y), generator=release_noise(labels, y[:1], seed=10))
    assert (noisy - again).norm() < 0.05


def release_noise(labels: RandomisedResponse, y: torch.Tensor, *, seed: int) -> torch.Generator:
    """Return the generator of a release after it has drawn the noise of the labels, which comes first."""
    generator = seeded(seed)
    labels.perturb(y, generator=generator)
    return generator


def test_the_density_ratio_needs_no_decoder() -> None:
    knowledge, candidates, _ = world(0.3)
    plain = Knowledge(release=Release(knowledge.population.x, knowledge.population.y, None), population=candidates)
    assert DensityRatio().missing(plain, candidates) == []
    assert LikelihoodRatio().missing(plain, candidates) == ["synthesizer"]
