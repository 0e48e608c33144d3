"""One WebSocket: frames in, answers out, with back-pressure.

The deadline for a message that has begun is kept by doors/watched.py.
"""

import asyncio

from aiohttp import WSMsgType, web

from sidespool.runtime.conversation import MALFORMED, Conversation
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.intake import Intake

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

    async def deliver(self, socket: web.WebSocketResponse) -> None:
        """Sends what gathered; waits while the client does not read."""
        while self.answers and not socket.closed:
            answers, self.answers, self._bytes = self.answers, [], 0
            for answer in answers:
                await socket.send_frame(answer, WSMsgType.TEXT)
        self.drained.set()
        self.sent.set()


async def converse(socket: web.WebSocketResponse, reception: Reception) -> None:
    """Runs until the client leaves, or the conversation closes it."""
    outbox = _Outbox()
    conversation = reception.enter(outbox.send, door="websocket", token=None)
    try:
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(_send_all(socket, outbox))
            await _receive_all(socket, conversation, reception.intake, outbox)
            sender.cancel()
    except* ConnectionError:
        pass  # the client went away in the middle of an answer
    finally:
        reception.leave(conversation)
        await socket.close()


async def _receive_all(
    socket: web.WebSocketResponse, conversation: Conversation, intake: Intake, outbox: _Outbox
) -> None:
    while not conversation.closing:
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            conversation.on_frame(message.data)
        elif message.type is WSMsgType.BINARY:
            outbox.send(MALFORMED)
        else:
            return
        # A client that does not read its answers is not read either; nor while the disk is slow.
        await outbox.drained.wait()
        if conversation.emitting and intake.pressed():
            relieved = asyncio.Event()
            intake.when_relieved(relieved.set)
            await relieved.wait()
    await conversation.settle()
    await outbox.sent.wait()


async def _send_all(socket: web.WebSocketResponse, outbox: _Outbox) -> None:
    while True:
        await outbox.wake.wait()
        outbox.wake.clear()
        await outbox.deliver(socket)
