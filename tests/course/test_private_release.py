"""Answers to "A release of your own": right ones written differently, and wrong ones that students write."""

import pytest
from course.answers import assignment_of, check_grade, each_answer, letters, variant_of

ASSIGNMENT = "private-release"

ENCODE = {
    "a loop": (3, """
def encode(x, vae, radius):
    codes = []
    for record in x:
        code = (record - vae[0]) @ vae[1]
        length = (code @ code) ** 0.5
        codes.append(code * radius / length if length > radius else code)
    return codes
"""),
    "where": (3, """
def encode(x, vae, radius):
    codes = x @ vae[1] - vae[0] @ vae[1]
    outside = np.linalg.norm(codes, axis=1) > radius
    codes[outside] *= radius / np.linalg.norm(codes[outside], axis=1)[:, None]
    return codes
"""),
    "not clipped": (1, """
def encode(x, vae, radius):
    return (x - vae[0]) @ vae[1]
"""),
    "a box": (1, """
def encode(x, vae, radius):
    return np.clip((x - vae[0]) @ vae[1], -radius, radius)
"""),
    "all on the surface": (0, """
def encode(x, vae, radius):
    codes = (x - vae[0]) @ vae[1]
    return codes * radius / np.linalg.norm(codes, axis=1, keepdims=True)
"""),
    "divided by zero": (1, """
def encode(x, vae, radius):
    codes = (x - vae[0]) @ vae[1]
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return codes / lengths * np.minimum(lengths, radius)
"""),
    "without the mean": (0, """
def encode(x, vae, radius):
    codes = x @ vae[1]
    return codes * np.minimum(1, radius / np.linalg.norm(codes, axis=1, keepdims=True))
"""),
}  # fmt: skip

