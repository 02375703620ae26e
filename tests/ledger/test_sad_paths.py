"""Full disks, failing witnesses, missing keys, many callers."""

from __future__ import annotations

import http.server
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.group import GroupCommit
from roguewatch.ledger.ledger import Ledger
from tests.build import event

FILL = """
import sys
from pathlib import Path
from roguewatch.errors import LedgerError
from roguewatch.ledger.ledger import Ledger
from tests.build import event
import os
chunk = int(sys.argv[2])
ledger = Ledger.open(Path(sys.argv[1]))
number = 0
try:
    while True:
        ledger.append(
            event("other", seq=n, raw=os.urandom(3000)) for n in range(number, number + chunk)
        )
        number += chunk
        print(number, flush=True)
except LedgerError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
"""


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("needs to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_a_ledger_that_met_a_full_disk_goes_on_and_closes_clean(small_disk: Path) -> None:
    with Ledger.open(small_disk / "store") as ledger:
        ledger.append([event("other", seq=n, raw=os.urandom(1000)) for n in range(600)])
        filler = small_disk / "filler"
        with pytest.raises(LedgerError), filler.open("wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(bytes(4096))
            except OSError:
                ledger.seal()
        filler.unlink()
        ledger.seal()
        ledger.append([event("other", seq=600)])
        assert [e.seq for e in ledger.events()] == list(range(601))
    assert fsck(small_disk / "store") == []


@pytest.mark.root
@pytest.mark.parametrize("chunk", [10, 2100])
def test_a_full_disk_is_a_clear_error_and_loses_nothing(small_disk: Path, chunk: int) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1 << 20))
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(small_disk / "store"), str(chunk)],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 7, done.stderr
    assert b"full" in done.stderr or b"No space" in done.stderr
    acknowledged = int(done.stdout.split()[-1]) if done.stdout else 0
    filler.unlink()
    with Ledger.open(small_disk / "store") as ledger:
        stored = [e.seq for e in ledger.events()]
    assert stored[:acknowledged] == list(range(acknowledged))
    assert fsck(small_disk / "store") == []


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))


def test_a_file_size_limit_is_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path), "2100"],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=_limited,
        timeout=60,
    )
    assert done.returncode == 7, done.stderr
    assert b"cannot be written" in done.stderr
    with Ledger.open(tmp_path) as ledger:
        assert ledger.append([event("other")]).added == 1
    assert fsck(tmp_path) == []


def test_a_failed_append_leaves_a_ledger_that_goes_on(tmp_path: Path) -> None:
    def failing():
        yield from (event("other") for _ in range(3000))
        raise RuntimeError("the source broke")

    with Ledger.open(tmp_path) as ledger:
        ledger.append([event("other")])
        with pytest.raises(RuntimeError, match="the source broke"):
            ledger.append(failing())
        assert ledger.append([event("other")]).added == 1
        ledger.seal()
        assert ledger.size() == 2
    assert fsck(tmp_path) == []


def test_a_missing_key_stops_writing_and_not_reading(tmp_path: Path, own_places: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.append([event("other")])
    (key,) = (own_places / "xdg_config_home/roguewatch/keys").glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert not any(b"PRIVATE" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    key.chmod(0o644)
    with pytest.raises(LedgerError, match="chmod 600"):
        Ledger.open(tmp_path)
    key.unlink()
    with pytest.raises(LedgerError, match="signing key"):
        Ledger.open(tmp_path)
    with Ledger.open(tmp_path, readonly=True) as reader:
        assert len(list(reader.events())) == 1


def test_a_store_that_no_segment_could_be_written_to_is_refused_before_it_takes_events(
    tmp_path: Path,
) -> None:
    store = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(LedgerError, match="not UTF-8"):
        Ledger.open(store)
    assert not store.exists()


def test_a_rolled_back_store_is_not_written_to(tmp_path: Path) -> None:
    import shutil

    with Ledger.open(tmp_path / "store") as ledger:
        ledger.append([event("other")])
    shutil.copytree(tmp_path / "store", tmp_path / "old")
    with Ledger.open(tmp_path / "store") as ledger:
        ledger.append([event("other")])
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "old", tmp_path / "store")
    with pytest.raises(TamperError, match="rolled back"):
        Ledger.open(tmp_path / "store")


class _Witness(http.server.BaseHTTPRequestHandler):
    notes: list[bytes]

    def do_POST(self) -> None:
        self.notes.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200 if self.notes else 404)
        self.end_headers()
        self.wfile.write(self.notes[-1] if self.notes else b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_a_witness_may_be_an_address_and_its_failure_is_told(tmp_path: Path) -> None:
    handler = type("Handler", (_Witness,), {"notes": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/log"
    with Ledger.open(tmp_path, witness=address) as ledger:
        ledger.append([event("other")])
        ledger.seal()
        assert handler.notes[-1].decode() == ledger.checkpoint().note
        assert ledger.fsck() == []
        server.shutdown()
        server.server_close()
        ledger.append([event("other")])
        ledger.seal()
        assert "took no checkpoint" in ledger.witness_error
    assert [fault.place for fault in fsck(tmp_path, address)] == ["witness"]


def test_many_threads_commit_together(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger, GroupCommit(ledger) as group:
        threads = [
            threading.Thread(
                target=lambda n=n: [
                    group.append([event("other", seq=100 * n + m)]) for m in range(20)
                ]
            )
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        futures = [group.submit([event("other", seq=1000 + n)]) for n in range(100)]
        assert all(future.result().added for future in futures)
        assert ledger.size() == 260
    with pytest.raises(LedgerError, match="closed"):
        group.submit([])
    assert fsck(tmp_path) == []


def test_a_reader_sees_every_event_once_while_the_writer_seals(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.append([event("other", seq=n) for n in range(700)])
        with Ledger.open(tmp_path, readonly=True) as reader:
            seen = []
            for number, found in enumerate(reader.events()):
                seen.append(found.seq)
                if number == 100:
                    ledger.seal()
                    ledger.append([event("other", seq=n) for n in range(700, 800)])
            assert seen == list(range(700))
            assert reader.fsck() == []
