"""`phone.toml` in the host folder: from which chats and whether from the forge a halt may come. Schema 1.

schema = 1
every_s = 5
forge = true                # the labels `halt` and `halt-ACCOUNT` on open issues and pull requests
[[chat]]
kind = "telegram"           # telegram | ntfy
base_url = "https://api.telegram.org"
senders = ["123456789"]     # telegram: user ids that are heard
token = "chat-telegram"     # name of a credential; ntfy may go without
topic = ""                  # ntfy: the topic, as secret as a password
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from live.credentials import KeySource, load_token
from live.ports.clock import Clock
from live.stopping.chat import Channel, Cursor, Ntfy, Telegram

CHATS_MAX = 10
EVERY_S_MIN, EVERY_S_MAX = 1, 300
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Chat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chat."""

    kind: Literal["telegram", "ntfy"]
    base_url: str
    senders: tuple[str, ...] = ()
    token: str = ""
    topic: str = ""


class Phone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    schema: Literal[1]
    every_s: int = 5
    forge: bool = True
    chat: tuple[Chat, ...] = ()


def read_phone(path: Path) -> Phone:
    """Return what the file says; without one, the forge alone is listened to.

    Raises:
        ConfigError: it is malformed, or a chat lacks what its kind needs.
    """
    if not path.exists():
        return Phone(schema=1)
    try:
        phone = msgspec.convert(parse_toml(path.read_bytes()), Phone, strict=True)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not EVERY_S_MIN <= phone.every_s <= EVERY_S_MAX or len(phone.chat) > CHATS_MAX:
        raise ConfigError(f"{path}: expected every_s from {EVERY_S_MIN} to {EVERY_S_MAX} and at most {CHATS_MAX} chats")
    for chat in phone.chat:
        _require_sound(chat, path)
    return phone


def channels_of(
    phone: Phone, *, http: httpx.AsyncClient, source: KeySource, folder: Path, clock: Clock
) -> tuple[Channel, ...]:
    """Return the chats, ready to be polled; `folder` keeps how far each was read.

    Raises:
        ConfigError: a token is missing, or others could have read it.
    """
    made: list[Channel] = []
    for number, chat in enumerate(phone.chat, 1):
        name = f"{chat.kind} {number}"
        cursor = Cursor(path=folder / f"{chat.kind}-{number}.cursor", clock=clock)
        token = load_token(chat.token, source) if chat.token else ""
        base = chat.base_url.rstrip("/")
        if chat.kind == "telegram":
            senders = frozenset(chat.senders)
            made.append(Telegram(http=http, base_url=base, token=token, senders=senders, cursor=cursor, name=name))
        else:
            made.append(Ntfy(http=http, base_url=base, topic=chat.topic, token=token, cursor=cursor, name=name))
    return tuple(made)


def _require_sound(chat: Chat, path: Path) -> None:
    parts = urlsplit(chat.base_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ConfigError(f"{path}: {chat.base_url!r}: expected an https address, a halt is heard from there")
    if chat.kind == "telegram" and not (chat.senders and chat.token):
        raise ConfigError(f"{path}: telegram needs a token and the user ids in senders; anybody may write to a bot")
    if chat.kind == "ntfy" and (not chat.topic or chat.senders):
        raise ConfigError(f"{path}: ntfy needs a topic and knows no senders: whoever may write to it is heard")
