"""Checkpoints: the C2SP tlog-checkpoint, signed as a C2SP signed-note with Ed25519.

    roguewatch/ledger/9f…        origin: the log's name, also the key's
    1024                         number of leaves
    CsUYapGGPo4dkMgIAUqom/X…=    root hash, base64
    segments 3 qFq8Rz…=          extension: digest over the sealed files (`segments_digest`)
                                 (empty line)
    — roguewatch/ledger/9f… Az3grl…=

The signature line holds base64(key id ‖ signature), with the key id the first four
bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). https://c2sp.org/signed-note,
https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign, crypto_sign_BYTES

from roguewatch.errors import LedgerError, TamperError

_ED25519 = b"\x01"


def key_id(name: str, public: bytes) -> bytes:
    """The four bytes that tell keys of one name apart."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


class Verifier:
    """A public key with the name it signs as.

    Args:
        name: the origin.
        public: 32 bytes.
    """

    def __init__(self, name: str, public: bytes) -> None:
        self.name = name
        self.public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @staticmethod
    def parse(text: str) -> Verifier:
        """From its text form, name+key id+base64(0x01 ‖ key).

        Raises:
            LedgerError: the text is no such key.
        """
        try:
            name, claimed, encoded = text.strip().split("+", 2)
            blob = b64decode(encoded, validate=True)
            public = blob[1:]
            good = blob[:1] == _ED25519 and len(public) == 32
            good = good and bool(name) and claimed == key_id(name, public).hex()
        except ValueError as error:
            raise LedgerError("not a verifier key (name+id+base64)") from error
        if not good:
            raise LedgerError("not an Ed25519 verifier key, or its key id does not match")
        return Verifier(name, public)

    def __str__(self) -> str:
        encoded = b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{encoded}"

    def open(self, note: str) -> str:
        """The text of a note that this key signed.

        Raises:
            TamperError: it is malformed or not signed by this key.
        """
        text, found, signatures = note.rpartition("\n\n")
        text += "\n"
        if not found or not signatures.endswith("\n"):
            raise TamperError("not a signed note")
        expected = key_id(self.name, self.public)
        for line in signatures[:-1].split("\n"):
            mark, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if mark != "—" or not name or not encoded:
                raise TamperError("malformed signature line in a signed note")
            try:
                blob = b64decode(encoded, validate=True)
            except ValueError as error:
                raise TamperError("malformed signature line in a signed note") from error
            if name != self.name or blob[:4] != expected:
                continue
            if b64encode(blob).decode() != encoded:
                raise TamperError("a signature is not in canonical base64")
            try:
                self._key.verify(blob[4:], text.encode())
            except InvalidSignature as error:
                raise TamperError(f"the signature of {self.name} does not verify") from error
            return text
        raise TamperError(f"not signed by {self.name}")


class Signer:
    """A private key with the name it signs as."""

    def __init__(self, name: str, seed: bytes) -> None:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self.verifier = Verifier(name, public)
        self._seed = seed
        self._secret = seed + public
        """As libsodium wants it, which signs in two thirds of OpenSSL's time: every commit
        waits for a signature."""
        self._id = key_id(name, self.verifier.public)

    @staticmethod
    def generate(name: str) -> Signer:
        """A new key."""
        return Signer(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @staticmethod
    def parse(text: str) -> Signer:
        """From its text form, PRIVATE+KEY+name+key id+base64(0x01 ‖ seed).

        Raises:
            LedgerError: the text is no such key.
        """
        try:
            name, claimed, encoded = text.strip().removeprefix("PRIVATE+KEY+").split("+", 2)
            blob = b64decode(encoded, validate=True)
            if not text.startswith("PRIVATE+KEY+") or blob[:1] != _ED25519 or len(blob) != 33:
                raise ValueError(name)
        except ValueError as error:
            raise LedgerError("not a signing key (PRIVATE+KEY+name+id+base64)") from error
        signer = Signer(name, blob[1:])
        if claimed != signer._id.hex():
            raise LedgerError("a signing key whose key id does not match it")
        return signer

    def private_text(self) -> str:
        """The text form that `parse` reads. Secret."""
        encoded = b64encode(_ED25519 + self._seed).decode()
        return f"PRIVATE+KEY+{self.verifier.name}+{self._id.hex()}+{encoded}"

    def sign(self, text: str) -> str:
        """The signed note over `text`, which ends with a newline."""
        signed = crypto_sign(text.encode(), self._secret)
        signature = b64encode(self._id + signed[:crypto_sign_BYTES]).decode()
        return f"{text}\n— {self.verifier.name} {signature}\n"


class Checkpoint(msgspec.Struct, frozen=True):
    """A signed statement of how many leaves there are, and which."""

    origin: str
    size: int
    """Number of leaves."""
    root: bytes
    """RFC 6962 root hash over them, 32 bytes."""
    segments: int
    """Number of sealed segments."""
    digest: bytes
    """`segments_digest` over those, 32 bytes."""
    note: str
    """The signed note itself: what is stored, published and witnessed."""


def issue(signer: Signer, size: int, root: bytes, segments: int, digest: bytes) -> Checkpoint:
    """Sign a checkpoint."""
    origin = signer.verifier.name
    text = (
        f"{origin}\n{size}\n{b64encode(root).decode()}\n"
        f"segments {segments} {b64encode(digest).decode()}\n"
    )
    return Checkpoint(origin, size, root, segments, digest, signer.sign(text))


def open_checkpoint(verifier: Verifier, note: str) -> Checkpoint:
    """Verify and read a checkpoint.

    Raises:
        TamperError: malformed, signed by another key, or of another log.
    """
    lines = verifier.open(note).split("\n")
    try:
        origin, size, root, extension, end = lines
        word, count, digest = extension.split(" ")
        checkpoint = Checkpoint(
            origin,
            int(size),
            b64decode(root, validate=True),
            int(count),
            b64decode(digest, validate=True),
            note,
        )
        if word != "segments" or end or len(checkpoint.root) != 32 or len(checkpoint.digest) != 32:
            raise ValueError(extension)
    except ValueError as error:
        raise TamperError("a signed note that is no checkpoint of a ledger") from error
    if origin != verifier.name:
        raise TamperError(f"a checkpoint of another log than {verifier.name}")
    return checkpoint


NO_SEGMENTS = bytes(32)
"""`segments_digest` before the first segment."""


def segments_digest(previous: bytes, first: int, count: int, size: int, file: bytes) -> bytes:
    """Bind one more sealed file: a hash chain over (first leaf, leaves, bytes, SHA-256).

    The tree binds what the records say; this binds every byte of the files that
    hold them, padding and footers too.
    """
    return sha256(previous + b"segment %d %d %d " % (first, count, size) + file).digest()
