# %% [markdown] tags=["limits"] not_to_use="vaeprivacy"
# # Measure a leak
#
# Somebody trained a classifier of handwritten digits and published what it answers. Some records were in its training
# set, the *members*; others of the same source were not. You measure how well the two can be told apart: first you build
# the tools, then you attack.
#
# The file `posteriors.npz` is yours alone. It holds, for two sets of 400 records each,
#
# - `practice_log_posteriors` (400 x 10), `practice_labels` and `practice_is_member`: here it is known who is a member,
# - `candidate_log_posteriors` and `candidate_labels`: here only the grader knows.
#
# You may use NumPy, SciPy and scikit-learn. It is noted if you use the package `vaeprivacy`, which has solutions. Replace
# each `...` by your answer, keep the names, and run `vaeprivacy course check` on this file as often as you like: it runs
# the tests that you may see. The grade also has others, on data that you do not see.

# %%
import numpy as np

data = np.load("posteriors.npz")
practice_log_posteriors = data["practice_log_posteriors"]
practice_labels = data["practice_labels"]
practice_is_member = data["practice_is_member"]
candidate_log_posteriors = data["candidate_log_posteriors"]
candidate_labels = data["candidate_labels"]

# %% tags=["helper"]
import numpy as np

from vaeprivacy.course.grading import array, letter, number
from vaeprivacy.course.sandbox import Seed
from vaeprivacy.metrics import auc as exact_auc
from vaeprivacy.metrics import delong
from vaeprivacy.metrics import roc as exact_roc
from vaeprivacy.metrics import tpr_at_fpr as exact_tpr


def draw_scores(rng, n_members, n_others, *, shift=1.0, ties=False):
    """Return scores of members and others in random order, and who is a member; with ties, whole numbers."""
    is_member = np.arange(n_members + n_others) < n_members
    rng.shuffle(is_member)
    scores = rng.normal(size=len(is_member)) + shift * is_member
    return np.round(scores) if ties else scores, is_member


def draw_posteriors(rng, n):
    """Return log-posteriors of n records for 10 classes, and labels."""
    logits = 2 * rng.normal(size=(n, 10))
    log_posteriors = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_posteriors, rng.integers(10, size=n)


# %% tags=["teacher"]
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from vaeprivacy.course.variants import letter_options

N, WRONG_LABELS = 800, 0.25
OPTIONS = [
    "For a few of its members the leak is clear, although the attack hardly beats guessing on the average record.",
    "Nothing leaks: the interval of the AUC contains 0.5.",
    "The leak is limited to the members that were found at 1% FPR; no attack can find another one.",
    "The two numbers contradict each other, so there must be an error in one of the computations.",
]


