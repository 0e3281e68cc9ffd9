"""Grids of runs, in code and in files."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset, load
from vaeprivacy.defences import DPSGD, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments import grids
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import check, config_of, grid, read_grid
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PlainTrainer, PublicTrainer
from vaeprivacy.vae import VAESettings

SMALL = "dataset: digits\nn_members: 100\n"


def written(text: str, folder: Path) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


# Impossible input


def refusal(path: Path) -> str:
    """Return the message with which a grid is refused: one line that begins with the file's name."""
    with pytest.raises((TypeError, ValueError)) as found:
        read_grid(path)
    message = str(found.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must hold a grid"),
        ("[]", "must hold a grid"),
        ("- 3", "must hold a grid"),
        ("fashion-mnist", "must hold a grid"),
        ("a: [", "cannot be read as YAML"),
        ("seed: 1\nseed: 2", "'seed' stands twice in one mapping, the second time in line 2"),
        ("defence: {framework: {epsilon: 1, epsilon: 2}}", "'epsilon' stands twice in one mapping"),
    ],
)
def test_a_file_that_holds_no_grid_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal(written(text, tmp_path))


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("seeds: [0]", "there is no field 'seeds'; the fields are dataset, defence, seed, n_members, n_models"),
        ("seed: []", "seed is an empty list"),
        ("seed: one", "seed must be a whole number, not 'one'"),
        ("seed: [0, 1.5]", "seed must be a whole number, not 1.5"),
        ("seed: [[0]]", "seed must be a whole number, not [0]"),
        ("n_members: true", "n_members must be a whole number, not True"),
        ("n_members: 5", "n_members must be at least 10, not 5"),
        ("n_members: 450", "n_members may be at most 449"),
        ("n_models: 3", "n_models must be"),
        ("attacks: most", "attacks must be one of 'few', 'all', 'combined'"),
        ("dataset: mnist-1d", "There is no data set 'mnist-1d'; choose one of"),
        ("defence: prayer", "defence: there is no 'prayer'; choose of none, framework, prior, record-noise"),
        ("defence: []", "defence is an empty list"),
        ("defence: {}", "defence must be a name of none, framework"),
        ("defence: [[none]]", "defence must be a name of none, framework"),
        ("defence: 3", "defence must be a name of none, framework"),
        ("defence: {none: {epsilon: 1}}", "defence none: there is no field 'epsilon'; the fields are none"),
        ("defence: {framework: 8}", "defence framework: 8 must be a mapping of fields (epsilon"),
        ("defence: {framework: {eps: 8}}", "defence framework: there is no field 'eps'; the fields are epsilon"),
        ("defence: {framework: {epsilon: 0}}", "epsilon must be positive and finite, not 0.0"),
        ("defence: {framework: {epsilon: [2, -1]}}", "epsilon must be finite and not negative, not -1.0"),
        ("defence: {framework: {epsilon: .nan}}", "epsilon must be finite and not negative, not nan"),
        ("defence: {framework: {epsilon: none}}", "epsilon must be a number or null, not 'none'"),
        ("defence: {framework: {epsilon: []}}", "epsilon is an empty list"),
        ("defence: {framework: {mechanism: loud}}", "mechanism must be one of 'euclidean-laplace'"),
        ("defence: {framework: {denoiser: loud}}", "denoiser must be one of 'project', 'shrink'"),
        ("defence: {framework: {labels: {epsilon: 1}}}", "labels: n_classes must be given"),
        ("defence: {framework: {labels: 1}}", "labels: 1 must be a mapping of fields (epsilon, n_classes)"),
        ("defence: {framework: {trainer: {public: {share: 2}}}}", "share must be above 0 and at most 1"),
        ("defence: {framework: {trainer: open}}", "trainer: there is no 'open'; choose of private, public, dp-sgd"),
        ("defence: {framework: {trainer: dp-sgd}}", "trainer dp-sgd: epsilon must be given"),
        ("defence: {framework: {vae: {size: 4}}}", "vae: there is no field 'size'; the fields are latent_dim"),
        ("defence: {framework: {vae: {hidden: 0}}}", "vae: hidden must be at least 1, not 0"),
        ("defence: {framework: {vae: {held_out: 1.0}}}", "held_out must be between 0 and 1"),
        ("defence: {dp-sgd: {scattering: 1}}", "scattering must be true or false, not 1"),
        ("defence: regularised", "Regularised changes nothing"),
        ("classifier: 128", "classifier: 128 must be a mapping of fields (hidden"),
        ("classifier: {hidden: wide}", "classifier: hidden must be a whole number, not 'wide'"),
        ("classifier: {learning_rate: -0.1}", "learning_rate must be finite and not negative"),
    ],
)
def test_a_mistake_is_told_with_file_field_and_what_is_allowed(field: str, sentence: str, tmp_path: Path) -> None:
    others = [line for line in SMALL.splitlines() if line.split(":")[0] != field.split(":")[0]]
    assert sentence in refusal(written("\n".join([*others, field]), tmp_path))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_grid(tmp_path / "none.yaml")


