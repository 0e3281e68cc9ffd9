"""Data that were found and checked are not loaded again, unless they have changed."""

import ensure_data
import pytest
from data_files import IDX_FILES, sha256, write_idx_files

from vaeprivacy.datasets import images


def test_data_are_loaded_and_checked_once(tmp_path, monkeypatch):
    folder = tmp_path / "fashion"
    write_idx_files(folder)
    hashes = {name: (sha256((folder / f"{name}.gz").read_bytes()), sha256(data)) for name, data in IDX_FILES.items()}
    monkeypatch.setattr(images, "FASHION_MNIST_SHA256", hashes)
    monkeypatch.setattr(ensure_data, "CHECKED", tmp_path / "checked.json")
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    assert not ensure_data.is_checked()
    ensure_data.main()
    assert ensure_data.is_checked()
    ensure_data.main()
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    assert not ensure_data.is_checked()
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert not ensure_data.is_checked()
    with pytest.raises(SystemExit, match="damaged"):
        ensure_data.main()
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert not ensure_data.is_checked()
