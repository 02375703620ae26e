"""The signs by which a text speaks to the agent that reads it, in any wording."""

from __future__ import annotations

_AI = (
    r"(?:an? |the |this |any |all |other |dear |fellow )?(?:\w+[ -])?"
    r"(?:ai|llms?|language models?|ai agents?|chat ?bots?|(?:ai|coding|virtual|digital|helpful) "
    r"assistants?|(?:autonomous|coding|automated|language) agents?|gpt[\w.-]*|claude|gemini|"
    r"llama[\w.-]*|copilot|chatgpt|mistral|codex)"
)
_TASK = (
    r"(?:your|the|this|that|its|any|initial|original|current|main|previous|earlier|user'?s?|"
    r"remaining|actual|given)"
)

CUES: dict[str, tuple[int, str]] = {
    "overrides earlier instructions": (
        3,
        r"\b(?:ignor|disregard|forget|overrid|bypass|overrul|supersed|replac|cancel|void|discard)"
        r"\w*\W+(?:\w+\W+){0,5}(?:instructions?|prompts?|directives?|guidelines|"
        r"(?:previous|prior|earlier|original|user'?s?|other|current) (?:tasks?|requests?|"
        r"messages?|context|rules|orders|commands?|queries|query|goals?))\b",
    ),
    "keeps it from the user": (
        3,
        r"\b(?:do not|don't|never|avoid|without|no need to|not to|refrain from)\W+(?:\w+\W+){0,3}"
        r"(?:tell|mention|inform|notify|reveal|disclos|alert|show|report|ask|confirm|"
        r"acknowledg)\w*\W+(?:\w+\W+){0,4}(?:users?|humans?|owner|operator|anyone|customer|this|"
        r"these|them)\b",
    ),
    "plays a turn or system role": (
        3,
        r"<\s*/?\s*(?:system|instructions?|admin|user|assistant|im_start|im_end|prompt|important|"
        r"command|override|developer|tool_?\w*)\b[^>\n]{0,40}>|\[/?\s*(?:inst|sys|system)[\w ]*\]|"
        r"<\|[\w]{2,20}\|>|[\"']role[\"']\s*:\s*[\"'](?:system|user|assistant|developer)[\"']|"
        r"#{2,4} *(?:system|new|updated|assistant|user|human)?\W*"
        r"(?:instructions?|prompt|message|system)\b|(?:^|[\n\"'>]|[.!?] ) *(?:system|developer|admin"
        r"(?:istrator)?|assistant) ?(?:message|note|notice|prompt|override|alert|update|"
        r"instructions?|reminder)? ?:",
    ),
    "steps before the given task": (
        2,
        r"\b(?:before|after|prior to|instead of|rather than|in addition to|in order to|while|"
        r"once|when|as part of|to)\W+(?:\w+\W+){0,4}"
        rf"(?:solv|complet|continu|finish|proceed|perform|resum|start|do|answer|fulfil|return|"
        rf"handl|execut|work|respond|process|begin|address)\w*\W+(?:\w+\W+){{0,2}}{_TASK}"
        r"\W+(?:\w+\W+){0,2}(?:tasks?|requests?|questions?|quer(?:y|ies)|jobs?|instructions?|"
        r"prompt|objective|assignment|goal)\b",
    ),
    "speaks of the agent's own task": (
        2,
        r"\b(?:(?:your|the user'?s?|the original|the initial) (?:(?:\w+ ){0,2})"
        r"(?:system prompt|instructions?|guidelines|user|task|objective|prompt|"
        r"next (?:action|step|task)|tool calls?|context window|training)\b|"
        r"(?:task|request|question|job)s? (?:that )?(?:i|we) (?:gave|assigned|asked|have given|"
        r"requested|sent)\b|(?:task|request|instructions?) (?:given|assigned) to you|"
        r"(?:new|updated|additional|following|special|further|urgent|mandatory) "
        r"(?:instructions?|directives?|task|objective)s?\b)",
    ),
    "addresses the model": (
        2,
        rf"(?:\bto you,? (?:the )?{_AI}\b|\b(?:you are|you're|as|acting as) {_AI}\b|"
        rf"\b(?:dear|hello|hi|hey|attention|attn|note (?:to|for)|message (?:to|for)|"
        rf"instructions? (?:to|for)|for|notice (?:to|for)|reminder (?:to|for)|if you are|any|all|"
        rf"important for)[ ,:]*{_AI}\b|\b{_AI} ?(?::|,? ?(?:must|should|shall|needs? to|ha(?:s|ve)"
        r" to|please|is (?:required|requested|instructed|authori[sz]ed)|are (?:required|"
        r"requested|instructed|authori[sz]ed|expected)) )|\b(?:assistants?|agents?|model)"
        r"(?:,|:| (?:must|should|shall|needs to|is required to|is instructed to|reading this|"
        r"processing this))|\b(?:assistants?|agents?|models?|bots?) (?:that|which|who) (?:\w+ ){1,6}(?:must|"
        r"should|shall|needs? to|ha(?:s|ve) to|(?:is|are) (?:required|requested|instructed|expected|"
        r"asked|obliged) to))",
    ),
    "speaks for the user": (
        2,
        r"\bthe (?:user|customer|account owner|human|operator)s? (?:has |have |had )?(?:already |"
        r"also |now |just |explicitly )?(?:wants?|asked|approved|authori[sz]ed|would like|wish(?:es"
        r")?|needs?|requested|instructed|consented|agreed|confirmed|expects?|requires?)\b",
    ),
    "speaks of the user as of another": (
        2,
        r"\bthe (?:user|account owner|account holder|human|operator)(?:'s|s'|’s) "
        r"(?:\w+ ){0,2}(?:names?|phones?|model|e-?mails?|address\w*|passwords?|accounts?|data|files?|"
        r"credentials?|information|details?|history|contacts?|messages?|calendar|keys?|tokens?|"
        r"location|balance|documents?|inbox|number|secrets?|preferences)\b",
    ),
    "urges": (
        1,
        r"\b(?:important|urgent|attention|critical|mandatory|crucial|asap|immediately|must|"
        r"required|strictly|todo|note to self)\b[!:]?|!!",
    ),
    "second person": (1, r"\b(?:you|your|yourself)\b"),
    "hidden from view": (
        1,
        r"<!--|display: ?none|font-size: ?0|visibility: ?hidden|color: ?(?:white|#fff)|"
        r"\bbegin (?:hidden|internal|confidential)\b",
    ),
}
"""Name → (how much it says, RE2 pattern). Two points address the agent, three take over."""