def test_in_a_list_the_message_tells_which_grid_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"some\.yaml, grid 2: there is no field 'seeds'"):
        read_grid(written("- {dataset: digits, n_members: 100}\n- {seeds: 1}", tmp_path))


def test_bad_epsilons_are_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match="epsilon must be positive"):
        grid(seeds=[0], epsilons=[1.0, -1.0])


# Known answers


def test_the_grid_of_the_book_has_raw_data_no_noise_and_each_epsilon_for_each_seed() -> None:
    configs = grid(seeds=[3, 4], epsilons=[1.0, 8.0], dataset="digits")
    assert [c.defence.label for c in configs] == ["raw data", "no noise", "1", "8"] * 2
    assert [c.seed for c in configs] == [3] * 4 + [4] * 4
    assert {c.dataset for c in configs} == {"digits"}


def test_an_empty_grid_is_one_run_with_all_defaults(tmp_path: Path) -> None:
    assert read_grid(written(SMALL, tmp_path)) == [Config(dataset="digits", n_members=100)]


def test_all_combinations_are_made_at_all_levels(tmp_path: Path) -> None:
    text = """
seed: [0, 1]
defence:
  - none
  - framework:
      epsilon: [null, 2]
      trainer: [private, {dp-sgd: {epsilon: 8, delta: 1e-9}}]
      vae: {latent_dim: [4, 16], epochs: 3}
  - dp-sgd: {epsilon: [1, 8], scattering: [false, true]}
classifier: {hidden: [64, 128], epochs: 60}
"""
    configs = read_grid(written(SMALL + text, tmp_path))
    assert len(set(configs)) == len(configs) == 2 * (1 + 2 * 2 * 2 + 2 * 2) * 2
    assert {each.defence for each in configs} == {
        NoDefence(),
        *(
            Framework(epsilon, trainer=training, vae=VAESettings(latent_dim=d, epochs=3))
            for epsilon in (None, 2.0)
            for training in (PlainTrainer(), DPSGDTrainer(8.0, 1e-9))
            for d in (4, 16)
        ),
        *(DPSGD(epsilon, scattering=scattering) for epsilon in (1.0, 8.0) for scattering in (False, True)),
    }
    assert {each.classifier for each in configs} == {ClassifierSettings(hidden=64), ClassifierSettings(hidden=128)}
    # The last field changes fastest, and seeds stand before defences in this file.
    assert [each.seed for each in configs] == [0] * (len(configs) // 2) + [1] * (len(configs) // 2)


def test_grids_of_a_list_are_joined_and_what_is_there_twice_is_dropped(tmp_path: Path) -> None:
    first = "{dataset: digits, n_members: 100, seed: [1, 0]}"
    second = "{dataset: digits, n_members: 100, seed: [0, 2, 2]}"
    assert [each.seed for each in read_grid(written(f"- {first}\n- {second}", tmp_path))] == [1, 0, 2]


def test_whole_numbers_may_stand_for_others(tmp_path: Path) -> None:
    text = "defence: {framework: {epsilon: %s, vae: {learning_rate: %s}}}"
    one, other = (read_grid(written(SMALL + text % values, tmp_path))[0] for values in (("8", "1"), ("8.0", "1.0")))
    assert one.key == other.key
    assert repr(one) == repr(other)


# Properties


def test_each_data_set_is_loaded_once(monkeypatch: pytest.MonkeyPatch, config: Config, raw: Config) -> None:
    seen = []

    def spying(name: str) -> Dataset:
        seen.append(name)
        return load(name)

    monkeypatch.setattr(grids, "load", spying)
    grids._seen.cache_clear()
    check([config, raw, Config(dataset="digits", n_members=10)])
    assert seen == ["digits"]


def test_the_grids_of_book_and_benchmark_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    in_book = re.search(r"```yaml\n(.*?)```", (root / "book" / "running.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(read_grid(written(in_book[1], tmp_path))) == 3 * (1 + 3 * 2 * 2)
    monkeypatch.setattr(grids, "check", lambda configs, where: None)  # without the data set
    assert len(read_grid(root / "benchmarks" / "sweep.grid.yaml")) == 5 * (1 + 3 * 2)


@pytest.mark.parametrize(
    "defence",
    [
        NoDefence(),
        Framework(2.0, "gaussian", 3.0, PublicTrainer(), VAESettings(latent_dim=3)),
        Framework(trainer=DPSGDTrainer(4.0, delta=1e-7)),
        Framework(2.0, trainer=PublicTrainer(0.5, 5), noise_aware=True, labels=RandomisedResponse(1.0, 10)),
        Framework(2.0, vae=VAESettings(n_classes=10), denoiser="posterior-mean"),
        PriorSampling(DPSGDTrainer(4.0)),
        RecordNoise(8.0, radius=2.0),
        Regularised(epochs=4),
        DPSGD(2.0, scattering=True),
    ],
    ids=str,
)
def test_a_row_of_the_results_file_tells_its_configuration(defence: NoDefence, config: Config) -> None:
    wanted = Config("digits", defence, 3, 50, 6, "all", config.classifier)
    assert config_of(json.loads(json.dumps(asdict(wanted)))) == wanted
