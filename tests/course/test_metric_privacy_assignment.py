"""Answers to "Metric privacy": right ones written differently, and wrong ones that students write."""

import pytest
from course.answers import assignment_of, check_grade, each_answer, variant_of

from vaeprivacy.course.grading import grade_submission

ASSIGNMENT = "metric-privacy"
STUDENTS = ["0", "1", "2", "3"]
KINDS = ("coordinates", "length", "scale", "late clip", "box", "seed")

NOISE = {
    "a normal of random size": (6, """
def euclidean_laplace(n, dimension, epsilon, rng):
    size = np.sqrt(rng.chisquare(dimension + 1, size=(n, 1))) / epsilon
    return rng.normal(size=(n, dimension)) * size
"""),
    "a sum of exponentials": (6, """
def euclidean_laplace(n, d, epsilon, rng):
    rows = []
    for _ in range(n):
        v = rng.standard_normal(d)
        rows.append(v / np.sqrt((v**2).sum()) * rng.exponential(1 / epsilon, size=d).sum())
    return np.array(rows)
"""),
    "an exponential length": (3, """
def euclidean_laplace(n, d, epsilon, rng):
    v = rng.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * rng.exponential(1 / epsilon, size=(n, 1))
"""),
    "by coordinate": (1, """
def euclidean_laplace(n, d, epsilon, rng):
    return rng.laplace(scale=1 / epsilon, size=(n, d))
"""),
    "a cube": (4, """
def euclidean_laplace(n, d, epsilon, rng):
    v = rng.uniform(-1, 1, size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * rng.gamma(d, 1 / epsilon, size=(n, 1))
"""),
    "one length for all": (1, """
def euclidean_laplace(n, d, epsilon, rng):
    v = rng.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * rng.gamma(d, 1 / epsilon)
"""),
    "a seed of its own": (5, """
def euclidean_laplace(n, d, epsilon, rng):
    rng = np.random.default_rng(0)
    v = rng.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * rng.gamma(d, 1 / epsilon, size=(n, 1))
"""),
    "global random numbers": (5, """
def euclidean_laplace(n, d, epsilon, rng):
    v = np.random.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * np.random.gamma(d, 1 / epsilon, size=(n, 1))
"""),
    "times epsilon": (3, """
def euclidean_laplace(n, d, epsilon, rng):
    v = rng.normal(size=(n, d))
    return v / np.linalg.norm(v, axis=1, keepdims=True) * rng.gamma(d, epsilon, size=(n, 1))
"""),
}  # fmt: skip

GUARANTEE = {
    "written in place": (4, """
def between(u, v, epsilon, radius):
    def clip(c):
        length = (c @ c) ** 0.5
        return c * radius / length if length > radius else c
    return epsilon * ((clip(u) - clip(v)) ** 2).sum() ** 0.5

def any_two_records(epsilon, radius, releases):
    return sum(epsilon * 2 * radius for _ in range(releases))
"""),
    "the package": (4, """
import torch
from vaeprivacy.distances import clip

def between(u, v, epsilon, radius):
    u, v = clip(torch.tensor(np.array([u, v])), radius=radius, warn=False)
    return epsilon * (u - v).norm()

def any_two_records(epsilon, radius, releases):
    return np.array([epsilon * 2 * radius * releases])
"""),
    "R epsilon": (2, """
def any_two_records(epsilon, radius, releases):
    return radius * epsilon * releases
"""),
    "releases forgotten": (2, """
def any_two_records(epsilon, radius, releases):
    return 2 * radius * epsilon
"""),
    "no clip": (3, """
def between(u, v, epsilon, radius):
    return epsilon * np.linalg.norm(u - v)
"""),
    "clip of the distance": (3, """
def between(u, v, epsilon, radius):
    return epsilon * min(np.linalg.norm(u - v), 2 * radius)
"""),
    "Manhattan": (2, """
def between(u, v, epsilon, radius):
    return epsilon * abs(u - v).sum()
"""),
}  # fmt: skip
QUESTIONS = {"noise": NOISE, "guarantee": GUARANTEE}

