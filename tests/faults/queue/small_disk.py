"""A disk of its own for a folder, which can be full from one moment to the next."""

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS = 0x20000
SOME_ROOM = 64 * 2**20
"""Bytes with which everything starts."""
_libc = ctypes.CDLL(None, use_errno=True)


class SmallDisk:
    """A file system in memory, which only this process and those it starts see.

    Raises:
        PermissionError: only root may mount.
    """

    def __init__(self, folder: Path, mebibytes: int = 4096) -> None:
        self.folder, self.size = folder, f"{mebibytes}m"
        folder.mkdir(exist_ok=True)
        if _libc.unshare(_CLONE_NEWNS) != 0:
            raise PermissionError(ctypes.get_errno(), "only root may mount a disk to be filled")
        self._mount("--make-rprivate", "/")
        self._mount("-t", "tmpfs", "-o", f"size={self.size},mode=700", "none", str(folder))

    def fill(self, pages: int = 0) -> bool:
        """Leave no room, or a few pages; say whether that went well: others may be writing."""
        for _ in range(20):
            found = os.statvfs(self.folder)
            # a size of 0 would mean that there is no limit, and stay so
            size = max(found.f_blocks - found.f_bfree + pages, 1) * found.f_frsize
            with suppress(subprocess.CalledProcessError):
                self._mount("-o", f"remount,size={size}", str(self.folder))
                return True
        return False

    def clear(self) -> None:
        """Give back what was taken."""
        self._mount("-o", f"remount,size={self.size}", str(self.folder))

    def is_full(self) -> bool:
        """Whether hardly anything fits."""
        found = os.statvfs(self.folder)
        return found.f_bfree * found.f_frsize < SOME_ROOM

    def remove(self) -> None:
        """Unmount it; what was on it is gone."""
        self._mount("--lazy", str(self.folder), program="umount")

    def _mount(self, *arguments: str, program: str = "mount") -> None:
        subprocess.run([program, *arguments], check=True, capture_output=True)
