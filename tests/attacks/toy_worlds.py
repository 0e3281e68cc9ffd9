"""Made-up worlds in which it is known how well each attack must do."""

from typing import NamedTuple

import torch
from seeding import seeded
from torch import nn

from vaeprivacy.attacks import Candidates, Knowledge, Shadows, ShadowTarget
from vaeprivacy.datasets import draw_balanced_memberships, draw_memberships
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE, VAESettings

N, FEATURES, CLASSES = 300, 64, 4  # members, and as many others; the last class is nobody's label
NEAR = 2.0  # random records are further apart than that, copies with noise closer


class World(NamedTuple):
    """What an adversary holds, whom it asks about, and who was a member."""

    knowledge: Knowledge
    candidates: Candidates
    is_member: torch.Tensor


def answers(y: torch.Tensor, is_member: torch.Tensor, gain: float, generator: torch.Generator) -> torch.Tensor:
    """Return made-up log-posteriors over three classes; `gain` is what membership adds to the right class's logit."""
    logits = torch.randn(len(y), 3, generator=generator)
    logits[torch.arange(len(y)), y] += 1 + gain * is_member
    return torch.log_softmax(logits, dim=1)


def about(log_posteriors: torch.Tensor, y: torch.Tensor, shadows: Shadows | None = None) -> Candidates:
    """Return candidates of which only the answers matter."""
    return Candidates(x=torch.zeros(len(y), 1), y=y, log_posteriors=log_posteriors, shadows=shadows)


def made_up_shadows(gain: float) -> Shadows:
    """Return what two made-up shadow models say about 600 records, half of which each was trained on."""
    generator = seeded(1)
    y = torch.arange(3).repeat(200)
    is_member = draw_memberships(y, n_shadows=2, generator=generator)
    return Shadows(torch.stack([answers(y, mine, gain, generator) for mine in is_member]), y, is_member)


class Memory(nn.Module):
    """A decoder that knows some records by heart and is unsure about all others."""

    def __init__(self, records: torch.Tensor) -> None:
        super().__init__()
        self.records = records

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        distance, nearest = torch.cdist(codes, self.records).min(dim=1)
        return torch.where((distance < NEAR)[:, None], torch.logit(self.records[nearest], eps=1e-6), 0.0)


class Identity(nn.Module):
    """An encoder whose mean is the record and whose variance is next to nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.full_like(x, -20.0)], dim=1)


def memorising_vae(records: torch.Tensor) -> VAE:
    """Return a VAE that reconstructs these records and no others."""
    vae = VAE(FEATURES, latent_dim=FEATURES, hidden=1, generator=seeded())
    vae.encoder, vae.decoder = Identity(), Memory(records)
    return vae


def shadow_target(x: torch.Tensor, y: torch.Tensor, half: torch.Tensor, references: list[VAE]) -> ShadowTarget:
    """Return a release and a VAE that know half of some records by heart."""
    synthesizer = Synthesizer(None, VAESettings(latent_dim=FEATURES), vae=memorising_vae(x[half]))
    knowledge = Knowledge(
        population=Candidates(x=x, y=y),
        release=Release(x[half], y[half], None),
        synthesizer=synthesizer,
        reference_vaes=references,
    )
    candidates = Candidates(x=x, y=y, in_references=torch.zeros(len(references), len(y), dtype=torch.bool))
    return ShadowTarget(knowledge=knowledge, candidates=candidates, is_member=half)


def world(*, memorised: bool) -> World:
    """Return a target, a release and a VAE that know the members by heart, or else only records of nobody here."""
    generator = seeded(20)
    x, y = torch.rand(2 * N, FEATURES, generator=generator), torch.randint(3, (2 * N,), generator=generator)
    others_x, others_y = torch.rand(2 * N, FEATURES, generator=generator), torch.arange(3).repeat(2 * N // 3)
    is_member = torch.randperm(2 * N, generator=generator) < N
    trained_on = (x[is_member], y[is_member]) if memorised else (others_x[:N], others_y[:N])

    def about_members(y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Return answers that are sure of the label of known records, and lean to nobody's label elsewhere."""
        logits = torch.randn(len(y), CLASSES, generator=generator)
        logits[:, CLASSES - 1] += 3
        logits[torch.arange(len(y)), y] += 12.0 * known
        return logits.log_softmax(dim=1)

    def shadows(y: torch.Tensor, halves: torch.Tensor) -> Shadows:
        return Shadows(torch.stack([about_members(y, half) for half in halves]), y, halves)

    def query(records: torch.Tensor) -> torch.Tensor:
        distance, nearest = torch.cdist(records, trained_on[0]).min(dim=1)
        logits = 12.0 * nn.functional.one_hot(trained_on[1][nearest], CLASSES) * (distance < NEAR)[:, None]
        return (logits + torch.tensor([0.0, 0.0, 0.0, 3.0])).log_softmax(dim=1)

    halves = draw_balanced_memberships(y, n_shadows=8, generator=generator)
    candidates = Candidates(
        x=x,
        y=y,
        log_posteriors=about_members(y, is_member & memorised),
        shadows=shadows(y, halves),
        in_references=torch.zeros(2, 2 * N, dtype=torch.bool),
    )
    nobody = torch.zeros(2 * N, dtype=torch.bool)
    population = Candidates(
        x=others_x,
        y=others_y,
        log_posteriors=about_members(others_y, nobody),
        shadows=shadows(others_y, nobody.expand(8, -1)),
    )
    references = [memorising_vae(others_x[N:]), memorising_vae(others_x[N : N + 50])]
    knowledge = Knowledge(
        population=population,
        shadows=shadows(others_y, draw_memberships(others_y, n_shadows=4, generator=generator)),
        query=query,
        query_label=lambda records: query(records).argmax(dim=1),
        release=Release(*trained_on, None),
        synthesizer=Synthesizer(None, VAESettings(latent_dim=FEATURES), vae=memorising_vae(trained_on[0])),
        reference_vaes=references,
        shadow_targets=[shadow_target(x, y, half, references) for half in halves[:2]],
    )
    return World(knowledge, candidates, is_member)
