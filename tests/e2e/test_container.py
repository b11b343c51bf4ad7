# SPDX-License-Identifier: Apache-2.0
"""The image: no container is run here, but what it is made of is held to the binary."""

import re
import shutil
import subprocess

import pytest

from support.gateway import BINARY, REPOSITORY

DOCKERFILE = REPOSITORY / "deploy/container/Dockerfile"


def said(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stages():
    """What is done after each FROM."""
    return re.split(r"^FROM .*$", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]


def installed():
    """The packages that the last stage installs."""
    command = re.search(r"apt-get install -y --no-install-recommends ((?:.*\\\n)*?) *&& rm", stages()[-1])
    return set(command[1].replace("\\", " ").split())


def owner(library):
    """The package that a file is from: it may be known by where it was before /lib became a link."""
    for path in (library, library.removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    raise AssertionError(f"no package has {library}")


def brought_along(packages):
    """They, and all that they depend on."""
    known, left = set(), set(packages)
    while left:
        known |= left
        fields = said("dpkg-query", "-W", "-f=${Depends},${Pre-Depends},\n", *sorted(left))
        left = {name for name in re.findall(r"(?:^|[,|]) *([a-z0-9][a-z0-9.+-]*)", fields, re.MULTILINE)} - known
        left = {name for name in left if subprocess.run(["dpkg-query", "-W", name], capture_output=True).returncode == 0}
    return known


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian system")
def test_the_image_has_the_libraries_that_the_binary_is_linked_to():
    libraries = re.findall(r"=> (/\S+)", said("ldd", str(BINARY)))
    assert libraries, "it is linked to something"
    needed = {owner(said("readlink", "-f", library).strip()) for library in libraries}
    assert needed <= brought_along(installed())


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian system")
def test_the_image_has_no_package_that_nothing_needs():
    libraries = re.findall(r"=> (/\S+)", said("ldd", str(BINARY)))
    needed = {owner(said("readlink", "-f", library).strip()) for library in libraries}
    assert installed() - needed == {"ca-certificates"}


def test_the_image_runs_as_nobody_in_particular():
    last = stages()[-1]
    assert re.search(r"^USER 1000:1000$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["/usr/local/bin/claviger"\]$', last, re.MULTILINE)
    assert "COPY . " not in last, "nothing of the sources gets into it"
