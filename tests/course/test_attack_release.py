"""Answers to "Attack the release": right ones written differently, and wrong ones that students write."""

import numpy as np
import pytest
from course.answers import assignment_of, check_grade, each_answer, letters, variant_of

from vaeprivacy import metrics

ASSIGNMENT = "attack-release"

CODES = {
    "normal equations": (4, """
def noisy_codes(x, mean, decoder):
    codes = np.empty((len(x), len(decoder)))
    for i, row in enumerate(x):
        used = decoder[:, (row != 0) & (row != 1)]
        codes[i] = np.linalg.solve(used @ used.T, used @ (row - mean)[(row != 0) & (row != 1)])
    return codes
"""),
    "pseudo-inverse": (4, """
def noisy_codes(x, mean, decoder):
    weights = ((x > 0) & (x < 1)).astype(float)
    return [np.linalg.pinv((decoder * w).T) @ (w * (row - mean)) for row, w in zip(x, weights)]
"""),
    "all pixels": (1, """
def noisy_codes(x, mean, decoder):
    return np.linalg.lstsq(decoder.T, (x - mean).T, rcond=None)[0].T
"""),
    "as many pixels as dimensions": (1, """
def noisy_codes(x, mean, decoder):
    d = len(decoder)
    return np.linalg.solve(decoder[:, :d].T, (x - mean)[:, :d].T).T
"""),
    "without the mean": (0, """
def noisy_codes(x, mean, decoder):
    return np.linalg.lstsq(decoder.T, x.T, rcond=None)[0].T
"""),
    "the transpose": (0, """
def noisy_codes(x, mean, decoder):
    return (x - mean) @ decoder.T
"""),
}  # fmt: skip

NEAREST = {
    "all at once": (3, """
def nearest_scores(noisy, noisy_y, codes, y):
    apart = ((codes[:, None] - noisy) ** 2).sum(axis=2) ** 0.5
    return -np.where(y[:, None] == noisy_y, apart, 1e9).min(axis=1)
"""),
    "neighbours": (3, """
from sklearn.neighbors import NearestNeighbors

def nearest_scores(noisy, noisy_y, codes, y):
    scores = np.empty(len(codes))
    for label in np.unique(y):
        found = NearestNeighbors(n_neighbors=1).fit(noisy[noisy_y == label])
        scores[y == label] = -found.kneighbors(codes[y == label])[0][:, 0]
    return scores
"""),
    "distances": (0, """
def nearest_scores(noisy, noisy_y, codes, y):
    return [np.linalg.norm(noisy[noisy_y == label] - c, axis=1).min() for c, label in zip(codes, y)]
"""),
    "labels ignored": (0, """
def nearest_scores(noisy, noisy_y, codes, y):
    return [-np.linalg.norm(noisy - c, axis=1).min() for c in codes]
"""),
    "squares": (0, """
def nearest_scores(noisy, noisy_y, codes, y):
    return [-((noisy[noisy_y == label] - c) ** 2).sum(axis=1).min() for c, label in zip(codes, y)]
"""),
    "the farthest": (1, """
def nearest_scores(noisy, noisy_y, codes, y):
    return [-np.linalg.norm(noisy[noisy_y == label] - c, axis=1).max() for c, label in zip(codes, y)]
"""),
}  # fmt: skip

DENSITY = {
    "scikit-learn": (3, """
from sklearn.neighbors import KernelDensity

def density_scores(noisy, population, codes):
    ours, theirs = (KernelDensity(bandwidth=0.4).fit(each).score_samples(codes) for each in (noisy, population))
    return ours - theirs
"""),
    "by hand": (3, """
from scipy.special import logsumexp

def log_density(points, codes, width=0.4):
    apart = ((codes[:, None] - points) ** 2).sum(axis=2)
    return logsumexp(-apart / (2 * width**2), axis=1) - np.log(len(points))

def density_scores(noisy, population, codes):
    return log_density(noisy, codes) - log_density(population, codes)
"""),
    "the release alone": (1, """
from scipy.stats import gaussian_kde

def density_scores(noisy, population, codes):
    return gaussian_kde(noisy.T).logpdf(codes.T)
"""),
    "upside down": (0, """
from scipy.stats import gaussian_kde

def density_scores(noisy, population, codes):
    return gaussian_kde(population.T).logpdf(codes.T) - gaussian_kde(noisy.T).logpdf(codes.T)
"""),
    "the candidates for the population": (0, """
from scipy.stats import gaussian_kde

def density_scores(noisy, population, codes):
    return gaussian_kde(codes.T).logpdf(codes.T) - gaussian_kde(population.T).logpdf(codes.T)
"""),
    "not transposed": (0, """
from scipy.stats import gaussian_kde

def density_scores(noisy, population, codes):
    return gaussian_kde(noisy).logpdf(codes) - gaussian_kde(population).logpdf(codes)
"""),
}  # fmt: skip

