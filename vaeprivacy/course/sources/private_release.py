# %% [markdown] tags=["limits"] load_seconds=120 total_seconds=240 not_to_use="vaeprivacy.course"
# # A release of your own
#
# You hold 400 private records and want to publish synthetic ones in their place, for others to train a classifier of
# digits on. You build the framework, measure for several $\varepsilon$ what the release is good for and what it gives
# away, choose one, and say what you promise.
#
# The file `records.npz` is yours alone. It holds, as pixels from 0 to 1 and labels,
#
# - `private_x` (400 x 64) and `private_y`: the records behind the release, its *members*,
# - `other_x` (400 x 64) and `other_y`: records of the same source that are in no release, the *non-members*,
# - `test_x` and `test_y`: more of them, to measure accuracy on,
# - `mean`, `encoder` and `decoder`: a VAE with linear networks and {{dimension}} latent dimensions. It was trained on
#   public records, so it knows nothing of yours. Before it is clipped, the code of a record $x$ is
#   $(x - \text{mean}) \cdot \text{encoder}$.
#
# Your parameters are the epsilons to try, {{epsilon_list}}, the radius $R$ = {{radius}} of the ball to which codes are
# clipped, and what you accept of an attack: an AUC of {{max_auc}}.
#
# You may use NumPy, SciPy, scikit-learn and the package `vaeprivacy`. Replace each `...` by your answer, keep the names,
# and run `vaeprivacy course check` on this file as often as you like: it runs the tests that you may see. The grade also
# has others, on data that you do not see. Tests of random numbers are wrong about a right answer in at most one of
# 10,000 cases. The whole file may run for 2 minutes; it needs a few seconds.

# %%
import numpy as np

# {{parameters}}
data = np.load("records.npz")
private_x, private_y = data["private_x"], data["private_y"]
other_x, other_y = data["other_x"], data["other_y"]
test_x, test_y = data["test_x"], data["test_y"]
vae = data["mean"], data["encoder"], data["decoder"]


def decode(codes, vae):
    """Return the records of codes, with pixels cut off at 0 and 1, shape (n, pixels)."""
    mean, _, decoder = vae
    return np.clip(mean + codes @ decoder, 0, 1)


# %% tags=["helper"]
import numpy as np
import torch

from vaeprivacy.course.grading import array, letter, number
from vaeprivacy.course.sandbox import Seed
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.metrics import auc as exact_auc

FALSE_ALARM = 1e-4  # of all statistical tests of one question together


def small_vae(rng, pixels=7, dimension=3):
    """Return a VAE whose decoder moves pixels so little that none is cut off: codes can be read from its records."""
    directions = np.linalg.qr(rng.normal(size=(pixels, dimension)))[0]
    return rng.uniform(0.4, 0.6, size=pixels), directions * 1e4, directions.T / 1e4


def ask_release(student, x, y, vae, epsilon, radius, seed):
    """Return the records and labels that the student's function releases, checked for their shapes."""
    got = student.call("release", x, y, vae, epsilon, radius, Seed(seed))
    assert isinstance(got, list) and len(got) == 2, "release must return two arrays: records and labels."
    records = array(got[0], "The released records", shape=x.shape)
    return records, array(got[1], "The released labels", shape=y.shape)


# %% tags=["teacher"]
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from vaeprivacy.course.linear_vae import LinearVAE, with_noise
from vaeprivacy.course.variants import letter_options

N = 400
PROMISES = [
    "It is about the features of your records. Labels, and how much the choice of epsilon gives away, are not covered.",
    "It is about both features and labels, since every row of the release has both, and only the whole is published.",
    "It is that no attack on the release has an AUC above what you accept, since you measured that with an interval.",
    "It is about the attack by which you chose epsilon. Against another attack you would have to choose again.",
]


def nearest(release_x, release_y, x, y):
    """Return minus the distance to the nearest synthetic record of the same label."""
    return -np.where(y[:, None] == release_y, cdist(x, release_x), np.inf).min(axis=1)


