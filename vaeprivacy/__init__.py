"""Train on synthetic data instead of private records, and measure what still leaks.

A VAE maps each record to a latent code, noise that satisfies metric privacy is added to the code, the decoder turns it
back into a record, and the model that is finally published has seen only those records. Source of the method: Yang, Ma,
Miao and Ma, "Privacy-preserving Generative Framework Against Membership Inference Attacks", arXiv 2202.05469 (2022).

The modules, in the order in which data flows through them::

    training       the pieces that every training loop shares: seeded generators, layers, mini-batches
    data           data sets, and the split into members, non-members, reference and test records
    vae            the variational autoencoder and its training
    guarantee      what a release promises, and the bounds on any attack that follow
    mechanisms     the noise
    synthesizer    the framework: fit, then release (encode, clip, perturb, decode)
    classifiers    the target model
    attacks        membership-inference attacks
    metrics        what an attack's scores amount to, with confidence intervals
    storage        files that are written whole or not at all
    experiment     one run is one row of results
    sweep          many runs, resumable
    figures        every figure of the book
    cli            the ``vaeprivacy`` command
"""

from importlib.metadata import version

__version__ = version("vaeprivacy")
