"""The optimal attack on a release whose encoder, decoder and mechanism are known: a likelihood ratio."""

import copy
import math
from collections.abc import Iterator

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.compute.devices import exact_device, to_double
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE

WIDTHS = (1.0, 1.25, 1.5, 2.0)  # of the kernel of the population's density, in units of the noise
FOUND = 1e-4  # a code is found if its record has the same logits, up to the rounding of float32
CHUNK = 200  # candidates at a time: their differences to all synthetic records must fit into memory
INVERTED_ON_GPU = 2000  # records at a time: fewer would let it wait


def noisy_codes(
    vae: VAE | None, x: torch.Tensor, y: torch.Tensor | None = None, *, steps: int = 15, starts: int = 16
) -> torch.Tensor:
    """Return the codes from which a decoder made synthetic records: the decoder's inverse.

    The decoder maps a few numbers to many, so (unless it is degenerate) a record determines its code. The
    Levenberg-Marquardt method finds it, from the encoder's guess, by least squares between the decoder's logits and
    those of the record. Values near 1 keep few digits of their logits and count little; those that single precision
    rounded to 0 count nothing. Where it ends at a code whose record is another one, as it often does with convolutional
    decoders, it starts again from points around the guess.

    Parameters
    ----------
    vae : VAE or None
        Encoder and decoder; None: records are their own codes.
    x : torch.Tensor
        Synthetic records, shape (records, features), values in [0, 1].
    y : torch.Tensor, optional
        Their labels, shape (records,), for a conditional VAE.
    steps : int
        Number of iterations.
    starts : int
        Number of starts, at most; the first is the encoder's guess.

    Returns
    -------
    torch.Tensor
        Shape (records, latent_dim), float64 (on the CPU if the records' device has no such numbers).
    """
    if vae is None:
        return to_double(x)
    with torch.no_grad():
        guess = to_double(vae.encode(x, y)[0])
        labels = to_double(vae.with_labels(x.new_empty(len(x), 0), y))
    decoder, x = copy.deepcopy(vae.decoder).to(guess), to_double(x)
    codes, distance = guess.clone(), guess.new_full((len(x),), torch.inf)
    for offset in _offsets(starts, guess.shape[1]).to(guess.device):
        left = (distance > FOUND).nonzero().flatten()
        if len(left) == 0:
            break
        for rows in left.split(CHUNK if x.device.type == "cpu" else INVERTED_ON_GPU):
            tried, apart = _inverted(decoder, x[rows], guess[rows] + offset, labels[rows], steps=steps)
            nearer = apart < distance[rows]
            codes[rows[nearer]], distance[rows[nearer]] = tried[nearer], apart[nearer]
    return codes


def _offsets(starts: int, dimension: int) -> torch.Tensor:
    """Return where to start, relative to the guess: evenly spread in probability under N(0, I), from its centre on.

    They are points of Sobol's sequence, which is not random, made normal; shape (starts, dimension), float64.
    """
    sequence = torch.quasirandom.SobolEngine(dimension).fast_forward(1)  # its first point, zero, would be at infinity
    return torch.special.ndtri(sequence.draw(starts, dtype=torch.float64))


