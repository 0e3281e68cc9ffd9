// The formulas of the noise explorer: densities of noise in the plane, their ratio, and its bound. Each has its equation in
// the chapter on mechanisms; a test compares them with the package's own.

const euclidean = (z) => Math.hypot(z[0], z[1]);
const manhattan = (z) => Math.abs(z[0]) + Math.abs(z[1]);
const difference = (a, b) => [a[0] - b[0], a[1] - b[1]];

// Draws take three numbers, uniform between 0 and 1.
const fromPolar = (length, turn) => [length * Math.cos(2 * Math.PI * turn), length * Math.sin(2 * Math.PI * turn)];
const laplace = (u) => (u < 0.5 ? Math.log(2 * u) : -Math.log(2 - 2 * u));

const NOISE = {
  "euclidean-laplace": {
    metric: "Euclidean",
    norm: euclidean,
    // laplace-density, in two dimensions
    logDensity: (z, epsilon) => 2 * Math.log(epsilon) - Math.log(2 * Math.PI) - epsilon * euclidean(z),
    // laplace-sampling: a Gamma(2) variable is a sum of two exponential ones
    draw: ([a, b, c], epsilon) => fromPolar(-Math.log(a * b) / epsilon, c),
  },
  "coordinate-laplace": {
    metric: "Manhattan",
    norm: manhattan,
    logDensity: (z, epsilon) => 2 * Math.log(epsilon / 2) - epsilon * manhattan(z), // coordinate-density
    draw: ([a, b], epsilon) => [laplace(a) / epsilon, laplace(b) / epsilon],
  },
  // With the standard deviation 1 / epsilon.
  gaussian: {
    metric: "Euclidean",
    norm: euclidean,
    logDensity: (z, epsilon) => // gaussian-density
      2 * Math.log(epsilon) - Math.log(2 * Math.PI) - (epsilon * euclidean(z)) ** 2 / 2,
    draw: ([a, , c], epsilon) => fromPolar(Math.sqrt(-2 * Math.log(a)) / epsilon, c),
  },
};

// How much more probable an output is under the first code than under the second, as a logarithm.
const logRatio = (noise, output, codes, epsilon) =>
  noise.logDensity(difference(output, codes[0]), epsilon) - noise.logDensity(difference(output, codes[1]), epsilon);

// What metric privacy allows for the size of that logarithm: epsilon times the distance of the codes.
const logBound = (noise, codes, epsilon) => epsilon * noise.norm(difference(codes[0], codes[1]));

// Whether an output is within the bound, but for the last digits.
const holdsAt = (noise, output, codes, epsilon) =>
  Math.abs(logRatio(noise, output, codes, epsilon)) <= logBound(noise, codes, epsilon) + 1e-9;
