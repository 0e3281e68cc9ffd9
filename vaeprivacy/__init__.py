"""Train on synthetic data instead of private records, and measure what still leaks.

A VAE maps each record to a latent code, noise that satisfies metric privacy is added to the code, the decoder turns it
back into a record, and the model that is finally published has seen only those records. Source of the method: Yang, Ma,
Miao and Ma, "Privacy-preserving Generative Framework Against Membership Inference Attacks", arXiv 2202.05469 (2022).

The modules of this folder are the idea, in the order of the paper; every other job has a room of its own::

    checks           checks of arguments
    arrays           checks of arrays: records, labels, memberships, log-posteriors
    randomness       seeded generators for experiments, the operating system's entropy for releases
    networks         layers, initial weights, mini-batches
    distances        distances between latent codes, and projection onto their balls
    bounds           how well two distributions can be told apart: bounds on any attack, and conversions
    gaussian_bounds  the same for normal distributions, and so for Gaussian noise
    guarantee        what a release promises, and what it leaves out
    vae              the variational autoencoder
    vae_training     its training
    trainers         ways to train encoder and decoder, and what each lets a guarantee say
    synthesizer      the framework: fit, then release (encode, clip, perturb, decode)
    classifiers      the target model
    metrics          what an attack's scores amount to, with confidence intervals
    intervals        beside it: those intervals
    convolutional    beside it: convolutional networks for images
    accounting       the accountants of DP-SGD: how much noise a promise needs
    dp_sgd           training with DP-SGD, and a trainer that uses it
    dp_classifier    the target model, trained with DP-SGD
    scattering       fixed features of images on which linear models are strong
    procedural       images made of random numbers alone
    whole_guarantee  a promise for everything that is published at once
    feature_maps     fixed transforms of records that no record had a part in
    moments          a generative model from noisy sums of features
    moment_files     its files
    transfer         a classifier turned into a release of images
    relax_loss       a loss that keeps members' losses near a level

    mechanisms/      noise for codes and labels, and what may be done to noisy codes
    datasets/        data sets by name, and their splits
    attacks/         membership-inference attacks, shadow models, the catalogue
    defences/        the framework and what it is compared with, with one interface
    audit/           lower bounds on epsilon, tests of the noise, planted faults
    experiments/     one run, its pool of models, sweeps, comparisons, searches
    estimators/      people's own records: schema, synthesizers with scikit-learn's habits
    reporting/       what a chapter reports: numbers, claims, tables, figures, saved results
    course/          assignments, grading, the contest
    cli/             the ``vaeprivacy`` command
    compute/         devices, files, processes, stacked networks, checkpoints
"""

from importlib.metadata import version

from vaeprivacy._lazy import lazy_exports

__version__ = version("vaeprivacy")

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "attacks": ["Candidates", "Knowledge", "LiRA", "RMIA", "run_attacks", "train_shadows"],
        "audit": ["audit_mechanism", "audit_release"],
        "classifiers": ["ClassifierSettings", "fit_classifier", "predict"],
        "compute.devices": ["best_device"],
        "datasets": ["load", "split"],
        "dp_sgd": ["DPSGDTrainer"],
        "estimators": ["ImageSynthesizer", "TabularSynthesizer"],
        "guarantee": ["Guarantee"],
        "mechanisms": ["EuclideanLaplace", "Gaussian", "RandomisedResponse"],
        "metrics": ["auc"],
        "randomness": ["SYSTEM_ENTROPY", "seeded_generator"],
        "synthesizer": ["Release", "Synthesizer"],
        "trainers": ["PlainTrainer", "PublicTrainer"],
        "vae": ["VAE", "VAESettings"],
        "vae_training": ["fit_vae"],
    },
)