def make(public, secret):
    """Draw records, VAE, parameters, a pair of records and the order of the options."""
    x, y = load_digits(return_X_y=True)
    order = public.permutation(len(x))
    x, y = x[order] / 16, y[order]
    dimension = int(public.integers(8, 11))
    radius, base = round(dimension**0.5, 1), float(public.choice([0.9, 1.0, 1.1]))
    epsilons, max_auc = [round(base * 2**i, 1) for i in range(6)], 0.65
    parts = dict(
        zip(("private", "other", "public", "test"), np.split(np.arange(len(x)), [N, 2 * N, 3 * N]), strict=True)
    )
    vae = LinearVAE.fit(x[parts["public"]], dimension=dimension, radius=radius)
    arrays = {
        f"{name}_{part}": values[parts[name]]
        for name in ("private", "other", "test")
        for part, values in zip("xy", (x, y), strict=True)
    }
    arrays |= vae.arrays()
    # A pair of records of the same label, of which one is clipped.
    far = np.linalg.norm((x[:N] - vae.mean) @ vae.encoder, axis=1) > 1.1 * radius
    first = int(public.choice(np.flatnonzero(far)))
    second = int(public.choice(np.flatnonzero(~far & (y[:N] == y[first]))))
    constants, what_promised = letter_options(public, "promise", PROMISES)
    constants |= {"dimension": dimension, "radius": radius, "epsilons": epsilons, "max_auc": max_auc}
    constants |= {"first": first, "second": second, "epsilon_list": ", ".join(f"{each:g}" for each in epsilons)}
    constants["parameters"] = f"epsilons, radius, max_auc = {epsilons}, {radius}, {max_auc}"
    hidden = {"solution": {"what_promised": what_promised}}
    return {"constants": constants, "files": {"records.npz": arrays}, "hidden": hidden}


def reference_table(variant):
    """Return accuracy and AUC for each epsilon, means over two releases; computed once for a variant."""
    if "table" not in variant.hidden:
        rng = variant.rng("reference table")
        rows = [[measured(variant, epsilon, rng) for _ in range(2)] for epsilon in variant.constants["epsilons"]]
        variant.hidden["table"] = np.mean(rows, axis=1)
    return variant.hidden["table"]


def measured(variant, epsilon, rng):
    """Return accuracy and AUC of one release."""
    data = variant.files["records.npz"]
    vae = LinearVAE.read(data, radius=variant.constants["radius"])
    x, y = data["private_x"], data["private_y"]
    release_x = vae.decode(with_noise(vae.encode(x), epsilon=epsilon, rng=rng))
    accuracy = LogisticRegression(max_iter=300).fit(release_x, y).score(data["test_x"], data["test_y"])
    candidates = np.concatenate([x, data["other_x"]]), np.concatenate([y, data["other_y"]])
    scores = nearest(release_x, y, vae.decode(vae.encode(candidates[0])), candidates[1])
    return accuracy, exact_auc(scores, np.arange(2 * N) < N).value


# %% [markdown] tags=["question"] name="encode" title="1. Encode and clip" section="notebooks/metric_privacy.html#from-metric-privacy-to-a-promise-for-all-records"
# ## 1. Encode and clip (3 points)
#
# Return the codes of records, clipped to the ball of radius $R$: a code outside of it is moved to the ball's surface,
# towards the origin; the others stay as they are. (`vae` holds mean, encoder and decoder.)


# %%
def encode(x, vae, radius):
    """Return clipped codes, shape (n, dimension), of records of shape (n, pixels)."""
    # BEGIN SOLUTION
    mean, encoder, _ = vae
    codes = (x - mean) @ encoder
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    return codes * np.minimum(1, radius / np.maximum(lengths, 1e-12))
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_encode_public(student, variant):
    vae = np.array([0.5, 0.5]), np.eye(2) * 10, np.eye(2) / 10
    got = array(student.call("encode", np.array([[0.6, 0.5]]), vae, 2.0), "encode", shape=(1, 2))
    assert np.allclose(got, [[1, 0]]), f"The code (1, 0) lies in the ball of radius 2 and stays; yours is {got[0]}."


