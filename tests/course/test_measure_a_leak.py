"""Answers to "Measure a leak": right ones written differently, and wrong ones that students write."""

from course.answers import check_grade, each_answer, letters

ASSIGNMENT = "measure-a-leak"

SCORES = {
    "take_along_axis": (3, """
def loss_scores(log_posteriors, labels):
    return np.take_along_axis(log_posteriors, labels[:, None], axis=1)[:, 0]
"""),
    "a loop": (3, """
def loss_scores(p, y):
    return [row[label] for row, label in zip(p, y)]
"""),
    "the loss": (0, """
def loss_scores(p, y):
    return -p[np.arange(len(y)), y]
"""),
    "the largest probability": (0, """
def loss_scores(p, y):
    return p.max(axis=1)
"""),
    "a probability": (0, """
def loss_scores(p, y):
    return np.exp(p[np.arange(len(y)), y])
"""),
    "the mean": (0, """
def loss_scores(p, y):
    return p[np.arange(len(y)), y].mean()
"""),
}  # fmt: skip

CURVE = {
    "scikit-learn": (5, """
from sklearn.metrics import roc_auc_score, roc_curve

def roc(scores, is_member):
    return roc_curve(is_member, scores)[:2]

def auc(scores, is_member):
    return roc_auc_score(is_member, scores)
"""),
    "pairs": (5, """
def roc(scores, is_member):
    points = [(0.0, 0.0)]
    for t in sorted(set(scores), reverse=True):
        points.append((np.mean(scores[~is_member] >= t), np.mean(scores[is_member] >= t)))
    return tuple(zip(*points))

def auc(scores, is_member):
    pairs = scores[is_member][:, None] - scores[~is_member]
    return ((pairs > 0) + 0.5 * (pairs == 0)).mean()
"""),
    "ties in the order of the file": (3, """
def roc(scores, is_member):
    hit = is_member[np.argsort(-scores, kind="stable")]
    return np.append(0, np.cumsum(~hit) / sum(~hit)), np.append(0, np.cumsum(hit) / sum(hit))

def auc(scores, is_member):
    return np.trapezoid(*roc(scores, is_member)[::-1])
"""),
    "axes exchanged": (0, """
from sklearn.metrics import roc_curve

def roc(scores, is_member):
    return roc_curve(is_member, scores)[1::-1]

def auc(scores, is_member):
    return np.trapezoid(*roc(scores, is_member)[::-1])
"""),
    "no beginning": (3, """
def roc(scores, is_member):
    thresholds = np.unique(scores)[::-1]
    return [np.array([np.mean(scores[who] >= t) for t in thresholds]) for who in (~is_member, is_member)]
"""),
    "ties are no wins": (4, """
def auc(scores, is_member):
    return (scores[is_member][:, None] > scores[~is_member]).mean()
"""),
    "accuracy": (2, """
def auc(scores, is_member):
    return np.mean((scores > np.median(scores)) == is_member) + 0.01
"""),
}  # fmt: skip

LOW_FPR = {
    "order statistic": (3, """
def tpr_at_fpr(scores, is_member, fpr):
    others = np.sort(scores[~is_member])[::-1]
    return np.mean(scores[is_member] > others[int(np.floor(fpr * len(others) + 1e-9))])
"""),
    "a loop over thresholds": (3, """
def tpr_at_fpr(scores, is_member, fpr):
    best = 0.0
    for t in scores:
        if np.mean(scores[~is_member] >= t) <= fpr:
            best = max(best, np.mean(scores[is_member] >= t))
    return best
"""),
    "interpolation": (2, """
def tpr_at_fpr(scores, is_member, fpr):
    return np.interp(fpr, *roc(scores, is_member))
"""),
    "strictly below": (2, """
def tpr_at_fpr(scores, is_member, fpr):
    a, b = roc(scores, is_member)
    return b[a < fpr].max()
"""),
    "the nearest point": (0, """
def tpr_at_fpr(scores, is_member, fpr):
    a, b = roc(scores, is_member)
    return b[np.argmin(abs(a - fpr))]
"""),
    "threshold reached by others": (0, """
def tpr_at_fpr(scores, is_member, fpr):
    return np.mean(scores[is_member] > np.quantile(scores, 1 - fpr))
"""),
}  # fmt: skip

