# %% [markdown] tags=["limits"] not_to_use="vaeprivacy"
# # Metric privacy
#
# A code is a point of the latent space. Noise that satisfies $\varepsilon$-metric privacy makes codes harder to tell
# apart the closer they are. You prove that one kind of noise does, draw it, and show of three programs that claim it
# that they are wrong.
#
# Your parameters are $\varepsilon$ = {{epsilon}} per unit of Euclidean distance and, for the ball to which codes are
# clipped, the radius $R$ = {{radius}}; codes have $d$ = 3 dimensions.
#
# You may use NumPy and SciPy; it is noted if you use the package `vaeprivacy`. Replace each `...` by your answer, keep the
# names, and run `vaeprivacy course check` on this file as often as you like: it runs the tests that you may see. The
# grade also has others. Tests of random numbers are wrong about a right answer in at most one of 10,000 cases.

# %%
import numpy as np

# {{parameters}}

# %% tags=["helper"]
import numpy as np
import torch
from scipy import stats

from vaeprivacy.course.grading import array, number
from vaeprivacy.course.sandbox import Seed
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.mechanisms.laplace import EuclideanLaplace

DIMENSION = 3
FALSE_ALARM = 1e-4  # of all statistical tests of one question together
KINDS = ("coordinates", "length", "scale", "late clip", "box", "seed")


def ask_noise(student, n, dimension, epsilon, seed):
    """Return noise that the student's function draws, checked for its shape."""
    got = student.call("euclidean_laplace", n, dimension, epsilon, Seed(seed))
    return array(got, "euclidean_laplace", shape=(n, dimension))


def ask_kind(student, letter):
    """Return the kind of mistake that the student names, without a full stop or quotation marks around it."""
    return str(student.value(f"kind_{letter}")).strip(" \t\n.'\"`").lower()


# %% tags=["teacher"]
CLIP = "    code = code * min(1.0, radius / max(np.linalg.norm(code), 1e-12))\n"
DIRECTION = "    direction = rng.normal(size=len(code))\n    direction /= np.linalg.norm(direction)\n"
GAMMA = "rng.gamma(len(code), 1 / epsilon)"
BODIES = {
    "coordinates": f"{CLIP}    return code + rng.laplace(scale=1 / epsilon, size=len(code))",
    "length": f"{CLIP}{DIRECTION}    return code + rng.exponential(1 / epsilon) * direction",
    "scale": f"{CLIP}{DIRECTION}    length = {GAMMA}\n    return code + length * direction / len(code)",
    "late clip": (
        f"{DIRECTION}    noisy = code + {GAMMA} * direction\n"
        "    return noisy * min(1.0, radius / np.linalg.norm(noisy))"
    ),
    "box": f"    code = np.clip(code, -radius, radius)\n{DIRECTION}    return code + {GAMMA} * direction",
    "seed": f"{CLIP}    rng = np.random.default_rng(7)\n{DIRECTION}    return code + {GAMMA} * direction",
}
N_OUTPUTS = 10_000


def mechanism_code(letter, kind):
    """Return the code of a wrong mechanism."""
    return f"def mechanism_{letter}(code, epsilon, radius, rng):\n{BODIES[kind]}"


def mechanism_of(kind):
    """Return a wrong mechanism as a function."""
    namespace = {"np": np}
    exec(mechanism_code("x", kind), namespace)
    return namespace["mechanism_x"]


def outputs_of(kind, code, variant, rng):
    """Return many outputs of a wrong mechanism for one code, each from a call of its own."""
    mechanism, constants = mechanism_of(kind), variant.constants
    draws = [mechanism(code, constants["epsilon"], constants["radius"], rng) for _ in range(N_OUTPUTS)]
    return np.array(draws)


