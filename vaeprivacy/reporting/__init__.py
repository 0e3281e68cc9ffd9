"""What a chapter says and shows: reported numbers and claims, tables, figures, and the results of long sweeps."""

from vaeprivacy._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "card": ["Released", "owner_card", "public_card", "write_card"],
        "chapter": ["Chapter"],
        "pareto_figure": ["in_one_picture"],
        "results": ["load_results", "result_names", "rows_of_seeds", "runs_of"],
        "tables": ["WEAK_NOTE", "attack_labels", "made_with"],
    },
)