def make(public, secret):
    """Draw a target, its members and the order of the options."""
    x, y = load_digits(return_X_y=True)
    chosen = secret.permutation(len(x))[:N]
    x, y = x[chosen] / 16, y[chosen]
    wrong = secret.random(N) < WRONG_LABELS
    y[wrong] = secret.integers(10, size=wrong.sum())
    is_member = np.arange(N) < N // 2
    secret.shuffle(is_member)
    target = MLPClassifier(64, batch_size=20, learning_rate_init=0.003, random_state=0, alpha=0)
    for _ in range(80):  # epochs
        target.partial_fit(x[is_member], y[is_member], classes=np.arange(10))
    log_posteriors = target.predict_log_proba(x)
    parts = {"practice": slice(0, N // 2), "candidate": slice(N // 2, N)}
    arrays = {f"{name}_log_posteriors": log_posteriors[part] for name, part in parts.items()}
    arrays |= {f"{name}_labels": y[part] for name, part in parts.items()}
    arrays["practice_is_member"] = is_member[parts["practice"]]
    constants, conclusion = letter_options(public, "option", OPTIONS)
    constants["tpr_percent"] = int(public.integers(5, 10))
    hidden = {"is_member": is_member[parts["candidate"]], "solution": {"conclusion": conclusion}}
    return {"constants": constants, "files": {"posteriors.npz": arrays}, "hidden": hidden}


# %% [markdown] tags=["question"] name="scores" title="1. Scores" section="notebooks/membership_inference.html#first-attack-the-loss"
# ## 1. Scores (3 points)
#
# A model that has seen a record tends to be surer of its label. Score each record by the log-probability that the
# target gives to the record's label (minus its loss): the higher, the more likely a member.


# %%
def loss_scores(log_posteriors, labels):
    """Return one score a record, shape (n,), from log-posteriors of shape (n, classes) and labels of shape (n,)."""
    # BEGIN SOLUTION
    return log_posteriors[np.arange(len(labels)), labels]
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_scores_example(student, variant):
    log_posteriors = np.log([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    got = array(student.call("loss_scores", log_posteriors, np.array([0, 1])), "loss_scores", shape=(2,))
    assert got[0] > got[1], "A record whose label gets probability 0.7 must score higher than one with 0.3."
    assert np.allclose(got, np.log([0.7, 0.3])), (
        "For labels of probability 0.7 and 0.3 the scores are log 0.7, log 0.3."
    )


# %% tags=["hidden-test"] points=2
def test_scores_hidden(student, variant):
    log_posteriors, labels = draw_posteriors(variant.rng("scores"), 60)
    got = array(student.call("loss_scores", log_posteriors, labels), "loss_scores", shape=(60,))
    right = log_posteriors[np.arange(60), labels]
    assert not np.allclose(got, -right), "The scores have the wrong sign: these are losses, which are low for members."
    assert not np.allclose(got, np.exp(right)), "These are probabilities; the score is their logarithm."
    assert not np.allclose(got, log_posteriors.max(axis=1)), "Take the probability of the label, not the largest one."
    assert np.allclose(got, right), "The scores are not the log-probabilities of the labels."


# %% [markdown] tags=["question"] name="curve" title="2. ROC and AUC" section="notebooks/membership_inference.html#the-game"
# ## 2. ROC and AUC (5 points)
#
# An attack says "member" above a threshold. As the threshold falls from above all scores to below all, the
# false-positive and the true-positive rate climb from (0, 0) to (1, 1). Records of the same score are accused together.
# The AUC is the area under the straight lines between the points: the probability that a random member scores higher
# than a random non-member, where a tie counts one half.


# %%
def roc(scores, is_member):
    """Return two arrays, the false-positive and the true-positive rates, from (0, 0) to (1, 1)."""
    # BEGIN SOLUTION
    thresholds = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    members, others = scores[is_member], scores[~is_member]
    fpr = np.array([np.mean(others >= t) for t in thresholds])
    tpr = np.array([np.mean(members >= t) for t in thresholds])
    return fpr, tpr
    # END SOLUTION


def auc(scores, is_member):
    """Return the area under the ROC curve, one number."""
    # BEGIN SOLUTION
    fpr, tpr = roc(scores, is_member)
    return np.trapezoid(tpr, fpr)
    # END SOLUTION


# %% tags=["helper"]
def check_curve(got, scores, is_member):
    """Compare a curve with the exact one: both as functions of the sum of the rates, which always climbs."""
    assert isinstance(got, list) and len(got) == 2, "roc must return two arrays, the FPR and the TPR."
    fpr, tpr = array(got[0], "The FPR"), array(got[1], "The TPR")
    assert fpr.shape == tpr.shape and fpr.ndim == 1, "The FPR and the TPR must be two arrays of the same length."
    assert len(fpr) and fpr[0] == tpr[0] == 0, "The curve must begin at (0, 0): a threshold above all scores."
    assert np.allclose([fpr[-1], tpr[-1]], 1), "The curve must end at (1, 1): a threshold below all scores."
    assert (np.diff(fpr) >= -1e-12).all() and (np.diff(tpr) >= -1e-12).all(), "Neither rate may fall on the way."
    exact = exact_roc(scores, is_member)
    both = np.union1d(fpr + tpr, exact.fpr + exact.tpr)
    wanted = np.interp(both, exact.fpr + exact.tpr, exact.tpr)
    swapped = np.interp(both, exact.fpr + exact.tpr, exact.fpr)
    found = np.interp(both, fpr + tpr, tpr)
    assert not np.allclose(found, swapped) or np.allclose(wanted, swapped), "The rates are in the wrong order."
    assert np.allclose(found, wanted), "The curve is not the right one. Are records of the same score accused together?"


# %% tags=["public-test"] points=1
def test_curve_public(student, variant):
    scores, is_member = draw_scores(np.random.default_rng(1), 30, 40)
    check_curve(student.call("roc", scores, is_member), scores, is_member)


# %% tags=["hidden-test"] points=1
def test_curve_ties(student, variant):
    scores, is_member = draw_scores(variant.rng("curve"), 50, 40, ties=True)
    check_curve(student.call("roc", scores, is_member), scores, is_member)


# %% tags=["public-test"] points=1
def test_auc_example(student, variant):
    got = number(student.call("auc", np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])), "auc")
    assert np.isclose(got, 0.75), f"Of the 4 pairs, the member scores higher in 3: the AUC is 0.75, not {got:.3f}."


# %% tags=["hidden-test"] points=1
def test_auc_hidden(student, variant):
    scores, is_member = draw_scores(variant.rng("auc"), 70, 120)
    got, right = number(student.call("auc", scores, is_member), "auc"), exact_auc(scores, is_member).value
    assert not np.isclose(got, 1 - right), "This is one minus the AUC: are members and others exchanged?"
    assert np.isclose(got, right), f"On other data the AUC is {right:.3f}, not {got:.3f}."


# %% tags=["hidden-test"] points=1
def test_auc_ties(student, variant):
    scores, is_member = draw_scores(variant.rng("ties"), 50, 40, ties=True)
    got, right = number(student.call("auc", scores, is_member), "auc"), exact_auc(scores, is_member).value
    assert np.isclose(got, right), f"With ties the AUC is {right:.3f}, not {got:.3f}: a tie counts one half."


# %% [markdown] tags=["question"] name="low_fpr" title="3. The left end" section="notebooks/membership_inference.html#how-strong-are-they"
# ## 3. The left end (3 points)
#
# Who accuses must be sure. Compute the highest true-positive rate of all thresholds whose false-positive rate is **at
# most** the given one. No interpolation: an attack says "member" above a threshold and tosses no coins.


# %%
def tpr_at_fpr(scores, is_member, fpr):
    """Return the highest true-positive rate at a false-positive rate of at most `fpr`, one number."""
    # BEGIN SOLUTION
    rates_fpr, rates_tpr = roc(scores, is_member)
    return rates_tpr[rates_fpr <= fpr].max()
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_low_fpr_public(student, variant):
    scores, is_member = draw_scores(np.random.default_rng(2), 100, 200, shift=2.0)
    got = number(student.call("tpr_at_fpr", scores, is_member, 0.01), "tpr_at_fpr")
    right = exact_tpr(scores, is_member, fpr=0.01).value
    assert np.isclose(got, right), (
        f"With 200 others, 2 of them may be accused: the TPR is then {right:.3f}, not {got:.3f}."
    )


# %% tags=["hidden-test"] points=1
def test_low_fpr_between(student, variant):
    rng = variant.rng("low")
    for _ in range(3):
        scores, is_member = draw_scores(rng, 140, 250, shift=2.0)
        got = number(student.call("tpr_at_fpr", scores, is_member, 0.01), "tpr_at_fpr")
        right = exact_tpr(scores, is_member, fpr=0.01).value
        assert np.isclose(got, right), "With 250 others, 2 of them may be accused, and not 2.5."


# %% tags=["hidden-test"] points=1
def test_low_fpr_ties(student, variant):
    rng = variant.rng("low ties")
    for fpr in (0.015, 0.045, 0.095):
        scores, is_member = draw_scores(rng, 80, 120, shift=2.0, ties=True)
        got = number(student.call("tpr_at_fpr", scores, is_member, fpr), "tpr_at_fpr")
        right = exact_tpr(scores, is_member, fpr=fpr).value
        assert np.isclose(got, right), (
            "With ties it is wrong: records of the same score are accused together, and an attack cannot be between two "
            "thresholds. Do not interpolate."
        )


# %% [markdown] tags=["question"] name="interval" title="4. How sure?" section="notebooks/membership_inference.html#how-strong-are-they"
# ## 4. How sure? (4 points)
#
# Another draw of candidates would give another AUC. Return a 95% confidence interval, by the formula of DeLong, DeLong
# and Clarke-Pearson, or by a bootstrap over records, with random numbers from `rng` only. (With less than 1,000 resamples
# its ends depend on luck. How many you take is not tested.)


# %%
def auc_interval(scores, is_member, rng):
    """Return the ends of a 95% interval for the AUC; `rng` is a numpy.random.Generator."""
    # BEGIN SOLUTION
    members, others = scores[is_member], scores[~is_member]
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    variance = wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(others)
    half = 1.96 * np.sqrt(variance)
    return wins.mean() - half, wins.mean() + half
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_interval_public(student, variant):
    scores, is_member = draw_scores(np.random.default_rng(3), 80, 80)
    low, high = array(student.call("auc_interval", scores, is_member, Seed(1)), "auc_interval", shape=(2,))
    right = exact_auc(scores, is_member).value
    assert low < right < high, f"The interval must contain the AUC, {right:.3f}; yours is {low:.3f} to {high:.3f}."


# %% tags=["hidden-test"] points=3
def test_interval_width(student, variant):
    rng, ratios = variant.rng("interval"), []
    for n_members, n_others, shift in ((60, 60, 0.5), (150, 60, 1.0), (60, 150, 0.2), (100, 100, 0.8), (80, 50, 0.5)):
        scores, is_member = draw_scores(rng, n_members, n_others, shift=shift)
        value = student.call("auc_interval", scores, is_member, Seed(int(rng.integers(1000))))
        low, high = array(value, "auc_interval", shape=(2,))
        exact = delong(scores, is_member)
        assert low < exact.value < high, "On other data the interval does not contain the AUC."
        ratios.append((high - low) / (exact.high - exact.low))
    mean, spread = np.mean(ratios), max(ratios) / min(ratios)
    assert mean > 0.92, f"On average the intervals have {mean:.2f} times the right width: they are too narrow."
    assert mean < 1.1, f"On average the intervals have {mean:.2f} times the right width: they are too wide."
    assert spread < 1.35, "The width is right on average only: it must follow the numbers of members and of others."


# %% [markdown] tags=["question"] name="candidates" title="5. The attack" section="notebooks/membership_inference.html#first-attack-the-loss"
# ## 5. The attack (4 points)
#
# Give each of the 400 candidates a score. It is graded by its AUC on their true membership, which you do not know; on
# the practice records you can measure what to expect. The loss attack of question 1 suffices, a stronger one is welcome.

# %%
candidate_scores = loss_scores(candidate_log_posteriors, candidate_labels)  # SOLUTION


# %% tags=["helper"]
def ask_candidates(student):
    """Return the scores of the candidates, checked for their form."""
    got = array(student.value("candidate_scores"), "candidate_scores", shape=(400,))
    assert np.isfinite(got).all(), "Each candidate must have a finite score."
    return got


# %% tags=["public-test"] points=1
def test_candidates_form(student, variant):
    ask_candidates(student)


# %% tags=["hidden-test"] points=3
def test_candidates_auc(student, variant):
    got = ask_candidates(student)
    data, is_member = variant.files["posteriors.npz"], variant.hidden["is_member"]
    loss = data["candidate_log_posteriors"][np.arange(400), data["candidate_labels"]]
    reached, wanted = exact_auc(got, is_member).value, exact_auc(loss, is_member).value - 0.02
    assert reached > 1 - wanted, f"The AUC on the candidates is {reached:.3f}: members get the lower scores."
    assert reached >= wanted, (
        f"The AUC on the candidates is {reached:.3f}; the loss attack reaches {wanted + 0.02:.3f}."
    )


# %% [markdown] tags=["question"] name="conclusion" title="6. What it means" section="notebooks/membership_inference.html#how-strong-are-they"
# ## 6. What it means (2 points)
#
# On another target, an attack has an AUC of 0.52 (95% interval 0.48 to 0.56) and a true-positive rate of
# {{tpr_percent}}% at 1% FPR (its interval begins at 3%). Which sentence is right? Answer with its letter.
#
# - **A.** {{option_a}}
# - **B.** {{option_b}}
# - **C.** {{option_c}}
# - **D.** {{option_d}}

# %%
conclusion = "{{conclusion}}"  # SOLUTION


# %% tags=["public-test"]
def test_conclusion_form(student, variant):
    letter(student.value("conclusion"), "conclusion")


# %% tags=["hidden-test"] points=2
def test_conclusion(student, variant):
    got = letter(student.value("conclusion"), "conclusion")
    assert got == variant.hidden["solution"]["conclusion"], (
        "That does not follow. Look at the left end of the curve, and at who is found there."
    )
