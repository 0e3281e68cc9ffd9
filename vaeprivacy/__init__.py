"""Train on synthetic data instead of private records, and measure what still leaks.

A VAE maps each record to a latent code, noise that satisfies metric privacy is added to the code, the decoder turns it
back into a record, and the model that is finally published has seen only those records. Source of the method: Yang, Ma,
Miao and Ma, "Privacy-preserving Generative Framework Against Membership Inference Attacks", arXiv 2202.05469 (2022).

The modules, in the order in which data flows through them::

    training       the pieces that every training loop shares: layers, mini-batches, progress, checks of arguments
    randomness     seeded generators for experiments, the operating system's entropy for releases
    data           data sets, and the split into members, non-members, reference, test and public records
    scattering     fixed features of images on which linear models are strong
    dp_sgd         training with DP-SGD: its steps, and the noise that they need
    vae            the variational autoencoder and its training
    distances      distances between latent codes, and projection onto their balls
    bounds         how well two distributions can be told apart: bounds on any attack, and conversions
    guarantee      what a release promises, and what it leaves out
    mechanisms     noise for codes
    labels         noise for labels
    coverage       three ways to train encoder and decoder, and what each lets a guarantee say
    synthesizer    the framework: fit, then release (encode, clip, perturb, decode)
    relax_loss     a loss that keeps members' losses near a level
    classifiers    the target model
    dp_classifier  the target model, trained with DP-SGD
    attacks        membership-inference attacks
    metrics        what an attack's scores amount to, with confidence intervals
    law            tests of the law of noise
    audit          empirical lower bounds on epsilon
    planted        mechanisms and releases with a planted error, and the check that catches each
    storage        files that are written whole or not at all
    experiment     one run is one row of results
    sweep          many runs, resumable
    promises       what defences promise, in one form
    comparison     defences compared: utility at equal leakage
    trials         settings of the framework tried on records without a name
    choosing       a setting for your own records
    figures        every figure of the book
    comparison_figures  utility against leakage
    cli            the ``vaeprivacy`` command
"""

from importlib.metadata import version

__version__ = version("vaeprivacy")
