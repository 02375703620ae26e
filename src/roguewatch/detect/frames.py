"""The many grammatical shapes of a limit, brought to the few that `constraints` reads.

"Leave committing to me", "nothing gets pushed", "pushing is forbidden" and "I would rather
you didn't push" all say: do not push. A frame is the shape without its verb and object; what
stands in it is kept in its own words, so that nothing here knows what is forbidden. The
commonest shapes of a few other languages are translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from roguewatch.detect.scanning import Screen
from roguewatch.detect.tongues import is_english

_MINE = r"(?:me|us|the user|a human|a person|somebody|the (?:team|owner|operator|maintainers?))"
_CONSENT = (
    r"(?:(?:go[- ]?ahead|ok(?:ay)?|say-?so|green light|sign-?off|approval|permission|consent|"
    r"blessing|confirmation|agreement|go)\b)"
)
_DONE = r"(?:is|are|was|be|been|gets?|goes|being)"
_EDIT = r"(?:touch|change|modify|edit|alter|update|rewrite|write|overwrite|fix)"

_FRAMES: tuple[tuple[str, str], ...] = (
        # Consent first: what it covers is no plain prohibition.
        (rf"^\W*(?:run|put|pass|clear) (?:every|all|any|each) (\w+?)s? (?:by|past|with|through) {_MINE}\b.*", r"ask before \1"),
        (rf"\b(?:get|obtain|need|wait for|await|requires?|seek)\w* (?:{_MINE} |my |our |explicit |prior |written |a |an |the )*{_CONSENT}(?: from \w+)? (?:before|prior to|to|for) (?:anything (?:is|gets) )?(.+)", r"ask before \1"),
        (r"\b(?:ask|check|confirm|consult|talk|speak|clear it)\b[^.]{0,40}?\b(?:before|prior to) (?:you )?(.+)", r"ask before \1"),
        (r"^\W*if you (?:think you )?(?:need|want|have) to ([^,]+), (?:please )?(?:talk|speak|ask|check|come|tell|let|write)\b.*", r"ask before \1"),
        (r"^\W*before (?:you )?([^,]+), (?:please )?(?:always )?(?:ask|check|talk|speak|tell|let me know|wait)\b.*", r"ask before \1"),
        (rf"^\W*nothing (?:goes|gets|is \w+|ships?|is to go|rolls? out) (?:out )?(?:live |out )?(?:to|into|in|on) (?:production|prod)\b.*\b(?:without|until|unless|before)\b.*\b(?:i|me|my|our|{_CONSENT}).*", r"ask before touching production"),
        (rf"^\W*(?:nothing|not a single \w+|no \w+|none of \w+) {_DONE} (?:to be )?(\w+)[^.]*\b(?:without|until|unless|before)\b.*\b(?:i|me|my|our|{_CONSENT}).*", r"ask before \1"),
        (rf"^\W*no (\w+?)s? (?:unless|until|without|before)\b.*\b(?:i|me|my|our|user|asked|{_CONSENT}).*", r"ask before \1"),
        (r"^\W*unless (?:i|the user|we|you are)\b[^,]*, (?:please )?(?:do not|don't|never) (.+)", r"ask before \1"),
        (rf"\b(?:do not|don't|never|hold off on|hold off with|wait with) ([^.,;]+?) (?:until|till|before|without|unless)\b.*\b(?:i|me|my|our|you're told|told|{_CONSENT}).*", r"ask before \1"),
        # Prohibitions.
        (rf"^\W*(?:(?:but|and|so) )?(?:please )?leave (?:all |any |the )?(\w+ing)(?: (?:the|of|it)\b[^.]*?)? to {_MINE}\b.*", r"do not \1"),
        (r"^\W*(?:i|we)(?:'ll| will| want to| prefer to| would like to) (?:do|handle|make|take care of|apply|run) (?:the|all|any|every) (\w+?)s? (?:myself|ourselves|on my own|by hand)\b.*", r"do not \1"),
        (r"^\W*(\w+ing) is (?:my|our|the \w+'s|a human'?s?|something only) .*", r"do not \1"),
        (r"^\W*(?:under|in) no (?:circumstances?|case|event)[, ]+(?:should|may|must|can|shall|is|are) (?:anything|something|any \w+) (?:to )?(?:be )?(\w+)\b(.*)", r"do not \1\2"),
        (rf"^\W*nothing (?:should|may|must|can|shall|will|is to)? ?{_DONE} (\w+)\b(?! (?:yet )?(?:in|by|when|if))", r"do not \1"),
        (r"\b(?:you )?(?:are|'re) (?:strictly )?(?:not (?:allowed|permitted|authori[sz]ed|supposed|expected)|forbidden|prohibited|barred|banned) (?:to|from) (.+)", r"do not \1"),
        (r"\b(?:agent|assistant|model|bot) (?:is|are) (?:strictly )?(?:not (?:allowed|permitted|authori[sz]ed)|forbidden|prohibited|barred) (?:to|from) (.+)", r"do not \1"),
        (r"\byou (?:do not|don't|have no|lack(?: the)?)(?: have)?(?: the| any)? (?:authority|permission|right|rights|licen[cs]e|mandate) to (.+)", r"do not \1"),
        (r"\b(?:you|the (?:agent|assistant)) (?:shall|must|may|should|can|will) (?:not|never) (.+)", r"do not \1"),
        (r"\bi(?:'d| would) (?:rather|prefer)(?: it)?(?: if| that)? you (?:did ?n[o']t|not|do not|don't) (.+)", r"do not \1"),
        (r"^\W*we (?:can't|cannot|may not|must not|never|don't|do not) ((?:add|push|use|install|commit|deploy|publish|force|rebase|merge|edit|change|touch|delete)\b.+)", r"do not \1"),
        (r"^\W*([\w-]+ing(?: (?:files|anything|things|branches|data|records|packages|to \w+))?) is (?:strictly |absolutely )?(?:forbidden|prohibited|off[- ]limits|not (?:allowed|permitted|ok|okay|acceptable)|out of (?:the question|bounds)|a no-go|taboo)\b.*", r"do not \1"),
        (r"\bdo not, i repeat,? (do not .+)", r"\1"),
        (r"\bmake do with (?:what|the \w+) .*(?:installed|there|available).*", r"do not install anything"),
        (r"\bwith (?:only )?(?:the )?standard library(?: only)?\b.*", r"do not install packages"),
        (r"\b(?:do not|don't|without) pull(?:ing)? in (?:any |new |more |other )*(?:packages|dependencies|libraries)\b.*", r"do not install packages"),
        (r"\bno (?:new |third[- ]party |external |more |extra )*(\w+?(?:s|es|ing)) (?:to|from|on) (?:any |the |our )?(?:remotes?|servers?|origin|production|prod|outside)\b.*", r"do not \1"),
        (r"^\W*no (destructive|dangerous|irreversible) (commands?|operations?|actions?)\b.*", r"do not run \1 commands"),
        (r"^\W*(?:from now on,? |from here on,? |and )?no (?:more |further )?(deploy|commit|push|merge|release|install|delet|restart|reboot)(?:s|es|e?ments?|ions?|ing)?\b(?! (?:history|access|message|hook|is|was|are))", r"do not \1"),
        (r"^\W*(?:no|without) (?:web|internet|online) (?:search\w*|brows\w*|look-?ups?)\b.*", r"do not use the internet"),
        (r"\b(?:stay|keep) (?:off|away from) the (?:network|internet|web)\b.*", r"do not use the internet"),
        (r"^\W*(?:please )?(?:work|stay|remain) offline\b.*", r"do not use the internet"),
        (r"\b(?:do not|don't|never) (?:execute|run) (?:any )?(?:code|programs?)\b.*", r"do not run commands"),
        (r"^\W*dry[- ]runs? only\b.*", r"do not deploy"),
        # Places that stay as they are.
        (r"^\W*(?:the )?(?:files? |folder |directory |module |public \w+ in )?(\S+(?: \w+)?) (?:is|are|has been) (?:frozen|locked|read[- ]only|not to be (?:changed|touched|edited|modified))\b.*", r"do not change \1"),
        (r"^\W*(?:everything|anything|all(?: files)?) (?:in|under|below|inside) (\S+) is (?:read[- ]only|frozen|off[- ]limits|locked)\b.*", r"do not change \1"),
        (r"^\W*(?:please )?treat (.+?) as (?:read[- ]only|frozen|immutable|off[- ]limits|untouchable)\b.*", r"do not change \1"),
        (r"^\W*(.+?) (?:must|has to|have to|should|needs? to|shall|is to|are to) (?:stay|remain|be left|be kept) (?:untouched|unchanged|unmodified|intact|alone|as (?:is|it is|they are))\b.*", r"do not change \1"),
        (r"^\W*keep (.+?) (?:unchanged|untouched|as is|intact|unmodified)\b.*", r"do not change \1"),
        (r"^\W*(?:there (?:should|must|may) be )?no (?:changes|edits|modifications) (?:to|in|under) (.+)", r"do not change \1"),
        (r"^\W*leave (?:the )?[\w ,]*?alone\b[^:]*: ?(.+)", r"do not change \1"),
        (rf"\byou (?:may|can|should|must)(?: not|n't|not) {_EDIT} (.+?) (?:to|so that|in order to)\b.*", r"do not change \1"),
        (r"\b(?:anything|everything|any file|all files|whatever you (?:like|want)) (?:except|but|apart from|other than|save) (?:for )?(?:the )?(.+)", r"do not change \1"),
        (r"\btests are (?:right|correct|fixed|fine)\b.*", r"do not change the tests"),
        # Only there.
        (r"^\W*(?:please )?(?:stick|confine yourself|restrict yourself|limit yourself|keep) to (?:the )?(?:files (?:in|under) |folder |directory )?(.+)", r"only change \1"),
        (r"\b(?:restrict|limit|confine) (?:your |all |any |the )*(?:changes|edits|work|yourself|modifications) to (.+)", r"only change \1"),
        (rf"^\W*{_EDIT} (.+?) and nothing else\b.*", r"only change \1"),
        (rf"^\W*{_EDIT} nothing (?:but|except|other than|besides) (?:the )?(.+)", r"only change \1"),
        (rf"\bthe only (?:files?|folder|directory|thing|place|module)s? (?:that )?(?:you |to )?(?:may|can|should|are allowed to|is allowed to be)? ?(?:{_EDIT}|work (?:in|on)) (?:is|are) (.+)", r"only change \1"),
        (r"\bwork (?:exclusively|solely|only) (?:in|on|inside|within|under) (.+)", r"only change \1"),
        (r"^\W*keep (?:all |your |the |any )*(?:edits|changes|work|modifications) (?:inside|within|in|to|under) (.+)", r"only change \1"),
        (r"^\W*nothing (?:outside(?: of)?|beyond|except|but) (\S+) (?:should|may|must|can|is to) (?:be )?chang\w*.*", r"only change \1"),
        (rf"\b(?:permission|allowed|permitted|free) to {_EDIT} (\S+) only\b.*", r"only change \1"),
        # Only look.
        (r"^\W*(?:just )?(?:look|read|observe|watch),? (?:but )?(?:don't|do not|no) (?:touch\w*|chang\w*|edit\w*|modif\w*|fix\w*)\b.*", r"read-only mode"),
        (r"\b(?:only want|want only|just want|only need|is to) (?:an? |the |to )?(?:diagnos\w+|analysis|report|review|opinion|explanation|answer|assessment)\b[^.]*\bnot (?:to )?(?:an? |the )?(?:fix|repair|change|patch|implement\w*)\w*.*", r"read-only mode"),
        (r"\bno (?:modifications|changes|edits)(?: whatsoever| at all| please|,? (?:thanks|please))?\W*$", r"read-only mode"),
        (r"\bmake no (?:modifications|changes|edits)\b(?! to).*", r"read-only mode"),
        (r"^\W*(?:only|just) (?:suggest|propose|recommend|describe) .*", r"read-only mode"),
        (r"^\W*(?:this is |it's )?(?:a )?(?:analysis|investigation|review|research) only\b.*", r"read-only mode"),
        (r"\b(?:must|may|should|can) only (?:ever )?(?:read|select|look) .*never (?:write|change|modify|insert|update|delete).*", r"do not write to the database"),
)  # fmt: skip
_FRAMED = Screen(pattern for pattern, _ in _FRAMES)
_GATES = re.compile(
    r"need to|stay off|off the|dry[- ]run|"
    r"no\b|n't|not\b|never|only|leave|keep|stick|confine|restrict|limit|alone|frozen|locked|read|ask|"
    r"check|confirm|consult|talk|before|prior|approv|permission|sign-?off|\bok\b|go-?ahead|wait|run every|"
    r"myself|\bis (?:my|our|something)|rather|prefer|offline|make do|standard library|exclusively|solely|"
    r"nothing|except|\bbut\b|other than|forbidden|prohibited|barred|off[- ]limits|untouched|unchanged|"
    r"intact|treat|suggest|diagnos|analysis|tests are|unless|until|till"
)
_VERBS = {
    "pushed": "push", "pushes": "push", "commits": "commit", "deploys": "deploy", "merges": "merge", "committed": "commit", "deleted": "delete anything", "removed": "delete anything",
    "deployed": "deploy", "merged": "merge", "installed": "install anything", "published": "publish",
    "sent": "send anything", "paid": "pay", "released": "release", "restarted": "restart",
    "deploy": "deploy", "delet": "delete anything", "payment": "pay", "payments": "pay",
    "out": "send anything", "booked": "book", "bought": "buy", "deployment": "deploy",
    "deployments": "deploy", "changed": "change anything", "touched": "change anything",
    "edited": "change anything", "modified": "change anything", "deleting": "delete anything",
    "delete": "delete anything", "deletion": "delete anything", "deletions": "delete anything",
}  # fmt: skip
_ABOUT = re.compile(r"^(ask before|do not) (?:you )?([a-z-]+)([.!]?)$")
_FOREIGN = re.compile(
    r"[^\x00-\x7f‘’“”–—…•✅✔]|\b(?:nicht|nichts|niemals|kein\w*|bitte|nur|ohne|der|das|und|pas|rien|jamais|aux|les|"
    r"des|une|sans|nada|nunca|hagas|borres|toques|favor|sin|los|las|del|niente|senza|il|gli|niet|geen|"
    r"het|een|inte|och|inga|não|sem|por)\b"
)
_ABROAD_NO = re.compile(
    r"\b(?:nicht|nichts|niemals|kein\w*|ne|n['’]\w*|pas|rien|jamais|aucun\w*|no|nunca|nada|ningún|non|"
    r"mai|niente|não|nunca|niet|niets|geen|inte|aldrig|ingen\w*|не|ничего|никогда)\b|不要|别|禁止|不得|请勿|勿|しないで|禁止"
)
_ABROAD_ONLY = re.compile(
    r"\b(?:nur|ausschließlich|uniquement|seulement|solo|sólo|únicamente|solamente|soltanto|apenas|"
    r"somente|alleen|enkel|bara|endast|только)\b|只|仅|だけ"
)
_ABROAD_REMIND = re.compile(
    r"\bvergiss|vergessen|\boublie|\bolvid|\bdimentic|\besque[cç]|\bvergeet|\bglöm|забуд|忘"
)
_ABROAD_VERBS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (verb, re.compile(pattern))
    for verb, pattern in (
        ("push", r"\b(?:push|pouss|empuj)|\bsub(?:as|ir|a)\b|推送|プッシュ"),
        ("commit", r"\bcommit|\bcommet|提交|コミット"),
        ("delete anything", r"\blösch|\bentfern|\bsupprim|\befface|\bborr|\belimin|\bcancella|\bapag|\bexclu|\bverwijder|\bradera|\bta bort|удал|删|削除"),
        ("install anything", r"\binstall?|установ|安装|インストール"),
        ("deploy", r"\bdeploy|\bdéploi|\bdespleg|部署|デプロイ"),
        ("change", r"\bänder|\bveränder|\banfass|\bbearbeit|\bfass\w* .*\ban\b|\bmodifi|\bchang|\btouch|\btoqu|\bcambi|\btocc|\balter|\bmud|\bwijzig|\bverander|\baanra|\bändra|\brör|измен|трог|修改|更改|改动|动|変更|触"),
        ("send anything", r"\bschick|\bsende|\benvoy|\benví|\benvi|\bmanda|\binvia|\bstuur|\bskicka|отправ|发送|送"),
    )
)  # fmt: skip
_ABROAD_PATH = re.compile(r"(?:~|\.{0,2})/?[\w.@*-]+(?:/[\w.@*-]*)+|\b[\w-]+\.[a-z]{1,5}\b")


_Search = Callable[[str], re.Match[str] | None]


@cache
def _frames() -> tuple[tuple[_Search, str], ...]:
    """The frames, compiled when the first limit is read and not at start."""
    return tuple((_searcher(pattern), template) for pattern, template in _FRAMES)


def _searcher(pattern: str) -> _Search:
    """`re` tries an anchored pattern at every place, if one asks it to search."""
    compiled = re.compile(pattern)
    return compiled.match if pattern.startswith("^") else compiled.search


def canonical(clause: str) -> list[str]:
    """A lower-case clause of a limit in the shapes that `constraints` reads.

    Args:
        clause: one sentence or a clause of one.

    Returns:
        No, one or two rewritten clauses; the clause itself is not among them.
    """
    if not is_english(clause) and _FOREIGN.search(clause) and (found := _abroad(clause)):
        return [found]
    if not _FRAMED.may_match(clause) or not _GATES.search(clause):
        return []
    for search, template in _frames():
        match = search(clause)
        if match:
            return [_plain(match.expand(template).strip(" .,;:!"))]
    return []


def _plain(clause: str) -> str:
    """With the verb in a form that the acts know: "ask before deployed" is "ask before deploy"."""
    match = _ABOUT.match(clause)
    if match and match.group(2) in _VERBS:
        return f"{match.group(1)} {_VERBS[match.group(2)]}"
    head, verb, rest = clause[:7], *clause[7:].partition(" ")[::2]
    if head == "do not " and verb in _VERBS:
        return f"{head}{_VERBS[verb].split()[0]} {rest}"
    return clause


def _abroad(clause: str) -> str:
    """What a clause in another language forbids, in English; or nothing."""
    path = _ABROAD_PATH.search(clause)
    verb = next((name for name, pattern in _ABROAD_VERBS if pattern.search(clause)), "")
    if not verb or _ABROAD_REMIND.search(clause):
        return ""
    if _ABROAD_ONLY.search(clause) and path and verb == "change":
        return f"only change {path.group()}"
    if not _ABROAD_NO.search(clause):
        return ""
    if verb == "change":
        tests = re.search(r"\btest|测试|テスト|тест", clause) is not None
        return f"do not change {path.group() if path else 'the tests' if tests else 'anything'}"
    return f"do not {verb}"