def _inverted(
    decoder: torch.nn.Module, x: torch.Tensor, codes: torch.Tensor, labels: torch.Tensor, *, steps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes that a decoder maps to records, and how far these are from them.

    Codes are first guesses; `labels` are the one-hot ones that the decoder gets. The distance is the weighted
    root-mean-square difference of logits, shape (records,).
    """
    weight = (1 - x) * (x > torch.finfo(torch.float32).tiny)
    wanted = torch.where(weight > 0, torch.logit(x), 0.0)  # not infinity, which would make an error of it
    # The slope says where to go, not when to stop: single precision will do, and is faster.
    in_single = copy.deepcopy(decoder).float()
    at_rest = torch.zeros(codes.shape[1], device=codes.device)
    damping = torch.full((len(x), 1, 1), 1e-3, dtype=x.dtype, device=x.device)
    identity = torch.eye(codes.shape[1], dtype=x.dtype, device=x.device)

    def residual(codes: torch.Tensor) -> torch.Tensor:
        return weight * (wanted - decoder(torch.cat([codes, labels], dim=1)))

    def slopes(codes: torch.Tensor) -> torch.Tensor:
        def shifted(shift: torch.Tensor) -> torch.Tensor:  # all codes by the same: each record feels its own only
            return in_single(torch.cat([codes.float() + shift, labels.float()], dim=1))

        return weight[:, :, None] * torch.func.jacfwd(shifted)(at_rest)

    with torch.no_grad():
        error = residual(codes)
        for _ in range(steps):
            slope = slopes(codes)
            normal = slope.mT @ slope
            step = torch.linalg.solve(normal + damping * identity, slope.mT @ error[:, :, None])[:, :, 0]
            proposed = residual(codes + step)
            better = (proposed.square().sum(dim=1) < error.square().sum(dim=1))[:, None]
            codes, error = torch.where(better, codes + step, codes), torch.where(better, proposed, error)
            damping = torch.where(better[:, :, None], damping / 10, damping * 10)
            if (better * step).abs().max() < 1e-6:
                break
    return codes, error.square().mean(dim=1).sqrt()


def log_likelihoods(
    codes: torch.Tensor,
    y: torch.Tensor,
    *,
    noisy: torch.Tensor,
    reported: torch.Tensor,
    mechanism: Mechanism,
    labels: RandomisedResponse | None = None,
    width: float = 1.0,
) -> torch.Tensor:
    """Return the log-density of each synthetic record if it came from each original.

    Parameters
    ----------
    codes, y : torch.Tensor
        Projected codes of originals, shape (records, latent_dim), and their labels, shape (records,).
    noisy, reported : torch.Tensor
        Noisy codes of synthetic records, shape (released, latent_dim), and their labels, shape (released,).
    mechanism : Mechanism
        The noise.
    labels : RandomisedResponse, optional
        Noise of the labels; without it, a synthetic record comes from an original of its label.
    width : float
        Factor by which the noise is longer.

    Returns
    -------
    torch.Tensor
        Shape (records, released), float64.
    """
    same = y[:, None] == reported[None]
    possible = same if labels is None else torch.ones_like(same)
    original, released = possible.nonzero().T
    log_density = torch.full(same.shape, -torch.inf, dtype=torch.float64, device=codes.device)
    log_density[possible] = mechanism.log_likelihood(noisy[released], codes[original], width=width)
    if labels is None:
        return log_density
    log_keep = math.log(labels.keep_probability)  # another label is less probable by a factor of e^epsilon
    return log_density + torch.where(same, log_keep, log_keep - labels.epsilon)


def decoded_codes(synthesizer: Synthesizer, release: Release) -> torch.Tensor:
    """Return the noisy codes behind a release, float64: the decoder is inverted, and then the denoiser."""
    codes = noisy_codes(synthesizer.vae, release.x, release.y)
    if synthesizer.denoiser is None:
        return codes
    return synthesizer.denoiser.undo(codes, mechanism=synthesizer.mechanism, radius=synthesizer.radius)


class LikelihoodRatio(Attack):
    """How much more probable is the release if the candidate is a member (:eq:`release-ratio`)?

    By the lemma of Neyman and Pearson no attack on the release does better on average, up to the estimate of the
    population's density: that is the average over the adversary's own records (:eq:`release-density`), with a kernel of
    that of :data:`WIDTHS` under which the release is most probable. The release's rows are supposed to be shuffled. A
    denoiser is undone where that is possible; otherwise, what was decoded stands for the noisy codes.
    """

    needs = ("release", "synthesizer", "population")
    threshold = 0.0

    def missing(self, knowledge: Knowledge, candidates: Candidates) -> list[str]:
        """Return what an adversary lacks; without noise, there is no likelihood."""
        lacking = super().missing(knowledge, candidates)
        return lacking or ([] if knowledge.synthesizer.mechanism is not None else ["mechanism"])

    def _fit(self, knowledge: Knowledge) -> None:
        if knowledge.synthesizer.mechanism is None:
            raise ValueError(
                "A release without noise has no density: take NearestReconstruction, which finds all members."
            )
        self._device = exact_device(knowledge.release.x.device)
        self._synthesizer, release = knowledge.synthesizer.to(self._device), knowledge.release.to(self._device)
        self._noisy, self._reported = decoded_codes(self._synthesizer, release), release.y
        population = knowledge.population.to(self._device)
        some = slice(CHUNK)  # a sample of the rows is enough to choose the width
        likeliest = max(WIDTHS, key=lambda width: self._log_density(population, some, width).sum().item())
        self._of_population = self._log_density(population, slice(None), likeliest)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        everything = slice(None)
        ratios = [
            # A synthetic record of a label that neither the candidate nor the population has is no evidence: not NaN.
            (self._log_likelihoods(x, y, everything, 1.0) - self._of_population)
            .nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
            .logsumexp(dim=1)
            for x, y in _chunks(candidates.to(self._device))
        ]
        return torch.cat(ratios) - math.log(len(self._reported))

    def _log_density(self, population: Candidates, rows: slice, width: float) -> torch.Tensor:
        """Return the log of the population's density at some rows of the release."""
        parts = [self._log_likelihoods(x, y, rows, width) for x, y in _chunks(population)]
        return torch.cat(parts).logsumexp(dim=0) - math.log(len(population.y))

    def _log_likelihoods(self, x: torch.Tensor, y: torch.Tensor, rows: slice, width: float) -> torch.Tensor:
        noisy, reported, synthesizer = self._noisy[rows], self._reported[rows], self._synthesizer
        options = {"mechanism": synthesizer.mechanism, "labels": synthesizer.labels, "width": width}
        if synthesizer.labels is None or synthesizer.vae is None or not synthesizer.vae.sizes["n_classes"]:
            return log_likelihoods(synthesizer.encode(x, y), y, noisy=noisy, reported=reported, **options)
        # The encoder got the reported label, so a candidate has a code for each of them.
        found = torch.empty(len(x), len(noisy), dtype=torch.float64, device=x.device)
        for label in reported.unique():
            here, codes = reported == label, synthesizer.encode(x, label.expand(len(x)))
            found[:, here] = log_likelihoods(codes, y, noisy=noisy[here], reported=reported[here], **options)
        return found


def _chunks(records: Candidates) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    yield from zip(records.x.split(CHUNK), records.labels.split(CHUNK), strict=True)
