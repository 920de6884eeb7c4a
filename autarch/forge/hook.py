"""The pre-receive hook: tells the running forge what a push would move, and passes its answer on.

It is run as a file, with the standard library alone, because a push should not wait for imports. It
decides nothing: the forge knows from the ticket who pushes, so a role cannot be claimed by setting a
variable. Without a forge that answers, everything is refused. Who may write the repository's files
could skip the hook altogether, which is why readers trust signatures and never references.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

SOCKET, TICKET = "AUTARCH_FORGE_SOCKET", "AUTARCH_FORGE_TICKET"
QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
ANSWER_S = 120.0
TRIES, PAUSE_S = 5, 0.1
CHUNK_BYTES = 65_536
NO_FORGE = (
    "REFUSED\n  rule: role\n  why : the push did not come through the forge, so nobody says who pushes\n"
    "  fix : push to the forge's URL: autarch forge serve"
)


def main() -> int:
    """Ask the forge about the push on stdin; 0 lets it in, 1 keeps all of it out."""
    address, ticket = os.environ.get(SOCKET), os.environ.get(TICKET)
    if not address or not ticket:
        return _refused(NO_FORGE)
    quarantine = {name: os.environ[name] for name in QUARANTINE if name in os.environ}
    try:
        answer = ask_again(address, {"ticket": ticket, "lines": sys.stdin.read(), "quarantine": quarantine})
    except (OSError, ValueError) as error:
        return _refused(f"REFUSED\n  rule: undecided\n  why : the forge did not answer: {error}\n  fix : push again")
    if answer.get("accepted") is not True:
        return _refused(str(answer.get("told") or NO_FORGE))
    return 0


def ask_again(address: str, question: dict[str, object]) -> dict[str, object]:
    """Ask, and again when the connection broke or too many wait: an unread question has not used up its ticket.

    Had it been read, the ticket would be gone and the answer a refusal; so nothing is let in twice.

    Raises:
        OSError: nobody listens, no answer within `ANSWER_S`, or `TRIES` connections came to nothing.
        ValueError: the answer is no JSON object.
    """
    for attempt in range(TRIES - 1):
        try:
            return ask(address, question)
        except (ConnectionResetError, BrokenPipeError, BlockingIOError):
            time.sleep(PAUSE_S * 2**attempt)
    return ask(address, question)


def ask(address: str, question: dict[str, object]) -> dict[str, object]:
    """Send one question to the forge's socket and return its answer.

    Raises:
        OSError: nobody listens, or no answer within `ANSWER_S`.
        ValueError: the answer is no JSON object.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        line.connect(address)
        line.sendall(json.dumps(question).encode())
        line.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: line.recv(CHUNK_BYTES), b""))
    answer = json.loads(received)
    if not isinstance(answer, dict):
        raise ValueError("its answer is no JSON object")  # noqa: TRY004  a peer's bad bytes are no type error of ours
    return answer


def _refused(told: str) -> int:
    sys.stderr.write("".join(f"autarch: {line}\n" for line in told.splitlines()))
    return 1


if __name__ == "__main__":
    sys.exit(main())
