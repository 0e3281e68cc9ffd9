"""How many models are trained at once."""

import pytest
import torch
from elsewhere import elsewhere
from hypothesis import given
from hypothesis import strategies as st

from vaeprivacy import classifiers
from vaeprivacy.classifiers import ClassifierSettings, models_at_once, new_classifier
from vaeprivacy.compute.ensemble import models_that_fit


def that_fit(features: int, settings: ClassifierSettings, memory: int) -> int:
    model = new_classifier(features, settings, n_classes=10, generator=torch.Generator())
    return models_that_fit(model, features, batch_size=settings.batch_size, memory=memory)


@given(
    features=st.integers(1, 1000), hidden=st.integers(1, 300), memory=st.integers(0, 10**9), more=st.integers(0, 10**9)
)
def test_more_memory_never_holds_fewer_models_and_bigger_ones_never_more(
    features: int, hidden: int, memory: int, more: int
) -> None:
    def fit(features: int, hidden: int, memory: int) -> int:
        return that_fit(features, ClassifierSettings(hidden=hidden), memory)

    count = fit(features, hidden, memory)
    assert 1 <= count <= fit(features, hidden, memory + more)
    assert fit(features + 1, hidden, memory) <= count
    assert fit(features, hidden + 1, memory) <= count


def test_models_and_their_optimizer_take_the_memory_that_is_said() -> None:
    settings = ClassifierSettings(hidden=100, batch_size=1)
    # 64 x 100 and 100 x 10 weights, with biases: 7,510 floats, four times over, of four bytes each; and one batch.
    one = 4 * (4 * 7510 + 64 + 400 + 20)
    assert that_fit(64, settings, 3 * one) == 3
    assert that_fit(64, settings, 3 * one - 1) == 2


@pytest.mark.parametrize(("architecture", "number"), [("mlp", 4), ("resnet9", 1)])
def test_a_cpu_trains_as_many_as_gain_something(architecture: str, number: int) -> None:
    settings = ClassifierSettings(architecture=architecture, hidden=8)
    assert models_at_once(torch.zeros(1, 784), settings, n_classes=10) == number


@pytest.mark.parametrize("architecture", ["mlp", "resnet9"])
def test_a_gpu_trains_as_many_as_half_of_its_memory_holds(architecture: str, monkeypatch) -> None:
    settings = ClassifierSettings(architecture=architecture, hidden=8)
    monkeypatch.setattr(classifiers, "memory_of", lambda _: 2 * 10**9)
    with elsewhere(monkeypatch) as device:
        found = models_at_once(torch.zeros(1, 784).to(device), settings, n_classes=10)
    assert found == that_fit(784, settings, 10**9) > 4
