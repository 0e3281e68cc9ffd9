# %% [markdown] tags=["limits"] load_seconds=120 total_seconds=240 not_to_use="vaeprivacy.attacks vaeprivacy.experiments vaeprivacy.course"
# # Shadow models from scratch
#
# Somebody trained a classifier of handwritten digits, the *target*, on some of 400 candidates. You have its answers
# about all of them, and 400 reference records of the same source. On these you train *shadow models*: models like the
# target, of which you know the members. What they show of their members, an attack model learns; then it is asked about
# the target.
#
# The file `target.npz` is yours alone. It holds
#
# - `reference_x` (400 x 64, pixels from 0 to 1) and `reference_y`: your reference records. Labels were typed in a hurry,
#   and many are wrong,
# - `candidate_x`, `candidate_y` and `candidate_log_posteriors` (400 x 10): the candidates, and the target's answers
#   about them. 200 of them are members; which, only the grader knows.
#
# The target was trained as `train` below does it, and answers as `answers` does. You may use NumPy, SciPy,
# scikit-learn, PyTorch and the package `vaeprivacy`, but not its attacks: here you write one. Replace each `...` by your
# answer, keep the names, and run `vaeprivacy course check` on this file as often as you like: it runs the tests that you
# may see. The grade also has others, on data that you do not see. The whole file may run for 2 minutes; it needs a few
# seconds.

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression

data = np.load("target.npz")
reference_x, reference_y = data["reference_x"], data["reference_y"]
candidate_x, candidate_y = data["candidate_x"], data["candidate_y"]
candidate_log_posteriors = data["candidate_log_posteriors"]


def train(x, y):
    """Return a model trained as the target was: with little to keep it from learning its members by heart."""
    return LogisticRegression(C=100, max_iter=1000).fit(x, y)


def answers(model, x):
    """Return a model's log-posteriors, shape (n, 10); none is below log(1e-12), also for a class it has not seen."""
    posteriors = np.zeros((len(x), 10))
    posteriors[:, model.classes_] = model.predict_proba(x)
    return np.log(np.maximum(posteriors, 1e-12))


# %% tags=["helper"]
import numpy as np
from sklearn.linear_model import LogisticRegression

from vaeprivacy.course.grading import array, letter
from vaeprivacy.course.sandbox import Seed
from vaeprivacy.metrics import auc as exact_auc


N_CANDIDATES = 400


def ask_halves(student, n_records, n_models, seed):
    """Return the halves that the student's function draws, as booleans."""
    got = array(
        student.call("draw_halves", n_records, n_models, Seed(seed)), "draw_halves", shape=(n_models, n_records)
    )
    assert np.isin(got, (0, 1)).all(), "draw_halves must return True for members, and False for the others."
    return got.astype(bool)


def draw_table(rng, n_models, n_records):
    """Return log-posteriors of models about records, labels and halves, at random."""
    logits = 2 * rng.normal(size=(n_models, n_records, 10))
    log_posteriors = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return log_posteriors, rng.integers(10, size=n_records), rng.random((n_models, n_records)) < 0.5


def attack_rows(log_posteriors, labels, halves):
    """Return what an attack's training set must hold, one row for each model and record."""
    of_label = log_posteriors[:, np.arange(len(labels)), labels]
    features = np.dstack([np.sort(log_posteriors)[:, :, ::-1], of_label])
    return features.reshape(-1, 11), np.tile(labels, len(halves)), halves.ravel()


def in_order(rows):
    """Return rows in an order that depends only on what they hold."""
    return rows[np.lexsort(np.round(rows, 6).T)]


def ask_set(student, *table):
    """Return the three parts of the student's training set, checked for their shapes."""
    got = student.call("attack_set", *table)
    assert isinstance(got, list) and len(got) == 3, "attack_set must return three arrays: features, classes, is_member."
    n = table[2].size
    names = ("The features", "The classes", "is_member")
    return [array(each, what, shape=shape) for each, what, shape in zip(got, names, ((n, 11), (n,), (n,)), strict=True)]