# Another right witness for each kind, beside that of the solution.
OTHER_WITNESS = {
    "coordinates": ("[[0.57, 0.57, 0.57], [-0.57, -0.57, -0.57]]", "outputs.min(axis=1) > 0.6"),
    "length": ("[[0.5, 0, 0], [-0.5, 0, 0]]", "((outputs - [0.5, 0, 0]) ** 2).sum(axis=1) < 0.01"),
    "scale": ("[[0, 0, 0.9], [0, 0, -0.9]]", "outputs[:, 2] > 0.9"),
    "late clip": ("[[0, 80, 0], [0, -80, 0]]", "[w[1] > 0 for w in outputs]"),
    "box": ("[[9, 9, 9], [-9, -9, -9]]", "outputs @ np.ones(3) > 3"),
    "seed": (
        "[[0.1, 0, 0], [0, 0, 0]]",
        "[bool(np.allclose(w, M(np.array([0.1, 0, 0])), atol=1e-9)) for w in outputs]",
    ),
}


@each_answer(QUESTIONS, {})
def test_each_answer_gets_its_points(graded, question, code, points, reason):
    check_grade(graded(ASSIGNMENT, question, code), points, reason)


def witness(letter: str, codes: str, event: str) -> str:
    return (
        f"codes_{letter} = {codes}\n\n"
        f"def event_{letter}(outputs):\n"
        f"    M = lambda code: mechanism_{letter}(code, epsilon, radius, np.random.default_rng(1))\n"
        f"    return {event}\n"
    )


def kind_of(letter: str) -> str:
    return variant_of(ASSIGNMENT).hidden["solution"][f"kind_{letter}"]


# Sets that are none: they depend on what else is asked about, on its order, or on how often was asked.
OF_THE_BATCH = (
    "np.full(len(outputs), outputs[:, 0].mean() > 0)",
    "np.full(len(outputs), np.linalg.norm(outputs.mean(axis=0) - [0.5, 0, 0]) < 0.3)",
    "np.arange(len(outputs)) < len(outputs) // 2",
    "np.full(len(outputs), globals().setdefault('asked', []).append(1) is None and len(asked) % 2 == 1)",
    "np.full(len(outputs), len(outputs) == 10_000)",
)


def test_no_function_of_the_batch_refutes_a_right_mechanism():
    namespace = assignment_of(ASSIGNMENT).tests()
    variant = variant_of(ASSIGNMENT)
    right = namespace["BODIES"]["box"].replace(
        "np.clip(code, -radius, radius)", "code"
    )  # inside of the ball all is well
    namespace["BODIES"]["box"] = right
    codes = "[[0.5, 0, 0], [-0.5, 0, 0]]"
    variant.hidden["solution"]["kind_b"], kept = "box", variant.hidden["solution"]["kind_b"]
    try:
        for event in (*OF_THE_BATCH, "outputs[:, 0] > 0", "outputs[:, 0] > np.median(outputs[:, 0])"):
            with pytest.raises(AssertionError, match="not refuted beyond chance"):
                namespace["check_witness"](Oracle(namespace, variant, "box", "b", codes, event), variant, "b")
    finally:
        variant.hidden["solution"]["kind_b"] = kept


@pytest.mark.parametrize("letter", "abc")
def test_a_witness_the_wrong_way_round_is_told_so(graded, letter):
    codes, event = OTHER_WITNESS[kind_of(letter)]
    told = " ".join(graded(ASSIGNMENT, f"mechanism_{letter}", witness(letter, codes + "[::-1]", event)).feedback)
    assert "exchange the two codes" in told
    told = " ".join(graded(ASSIGNMENT, f"mechanism_{letter}", witness(letter, codes, "outputs[:, 0] > 99")).feedback)
    assert "not refuted" in told and "exchange" not in told


