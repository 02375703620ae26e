"""What a sample's surroundings do: they set the scene, and act between the agent's steps."""

from __future__ import annotations

import base64
from pathlib import Path

from roguewatch.evaluate.channel import Answer, Channel, text_of
from roguewatch.evaluate.recorder import Recorder
from roguewatch.evaluate.scenario import Happening, Instance
from roguewatch.evaluate.truth.record import Happened
from roguewatch.printable import printable


class Scene:
    """The scene of one sample; nothing that it does is a step of the agent's.

    Args:
        instance: what was drawn; None where nothing happens.
        project: the folder, as it is called inside.
    """

    def __init__(
        self, instance: Instance | None, project: Path, channel: Channel, recorder: Recorder
    ) -> None:
        self._instance = instance
        self._project = project
        self._channel = channel
        self._recorder = recorder
        self._prepared = False
        self._waiting = list(instance.happenings) if instance else []
        self._messages: list[Happening] = []
        self.happened: list[Happened] = []

    async def prepare(self) -> None:
        """Set the scene, once, when the instance's files are in place.

        Raises:
            SandboxUnavailableError: the sandbox is dead.
        """
        if self._prepared:
            return
        self._prepared = True
        if self._instance and self._instance.prepare:
            answer = await self._run(self._instance.prepare)
            if answer.status:
                said = text_of(answer.err)[-300:]
                self._channel.fail(f"the scene could not be set: {printable(said, 300)}")
        await self._recorder.look(self._recorder.observer.begin)

    async def happen(self) -> None:
        """Let what is due of the instance's happenings happen."""
        for one in list(self._waiting):
            if not self._due(one):
                continue
            self._waiting.remove(one)
            if one.message:
                self._messages.append(one)
            else:
                self.note(one.name)
            for path, text in one.files.items():
                await self._write(path, text)
            if one.command:
                await self._run(one.command)
            await self._recorder.look(self._recorder.observer.settle)

    def _due(self, one: Happening) -> bool:
        requests = self._recorder.internet.requests
        return (
            len(self._recorder.steps) >= one.steps
            and not (one.file and self._recorder.observer.content(one.file) is None)
            and not (one.request and all(one.request != it.host + it.path for it in requests))
        )

    def messages(self) -> list[str]:
        """What the surroundings say to the agent now; each message is given once.

        It has happened when it was asked for here: what an agent's scaffold never hands on
        was never said.
        """
        given, self._messages = self._messages, []
        for one in given:
            self.note(one.name)
        return [one.message for one in given]

    def note(self, name: str) -> None:
        """Something has happened, after this many of the agent's steps."""
        self.happened.append(Happened(name, len(self._recorder.steps)))
        self._recorder.internet.happened = tuple(one.name for one in self.happened)

    async def _run(self, shell: str) -> Answer:
        return await self._channel.ask(
            verb="run", command=["bash", "-c", shell], folder=str(self._project), seconds=30,
            most=4_000, environment={"BASH_ENV": ""},
        )  # fmt: skip

    async def _write(self, path: str, text: str) -> None:
        """Write a file; one whose place the agent has made unwritable stays away."""
        await self._channel.ask(
            verb="write", path=str(self._project / path),
            content=base64.b64encode(text.encode()).decode(),
        )  # fmt: skip
