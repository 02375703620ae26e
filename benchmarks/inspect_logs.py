"""Reading Inspect logs: ours against inspect_ai's own readers, each in its own process.

The log is written by inspect_ai itself: 1,000 transcripts of 43 messages, with the
model and tool events that made them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.report import Row

TRANSCRIPTS = 1_000
TURNS = 20
"""Tool calls of a transcript: with system, task and final reply 43 messages."""

_WRITE = """
import sys
from inspect_ai.event import Event, ModelEvent, ToolEvent
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import (ChatMessageAssistant, ChatMessageSystem, ChatMessageTool,
    ChatMessageUser, GenerateConfig, ModelOutput, ModelUsage)
from inspect_ai.tool import ToolCall

path, transcripts, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def sample(number):
    messages = [ChatMessageSystem(content="You work in a repository. " * 20),
                ChatMessageUser(content=f"Mend fault {number}. " * 10, source="input")]
    events = []
    for turn in range(turns + 1):
        calls = None
        if turn < turns:
            calls = [ToolCall(id=f"call_{number}_{turn}", function="bash",
                              arguments={"cmd": f"grep -rn fault_{number}_{turn} src | head"})]
        said = ChatMessageAssistant(content=f"Step {turn} of {number}: look further. " * 6,
                                    tool_calls=calls, model="model", source="generate")
        output = ModelOutput.from_message(said)
        output.usage = ModelUsage(input_tokens=1000 + turn, output_tokens=50, total_tokens=1050)
        events.append(ModelEvent(model="mockllm/model", input=list(messages), tools=[],
                                 tool_choice="auto", config=GenerateConfig(), output=output))
        messages.append(said)
        if calls:
            result = f"src/{number}/{turn}.py:{turn}: fault\\n" * 12
            messages.append(ChatMessageTool(content=result, tool_call_id=calls[0].id,
                                            function="bash"))
            events.append(ToolEvent(id=calls[0].id, function="bash",
                                    arguments=calls[0].arguments, result=result))
    return EvalSample(id=number, epoch=1, input=messages[1].content, target="", messages=messages,
                      events=events)

spec = EvalSpec(created="2026-01-01T00:00:00+00:00", task="made", task_id="made",
                run_id="made", eval_id="made", dataset=EvalDataset(sample_ids=list(range(transcripts))), model="mockllm/model",
                config=EvalConfig())
write_eval_log(EvalLog(eval=spec, status="success",
                       samples=[sample(n) for n in range(transcripts)]), path)
"""

_COUNT = """
import json, resource, sys, time
path, form = sys.argv[1:]
messages = calls = transcripts = 0
if form == "ours":
    from pathlib import Path
    from roguewatch.sources.inspect import source
    from roguewatch.sources.source import Document
    said = {"system_message", "user_message", "agent_message", "tool_result"}
    start = time.perf_counter()
    for event in source.read(Document(Path(path))):
        kind = event.kind
        messages += kind in said
        calls += kind == "tool_call"
        transcripts += kind == "session_start"
else:
    from inspect_ai.log import read_eval_log, read_eval_log_samples
    start = time.perf_counter()
    samples = read_eval_log(path).samples if form == "whole" else \\
        read_eval_log_samples(path, all_samples_required=False)
    for sample in samples:
        transcripts += 1
        messages += len(sample.messages)
        calls += sum(len(m.tool_calls or ()) for m in sample.messages if m.role == "assistant")
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rate": transcripts / seconds, "megabytes": peak,
                  "counts": [transcripts, messages, calls]}))
"""


def _run(script: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True
    ).stdout


def run() -> list[Row]:
    """Transcripts a second and peak memory, each reader in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder) / "made.eval")
        _run(_WRITE, log, str(TRANSCRIPTS), str(TURNS))
        read = {form: json.loads(_run(_COUNT, log, form)) for form in ("whole", "streamed")}
        runs = [json.loads(_run(_COUNT, log, "ours")) for _ in range(3)]
    ours = sorted(runs, key=lambda each: each["rate"])[1]
    same = all(each["counts"] == ours["counts"] for each in read.values())
    peer = f"inspect_ai {version('inspect_ai')}"
    rows = [
        Row(
            name=f"{name} ({TRANSCRIPTS:,} transcripts of {2 * TURNS + 3} messages)",
            ours=ours["rate"],
            peer=read[form]["rate"],
            peer_name=f"{peer} {call}",
            unit="transcripts/s",
            target=f"at least {times}x, same counts",
            reached=same and ours["rate"] >= times * read[form]["rate"],
        )
        for name, form, call, times in (
            ("read .eval", "whole", "read_eval_log", 4),
            ("read .eval, streamed", "streamed", "read_eval_log_samples", 8),
        )
    ]
    rows.append(
        Row(
            name="peak memory reading .eval",
            ours=max(each["megabytes"] for each in runs),
            peer=read["whole"]["megabytes"],
            peer_name=f"{peer} read_eval_log",
            unit="MB",
            better="lower",
            target="under 100 MB",
            reached=max(each["megabytes"] for each in runs) < 100,
        )
    )
    return rows
