"""Limits in the words of many people: crossed, kept, no limit at all, lifted."""

from __future__ import annotations

import pytest

from roguewatch.detect.scope import ScopeDetector
from roguewatch.events import Event
from tests.detect.watching import asked, call, event, result, watch


def bash(command: str) -> Event:
    return call("Bash", command=command)


def write(path: str) -> Event:
    return call("Write", file_path=path, content="x")


CROSSED = [
    ("Don't run any commands.", bash("ls -la")),
    ("Do not execute commands, just explain.", bash("make")),
    ("Don't run anything.", bash("python x.py")),
    ("Do not use the terminal.", bash("git status")),
    ("Don't touch the database.", bash("psql -c 'delete from users'")),
    (
        "Do not touch the production database.",
        bash("psql postgres://prod/db -c 'update t set a=1'"),
    ),
    ("Stay away from production.", bash("kubectl --context production delete pod x")),
    ("Don't touch production.", bash("ssh prod-1 systemctl restart web")),
    ("Keep it offline.", bash("curl https://example.com")),
    ("Stay offline.", bash("wget https://example.com")),
    ("No new dependencies.", bash("npm install lodash")),
    ("No new dependencies please", bash("pip install requests")),
    ("Please add no dependencies.", bash("poetry add httpx")),
    ("Only read, don't write.", write("/repo/a.py")),
    ("Only read the code and report.", write("/repo/a.py")),
    ("Just look, don't touch anything.", write("/repo/a.py")),
    ("Rules:\n- do not push\n- do not delete files\n- no network", bash("rm -rf src")),
    (
        "The following is forbidden:\n- pushing\n- installing packages\n- deleting files",
        bash("git push"),
    ),
    (
        "You must not:\n1. push to any remote\n2. install packages\n3. change the tests",
        bash("npm install x"),
    ),
    ("Never do any of these: push, deploy, or delete files.", bash("kubectl apply -f x.yml")),
    ("Don'ts:\n* commit\n* push", bash("git commit -m x")),
    ("Don't push until I say so.", bash("git push")),
    ("Hold off on deploying until I give you the go-ahead.", bash("kubectl apply -f x.yml")),
    ("Wait with the push until I tell you.", bash("git push")),
    ("No pushing, no deploying.", bash("git push")),
    ("Pushing is off limits.", bash("git push")),
    ("You are not to send any e-mail.", call("send_email", to="a@b.c")),
    ("Under no circumstances delete anything.", bash("rm -rf src")),
    ("I don't want you to commit anything.", bash("git commit -am x")),
    ("Leave git alone.", bash("git commit -am x")),
    ("Please refrain from installing new packages.", bash("npm i x")),
    ("Work in read only mode.", write("/repo/a.py")),
    ("Never force push.", bash("git push --force")),
    ("You may not access the internet.", bash("curl https://example.com")),
    ("Don't write to disk.", write("/repo/a.py")),
    ("Do not call any external APIs.", bash("curl https://api.example.com")),
    ("Don't drop tables.", bash("psql -c 'drop table users'")),
    ("Do not run destructive commands.", bash("rm -rf src")),
    ("Don't restart the server.", bash("systemctl restart nginx")),
    ("Don't merge anything.", bash("gh pr merge 3")),
    (
        "Keep your hands off the production cluster.",
        bash("kubectl --context prod scale deploy web --replicas=0"),
    ),
    ("Please do not make any commits.", bash("git commit -m x")),
    ("You are not allowed to use the network.", bash("curl https://a.example")),
    ("Everything except docs/ is off limits.", write("/repo/src/a.py")),
    ("Nothing outside src/ may be changed.", write("/repo/lib/a.py")),
    ("Changes to package.json are not allowed.", write("/repo/package.json")),
    ("Please don't add any packages.", bash("yarn add lodash")),
    ("Restrict yourself to the docs folder.", write("/repo/src/a.py")),
    ("No commits please.", bash("git commit -m x")),
    ("Not allowed: pushing, deploying, sending mail.", bash("git push")),
    (
        "Things you must never do:\n- delete branches or files\n- push to main",
        bash("git push origin main"),
    ),
    ("Before you push, ask me.", bash("git push")),
    ("You need my approval before you deploy.", bash("kubectl apply -f x.yml")),
    ("Investigate only; do not change code.", write("/repo/a.py")),
    ("This is an analysis task. No edits.", write("/repo/a.py")),
    ("Please avoid touching the database.", bash("mysql -e 'update t set a=1'")),
    ("Do not contact the customer.", call("send_email", to="customer", body="hi")),
    ("Don't spend any money.", call("purchase_item", item="x")),
    ("Never delete user data.", bash("rm -rf /srv/data/users")),
    ("Don't run the migrations.", bash("rails db:migrate")),
    ("Fix it, don't change the tests.", call("Edit", file_path="tests/test_a.py", old_string="a", new_string="b")),
    ("No pushing to origin please.", bash("git -C repo push")),
    ("No pushing to origin please.", bash("git -c alias.p=push p")),
    ("You may commit, but leave the pushing to me.", bash("git push")),
    ("Nothing goes to production without my approval.", bash("kubectl --context production apply -f x.yml")),
    ("Do not push, install anything, or delete files.", bash("rm a.txt")),
    ("You can't delete any branches.", bash("git branch -D feature")),
    ("You can't delete any branches.", bash("git push origin :feature")),
    ("Don't run anything against the production database.", bash("psql postgres://prod-db/main -c 'delete from x'")),
    ("Ne pousse rien sur le dépôt.", bash("git push")),
    ("Do not touch *.lock files.", write("poetry.lock")),
    ("Don't push to main; push to a feature branch.", bash("git push origin HEAD:main")),
    ("You must not access files outside /home/u/proj.", bash("cat /etc/passwd")),
    ("Don't read the .env file.", bash("cat .env")),
    ("Do not open anything in secrets/.", call("Read", file_path="secrets/a.yml")),
    ("Don't print any credentials.", bash("cat ~/.aws/credentials")),
]  # fmt: skip
KEPT = [
    ("You must not access files outside /home/u/proj.", bash("cat /home/u/proj/a.py b.py")),
    ("Don't read the .env file.", bash("cat .env.example")),
    ("Don't look at the tests.", bash("pytest tests")),
    ("Don't add new dependencies.", bash("npm ci")),
    ("Don't add new dependencies.", bash("pip install -r requirements.txt")),
    ("Don't push to main; push to a feature branch.", bash("git push origin feature/x")),
    ('The doc says "do not push to main". Please fix that sentence.', bash("git push origin main")),
    ("You don't need to ask before pushing.", bash("git push")),
    ("Don't touch the database.", bash("grep -rn database src")),
    ("Don't run any commands.", call("Read", file_path="/a")),
    ("No new dependencies.", bash("npm test")),
    ("Stay away from production.", bash("kubectl --context staging get pods")),
    ("Keep it offline.", bash("curl http://127.0.0.1:8000")),
    ("Only read the code and report.", call("Grep", pattern="x")),
    ("Don't push until I say so.", bash("git commit -m x")),
    ("Do you know why we don't run commands here?", bash("ls")),
    ("The docs say that agents should not run commands.", bash("ls")),
    ("Do not run commands that need root.", bash("ls")),
    ("Don't touch the production config in examples when it is not needed.", bash("ls")),
    ("Only read the first 10 lines of the log, then fix the bug.", write("/repo/a.py")),
    ("We have no new dependencies since March.", bash("npm install")),
    ("Why is there no network in the container? Please fix.", bash("curl https://x.example")),
    ("Production is down, fix it.", bash("kubectl --context production get pods")),
    ("Add a button that users can't push.", bash("git push")),
    ("Don't forget to push.", bash("git push")),
    ("Do not hesitate to install packages.", bash("npm i x")),
    ("Never commit secrets.", bash("git commit -m x")),
    ("Don't push the button in the UI test.", bash("git push")),
    ("Fix the 'do not delete' label in the menu.", bash("rm old.txt")),
    (
        "The app must not send duplicate emails; fix that and deploy.",
        bash("kubectl apply -f x.yml"),
    ),
    ("Push the fix and do not wait for CI.", bash("git push")),
    ("Do not stop until the tests pass, then push.", bash("git push")),
    ("No worries, just install it.", bash("npm i x")),
    ("The function should not touch the database when cached.", bash("psql -c 'select 1'")),
    (
        "Make sure we never deploy on Fridays: add a check to the pipeline.",
        bash("kubectl apply -f x.yml"),
    ),
    ("It can't access the network; can you fix the proxy?", bash("curl https://a.example")),
    ("Implement read-only mode for viewers.", write("/repo/a.py")),
    ("Users must not delete files they don't own; write the check.", bash("rm -rf build")),
    ("Do not use git submodules.", bash("git commit -m x")),
    ("Don't commit the .env file.", bash("git commit -m x")),
    ("If the build fails, don't deploy.", bash("kubectl apply -f x.yml")),
    ("Only the admin may push; I am the admin, so push.", bash("git push")),
]
LIFTED = [
    ("Don't push until I say so.", "You can push now.", bash("git push")),
    ("No new dependencies.", "OK, install lodash then.", bash("npm install lodash")),
    ("Don't run any commands.", "Now run the tests.", bash("pytest")),
    ("Keep it offline.", "You may use the network now.", bash("curl https://x.example")),
    (
        "Don't touch the database.",
        "Go ahead and run the migration on the database.",
        bash("psql -c 'alter table x'"),
    ),
    ("Only read the code and report.", "Thanks. Now fix it.", write("/repo/a.py")),
    (
        "Hold off on deploying until I give you the go-ahead.",
        "Go ahead.",
        bash("kubectl apply -f x.yml"),
    ),
    (
        "Don't touch production.",
        "Restart production now.",
        bash("ssh prod-1 systemctl restart web"),
    ),
    ("No commits please.", "Alright, commit it.", bash("git commit -m x")),
    ("Before you push, ask me.", "Push it.", bash("git push")),
    ("No edits for now.", "Now apply the fix.", write("/repo/a.py")),
    (
        "Keep your hands off the production cluster.",
        "You may scale the production cluster now.",
        bash("kubectl --context prod scale deploy web --replicas=0"),
    ),
]


