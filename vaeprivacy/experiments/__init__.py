"""Experiments: what a run depends on, the pool of models that it trains, attacks on each of them, sweeps, searches."""

from vaeprivacy._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "compare": ["better_at", "pareto_front", "strongest", "summarise"],
        "config": ["Config"],
        "grids": ["config_of", "grid", "read_grid"],
        "pool": ["Pool"],
        "proposal": ["Proposal", "SearchCost", "propose"],
        "runs": ["run", "run_scores", "shadow_fit"],
        "search": ["try_settings"],
        "sweeps": ["sweep", "tidy"],
    },
)
