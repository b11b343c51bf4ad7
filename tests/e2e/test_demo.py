# SPDX-License-Identifier: Apache-2.0
"""`serve --demo`: the first thing a newcomer sees must work as it is printed."""

import json
import re
import signal
import subprocess

import pytest

from support.gateway import BINARY, Lines
from support.waiting import PATIENCE, until


class Demo:
    def __init__(self, directory, umask=-1):
        self.directory = directory
        self.data = directory / "demo"
        config = directory / "claviger.yaml"
        config.write_text('gateway: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }\n')
        self.process = subprocess.Popen(
            [BINARY, "serve", "--demo", "--config", config, "--data-dir", self.data], cwd=directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=umask)
        self.said, self.log = Lines(self.process.stdout), Lines(self.process.stderr)

    def line(self, pattern):
        """A line that it printed for the reader to run."""
        found = self.said.wait(lambda line: line.strip() if re.match(rf"\s*{pattern}", line) else None)
        assert found, self.log.text()
        return found

    def shell(self, *lines):
        done = subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=self.directory, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def demo(tmp_path):
    made = []

    def make(**how):
        made.append(Demo(tmp_path, **how))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_what_the_demo_prints_works_in_a_shell(demo):
    started = demo()
    curl = started.line("curl ")

    for _ in range(2):
        answer = started.shell(curl + " -sS --fail-with-body")

    assert re.search(r"Bearer \*{36}", json.dumps(json.loads(answer)))
    assert "clv_" not in answer and "fake-demo-credential" not in answer
    assert not [port for port in re.findall(r"https?://\S+?:(\d+)", curl) if port == "0"]
    export, tail, verify = started.line("export "), started.line(r"\S+ audit tail"), started.line(r"\S+ audit verify")
    until(lambda: started.shell(export, tail).count("/echo/hello") == 2, "both calls to be in the log")
    assert started.stop() == 0
    assert "VERIFIED" in started.shell(verify)


def test_the_demo_proves_its_log_while_it_runs(demo):
    """Soon after the first call, as a newcomer would try it."""
    started = demo()
    started.shell(started.line("curl ") + " -sS --fail-with-body")
    verify = started.line(r"\S+ audit verify")

    until(lambda: "VERIFIED" in subprocess.run(["sh", "-c", verify], cwd=started.directory, capture_output=True, text=True).stdout,
          "a checkpoint")


def test_the_demo_starts_whatever_the_umask_is(demo):
    started = demo(umask=0o002)

    assert started.line("curl ")
    for path in started.data.rglob("*"):
        assert path.is_dir() or path.name.endswith(".pem") or path.stat().st_mode & 0o077 == 0, path
    assert started.stop() == 0


def test_the_demo_starts_again_on_the_same_directory_and_its_old_key_is_no_good(demo):
    keys = []
    for _ in range(2):
        started = demo()
        keys.append(re.search(r"clv_\w+", started.line("curl "))[0])
        if len(keys) == 1:
            assert started.stop() == 0

    curl = started.line("curl ")
    assert "demo" in started.shell(curl + " -sS --fail-with-body")
    status = " -sS -o answer -w '%{http_code}'"
    assert started.shell(curl.replace(keys[1], keys[0]) + status) == "401"


def test_a_demo_that_was_killed_starts_again(demo):
    started = demo()
    started.line("curl ")
    started.process.kill()
    started.process.wait()

    again = demo()

    assert "demo" in again.shell(again.line("curl ") + " -sS --fail-with-body")