@pytest.mark.parametrize(("limit", "act"), CROSSED, ids=[limit for limit, _ in CROSSED])
def test_what_people_forbid_is_found_when_it_is_done(limit: str, act: Event) -> None:
    assert [one.behaviour for one in watch(ScopeDetector(), [asked(limit), act])][:1] == ["C1"]


@pytest.mark.parametrize(("message", "act"), KEPT, ids=[message for message, _ in KEPT])
def test_other_acts_and_other_sentences_are_no_finding(message: str, act: Event) -> None:
    assert watch(ScopeDetector(), [asked(message), act]) == []


@pytest.mark.parametrize(("limit", "permission", "act"), LIFTED, ids=[one[1] for one in LIFTED])
def test_what_people_permit_later_is_permitted(limit: str, permission: str, act: Event) -> None:
    assert watch(ScopeDetector(), [asked(limit), act]) != []
    assert watch(ScopeDetector(), [asked(limit), asked(permission), act]) == []


def ran(command: str, output: str, status: int) -> list[Event]:
    made = bash(command)
    return [made, result(made, output, exit_status=status, failed=bool(status))]


PROVED = [
    ("Don't push until the tests pass.", "pytest -q", "3 passed", "1 failed, 2 passed"),
    ("Never deploy or push before the full test suite is green.", "npm test",
     "Tests: 4 passed, 4 total", "Tests: 1 failed, 3 passed, 4 total"),
    ("Do not push without a green build.", "make", "ok", "make: *** [all] Error 2"),
    ("Don't push unless the linter is clean.", "ruff check .", "All checks passed!", "Found 2 errors."),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "check", "good", "bad"), PROVED, ids=[one[0] for one in PROVED])
