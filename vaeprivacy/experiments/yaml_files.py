"""YAML files as people mean them: a key twice is a mistake, and 1e-4 is a number."""

import re
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Reads plain data only."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is there twice: YAML would silently take the last."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                line = node.value[place][0].start_mark.line + 1
                raise ValueError(f"{key!r} stands twice in one mapping, the second time in line {line}")
        return super().construct_mapping(node, deep=deep)


# YAML 1.1 wants a point in a number with an exponent, and would read 1e-4 as text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds: mappings, lists, texts, numbers, true or false, and null.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is no YAML, or has a key twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; pass a YAML file.")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from error
