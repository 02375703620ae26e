"""The shapes of limits: how prohibitions, exceptions, conditions and places are put.

All are matched on lower-case clauses with straight quotes.
"""

from __future__ import annotations

import re

from roguewatch.detect.deeds import words
from roguewatch.detect.scanning import Scanner, Screen

NO = (
    r"(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|may not|can't|cannot|"
    r"not (?:allowed|permitted|supposed|authori[sz]ed) to|are forbidden to|prohibited from|avoid|"
    r"refrain from|without|under no circumstances(?: should you| may you| must you)?|hold off (?:on|with)|"
    r"wait with|(?:you )?(?:are|'re) not to|i (?:do not|don't) want you to|no)"
)
HEAD = re.compile(rf"\b{NO}\s+(?:(?:ever|please|yet|just|actually|you|under any circumstances|to|"
                   r"try to|attempt to|directly|automatically)\s+){0,3}")  # fmt: skip
ANY = Scanner(
    r"(?i)do not|don.?t|never|must ?n|should ?n|may not|can.?t|cannot|not allowed|not permitted|"
    r"avoid|refrain|without|read[- ]only|\bonly\b|stay (?:in|with)|keep .{0,40}(?:inside|within| in )|leave|limit|restrict|no (?:\w+ )?"
    r"(?:network|changes|edits|internet|commits?|push|install|new)|untouched|off[- ]limits|"
    r"(?:ask|check|confirm|approv|permission)\w* .{0,40}before|before .{0,60}(?:ask|confirm|approv)|"
    r"offline|hands off|forbidden|prohibited|not supposed|not authori|hold off|wait with|not to\b|stay away|"
    r"keep away|steer clear|under no circ|add(?:ing)? no |out of bounds|nothing (?:outside|except|but|other)|everything (?:except|but|outside|other)|"
    r"\bno\b|nothing|myself|my job|something only|rather|prefer|exclusively|solely|confin|stick to|"
    r"frozen|locked|treat |suggest|diagnos|analysis|tests are|make do|standard library|by me\b|prior to|"
    r"sign-?off|go-?ahead|\bok\b|until|\btill\b|unless|forbid|\bn(?:icht|ichts|iemals|ur)\b|\bkein|\bpas\b|"
    r"\brien\b|jamais|\bnada\b|\bnunca\b|niente|uniquement|seulement|\bs[oó]lo\b|únicamente|不要|别|禁止|不得|"
    r"请勿|只|仅|wait for|need to|stay off|dry[- ]run|at most|more than|up to|budget|intact|have to|any ?thing (?:except|but)|\bany file|all files|must only"
)
PERMISSION = re.compile(
    r"\b(?:unless|until|without|before|if)\b.{0,40}\b(?:i|me|my|ask\w*|approv\w*|permission|confirm\w*|"
    r"consent|told|say|tell|explicit\w*|instructed|user|requests?|go-?ahead|sign-?off)\b"
)
CONDITION = re.compile(
    r"\b(?:unless|until|if|when|while|except|before|after|once|because|without)\b"
)
READ_ONLY = re.compile(
    r"\b(?:this is (?:a |an )?|strictly |stay(?:ing)? |remain |keep (?:it|this|everything) |work |"
    r"mode ?:? ?|you (?:have|are|must be|only have) (?:only |strictly )?)read[- ]only\b|"
    r"\bread[- ]only (?:mode|task|session|access|analysis|review|investigation|audit|please|research|"
    r"exploration)\b|^\W*read[- ]only\W*$|(?:^|[.,;:!(-] ?)\W{0,3}(?:please )?(?:make |making )?no "
    r"(?:code |file )?(?:changes|edits|modifications)\b(?! (?:are|were|to the|in the|needed|found|"
    r"have|required|detected|since))|\b(?:only|just) (?:read|look|analy[sz]e|investigate|review|"
    r"explain|report)\b.{0,40}\b(?:no|don't|do not|not) (?:edit|change|modify|touch|fix|write)|"
    r"^\W*(?:please |you (?:may|can|should) )?only (?:read|look|inspect|analy[sz]e|observe|report)\b(?!.{0,120}"
    r"\b(?:then|afterwards|and (?:fix|change|implement|write|update|edit|add|create|make|apply))\b)"
)
CHANGE = r"(?:touch|chang|modif|edit|alter|updat|rewrit|writ|overwrit|mak)(?:e|es|y|ing|ying)?"
NOTHING = re.compile(
    rf"^{CHANGE}(?: to| in| into)?(?: (?:any|anything|the|to|of|other|existing|source|actual|my|our|"
    r"these|this|new|more|in|code|files?|changes?|edits?|disk|project|repo(?:sitory)?|codebase|"
    r"modifications?))*\W*$"
)
NO_CHANGES = re.compile(
    rf"^(?!mak){CHANGE} (?:any(?:thing)?\b(?! (?:other|else|outside|in|under))|(?:any )?(?:code |file )?"
    r"(?:changes|edits|modifications)\b(?! (?:to|in|outside|under)))|^mak(?:e|ing) (?:any )?(?:code |file )?"
    r"(?:changes|edits|modifications)\b(?! (?:to|in|outside|under))"
)
INDIRECT = re.compile(r"\b(?:directly|manually|by hand|yourself|unnecessar\w*|unrelated|twice)\b")
TAIL = re.compile(
    r"^(?:\W*$|\W*(?:or|and|,|/)|(?: (?:any(?:thing)?|the|your|my|our|these|this|code|changes?|commits?|"
    r"it|them|yet|now|for|at|all|branch(?:es)?|to|remote|origin|github|upstream|repo\w*|production|prod|"
    r"automatically|directly|yourself|on|own|still|today|here|with|tests?|git|files?|data|migrations?|"
    r"suite|either|live|thanks|please|ok|service|box|machine|system|project|software|globally|otherwise|"
    r"system-wide|locally|thing)\b)*\W*(?:$|or\b|and\b|,|/))"
)
BRANCH = re.compile(r"^ (?:directly |straight |any \w+ |changes )?(?:to|into|on) (?:the )?[`'\"]?"
                     r"(main|master|develop|trunk|prod|production|release)\b")  # fmt: skip
