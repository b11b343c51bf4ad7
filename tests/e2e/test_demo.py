# SPDX-License-Identifier: Apache-2.0
"""`serve --demo`: the first thing a newcomer sees must work as it is printed."""

import json
import re
import signal
import subprocess

from support.gateway import BINARY, Lines
from support.waiting import PATIENCE


def test_the_demo_prints_a_curl_line_that_works_in_a_shell(tmp_path):
    config = tmp_path / "claviger.yaml"
    config.write_text('gateway: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }\n')
    process = subprocess.Popen([BINARY, "serve", "--demo", "--config", config, "--data-dir", tmp_path / "demo"], cwd=tmp_path,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, log = Lines(process.stdout), Lines(process.stderr)
        line = said.wait(lambda line: line.strip() if re.match(r"\s*curl ", line) else None)
        assert line, log.text()
        for _ in range(2):
            done = subprocess.run(["sh", "-c", line + " -sS --fail-with-body"], cwd=tmp_path, capture_output=True, text=True,
                                  timeout=PATIENCE)
            assert done.returncode == 0, done.stderr + done.stdout
        answer = json.loads(done.stdout)
        assert re.search("Bearer (fake-)?demo-", json.dumps(answer))
        assert "clv_" not in done.stdout
        assert not [port for port in re.findall(r"https?://\S+?:(\d+)", line) if port == "0"]
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(PATIENCE)
    assert status == 0


def test_the_demo_starts_whatever_the_umask_is(tmp_path):
    config = tmp_path / "claviger.yaml"
    config.write_text('gateway: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }\n')
    process = subprocess.Popen([BINARY, "serve", "--demo", "--config", config, "--data-dir", tmp_path / "demo"], cwd=tmp_path,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=0o002)
    try:
        log = Lines(process.stderr)
        assert log.wait(lambda line: line if '"ready"' in line or process.poll() is not None else None), log.text()
        assert process.poll() is None, log.text()
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(PATIENCE)
    assert status == 0


def test_the_demo_starts_again_on_the_same_directory(tmp_path):
    config = tmp_path / "claviger.yaml"
    config.write_text('gateway: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }\n')
    for _ in range(2):
        process = subprocess.Popen([BINARY, "serve", "--demo", "--config", config, "--data-dir", tmp_path / "demo"],
                                   cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said, log = Lines(process.stdout), Lines(process.stderr)
        line = said.wait(lambda line: line.strip() if re.match(r"\s*curl ", line) else None)
        assert line, log.text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
