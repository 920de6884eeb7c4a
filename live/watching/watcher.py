"""Follow the forge: newer signed releases are verified here, off the executors' processes, and become the next one.

Nothing here can stop an executor: a release that does not verify is told and left, a forge that does not answer is
told and asked again, and the present choice stands meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from autarch.canonical import EpochMs, sha256_hex
from autarch.errors import AutarchError, DeployError
from autarch.evidence.released import VERSION
from autarch.repo.runner import GitError
from live.deployer import Deployer, require_still_trusted
from live.host import Host
from live.installed import RECORD, read_installed
from live.ports.alerts import Alerts
from live.trust import Trust
from live.watching.active import active_tags
from live.watching.choice import Choice, Choices, chosen, newer
from live.watching.refusals import Refusal, Refusals, is_settled

_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at the forge came to. `choice` is what stands after it; `taken` the release that is new in it.

    `refused` holds (tag, reason) of those that did not verify now, `unreachable` why the forge was not read.
    """

    choice: Choice | None
    taken: str | None = None
    dropped: str | None = None
    refused: tuple[tuple[str, str], ...] = ()
    unreachable: str = ""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Looks again and again. `deployer` makes a fresh one each time: the forge may have come or gone since."""

    deployer: Callable[[], Deployer]
    host: Host
    alerts: Alerts
    now_ms: Callable[[], EpochMs]
    _unreachable: str = field(init=False, default="")

    def look(self) -> Look:
        """Look once: drop a choice that is no longer trusted, take the newest release that verifies.

        Raises:
            ConfigError: the host's own files cannot be read or written.
        """
        deployer, trust = self.deployer(), self.host.trust()
        choice, dropped = self._drop(trust)
        tags, unreachable = self._tags(deployer)
        self._tell_forge(unreachable)
        revoked = set(trust.revoked_tags)
        standing = {name: oid for name, oid in tags.items() if not revoked & {name, oid}}
        refused: list[tuple[str, str]] = []
        for tag in newer(standing, choice):
            taken, why = self._verified(deployer, tag, standing[tag], trust)
            if taken is not None:
                choice = Choices(self.host).change(partial(_moved, found=taken))
                if choice is not None and choice.tag == tag:
                    self.alerts.tell(
                        "info", f"release {tag}", f"{tag} is verified and next: executors take it at a bar"
                    )
                    return Look(
                        choice=choice, taken=tag, dropped=dropped, refused=tuple(refused), unreachable=unreachable
                    )
            if why:
                refused.append((tag, why))
        return Look(choice=choice, dropped=dropped, refused=tuple(refused), unreachable=unreachable)

    def _verified(
        self, deployer: Deployer, tag: str, tag_object: str, trust: Trust
    ) -> tuple[tuple[str, str] | None, str]:
        """Return the release, installed, or why it is refused; neither when that was said before."""
        basis = sha256_hex(f"{deployer.engine} {replace(trust, ledger_floor=None)!r}".encode())
        if is_settled(Refusals(self.host).read().get(tag), tag_object, basis, self.now_ms()):
            return None, ""
        try:
            installed = deployer.verify(tag)
        except AutarchError as error:
            decided = isinstance(error, DeployError)
            refusal = Refusal(
                tag=tag, tag_object=tag_object, basis=basis, why=str(error), decided=decided, at_ms=self.now_ms()
            )
            if Refusals(self.host).add(refusal):
                word = "does not verify" if decided else "could not be verified yet"
                self.alerts.tell("critical" if decided else "warning", f"release {tag}", f"{tag} {word}: {error}")
            return None, str(error)
        return (tag, installed.record.tag_object), ""

    def _drop(self, trust: Trust) -> tuple[Choice | None, str | None]:
        """Go back from a next release that this host no longer trusts and that no account trades yet."""
        choice = Choices(self.host).read()
        if choice is None or choice.tag in active_tags(self.host).values() or self._stands(choice.tag, trust):
            return choice, None
        good = [tag for tag in choice.history if self._stands(tag, trust)]
        if not good:
            return choice, None
        back = read_installed(self.host.releases / good[-1]).record.tag_object
        dropped = choice.tag
        after = Choices(self.host).change(lambda before: chosen(before, good[-1], back, by="watch"))
        text = f"{dropped} was next and is no longer trusted on this host; {good[-1]} stands"
        self.alerts.tell("critical", f"release {dropped}", text)
        return after, dropped

    def _stands(self, tag: str, trust: Trust) -> bool:
        if not (self.host.releases / tag / RECORD).is_file():
            return False
        try:
            require_still_trusted(read_installed(self.host.releases / tag), trust)
        except DeployError:
            return False
        return True

    def _tags(self, deployer: Deployer) -> tuple[Mapping[str, str], str]:
        """Return the releases by name with their objects, and why the forge could not be asked for them."""
        refs, why = deployer.repo.refs(_TAGS), "no forge is configured or it is down" * (deployer.remote is None)
        if deployer.remote is not None:
            try:
                refs = deployer.repo.ls_remote(deployer.remote, f"{_TAGS}v*")
            except GitError as error:
                why = str(error)
        named = {ref.removeprefix(_TAGS): oid for ref, oid in refs.items()}
        return {name: oid for name, oid in named.items() if VERSION.match(name)}, why

    def _tell_forge(self, why: str) -> None:
        if why and not self._unreachable:
            self.alerts.tell("warning", "forge", f"the forge does not answer, what is installed goes on: {why}")
        elif self._unreachable and not why:
            self.alerts.tell("info", "forge", "the forge answers again")
        self._unreachable = why


def _moved(before: Choice | None, *, found: tuple[str, str]) -> Choice | None:
    """Return the choice of a verified release, or None where an operator has chosen otherwise meanwhile."""
    tag, tag_object = found
    return chosen(before, tag, tag_object, by="watch") if newer([tag], before) else None