WITNESSES = {  # for each kind: two codes, and a set of outputs
    "coordinates": ("(-np.ones(3) / 3**0.5, np.ones(3) / 3**0.5)", "(outputs < -(3**-0.5)).all(axis=1)"),
    "length": ("(np.zeros(3), np.array([1.0, 0, 0]))", "np.linalg.norm(outputs, axis=1) < 0.1 / epsilon"),
    "scale": ("(np.array([-1.0, 0, 0]), np.array([1.0, 0, 0]))", "outputs[:, 0] < -1"),
    "late clip": ("(np.array([-99.0, 0, 0]), np.array([99.0, 0, 0]))", "outputs[:, 0] < 0"),
    "box": ("(-np.ones(3), np.ones(3))", "outputs.sum(axis=1) < -3"),
    "seed": (
        "(np.zeros(3), np.array([1.0, 0, 0]))",
        "np.linalg.norm(outputs - mechanism_{letter}(np.zeros(3), epsilon, radius, None), axis=1) < 1e-9",
    ),
}


def make(public, secret):
    """Draw the parameters, and which mistakes the three mechanisms make."""
    epsilon, kinds = float(public.choice([0.8, 0.9, 1.0, 1.1, 1.2])), public.permutation(KINDS)[:3].tolist()
    constants = {"epsilon": epsilon, "radius": 1.0, "parameters": f"epsilon, radius = {epsilon}, 1.0"}
    solution = {}
    for letter, kind in zip("abc", kinds, strict=True):
        codes, event = WITNESSES[kind]
        constants[f"mechanism_{letter}"] = mechanism_code(letter, kind)
        solution |= {f"kind_{letter}": kind, f"codes_{letter}": codes}
        solution[f"event_{letter}"] = f"return {event.replace('{letter}', letter)}"
    return {"constants": constants, "hidden": {"solution": solution}}


def check_kind(student, variant, letter):
    """Compare the kind of mistake with the one that was planted."""
    right, got = variant.hidden["solution"][f"kind_{letter}"], ask_kind(student, letter)
    assert got == right, f"The mistake of mechanism {letter} is of another kind than {got!r}."


def check_witness(student, variant, letter):
    """Draw outputs for both codes of a witness; the set must refute the promise beyond chance."""
    kind, rng = variant.hidden["solution"][f"kind_{letter}"], variant.rng(f"witness {letter}")
    codes = array(student.value(f"codes_{letter}"), f"codes_{letter}", shape=(2, DIMENSION))
    outputs = np.concatenate([outputs_of(kind, code, variant, rng) for code in codes])
    # Asked once about a mix of both, the set cannot depend on the code that outputs come from.
    order = rng.permutation(2 * N_OUTPUTS)
    got = array(student.call(f"event_{letter}", outputs[order]), f"event_{letter}", shape=(2 * N_OUTPUTS,)).astype(bool)
    hits = [int(got[which].sum()) for which in (order < N_OUTPUTS, order >= N_OUTPUTS)]
    low, high = (stats.binomtest(hit, N_OUTPUTS).proportion_ci(1 - FALSE_ALARM) for hit in hits)
    radius = variant.constants["radius"]
    clipped = codes * np.minimum(1, radius / np.maximum(np.linalg.norm(codes, axis=1), 1e-12))[:, None]
    factor = np.exp(variant.constants["epsilon"] * np.linalg.norm(clipped[0] - clipped[1]))
    assert low.low > factor * high.high, (
        f"In {N_OUTPUTS:,} outputs for each code, the set of event_{letter} was hit {hits[0]:,} times for the first and "
        f"{hits[1]:,} times for the second. The promise allows a factor of {factor:.2f}: it is not refuted beyond chance."
        f"{' The other way round it is: exchange the two codes.' if high.low > factor * low.high else ''}"
    )


# %% [markdown] tags=["question"] name="proof" title="1. A proof" section="notebooks/metric_privacy.html#noise-that-satisfies-it" by_hand=6
# ## 1. A proof (6 points, graded by a person)
#
# Let $M(u) = u + Z$, where $Z$ has a density proportional to $e^{-\varepsilon \lVert z \rVert}$. Prove that $M$ has
# $\varepsilon$-metric privacy for the Euclidean distance, and that it has it for no smaller $\varepsilon$. Then say in
# one sentence why the same proof does not work for normal noise. Write below the mark, and leave the mark in place.