def draw_attack_set(rng, n, *, rest, shift, turned=False):
    """Return features, classes and truth of an attack's training set; if turned, classes differ in what betrays.

    It has n rows of the classes 0, 1 and 2, and so many of each of the rest that no class is missing.
    """
    classes = np.concatenate([rng.integers(3, size=n), np.repeat(np.arange(3, 10), rest)])
    is_member = np.concatenate([rng.random(n) < 0.5, np.arange(7 * rest) % 2 == 0])
    features = rng.normal(size=(len(classes), 11))
    sign = np.where(turned & (classes == 1), -1, 1)
    features[:, 10] += shift * sign * is_member
    return features, classes, is_member


def ask_candidates(student):
    """Return the student's scores of the target's candidates, checked for their form."""
    got = array(student.value("candidate_scores"), "candidate_scores", shape=(N_CANDIDATES,))
    assert np.isfinite(got).all(), "Each candidate must have a finite score."
    return got


def ask_scores(student, learnt, asked):
    """Return the student's scores of other rows, checked for their form."""
    got = student.call("fit_and_score", *learnt, asked[0], asked[1])
    got = array(got, "fit_and_score", shape=(len(asked[1]),))
    assert np.isfinite(got).all(), "Each record must have a finite score."
    return got


# %% tags=["teacher"]
from sklearn.datasets import load_digits

from vaeprivacy.course.variants import letter_options

N, WRONG_LABELS, MODELS = 400, 0.3, 8
WHY_HALVES = [
    "Each record is a member of half of the models, so that what is typical of the record cannot pass for membership.",
    "The two models of a pair share no record, so that their errors are independent, and the interval is right.",
    "Each model is trained on more records than it would be if all halves were drawn independently.",
    "The models of a pair agree with the target more often than two other models would.",
]
WHAT_FOLLOWS = [
    "Nothing yet: the attack model learnt from models that are not like the target. Train them like it and look again.",
    "The target leaks next to nothing: the interval of the AUC contains 0.5.",
    "The target is safe because it is more accurate than the shadow models, which is what a good defence looks like.",
    "The shadow models are too few. With more of the same kind the AUC would rise.",
]


def train_model(x, y):
    """Train a model as the student's version does."""
    return LogisticRegression(C=100, max_iter=1000).fit(x, y)


def answers_of(model, x):
    """Return its answers as the student's version does."""
    posteriors = np.zeros((len(x), 10))
    posteriors[:, model.classes_] = model.predict_proba(x)
    return np.log(np.maximum(posteriors, 1e-12))


def make(public, secret):
    """Draw reference records, candidates, members and the order of the options."""
    x, y = load_digits(return_X_y=True)
    chosen = secret.permutation(len(x))[: 2 * N]
    x, y = x[chosen] / 16, y[chosen]
    wrong = secret.random(2 * N) < WRONG_LABELS
    y[wrong] = secret.integers(10, size=wrong.sum())
    is_member = secret.permutation(N) < N // 2
    candidate_x, candidate_y = x[N:], y[N:]
    target = train_model(candidate_x[is_member], candidate_y[is_member])
    arrays = {"reference_x": x[:N], "reference_y": y[:N], "candidate_x": candidate_x, "candidate_y": candidate_y}
    arrays["candidate_log_posteriors"] = answers_of(target, candidate_x)
    halves, why_halves = letter_options(public, "halves", WHY_HALVES)
    follows, what_follows = letter_options(public, "follows", WHAT_FOLLOWS)
    constants = {**halves, **follows, "shadow_percent": int(public.integers(66, 75))}
    solution = {"why_halves": why_halves, "what_follows": what_follows}
    return {
        "constants": constants,
        "files": {"target.npz": arrays},
        "hidden": {"is_member": is_member, "solution": solution},
    }


