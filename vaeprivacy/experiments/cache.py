"""The names of the files that runs leave: they stand for all that their contents depend on."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from vaeprivacy.compute.source import code_hash
from vaeprivacy.experiments.config import Config


def run_key(config: Config, stage: str = "run") -> str:
    """Return a name for what a stage computes from a configuration with the code and the versions of today."""
    parts = json.dumps([_canonical(asdict(config)), stage, code_hash()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:20]


def _canonical(value: Any) -> Any:
    """Return nested fields with whole numbers as int: 1 and 1.0 are equal, but would be written differently."""
    if isinstance(value, dict):
        return {name: _canonical(field) for name, field in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