# %% [markdown]
# <!-- answer: proof -->
#
# <!-- BEGIN SOLUTION -->
# The density of $M(u)$ at $w$ is $f(w - u)$. By the triangle inequality
# $\lVert w - u' \rVert \le \lVert w - u \rVert + \lVert u - u' \rVert$, so
# $f(w - u) / f(w - u') = e^{\varepsilon (\lVert w - u' \rVert - \lVert w - u \rVert)} \le
# e^{\varepsilon \lVert u - u' \rVert}$; the constant of the density cancels. Integration over a set $S$ of outputs gives
# $P[M(u) \in S] \le e^{\varepsilon \lVert u - u' \rVert} P[M(u') \in S]$.
#
# For $w$ on the line through $u'$ and $u$, beyond $u$, the triangle inequality is an equality. Small balls around such a
# point have ratios as near to the factor as one likes, so no smaller $\varepsilon$ will do.
#
# For normal noise the exponent is the difference of *squared* distances, which has no bound as $w$ goes away.
# <!-- END SOLUTION -->

# %% [markdown] tags=["rubric"]
# | points | for |
# |---|---|
# | 1 | the ratio of the densities at one output, with the constants cancelled |
# | 2 | the triangle inequality, in the direction that is needed |
# | 1 | from densities to sets of outputs, by integration |
# | 1 | tightness: outputs beyond $u$ on the line, and small sets around them (not single points, which have probability 0) |
# | 1 | normal noise: the exponent has squares, and the ratio no bound |
#
# Take no points off for proofs in one dimension that say how they generalise. A proof by simulation gets none.

# %% [markdown] tags=["question"] name="noise" title="2. The noise" section="notebooks/mechanisms.html"
# ## 2. The noise (6 points)
#
# Draw noise with density proportional to $e^{-\varepsilon \lVert z \rVert}$ in any dimension $d$. Written as length times
# direction, its length has a Gamma distribution with shape $d$ and scale $1/\varepsilon$, and its direction is uniform on
# the sphere and independent of the length. All random numbers must come from `rng`.


# %%
def euclidean_laplace(n, dimension, epsilon, rng):
    """Return n noise vectors, shape (n, dimension); `rng` is a numpy.random.Generator."""
    # BEGIN SOLUTION
    direction = rng.normal(size=(n, dimension))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * rng.gamma(dimension, 1 / epsilon, size=(n, 1))
    # END SOLUTION


# %% tags=["helper"]
LENGTH = ("mean length", "variance of length", "distribution of length", "zeros")
DIRECTION_OF = ("mean direction", "roundness", "rank")
SETTINGS = ((2, 0.5), (5, 3.0))


def smallest_p(student, variant, names):
    """Return the smallest p-value of some statistics, over draws in two dimensions and with two epsilons."""
    found = []
    for dimension, epsilon in SETTINGS:
        seed = int(variant.rng(f"noise {dimension}").integers(2**31))
        noise = torch.tensor(ask_noise(student, 5000, dimension, epsilon, seed))
        assert torch.isfinite(noise).all(), "Noise must be finite."
        p = noise_p_values(noise, EuclideanLaplace(epsilon))
        found += [(p[name], name, dimension) for name in names]
    return min(found)


# %% tags=["public-test"] points=1
def test_noise_public(student, variant):
    lengths = np.linalg.norm(ask_noise(student, 4000, 4, 2.0, 1), axis=1)
    # The mean of 4,000 lengths from Gamma(4, 1/2) has a standard deviation of 1 / sqrt(4,000); 5 of them, p < 1e-6.
    assert abs(lengths.mean() - 2) < 5 / 4000**0.5, (
        f"For d = 4, epsilon = 2 the mean length is 2, not {lengths.mean():.2f}."
    )


# %% tags=["hidden-test"] points=2
def test_noise_length(student, variant):
    p, name, dimension = smallest_p(student, variant, LENGTH)
    assert p > FALSE_ALARM / 22, f"The length does not have its law in {dimension} dimensions ({name}: p = {p:.1g})."


