"""Train on synthetic data instead of private records, and measure what still leaks.

A VAE maps each record to a latent code, noise that satisfies metric privacy is added to the code, the decoder turns it
back into a record, and the model that is finally published has seen only those records. Source of the method: Yang, Ma,
Miao and Ma, "Privacy-preserving Generative Framework Against Membership Inference Attacks", arXiv 2202.05469 (2022).

The modules, in the order in which data flows through them::

    training       the pieces that every training loop shares: layers, mini-batches, progress, checks of arguments
    devices        where tensors are computed with: CUDA, then MPS, then the CPU
    storage        files that are written whole or not at all
    checkpoints    training that survives an interruption
    randomness     seeded generators for experiments, the operating system's entropy for releases
    data           data sets, and the split into members, non-members, reference, test and public records
    scattering     fixed features of images on which linear models are strong
    dp_sgd         training with DP-SGD: its steps, and the noise that they need
    distances      distances between latent codes, and projection onto their balls
    bounds         how well two distributions can be told apart: bounds on any attack, and conversions
    guarantee      what a release promises, and what it leaves out
    mechanism      what all mechanisms have in common
    mechanisms     noise for codes
    directional    noise for directions
    denoising      what may be done to noisy codes before they are decoded
    labels         noise for labels
    channels       what codes go through while encoder and decoder are trained
    convolutional  convolutional networks for images
    vae            the variational autoencoder
    vae_training   its training
    coverage       three ways to train encoder and decoder, and what each lets a guarantee say
    synthesizer    the framework: fit, then release (encode, clip, perturb, decode)
    relax_loss     a loss that keeps members' losses near a level
    stacking       many networks of one shape as one
    classifiers    the target model
    capacity       how many models are trained at once
    dp_classifier  the target model, trained with DP-SGD
    defences       the framework and what it is compared with, with one interface
    parallel       independent tasks, on as many processes as there are cores
    attacks        membership-inference attacks
    metrics        what an attack's scores amount to, with confidence intervals
    law            tests of the law of noise
    audit          empirical lower bounds on epsilon
    planted        mechanisms and releases with a planted error, and the check that catches each
    config         what one run depends on, and the name of its files
    stages         what runs leave on the way: generative models, and the answers of pools of classifiers
    game           the membership game on one model: its answers, its release and its VAE
    adversaries    each model of a pool attacked through its answers, its release and its VAE
    experiment     one run is one row of results
    yaml_files     YAML files as people mean them
    grid           which runs there are, in code and in files
    executors      where pieces are computed: on this machine, or on a Dask cluster
    provenance     versions, hardware and time of a result
    sweep          many runs, resumable, as one tidy table
    records        tables of sweeps that take longer than a build of the book
    reported       what a chapter says: numbers that its notebook reports, and sentences that it claims
    promises       what defences promise, in one form
    comparison     defences compared: utility at equal leakage
    trials         settings of the framework tried on records without a name
    choosing       a setting for your own records
    files          attacks on a target that comes in files
    mistakes       what the command says if something is wrong
    tables         what tables call things
    figures, comparison_figures
                   every figure of the book
    course         assignments: variants for students, submissions graded in processes of their own
    attack_command, sweep_command, cli
                   the ``vaeprivacy`` command
"""

from importlib.metadata import version

__version__ = version("vaeprivacy")
