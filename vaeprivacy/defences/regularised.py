"""Training of the classifier that overfits less, on the private records themselves."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from vaeprivacy.checks import check_positive, check_whole, make_plain
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.defences.base import Defence


@dataclass(frozen=True)
class Regularised(Defence):
    """Train the classifier so that it overfits less. What is None stays as in the run's classifier settings.

    Attributes
    ----------
    epochs : int or None
        Stop after so many passes over the records.
    weight_decay : float or None
        Factor of half the squared weights in the loss (L2 regularisation).
    label_smoothing : float or None
        Share of the label's probability that is spread over all classes, from 0 to below 1.
    relax_loss : float or None
        Target of the training loss, in nats (RelaxLoss; Chen, Yu and Fritz, arXiv 2207.05801).

    Raises
    ------
    TypeError, ValueError
        If all are None, or one has an impossible value.
    """

    seed_text: ClassVar[str] = (
        "Regularised(name='regularised', epochs={epochs}, weight_decay={weight_decay}, "
        "label_smoothing={label_smoothing}, relax_loss={relax_loss})"
    )
    epochs: int | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    relax_loss: float | None = None
    name: str = field(default="regularised", init=False)

    def __post_init__(self) -> None:
        make_plain(self)
        if not self._changes():
            raise ValueError(
                "Regularised changes nothing: give epochs, weight_decay, label_smoothing or relax_loss a value."
            )
        if self.epochs is not None:
            check_positive(check_whole(self.epochs, "epochs"), "epochs")
        self.settings(ClassifierSettings())  # refuses impossible values

    def _changes(self) -> dict[str, float]:
        fields = ("epochs", "weight_decay", "label_smoothing", "relax_loss")
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        words = {"weight_decay": "weight decay", "label_smoothing": "label smoothing", "relax_loss": "RelaxLoss"}
        return ", ".join(
            f"{value} epochs" if name == "epochs" else f"{words[name]} {value:g}"
            for name, value in self._changes().items()
        )

    def settings(self, settings: ClassifierSettings) -> ClassifierSettings:
        """Return the classifier's settings with the changes of this defence."""
        return replace(settings, **self._changes())