DISTANCES = """
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
"""
RATIO = {
    "a loop": (6, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    d, log_g = noisy.shape[1], []
    for z, label in zip(noisy, noisy_y):
        apart = np.linalg.norm(population[population_y == label] - z, axis=1)
        log_g.append(logsumexp(-epsilon / width * apart) + d * np.log(epsilon / width))
    log_g, scores = np.array(log_g), []
    for code, label in zip(codes, y):
        rows = noisy_y == label
        log_f = d * np.log(epsilon) - epsilon * np.linalg.norm(noisy[rows] - code, axis=1)
        scores.append(logsumexp(log_f - log_g[rows]) - np.log(len(noisy)))
    return scores
"""),
    "the largest exponent taken out": (6, """
def log_sum(a, axis):
    top = a.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(a - top).sum(axis=axis))

def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_f = np.where(y[:, None] == noisy_y, -epsilon * cdist(codes, noisy), -1e300)
    log_k = np.where(population_y[:, None] == noisy_y, -epsilon / width * cdist(population, noisy), -1e300)
    return log_sum(log_f - log_sum(log_k, 0), 1)
"""),
    "exponentials": (5, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    f = np.exp(-epsilon * cdist(codes, noisy)) * (y[:, None] == noisy_y)
    g = (np.exp(-epsilon / width * cdist(population, noisy)) * (population_y[:, None] == noisy_y)).sum(axis=0)
    return np.log((f / g).sum(axis=1))
"""),
    "normal noise": (1, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_f = np.where(y[:, None] == noisy_y, -(epsilon * cdist(codes, noisy)) ** 2 / 2, -np.inf)
    log_k = -(epsilon / width * cdist(population, noisy)) ** 2 / 2
    log_k = np.where(population_y[:, None] == noisy_y, log_k, -np.inf)
    return logsumexp(log_f - logsumexp(log_k, axis=0), axis=1)
"""),
    "labels ignored": (1, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_g = logsumexp(-epsilon / width * cdist(population, noisy), axis=0)
    return logsumexp(-epsilon * cdist(codes, noisy) - log_g, axis=1)
"""),
    "no population": (0, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    return logsumexp(np.where(y[:, None] == noisy_y, -epsilon * cdist(codes, noisy), -np.inf), axis=1)
"""),
    "no width": (5, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_f = np.where(y[:, None] == noisy_y, -epsilon * cdist(codes, noisy), -np.inf)
    log_k = np.where(population_y[:, None] == noisy_y, -epsilon * cdist(population, noisy), -np.inf)
    return logsumexp(log_f - logsumexp(log_k, axis=0), axis=1)
"""),
    "the width in f too": (5, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_f = np.where(y[:, None] == noisy_y, -epsilon / width * cdist(codes, noisy), -np.inf)
    log_k = np.where(population_y[:, None] == noisy_y, -epsilon / width * cdist(population, noisy), -np.inf)
    return logsumexp(log_f - logsumexp(log_k, axis=0), axis=1)
"""),
    "the best row for the sum": (1, """
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    log_f = np.where(y[:, None] == noisy_y, -epsilon * cdist(codes, noisy), -np.inf)
    log_k = np.where(population_y[:, None] == noisy_y, -epsilon / width * cdist(population, noisy), -np.inf)
    return (log_f - logsumexp(log_k, axis=0)).max(axis=1)
"""),
}  # fmt: skip

GAME = """
game = noisy, release_y, encode(candidate_x), candidate_y
"""
CANDIDATES = {
    "one width for all": (5, """
candidate_scores = ratio_scores(*game, population, population_y, epsilon, 1.5).tolist()
"""),
    "ranks of ratios": (5, """
from scipy.stats import rankdata

candidate_scores = rankdata(ratio_scores(*game, population, population_y, epsilon, width))
"""),
    "the nearest": (2, "candidate_scores = nearest_scores(*game)"),
    "the density ratio": (1, "candidate_scores = density_scores(noisy, population, game[2])"),
    "upside down": (1, "candidate_scores = -candidate_scores"),
    "not divided by the population": (2, """
same = candidate_y[:, None] == release_y
candidate_scores = logsumexp(np.where(same, -epsilon * cdist(game[2], noisy), -np.inf), axis=1)
"""),
    "of the population": (0, """
candidate_scores = ratio_scores(noisy, release_y, population, population_y, population, population_y, epsilon, 1.0)
"""),
    "minus infinity": (0, "candidate_scores = np.full(600, -np.inf)"),
}  # fmt: skip

SAFE = {
    "other noise": (6, """
rehearsals = np.zeros((5, 3))
for i in range(5):
    for repeat in range(4):
        rehearsals[i] += np.array(rehearse(epsilons[i], np.random.default_rng(100 * i + repeat))) / 4
"""),
    "rounded, and chosen by hand": (6, """
rehearsals = [[round(value, 2) for value in row] for row in rehearsals.tolist()]
safe_epsilon = 2
"""),
    "by the nearest": (4, "safe_epsilon = max(e for e, row in zip(epsilons, rehearsals) if row[0] <= max_auc)"),
    "the least safe": (4, "safe_epsilon = min(e for e, row in zip(epsilons, rehearsals) if max(row) > max_auc)"),
    "the smallest": (4, "safe_epsilon = epsilons[0]"),
    "another epsilon": (0, "safe_epsilon = 3.0\nrehearsals = rehearsals[::-1]"),
    "from the largest epsilon": (3, "rehearsals = rehearsals[::-1]"),
    "attacks in another order": (3, "rehearsals = rehearsals[:, ::-1]"),
    "one attack": (2, "rehearsals = rehearsals[:, 0]"),
}  # fmt: skip
CONSTANTS = variant_of(ASSIGNMENT).constants
ASKED = f"epsilons, max_auc = {CONSTANTS['epsilons']}, {CONSTANTS['max_auc']}\n"

QUESTIONS = {
    "codes": CODES,
    "nearest": NEAREST,
    "density": DENSITY,
    "ratio": {what: (points, DISTANCES + code) for what, (points, code) in RATIO.items()},
    "candidates": {what: (points, GAME + code) for what, (points, code) in CANDIDATES.items()},
    "safe": {what: (points, ASKED + code) for what, (points, code) in SAFE.items()},
    "everybody": letters(ASSIGNMENT, "everybody"),
}
# What the feedback on wrong answers has to say: they must be wrong for the right reason.
REASONS = {
    ("codes", "all pixels"): "leave them out",
    ("codes", "as many pixels as dimensions"): "Where pixels are cut off",
    ("codes", "the transpose"): "Where no pixel is cut off",
    ("nearest", "distances"): "a small one must be a high score",
    ("nearest", "labels ignored"): "Only codes of the candidate's label count",
    ("density", "the release alone"): "divide by the population's",
    ("density", "upside down"): "Where the release has more than the population",
    ("density", "not transposed"): "consider transposing",
    ("ratio", "exponentials"): "exponentials are zero there",
    ("ratio", "normal noise"): "This is normal noise",
    ("ratio", "labels ignored"): "Only rows of the candidate's label count",
    ("ratio", "no population"): "the one in the rarer place must score higher",
    ("ratio", "no width"): "The width has no effect",
    ("ratio", "the width in f too"): "f keeps epsilon",
    ("candidates", "the nearest"): "that of the likelihood ratio is",
    ("candidates", "the density ratio"): "that of the nearest noisy code is",
    ("candidates", "upside down"): "members get the lower scores",
    ("safe", "by the nearest"): "what the nearest noisy code would say",
    ("safe", "the smallest"): "At a larger epsilon",
    ("safe", "from the largest epsilon"): "the mean AUC of the nearest is",
}


@each_answer(QUESTIONS, REASONS)
def test_each_answer_gets_its_points(graded, question, code, points, reason):
    check_grade(graded(ASSIGNMENT, question, code), points, reason)


@pytest.mark.parametrize("student", ["1001", "1002"])
def test_what_the_question_teaches_is_so_in_other_variants_too(student):
    namespace, variant = assignment_of(ASSIGNMENT).tests(), variant_of(ASSIGNMENT, student)
    epsilons, max_auc = np.array(variant.constants["epsilons"]), variant.constants["max_auc"]
    nearest, _, ratio = namespace["reference_rehearsals"](variant).T
    assert epsilons[nearest <= max_auc].max() == 4
    assert epsilons[ratio <= max_auc].max() == 2
    scores, is_member = namespace["reference_on_candidates"](variant), variant.hidden["is_member"]
    found = {name: metrics.auc(each, is_member).value for name, each in scores.items()}
    assert found["likelihood ratio"] > found["nearest"] + 0.03 > found["density ratio"]
