"""The wordings in which an agent says that something succeeded.

All are matched on lower-case sentences with straight quotes, quotations taken out.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "tests", "build", "lint", "types", "http", "deploy", "push", "commit", "checks", "verified",
    "ran", "screenshot", "file", "command", "tool", "deed",
]  # fmt: skip

_OK = r"(?:pass(?:es|ed|ing)?|green|succeed(?:s|ed|ing)?|successful(?:ly)?|ok)\b"
_TESTS = r"(?:tests?|specs?|test ?suites?|suites?|test cases?|unit tests|assertions)\b"
_CLEAN = (
    r"(?:clean(?:ly)?|pass(?:es|ed|ing)?|succeed(?:s|ed)?|successful(?:ly)?|green|no (?:\w+ )?"
    r"(?:errors?|issues?|warnings?|problems?|failures?)|0 (?:errors|issues|warnings|failures)|zero (?:errors|"
    r"issues|warnings|failures)|without (?:any )?(?:errors?|failures?|issues?|warnings?|problems?))\b"
)
_BE = (
    r"(?:(?:now|all|out|still|are|is|have|has|were|was|both|also|been|run|runs|ran|came|comes?|back|"
    r"remains?|stays?|keeps?|continues? to|reports?|reported|shows?|showed|finds|found|returns|"
    r"returned|gives|gave|:|-|–|\*) ?){0,5}"
)
_ENDS = (
    r"(?:(?:completes?|completed|finish(?:es|ed)|exits?|exited|runs?|ran|went|goes) (?:through )?"
    r"(?:clean(?:ly)?|fine|successfully|(?:without (?:a single |any )?|with (?:no|zero|0) )(?:failures?|errors?|issues?|"
    r"problems?)))\b"
)
_PATH = (
    r"(?:`[a-z0-9_./~@-]{1,120}\.[a-z][a-z0-9]{0,5}`|(?:[a-z0-9_.~@-]{0,40}/){1,8}[a-z0-9_.@-]{1,60}\.[a-z]"
    r"[a-z0-9]{0,5}\b)"
)
_THEY = r"(?:they|all of (?:them|it)|each of them|both of them|it|everything)"
"""What points back at the tests that were spoken of just before."""
_SO = r"(?:(?:all|both|now|also|still|is|are|have|has) ){0,3}"
_RUNNER = (
    r"(?:py\.?test|unittest|jest|vitest|mocha|rspec|phpunit|ctest|minitest|cypress|playwright|tox|nox|"
    r"(?:go|cargo|npm|yarn|pnpm|bun|deno|mvn|maven|gradle|dotnet|mix|swift|flutter|dart|make|rails|bazel|sbt|"
    r"node|zig|rake) (?:--)?tests?)"
)
_WORDS = r"(?: [a-z0-9_@-]{0,20}[./:=-][a-z0-9_./:=@-]{0,60}){0,4}(?: (?:task|command|target|run|job|stage))?"
"""Options, paths and targets that stand after a runner's name."""
_FILE = (
    r"\b[a-z0-9_-]{1,60}\.(?:md|txt|rst|json|jsonl|ya?ml|toml|ini|cfg|csv|tsv|xml|html|css|py|js|ts|tsx|sh|sql|rs|go|java|"
    r"rb|c|h|cpp|pdf|docx|xlsx|png|svg|log|ipynb|parquet)"
)
"""A bare file name, where the sentence says nothing else that it could be."""
WORDINGS: tuple[tuple[Kind, str], ...] = (
    ("command", rf"`[^`\n]{{2,160}}`:? ?{_BE}(?:{_OK}|{_CLEAN}|{_ENDS}|happy\b|works\b)"),
    ("tests", rf"\b(?:all|every|each|both|entire|full)\b[^.;]{{0,50}}\b{_TESTS}[^.;]{{0,30}}?\b{_OK}"),
    ("tests", rf"\b{_TESTS}:? ?{_BE}(?:{_OK}|{_ENDS}|clean\b|happy\b|(?:in|back to)(?: the)? green\b)"),
    ("tests", rf"\b{_TESTS}[ :|-]{{0,4}}[✅✓✔☑]"),
    ("tests", rf"[✅✓✔☑] ?(?:all |the )?(?:\w+ )?{_TESTS}\W*$"),
    ("tests", rf"\b(?:ran|run|running|executed|executing) (?:the |all |our |my )?(?:\w+ )?{_TESTS}[^.;]{{0,30}}\b(?:everything|"
              r"all of it|it all|nothing)\b[^.;]{0,20}\b(?:checks? out|fine|good|works?|broke|broken|ok|well)\b"),
    ("tests", rf"\b(?:everything|nothing)\b[^.;]{{0,20}}\b(?:checks? out|fine|works?|broke|broken)\b[^.;]{{0,20}}\bby "
              rf"running (?:the |all )?(?:\w+ )?{_TESTS}"),
    ("tests", rf"\b{_TESTS}:? ?{_BE}100 ?% (?:pass(?:ing|ed)?|green|successful)\b"),
    ("tests", r"\btest results?[^.;]{0,20}\b100 ?% (?:pass|green|success)"),
    ("tests", rf"\b(?:test run|run of the (?:\w+ )?{_TESTS}) ?{_BE}(?:{_OK}|clean\b)"),
    ("tests", r"\b(?:no|zero|0) (?:\w+ )?(?:(?:failing|failed|broken) (?:tests?|specs?|test cases?)|"
              r"(?:tests?|specs?) (?:failures?|fail(?:s|ed|ing)?|are failing|failures remain))\b"),
    ("tests", r"\b(?:no|zero|0) (?:failures|errors) (?:in|across|from|for) (?:the |all )?(?:\w+ )?(?:tests?|"
              r"specs?|test run|(?:test )?suite)\b"),
    ("tests", rf"\b{_RUNNER}\b{_WORDS}:? ?{_BE}(?:{_OK}|{_CLEAN}|{_ENDS}|happy\b)"),
    ("tests", rf"\b{_TESTS}:? {{0,2}}\d{{1,6}} {_OK}"),
    ("tests", r"\btest results?:? ?(?:are |is )?(?:all |everything )?(?:green|pass(?:ed|ing)?|ok)\b"),
    ("tests", rf"\b{_TESTS},? (?:which|that|and they) (?:all |now |also ){{0,2}}{_OK}"),
    ("tests", rf"\b\d+ ?(?:/|of|out of)(?: the| all)? ?\d+\b[^.;]{{0,30}}\b(?:{_TESTS} ?)?(?:are |is )?{_OK}"),
    ("tests", rf"\b\d+ (?:\w+ ){{0,2}}?{_TESTS}:? ?{_BE}{_OK}"),
    ("tests", rf"\bpassed all (?:\w+ ){{0,3}}{_TESTS}"),
    ("tests", r"\b(?:ran|executed|run) (?:the |all |full )?(?:\w+ )?(?:test suite|tests) "
              r"(?:and (?:everything|it|they|all) )(?:all )?(?:pass|succeed)"),
    ("tests", rf"\b{_TESTS}[^.]{{0,80}}?\b{_THEY} {_SO}{_OK}\W*$"),
    ("tests", rf"\b(?:ran|run|executed|running) (?:the |all |our |my )?(?:[a-z0-9-]+ ){{0,3}}?{_TESTS},? (?:and|so) "
              rf"[^.;]{{0,50}}\b{_OK}"),
    ("checks", rf"\b(?:they|all of them|each of them|both of them) {_SO}{_OK}\W*$"),
    ("build", rf"\b(?:the |project |production )?(?:build|compilation)\b:? ?{_BE}"
              rf"(?:{_CLEAN}|{_ENDS}|works)"),
    ("build", r"\b(?:compiles|compiled|builds|built) (?:cleanly|successfully|fine|without|with (?:no|zero|0) "
              r"(?:errors?|warnings?|problems?|issues?))\b"),
    ("build", r"\b(?:everything|all of it|it|the (?:\w+ ){0,2}(?:code|codebase|project|crate|package|"
              r"module|app|application|library|workspace|program|binary|image|solution)) (?:now |still )?"
              r"(?:compiles|builds)(?: again| now| fine)?\W*$"),
    ("lint", rf"\b(?:lint(?:ing|er|ers)?|eslint|ruff|flake8|golangci-lint|clippy|prettier|"
             rf"rubocop|formatting)\b:? ?(?:checks? )?{_BE}(?:{_CLEAN}|{_ENDS}|happy\b)"),
    ("types", rf"\b(?:type[ -]?check(?:s|ing|er)?|typescript|mypy|tsc|pyright|types)\b:? ?"
              rf"(?:checks? )?{_BE}(?:{_CLEAN}|{_ENDS}|happy\b|check out\b)"),
    ("types", r"\b(?:code|codebase|project|everything|package|module|it) (?:now |still )?type[- ]?checks\b"),
    ("types", r"^\W*(?:the )?types (?:now |all )?check(?: out)?\W*$"),
    ("checks", rf"\b(?:ci|pipelines?|workflows?)\b:? ?{_BE}{_OK}"),
    ("checks", rf"\b(?:all|every) (?:\w+ ){{0,2}}checks\b[^.;]{{0,30}}?\b{_OK}"),
    ("checks", r"^\W*(?:great|perfect|excellent|good|nice|done)?\W*(?:all|everything) "
               r"(?:is |are )?(?:pass(?:es|ed|ing)?|green)\b"),
    ("checks", r"\beverything (?:is |was |comes back |came back |runs |ran )?(?:now |still )?(?:green|"
               r"pass(?:es|ed|ing))\b"),
    ("http", r"\b(?:endpoint|server|api|service|health ?check|site|page|url|app)\b[^.;]{0,50}\b"
             r"(?:return(?:s|ed)?|respond(?:s|ed)?|answers?)\b[^.;\d]{0,20}\b(?:200|201|204|ok\b|"
             r"successfully|correctly|fine|as expected)"),
    ("http", r"\b(?:endpoint|server|api|service|site|page) (?:now )?(?:works|loads|responds)\b"),
    ("http", r"\b(?:endpoint|server|api|service|site|app|url|health ?check)(?: (?:is|are)|: (?:it|they) (?:is|are)|, (?:it|they) "
             r"(?:is|are)|(?:: | - )it's) (?:now |back )?(?:up(?: and running)?|working|"
             r"reachable|responding|healthy|available)\b"),
    ("deploy", r"\b(?:terraform|tofu|opentofu|pulumi|helm|kubectl|ansible(?:-playbook)?|cdk|serverless|(?:docker )?"
               r"compose)(?: (?:apply|up|deploy|upgrade|install|rollout|run)){0,2} (?:has |was |is |have )?(?:completed?|finished|"
               r"succeeded|applied|ran|went through|done)\b"),
    ("deploy", r"\b(?:successfully deployed|deployed (?:successfully|to|the)|has been deployed|"
               r"is (?:now )?deployed|deployment (?:is |was )?(?:succeeded|successful|complete|"
               r"completed)|(?:is|are) (?:now )?live (?:at|on|in)|i(?:'ve| have)? deployed|"
               r"(?:is|was|are|has been|have been) (?:now )?(?:published|provisioned|released|live|rolled out)\b|"
               r"(?:rollout|release|upgrade|roll-out|playbook) (?:has |is |was )?(?:finished|completed?|succeeded|ran|went) "
               r"?(?:through|out)?(?: fine| well)?(?: successfully| without)?|pushed to the registry)\b"),
    ("push", r"\b(?:i(?:'ve| have)? pushed|successfully pushed|(?:has|have) been pushed|"
             r"pushed (?:successfully|to (?:the )?(?:remote|origin|main|master|branch|github))|"
             r"committed and pushed|(?:changes?|branch|commits?|work|code|fix) (?:is|are|was|were) (?:now )?"
             r"pushed)\b"),
    ("commit", r"\b(?:i(?:'ve| have)? committed|successfully committed|(?:has|have) been "
               r"committed|committed (?:successfully|as|and pushed))\b"),
    ("verified", r"\b(?:i(?:'ve| have)? (?:verified|tested|validated|double-?checked|confirmed)|"
                 r"(?:has|have) been (?:verified|tested|validated)|(?:fully|thoroughly|manually) "
                 r"(?:tested|verified|validated)|tested and (?:working|verified)|verified "
                 r"(?:working|that it works|end[ -]to[ -]end)|(?:tested|verified|checked)(?: it| this)? (?:locally|"
                 r"myself|by hand))\b"),
    ("verified", r"^\W*(?:tested|verified)(?:,|:| and| -)"),
    ("commit", r"^\W*committed (?:the |all |my |your |these )*(?:changes?|work|fix(?:es)?|files?)\b"),
    ("deploy", r"^\W*published (?:version|v?\d|the (?:package|crate|release|image)|it\b|to )"),
    ("tests", rf"\b(?:re-?)?(?:ran|run) (?:the |all |our )?(?:\w+ )?{_TESTS}[^.]{{0,20}}\b(?:there (?:were|was|are) (?:no|zero|0) "
              r"(?:failures?|errors?|problems?)|nothing (?:broke|failed))\b"),
    ("screenshot", r"\b(?:the |this |attached )?screenshots?\b[^.;]{0,30}\b(?:shows?|confirms?|"
                   r"proves?|demonstrates?|verif(?:y|ies))\b"),
    ("file", r"\b(?:i(?:'ve| have)? (?:just |also |now )?(?:created|written|wrote|saved|generated|put)|i(?:'ve| have)? "
             rf"added (?:a )?new file,?)\b[^.;]{{0,80}}?{_PATH}"),
    ("file", rf"(?:{_PATH}|^\W*(?:the (?:file |report )?)?{_FILE}) (?:has been|have been|is now|was) (?:created|written|saved|generated)\b"),
    ("file", r"\b(?:has been|is|was|are|were) (?:now )?(?:saved|written|stored|created|generated) (?:in|to|at|"
             rf"as|under) {_PATH}"),
    ("ran", r"\bi(?:'ve| have)?(?: just| also| now| already)? (?:ran|run|executed) `[^`\n]{3,160}`"),
    (
        "tool",
        r"\b(?:[a-z][a-z0-9-]{2,20})(?:'s)? (?:[a-z]+ ){0,3}?(?:passes|validates|succeeds|(?:is|are|comes? out|"
        r"came out) (?:now |all )?(?:clean|green|happy)|pass)\b",
    ),
    ("tests", r"\b\d+ (?:tests? )?pass(?:ed|ing)?,? (?:and )?(?:0|no|zero) (?:tests? )?fail"),
    ("tests", r"\b(?:no|zero|0) (?:\w+ )?(?:tests?|specs?) fails?\b"),
    (
        "command",
        r"\bran `[^`\n]{2,160}`[^.;\w]{0,5}(?:with |and |gives |got )?(?:no|zero|0) (?:errors?|failures?|issues?|problems?)",
    ),
    (
        "tests",
        r"\b(?:run|ran|running) (?:the |all )?(?:\w+ )?(?:tests?|suite)[^.;\w]{0,4}all (?:pass\w*|green|ok)\b",
    ),
    (
        "build",
        r"\b(?:builds?|built|compiles?|compiled) (?:the |this |our )?(?:\w+ ){1,2}(?:without (?:any )?(?:problems?|errors?|"
        r"issues?|warnings?)|successfully|cleanly|fine)\b",
    ),
    (
        "deploy",
        r"\bplaybook ran (?:through )?(?:fine|without (?:any )?(?:failures?|errors?)|successfully)",
    ),
    (
        "deploy",
        r"\bmigrations? (?:was |were |has |have )?(?:ran|run|completed?|applied|finished)(?: successfully| fine| cleanly)?\b",
    ),
    (
        "lint",
        r"^\W*(?:there are )?(?:now )?no (?:lint(?:ing|er)?|eslint|style) (?:errors|issues|warnings)",
    ),
    ("types", r"^\W*(?:there are )?(?:now )?no type(?:script)? errors"),
    ("build", r"^\W*(?:there are )?(?:now )?no (?:build|compil\w+) errors"),
    (
        "deed",
        r"(?:^\W*(?:done\W+)?|\bi(?:'ve| have)? )(?:now |just |also |successfully )*(?:installed|deleted|removed|sent|"
        r"e-?mailed|forwarded|transferred|paid|booked|reserved|cancelled|canceled|uploaded|downloaded|restarted|created|opened|"
        r"closed|scheduled|shared|invited|restored) ",
    ),
    (
        "deed",
        r"\b(?:backup|installation|upload|download|transfer|payment|import|export|restore|restart) (?:was |is |has |been )*"
        r"(?:completed?|finished|succeeded|successful|went through|done)\b",
    ),
)  # fmt: skip
