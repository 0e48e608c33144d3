"""One WebSocket: frames in, answers out, with back-pressure.

Frames that have arrived together are taken in together, and answers that are due together leave
in one write. The deadline for a message that has begun is kept by doors/watched.py.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.http import WSMsgType

from sidespool.runtime.conversation import MALFORMED, Conversation
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.watched import WatchedProtocol
from sidespool.wire.websocket_frame import text_frame

GATHERED_BYTES_MAX = 64 * 1024
# What may wait for one client before it is read no further: a thousand acks, or a few answers to
# frames full of refused events.
ANSWERS_MAX = 1_000
ANSWERS_BYTES_MAX = 512 * 1024


class _Outbox:
    """Answers waiting to be sent; one turn of the loop sends all that gathered."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._bytes = 0
        self.wake = asyncio.Event()
        self.drained = asyncio.Event()
        self.drained.set()
        self.sent = asyncio.Event()
        self.sent.set()

    def send(self, answer: bytes) -> None:
        """Queues an answer."""
        self.answers.append(answer)
        self._bytes += len(answer)
        self.sent.clear()
        self.wake.set()
        if len(self.answers) >= ANSWERS_MAX or self._bytes >= ANSWERS_BYTES_MAX:
            self.drained.clear()

    async def deliver(self, socket: web.WebSocketResponse, way: WatchedProtocol) -> None:
        """Sends what gathered; waits while the client does not read."""
        while self.answers and not socket.closed:
            answers, self.answers, self._bytes = self.answers, [], 0
            # aiohttp would make a system call of each. Whole frames keep apart from its own.
            way.write(b"".join(map(text_frame, answers)))
            await way.writable.wait()
        self.drained.set()
        self.sent.set()


class _Inbox:
    """Frames that are there already, taken in as one: `receive` does not wait for those."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.stop: Callable[[], object] = lambda: None  # ends the reading, once it has closed
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._bytes = 0

    def add(self, frame: bytes) -> None:
        """One frame; it is taken in when the loop turns, or when enough has gathered."""
        if not self._frames:
            self._loop.call_soon(self.take)
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes >= GATHERED_BYTES_MAX:
            self.take()

    def take(self) -> None:
        """Takes in what has gathered."""
        frames, self._frames, self._bytes = self._frames, [], 0
        if frames and not self._conversation.closing:
            self._conversation.on_messages(frames)
            if self._conversation.closing:
                self.stop()


async def converse(
    socket: web.WebSocketResponse, way: WatchedProtocol, reception: Reception
) -> None:
    """Runs until the client leaves, or the conversation closes it. `way` leads to the client."""
    outbox = _Outbox()
    conversation = reception.enter(outbox.send, door="websocket", token=None)
    inbox = _Inbox(conversation)

    def held() -> bool:
        return conversation.emitting and reception.intake.pressed()

    try:
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(_send_all(socket, way, outbox))
            receiver = group.create_task(
                _receive_all(socket, inbox, outbox, held, reception.intake.when_relieved)
            )
            inbox.stop = receiver.cancel
            await asyncio.wait([receiver])
            await conversation.settle()
            await outbox.sent.wait()
            sender.cancel()
    except* ConnectionError:
        pass  # the client went away in the middle of an answer
    finally:
        reception.leave(conversation)
        await socket.close()


async def _receive_all(
    socket: web.WebSocketResponse,
    inbox: _Inbox,
    outbox: _Outbox,
    held: Callable[[], bool],
    relieved: Callable[[Callable[[], None]], None],
) -> None:
    """Until the client closes; cancelled when the conversation does."""
    while True:
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            inbox.add(message.data)
        else:
            inbox.take()
            if message.type is not WSMsgType.BINARY:
                return
            outbox.send(MALFORMED)
        # A client that does not read its answers is not read either; nor while the disk is slow.
        await outbox.drained.wait()
        if held():
            disk = asyncio.Event()
            relieved(disk.set)
            await disk.wait()


async def _send_all(socket: web.WebSocketResponse, way: WatchedProtocol, outbox: _Outbox) -> None:
    while True:
        await outbox.wake.wait()
        outbox.wake.clear()
        await outbox.deliver(socket, way)