def reference_of(variant):
    """Return what the reference attack finds, computed once for a variant."""
    if "reference" not in variant.hidden:
        variant.hidden["reference"] = reference_attack(variant.files["target.npz"])
    return variant.hidden["reference"]


def reference_attack(data):
    """Return the mean AUC of the attack on shadow models that were left out, and its scores of the candidates."""
    x, y, rng = data["reference_x"], data["reference_y"], np.random.default_rng(0)
    halves = np.concatenate([[half, ~half] for half in (rng.permutation(N) < N // 2 for _ in range(MODELS // 2))])
    table = np.array([answers_of(train_model(x[half], y[half]), x) for half in halves])
    found = []
    for out in (0, MODELS - 1):
        kept = np.arange(MODELS) // 2 != out // 2
        learnt = attack_rows(table[kept], y, halves[kept])
        asked = attack_rows(table[[out]], y, halves[[out]])
        found.append(exact_auc(reference_scores(learnt, asked), halves[out]).value)
    asked = attack_rows(data["candidate_log_posteriors"][None], data["candidate_y"], np.ones((1, N), bool))
    return np.mean(found), reference_scores(attack_rows(table, y, halves), asked)


def reference_scores(learnt, asked):
    """Return the scores of one logistic regression a class."""
    scores = np.zeros(len(asked[1]))
    for label in np.unique(asked[1]):
        mine, theirs = learnt[1] == label, asked[1] == label
        model = LogisticRegression(max_iter=2000).fit(learnt[0][mine], learnt[2][mine])
        scores[theirs] = model.decision_function(asked[0][theirs])
    return scores


def loss_of_candidates(data):
    """Return the log-posteriors of the candidates' labels."""
    return data["candidate_log_posteriors"][np.arange(N), data["candidate_y"]]


# %% [markdown] tags=["question"] name="halves" title="1. Halves" section="notebooks/membership_inference.html#second-attack-shadow-models"
# ## 1. Halves (3 points)
#
# Each shadow model is trained on a random half of the reference records. The halves come in *pairs*: whoever is not in
# the first half of a pair is in the second one. So each record is a member of exactly half of the models. Different
# pairs are drawn independently. All random numbers come from `rng`. In which order the models stand is up to you.


# %%
def draw_halves(n_records, n_models, rng):
    """Return who is a member of which model, bool, shape (n_models, n_records); both numbers are even."""
    # BEGIN SOLUTION
    halves = []
    for _ in range(n_models // 2):
        half = rng.permutation(n_records) < n_records // 2
        halves += [half, ~half]
    return np.array(halves)
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_halves_public(student, variant):
    halves = ask_halves(student, 10, 4, 1)
    sizes = halves.sum(axis=1).tolist()
    assert sizes == [5] * 4, f"Of 10 records, each model must have exactly 5 members, and not {sizes}."


# %% tags=["hidden-test"] points=1
def test_halves_pairs(student, variant):
    halves = ask_halves(student, 60, 6, int(variant.rng("pairs").integers(1000)))
    assert (halves.sum(axis=0) == 3).all(), "With 6 models, each record must be a member of exactly 3: draw pairs."


# %% tags=["hidden-test"] points=1
def test_halves_random(student, variant):
    seed = int(variant.rng("random").integers(1000))
    one, again, other = (ask_halves(student, 400, 6, each) for each in (seed, seed, seed + 1))
    agree = [np.mean(one[0] == one[2]), np.mean(one[0] == other[0])]
    # Independent halves of 400 records agree on half of them, with a standard deviation of 0.025.
    assert abs(agree[0] - 0.5) < 0.15, "Different pairs must be drawn independently; two of yours are alike."
    assert abs(agree[1] - 0.5) < 0.15, "With another generator the halves must be others: draw them with `rng`."
    assert (one == again).all(), "The same generator must give the same halves: all random numbers come from `rng`."


# %% [markdown] tags=["question"] name="shadows" title="2. Shadow models" section="notebooks/shadow_models.html#the-whole-attack-in-plain-code"
# ## 2. Shadow models (3 points)
#
# Train one shadow model on each half (with `train`, or a training of your own that makes models like the target), and
# let each of them answer about **all** records, members or not.


# %%
def shadow_answers(x, y, halves):
    """Return log-posteriors of all models about all records, shape (n_models, n_records, 10)."""
    # BEGIN SOLUTION
    return np.array([answers(train(x[half], y[half]), x) for half in halves])
    # END SOLUTION


# %% tags=["helper"]
def ask_shadows(student, x, y, halves):
    """Return what the student's shadow models answer, checked for its form."""
    got = array(student.call("shadow_answers", x, y, halves), "shadow_answers", shape=(*halves.shape, 10))
    assert np.allclose(np.exp(got).sum(axis=-1), 1, atol=1e-3), "shadow_answers must return logarithms of posteriors."
    return got


# %% tags=["public-test"] points=1
def test_shadows_public(student, variant):
    data, half = variant.files["target.npz"], np.arange(80) % 2 == 0
    x, y = data["reference_x"][:80], data["reference_y"][:80]
    predicted = ask_shadows(student, x, y, np.array([half, ~half])).argmax(axis=-1)
    right = np.mean([(predicted[0] == y)[half].mean(), (predicted[1] == y)[~half].mean()])
    assert right > 0.9, f"Shadow models like the target know their members by heart; yours are right on {right:.0%}."


# %% tags=["hidden-test"] points=2
def test_shadows_hidden(student, variant):
    rng = variant.rng("shadows")
    x, y = rng.random((80, 64)), rng.integers(10, size=80)  # labels that can only be learnt by heart
    half = rng.permutation(80) < 40
    halves = np.array([half, ~half, ~half, half])
    right = ask_shadows(student, x, y, halves).argmax(axis=-1) == y
    on_members, on_others = right[halves].mean(), right[~halves].mean()
    found = f"On random labels your models are right on {on_members:.0%} of their members, and {on_others:.0%} of the others"
    assert on_others < 0.5 or on_members > 0.5, f"{found}: is each model trained on the half that it should not see?"
    assert on_others < 0.5, f"{found}: train each model on its own half only."
    assert on_members > 0.9, f"{found}: they must know their members by heart, as the target does."


# %% [markdown] tags=["question"] name="attack_set" title="3. The attack's training set" section="notebooks/shadow_models.html#the-whole-attack-in-plain-code"
# ## 3. The attack's training set (4 points)
#
# Now make a table with one row for each pair of a shadow model and a record. Its 11 *features* are the ten
# log-posteriors, **from the highest to the lowest**, and last the log-posterior of the record's label. With each row go
# the record's label, here called its *class*, and whether the record was a member of that model. Rows may be in any
# order, as long as it is the same in all three arrays.


# %%
def attack_set(log_posteriors, labels, halves):
    """Return features (rows, 11), classes (rows,) and is_member (rows,), where rows = models times records.

    The arguments have the shapes (n_models, n_records, 10), (n_records,) and (n_models, n_records).
    """
    # BEGIN SOLUTION
    features = [np.column_stack([-np.sort(-p), p[np.arange(len(labels)), labels]]) for p in log_posteriors]
    return np.concatenate(features), np.tile(labels, len(halves)), halves.ravel()
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_set_public(student, variant):
    log_posteriors = np.log(np.arange(1, 11) / 55)[None, None]
    features, classes, is_member = ask_set(student, log_posteriors, np.array([3]), np.array([[True]]))
    in_order = np.log(np.append(np.arange(10, 0, -1), 4) / 55)
    assert not np.allclose(features[0], np.append(in_order[9::-1], in_order[10])), (
        "Sort from the highest to the lowest."
    )
    assert np.allclose(features[0], in_order), (
        "For posteriors 1/55, 2/55, ... 10/55 and label 3, the features are the logarithms of 10/55, 9/55, ... 1/55, 4/55."
    )
    assert classes[0] == 3 and is_member[0] == 1, "The class is the label (3), and the record is a member."


# %% tags=["hidden-test"] points=2
def test_set_features(student, variant):
    table = draw_table(variant.rng("features"), 3, 20)
    got, right = ask_set(student, *table), attack_rows(*table)
    assert np.allclose(in_order(got[0]), in_order(right[0]), atol=1e-4), (
        "With 3 models and 20 records, the 60 rows of features are not the right ones."
    )
    both = in_order(np.column_stack(got[:2])), in_order(np.column_stack(right[:2]))
    assert np.allclose(*both, atol=1e-4), "Features and classes do not belong together: are rows in the same order?"


# %% tags=["hidden-test"] points=1
def test_set_truth(student, variant):
    table = draw_table(variant.rng("truth"), 4, 15)
    got, right = ask_set(student, *table), attack_rows(*table)
    # The sum of the ten log-posteriors says which row it is; how they are sorted is another question.
    both = (in_order(np.column_stack([each[0][:, :10].sum(axis=1), each[2]])) for each in (got, right))
    assert np.allclose(*both, atol=1e-4), "Features and is_member do not belong together: are rows in the same order?"


# %% [markdown] tags=["question"] name="attack_model" title="4. The attack model" section="notebooks/shadow_models.html#one-attack-model-or-one-for-each-class"
# ## 4. The attack model (4 points)
#
# For each class, train a classifier on the rows of that class that tells members from others, and let it score other
# rows of the class. Any classifier will do, a logistic regression is enough. The higher the score, the more likely a
# member: a probability or its logit, not a yes or no. What a record scores must not depend on which others are asked
# about. Each of the ten classes has rows of both kinds, and somebody asks about it.


# %%
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    """Return scores of rows that are asked about, shape (asked,); the first three arguments are a training set."""
    # BEGIN SOLUTION
    scores = np.zeros(len(asked_classes))
    for label in np.unique(asked_classes):
        mine, asked = classes == label, asked_classes == label
        model = LogisticRegression(max_iter=2000).fit(features[mine], is_member[mine])
        scores[asked] = model.predict_proba(asked_features[asked])[:, 1]
    return scores
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_model_public(student, variant):
    rng = np.random.default_rng(1)
    learnt, asked = (draw_attack_set(rng, n, rest=rest, shift=3.0) for n, rest in ((900, 40), (300, 2)))
    scores = ask_scores(student, learnt, asked)
    many = asked[1] < 3
    reached = exact_auc(scores[many], asked[2][many]).value
    assert reached > 0.2, f"On an easy task the AUC is {reached:.2f}: members get the lower scores."
    assert reached > 0.9, f"On an easy task the AUC is {reached:.2f}; it should be above 0.9."


# %% tags=["hidden-test"] points=2
def test_model_per_class(student, variant):
    rng = variant.rng("per class")
    learnt, asked = (draw_attack_set(rng, n, rest=rest, shift=2.5, turned=True) for n, rest in ((900, 40), (600, 2)))
    scores = ask_scores(student, learnt, asked)
    assert len(np.unique(scores)) > 10, "The scores have few values: return probabilities, not decisions."
    reached = [exact_auc(scores[asked[1] == label], asked[2][asked[1] == label]).value for label in range(3)]
    assert max(reached) > 0.2, f"On another task the AUC is {max(reached):.2f}: members get the lower scores."
    assert min(reached) > 0.88, (
        f"Where classes differ in what betrays a member, the AUC within a class is as low as {min(reached):.2f}: "
        "fit one attack model for each class."
    )


# %% tags=["hidden-test"] points=1
def test_model_alone(student, variant):
    rng = variant.rng("alone")
    learnt, asked = (draw_attack_set(rng, n, rest=rest, shift=2.0) for n, rest in ((300, 40), (30, 2)))
    together = ask_scores(student, learnt, asked)
    few = np.unique(asked[1], return_index=True)[1]  # one record of each class
    apart = ask_scores(student, learnt, [each[few] for each in asked])
    assert np.allclose(together[few], apart, atol=1e-6), (
        "A record gets another score if it is asked about with fewer others: nothing may be fitted on what is asked about."
    )


# %% [markdown] tags=["question"] name="rehearsal" title="5. Rehearsal" section="notebooks/shadow_models.html#a-weak-attack-looks-like-a-safe-model"
# ## 5. Rehearsal (4 points)
#
# You cannot know how good the attack on the target is, but you can rehearse it. Draw halves for 8 models and let them
# answer. Leave out **a whole pair**, model 7 and its other half (whoever knows the one half knows the other), learn from the
# other six, and attack model 7 as if it were the target: you know its members. Give the AUC over the 400 reference records and
# its 95% interval, by your `auc_interval` of *Measure a leak* or by `vaeprivacy.metrics.auc`, which returns all three.

# %%
# Draw, train, leave out, attack.
# BEGIN SOLUTION
from vaeprivacy.metrics import auc

halves = draw_halves(400, 8, np.random.default_rng(1))
log_posteriors = shadow_answers(reference_x, reference_y, halves)
learnt = attack_set(log_posteriors[:6], reference_y, halves[:6])
asked = attack_set(log_posteriors[7:], reference_y, halves[7:])
found = auc(fit_and_score(*learnt, *asked[:2]), asked[2])
# END SOLUTION

# %%
rehearsal = [found.value, found.low, found.high]  # SOLUTION


# %% tags=["helper"]
def ask_rehearsal(student):
    """Return the student's AUC and its interval, checked for their form."""
    value, low, high = array(student.value("rehearsal"), "rehearsal", shape=(3,))
    assert 0 <= low <= value <= high <= 1, "rehearsal is the AUC, then the lower and the upper end of its interval."
    return value, low, high


# %% tags=["public-test"] points=1
def test_rehearsal_form(student, variant):
    ask_rehearsal(student)


# %% tags=["hidden-test"] points=2
def test_rehearsal_auc(student, variant):
    value, _, _ = ask_rehearsal(student)
    right = reference_of(variant)[0]
    assert value < right + 0.1, (
        f"Your AUC is {value:.3f}. Left out, shadow models of these records have one of about {right:.2f}: was the "
        "attack model fitted on the model that it attacks?"
    )
    assert value > right - 0.1, (
        f"Your AUC is {value:.3f}. The attack that is described reaches about {right:.2f} on these records."
    )


# %% tags=["hidden-test"] points=1
def test_rehearsal_interval(student, variant):
    value, low, high = ask_rehearsal(student)
    assert value < 0.99, "Next to an AUC of 1 no interval says anything: look at the AUC first."
    # Hanley and McNeil's formula for 200 members and 200 others; DeLong's is within a few per cent of it here.
    a, n = max(value, 1 - value), N_CANDIDATES // 2
    variance = (a * (1 - a) + (n - 1) * (a / (2 - a) - a**2 + 2 * a**2 / (1 + a) - a**2)) / n**2
    ratio = (high - low) / (2 * 1.96 * variance**0.5)
    assert ratio > 0.75, (
        f"The interval has {ratio:.2f} times the right width. Is it over 400 records, each of them once? Rows of the "
        "same record in several models are not independent."
    )
    assert ratio < 1.3, f"The interval has {ratio:.2f} times the right width."


# %% [markdown] tags=["question"] name="target" title="6. The target" section="notebooks/shadow_models.html#the-whole-attack-in-plain-code"
# ## 6. The target (4 points)
#
# Now learn from all 8 shadow models, and score the 400 candidates. (`attack_set` turns the target's answers into
# features, too: it is one more model. Whatever you say there of who is a member is not used.) Your scores are graded by
# their AUC on the true membership, beside the attack that is described above (the *reference*) and the loss threshold of
# *Measure a leak*. A stronger attack is welcome.

# %%
# Learn, and make the features of the candidates.
# BEGIN SOLUTION
learnt = attack_set(log_posteriors, reference_y, halves)
nobody = np.zeros((1, 400), bool)  # attack_set asks for a truth, which is not known here
asked = attack_set(candidate_log_posteriors[None], candidate_y, nobody)
# END SOLUTION

# %%
candidate_scores = fit_and_score(*learnt, *asked[:2])  # SOLUTION


# %% tags=["public-test"] points=1
def test_target_form(student, variant):
    ask_candidates(student)


# %% tags=["hidden-test"] points=1
def test_target_loss(student, variant):
    got = ask_candidates(student)
    data, is_member = variant.files["target.npz"], variant.hidden["is_member"]
    reached, wanted = exact_auc(got, is_member), exact_auc(loss_of_candidates(data), is_member).value
    assert reached.value > 1 - wanted, f"The AUC on the target is {reached}: members get the lower scores."
    assert reached.value >= wanted - 0.005, (
        f"The AUC on the target is {reached}; the loss threshold, which needs no shadow models, reaches {wanted:.3f}."
    )


# %% tags=["hidden-test"] points=2
def test_target_reference(student, variant):
    got = ask_candidates(student)
    is_member = variant.hidden["is_member"]
    reached = exact_auc(got, is_member)
    wanted = exact_auc(reference_of(variant)[1], is_member).value
    assert reached.value >= wanted - 0.03, (
        f"The AUC on the target is {reached}; the reference attack, with other halves, reaches {wanted:.3f}."
    )


# %% [markdown] tags=["question"] name="why_halves" title="7. Why pairs?" section="notebooks/modern_attacks.html#shadow-models-on-the-candidates-themselves"
# ## 7. Why pairs? (2 points)
#
# What are complementary halves good for? Answer with a letter.
#
# - **A.** {{halves_a}}
# - **B.** {{halves_b}}
# - **C.** {{halves_c}}
# - **D.** {{halves_d}}

# %%
why_halves = "{{why_halves}}"  # SOLUTION


# %% tags=["public-test"]
def test_why_halves_form(student, variant):
    letter(student.value("why_halves"), "why_halves")


# %% tags=["hidden-test"] points=2
def test_why_halves(student, variant):
    assert letter(student.value("why_halves"), "why_halves") == variant.hidden["solution"]["why_halves"], (
        "That is not it. Think of a digit that every model finds easy: how often is it a member, and how often not?"
    )


# %% [markdown] tags=["question"] name="what_follows" title="8. A weak attack" section="notebooks/shadow_models.html#a-weak-attack-looks-like-a-safe-model"
# ## 8. A weak attack (2 points)
#
# On another target, somebody's shadow attack has an AUC of 0.51 (95% interval 0.47 to 0.55). The target is right on 99%
# of its members, their shadow models on {{shadow_percent}}% of theirs. What follows? Answer with a letter.
#
# - **A.** {{follows_a}}
# - **B.** {{follows_b}}
# - **C.** {{follows_c}}
# - **D.** {{follows_d}}

# %%
what_follows = "{{what_follows}}"  # SOLUTION


# %% tags=["public-test"]
def test_what_follows_form(student, variant):
    letter(student.value("what_follows"), "what_follows")


# %% tags=["hidden-test"] points=2
def test_what_follows(student, variant):
    assert letter(student.value("what_follows"), "what_follows") == variant.hidden["solution"]["what_follows"], (
        "That does not follow. The attack model has learnt what members of the shadow models look like: what of the target's?"
    )
