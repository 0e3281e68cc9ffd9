"""Names for help texts. Their registries import PyTorch, so they stand here once more; a test compares the two."""

#: Of :data:`vaeprivacy.datasets.LOADERS`.
DATASETS = ("fashion-mnist", "digits", "fair")
#: Of :data:`vaeprivacy.defences.DEFENCES`.
DEFENCES = (
    "none",
    "framework",
    "prior",
    "record-noise",
    "regularised",
    "dp-sgd",
    "moments-dct",
    "moments-table",
    "moments-scattering",
    "transfer",
)
#: Of ``FORMATS`` in ``vaeprivacy.course.assignments``.
FORMATS = ("ipynb", "py")