# %% tags=["hidden-test"] points=2
def test_noise_direction(student, variant):
    names = (*DIRECTION_OF, "next length", "next direction", "length and direction", "repeated rows")
    p, name, dimension = smallest_p(student, variant, names)
    assert p > FALSE_ALARM / 22, (
        f"In {dimension} dimensions the direction is not uniform, or the vectors are not independent ({name}: p = {p:.1g})."
    )


# %% tags=["hidden-test"] points=1
def test_noise_seed(student, variant):
    seed = int(variant.rng("seed").integers(2**31))
    first, again, other = (ask_noise(student, 5, 3, 1.0, each) for each in (seed, seed, seed + 1))
    assert not (first == other).any(), "With another generator the noise is the same: use `rng`, and make no other."
    assert (first == again).all(), "The same generator must give the same noise: all random numbers come from `rng`."


# %% [markdown]
# ## Three programs that are wrong
#
# Each program below claims: *the code is clipped to the ball of radius $R$, then noise is added, and for any two codes
# $u$, $v$ and any set $S$ of outputs $P[M(u) \in S] \le e^{\varepsilon \lVert c(u) - c(v) \rVert} P[M(v) \in S]$*, where
# $c$ is the clip to the ball. Each makes one mistake, of one of these kinds:
#
# | kind | what is wrong |
# |---|---|
# | `coordinates` | each coordinate gets noise of its own, which suits another distance |
# | `length` | the length of the noise has the wrong distribution |
# | `scale` | the noise is too small for the dimension |
# | `late clip` | the clip comes after the noise, where it is too late |
# | `box` | the clip leaves codes outside of the ball |
# | `seed` | the noise is the same each time |
#
# For each program name the kind, and give a *witness*: two codes $u$, $v$ (3 numbers each) and a set $S$ of outputs, as
# a function, that break the promise. The grader draws 10,000 outputs for each code, one call each, and asks whether
# $P[M(u) \in S]$ exceeds what the promise allows, beyond chance. Try that yourself first. Your function is asked once about
# the outputs of both codes, in random order: whether an output is in $S$ must depend on that output alone.


# %% tags=["helper"]
def check_form(student, letter):
    """Look at the form of a witness, not at what it shows."""
    got = ask_kind(student, letter)
    assert got in KINDS, f"kind_{letter} must be one of the kinds of the table, not {got!r}."
    array(student.value(f"codes_{letter}"), f"codes_{letter}", shape=(2, DIMENSION))
    outputs = np.random.default_rng(1).normal(size=(20, DIMENSION))
    got = array(student.call(f"event_{letter}", outputs), f"event_{letter}", shape=(20,))
    again = array(student.call(f"event_{letter}", outputs[9::-1]), f"event_{letter}", shape=(10,))
    assert (got[9::-1] == again).all(), f"event_{letter} must judge each output on its own; yours looks at others, too."


# %% [markdown] tags=["question"] name="mechanism_a" title="3. Mechanism A" section="notebooks/audit.html"
# ## 3. Mechanism A (3 points)

# %%
# {{mechanism_a}}

# %%
kind_a = "{{kind_a}}"  # SOLUTION
codes_a = {{codes_a}}  # SOLUTION


def event_a(outputs):
    """Return for each output, shape (n, 3), whether it is in the set, shape (n,), bool."""
    # BEGIN SOLUTION
    # {{event_a}}
    # END SOLUTION


# %% tags=["public-test"]
def test_form_a(student, variant):
    check_form(student, "a")


# %% tags=["hidden-test"] points=1
def test_kind_a(student, variant):
    check_kind(student, variant, "a")


# %% tags=["hidden-test"] points=2
def test_witness_a(student, variant):
    check_witness(student, variant, "a")


# %% [markdown] tags=["question"] name="mechanism_b" title="4. Mechanism B" section="notebooks/audit.html"
# ## 4. Mechanism B (3 points)

# %%
# {{mechanism_b}}

# %%
kind_b = "{{kind_b}}"  # SOLUTION
codes_b = {{codes_b}}  # SOLUTION


def event_b(outputs):
    """Return for each output, shape (n, 3), whether it is in the set, shape (n,), bool."""
    # BEGIN SOLUTION
    # {{event_b}}
    # END SOLUTION


