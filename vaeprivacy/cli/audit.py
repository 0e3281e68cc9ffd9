"""``vaeprivacy audit``: claimed against measured epsilon."""

from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.tables import AsJson
from vaeprivacy.cli.threads import one_thread

if TYPE_CHECKING:
    from vaeprivacy.audit.report import AuditReport
    from vaeprivacy.mechanisms.base import Mechanism

# Of the mechanisms by name, those with an epsilon whose noise can be tested by its law.
WITH_EPSILON = ("euclidean-laplace", "coordinate-laplace")


@reports_errors()
def audit(
    mechanism: Annotated[
        str, typer.Option(help="euclidean-laplace, coordinate-laplace or gaussian")
    ] = "euclidean-laplace",
    epsilon: Annotated[float, typer.Option(help="Metric-privacy parameter per unit of latent distance.")] = 0.5,
    sigma: Annotated[float, typer.Option(help="Standard deviation of Gaussian noise.")] = 2.0,
    radius: Annotated[float, typer.Option(help="Radius of the ball of codes.")] = 2.0,
    dimension: Annotated[
        int, typer.Option(min=1, help="Latent dimension in which the law of the noise is tested.")
    ] = 16,
    n: Annotated[int, typer.Option(min=20, help="Outputs for each of two codes.")] = 100_000,
    dataset: Annotated[
        str | None, typer.Option(help="Also fit a synthesizer on half of this data set, and audit its release.")
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999999, help="Of each lower bound: how seldom a true claim is refuted.")
    ] = 0.999,
    seed: Annotated[int, typer.Option(help="Decides all random numbers of the audit.")] = 0,
    json: AsJson = False,
) -> None:
    """Print claimed against measured epsilon, of a mechanism or a whole release; exit with 1 if a claim is refuted."""
    from vaeprivacy.audit.report import audit_by_name

    one_thread()
    report = audit_by_name(
        mechanism,
        mechanism_of(mechanism, epsilon=epsilon, sigma=sigma, radius=radius),
        radius=radius,
        dimension=dimension,
        n=n,
        dataset=dataset,
        level=confidence,
        seed=seed,
    )
    print(audit_as_json(report) if json else report)
    raise typer.Exit(int(report.refuted))


def audit_as_json(report: "AuditReport") -> str:
    """Return each audit, the test of the noise's law, and whether any claim is refuted."""
    audits = [{"what": what, **asdict(one), "refuted": one.violated} for what, one in report.audits.items()]
    law = {"dimension": report.dimension, "p_values": report.law, "refuted": report.law_refuted}
    return dumps({"audits": audits, "law": law, "level": report.level, "refuted": report.refuted}, indent=1)


def mechanism_of(name: str, *, epsilon: float, sigma: float, radius: float) -> "Mechanism":
    """Return the mechanism that options speak of; Gaussian noise is given by its sigma.

    Raises
    ------
    ValueError
        If there is no such mechanism.
    """
    from vaeprivacy.mechanisms import MECHANISMS, Gaussian

    if name == "gaussian":
        return Gaussian(sigma)
    if name not in WITH_EPSILON:
        raise ValueError(
            f"There is no mechanism {name!r}; choose one of {', '.join(map(repr, WITH_EPSILON))}, 'gaussian'."
        )
    return MECHANISMS[name](epsilon, radius)