TELLS_OF = re.compile(r"\b(?:it|they|he|she|which|that|this|skill|tool|command|script|mode|flow|hook|we|"
                       r"i|users?)[^\w,.;:()-]+$")  # fmt: skip
"""Who is told of: "it does not push". In "fix it, don't push" the comma ends what is told."""
ABLE = re.compile(
    r"(?<!\byou )\b(?:can|may|could|might|(?:is|are|was|were|be) (?:able|allowed|permitted|free) to)\b"
    r"(?! you\b) [^,.;:]{2,80}$"
)
"""What somebody is able to do "without …": told of them, and no limit; "you may … without" is one."""
OUTSIDE = re.compile(r"\b(?:outside(?: of)?|beyond|other than|except(?: for)?|anywhere but)\b")
OBJECT = re.compile(
    rf"^(?:(?:delet|remov|renam|mov)(?:e|ing) (?:or|and) )?{CHANGE}(?:(?:,| or| and)+ \w+)*"
    r"(?: to| in| into)? (.{2,160})"
)
LOOK = r"(?:read|open|access|look|view|inspect|print|peek|cat)(?:ing)?\b"
SIGHT = re.compile(
    rf"^(?:{LOOK}(?:,| or| and)+ )*{LOOK}(?: (?:at|in|into|inside|from|to|of|the|any|contents?))* (.{{2,160}})"
)
PROVISO = re.compile(
    r"(?:until|unless|before|without) (?:all |the |every |any |our |a |an |full |whole |complete |unit |running |"
    r"successful |passing |green |clean )*(?:tests?|(?:test )?suite|build|compilation|lint\w*|type ?checks?|mypy|"
    r"ruff|eslint|pytest)\b(?:[^.;]{0,24}\b(?:pass\w*|green|succeed\w*|success\w*|clean|ok|works?|runs?|done)\b|\W*$)"
)
"""What has to be shown first: "until all tests pass", "without a green build"."""
PROVED = {
    "tests": re.compile(r"\b(?:tests?|suite|pytest)\b"),
    "build": re.compile(r"\b(?:build|compil\w+)\b"),
    "types": re.compile(r"\b(?:type ?checks?|mypy)\b"),
    "lint": re.compile(r"\b(?:lint|ruff|eslint)"),
}
ONLY = re.compile(
    rf"\bonly (?:ever |allowed to |permitted to |supposed to )?(?:{CHANGE}|work (?:on|in|inside|within)|create|add)(?: to| in| into| files in"
    r"| files under| files inside| code in| changes (?:in|to|under))? (.{2,160})|"
    r"\b(?:stay|keep|remain|work)(?:ing)? (?:strictly |only )?(?:(?:your|all|the) (?:changes|edits|"
    r"work|modifications) )?(?:strictly |only )?(?:inside|within|in) (?:of )?(.{2,120})|"
    r"\b(?:limit|restrict|confine) (?:your |all |the )?(?:changes|edits|yourself|work|scope|"
    r"modifications)? ?to (.{2,120})|"
    r"\bnothing (?:outside(?: of)?|except|but|other than|beyond) (.{2,80}?) (?:may|must|should|can|is to) be "
    r"(?:changed|modified|edited|touched|altered|written)\b|\beverything (?:except|but|outside(?: of)?|other than) "
    r"(.{2,80}?) is (?:strictly )?(?:off[- ]limits|out of bounds|forbidden|read[- ]only)|"
    r"\b(?:changes|edits|modifications) (?:are )?only (?:in|to|inside|under|within|allowed in) (.{2,120})"
)
ALONE = re.compile(
    r"\b(?:leave|keep) (.{2,80}?) (?:alone|untouched|unchanged|as (?:is|it is|they are))\b|"
    r"^\W*(.{2,80}?) (?:is|are) (?:strictly )?(?:off[- ]limits|out of bounds|(?:forbidden|prohibited|not allowed|"
    r"not permitted)\W*$)|\bhands off (.{2,80})|\b(?:stay|keep|steer) (?:away from|clear of|out of) (.{2,60})|"
    r"^\W*(?:the |any |all )?(.{2,60}?) (?:must|should|may|can) (?:not|never) be (?:changed|modified|edited|"
    r"touched|altered)\b"
)
ASK = re.compile(
    r"\b(?:ask|check with|confirm with|consult|get (?:my |explicit )?(?:approval|permission|"
    r"confirmation|consent|sign-?off)|request (?:approval|permission)|wait for (?:my )?(?:approval|"
    r"confirmation|ok|go-?ahead)|seek approval)(?: (?:me|us|the user|a human|first|for approval|from me|"
    r"permission|from the user))* before (?:you )?(.{3,120})|"
    r"^\W*(?:please )?before (?:you )?(.{3,60}?),? (?:please )?(?:always )?(?:ask|check with|confirm with|consult|"
    r"get (?:my )?(?:approval|permission)|let me know)\b|\b(?:need|requires?) (?:my |explicit |prior |human )*"
    r"(?:approval|permission|consent|sign-?off|confirmation) (?:before|to|for) (?:you (?:can )?)?(.{3,120})|"
    r"\balways (?:ask|confirm) (?:me |the user )?(?:first )?(?:before )(.{3,120})"
)
PATH = re.compile(r"`([^`\n]{1,120})`|\"([^\"\n]{1,120})\"|'([^'\n]{1,120})'|"
                   r"((?:~|\.{1,2})?/?[\w.@*-]+(?:/[\w.@*-]+)+/?|(?<![\w.])/[a-z][\w.-]{1,60}|(?<!\S)\.[a-z][\w-]{1,20}\b|[\w-]+/(?=[\s,.;)]|$)|"
                   r"\*?\.?[\w-]*\.[a-z]{1,6}\b|"
                   r"\b(?:docker|make|gem|proc|jenkins|rake|just|vagrant)file\b)")  # fmt: skip
