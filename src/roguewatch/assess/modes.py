"""What a permission mode lets an agent do without asking, in the sources' own words."""

from __future__ import annotations

from typing import Literal

ModeClass = Literal["unrestricted", "automatic", "asks", "unstated", "unrecognised"]

CLASSES: dict[ModeClass, str] = {
    "unrestricted": "runs anything, asks nobody",
    "automatic": "runs some actions or works inside a sandbox without asking",
    "asks": "asks a person before it acts",
    "unstated": "the source does not say",
    "unrecognised": "a mode that this version does not know",
}

# Claude Code: sdk.d.ts PermissionMode. Gemini CLI: ApprovalMode. Codex: approval policy.
_WORDS: dict[str, ModeClass] = {
    "bypasspermissions": "unrestricted",
    "yolo": "unrestricted",
    "allow-all": "unrestricted",
    "allowall": "unrestricted",
    "full-access": "unrestricted",
    "acceptedits": "automatic",
    "auto": "automatic",
    "auto_edit": "automatic",
    "autoedit": "automatic",
    "dontask": "automatic",
    "default": "asks",
    "manual": "asks",
    "plan": "asks",
}
_ASKING_POLICIES = ("untrusted", "unless-trusted", "on-request", "always", "granular")


def mode_class(mode: str) -> ModeClass:
    """The class of a permission mode.

    Args:
        mode: as the source spells it; Codex gives `approval policy/sandbox`.
    """
    word = mode.strip().lower()
    if not word:
        return "unstated"
    if word in _WORDS:
        return _WORDS[word]
    policy, slash, sandbox = word.partition("/")
    if not slash:
        return "unrecognised"
    if policy in ("never", "on-failure"):
        open_access = sandbox in ("danger-full-access", "disabled", "none")
        return "unrestricted" if open_access and policy == "never" else "automatic"
    if policy.startswith(_ASKING_POLICIES):
        return "asks"
    return "unrecognised"
