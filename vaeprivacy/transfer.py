"""A transfer set without data: procedural images, labelled by a classifier that differential privacy covers."""

from dataclasses import replace

import torch
from torch import nn

from vaeprivacy.checks import check_whole
from vaeprivacy.classifiers import predict
from vaeprivacy.procedural import silhouettes
from vaeprivacy.synthesizer import Release
from vaeprivacy.whole_guarantee import WholeGuarantee


def transfer_set(
    teacher: nn.Module, n: int, *, image_shape: tuple[int, int], guarantee: WholeGuarantee, generator: torch.Generator
) -> Release:
    """Return procedural images with the labels that a classifier gives them: it becomes a release of images.

    Only the labels depend on the private records, and on nothing but the classifier (post-processing). So the release
    promises what the classifier does, neither more nor less, and with enough images a student learns all that it knows.
    What the images know of the domain must be declared: *one object on black*.

    Parameters
    ----------
    teacher : torch.nn.Module
        Maps flat images to logits, shape (images, classes).
    n : int
        Number of images: any number costs the same.
    image_shape : tuple of int
        Height and width.
    guarantee : WholeGuarantee
        What is promised for the teacher, for replacing one record.
    generator : torch.Generator
        Source of the images, which protect nobody: it may be seeded.
    """
    images = silhouettes(check_whole(n, "n", least=1), image_shape=image_shape, generator=generator)
    device = next(teacher.parameters()).device
    labels = predict(teacher, images.to(device)).argmax(dim=1)
    how = f"{guarantee.how} It labelled images made of random numbers alone, which show one object on black."
    return Release(images.to(device), labels, replace(guarantee, how=how))
