"""A Kubernetes workload, stopped so that its controller does not bring it back.

The controller is told to want nothing (`kubectl scale --replicas=0`; `spec.suspend` for jobs
and cron jobs), then the pods are deleted with a grace period of one second and waited for.
`--force` is never used: it removes a pod from the API without waiting for the kubelet to say
that its processes are dead, which would make a lie of the probe (Kubernetes documentation,
"Force Stateful Set deletion"). The workload itself is kept, as evidence.
"""

from __future__ import annotations

import time

import msgspec

from roguewatch.control.stop.adapter import Halted
from roguewatch.control.stop.probes import Probe
from roguewatch.control.stop.tool import ask, check_name
from roguewatch.errors import ControlError
from roguewatch.printable import printable

WAIT_SECONDS = 45
LOOK_SECONDS = 15.0

_SCALED = ("deployment", "statefulset", "replicaset", "replicationcontroller")
_SUSPENDED = ("job", "cronjob")
_ENDED = ("Succeeded", "Failed")
_SHORT = {"deploy": "deployment", "sts": "statefulset", "rs": "replicaset", "cj": "cronjob",
          "po": "pod", "ds": "daemonset", "rc": "replicationcontroller"}  # fmt: skip


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What the cluster calls it."""

    name: str
    kind: str = "pod"
    namespace: str = ""
    context: str = ""
    """Of kubectl's configuration; empty: the current one."""
    selector: dict[str, str] = {}
    """Labels of its pods, noted when it was attached: they are found by these even when the
    workload itself is gone."""


class KubernetesAdapter:
    """Stops workloads of the cluster that kubectl speaks to."""

    name = "kubernetes"

    def describe(self, target: str) -> str:
        """What the target is called."""
        known = _decode(target)
        where = f"{known.namespace}/" if known.namespace else ""
        return printable(f"kubernetes {where}{known.kind}/{known.name}", 200)

    def identified(self, target: str) -> str:
        """The target with the labels of its pods.

        Raises:
            ControlError: the cluster does not know it, or cannot be asked.
        """
        known = _decode(target)
        if known.kind == "pod":
            return target
        found = _selector(known)
        if found is None:
            raise ControlError(f"{self.describe(target)}: the cluster does not know it")
        return msgspec.json.encode(msgspec.structs.replace(known, selector=found)).decode()

    def stop(self, target: str) -> Halted:
        """Tell its controller to want nothing, delete its pods, and ask what is left."""
        known = _decode(target)
        began = time.monotonic()
        before = _pods(known)
        notes = [] if before is not None else ["its pods could not be listed"]
        for command in _commands(known):
            status, out, err = ask(command)
            if status:
                notes.append(printable((err or out).strip(), 300) or f"exit status {status}")
        left = _pods(known)
        deadline = time.monotonic() + LOOK_SECONDS
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            left = _pods(known)
        if left is None:
            notes.append("whether it still runs cannot be told")
        return Halted(
            found=len(before or ()),
            survivors=(self.describe(target),) if left is None else _told(left),
            dead_seconds=time.monotonic() - began,
            notes=tuple(notes),
        )

    def probe(self, target: str) -> list[Probe]:
        """Ask the cluster afresh which of its pods have not ended."""
        try:
            left = _pods(_decode(target))
            note = "" if left is not None else "the cluster does not say"
        except ControlError as error:
            left, note = None, str(error)
        return [
            Probe(name=self.name, survivors=_told(left or ()), observed=left is not None, note=note)
        ]


def _commands(known: Workload) -> list[list[str]]:
    one = f"{known.kind}/{known.name}"
    commands = []
    if known.kind in _SCALED:
        commands.append([*_kubectl(known), "scale", "--replicas=0", one])
    elif known.kind in _SUSPENDED:
        patch = '--patch={"spec":{"suspend":true}}'
        commands.append([*_kubectl(known), "patch", one, "--type=merge", patch])
    elif known.kind != "pod":
        commands.append([*_kubectl(known), "delete", one, "--cascade=foreground", "--wait=true",
                         f"--timeout={WAIT_SECONDS}s"])  # fmt: skip
    last = ["--grace-period=1", "--wait=true", f"--timeout={WAIT_SECONDS}s",
            "--ignore-not-found=true"]  # fmt: skip
    selected = _selected(known)
    if known.kind == "pod":
        commands.append([*_kubectl(known), "delete", one, *last])
    elif selected:
        commands.append([*_kubectl(known), "delete", "pods", f"--selector={selected}", *last])
    return commands


def _pods(known: Workload) -> list[str] | None:
    """Its pods that have not ended, `name phase`; None where that cannot be told."""
    listed = '--output=jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\\n"}{end}'
    selected = _selected(known)
    if known.kind == "pod":
        where = [f"--field-selector=metadata.name={known.name}"]
    elif selected:
        where = [f"--selector={selected}"]
    else:
        return None
    status, out, _ = ask([*_kubectl(known), "get", "pods", *where, listed])
    if status:
        return None
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    return [line for line in lines if line.rpartition(" ")[2] not in _ENDED]


def _selected(known: Workload) -> str:
    labels = known.selector or _selector(known) or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _selector(known: Workload) -> dict[str, str] | None:
    """The labels of a workload's pods, as the cluster says; None where it does not know it."""
    if known.kind == "pod":
        return None
    path = (
        ".spec.jobTemplate.spec.template.metadata.labels"
        if known.kind == "cronjob"
        else ".spec.selector.matchLabels"
    )
    one = f"{known.kind}/{known.name}"
    status, out, _ = ask([*_kubectl(known), "get", one, f"--output=jsonpath={{{path}}}"])
    if status:
        return None
    try:
        return msgspec.json.decode(out, type=dict[str, str])
    except msgspec.DecodeError:
        return None


def _kubectl(known: Workload) -> list[str]:
    words = ["kubectl", "--request-timeout=50s"]
    words += [f"--context={known.context}"] if known.context else []
    return [*words, *([f"--namespace={known.namespace}"] if known.namespace else [])]


def _told(left: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(printable(f"pod {line}", 200) for line in left)


def _decode(target: str) -> Workload:
    try:
        known = msgspec.json.decode(target, type=Workload)
    except msgspec.MsgspecError as error:
        raise ControlError(f"not a kubernetes target: {printable(str(error), 200)}") from error
    for text in filter(None, (known.name, known.kind, known.namespace, known.context)):
        check_name(text, "kubernetes")
    if not known.name:
        raise ControlError("a kubernetes target needs a name")
    kind = known.kind.casefold().removesuffix("s")
    return msgspec.structs.replace(known, kind=_SHORT.get(known.kind, _SHORT.get(kind, kind)))


adapter = KubernetesAdapter()
