"""People's own records: what is public of them, and synthesizers with scikit-learn's habits."""

from vaeprivacy.estimators.drafts import draft_schema
from vaeprivacy.estimators.fidelity import marginals
from vaeprivacy.estimators.image_files import read_images, write_images
from vaeprivacy.estimators.image_synthesizers import ImageSynthesizer
from vaeprivacy.estimators.measures import measure
from vaeprivacy.estimators.membership import closest_distances
from vaeprivacy.estimators.promise import OwnGuarantee
from vaeprivacy.estimators.released_models import public_bounds, subject_of
from vaeprivacy.estimators.schema import ColumnSchema, Schema, read_schema, write_schema
from vaeprivacy.estimators.synthesizers import TabularSynthesizer
from vaeprivacy.estimators.table_files import read_parts, read_table, write_table

__all__ = [
    "ColumnSchema",
    "ImageSynthesizer",
    "OwnGuarantee",
    "Schema",
    "TabularSynthesizer",
    "closest_distances",
    "draft_schema",
    "marginals",
    "measure",
    "public_bounds",
    "read_images",
    "read_parts",
    "read_schema",
    "read_table",
    "subject_of",
    "write_images",
    "write_schema",
    "write_table",
]