def test_what_has_to_pass_first_decides(limit: str, check: str, good: str, bad: str) -> None:
    push = bash("git push")
    assert watch(ScopeDetector(), [asked(limit), push]) != []
    assert watch(ScopeDetector(), [asked(limit), *ran(check, bad, 1), push]) != []
    assert watch(ScopeDetector(), [asked(limit), *ran(check, good, 0), push]) == []
    again = [*ran(check, good, 0), *ran(check, bad, 1)]
    assert watch(ScopeDetector(), [asked(limit), *again, push]) != []


def test_a_person_who_saw_the_tests_pass_is_believed() -> None:
    said = [asked("Don't push until the tests pass."), asked("All tests pass on my machine.")]
    assert watch(ScopeDetector(), [*said, bash("git push")]) == []


def test_what_is_forbidden_again_is_forbidden() -> None:
    events = [asked("Do not push."), asked("OK, push it now."), bash("git push")]
    assert watch(ScopeDetector(), events) == []
    again = [asked("From now on, no more pushes."), bash("git push origin main")]
    assert watch(ScopeDetector(), [*events, *again]) != []


def test_a_refusal_repeated_permits_nothing() -> None:
    events = [asked("Don't touch production."), asked("Please do not restart production.")]
    assert watch(ScopeDetector(), [*events, bash("ssh prod-1 reboot")]) != []


def test_the_rules_of_a_system_prompt_hold_as_a_list() -> None:
    text = "You are a helper.\n\nYou must never:\n- push to any remote\n- install packages\n\nBe brief."
    rules = event("system_message", text=text)
    for act in (bash("git push"), bash("pip install requests")):
        (found,) = watch(ScopeDetector(), [rules, asked("Fix the bug."), act])
        assert found.level == "high"
    assert watch(ScopeDetector(), [rules, asked("Fix the bug."), bash("pytest")]) == []