# %% tags=["hidden-test"] points=2
def test_encode_hidden(student, variant):
    rng = variant.rng("encode")
    vae, radius = small_vae(rng), 2.0
    codes = rng.normal(size=(40, 3)) * 2
    codes[0] = 0
    x = vae[0] + codes @ vae[2]
    got = array(student.call("encode", x, vae, radius), "encode", shape=(40, 3))
    assert np.isfinite(got).all(), "The code of a record can be zero, and must not be divided by its length then."
    assert not np.allclose(got, codes), "Codes outside of the ball are not clipped."
    assert not np.allclose(got, np.clip(codes, -radius, radius)), (
        "This clips to a box: its corners are not in the ball."
    )
    assert np.allclose(got, LinearVAE(*vae, radius).encode(x)), (
        "The codes are not the right ones: encode first, then clip the code."
    )


# %% [markdown] tags=["question"] name="release" title="2. Release" section="notebooks/framework.html#encode-clip-perturb-decode"
# ## 2. Release (5 points)
#
# Encode and clip the records, add Euclidean Laplace noise to the codes (as in *Metric privacy*), decode, and shuffle the
# rows. Each synthetic record keeps the label of its original. All random numbers come from `rng`.


# %%
def release(x, y, vae, epsilon, radius, rng):
    """Return synthetic records, shape (n, pixels), and their labels, shape (n,)."""
    # BEGIN SOLUTION
    codes = encode(x, vae, radius)
    direction = rng.normal(size=codes.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = rng.gamma(codes.shape[1], 1 / epsilon, size=(len(codes), 1))
    order = rng.permutation(len(codes))
    return decode(codes + length * direction, vae)[order], y[order]
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_release_form(student, variant):
    data, constants = variant.files["records.npz"], variant.constants
    vae = data["mean"], data["encoder"], data["decoder"]
    x, y = data["private_x"][:50], data["private_y"][:50]
    records, labels = ask_release(student, x, y, vae, constants["epsilons"][2], constants["radius"], 1)
    assert (records >= 0).all() and (records <= 1).all(), "Pixels lie between 0 and 1: decode the noisy codes."
    assert sorted(labels) == sorted(y), "The release must have the labels of the records."


# %% tags=["helper"]
NOISE = ("mean length", "variance of length", "distribution of length", "mean direction", "roundness", "rank", "zeros")


# %% tags=["hidden-test"] points=2
def test_release_noise(student, variant):
    rng = variant.rng("noise")
    vae, code, epsilon = small_vae(rng), np.array([0.6, 0.0, -0.8]), 1.5
    x, seed = np.tile(vae[0] + code @ vae[2], (4000, 1)), int(rng.integers(2**31))
    records, _ = ask_release(student, x, np.zeros(4000, int), vae, epsilon, 3.0, seed)
    noise = (records - vae[0]) @ vae[1] - code
    assert np.abs(noise).max() > 1e-3, "The codes have no noise."
    found = noise_p_values(torch.tensor(noise), EuclideanLaplace(epsilon))
    p, name = min((found[name], name) for name in NOISE)
    assert p > FALSE_ALARM / len(NOISE), (
        f"The noise of the codes does not have the law that is asked for ({name}: p = {p:.1g})."
    )


# %% tags=["hidden-test"] points=2
def test_release_rows(student, variant):
    rng = variant.rng("rows")
    vae, labels = small_vae(rng), rng.permutation(300)
    codes = rng.normal(size=(300, 3)) * 3
    # With this epsilon there is hardly any noise: each synthetic record is the portrait of one original.
    x, seed = vae[0] + codes @ vae[2], int(rng.integers(2**31))
    records, kept = ask_release(student, x, labels, vae, 1e5, 2.5, seed)
    found, originals = (records - vae[0]) @ vae[1], LinearVAE(*vae, 2.5).encode(x)
    row_of = cdist(found, originals).argmin(axis=1)
    assert np.abs(found - originals[row_of]).max() < 0.01, (
        "With an epsilon of 100,000 there is hardly any noise, but the codes behind your records are not the clipped ones."
    )
    assert (labels[row_of] == kept).all(), "Records and labels are no longer in the same order."
    assert (row_of != np.arange(300)).mean() > 0.9, (
        "The rows are not shuffled: their order tells which record is whose."
    )


# %% [markdown] tags=["question"] name="utility" title="3. What it is good for" section="notebooks/framework.html#training-on-the-release"
# ## 3. What it is good for (3 points)
#
# Train a classifier on a release (a logistic regression will do), and return its accuracy on real test records.


# %%
def utility(release_x, release_y, test_x, test_y):
    """Return the accuracy on test records of a classifier that was trained on a release, one number."""
    # BEGIN SOLUTION
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(release_x, release_y).score(test_x, test_y)
    # END SOLUTION


# %% tags=["helper"]
def draw_clusters(rng, n):
    """Return records in three places far apart, and which place each is at."""
    place = rng.integers(3, size=n)
    return np.eye(3)[place] + 0.02 * rng.normal(size=(n, 3)), place


# %% tags=["public-test"] points=1
def test_utility_public(student, variant):
    rng = np.random.default_rng(1)
    (x, y), (test_x, test_y) = draw_clusters(rng, 90), draw_clusters(rng, 60)
    got = number(student.call("utility", x, y, test_x, test_y), "utility")
    assert np.isclose(got, 1), f"Here all test records can be classified: the accuracy is 1, and not {got:.2f}."


# %% tags=["hidden-test"] points=2
def test_utility_hidden(student, variant):
    rng = variant.rng("utility")
    (x, y), (test_x, place) = draw_clusters(rng, 150), draw_clusters(rng, 200)
    # Labels of test records that agree with those of the release in a fifth of the cases, and half of which are others.
    test_y = (place + np.repeat([0, 1, 2], [40, 100, 60])) % 3
    got = number(student.call("utility", x, y, test_x, test_y), "utility")
    assert not np.isclose(got, 1), "This is the accuracy on the release itself; measure it on the test records."
    assert not np.isclose(got, 0.8), "This is the share of records that are wrongly classified."
    assert not np.isclose(got, 0.5), "Train on the release and measure on the test records, not the other way round."
    assert np.isclose(got, 0.2), f"On other records the accuracy is 0.2, and not {got:.2f}."


# %% [markdown] tags=["question"] name="leakage" title="4. What it gives away" section="notebooks/framework.html#the-adversary-that-reads-the-release"
# ## 4. What it gives away (4 points)
#
# Attack a release as an adversary does who has encoder and decoder: decode the clipped code of each candidate *without
# noise*, and score the candidate by minus the Euclidean distance to the nearest synthetic record **of the same label**.
# Return the AUC and the ends of its 95% interval, by your `auc_interval` of *Measure a leak* or by
# `vaeprivacy.metrics.auc`, which returns all three.


# %%
def leakage(release_x, release_y, x, y, is_member, vae, radius):
    """Return AUC, lower end and upper end, of an attack on candidates x, y (members where is_member is True)."""
    # BEGIN SOLUTION
    from vaeprivacy.metrics import auc

    portraits = decode(encode(x, vae, radius), vae)
    scores = [
        -np.linalg.norm(release_x[release_y == label] - p, axis=1).min() for p, label in zip(portraits, y, strict=True)
    ]
    found = auc(scores, is_member)
    return found.value, found.low, found.high
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_leakage_public(student, variant):
    vae = np.array([0.5, 0.5]), np.eye(2) * 10, np.eye(2) / 10
    x, y = np.array([[0.5, 0.5], [0.6, 0.5], [0.5, 0.4], [0.3, 0.3]]), np.zeros(4, int)
    release_x, is_member = np.array([[0.5, 0.51], [0.6, 0.52]]), np.array([True, True, False, False])
    got = array(student.call("leakage", release_x, np.zeros(2, int), x, y, is_member, vae, 5.0), "leakage", shape=(3,))
    assert np.isclose(got[0], 1), f"Here both members lie nearer to the release: the AUC is 1, and not {got[0]:.2f}."
    assert got[1] <= got[0] <= got[2], "leakage must return the AUC, then the lower and the upper end of its interval."


# %% tags=["hidden-test"] points=3
def test_leakage_hidden(student, variant):
    data, radius, rng = variant.files["records.npz"], variant.constants["radius"], variant.rng("leakage")
    vae = data["mean"], data["encoder"], data["decoder"]
    known = LinearVAE(*vae, radius)
    x, y = (np.concatenate([data[f"private_{part}"][:150], data[f"other_{part}"][:150]]) for part in "xy")
    order = rng.permutation(300)
    x, y, is_member = x[order], y[order], order < 150
    release_x, release_y = known.decode(with_noise(known.encode(x[is_member]), epsilon=6.0, rng=rng)), y[is_member]
    value = student.call("leakage", release_x, release_y, x, y, is_member, vae, radius)
    got, low, high = array(value, "leakage", shape=(3,))
    portraits = known.decode(known.encode(x))
    right, raw, unlabelled = (
        exact_auc(scores, is_member)
        for scores in (
            nearest(release_x, release_y, portraits, y),
            nearest(release_x, release_y, x, y),
            nearest(release_x, 0 * release_y, portraits, 0 * y),
        )
    )
    assert not np.isclose(got, raw.value), "Compare what the VAE makes of a candidate, not the candidate itself."
    assert not np.isclose(got, unlabelled.value), "Only synthetic records of the candidate's label may be its portrait."
    assert not np.isclose(got, 1 - right.value), "Members get the lower scores: a small distance must be a high score."
    assert np.isclose(got, right.value), f"On another release the AUC is {right.value:.3f}, and not {got:.3f}."
    ratio = (high - low) / (right.high - right.low)
    assert low < got < high and 0.87 < ratio < 1.13, (
        f"The AUC is right, but its interval has {ratio:.2f} times the right width."
    )


# %% [markdown] tags=["question"] name="table" title="5. Over epsilon" section="notebooks/epsilon_sweep.html#leakage"
# ## 5. Over epsilon (4 points)
#
# For each of your epsilons, in their order, release the 400 private records, and put into one row of `table` the
# utility on the test records, the AUC of the attack on all 800 candidates, and the two ends of its interval.

# %%
# Release, train and attack for each epsilon.
# BEGIN SOLUTION
rng = np.random.default_rng(1)
x, y = np.concatenate([private_x, other_x]), np.concatenate([private_y, other_y])
is_member = np.arange(800) < 400
rows = []
for epsilon in epsilons:
    release_x, release_y = release(private_x, private_y, vae, epsilon, radius, rng)
    useful = utility(release_x, release_y, test_x, test_y)
    rows.append([useful, *leakage(release_x, release_y, x, y, is_member, vae, radius)])
# END SOLUTION

# %%
table = np.array(rows)  # SOLUTION


# %% tags=["helper"]
def ask_table(student, variant):
    """Return the student's table, checked for its form."""
    got = array(student.value("table"), "table", shape=(len(variant.constants["epsilons"]), 4))
    assert (got >= 0).all() and (got <= 1).all(), "All that stands in the table lies between 0 and 1."
    assert (got[:, 2] <= got[:, 1]).all() and (got[:, 1] <= got[:, 3]).all(), (
        "Each row has the utility, the AUC, and the lower and the upper end of its interval."
    )
    return got


# %% tags=["public-test"] points=1
def test_table_form(student, variant):
    ask_table(student, variant)


# %% tags=["hidden-test"] points=2
def test_table_leakage(student, variant):
    got, right = ask_table(student, variant), reference_table(variant)
    # From the largest epsilon, where mistakes are most plain.
    assert got[-1, 1] > 0.2, f"At the largest epsilon your AUC is {got[-1, 1]:.3f}: who is a member?"
    for epsilon, row, (_, auc) in zip(variant.constants["epsilons"][::-1], got[::-1], right[::-1], strict=True):
        assert abs(row[1] - auc) < 0.08, (
            f"At epsilon {epsilon:g} your AUC is {row[1]:.3f}; with other noise it is {auc:.3f}. Is each release attacked "
            "with the 400 records behind it as members, and in the order of the epsilons?"
        )
        width = row[3] - row[2]
        assert width < 0.15 and (width > 0.03 or auc > 0.9), (
            f"At epsilon {epsilon:g} the interval is {row[2]:.3f} to {row[3]:.3f}: is it that of 800 candidates?"
        )


# %% tags=["hidden-test"] points=1
def test_table_utility(student, variant):
    got, right = ask_table(student, variant), reference_table(variant)
    for epsilon, row, (accuracy, _) in zip(variant.constants["epsilons"], got, right, strict=True):
        # Room for chance: where there is much noise, right answers differ much.
        assert row[0] < accuracy + 0.3, (
            f"At epsilon {epsilon:g} your accuracy is {row[0]:.2f}, which is too good: is the classifier trained on the "
            "release, and on nothing else?"
        )
        assert row[0] > accuracy - 0.25 or epsilon < 3, (
            f"At epsilon {epsilon:g} your accuracy is {row[0]:.2f}; a logistic regression has {accuracy:.2f}."
        )


# %% [markdown] tags=["question"] name="choose" title="6. Choose" section="notebooks/choosing_epsilon.html#the-proposal"
# ## 6. Choose (4 points)
#
# An epsilon is *acceptable* if the **upper end** of the interval of its AUC is at most `max_auc`. Return the acceptable
# epsilon with the highest utility, or `None` if none is acceptable. Then apply your rule to your table.


# %%
def choose(epsilons, table, max_auc):
    """Return the epsilon to take, or None; the table has the columns of question 5."""
    # BEGIN SOLUTION
    acceptable = [(row[0], epsilon) for epsilon, row in zip(epsilons, table, strict=True) if row[3] <= max_auc]
    return max(acceptable)[1] if acceptable else None
    # END SOLUTION


# %%
chosen_epsilon = choose(epsilons, table, max_auc)  # SOLUTION


# %% tags=["helper"]
def draw_rows(rng, n):
    """Return a table of which the rows are in no order; every other interval has its AUC, but not its end, below
    0.65."""
    auc = np.where(np.arange(n) % 2, 0.64, rng.uniform(0.5, 0.6, n))
    return np.column_stack([rng.uniform(0.3, 0.6, n) + 0.3 * (np.arange(n) % 2), auc, auc - 0.04, auc + 0.04])


# %% tags=["public-test"] points=1
def test_choose_public(student, variant):
    table = np.array([[0.7, 0.52, 0.48, 0.56], [0.8, 0.58, 0.54, 0.62], [0.9, 0.64, 0.6, 0.68]])
    got = number(student.call("choose", [1.0, 2.0, 4.0], table, 0.65), "choose")
    assert got == 2, f"Of these three, epsilon 2 is the most useful with an interval that ends below 0.65, not {got:g}."


# %% tags=["hidden-test"] points=1
def test_choose_hidden(student, variant):
    rng = variant.rng("choose")
    for _ in range(3):
        table, epsilons = draw_rows(rng, 6), np.sort(rng.uniform(0.5, 20, 6)).tolist()
        got = number(student.call("choose", epsilons, table, 0.65), "choose")
        right = epsilons[max(range(0, 6, 2), key=lambda i: table[i, 0])]
        assert not np.isclose(got, epsilons[max(range(6), key=lambda i: table[i, 0])]), (
            "Your choice has an AUC that is acceptable, but the interval goes on above that."
        )
        assert np.isclose(got, right), "Of the acceptable epsilons take the most useful, which need not be the largest."


# %% tags=["hidden-test"] points=1
def test_choose_none(student, variant):
    table = draw_rows(variant.rng("none"), 4)
    assert student.call("choose", [1.0, 2.0, 4.0, 8.0], table, 1.0) is not None, "If some are acceptable, choose one."
    got = student.call("choose", [1.0, 2.0, 4.0, 8.0], table, 0.4)
    assert got is None, f"If none is acceptable, choose must return None, and not {got}."


# %% tags=["hidden-test"] points=1
def test_chosen(student, variant):
    got, table = number(student.value("chosen_epsilon"), "chosen_epsilon"), ask_table(student, variant)
    epsilons, max_auc = variant.constants["epsilons"], variant.constants["max_auc"]
    useful = np.where(table[:, 3] <= max_auc, table[:, 0], -1)
    assert useful.max() > 0, "By your table no epsilon is acceptable: look at question 5 again."
    right = epsilons[int(useful.argmax())]
    assert np.isclose(got, right), f"By the rule, your own table leads to epsilon {right:g}, and not {got:g}."


# %% [markdown] tags=["question"] name="promise" title="7. What you promise" section="notebooks/metric_privacy.html#what-an-adversary-can-make-of-it"
# ## 7. What you promise (5 points)
#
# For your `chosen_epsilon`, give four numbers, as small as the theorems of the book allow:
#
# - `pair_epsilon`: the exponent with which rows number {{first}} and {{second}} of `private_x` (counted from 0; both have
#   the same label) are indistinguishable after one release,
# - `pair_auc`: the most that the AUC of any attack can be that is to tell these two apart,
# - `any_two_epsilon`: the exponent for any two records whatever of the same label,
# - `three_releases_epsilon`: the same after three releases with fresh noise.

# %%
# Encode the two records.
# BEGIN SOLUTION
codes = encode(private_x[[{{first}}, {{second}}]], vae, radius)
# END SOLUTION

# %%
pair_epsilon = chosen_epsilon * np.linalg.norm(codes[0] - codes[1])  # SOLUTION
pair_auc = 1 / (1 + np.exp(-pair_epsilon))  # SOLUTION
any_two_epsilon = chosen_epsilon * 2 * radius  # SOLUTION
three_releases_epsilon = 3 * any_two_epsilon  # SOLUTION


# %% tags=["public-test"] points=1
def test_promise_form(student, variant):
    names = ("pair_epsilon", "pair_auc", "any_two_epsilon", "three_releases_epsilon")
    pair, auc, any_two, three = (number(student.value(name), name) for name in names)
    assert 0 < pair <= any_two <= three, (
        "The further apart the records, and the more releases, the larger the exponent."
    )
    assert 0.5 <= auc <= 1, "An AUC that bounds all attacks lies between 0.5 and 1."


# %% tags=["helper"]
def ask_chosen(student):
    """Return the epsilon that the student has chosen."""
    got = student.value("chosen_epsilon")
    assert got is not None, "The promise is about chosen_epsilon of question 6, which is None."
    return number(got, "chosen_epsilon")


# %% tags=["hidden-test"] points=2
def test_promise_pair(student, variant):
    data, constants, epsilon = variant.files["records.npz"], variant.constants, ask_chosen(student)
    vae = data["mean"], data["encoder"], data["decoder"]
    x = data["private_x"][[constants["first"], constants["second"]]]
    got = number(student.value("pair_epsilon"), "pair_epsilon")
    codes, radius = (x - vae[0]) @ vae[1], constants["radius"]
    right = epsilon * np.linalg.norm(np.subtract(*LinearVAE(*vae, radius).encode(x)))
    assert not np.isclose(got, epsilon * np.linalg.norm(codes[0] - codes[1])), (
        "One of the two codes lies outside of the ball: it is clipped before the noise is added."
    )
    assert not np.isclose(got, epsilon * np.linalg.norm(x[0] - x[1])), "Distances are those of codes, not of pixels."
    assert np.isclose(got, right), (
        f"For your epsilon of {epsilon:g} it is epsilon times the distance of the clipped codes."
    )
    got = number(student.value("pair_auc"), "pair_auc")
    assert np.isclose(got, 1 / (1 + np.exp(-right))), f"An exponent of {right:.3f} allows another AUC than {got:.3f}."


# %% tags=["hidden-test"] points=1
def test_promise_any_two(student, variant):
    epsilon, radius = ask_chosen(student), variant.constants["radius"]
    got = number(student.value("any_two_epsilon"), "any_two_epsilon")
    assert not np.isclose(got, epsilon * radius), "Two codes in the ball can be further apart than R: how far?"
    assert np.isclose(got, 2 * epsilon * radius), "any_two_epsilon is not the exponent of the two codes furthest apart."


# %% tags=["hidden-test"] points=1
def test_promise_releases(student, variant):
    epsilon, radius = ask_chosen(student), variant.constants["radius"]
    got = number(student.value("three_releases_epsilon"), "three_releases_epsilon")
    assert np.isclose(got, 6 * epsilon * radius), "Releases of the same records with fresh noise add up (composition)."


# %% [markdown] tags=["question"] name="what_promised" title="8. What it is about" section="notebooks/guarantee.html#who-is-compared-with-whom"
# ## 8. What it is about (2 points)
#
# Which sentence about the promise of your release is right? Answer with a letter.
#
# - **A.** {{promise_a}}
# - **B.** {{promise_b}}
# - **C.** {{promise_c}}
# - **D.** {{promise_d}}

# %%
what_promised = "{{what_promised}}"  # SOLUTION


# %% tags=["public-test"]
def test_what_promised_form(student, variant):
    letter(student.value("what_promised"), "what_promised")


# %% tags=["hidden-test"] points=2
def test_what_promised(student, variant):
    assert letter(student.value("what_promised"), "what_promised") == variant.hidden["solution"]["what_promised"], (
        "That is not what is promised. What goes through the noise, and what does not?"
    )


# %% [markdown] tags=["question"] name="letter" title="9. In plain words" section="notebooks/guarantee.html#what-no-sentence-here-covers" by_hand=4
# ## 9. In plain words (4 points, graded by a person)
#
# One of the people behind the private records asks: "You publish something that was made from my record. Can anybody find
# out that I am in it?" Answer with at most 120 words and without formulas, for your `chosen_epsilon`: what you measured,
# what you promise, and what neither of them covers. Write below the mark, and leave the mark in place.

# %% [markdown]
# <!-- answer: letter -->
#
# <!-- BEGIN SOLUTION -->
# Nobody can be sure that you are in it. I played somebody who owns our encoder and decoder and looks for the synthetic
# record nearest to yours: of a person who is in it and one who is not, that attacker picks the right one only little
# more often than by tossing a coin, with some uncertainty that I took into account. Better attacks exist, and
# tomorrow's may be better still. What holds against all of them is a promise about the noise: your record is hard to
# tell from a similar one. For two very different records it says almost nothing. Your label is published as it is, and if
# we publish again, the promise gets weaker each time.
# <!-- END SOLUTION -->

# %% [markdown] tags=["rubric"]
# | points | for |
# |---|---|
# | 1 | what was measured: one attack, its AUC in plain words (which of two), and that it has an interval |
# | 1 | what is promised: similar records are hard to tell apart, by whatever attack; little for very different ones |
# | 1 | what is not covered: two of labels, stronger attacks (for what was measured), further releases, the choice of epsilon |
# | 1 | no false comfort ("anonymous", "impossible"), no formula, at most 120 words |
#
# Take the second point off if the measurement is sold as the promise.