INTERVAL = {
    "bootstrap in strata": (4, """
def auc_interval(scores, is_member, rng):
    members, others = scores[is_member], scores[~is_member]
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    found = []
    for _ in range(2000):
        i, j = rng.integers(len(members), size=len(members)), rng.integers(len(others), size=len(others))
        found.append(wins[np.ix_(i, j)].mean())
    return np.quantile(found, [0.025, 0.975])
"""),
    "bootstrap of all records": (4, """
def auc_interval(scores, is_member, rng):
    times = rng.multinomial(len(scores), np.full(len(scores), 1 / len(scores)), size=1000)
    m, o = times[:, is_member], times[:, ~is_member]
    wins = scores[is_member][:, None] > scores[~is_member]
    found = ((m @ wins) * o).sum(axis=1) / (m.sum(axis=1) * o.sum(axis=1))
    return tuple(np.percentile(found, [2.5, 97.5]))
"""),
    "90%": (1, """
def auc_interval(scores, is_member, rng, z=1.645):
    members, others = scores[is_member], scores[~is_member]
    wins = (members[:, None] > others).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(others)
    return wins.mean() - z * variance**0.5, wins.mean() + z * variance**0.5
"""),
    "a binomial over all pairs": (1, """
def auc_interval(scores, is_member, rng):
    a, n = auc(scores, is_member), is_member.sum() * (~is_member).sum()
    half = 1.96 * (a * (1 - a) / n) ** 0.5
    return a - half, a + half
"""),
    "standard deviation for standard error": (1, """
def auc_interval(scores, is_member, rng):
    a = auc(scores, is_member)
    return a - 1.96 * 0.3, a + 1.96 * 0.3
"""),
    "members and others kept apart": (0, """
def auc_interval(scores, is_member, rng):
    return 1 - auc(scores, is_member) - 0.01, 1 - auc(scores, is_member) + 0.01
"""),
}  # fmt: skip

CANDIDATES = {
    "logits": (
        4,
        """
p = np.exp(candidate_log_posteriors[np.arange(400), candidate_labels])
candidate_scores = np.log(p + 1e-300) - np.log1p(-np.minimum(p, 1 - 1e-16))
""",
    ),
    "ranks": (
        4,
        """
from scipy.stats import rankdata
candidate_scores = rankdata(loss_scores(candidate_log_posteriors, candidate_labels)).tolist()
""",
    ),
    "losses": (1, "candidate_scores = -candidate_log_posteriors[np.arange(400), candidate_labels]"),
    "practice records": (1, "candidate_scores = loss_scores(practice_log_posteriors, practice_labels)"),
    "confidence": (1, "candidate_scores = candidate_log_posteriors.max(axis=1)"),
    "one that is not finite": (
        0,
        "candidate_scores = loss_scores(candidate_log_posteriors, candidate_labels)\ncandidate_scores[3] = np.nan",
    ),
    "too few": (0, "candidate_scores = loss_scores(candidate_log_posteriors, candidate_labels)[:100]"),
}

QUESTIONS = {
    "scores": SCORES,
    "curve": CURVE,
    "low_fpr": LOW_FPR,
    "interval": INTERVAL,
    "candidates": CANDIDATES,
    "conclusion": letters(ASSIGNMENT, "conclusion"),
}


REASONS = {
    ("candidates", "one that is not finite"): "must have a finite score",
    ("low_fpr", "interpolation"): "Do not interpolate",
}


@each_answer(QUESTIONS, REASONS)
def test_each_answer_gets_its_points(graded, question, code, points, reason):
    grade = graded(ASSIGNMENT, question, code)
    check_grade(grade, points, reason)
    assert not any("has not the form" in text for text in grade.feedback)
