"""Answers to "Shadow models from scratch": right ones written differently, and wrong ones that students write."""

import numpy as np
import pytest
from course.answers import assignment_of, check_grade, each_answer, letters, variant_of

from vaeprivacy import metrics

ASSIGNMENT = "shadow-models"

HALVES = {
    "choice": (3, """
def draw_halves(n_records, n_models, rng):
    halves = np.zeros((n_models, n_records), bool)
    for i in range(0, n_models, 2):
        halves[i, rng.choice(n_records, n_records // 2, replace=False)] = True
        halves[i + 1] = ~halves[i]
    return halves
"""),
    "ranks, the pairs apart": (3, """
def draw_halves(n_records, n_models, rng):
    first = rng.random((n_models // 2, n_records)).argsort(axis=1) < n_records // 2
    return np.concatenate([first, 1 - first]).tolist()
"""),
    "coins": (1, """
def draw_halves(n_records, n_models, rng):
    return rng.random((n_models, n_records)) < 0.5
"""),
    "coins in pairs": (2, """
def draw_halves(n_records, n_models, rng):
    first = rng.random((n_models // 2, n_records)) < 0.5
    return np.concatenate([first, ~first])
"""),
    "halves without pairs": (2, """
def draw_halves(n_records, n_models, rng):
    return np.array([rng.permutation(n_records) < n_records // 2 for _ in range(n_models)])
"""),
    "the first half": (2, """
def draw_halves(n_records, n_models, rng):
    half = np.arange(n_records) < n_records // 2
    return np.array([half, ~half] * (n_models // 2))
"""),
    "one pair for all": (2, """
def draw_halves(n_records, n_models, rng):
    half = rng.permutation(n_records) < n_records // 2
    return np.array([half, ~half] * (n_models // 2))
"""),
    "global random numbers": (2, """
def draw_halves(n_records, n_models, rng):
    first = np.array([np.random.permutation(n_records) < n_records // 2 for _ in range(n_models // 2)])
    return np.concatenate([first, ~first])
"""),
    "indices": (0, """
def draw_halves(n_records, n_models, rng):
    return np.array([rng.permutation(n_records)[: n_records // 2] for _ in range(n_models)])
"""),
}  # fmt: skip

SHADOWS = {
    "a loop": (3, """
def shadow_answers(x, y, halves):
    found = np.empty((len(halves), len(x), 10))
    for i in range(len(halves)):
        members = np.flatnonzero(halves[i])
        found[i] = answers(train(x[members], y[members]), x)
    return found
"""),
    "a network": (3, """
from sklearn.neural_network import MLPClassifier

def shadow_answers(x, y, halves):
    found = []
    for half in halves:
        model = MLPClassifier(100, solver="lbfgs", alpha=0, max_iter=300, random_state=0)
        found.append(answers(model.fit(x[half], y[half]), x))
    return found
"""),
    "trained on all": (1, """
def shadow_answers(x, y, halves):
    return np.array([answers(train(x, y), x) for half in halves])
"""),
    "trained on the others": (0, """
def shadow_answers(x, y, halves):
    return np.array([answers(train(x[~half], y[~half]), x) for half in halves])
"""),
    "posteriors": (0, """
def shadow_answers(x, y, halves):
    return np.array([np.exp(answers(train(x[half], y[half]), x)) for half in halves])
"""),
    "about members only": (0, """
def shadow_answers(x, y, halves):
    return np.array([answers(train(x[half], y[half]), x[half]) for half in halves])
"""),
    "hardly trained": (0, """
def shadow_answers(x, y, halves):
    return np.array([answers(LogisticRegression(C=1e-3).fit(x[half], y[half]), x) for half in halves])
"""),
}  # fmt: skip