# %% tags=["public-test"]
def test_form_b(student, variant):
    check_form(student, "b")


# %% tags=["hidden-test"] points=1
def test_kind_b(student, variant):
    check_kind(student, variant, "b")


# %% tags=["hidden-test"] points=2
def test_witness_b(student, variant):
    check_witness(student, variant, "b")


# %% [markdown] tags=["question"] name="mechanism_c" title="5. Mechanism C" section="notebooks/audit.html"
# ## 5. Mechanism C (3 points)

# %%
# {{mechanism_c}}

# %%
kind_c = "{{kind_c}}"  # SOLUTION
codes_c = {{codes_c}}  # SOLUTION


def event_c(outputs):
    """Return for each output, shape (n, 3), whether it is in the set, shape (n,), bool."""
    # BEGIN SOLUTION
    # {{event_c}}
    # END SOLUTION


# %% tags=["public-test"]
def test_form_c(student, variant):
    check_form(student, "c")


# %% tags=["hidden-test"] points=1
def test_kind_c(student, variant):
    check_kind(student, variant, "c")


# %% tags=["hidden-test"] points=2
def test_witness_c(student, variant):
    check_witness(student, variant, "c")


# %% [markdown] tags=["question"] name="guarantee" title="6. The guarantee" section="notebooks/metric_privacy.html#from-metric-privacy-to-a-promise-for-all-records"
# ## 6. The guarantee (4 points)
#
# The right mechanism clips codes to the ball of radius $R$ and adds Euclidean Laplace noise. With which exponent
# $\varepsilon'$ are two given codes indistinguishable, $P[M(u) \in S] \le e^{\varepsilon'} P[M(v) \in S]$? And any two
# codes whatever, if each record is released $k$ times with fresh noise? Give the smallest values that the theorems of
# the book allow.


# %%
def between(u, v, epsilon, radius):
    """Return the exponent for two codes, arrays of shape (d,)."""
    # BEGIN SOLUTION
    clipped = [code * min(1.0, radius / max(np.linalg.norm(code), 1e-12)) for code in (u, v)]
    return epsilon * np.linalg.norm(clipped[0] - clipped[1])
    # END SOLUTION


def any_two_records(epsilon, radius, releases):
    """Return the exponent for any two codes, after a number of releases."""
    # BEGIN SOLUTION
    return 2 * radius * epsilon * releases
    # END SOLUTION


# %% tags=["public-test"] points=1
def test_between_public(student, variant):
    got = number(student.call("between", np.array([1.0, 0.0]), np.array([0.0, 1.0]), 2.0, 4.0), "between")
    assert np.isclose(got, 8**0.5), f"Inside of the ball it is epsilon times the distance: 2.828 here, not {got:.3f}."


# %% tags=["hidden-test"] points=1
def test_between_clipped(student, variant):
    rng = variant.rng("between")
    for _ in range(3):
        u, v = rng.normal(size=3) + 5, 0.3 * rng.normal(size=3)
        got = number(student.call("between", u, v, 0.7, 2.0), "between")
        right = 0.7 * np.linalg.norm(u * 2 / np.linalg.norm(u) - v * min(1, 2 / np.linalg.norm(v)))
        assert np.isclose(got, right), "A code outside of the ball is clipped first, and the distance is Euclidean."


# %% tags=["hidden-test"] points=2
def test_any_two(student, variant):
    rng = variant.rng("any two")
    epsilon, radius = round(rng.uniform(0.2, 2), 2), round(rng.uniform(1, 6), 2)
    got = number(student.call("any_two_records", epsilon, radius, 1), "any_two_records")
    assert not np.isclose(got, radius * epsilon), "Two codes in the ball can be further apart than R: how far?"
    assert np.isclose(got, 2 * radius * epsilon), "For one release it is not the exponent of the two furthest codes."
    got = number(student.call("any_two_records", epsilon, radius, 3), "any_two_records")
    assert np.isclose(got, 6 * radius * epsilon), "Releases with fresh noise add up (composition)."
