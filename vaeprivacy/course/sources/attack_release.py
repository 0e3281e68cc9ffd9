# %% [markdown] tags=["limits"] load_seconds=120 total_seconds=240 not_to_use="vaeprivacy.attacks vaeprivacy.experiments vaeprivacy.course"
# # Attack the release
#
# Somebody published 300 synthetic digits, and with them how they were made: encoder, decoder, noise, and epsilon. You
# want to know which of 600 candidates are behind them. You first look for what is close, then for what is unusually
# frequent, and then use all that is known.
#
# The file `release.npz` is yours alone. It holds, as pixels from 0 to 1 and labels,
#
# - `release_x` (300 x 64) and `release_y`: the synthetic records, in random order,
# - `candidate_x` (600 x 64) and `candidate_y`: 300 of them are members, each behind one row of the release. Which, only
#   the grader knows,
# - `population_x` (897 x 64) and `population_y`: other records of the same source, which belong to you,
# - `mean`, `encoder` and `decoder`: the linear VAE of the release, with {{dimension}} latent dimensions, trained on
#   public records.
#
# As in *A release of your own*, the code of a record is $(x - \text{mean}) \cdot \text{encoder}$, clipped to the ball of
# radius $R$ = {{radius}}. The noise is Euclidean Laplace noise with $\varepsilon$ = {{epsilon}}, and pixels of decoded
# records are cut off at 0 and 1. `encode` and `publish` below do all that.
#
# You may use NumPy, SciPy, scikit-learn and the package `vaeprivacy`, but not its attacks. Replace each `...` by your
# answer, keep the names, and run `vaeprivacy course check` on this file as often as you like: it runs the tests that you
# may see. The grade also has others, on data that you do not see. The whole file may run for 2 minutes; it needs less
# than one.

# %%
import numpy as np

# {{parameters}}
data = np.load("release.npz")
release_x, release_y = data["release_x"], data["release_y"]
candidate_x, candidate_y = data["candidate_x"], data["candidate_y"]
population_x, population_y = data["population_x"], data["population_y"]
mean, encoder, decoder = data["mean"], data["encoder"], data["decoder"]


def encode(x):
    """Return the clipped codes of records, shape (n, dimension)."""
    codes = (x - mean) @ encoder
    return codes * np.minimum(1, radius / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12))