ATTACK_SET = {
    "a double loop": (4, """
def attack_set(log_posteriors, labels, halves):
    rows = []
    for j in range(len(labels)):
        for i in range(len(halves)):
            p = log_posteriors[i, j]
            rows.append([*sorted(p, reverse=True), p[labels[j]], labels[j], halves[i, j]])
    rows = np.array(rows)
    return rows[:, :11], rows[:, 11], rows[:, 12]
"""),
    "reshaped": (4, """
def attack_set(log_posteriors, labels, halves):
    p = log_posteriors.reshape(-1, 10)
    classes = np.concatenate([labels] * len(halves))
    own = np.take_along_axis(p, classes[:, None], axis=1)
    return np.hstack([np.sort(p, axis=1)[:, ::-1], own]), classes, halves.reshape(-1).astype(int)
"""),
    "from the lowest": (1, """
def attack_set(log_posteriors, labels, halves):
    features = [np.column_stack([np.sort(p), p[np.arange(len(labels)), labels]]) for p in log_posteriors]
    return np.concatenate(features), np.tile(labels, len(halves)), halves.ravel()
"""),
    "not sorted": (1, """
def attack_set(log_posteriors, labels, halves):
    features = [np.column_stack([p, p[np.arange(len(labels)), labels]]) for p in log_posteriors]
    return np.concatenate(features), np.tile(labels, len(halves)), halves.ravel()
"""),
    "the truth in another order": (3, """
def attack_set(log_posteriors, labels, halves):
    features = [np.column_stack([-np.sort(-p), p[np.arange(len(labels)), labels]]) for p in log_posteriors]
    return np.concatenate(features), np.tile(labels, len(halves)), halves.T.ravel()
"""),
    "classes in another order": (2, """
def attack_set(log_posteriors, labels, halves):
    features = [np.column_stack([-np.sort(-p), p[np.arange(len(labels)), labels]]) for p in log_posteriors]
    return np.concatenate(features), np.repeat(labels, len(halves)), halves.ravel()
"""),
    "without the label": (0, """
def attack_set(log_posteriors, labels, halves):
    return -np.sort(-log_posteriors.reshape(-1, 10)), np.tile(labels, len(halves)), halves.ravel()
"""),
    "the label of the sorted row": (2, """
def attack_set(log_posteriors, labels, halves):
    features = []
    for p in -np.sort(-log_posteriors):
        features.append(np.column_stack([p, p[np.arange(len(labels)), 9 - labels]]))
    return np.concatenate(features), np.tile(labels, len(halves)), halves.ravel()
"""),
}  # fmt: skip

