"""Experiments: what a run depends on, the pool of models that it trains, attacks on each of them, sweeps, searches."""

from vaeprivacy._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "compare": ["better_at", "pareto_front", "strongest", "summarise"],
        "config": ["Config"],
        "grids": ["config_of", "grid", "read_grid"],
        "promises": ["promised_epsilon", "whole_promise"],
        "runs": ["run", "run_scores"],
        "search": ["SearchCost", "propose", "try_settings"],
        "stages": ["encoder_of", "fitted_model", "members"],
        "sweeps": ["shadow_fit", "sweep", "tidy"],
    },
)
