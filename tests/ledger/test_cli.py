"""`roguewatch ledger` and the stand-alone verifier, as an outsider would use them."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from roguewatch.ledger.ledger import Ledger
from tests.build import event

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_evidence.py"


def roguewatch(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "roguewatch", "ledger", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60)


def verify_evidence(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    # -I: nothing of ours can be imported, even by accident.
    command = [sys.executable, "-I", "-S", str(VERIFIER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Ledger.open(tmp_path / "store") as ledger:
        ledger.append(_events(0, 300))
        ledger.seal()
        ledger.append(_events(300, 7))
    return tmp_path / "store"


def _events(first: int, count: int) -> list:
    return [
        event("other", session=f"s{n % 2}", seq=n, id=f"{n:032x}", raw=b'{"n": %d}\n' % n)
        for n in range(first, first + count)
    ]


def _key(store: Path) -> str:
    key: str = json.loads((store / "ledger/ledger.json").read_bytes())["key"]
    return key


def test_verify_and_fsck_say_ok_and_then_name_what_was_changed(store: Path) -> None:
    for arguments in (["verify"], ["verify", "--quick"], ["fsck"]):
        done = roguewatch(*arguments, "--store", store)
        assert (done.returncode, done.stdout[:3]) == (0, b"OK:"), done
    (segment,) = (store / "ledger/segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    for name in ("verify", "fsck"):
        done = roguewatch(name, "--store", store)
        assert done.returncode == 1
        assert f"FAULT segments/{segment.name}".encode() in done.stdout
    assert roguewatch("verify", "--quick", "--store", store).returncode == 0, "reads no event"
    done = roguewatch("fsck", "--store", store, "--json")
    assert json.loads(done.stdout.splitlines()[0])["place"] == f"segments/{segment.name}"


def test_verify_reports_a_missing_witness_and_writing_is_refused(
    store: Path, own_places: Path
) -> None:
    (witness,) = (own_places / "xdg_state_home/roguewatch/witness").iterdir()
    witness.unlink()
    for name in ("verify", "fsck"):
        done = roguewatch(name, "--store", store)
        assert done.returncode == 1
        assert b"FAULT witness" in done.stdout
    done = roguewatch("checkpoint", "--store", store)
    assert done.returncode == 2
    assert b"--new-witness" in done.stderr
    assert roguewatch("checkpoint", "--store", store, "--new-witness").returncode == 0
    assert roguewatch("verify", "--store", store).returncode == 0


def test_no_ledger_and_bad_usage_exit_with_two(tmp_path: Path, store: Path) -> None:
    assert roguewatch("verify", "--store", tmp_path / "none").returncode == 2
    assert roguewatch("fsck", "--store", tmp_path / "none").returncode == 2
    assert roguewatch("prove", "0" * 32 + "1", "--store", store).returncode == 2
    assert roguewatch("export", "no such session", "--store", store).returncode == 2


def test_export_gives_the_source_bytes_back(store: Path) -> None:
    done = roguewatch("export", "s1", "--store", store)
    assert done.stdout == b"".join(b'{"n": %d}\n' % n for n in range(1, 307, 2))
    records = roguewatch("export", "s1", "--store", store, "--records").stdout.splitlines()
    assert [json.loads(record)["seq"] for record in records] == list(range(1, 307, 2))


@pytest.mark.parametrize("number", [0, 255, 256, 299, 300, 306])
def test_an_outsider_can_verify_a_proof(store: Path, tmp_path: Path, number: int) -> None:
    proof = tmp_path / "proof.json"
    done = roguewatch("prove", f"{number:032x}", "--store", store, "--out", proof)
    assert done.returncode == 0, done
    done = verify_evidence(proof, "--key", _key(store))
    assert (done.returncode, done.stdout) == (0, b"OK: event %032x is leaf %d of 307\n" % (
        number, number,
    )), done  # fmt: skip


def test_an_outsider_refuses_a_proof_with_anything_changed(store: Path, tmp_path: Path) -> None:
    good = json.loads(roguewatch("prove", f"{9:032x}", "--store", store).stdout)
    other = json.loads(roguewatch("prove", f"{8:032x}", "--store", store).stdout)
    root = good["checkpoint"].split("\n")[2]
    changes = [
        {"record": good["record"].replace("other", "usage")},
        {"record": other["record"]},
        {"format": "roguewatch-proof/2"},
        {"key": good["key"][:-4] + "AAA="},
        {"raw": b64encode(b"changed").decode()},
        {"raw": ""},
        {"index": 8},
        {"index": -1},
        {"path": good["path"][:-1]},
        {"path": [*good["path"], good["path"][0]]},
        {"path": good["path"][::-1]},
        {"path": None},
        {"checkpoint": good["checkpoint"].replace("\n307\n", "\n308\n")},
        {"checkpoint": good["checkpoint"].replace(root, b64encode(bytes(32)).decode())},
        {"checkpoint": good["checkpoint"].split("\n\n")[0] + "\n\n"},
        {"checkpoint": good["checkpoint"][:-8] + "AAAA" + good["checkpoint"][-4:]},
    ]
    for change in changes:
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps({**good, **change}))
        done = verify_evidence(bad, "--key", _key(store))
        assert done.returncode == 1, (change, done)
        assert done.stderr.startswith(b"DOES NOT HOLD"), (change, done)


def test_an_outsider_refuses_another_key(store: Path, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "second") as other:
        key = str(other.identity.verifier())
    checkpoint = store / "ledger/checkpoint"
    assert verify_evidence(checkpoint, "--key", _key(store)).returncode == 0
    assert verify_evidence(checkpoint, "--key", key).returncode == 1


def test_an_outsider_can_verify_that_a_log_only_grew(store: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.write_bytes((store / "ledger/checkpoint").read_bytes())
    proof = tmp_path / "consistency.json"
    command = ("checkpoint", "--store", store, "--since", older, "--out", proof)
    assert roguewatch(*command).returncode == 0
    done = verify_evidence(proof, "--key", _key(store))
    assert (done.returncode, done.stdout) == (0, b"OK: the log of 307 begins with that of 300\n")
    bad = json.loads(proof.read_text())
    bad["path"] = bad["path"][1:]
    proof.write_text(json.dumps(bad))
    assert verify_evidence(proof, "--key", _key(store)).returncode == 1


def test_a_tlog_proof_has_the_standard_form(store: Path) -> None:
    lines = roguewatch("prove", f"{9:032x}", "--store", store, "--tlog").stdout.split(b"\n")
    assert lines[:2] == [b"c2sp.org/tlog-proof@v1", b"index 9"]
    assert b"307" in lines