ATTACK_MODEL = {
    "logits": (4, """
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline

def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    models = {}
    for label in set(classes):
        rows = [i for i in range(len(classes)) if classes[i] == label]
        models[label] = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[rows], is_member[rows])
    return [models[c].decision_function(row[None])[0] for c, row in zip(asked_classes, asked_features)]
"""),
    "boosted trees": (4, """
from sklearn.ensemble import GradientBoostingClassifier

def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.empty(len(asked_classes))
    for label in range(10):
        mine, asked = classes == label, asked_classes == label
        if asked.any():
            model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(features[mine], is_member[mine])
            scores[asked] = model.predict_proba(asked_features[asked])[:, 1]
    return scores
"""),
    "a loop over all ten classes": (4, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.zeros(len(asked_classes))
    for k in range(10):
        model = LogisticRegression(max_iter=2000).fit(features[classes == k], is_member[classes == k])
        scores[asked_classes == k] = model.predict_proba(asked_features[asked_classes == k])[:, 1]
    return scores
"""),
    "neighbours": (4, """
from sklearn.neighbors import KNeighborsClassifier

def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.zeros(len(asked_classes))
    for k in range(10):
        mine, asked = classes == k, asked_classes == k
        model = KNeighborsClassifier(25).fit(features[mine, 10:], is_member[mine])
        scores[asked] = model.predict_proba(asked_features[asked, 10:])[:, 1]
    return scores
"""),
    "one for all classes": (2, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    return LogisticRegression().fit(features, is_member).predict_proba(asked_features)[:, 1]
"""),
    "decisions": (2, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.zeros(len(asked_classes))
    for label in np.unique(asked_classes):
        mine, asked = classes == label, asked_classes == label
        scores[asked] = LogisticRegression().fit(features[mine], is_member[mine]).predict(asked_features[asked])
    return scores
"""),
    "the probability of the others": (1, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.zeros(len(asked_classes))
    for label in np.unique(asked_classes):
        mine, asked = classes == label, asked_classes == label
        model = LogisticRegression().fit(features[mine], is_member[mine])
        scores[asked] = model.predict_proba(asked_features[asked])[:, 0]
    return scores
"""),
    "scaled by what is asked about": (3, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    scores = np.zeros(len(asked_classes))
    asked_features = (asked_features - asked_features.mean(axis=0)) / (asked_features.std(axis=0) + 1e-9)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    for label in np.unique(asked_classes):
        mine, asked = classes == label, asked_classes == label
        model = LogisticRegression().fit(features[mine], is_member[mine])
        scores[asked] = model.predict_proba(asked_features[asked])[:, 1]
    return scores
"""),
    "both columns": (0, """
def fit_and_score(features, classes, is_member, asked_features, asked_classes):
    return LogisticRegression().fit(features, is_member).predict_proba(asked_features)
"""),
}  # fmt: skip

REHEARSAL = {
    "another pair of halves": (4, """
halves = draw_halves(400, 8, np.random.default_rng(99))
log_posteriors = shadow_answers(reference_x, reference_y, halves)
asked = attack_set(log_posteriors[7:], reference_y, halves[7:])
scores = fit_and_score(*attack_set(log_posteriors[:6], reference_y, halves[:6]), *asked[:2])
rehearsal = tuple(auc(scores, halves[7]))
"""),
    "a bootstrap": (4, """
scores = fit_and_score(*attack_set(log_posteriors[:6], reference_y, halves[:6]), *asked_7[:2])
wins = (scores[halves[7]][:, None] > scores[~halves[7]]) + 0.5 * (scores[halves[7]][:, None] == scores[~halves[7]])
rng, found = np.random.default_rng(0), []
for _ in range(1000):
    found.append(wins[rng.integers(200, size=200)][:, rng.integers(200, size=200)].mean())
rehearsal = (wins.mean(), *np.quantile(found, [0.025, 0.975]))
"""),
    "all models pooled": (3, """
rows = attack_set(log_posteriors, reference_y, halves)
found = auc(fit_and_score(*rows, *rows[:2]), rows[2])
rehearsal = [found.value, found.low, found.high]
"""),
    "a forest on its own training set": (1, """
from sklearn.ensemble import RandomForestClassifier

rows = attack_set(log_posteriors, reference_y, halves)
scores = RandomForestClassifier(30, random_state=0).fit(rows[0], rows[2]).predict_proba(asked_7[0])[:, 1]
found = auc(scores, halves[7])
rehearsal = [found.value, found.low, found.high]
"""),
    "the truth of the partner": (2, """
found = auc(fit_and_score(*attack_set(log_posteriors[:6], reference_y, halves[:6]), *asked_7[:2]), halves[6])
rehearsal = [found.value, found.low, found.high]
"""),
    "the order": (0, "rehearsal = sorted(rehearsal)"),
    "one number": (0, "rehearsal = rehearsal[0]"),
}  # fmt: skip
# Names that several of the answers use.
SEVENTH = "asked_7 = attack_set(log_posteriors[7:], reference_y, halves[7:])\n"

TARGET = {
    "one attack model for all classes": (4, """
model = LogisticRegression(max_iter=2000).fit(learnt[0], learnt[2])
candidate_scores = model.decision_function(asked[0])
"""),
    "boosted trees": (4, """
from sklearn.ensemble import GradientBoostingClassifier

rows = np.column_stack(learnt[:2])
model = GradientBoostingClassifier(random_state=0).fit(rows, learnt[2])
candidate_scores = model.predict_proba(np.column_stack(asked[:2]))[:, 1].tolist()
"""),
    "the loss threshold": (2, "candidate_scores = candidate_log_posteriors[np.arange(400), candidate_y]"),
    "losses": (1, "candidate_scores = -candidate_log_posteriors[np.arange(400), candidate_y]"),
    "confidence": (1, "candidate_scores = candidate_log_posteriors.max(axis=1)"),
    "the reference records": (1, "candidate_scores = fit_and_score(*learnt, *learnt[:2])[:400]"),
    "the truth shuffled": (1, """
shuffled = np.random.default_rng(0).permutation(learnt[2])
candidate_scores = fit_and_score(learnt[0], learnt[1], shuffled, *asked[:2])
"""),
    "one that is not finite": (0, "candidate_scores = [np.nan, *range(399)]"),
    "of all models": (0, "candidate_scores = fit_and_score(*learnt, *learnt[:2])"),
}  # fmt: skip

QUESTIONS = {
    "halves": HALVES,
    "shadows": SHADOWS,
    "attack_set": ATTACK_SET,
    "attack_model": ATTACK_MODEL,
    "rehearsal": {what: (points, SEVENTH + code) for what, (points, code) in REHEARSAL.items()},
    "target": TARGET,
    "why_halves": letters(ASSIGNMENT, "why_halves"),
    "what_follows": letters(ASSIGNMENT, "what_follows"),
}
# What the feedback on wrong answers has to say: they must be wrong for the right reason.
REASONS = {
    ("halves", "coins"): "must have exactly 5 members",
    ("halves", "halves without pairs"): "draw pairs",
    ("halves", "one pair for all"): "two of yours are alike",
    ("halves", "global random numbers"): "all random numbers come from `rng`",
    ("shadows", "trained on all"): "on its own half only",
    ("shadows", "trained on the others"): "the half that it should not see",
    ("shadows", "posteriors"): "logarithms of posteriors",
    ("shadows", "hardly trained"): "know their members by heart",
    ("attack_set", "from the lowest"): "from the highest to the lowest",
    ("attack_set", "the truth in another order"): "Features and is_member do not belong together",
    ("attack_set", "classes in another order"): "Features and classes do not belong together",
    ("attack_set", "the label of the sorted row"): "rows of features are not the right ones",
    ("attack_model", "one for all classes"): "one attack model for each class",
    ("attack_model", "decisions"): "return probabilities",
    ("attack_model", "the probability of the others"): "members get the lower scores",
    ("attack_model", "scaled by what is asked about"): "nothing may be fitted on what is asked about",
    ("rehearsal", "all models pooled"): "are not independent",
    ("rehearsal", "a forest on its own training set"): "was the attack model fitted on the model that it attacks?",
    ("rehearsal", "the order"): "then the lower and the upper end",
    ("target", "the loss threshold"): "the reference attack, with other halves, reaches",
    ("target", "losses"): "members get the lower scores",
    ("target", "confidence"): "the loss threshold, which needs no shadow models",
}


@each_answer(QUESTIONS, REASONS)
def test_each_answer_gets_its_points(graded, question, code, points, reason):
    grade = graded(ASSIGNMENT, question, code)
    check_grade(grade, points, reason)
    assert not any("has not the form" in text for text in grade.feedback)


@pytest.mark.parametrize("student", ["1001", "1002"])
def test_the_attack_beats_the_loss_threshold_on_other_variants_too(student):
    namespace, variant = assignment_of(ASSIGNMENT).tests(), variant_of(ASSIGNMENT, student)
    data, is_member = variant.files["target.npz"], variant.hidden["is_member"]
    rehearsed, scores = namespace["reference_of"](variant)
    reached = metrics.auc(scores, is_member)
    assert reached.value > metrics.auc(namespace["loss_of_candidates"](data), is_member).value + 0.03
    assert abs(rehearsed - reached.value) < 0.1
    assert np.isfinite(data["candidate_log_posteriors"]).all()
