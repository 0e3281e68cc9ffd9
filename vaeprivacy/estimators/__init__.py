"""People's own records: what is public of them, and synthesizers with scikit-learn's habits."""

from vaeprivacy.estimators.drafts import draft_schema
from vaeprivacy.estimators.image_files import read_images, write_images
from vaeprivacy.estimators.image_synthesizers import ImageSynthesizer
from vaeprivacy.estimators.promise import OwnGuarantee
from vaeprivacy.estimators.schema import ColumnSchema, Schema, read_schema, write_schema
from vaeprivacy.estimators.synthesizers import TabularSynthesizer
from vaeprivacy.estimators.table_files import read_parts, read_table, write_table

__all__ = [
    "ColumnSchema",
    "ImageSynthesizer",
    "OwnGuarantee",
    "Schema",
    "TabularSynthesizer",
    "draft_schema",
    "read_images",
    "read_parts",
    "read_schema",
    "read_table",
    "write_images",
    "write_schema",
    "write_table",
]
