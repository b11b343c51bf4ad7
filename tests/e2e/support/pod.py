# SPDX-License-Identifier: Apache-2.0
"""A container of a pod's as Kubernetes sets it up, without Kubernetes: volumes with the owners, modes and links that kubelet gives
them under `fsGroup`, below a directory that stands for the container's root, and the process as that user."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from support import resources as yaml
from support.gateway import BINARY, Gateway

USER = 1000
IS_ROOT = os.geteuid() == 0


class Container(Gateway):
    """`described`: the container as the manifest has it. Who runs the test as root has it run as the pod's user, else as himself."""

    def __init__(self, described):
        self.root = Path(tempfile.mkdtemp(prefix="pod-"))
        self.root.chmod(0o755)
        super().__init__(self.root / "home", [])
        self.mounts = [mount["mountPath"] for mount in described["volumeMounts"]]
        self.command = [self.place("/usr/bin/claviger"), *map(self.inside, described["args"])]
        self.command[0].parent.mkdir(parents=True)
        shutil.copy(BINARY, self.command[0])  # where the build lies, another user may not look
        self.directory.chmod(0o755)
        if IS_ROOT:
            self.wrapper = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]

    def remove(self):
        """All that is left of it."""
        try:
            if self.process and self.process.poll() is None:
                self.stop()
        finally:
            shutil.rmtree(self.root)

    def spawn(self):
        return self.spawn_command([*self.wrapper, *map(str, self.command)])

    def place(self, path):
        return self.root / path.lstrip("/")

    def inside(self, text):
        """The text with every path of a volume's where that lies here."""
        known = "|".join(map(re.escape, sorted(self.mounts, key=len, reverse=True)))
        return re.sub(known, lambda path: str(self.place(path[0])), text)

    # -- volumes

    def _give(self, path, mode):
        if IS_ROOT:
            os.chown(path, 0, USER)
        path.chmod(mode)

    def _projected(self, path, files, mode):
        """A ConfigMap's or Secret's: what is there is what a link leads to, so that all of it changes at once."""
        volume = self.place(path)
        current = volume / "..2027_01_01_00_00_00.000000001"
        current.mkdir(parents=True)
        (volume / "..data").symlink_to(current.name)
        for name, text in files.items():
            (current / name).write_text(text)
            self._give(current / name, mode)
            (volume / name).symlink_to(f"..data/{name}")
        for each in (current, volume):  # mounted read-only in earnest
            self._give(each, 0o2755)

    def config_map(self, path, files):
        made = {name: text if isinstance(text, str) else yaml.dump(text) for name, text in files.items()}
        self._projected(path, {name: self.inside(text) for name, text in made.items()}, 0o644)

    def secret(self, path, files, mode):
        self._projected(path, files, mode)

    def empty_dir(self, path):
        volume = self.place(path)
        volume.mkdir(parents=True)
        self._give(volume, 0o2777)