@pytest.mark.parametrize("letter", "abc")
def test_answers_about_a_mechanism(graded, letter):
    question, kind = f"mechanism_{letter}", kind_of(letter)
    others = [each for each in KINDS if each != kind]
    codes, event = OTHER_WITNESS[kind]
    wrong_order = codes + "[::-1]"
    answers = [
        (3, ""),
        (3, f"kind_{letter} = '{kind.upper()} '\n" + witness(letter, codes, event)),
        (3, f"kind_{letter} = '`{kind}`.'"),
        (2, f"kind_{letter} = '{others[0]}'"),
        (1, witness(letter, wrong_order, event)),
        (1, witness(letter, codes, "np.ones(len(outputs))")),
        *((1, witness(letter, "[[0.5, 0, 0], [-0.5, 0, 0]]", event)) for event in OF_THE_BATCH),
        (1, witness(letter, "[[0, 0, 0], [0, 0, 0]]", event)),
        (1, witness(letter, codes, "0.5")),
    ]
    for points, code in answers:
        grade = graded(ASSIGNMENT, question, code)
        assert grade.points == points, (code, grade.feedback)


def test_every_kind_occurs_and_has_two_witnesses_that_refute():
    namespace = assignment_of(ASSIGNMENT).tests()
    seen = set()
    for student in STUDENTS:
        variant = variant_of(ASSIGNMENT, student)
        for letter in "abc":
            kind = variant.hidden["solution"][f"kind_{letter}"]
            seen.add(kind)
            for codes, event in (namespace["WITNESSES"][kind], OTHER_WITNESS[kind]):
                namespace["check_witness"](Oracle(namespace, variant, kind, letter, codes, event), variant, letter)
    assert seen == set(KINDS)


class Oracle:
    """A student whose answers are computed here."""

    def __init__(self, namespace, variant, kind, letter, codes, event):
        mechanism, epsilon = namespace["mechanism_of"](kind), variant.constants["epsilon"]
        self.known = {**namespace, "epsilon": epsilon, "radius": 1.0, f"mechanism_{letter}": mechanism}
        self.known["M"] = lambda code: mechanism(code, epsilon, 1.0, None)
        self.codes, self.event = codes, event.replace("{letter}", letter)

    def value(self, name):
        return eval(self.codes, self.known)

    def call(self, name, outputs):
        return eval(self.event, {**self.known, "outputs": outputs})


PROOFS = {
    "a proof": "By the triangle inequality $|w-u'| \\le |w-u| + |u-u'|$ ...",
    "another": "Look at the logarithm of the ratio.\n\nIt is at most $\\varepsilon D$.",
    "empty": "",
    "left as it was": "*Write here.*",
    "white space": "  \n\n",
}


@pytest.mark.parametrize("what", PROOFS)
def test_proofs_are_shown_to_a_person_and_get_no_points_from_the_machine(tmp_path, what):
    path = tmp_path / "1.py"
    lines = ["<!-- answer: proof -->", *PROOFS[what].splitlines()]
    path.write_text("# %% [markdown]\n" + "".join(f"# {line}\n" for line in lines), encoding="utf-8")
    grade = grade_submission(assignment_of(ASSIGNMENT), path, variant_of(ASSIGNMENT), public_only=True).questions[0]
    assert (grade.points, grade.possible, grade.by_hand) == (0, 0, 6)
    expected = what in ("a proof", "another")
    assert bool(grade.answer) == expected
    assert any("There is no answer" in text for text in grade.feedback) != expected


def test_a_right_answer_is_refused_at_most_as_often_as_stated():
    # The level is shared by all 22 statistics of the question (Bonferroni's), so that their union is below it.
    namespace = assignment_of(ASSIGNMENT).tests()
    names = {*namespace["LENGTH"], *namespace["DIRECTION_OF"], "next length", "next direction"}
    names |= {"length and direction", "repeated rows"}
    assert len(names) * len(namespace["SETTINGS"]) <= 22
    assert namespace["FALSE_ALARM"] == 1e-4