# What the answers have in common: directions, and codes with noise of a length that each of them draws.
DIRECTIONS = """
def directions(n, d, rng):
    v = rng.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True)
"""
RELEASE = {
    "shuffled first": (5, """
def release(x, y, vae, epsilon, radius, rng):
    order = rng.permutation(len(x))
    codes = encode(x[order], vae, radius)
    n, d = codes.shape
    return decode(codes + rng.gamma(d, 1 / epsilon, (n, 1)) * directions(n, d, rng), vae), y[order]
"""),
    "normals of random size": (5, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    size = np.sqrt(rng.chisquare(codes.shape[1] + 1, size=(len(codes), 1))) / epsilon
    records = decode(codes + size * rng.normal(size=codes.shape), vae)
    rows = list(zip(records, y))
    rng.shuffle(rows)
    return [list(each) for each in zip(*rows)]
"""),
    "noise for each coordinate": (3, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    order = rng.permutation(len(x))
    return decode(codes + rng.laplace(scale=1 / epsilon, size=codes.shape), vae)[order], y[order]
"""),
    "clipped after the noise": (3, """
def release(x, y, vae, epsilon, radius, rng):
    codes = (x - vae[0]) @ vae[1]
    n, d = codes.shape
    noisy = codes + rng.gamma(d, 1 / epsilon, (n, 1)) * directions(n, d, rng)
    noisy *= np.minimum(1, radius / np.linalg.norm(noisy, axis=1, keepdims=True))
    order = rng.permutation(n)
    return decode(noisy, vae)[order], y[order]
"""),
    "not shuffled": (3, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    n, d = codes.shape
    return decode(codes + rng.gamma(d, 1 / epsilon, (n, 1)) * directions(n, d, rng), vae), y
"""),
    "labels left behind": (3, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    n, d = codes.shape
    records = decode(codes + rng.gamma(d, 1 / epsilon, (n, 1)) * directions(n, d, rng), vae)
    return rng.permutation(records), y
"""),
    "epsilon for its inverse": (1, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    n, d = codes.shape
    order = rng.permutation(n)
    return decode(codes + rng.gamma(d, epsilon, (n, 1)) * directions(n, d, rng), vae)[order], y[order]
"""),
    "no noise": (3, """
def release(x, y, vae, epsilon, radius, rng):
    order = rng.permutation(len(x))
    return decode(encode(x[order], vae, radius), vae), y[order]
"""),
    "codes, not records": (0, """
def release(x, y, vae, epsilon, radius, rng):
    codes = encode(x, vae, radius)
    n, d = codes.shape
    return codes + rng.gamma(d, 1 / epsilon, (n, 1)) * directions(n, d, rng), y
"""),
}  # fmt: skip

UTILITY = {
    "neighbours": (3, """
from sklearn.neighbors import KNeighborsClassifier

def utility(release_x, release_y, test_x, test_y):
    return np.mean(KNeighborsClassifier(3).fit(release_x, release_y).predict(test_x) == test_y)
"""),
    "nearest mean": (3, """
def utility(release_x, release_y, test_x, test_y):
    labels = np.unique(release_y)
    means = np.array([release_x[release_y == label].mean(axis=0) for label in labels])
    found = labels[((test_x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]
    return sum(found == test_y) / len(test_y)
"""),
    "on the release": (1, """
from sklearn.linear_model import LogisticRegression

def utility(release_x, release_y, test_x, test_y):
    return LogisticRegression().fit(release_x, release_y).score(release_x, release_y)
"""),
    "trained on the test records": (1, """
from sklearn.linear_model import LogisticRegression

def utility(release_x, release_y, test_x, test_y):
    return LogisticRegression().fit(test_x, test_y).score(test_x, test_y)
"""),
    "the error": (0, """
from sklearn.linear_model import LogisticRegression

def utility(release_x, release_y, test_x, test_y):
    return 1 - LogisticRegression().fit(release_x, release_y).score(test_x, test_y)
"""),
    "the predictions": (0, """
from sklearn.linear_model import LogisticRegression

def utility(release_x, release_y, test_x, test_y):
    return LogisticRegression().fit(release_x, release_y).predict(test_x)
"""),
}  # fmt: skip

LEAKAGE = {
    "all distances at once": (4, """
from scipy.spatial.distance import cdist
from vaeprivacy.metrics import auc

def leakage(release_x, release_y, x, y, is_member, vae, radius):
    apart = cdist(decode(encode(x, vae, radius), vae), release_x)
    apart[y[:, None] != release_y] = 1e9
    return tuple(auc(-apart.min(axis=1), is_member))
"""),
    "neighbours and a bootstrap": (4, """
from sklearn.neighbors import NearestNeighbors

def leakage(release_x, release_y, x, y, is_member, vae, radius):
    portraits, apart = decode(encode(x, vae, radius), vae), np.empty(len(x))
    for label in np.unique(y):
        found = NearestNeighbors(n_neighbors=1).fit(release_x[release_y == label])
        apart[y == label] = found.kneighbors(portraits[y == label])[0][:, 0]
    members, others = -apart[is_member], -apart[~is_member]
    wins, rng, values = members[:, None] > others, np.random.default_rng(0), []
    for _ in range(2000):
        i, j = (rng.integers(len(each), size=len(each)) for each in (members, others))
        values.append(wins[np.ix_(i, j)].mean())
    return [wins.mean(), *np.quantile(values, [0.025, 0.975])]
"""),
    "the candidate itself": (1, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    scores = [-np.linalg.norm(release_x[release_y == label] - p, axis=1).min() for p, label in zip(x, y)]
    return tuple(auc(scores, is_member))
"""),
    "labels ignored": (1, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    portraits = decode(encode(x, vae, radius), vae)
    return tuple(auc([-np.linalg.norm(release_x - p, axis=1).min() for p in portraits], is_member))
"""),
    "the distance": (0, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    portraits = decode(encode(x, vae, radius), vae)
    scores = [np.linalg.norm(release_x[release_y == label] - p, axis=1).min() for p, label in zip(portraits, y)]
    return tuple(auc(scores, is_member))
"""),
    "the mean distance": (1, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    portraits = decode(encode(x, vae, radius), vae)
    scores = [-np.linalg.norm(release_x[release_y == label] - p, axis=1).mean() for p, label in zip(portraits, y)]
    return tuple(auc(scores, is_member))
"""),
    "a 90% interval": (1, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    portraits = decode(encode(x, vae, radius), vae)
    scores = [-np.linalg.norm(release_x[release_y == label] - p, axis=1).min() for p, label in zip(portraits, y)]
    value, low, high = auc(scores, is_member)
    return value, value - (value - low) * 1.645 / 1.96, value + (high - value) * 1.645 / 1.96
"""),
    "no interval": (0, """
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    return 0.6
"""),
}  # fmt: skip

# Row by row, so that what is done with a release can be exchanged.
ROWS = """
def rows_of(epsilons, train=None, members=None, seed=5):
    rng, rows = np.random.default_rng(seed), []
    for epsilon in epsilons:
        synthetic = release(private_x, private_y, vae, epsilon, radius, rng)
        useful = utility(*(train or synthetic), test_x, test_y)
        rows.append([useful, *leakage(*synthetic, x, y, is_member if members is None else members, vae, radius)])
    return rows
"""
TABLE = {
    "other noise": (4, "table = rows_of(epsilons)"),
    "another classifier": (4, """
from sklearn.neighbors import KNeighborsClassifier

def utility(release_x, release_y, test_x, test_y):
    return KNeighborsClassifier(15).fit(release_x, release_y).score(test_x, test_y)

table = rows_of(epsilons, seed=6)
"""),
    "from the largest epsilon": (1, "table = rows_of(epsilons[::-1])"),
    "trained on the originals": (3, "table = rows_of(epsilons, train=(private_x, private_y))"),
    "members and others exchanged": (2, "table = rows_of(epsilons, members=~is_member)"),
    "columns exchanged": (0, "table = rows_of(epsilons)\ntable = [[row[1], row[0], *row[2:]] for row in table]"),
    "one epsilon": (0, "table = rows_of(epsilons[:1])"),
    "the same noise level": (1, "table = rows_of([4.0] * len(epsilons))"),
}  # fmt: skip

CHOOSE = {
    "sorted": (4, """
def choose(epsilons, table, max_auc):
    for row, epsilon in sorted(zip(table.tolist(), epsilons), reverse=True):
        if row[3] <= max_auc:
            return epsilon
"""),
    "arrays": (4, """
def choose(epsilons, table, max_auc):
    fine = np.flatnonzero(np.array(table)[:, 3] <= max_auc)
    return np.array(epsilons)[fine[np.argmax(table[fine, 0])]] if len(fine) else None
"""),
    "the AUC for its interval": (2, """
def choose(epsilons, table, max_auc):
    fine = [(row[0], epsilon) for epsilon, row in zip(epsilons, table) if row[1] <= max_auc]
    return max(fine)[1] if fine else None
"""),
    "the largest": (3, """
def choose(epsilons, table, max_auc):
    fine = [epsilon for epsilon, row in zip(epsilons, table) if row[3] <= max_auc]
    return max(fine, default=None)
"""),
    "the smallest if there is none": (3, """
def choose(epsilons, table, max_auc):
    fine = [(row[0], epsilon) for epsilon, row in zip(epsilons, table) if row[3] <= max_auc]
    return max(fine)[1] if fine else min(epsilons)
"""),
    "the lower end": (2, """
def choose(epsilons, table, max_auc):
    fine = [(row[0], epsilon) for epsilon, row in zip(epsilons, table) if row[2] <= max_auc]
    return max(fine)[1] if fine else None
"""),
    "another epsilon than the rule's": (3, "chosen_epsilon = epsilons[-1]"),
}  # fmt: skip

PROMISE = {
    "the package": (5, """
import torch
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import clip

u, v = clip(torch.tensor((private_x[pair] - vae[0]) @ vae[1]), radius=radius, warn=False)
bound = Indistinguishability(chosen_epsilon).times(float((u - v).norm()))
pair_epsilon, pair_auc = bound.epsilon, bound.max_auc()
"""),
    "another epsilon, kept throughout": (5, """
chosen_epsilon = epsilons[1]
pair_epsilon = chosen_epsilon * ((codes[0] - codes[1]) ** 2).sum() ** 0.5
pair_auc = np.exp(pair_epsilon) / (1 + np.exp(pair_epsilon))
any_two_epsilon = 2 * radius * chosen_epsilon
three_releases_epsilon = sum([any_two_epsilon] * 3)
"""),
    "not clipped": (3, """
u, v = (private_x[pair] - vae[0]) @ vae[1]
pair_epsilon = chosen_epsilon * np.linalg.norm(u - v)
"""),
    "pixels": (3, "pair_epsilon = chosen_epsilon * np.linalg.norm(np.subtract(*private_x[pair]))"),
    "the radius for the diameter": (3, """
any_two_epsilon = radius * chosen_epsilon
three_releases_epsilon = 3 * any_two_epsilon
"""),
    "releases for free": (4, "three_releases_epsilon = any_two_epsilon"),
    "the root of three": (4, "three_releases_epsilon = any_two_epsilon * 3**0.5"),
    "an AUC of the exponent of any two": (3, "pair_auc = 1 / (1 + np.exp(-any_two_epsilon))"),
    "no choice": (1, "chosen_epsilon = None"),
}  # fmt: skip
CONSTANTS = variant_of(ASSIGNMENT).constants
PAIR = f"pair = [{CONSTANTS['first']}, {CONSTANTS['second']}]\n"

QUESTIONS = {
    "encode": ENCODE,
    "release": {what: (points, DIRECTIONS + code) for what, (points, code) in RELEASE.items()},
    "utility": UTILITY,
    "leakage": {
        what: (points, "from vaeprivacy.metrics import auc\n" + code) for what, (points, code) in LEAKAGE.items()
    },
    "table": {what: (points, ROWS + code) for what, (points, code) in TABLE.items()},
    "choose": CHOOSE,
    "promise": {what: (points, PAIR + code) for what, (points, code) in PROMISE.items()},
    "what_promised": letters(ASSIGNMENT, "what_promised"),
}
# What the feedback on wrong answers has to say: they must be wrong for the right reason.
REASONS = {
    ("encode", "not clipped"): "are not clipped",
    ("encode", "a box"): "its corners are not in the ball",
    ("encode", "divided by zero"): "must not be divided by its length",
    ("release", "noise for each coordinate"): "does not have the law",
    ("release", "clipped after the noise"): "does not have the law",
    ("release", "not shuffled"): "The rows are not shuffled",
    ("release", "labels left behind"): "no longer in the same order",
    ("release", "no noise"): "have no noise",
    ("utility", "on the release"): "the accuracy on the release itself",
    ("utility", "trained on the test records"): "not the other way round",
    ("utility", "the error"): "wrongly classified",
    ("leakage", "the candidate itself"): "what the VAE makes of a candidate",
    ("leakage", "labels ignored"): "of the candidate's label",
    ("leakage", "the distance"): "Members get the lower scores",
    ("leakage", "a 90% interval"): "times the right width",
    ("table", "from the largest epsilon"): "in the order of the epsilons",
    ("table", "trained on the originals"): "trained on the release, and on nothing else",
    ("table", "members and others exchanged"): "who is a member?",
    ("table", "columns exchanged"): "Each row has the utility, the AUC",
    ("choose", "the AUC for its interval"): "the interval goes on above that",
    ("choose", "the largest"): "need not be the largest",
    ("choose", "the smallest if there is none"): "must return None",
    ("choose", "another epsilon than the rule's"): "your own table leads to",
    ("promise", "not clipped"): "it is clipped before the noise is added",
    ("promise", "pixels"): "not of pixels",
    ("promise", "the radius for the diameter"): "how far?",
    ("promise", "releases for free"): "add up",
    ("promise", "an AUC of the exponent of any two"): "allows another AUC",
}


@each_answer(QUESTIONS, REASONS)
def test_each_answer_gets_its_points(graded, question, code, points, reason):
    check_grade(graded(ASSIGNMENT, question, code), points, reason)


@pytest.mark.parametrize("student", ["1002", "1003"])
def test_there_is_something_to_choose_in_other_variants_too(student):
    variant = variant_of(ASSIGNMENT, student)
    accuracy, auc = assignment_of(ASSIGNMENT).tests()["reference_table"](variant).T
    half_width = 0.04  # of an AUC near one half, with 400 members and 400 others
    acceptable = auc + half_width < variant.constants["max_auc"] - 0.02
    assert acceptable.any() and not acceptable.all()
    assert accuracy[acceptable].max() > accuracy[0] + 0.1
