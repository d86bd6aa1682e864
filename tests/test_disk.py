"""What a disk refuses is told as that, whatever the library says that ran into it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from small_disk import Disk, small_disk

from sft import disk


def torch_save(path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({f"t{n}": torch.zeros(1000, 50) for n in range(20)}, path)


def safetensors_save(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({f"t{n}": torch.zeros(1000, 50) for n in range(20)}, path)


def plain_save(path: Path) -> None:
    path.write_bytes(bytes(1 << 22))


def full(place: Disk) -> None:
    place.fill()


def nearly_full(place: Disk) -> None:
    place.fill(spare=40_000)


def read_only(place: Disk) -> None:
    place.read_only(True)


@pytest.mark.parametrize("save", [torch_save, safetensors_save, plain_save])
@pytest.mark.parametrize("state", [full, nearly_full, read_only])
def test_a_save_that_the_disk_refuses(
    tmp_path: Path, save: Callable[[Path], None], state: Callable[[Disk], None]
) -> None:
    with small_disk(tmp_path / "disk", 3) as place:
        state(place)
        with pytest.raises(OSError) as caught, disk.plainly(place.path):
            save(place.path / "x.bin")
        assert disk.refused(caught.value)
        assert caught.value.errno == (errno.EROFS if state is read_only else errno.ENOSPC)


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shape"), disk.plainly(tmp_path):
        raise ValueError("wrong shape")
    with pytest.raises(FileNotFoundError) as caught, disk.plainly(tmp_path / "nowhere"):
        (tmp_path / "nowhere/x").write_bytes(b"")
    assert not disk.refused(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_told_by_an_earlier_error_counts(tmp_path: Path) -> None:
    told = ValueError("not saved")
    told.__cause__ = RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(OSError) as caught, disk.plainly(tmp_path):
        raise told
    assert caught.value.errno == errno.ENOSPC


def test_a_refusal_without_a_place_gets_one(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, disk.plainly(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))


def test_a_file_system_that_cannot_settle_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(number: int) -> Callable[[int], None]:
        def fail(_handle: int) -> None:
            raise OSError(number, os.strerror(number))

        return fail

    monkeypatch.setattr(os, "fsync", fsync(errno.EINVAL))
    disk.settle(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        disk.settle(tmp_path)


def test_hash_and_settling(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert disk.sha256(tmp_path / "a").startswith("ba7816bf")
    disk.settle(tmp_path / "a")
    disk.settle(tmp_path)