def publish(x, y, epsilon, rng):
    """Return a release of records: synthetic ones and their labels, in random order."""
    codes = encode(x)
    direction = rng.normal(size=codes.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    noisy = codes + direction * rng.gamma(codes.shape[1], 1 / epsilon, size=(len(x), 1))
    order = rng.permutation(len(x))
    return np.clip(mean + noisy @ decoder, 0, 1)[order], y[order]


# %% tags=["helper"]
import numpy as np
from scipy.spatial.distance import cdist

from vaeprivacy.course.grading import array, letter, number
from vaeprivacy.metrics import auc as exact_auc
from vaeprivacy.metrics import tpr_at_fpr as exact_tpr

ATTACKS = ("nearest", "density ratio", "likelihood ratio")


def finite(value, what, n):
    """Return an answer as n finite numbers."""
    got = array(value, what, shape=(n,))
    assert np.isfinite(got).all(), f"{what} must return a finite score for each candidate."
    return got


def same_order(got, right):
    """Return whether scores are the right ones up to a constant."""
    return np.allclose(got - got.mean(), right - right.mean(), atol=1e-6 * max(1, np.abs(right).max()))


# %% tags=["teacher"]
from functools import partial

from scipy.special import logsumexp
from scipy.stats import gaussian_kde
from sklearn.datasets import load_digits

from vaeprivacy.course.linear_vae import LinearVAE, with_noise
from vaeprivacy.course.variants import letter_options

N_VAE, N = 300, 300
REHEARSALS = 5
EVERYBODY = [
    "Somebody who knows more, such as the other members or which row to look at, may find more, up to the promise.",
    "Nobody can find more, since by Neyman and Pearson's lemma there is no better test than a likelihood ratio.",
    "The promise now excludes that any attack whatever on any two records has an AUC above what is acceptable.",
    "The release is safe against all who have no decoder, and nobody has one unless it is published with the release.",
]


def make(public, secret):
    """Draw records, members, the release, the parameters and the order of the options."""
    dimension = int(public.integers(8, 11))
    radius, epsilon = round(dimension**0.5, 1), float(public.choice([7.0, 7.5, 8.0, 8.5]))
    x, y = load_digits(return_X_y=True)
    order = secret.permutation(len(x))
    parts = np.split(order, [N_VAE, N_VAE + 2 * N])
    vae = LinearVAE.fit(x[parts[0]] / 16, dimension=dimension, radius=radius)
    arrays = vae.arrays()
    for name, part in zip(("candidate", "population"), parts[1:], strict=True):
        arrays |= {f"{name}_x": x[part] / 16, f"{name}_y": y[part]}
    is_member = secret.permutation(2 * N) < N
    members = secret.permutation(np.flatnonzero(is_member))
    noisy = with_noise(vae.encode(arrays["candidate_x"][members]), epsilon=epsilon, rng=secret)
    arrays |= {"release_x": vae.decode(noisy), "release_y": arrays["candidate_y"][members]}
    constants, everybody = letter_options(public, "everybody", EVERYBODY)
    epsilons, max_auc = [1.0, 2.0, 4.0, 8.0, 16.0], 0.62
    constants |= {"dimension": dimension, "radius": radius, "epsilon": epsilon, "max_auc": max_auc}
    constants |= {"epsilons": epsilons, "epsilon_list": ", ".join(f"{each:g}" for each in epsilons)}
    constants["parameters"] = f"epsilon, radius = {epsilon}, {radius}"
    hidden = {"is_member": is_member, "solution": {"everybody": everybody}}
    return {"constants": constants, "files": {"release.npz": arrays}, "hidden": hidden}


def nearest_of(noisy, noisy_y, codes, y):
    """Return minus the distance to the nearest noisy code of the same label."""
    apart = np.where(y[:, None] == noisy_y, cdist(codes, noisy), np.inf).min(axis=1)
    return -np.minimum(apart, 1e6)


def density_of(noisy, population, codes):
    """Return the logarithm of the ratio of two kernel estimates."""
    return gaussian_kde(noisy.T).logpdf(codes.T) - gaussian_kde(population.T).logpdf(codes.T)


def ratio_of(noisy, noisy_y, codes, y, population, population_y, epsilon, width=1.0, gaussian=False, labels=True):
    """Return the logarithm of the likelihood ratio; the options make mistakes of it."""

    def log_f(of, of_y, scale):
        apart = epsilon * cdist(of, noisy) / scale
        log_density = -(apart**2) / 2 if gaussian else -apart
        return np.where((of_y[:, None] == noisy_y) | (not labels), log_density, -np.inf)

    log_g = logsumexp(log_f(population, population_y, width), axis=0)
    return logsumexp(log_f(codes, y, 1.0) - log_g, axis=1)


def all_attacks(noisy, noisy_y, codes, y, population, population_y, epsilon):
    """Return the scores of the three attacks, the last with the best of a few widths."""
    yield nearest_of(noisy, noisy_y, codes, y)
    yield density_of(noisy, population, codes)
    log_g = {
        width: log_density_of_release(noisy, noisy_y, population, population_y, epsilon, width) for width in (1, 1.5, 2)
    }
    yield ratio_of(noisy, noisy_y, codes, y, population, population_y, epsilon, width=max(log_g, key=log_g.get))


def log_density_of_release(noisy, noisy_y, population, population_y, epsilon, width):
    """Return how probable a release is under the population's density, up to a constant."""
    log_f = np.where(population_y[:, None] == noisy_y, -epsilon / width * cdist(population, noisy), -np.inf)
    return logsumexp(log_f, axis=0).sum() - noisy.size * np.log(width)


def small_game(rng, n=40, dimension=2):
    """Return noisy codes, codes and a population with labels, for which every label occurs everywhere."""
    noisy, codes, population = (rng.normal(size=(size, dimension)) for size in (n, n, 3 * n))
    return noisy, np.arange(n) % 3, codes, np.arange(n) % 3, population, np.arange(3 * n) % 3


def reference_rehearsals(variant):
    """Return the mean AUC of each attack for each epsilon; computed once for a variant."""
    if "rehearsals" not in variant.hidden:
        rng = variant.rng("rehearsals")
        rows = [rehearsed(variant, epsilon, rng) for epsilon in variant.constants["epsilons"]]
        variant.hidden["rehearsals"] = np.array(rows)
    return variant.hidden["rehearsals"]


def rehearsed(variant, epsilon, rng):
    """Return the mean AUCs of the attacks on releases of the population itself."""
    data = variant.files["release.npz"]
    vae = LinearVAE.read(data, radius=variant.constants["radius"])
    codes, y, found = vae.encode(data["population_x"]), data["population_y"], []
    for _ in range(REHEARSALS):
        members, others, rest = np.split(rng.permutation(len(y)), [N, 2 * N])
        both, is_member = np.append(members, others), np.arange(2 * N) < N
        noisy = with_noise(codes[members], epsilon=epsilon, rng=rng)
        scores = all_attacks(noisy, y[members], codes[both], y[both], codes[rest], y[rest], epsilon)
        found.append([exact_auc(each, is_member).value for each in scores])
    return np.mean(found, axis=0)


def reference_on_candidates(variant):
    """Return the scores of the three attacks on the candidates; computed once for a variant."""
    if "scores" not in variant.hidden:
        data = variant.files["release.npz"]
        vae = LinearVAE.read(data, radius=variant.constants["radius"])
        codes, population = (vae.encode(data[f"{name}_x"]) for name in ("candidate", "population"))
        noisy = read(data["release_x"], vae.mean, vae.decoder)
        of_population = population, data["population_y"], variant.constants["epsilon"]
        scores = all_attacks(noisy, data["release_y"], codes, data["candidate_y"], *of_population)
        variant.hidden["scores"] = dict(zip(ATTACKS, scores, strict=True))
    return variant.hidden["scores"]


def read(x, mean, decoder):
    """Return the noisy codes of records, from the pixels that were not cut off."""
    inside = (x > 0) & (x < 1)
    return np.array(
        [np.linalg.lstsq(decoder[:, i].T, (row - mean)[i], rcond=None)[0] for row, i in zip(x, inside, strict=True)]
    )


# %% [markdown] tags=["question"] name="codes" title="1. Read the codes" section="notebooks/attacking_release.html#the-attack-that-nothing-beats"
# ## 1. Read the codes (4 points)
#
# A synthetic record shows the noisy code that it was decoded from: the decoder turns a few numbers into 64 pixels. A
# pixel that is exactly 0 or 1 was cut off, and only says that its value was at most 0 or at least 1. All other pixels are
# $\text{mean} + z \cdot \text{decoder}$ for the noisy code $z$. Find $z$, to all digits that the numbers have.


# %%
def noisy_codes(x, mean, decoder):
    """Return the noisy codes, shape (n, dimension), of synthetic records, shape (n, pixels)."""
    # BEGIN SOLUTION
    codes = []
    for record in x:
        kept = (record > 0) & (record < 1)
        codes.append(np.linalg.lstsq(decoder[:, kept].T, record[kept] - mean[kept], rcond=None)[0])
    return np.array(codes)
    # END SOLUTION


# %% tags=["helper"]
def draw_decoder(rng, pixels, dimension):
    """Return mean and decoder of a VAE, at random."""
    return rng.uniform(0.3, 0.7, size=pixels), rng.normal(size=(dimension, pixels))


# %% tags=["public-test"] points=1
def test_codes_public(student, variant):
    rng = np.random.default_rng(1)
    mean, decoder = draw_decoder(rng, 12, 2)
    codes = 0.05 * rng.normal(size=(5, 2))  # so short that no pixel is cut off
    got = array(student.call("noisy_codes", mean + codes @ decoder, mean, decoder), "noisy_codes", shape=(5, 2))
    assert np.allclose(got, codes, atol=1e-6), "Where no pixel is cut off, the codes are not the right ones."


# %% tags=["hidden-test"] points=3
def test_codes_hidden(student, variant):
    rng = variant.rng("codes")
    mean, decoder = draw_decoder(rng, 40, 3)
    codes = 0.3 * rng.normal(size=(30, 3))  # about a third of the pixels are cut off
    x = np.clip(mean + codes @ decoder, 0, 1)
    got = array(student.call("noisy_codes", x, mean, decoder), "noisy_codes", shape=(30, 3))
    every = np.linalg.lstsq(decoder.T, (x - mean).T, rcond=None)[0].T
    assert not np.allclose(got, every, atol=1e-4), (
        "Pixels that were cut off are not what the decoder said: leave them out."
    )
    assert np.allclose(got, codes, atol=1e-6), "Where pixels are cut off, the codes are not the right ones."


# %% [markdown] tags=["question"] name="nearest" title="2. What is close" section="notebooks/attacking_release.html#three-attacks-that-come-to-mind"
# ## 2. What is close (3 points)
#
# Score a candidate by minus the Euclidean distance of its clipped code to the nearest noisy code **of the same label**.


# %%
def nearest_scores(noisy, noisy_y, codes, y):
    """Return scores of candidates, shape (n,), with clipped codes (n, dimension) and labels y."""
    # BEGIN SOLUTION
    return np.array(
        [-np.linalg.norm(noisy[noisy_y == label] - c, axis=1).min() for c, label in zip(codes, y, strict=True)]
    )
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_nearest_public(student, variant):
    noisy, noisy_y = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([0, 1])
    got = finite(
        student.call("nearest_scores", noisy, noisy_y, np.zeros((2, 2)), np.array([0, 1])), "nearest_scores", 2
    )
    assert np.allclose(got, [0, -5]), (
        f"Of two candidates at the origin, one of each label, the scores are 0 and -5, not {got[0]:g} and {got[1]:g}."
    )


# %% tags=["hidden-test"] points=2
def test_nearest_hidden(student, variant):
    noisy, noisy_y, codes, y, *_ = small_game(variant.rng("nearest"))
    got, right = (
        finite(student.call("nearest_scores", noisy, noisy_y, codes, y), "nearest_scores", 40),
        nearest_of(noisy, noisy_y, codes, y),
    )
    assert not np.allclose(got, -right), "These are distances: a small one must be a high score."
    assert not np.allclose(got, nearest_of(noisy, 0 * noisy_y, codes, 0 * y)), (
        "Only codes of the candidate's label count."
    )
    assert np.allclose(got, right), "On other codes the scores are not the right ones."


# %% [markdown] tags=["question"] name="density" title="3. What is unusually frequent" section="notebooks/attacking_release.html#three-attacks-that-come-to-mind"
# ## 3. What is unusually frequent (3 points)
#
# Many noisy codes near a candidate are no evidence where codes of any record are frequent. So estimate two densities,
# that of the noisy codes and that of the population's codes (with `scipy.stats.gaussian_kde` or another kernel), and
# score a candidate by the logarithm of their ratio at its code. Labels play no part.


# %%
def density_scores(noisy, population, codes):
    """Return scores of candidates, shape (n,), from noisy codes, codes of the population, and those of candidates."""
    # BEGIN SOLUTION
    from scipy.stats import gaussian_kde

    return gaussian_kde(noisy.T).logpdf(codes.T) - gaussian_kde(population.T).logpdf(codes.T)
    # END SOLUTION


# %% tags=["helper"]
def crowd(rng, n):
    """Return codes of which most lie in a dense crowd at the origin, and the others far around it."""
    return rng.normal(size=(n, 2)) * np.where(rng.random((n, 1)) < 0.7, 0.3, 3.0)


def members_of_crowd(rng):
    """Return noisy codes, population and candidates; members come from one corner only, which a release shows."""
    population, others = crowd(rng, 600), crowd(rng, 200)
    members = crowd(rng, 2000)
    members = members[members[:, 0] > 0.2][:200]
    codes = np.concatenate([members, others])
    return members + 0.3 * rng.normal(size=members.shape), population, codes, np.arange(400) < 200


# %% tags=["public-test"] points=1
def test_density_public(student, variant):
    rng = np.random.default_rng(1)
    noisy, population = rng.normal([2.0, 0.0], size=(100, 2)), rng.normal(size=(300, 2))
    got = finite(
        student.call("density_scores", noisy, population, np.array([[2.0, 0], [-2.0, 0]])), "density_scores", 2
    )
    assert got[0] > got[1], "Where the release has more than the population, the score must be higher."


# %% tags=["hidden-test"] points=2
def test_density_hidden(student, variant):
    noisy, population, codes, is_member = members_of_crowd(variant.rng("density"))
    got = finite(student.call("density_scores", noisy, population, codes), "density_scores", 400)
    reached, wanted = exact_auc(got, is_member).value, exact_auc(density_of(noisy, population, codes), is_member).value
    alone = gaussian_kde(noisy.T).logpdf(codes.T)
    assert abs(np.corrcoef(got, alone)[0, 1]) < 0.999, (
        "This is the density of the release alone: divide by the population's."
    )
    assert reached >= wanted - 0.05, (
        f"Where members come from one corner of a crowd, the AUC is {reached:.2f}; with SciPy's kernel it is {wanted:.2f}."
    )


# %% [markdown] tags=["question"] name="ratio" title="4. All that is known" section="notebooks/attacking_release.html#the-attack-that-nothing-beats"
# ## 4. All that is known (6 points)
#
# If a candidate with code $\mu$ and label $y$ is a member, one of the $n$ rows, each with the same probability, was made
# from it: its noisy code has the density of the noise around $\mu$,
# $f_\varepsilon(z - \mu) \propto \varepsilon^d e^{-\varepsilon \lVert z - \mu \rVert}$, and its label is $y$. All other
# rows come from any record of the population. So score a candidate by the logarithm of
#
# $$\sum_{j:\, y_j = y} \frac{f_\varepsilon(z_j - \mu)}{g(z_j, y_j)}, \qquad
# g(z, \tilde y) = \sum_{k:\, y_k = \tilde y} f_{\varepsilon / w}(z - \mu_k),$$
#
# where $z_j$, $y_j$ are noisy codes and labels of the release, and $\mu_k$, $y_k$ codes and labels of the population. The
# *width* $w \ge 1$ makes the kernel of $g$ longer than the noise, where there are too few records. Constants that are the
# same for all candidates do not matter. For a large $\varepsilon$ the exponentials are smaller than any floating-point
# number: stay in logarithms (`scipy.special.logsumexp`).


# %%
def ratio_scores(noisy, noisy_y, codes, y, population, population_y, epsilon, width):
    """Return the logarithm of the likelihood ratio of candidates, shape (n,), up to a constant."""
    # BEGIN SOLUTION
    from scipy.spatial.distance import cdist
    from scipy.special import logsumexp

    log_f = np.where(y[:, None] == noisy_y, -epsilon * cdist(codes, noisy), -np.inf)
    log_k = np.where(population_y[:, None] == noisy_y, -epsilon / width * cdist(population, noisy), -np.inf)
    return logsumexp(log_f - logsumexp(log_k, axis=0), axis=1)
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_ratio_public(student, variant):
    noisy, labels, codes = np.array([[0.0], [4.0]]), np.array([0, 0]), np.array([[0.0], [4.0]])
    population = np.array([[0.0], [0.0], [0.0], [4.0]])
    got = finite(
        student.call("ratio_scores", noisy, labels, codes, labels, population, np.zeros(4, int), 5.0, 1.0),
        "ratio_scores",
        2,
    )
    assert got[1] > got[0], (
        "Both candidates have a noisy code at their own; the one in the rarer place must score higher."
    )
    assert np.isclose(got[1] - got[0], np.log(3), atol=1e-3), (
        "Three records of the population lie at the first candidate's place and one at the second's: the scores differ "
        f"by log 3 = 1.099, not by {got[1] - got[0]:.3f}."
    )


# %% tags=["helper"]
def ask_ratio(student, game, epsilon, width):
    """Return the student's likelihood ratios, checked for their form."""
    return finite(student.call("ratio_scores", *game, epsilon, width), "ratio_scores", len(game[3]))


# %% tags=["teacher"]
def check_ratio(student, variant):
    """Compare the student's likelihood ratio with the right one, and with some mistakes."""
    game = small_game(variant.rng("ratio"))
    got, right = ask_ratio(student, game, 2.5, 1.0), partial(ratio_of, *game, 2.5)
    assert not same_order(got, right(gaussian=True)), "This is normal noise; the density of ours has no square in it."
    assert not same_order(got, right(labels=False)), (
        "Only rows of the candidate's label count, and for g only records of the row's label."
    )
    assert not same_order(-got, right()), "Members get the lower scores: the ratio is upside down."
    assert same_order(got, right()), "On other codes the likelihood ratio is not the right one."


# %% tags=["hidden-test"] points=3
def test_ratio_hidden(student, variant):
    check_ratio(student, variant)


# %% tags=["hidden-test"] points=1
def test_ratio_width(student, variant):
    check_ratio(student, variant)  # what is wrong without a width is no mistake of the width
    game = small_game(variant.rng("width"))
    got, right = ask_ratio(student, game, 2.5, 2.0), partial(ratio_of, *game, 2.5)
    assert not same_order(got, right()), "The width has no effect: it makes the kernel of g longer."
    assert same_order(got, right(width=2.0)), "With a width of 2, the kernel of g has epsilon / 2, and f keeps epsilon."


# %% tags=["hidden-test"] points=1
def test_ratio_logarithms(student, variant):
    check_ratio(student, variant)
    game = small_game(variant.rng("logarithms"))
    got = array(student.call("ratio_scores", *game, 3000.0, 1.0), "ratio_scores", shape=(len(game[3]),))
    assert np.isfinite(got).all() and same_order(got, ratio_of(*game, 3000.0)), (
        "For a large epsilon the scores are wrong or infinite: exponentials are zero there, and their logarithms are not."
    )


# %% [markdown] tags=["question"] name="candidates" title="5. The attack" section="notebooks/attacking_release.html#on-images"
# ## 5. The attack (5 points)
#
# Now score the 600 candidates. Your scores are graded by AUC and by the true-positive rate at 5% FPR on the true
# membership, beside the attacks above. Of some widths, such as 1, 1.5 and 2, take the one under which the release is most
# probable: the largest $\sum_j \log g(z_j, y_j)$, where $g$ now needs its constant $w^{-d}$.

# %%
# Read the codes, choose the width, score.
# BEGIN SOLUTION
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

widths = [1.0, 1.5, 2.0]


def best_width(noisy, noisy_y, population, population_y, epsilon):
    """Return the width under which a release is most probable."""
    apart, same = cdist(population, noisy), population_y[:, None] == noisy_y
    log_g = [
        logsumexp(np.where(same, -epsilon / w * apart, -np.inf), axis=0) - noisy.shape[1] * np.log(w) for w in widths
    ]
    return widths[np.argmax([each.sum() for each in log_g])]


noisy = noisy_codes(release_x, mean, decoder)
population = encode(population_x)
width = best_width(noisy, release_y, population, population_y, epsilon)
found = ratio_scores(noisy, release_y, encode(candidate_x), candidate_y, population, population_y, epsilon, width)
# END SOLUTION

# %%
candidate_scores = found  # SOLUTION


# %% tags=["public-test"] points=1
def test_candidates_form(student, variant):
    finite(student.value("candidate_scores"), "candidate_scores", 600)


# %% tags=["hidden-test"] points=1
def test_candidates_nearest(student, variant):
    got, is_member = finite(student.value("candidate_scores"), "candidate_scores", 600), variant.hidden["is_member"]
    reached, wanted = exact_auc(got, is_member), exact_auc(reference_on_candidates(variant)["nearest"], is_member).value
    assert reached.value > 1 - wanted, f"The AUC is {reached}: members get the lower scores."
    assert reached.value >= wanted - 0.03, f"The AUC is {reached}; that of the nearest noisy code is {wanted:.3f}."


# %% tags=["hidden-test"] points=2
def test_candidates_ratio(student, variant):
    got, is_member = finite(student.value("candidate_scores"), "candidate_scores", 600), variant.hidden["is_member"]
    reached, wanted = (
        exact_auc(got, is_member),
        exact_auc(reference_on_candidates(variant)["likelihood ratio"], is_member).value,
    )
    assert reached.value >= wanted - 0.02, f"The AUC is {reached}; that of the likelihood ratio is {wanted:.3f}."


# %% tags=["hidden-test"] points=1
def test_candidates_low_fpr(student, variant):
    got, is_member = finite(student.value("candidate_scores"), "candidate_scores", 600), variant.hidden["is_member"]
    wanted = exact_tpr(reference_on_candidates(variant)["likelihood ratio"], is_member, fpr=0.05).value
    reached = exact_tpr(got, is_member, fpr=0.05).value
    assert reached >= 0.75 * wanted, (
        f"At 5% FPR you find {reached:.0%} of the members; the likelihood ratio finds {wanted:.0%}."
    )


# %% [markdown] tags=["question"] name="safe" title="6. Where is it safe?" section="notebooks/choosing_epsilon.html#what-has-to-be-decided"
# ## 6. Where is it safe? (6 points)
#
# You do not know the members, but you can rehearse: of your population, let 300 records be members, 300 others
# non-members, and the remaining 297 your population; `publish` the members, and attack. For each of the epsilons
# {{epsilon_list}} do that at least 5 times, each time with other records and other noise, and put the **mean AUC** of
# the three attacks (nearest, density ratio, likelihood ratio with the best width) into one row of `rehearsals`.
#
# Then call a release acceptable if the mean AUC of the *strongest* of the three is at most {{max_auc}}. Which is the
# largest of the epsilons at which it is?

# %%
# Rehearse.
# BEGIN SOLUTION
from vaeprivacy.metrics import auc


def rehearse(epsilon, rng):
    """Return the AUCs of the three attacks on one release of records of the population."""
    members, others, rest = np.split(rng.permutation(len(population_y)), [300, 600])
    both, is_member = np.append(members, others), np.arange(600) < 300
    x, noisy_y = publish(population_x[members], population_y[members], epsilon, rng)
    noisy, codes, y = noisy_codes(x, mean, decoder), population[both], population_y[both]
    mine = population[rest], population_y[rest]
    width = best_width(noisy, noisy_y, *mine, epsilon)
    scores = [
        nearest_scores(noisy, noisy_y, codes, y),
        density_scores(noisy, mine[0], codes),
        ratio_scores(noisy, noisy_y, codes, y, *mine, epsilon, width),
    ]
    return [auc(each, is_member).value for each in scores]


rng = np.random.default_rng(1)
means = [np.mean([rehearse(each, rng) for _ in range(5)], axis=0) for each in {{epsilons}}]
# END SOLUTION

# %%
rehearsals = np.array(means)  # SOLUTION
safe_epsilon = max(each for each, row in zip({{epsilons}}, means, strict=True) if max(row) <= {{max_auc}})  # SOLUTION


# %% tags=["helper"]
def ask_rehearsals(student, variant):
    """Return the student's table of rehearsals, checked for its form."""
    got = array(student.value("rehearsals"), "rehearsals", shape=(len(variant.constants["epsilons"]), 3))
    assert (got >= 0).all() and (got <= 1).all(), "All that stands in `rehearsals` is an AUC, between 0 and 1."
    return got


# %% tags=["public-test"] points=1
def test_safe_form(student, variant):
    ask_rehearsals(student, variant)
    got = number(student.value("safe_epsilon"), "safe_epsilon")
    assert got in variant.constants["epsilons"], (
        f"safe_epsilon is one of the epsilons of the question, and not {got:g}."
    )


# %% tags=["hidden-test"] points=3
def test_rehearsals(student, variant):
    got, right = ask_rehearsals(student, variant), reference_rehearsals(variant)
    for epsilon, row, wanted in zip(variant.constants["epsilons"], got, right, strict=True):
        for i, attack in enumerate(ATTACKS):
            # Room for chance: right answers have other random numbers.
            assert abs(row[i] - wanted[i]) < 0.07, (
                f"At epsilon {epsilon:g}, the mean AUC of the {attack} is {wanted[i]:.3f}, and {row[i]:.3f} in your table. "
                "Are members, non-members and your population three different groups, and is the width chosen each time?"
            )


# %% tags=["hidden-test"] points=2
def test_safe(student, variant):
    got, right = number(student.value("safe_epsilon"), "safe_epsilon"), reference_rehearsals(variant)
    epsilons, max_auc = np.array(variant.constants["epsilons"]), variant.constants["max_auc"]
    by_nearest = epsilons[right[:, 0] <= max_auc].max()
    # Where the mean is so close to what is acceptable that chance decides, both answers are right.
    accepted = {epsilons[right.max(axis=1) <= max_auc + shift].max() for shift in (-0.015, 0, 0.015)}
    assert got in accepted or got != by_nearest, (
        f"That is what the nearest noisy code would say. At epsilon {got:g} the likelihood ratio finds more than is acceptable."
    )
    assert got >= min(accepted), f"At a larger epsilon than {got:g} the strongest attack is acceptable, too."
    assert got in accepted, f"At epsilon {got:g} the strongest attack finds more than is acceptable."


# %% [markdown] tags=["question"] name="everybody" title="7. Against everybody?" section="notebooks/attacking_release.html#on-images"
# ## 7. Against everybody? (2 points)
#
# At your `safe_epsilon`, not even the likelihood ratio finds more than is acceptable. What follows? Answer with a letter.
#
# - **A.** {{everybody_a}}
# - **B.** {{everybody_b}}
# - **C.** {{everybody_c}}
# - **D.** {{everybody_d}}

# %%
everybody = "{{everybody}}"  # SOLUTION


# %% tags=["public-test"]
def test_everybody_form(student, variant):
    letter(student.value("everybody"), "everybody")


# %% tags=["hidden-test"] points=2
def test_everybody(student, variant):
    assert letter(student.value("everybody"), "everybody") == variant.hidden["solution"]["everybody"], (
        "That does not follow. For whom is the likelihood ratio the best attack, and what does the guarantee bound?"
    )
