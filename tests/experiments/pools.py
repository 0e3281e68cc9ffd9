"""Runs of pools whose models are trained in a moment."""

from dataclasses import replace
from pathlib import Path

from vaeprivacy.attacks import Shadows
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.trainers import Trainer


def with_training(config: Config, training: Trainer) -> Config:
    return replace(config, defence=replace(config.defence, trainer=training))


def train(config: Config, directory: Path | None = None) -> list[Shadows]:
    """Return what all models of a run's pool say, trained if they are not there."""
    return Pool.of(config, directory).shadows
