"""An adversary that holds encoder and decoder: does this VAE know the candidate better than others do?"""

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.vae import REPARAMETERISATION, VAE, LatentNoise


@torch.no_grad()
def reconstruction_score(
    vae: VAE, x: torch.Tensor, y: torch.Tensor | None = None, *, latent_noise: LatentNoise = REPARAMETERISATION
) -> torch.Tensor:
    """Score candidates by how well the VAE reconstructs them: those that it was trained on tend to come out better.

    Chen et al. (arXiv 1909.03935) call it the reconstruction loss attack.

    Parameters
    ----------
    vae : VAE
        Encoder and decoder under attack.
    x : torch.Tensor
        Candidates, shape (records, features), values in [0, 1].
    y : torch.Tensor, optional
        Their labels, shape (records,), for a conditional VAE.
    latent_noise : LatentNoise
        What codes went through when it was trained.

    Returns
    -------
    torch.Tensor
        Log-likelihood of each record given its code without noise, in nats, shape (records,).
    """
    mean, _ = vae.encode(x, y)
    return vae.log_likelihood(latent_noise.without_noise(mean), x, y)


@torch.no_grad()
def elbo_score(
    vae: VAE,
    x: torch.Tensor,
    y: torch.Tensor | None = None,
    *,
    latent_noise: LatentNoise = REPARAMETERISATION,
    generator: torch.Generator,
    n_samples: int = 10,
) -> torch.Tensor:
    """Score candidates by their ELBO, the VAE's own bound on their log-likelihood (:eq:`elbo-score`).

    Parameters
    ----------
    vae, x, y, latent_noise
        As for :func:`reconstruction_score`.
    generator : torch.Generator
        Source of the samples of each code.
    n_samples : int
        Number of samples to average over.

    Returns
    -------
    torch.Tensor
        In nats, shape (records,).
    """
    samples = (vae.elbos(x, y, latent_noise=latent_noise, generator=generator).value for _ in range(n_samples))
    return sum(samples) / n_samples


def calibrated_score(
    score: torch.Tensor, references: torch.Tensor, is_member: torch.Tensor | None = None
) -> torch.Tensor:
    """Return how much higher the score under the target is than under models that have not seen the record.

    Some records are easy for any model. Subtracting the average over references leaves what is due to training on the
    candidate (:eq:`vae-score`; Watson et al., arXiv 2111.08440, for classifiers).

    Parameters
    ----------
    score : torch.Tensor
        Score of each candidate under the model under attack, shape (records,).
    references : torch.Tensor
        Scores under models of the adversary, shape (references, records).
    is_member : torch.Tensor, optional
        Which references were trained on which candidate, shape (references, records), bool; those do not count.

    Raises
    ------
    ValueError
        If a candidate has no reference.
    """
    outside = torch.ones_like(references, dtype=torch.bool) if is_member is None else ~is_member.to(score.device)
    if len(references) == 0 or not outside.any(dim=0).all():
        raise ValueError(
            "Each candidate needs at least one reference VAE that was not trained on it; without any, take the "
            "uncalibrated score."
        )
    return score - torch.where(outside, references, 0).sum(dim=0) / outside.sum(dim=0)


class Reconstruction(Attack):
    """A member is reconstructed well by the VAE that was trained on it."""

    needs = ("synthesizer",)

    def _fit(self, knowledge: Knowledge) -> None:
        self._vae, self._latent_noise = knowledge.synthesizer.vae, knowledge.synthesizer.latent_noise

    def _score_under(self, vae: VAE, candidates: Candidates) -> torch.Tensor:
        return reconstruction_score(vae, candidates.x, candidates.labels, latent_noise=self._latent_noise)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        return self._score_under(self._vae, candidates)


class CalibratedReconstruction(Reconstruction):
    """A member is reconstructed better by the VAE that was trained on it than by reference VAEs."""

    needs = ("synthesizer", "reference_vaes")

    def _fit(self, knowledge: Knowledge) -> None:
        super()._fit(knowledge)
        self._references = knowledge.reference_vaes

    def _score(self, candidates: Candidates) -> torch.Tensor:
        references = [self._score_under(vae, candidates) for vae in self._references]
        score = super()._score(candidates)
        stacked = torch.stack(references) if references else score[None][:0]
        return calibrated_score(score, stacked, candidates.in_references)


class ELBO(Reconstruction):
    """A member has a high ELBO.

    Parameters
    ----------
    generator : torch.Generator
        Source of the samples of each code.
    """

    def __init__(self, *, generator: torch.Generator) -> None:
        self.generator = generator

    def _score_under(self, vae: VAE, candidates: Candidates) -> torch.Tensor:
        options = {"latent_noise": self._latent_noise, "generator": self.generator}
        return elbo_score(vae, candidates.x, candidates.labels, **options)


class CalibratedELBO(ELBO, CalibratedReconstruction):
    """A member has a higher ELBO under the VAE that was trained on it than under reference VAEs."""
