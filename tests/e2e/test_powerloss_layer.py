# SPDX-License-Identifier: Apache-2.0
"""The layer that plays power cuts: what was synced is there, and what was not is gone."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from support import powerloss

PRELUDE = """
import fcntl, os, signal, sqlite3, threading
def sync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
def put(path, data, flags=os.O_TRUNC, synced=True):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    os.write(fd, data)
    if synced:
        os.fsync(fd)
    os.close(fd)
"""


@pytest.fixture
def place(tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    return live, tmp_path / "mirror"


@pytest.fixture
def run(place):
    """Runs Python in the live directory, kills it in the act, and cuts the power unless told otherwise."""
    live, mirror = place

    def run(script, cut=True, **how):
        text = PRELUDE + textwrap.dedent(script) + "\nos.kill(os.getpid(), signal.SIGKILL)\n"
        done = subprocess.run([sys.executable, "-c", text], cwd=live, capture_output=True, text=True,
                              env=os.environ | powerloss.environment(live, mirror, **how))
        assert done.returncode == -signal.SIGKILL, done.stderr
        if cut:
            powerloss.crash(live, mirror)
        return {str(path.relative_to(live)): path.read_bytes() for path in live.rglob("*") if path.is_file()}

    return run


def test_keeps_what_was_there_before(run, place):
    live, _ = place
    (live / "deep/er").mkdir(parents=True)
    (live / "deep/er/file").write_bytes(b"old")
    (live / "top").write_bytes(b"old")
    assert run("") == {"deep/er/file": b"old", "top": b"old"}
    assert run("put('top', b'new')") == {"deep/er/file": b"old", "top": b"new"}


def test_forgets_what_was_not_synced(run):
    assert run("put('a', b'1', synced=False)") == {}
    assert run("put('a', b'1', synced=False); sync('.')") == {"a": b""}
    assert run("put('a', b'12'); sync('.')") == {"a": b"12"}
    assert run("put('a', b'345', os.O_APPEND, synced=False)") == {"a": b"12"}
    assert run("put('a', b'345', os.O_APPEND)") == {"a": b"12345"}
    assert run("put('a', b'x', synced=False)") == {"a": b"12345"}


@pytest.mark.parametrize("kind_dirs, left", [(False, {}), (True, {"a": b"1", "new/deep/b": b"2"})])
def test_keeps_a_new_entry_only_with_its_directory_unless_told_to_be_kind(run, kind_dirs, left):
    assert run("put('a', b'1'); os.makedirs('new/deep'); put('new/deep/b', b'2')", kind_dirs=kind_dirs) == left


def test_keeps_a_directory_only_with_the_one_above_it(run):
    script = "os.mkdir('d'); put('d/a', b'1'); sync('d'); put('b', b'2')"
    assert run(script) == {}
    assert run(script + "; sync('.')") == {"d/a": b"1", "b": b"2"}
    assert run("os.rename('d', 'e'); put('e/a', b'3')") == {"d/a": b"3", "b": b"2"}
    assert run("os.rename('d', 'e'); sync('.')") == {"e/a": b"3", "b": b"2"}


def test_undoes_a_rename_without_a_sync_of_the_directory(run):
    run("put('a', b'old'); sync('.')")
    replace = "put('fresh', b'new'); os.rename('fresh', 'a')"
    assert run(replace) == {"a": b"old"}
    assert run(replace + "; sync('.')") == {"a": b"new"}
    assert run("os.unlink('a')") == {"a": b"new"}
    assert run("os.unlink('a'); sync('.')") == {}


def test_tells_a_file_from_another_that_had_its_name_or_inode(run):
    run("put('a', b'old' * 100); sync('.')")
    assert run("""
        for i in range(50):
            os.unlink('a')
            put('a', b'new', synced=False)
        """) == {"a": b"old" * 100}
    assert run("os.unlink('a'); put('a', b'new', synced=False); sync('.')") == {"a": b""}


def test_takes_no_more_than_was_there_at_the_sync(run):
    run("put('a', b'0' * 10); sync('.')")
    assert run("""
        fd = os.open('a', os.O_RDWR)
        os.pwrite(fd, b'11', 2)
        os.writev(fd, [b'2', b'2'])
        os.pwritev(fd, [b'3', b'3'], 12)
        os.fdatasync(fd)
        os.pwrite(fd, b'lost', 4)
        """) == {"a": b"2211000000\0\x0033"}
    assert run("""
        fd = os.open('a', os.O_RDWR)
        os.ftruncate(fd, 4)
        os.pwrite(fd, b'9', 6)
        os.fsync(fd)
        os.ftruncate(fd, 1)
        """) == {"a": b"2211\0\x009"}


def test_takes_synchronous_writes_at_once(run):
    assert run("put('a', b'1', os.O_DSYNC, synced=False); sync('.')") == {"a": b"1"}


def test_outlives_a_process_that_was_killed_while_the_power_stayed_on(run):
    run("put('a', b'1'); sync('.'); put('a', b'2', synced=False)", cut=False)
    assert run("sync('a')") == {"a": b"2"}


def test_leaves_locks_alone(run, place):
    """A process that closes any descriptor of a file loses its POSIX locks on it."""
    run("""
        fd = os.open('a', os.O_WRONLY | os.O_CREAT)
        fcntl.lockf(fd, fcntl.LOCK_EX)
        os.write(fd, b'1')
        os.fsync(fd)
        if os.fork() == 0:
            try:
                fcntl.lockf(os.open('a', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
                put('stolen', b'')
            finally:
                os._exit(0)
        os.wait()
        sync('.')
        """)
    assert not (place[0] / "stolen").exists()


def test_follows_many_threads(run):
    left = run("""
        def work(number):
            fd = os.open(f'f{number}', os.O_RDWR | os.O_CREAT)
            for i in range(200):
                os.pwrite(fd, b'%03d.' % i, i * 4)
                if i % 20 == 19:
                    os.fdatasync(fd)
            os.pwrite(fd, b'lost', 0)
        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        sync('.')
        """)
    assert left == {f"f{number}": b"".join(b"%03d." % i for i in range(200)) for number in range(8)}


DATABASE = """
    database = sqlite3.connect('db', isolation_level=None)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('PRAGMA synchronous={synchronous}')
    database.execute('CREATE TABLE IF NOT EXISTS t(a)')
    for i in range({rows}):
        database.execute('INSERT INTO t VALUES (?)', [str(i) * 200])
    """
COUNT = """
    database = sqlite3.connect('db')
    assert database.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    put('count', b'%d' % database.execute('SELECT count(*) FROM t').fetchone())
    sync('.')
    """


def test_sqlite_keeps_every_commit_with_synchronous_full(run):
    run("put('db', b''); sync('.')")  # its own entry is for whoever makes it to sync
    left = run(DATABASE.format(synchronous="FULL", rows=3000))  # checkpoints on the way
    assert "db-wal" in left and "db-shm" not in left
    assert run(COUNT)["count"] == b"3000"
    run(DATABASE.format(synchronous="FULL", rows=1))
    assert run(COUNT)["count"] == b"3001"


def test_sqlite_loses_commits_with_synchronous_off(run):
    run("put('db', b''); sync('.')")
    run(DATABASE.format(synchronous="FULL", rows=10))
    assert run(COUNT)["count"] == b"10"
    run(DATABASE.format(synchronous="OFF", rows=10))
    assert run(COUNT)["count"] == b"10"