PLACE = re.compile(
    r"^(?:any of |all |any |the |existing |my |our |your )*(?:existing |other )?([a-z][\w-]{2,24})"
    r"(?: (?:files?|folders?|director(?:y|ies)|dirs?|code|suites?|configs?|configuration|modules?|"
    r"packages?|cases))?\W*$"
)
PLACES = frozenset(
    ["tests", "test", "spec", "specs", "migrations", "schema", "docs", "config", "ci", "vendor",
     "fixtures", "snapshots", "workflows", "generated", "lockfile", "production", "infra",
     "terraform", "scripts", "examples", "node_modules", "dist"]
)  # fmt: skip
FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
END = re.compile(r"[.!?;\n](?:(?<=\n)|(?=\s))")
CLAUSES = re.compile(r"(?<=,)(?= (?:but|and|so) )")
NETLESS = re.compile(
    r"\b(?:no (?:network|internet|outbound|external)(?: access| requests?| calls?| connections?)?|"
    r"(?:stay|work|run|remain) offline|keep (?:it|this|everything|things|yourself) offline|offline only)\b(?! is| was| issues?| errors?)"
)
NO_NEW = re.compile(
    r"\b(?:no (?:new |additional |extra |external |further |more |third[- ]party )+|add(?:ing)? no (?:new |extra )?|"
    r"introduc(?:e|ing) no (?:new )?)(?:dependenc(?:y|ies)|packages?|libraries|modules)\b"
    r"(?! (?:since|were|are|have|found|needed|required|was|is))"
)
STATES = re.compile(
    r"\b(?:have|has|had|are|were|is|was|with|needs?|adds?|introduces?|see|found)\W+$"
)
LISTING = (
    r"(?:(?:must not|mustn't|may not|should not|shouldn't|cannot|can't|do not|don't|never|not allowed "
    r"to|forbidden to)(?: ever)?(?: do)?(?: any(?:thing)? of)?(?: the following| these| this)?|(?:following|these)"
    r"(?: \w+){0,3} (?:is|are) (?:strictly )?(?:forbidden|prohibited|not allowed|off[- ]limits|not permitted)|"
    r"(?:forbidden|prohibited|not allowed|off[- ]limits|don'?t'?s|do nots)(?: actions| operations| things)?)[^\w\n]{0,4}:"
)
MAY_LIST = Scanner(LISTING.replace(r"\w+", r"[\w\x80-\x{10FFFF}]+"))
LIST = re.compile(
    rf"(?m)^[^\n]{{0,60}}?{LISTING}"
    r"[^\w\n]{0,4}(?:\n(?P<items>(?:[ \t]*\n)?(?:[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+[^\n]*(?:\n|\Z)){1,24})|"
    r"(?P<inline>[^\n.]{3,200}))"
)
BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+")
WISH = re.compile(r"\bi (?:do not|don't) want you to\b")
REPORTED = re.compile(
    r"\b(?:says?|said|states?|claims?|explains?|describes?|reads|mentions?|suggests?|why|whether|how) (?:that |to )?"
    r"[^,;:]{0,60}$"
)
IF_BEFORE = re.compile(
    r"\b(?:if|when|whenever|while|in case) [^.;]{3,80}, *(?:then |please |you )?$"
)
BUILDS = re.compile(
    r"\b(?:implement|add|support|fix|create|build|enable|test|make|write|introduce|offer|have|need)\w*\s+(?:an? |the )?$"
)
QUESTION = re.compile(r"^(?!\W*(?:please|(?:can|could|would|will) you)\b).*\?\W*$", re.S)
SPOKEN = re.compile(r"^\W*(?:i|we|they|he|she|it|users?|people|customers|this|that|there|which|who)\b"
                     r".{0,40}\b(?:do not|don't|never|can't|cannot|should not|shouldn't)\b")  # fmt: skip
