"""One check of arrays: what people have is taken, what means something else is refused with what to write."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from seeding import seeded

from vaeprivacy.arrays import (
    FLOOR,
    as_tensor,
    as_vector,
    check_labels,
    check_log_posteriors,
    check_memberships,
    check_records,
    check_unit_records,
)
from vaeprivacy.attacks import (
    ATTACKS,
    RMIA,
    Candidates,
    Gap,
    Knowledge,
    LiRA,
    Shadows,
    draw_balanced_memberships,
    loss_score,
    nearest_record_score,
    train_shadows,
)
from vaeprivacy.attacks.scores import logit_score, negative_entropy
from vaeprivacy.attacks.shadow import ClassifierRecipe
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, predict
from vaeprivacy.datasets import Dataset, split
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.search import try_settings
from vaeprivacy.mechanisms import EuclideanLaplace, RandomisedResponse
from vaeprivacy.metrics import auc
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

QUICK = ClassifierSettings(hidden=8, epochs=1)
SMALL = VAESettings(latent_dim=2, hidden=8, epochs=1)

# Impossible input


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.full((3, 2), "a"), r"text \(<U1\)"),
        (np.array([[b"a", b"b"]]), "text"),
        (np.ones((3, 2), dtype=complex), "complex numbers"),
        (torch.ones(3, 2, dtype=torch.complex64), "complex numbers"),
        (np.array([[1, None]], dtype=object), "Python objects"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), "Python objects"),
        (np.zeros((3, 2), dtype="M8[s]"), "dates"),
        (np.full((3, 2), 255, dtype=np.uint8), r"uint8 from 255 to 255: pass grey values as x / 255"),
        (np.full((3, 2), 7), r"int64 from 7 to 7: convert it"),
        ([[0.5]], "not list: pass np.asarray"),
        (None, "NoneType"),
    ],
)
def test_what_holds_no_numbers_of_records_is_refused_with_what_to_do(x: object, sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^x must .*{sentence}"):
        check_records(x)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (np.zeros(3), r"shape \(records, features\) .*not \(3,\)"),
        (np.zeros((3, 2, 2)), r"not \(3, 2, 2\): pass x.reshape\(len\(x\), -1\)"),
        (np.zeros((3, 0)), r"not \(3, 0\)"),
        (np.full((3, 2), np.nan), "NaN"),
        (np.full((3, 2), 1e300), "infinite"),  # in single precision
        (np.zeros((3, 4)), "4 features a record, but must have 2"),
    ],
)
def test_shapes_and_values_that_are_none_of_records_are_refused(x: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^x .*{sentence}"):
        check_records(x, features=2)


ONE_HOT = np.eye(3)[[0, 1, 2, 0]]


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        (ONE_HOT, ValueError, r"if it is one-hot, pass y.argmax\(axis=1\)"),
        ([0.5, 1, 2, 0], ValueError, "holds 0.5, but labels must be whole numbers"),
        ([math.nan, 1, 2, 0], ValueError, r"lacks 1 of 4 labels \(NaN\)"),
        ([math.inf, 1, 2, 0], ValueError, "holds inf"),
        (["a", "b", "c", "a"], TypeError, r"not text .*np.unique\(y, return_inverse=True\)"),
        ([None, 1, 2, 0], TypeError, "Python objects"),
        ([[0], [1, 2]], TypeError, "rows of different lengths"),
        ([0, 1, 2], ValueError, "one label from 0 to 2 for each of the 4 records, but has shape"),
        ([0, 1, 2, 3], ValueError, r"from 0 to 2 .* values \[0, 1, 2, 3\]"),
        ([0, 1, 2, -1], ValueError, "from 0 to 2"),
        (0, ValueError, "one number a record"),
    ],
)
def test_what_is_not_one_label_a_record_is_refused(y: object, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^y .*{sentence}"):
        check_labels(y, of=torch.zeros(4, 2), n_classes=3)


@pytest.mark.parametrize(
    ("told", "error", "sentence"),
    [
        ([1, -1, 1, -1], ValueError, "not -1; pass e.g. is_member > 0.$"),
        ([0.9, 0.1, 1, 0], ValueError, "not 0.9; pass e.g. is_member > 0.5"),
        ([1, math.nan, 1, 0], ValueError, "not nan"),
        (["True", "False", "True", "True"], TypeError, "is_member == 'True'"),
        ([2, 0, 1, 1], ValueError, "not 2"),
        ([1, 0], ValueError, r"shape \(4,\), one value a record, not \(2,\)"),
        ([[1, 0, 1, 1]], ValueError, r"not \(1, 4\)"),
    ],
)
def test_what_is_neither_member_nor_non_member_is_refused(told: object, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^is_member .*{sentence}"):
        check_memberships(told, shape=(4,))


PROBABILITIES = np.random.default_rng(0).dirichlet(np.ones(3), 4)
LOG = np.log(PROBABILITIES)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (PROBABILITIES, r"holds probabilities.* np.log\(log_posteriors\)"),
        (PROBABILITIES.round(2), "holds probabilities"),
        (100 * PROBABILITIES, r"np.log\(log_posteriors / 100\)"),
        (np.eye(3)[[0, 1, 2, 0]], "holds probabilities"),
        (np.where(PROBABILITIES[1, 1] == PROBABILITIES, np.nan, LOG), "NaN"),
        (np.where(PROBABILITIES[1, 1] == PROBABILITIES, np.inf, LOG), "infinite"),
        (np.where(np.arange(4)[:, None] == 1, -np.inf, LOG), "zero for every class"),
        (LOG[:3], "a row for each of 4 records"),
        (LOG[:, 0], r"of shape \(records, classes\)"),
        (LOG[None], r"of shape \(records, classes\)"),
        (np.arange(4), "floating-point"),
    ],
)
def test_what_are_no_log_posteriors_is_refused(said: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^log_posteriors .*{sentence}"):
        check_log_posteriors(said, of=torch.zeros(4, 2))


@pytest.mark.parametrize("of", ["fit", "release", "encode"])
def test_a_release_checks_what_fit_checks(of: str, x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(8.0), SMALL).fit(x, y, generator=seeded())
    calls = {
        "fit": lambda x, y: synthesizer.fit(x, y, generator=seeded()),
        "release": lambda x, y: synthesizer.release(x, y, generator=seeded()),
        "encode": synthesizer.encode,
    }
    call = calls[of]
    if of != "encode":
        with pytest.raises(ValueError, match=r"x must hold .* in \[0, 1\], not 40 with values from 0 to 255"):
            call(255 * x, y)
    for labels, sentence in ((y.float() * math.nan, "lacks 40"), (y + 0.5, "whole"), (np.eye(10)[y], "argmax")):
        with pytest.raises(ValueError, match=f"^y .*{sentence}"):
            call(x, labels)
    if of != "fit":
        with pytest.raises(ValueError, match="x has 5 features a record, but must have 64"):
            call(x[:, :5], y)
    assert synthesizer.releases.made == 0


def test_a_label_beyond_those_of_a_conditional_synthesizer_is_not_released(x: torch.Tensor, y: torch.Tensor) -> None:
    vae = VAE(64, latent_dim=2, hidden=4, n_classes=10, generator=seeded())
    synthesizer = Synthesizer(EuclideanLaplace(8.0), VAESettings(latent_dim=2, n_classes=10), vae=vae)
    with pytest.raises(ValueError, match="y must hold one label from 0 to 9 for each of the 40 records"):
        synthesizer.release(x, y + 1, generator=seeded())


def test_partners_that_do_not_fit_are_refused(x: torch.Tensor, y: torch.Tensor) -> None:
    said = torch.randn(40, 10, generator=seeded()).log_softmax(dim=1)
    with pytest.raises(ValueError, match="y must hold one label from 0 to 4"):
        Candidates(x=x, y=y, log_posteriors=said[:, :5])
    shadows = Shadows(said[None, :5], y[:5], torch.ones(1, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="say something about 5 records of 10 classes, but there are 40 candidates"):
        Candidates(x=x, y=y, log_posteriors=said, shadows=shadows)
    with pytest.raises(ValueError, match=r"in_references must have shape \(any, 40\)"):
        Candidates(x=x, y=y, in_references=torch.ones(3, 4))
    with pytest.raises(ValueError, match="is_member must have shape"):
        Shadows(said[None], y, torch.ones(1, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="release_x has 5 features a record, but must have 64"):
        nearest_record_score(x, y, release_x=x[:, :5], release_y=y)
    with pytest.raises(ValueError, match="y must hold one label"):
        Release(x, y[:3], None)
    with pytest.raises(ValueError, match=r"the candidates has 5 features"):
        ATTACKS["domias"].attack().fit(Knowledge(population=Candidates(x=x, y=y), release=Release(x, y, None))).score(
            Candidates(x=x[:, :5], y=y)
        )


@pytest.mark.parametrize("told", [[1, -1], ["True", "False"], [0.9, 0.1], [1, math.nan]])
def test_a_metric_does_not_guess_who_is_a_member(told: list[object]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^is_member must hold"):
        auc([1.0, 2.0], told)


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 10**4000])
def test_a_seed_that_no_table_can_hold_is_refused(seed: int) -> None:
    for call in (lambda: Config(seed=seed), lambda: seeded_generator(seed, "noise")):
        with pytest.raises(ValueError, match=r"^seed must be (at most|a whole number of at least) "):
            call()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Config(n_models=10**9), "n_models must be at most 100,000"),
        (lambda: VAESettings(hidden=10**12), "hidden must be at most 10,000,000"),
        (lambda: VAESettings(latent_dim=0), "latent_dim must be at least 1, not 0"),
        (lambda: ClassifierSettings(hidden=10**400), "hidden must be at most 10,000,000, not a number of 400 digits"),
        (lambda: draw_balanced_memberships(torch.arange(4) % 2, n_shadows=10**12, generator=seeded()), "n_shadows"),
    ],
)
def test_sizes_that_no_machine_has_are_refused(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


# A known answer


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4", ">f8", "g"])
def test_records_of_any_precision_and_byte_order_are_converted(kind: str) -> None:
    x = np.array([[0.0, 0.5], [1.0, 0.25]])
    for values in (x.astype(kind), np.asfortranarray(x.astype(kind)), x.astype(kind)[::-1][::-1]):
        found = check_unit_records(values, least=1)
        assert (found.dtype, found.tolist()) == (torch.float32, x.tolist())


@pytest.mark.parametrize("kind", ["?", "u1", "i8", ">i4", "u4"])
def test_zeros_and_ones_of_any_type_are_records(kind: str) -> None:
    assert check_records(np.eye(2).astype(kind)).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_tables_of_pandas_are_arrays() -> None:
    frame = pd.DataFrame({"a": [0.5, 1.0], "b": [0.0, 0.25]})
    assert check_records(frame).tolist() == [[0.5, 0.0], [1.0, 0.25]]
    assert check_labels(pd.Series([0, 1])).tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["?", "i1", ">i2", "u2", "u8", "f2", "f8", ">f8"])
@pytest.mark.parametrize("column", [False, True])
def test_labels_and_memberships_of_any_type_are_vectors(kind: str, column: bool) -> None:
    values = np.array([1, 0, 1]).astype(kind)
    values = values[:, None] if column else values
    assert (check_labels(values).dtype, check_labels(values).tolist()) == (torch.int64, [1, 0, 1])
    assert check_memberships(values, shape=(3,)).tolist() == [True, False, True]


def test_a_tensor_is_not_copied() -> None:
    x = torch.zeros(3, 2)
    assert as_tensor(x, "x") is x and check_records(x) is x


def test_a_posterior_of_zero_counts_as_the_smallest_that_there_is() -> None:
    said = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]).log()
    with pytest.warns(UserWarning, match=r"1 of 6 posteriors in log_posteriors are 0: .* counts as -103.3"):
        found = check_log_posteriors(said)
    assert found[0, 2].item() == pytest.approx(FLOOR)
    assert torch.equal(found.isneginf(), torch.zeros(2, 3, dtype=torch.bool))
    # Of logits: below the others by as much, wherever they are.
    with pytest.warns(UserWarning):
        shifted = check_log_posteriors(said - 500)
    assert torch.allclose(shifted.log_softmax(dim=1), found.log_softmax(dim=1), atol=1e-4)


def test_a_posterior_of_zero_is_below_any_other() -> None:
    with pytest.warns(UserWarning, match="counts as -700"):
        found = check_log_posteriors(np.array([[0.0, -np.inf], [0.0, -700.0]]))
    assert found[0, 1] <= found[1, 1]


# Properties


def world() -> tuple[Candidates, Knowledge, torch.Tensor]:
    """Return candidates about whom a target and shadow models are certain: posteriors of 0 and of 1."""
    rng, n = np.random.default_rng(0), 60
    y = torch.arange(n) % 3
    is_member = draw_balanced_memberships(y, n_shadows=9, generator=seeded())
    posteriors = rng.dirichlet(np.ones(3), (9, n))
    for model, record in zip(*np.nonzero(is_member.numpy()), strict=True):
        posteriors[model, record] = np.eye(3)[y[record]]
    said = torch.from_numpy(np.log(posteriors, where=posteriors > 0, out=np.full_like(posteriors, -np.inf)))
    x = torch.rand(n, 2, generator=seeded())
    shadows = Shadows(said[1:], y, is_member[1:])
    candidates = Candidates(x=x, y=y, log_posteriors=said[0], shadows=shadows)
    return candidates, Knowledge(population=candidates, shadows=shadows), is_member[0]


@pytest.mark.filterwarnings("ignore:.* posteriors in")
@pytest.mark.parametrize(
    "name",
    [name for name, spec in ATTACKS.items() if spec.looks_at == "classifier" and "query" not in str(spec.attack.needs)],
)
def test_certain_models_give_no_attack_a_score_that_is_none(name: str) -> None:
    candidates, knowledge, is_member = world()
    scores = ATTACKS[name].make(seed=0, image_shape=None).fit(knowledge).score(candidates)
    assert torch.isfinite(scores).all()
    assert auc(scores, is_member).value > 0.6


@pytest.mark.filterwarnings("ignore:.* posteriors in")
def test_lira_finds_members_of_whom_a_model_is_certain() -> None:
    candidates, _, is_member = world()
    for attack in (LiRA(), LiRA(online=False), RMIA()):
        known = Knowledge(population=candidates)
        scores = attack.fit(known).score(candidates)
        assert torch.isfinite(scores).all() and auc(scores, is_member).value > 0.9


def test_scores_of_certain_posteriors_are_numbers() -> None:
    said = torch.tensor([[0.0, -torch.inf]])
    assert negative_entropy(said, torch.tensor([0])).tolist() == [0.0]
    assert logit_score(said, torch.tensor([1])).tolist() == [-torch.inf]


def test_a_column_of_labels_is_no_table_of_pairs(digits: Dataset) -> None:
    # Compared with a vector, a column makes a table of all pairs: a wrong number without an error.
    x, y = digits.x[:60], digits.y[:60]
    model = fit_classifier(x, y, QUICK, n_classes=10, generator=seeded())
    assert accuracy(model, x, y[:, None]) == accuracy(model, x, y)
    said = predict(model, x)
    assert torch.equal(loss_score(said, y[:, None]), loss_score(said, y))
    for query_label in (lambda x: predict(model, x).argmax(dim=1), lambda x: predict(model, x).argmax(dim=1)[:, None]):
        scores = Gap().fit(Knowledge(query_label=query_label)).score(Candidates(x=x, y=y))
        assert scores.tolist() == (said.argmax(dim=1) == y).double().tolist()


@pytest.mark.parametrize("kind", ["numpy", "double", "half", "list of labels"])
def test_public_functions_take_what_people_have(kind: str, digits: Dataset) -> None:
    x, y = digits.x[:120], digits.y[:120]
    given = {
        "numpy": (x.numpy().astype("f8"), y.numpy()[:, None]),
        "double": (x.double(), y.float()),
        "half": (x.half(), y.to(torch.int8)),  # 0 to 16 sixteenths: half precision holds them
        "list of labels": (x, y.tolist()),
    }[kind]
    model, other = (fit_classifier(*each, QUICK, n_classes=10, generator=seeded()) for each in (given, (x, y)))
    assert torch.equal(predict(model, given[0]), predict(other, x))
    vae, other = (fit_vae(each, SMALL, generator=seeded())[0] for each in (given[0], x))
    assert all(torch.equal(a, b) for a, b in zip(vae.parameters(), other.parameters(), strict=True))
    releases = [
        Synthesizer(EuclideanLaplace(8.0), SMALL).fit(*each, generator=seeded()).release(*each, generator=seeded())
        for each in (given, (x, y))
    ]
    assert torch.equal(releases[0].x, releases[1].x) and torch.equal(releases[0].y, releases[1].y)
    parts = [split(each[1], n_members=20, n_reference=20, n_test=20, generator=seeded()) for each in (given, (x, y))]
    assert torch.equal(parts[0].members, parts[1].members)
    halves = draw_balanced_memberships(given[1], n_shadows=2, generator=seeded())
    shadows = train_shadows(*given, is_member=halves.numpy().astype(int), recipe=ClassifierRecipe(10, 0, QUICK))
    assert torch.equal(shadows.is_member, halves)
    noise = RandomisedResponse(np.float32(1.0), n_classes=np.int64(10))
    assert torch.equal(noise.perturb(given[1], generator=seeded()), noise.perturb(y, generator=seeded()))


@pytest.mark.parametrize("kind", ["numpy", "double"])
def test_a_search_takes_what_people_have(kind: str, digits: Dataset) -> None:
    x, y = digits.x[:120], digits.y[:120]
    given = (x.numpy().astype("f8"), y.numpy()) if kind == "numpy" else (x.double(), y.double())
    options = {"epsilons": [1.0], "seeds": (0, 1), "n_models": 4, "vae": SMALL, "classifier": QUICK, "progress": False}
    tables = [try_settings(*each, **options) for each in (given, (x, y))]
    assert tables[0].equals(tables[1])


def test_numbers_of_numpy_are_those_of_python() -> None:
    assert EuclideanLaplace(np.int64(1)).epsilon == EuclideanLaplace(np.float32(1)).epsilon == 1
    settings = VAESettings(latent_dim=np.int64(2), epochs=np.int32(3))
    assert settings.seed_name == VAESettings(latent_dim=2, epochs=3).seed_name
    numbers = {"seed": np.int64(1), "n_members": np.int32(20), "n_models": np.uint8(4)}
    config = Config(**numbers)
    assert config.key == Config(**{name: int(value) for name, value in numbers.items()}).key
    assert {type(dataclasses.asdict(config)[name]) for name in numbers} == {int}


def test_vectors_may_be_columns() -> None:
    assert as_vector(np.zeros((3, 1)), "scores").shape == (3,)
    assert auc(np.array([[3.0], [2.0], [1.0]]), np.array([[1], [0], [0]])).value == 1