EXEMPT = re.compile(
    r"\b(?:never mind|no need to|(?:do not|don't) (?:need|have) to|(?:do not|don't) (?:hesitate|forget|worry|"
    r"panic|stop|just|be afraid)|not (?:only|just)\b)"
)
COMMANDED = re.compile(
    r"^(?:run|use|execute|call|invoke|type|running|using|executing) (?:any |the )?(?:`([\w./-]+(?: [\w./:-]+){0,2})`|"
    r"([\w-]+ [\w-]+))(?:(?:,| or| and) (?:`([\w./-]+(?: [\w./:-]+){0,2})`|([\w-]+ [\w-]+)))?"
)
VERBED = re.compile(
    r"^([a-z]+?)(?:ing)? (?:any |the |a |an |our |your |my |this |these |new |more )*([a-z][a-z -]{2,40}?)\W*$"
)
OF_CODE = re.compile(
    r"\b(?:apis?|functions?|interfaces?|signatures?|behaviou?r|code|class(?:es)?|methods?|logic|style|"
    r"format\w*|variables?|types?|tests?|comments?|names?|semantics|imports?|modules?|endpoints?)\b"
)
BUDGET = re.compile(
    r"\b(?:spend|spending|pay|budget|costs?|transfer|purchases?)\b[^.\d]{0,40}?(?:at most|(?:no |not )?more than|"
    r"up to|maximum(?: of)?|max|under|below|less than|exceed\w*|limit(?:ed)?(?: of| is| to)?|is|of)\W+"
    r"(?:eur|usd|gbp)?\W{0,2}(\d[\d,]*(?:\.\d+)?)"
)
TOOLED = words(
    "issue approve grant book cancel refund change update modify create delete remove close open reset "
    "transfer send share invite order buy purchase unlock block assign export upload download publish "
    "archive escalate discount offer accept reject sign schedule reschedule edit move rename add"
)
SHAPED = Screen(one.pattern for one in (ASK, BUDGET, READ_ONLY, NETLESS, NO_NEW, ONLY, ALONE))
"""Shapes that few sentences have, of which each takes long to look for."""
