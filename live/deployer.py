"""From a tag's name to a release on this host, or a refusal that names the thing and the next step.

The deployer believes `trust.toml` and what it can compute; a signature alone moves nothing. Reasons
for the order of checks: docs/adr/0012-trust-a-tag.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from autarch.canonical import sha256_hex
from autarch.errors import AutarchError, DataError, DeployError
from autarch.evidence.attestation import evidence_ref
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import LedgerError
from autarch.evidence.released import VERSION, Released, parse_release
from autarch.manifest import StrategySource
from autarch.market.lock import DatasetLock, read_lock
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo, Remote
from autarch.repo.mainline import fetch_main
from autarch.repo.objects import Tag
from autarch.repo.runner import GitError
from autarch.repo.signers import trust_at
from autarch.repo.signing import SignatureError, verify_tag
from autarch.repo.signing import Trust as SigningTrust
from autarch.repo.strategies import read_strategy, strategy_tree
from live.ceilings import ceilings_of, require_tiers
from live.evidence_check import Expected, check_claim, is_paper_only
from live.host import Host
from live.installed import RECORD, SCHEMA, Installed, InstalledRecord, install, read_installed, release_content
from live.portfolio import PORTFOLIO_PATH, Portfolio, Tier, check_portfolio, parse_portfolio
from live.trust import Signer, Trust

Rederive = Callable[[Sequence[str], bytes], None]
"""Derives the evidence of these ids again with this runtime's engine; raises DeployError where one differs.

The bytes are the allowed_signers who may have attested it and written the ledger.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What a verification works with. `engine` and `version` are this runtime's.

    `remote` None: the repository is taken as it is, without asking the forge.
    """

    repo: GitRepo
    host: Host
    stores: Stores
    engine: str
    version: str
    rederive: Rederive
    remote: Remote | None = None
    progress: Callable[[str], None] = lambda _: None

    def verify(self, name: str) -> Installed:
        """Verify the release `name` and return it installed.

        One that this runtime verified in full before is read again byte for byte, all but the derivation of
        its evidence; what only a forge that does not answer has is then listed as `unread`.

        Raises:
            DeployError: any of it does not hold; nothing is installed.
            AutarchError: it could not be decided (no forge, damaged repository, missing data).
        """
        trust = self.host.trust()
        trust.require_runtime(self.version)
        if not VERSION.match(name):
            raise DeployError(f"{name!r} is not a release; a release is a tag like v0.1.0")
        self.progress(f"fetching {name}")
        try:
            object_id = self._fetch(name)
        except GitError as error:
            if self.remote is None or not (self.host.releases / name / RECORD).is_file():
                raise
            self.progress(f"going on with the verified {name} while the forge is gone: {error}")
            return replace(self, remote=None).verify(name)
        known = self._known(name, object_id, trust)
        return self._verify_in_full(name, trust) if known is None else self._verify_again(known, trust)

    def _verify_in_full(self, name: str, trust: Trust) -> Installed:
        tag, signer = self._tag(name, trust)
        released = self._release(tag)
        commit = tag.target
        self.progress("checking ledger, data and policy")
        head = self._ledger(released, trust)
        require_tiers(released, self._ceilings(released, trust, released.ledger_head))
        lock = self._dataset(released, trust)
        portfolio, sources = self._portfolio(released)
        policy = self.repo.blob_at(released.commit, released.policy_path)
        walkthrough = require_policy(released, policy, trust, portfolio, demo=signer.demo)
        self._evidence(released, trust, policy or b"")
        self._verify_bars(lock, sources)  # before the evidence: damaged bars are no fault of a strategy
        self.progress(f"re-deriving {len(_ids(released))} evidence")
        self.rederive(_ids(released), trust.signing("release").signers + self._ci(released, trust).signers)
        record = InstalledRecord(
            schema=SCHEMA,
            tag_object=tag.oid,
            engine=self.engine,
            signer=signer.fingerprint,
            demo=signer.demo,
            walkthrough=walkthrough,
            released=released,
        )
        install(self.host.releases / name, record, release_content(self.repo, tag.oid))
        self.host.save_trust(self.host.trust().with_ledger_floor(head))
        self.progress(f"{name} verified: commit {commit[:12]}")
        return replace(read_installed(self.host.releases / name), ceilings=self._ceilings(released, trust, head))

    def _verify_again(self, known: Installed, trust: Trust) -> Installed:
        """Check all but the re-derivation once more: bars here, history, ledger and evidence wherever they are."""
        released, missing = known.bound.released, list[str]()
        ceilings: dict[str, Tier] = {}
        self.progress(f"{released.tag} was verified by this runtime before; reading ledger, evidence and data again")
        self._verify_bars(known.lock, tuple(known.sources.values()))
        if self.remote is None and self.repo.resolve(released.commit) is None:
            missing = ["history", "ledger", "evidence"]
        else:
            self._require_released(known.bound.tag, released)
            if self.remote is None and self.repo.read_ref(LEDGER_REF) is None:
                missing.append("ledger")
            else:
                head = self._ledger(released, trust)
                self.host.save_trust(trust.with_ledger_floor(head))
                ceilings = self._ceilings(released, trust, head)
            if not self._evidence(released, trust, known.policy, again=True):
                missing.append("evidence")
        return replace(known, unread=tuple(missing), ceilings=ceilings)

    def _fetch(self, name: str) -> str:
        """Bring the tag here and return its object id; a tag that moved since it was last seen is refused."""
        ref, folder = f"refs/tags/{name}", self.host.releases / name
        here = self.repo.read_ref(ref)
        there = here if self.remote is None else self.repo.ls_remote(self.remote, ref).get(ref)
        if there is None:
            where = "here" if self.remote is None else "on the forge"
            raise DeployError(f"there is no tag {name} {where}; sign one with `autarch release {name}`")
        if here is not None and here != there:
            raise DeployError(
                f"tag {name} was moved: the forge has {there[:12]}, this clone has {here[:12]}; a released tag "
                "never moves. Find out who did it; sign a new version with `autarch release`"
            )
        if here is None and self.remote is not None:
            self.repo.fetch(self.remote, [f"{ref}:{ref}"])
        if (folder / RECORD).is_file():
            seen = read_installed(folder).record.tag_object
            if seen != there:
                raise DeployError(
                    f"tag {name} was moved: this host verified {seen[:12]}, now it is {there[:12]}; a released tag "
                    "never moves. Find out who did it; sign a new version with `autarch release`"
                )
        return there

    def _known(self, name: str, object_id: str, trust: Trust) -> Installed | None:
        trust.require_tag(name, object_id)
        folder = self.host.releases / name
        if not (folder / RECORD).is_file():
            return None
        installed = read_installed(folder)
        if installed.record.engine != self.engine:
            return None
        require_still_trusted(installed, trust)
        return installed

    def _tag(self, name: str, trust: Trust) -> tuple[Tag, Signer]:
        """Return the tag and the one trusted key that signed it; each key is tried by itself."""
        if not trust.trusted("release"):
            raise DeployError("this host trusts no release key yet; run `autarch live trust add KEY`")
        for signer in trust.trusted("release"):
            alone = replace(trust, signers=(signer,)).signing("release")
            with suppress(SignatureError):
                return verify_tag(self.repo, f"refs/tags/{name}", trust=alone), signer
        try:
            verify_tag(self.repo, f"refs/tags/{name}", trust=trust.signing("release"))
        except SignatureError as error:
            raise DeployError(f"{error} (trusted on this host: {_prints(trust)})") from error
        raise DeployError(f"tag {name} verifies by no single trusted key; check {self.host.trust_path}")

    def _release(self, tag: Tag) -> Released:
        released = parse_release(tag.message)
        if (released.tag, released.commit) != (tag.name, tag.target):
            raise DeployError(
                f"tag {tag.name} points at {tag.target[:12]} and its message speaks of {released.tag} at "
                f"{released.commit[:12]}; sign it again with `autarch release`"
            )
        self._require_released(tag, released)
        return released

    def _require_released(self, tag: Tag, released: Released) -> None:
        """Refuse a tag of something that main never was, or that another engine judged."""
        main = self.repo.rev_parse("main") if self.remote is None else fetch_main(self.repo, self.remote)
        if not self.repo.first_parent_contains(main, tag.target):
            raise DeployError(
                f"tag {tag.name} points at {tag.target[:12]}, which main never was at (tip {main[:12]}); "
                "merge first, then release main"
            )
        if released.engine != self.engine:
            raise DeployError(
                f"{tag.name} was judged by engine {released.engine[:12]}, this runtime is {self.engine[:12]}, and no "
                "recertification says that they agree; install the runtime of that release, or release again"
            )

    def _ledger(self, released: Released, trust: Trust) -> str:
        ledger = Ledger(self.repo, trust=self._ci(released, trust), remote=self.remote)
        try:
            head = ledger.sync()
            if head is None:
                raise DeployError("there is no ledger, so nothing was counted; check that this is the right forge")
            for older, whose in ((released.ledger_head, released.tag), (trust.ledger_floor, "this host")):
                if older is not None and not self._descends(head, older):
                    raise DeployError(
                        f"the ledger at {head[:12]} does not descend from {older[:12]}, the head {whose} knows; it was "
                        "rewritten or this is another forge. Compare with a backup before anything trades"
                    )
            ledger.verify(head)
        except LedgerError as error:
            raise DeployError(f"the ledger does not verify: {error}") from error
        return head

    def _descends(self, head: str, older: str) -> bool:
        try:
            return self.repo.is_ancestor(older, head)
        except GitError:
            return False  # a head that nobody here has is not an ancestor

    def _ceilings(self, released: Released, trust: Trust, head: str) -> dict[str, Tier]:
        entries = Ledger(self.repo, trust=self._ci(released, trust)).entries(head)
        return ceilings_of(self.repo, entries, released)

    def _ci(self, released: Released, trust: Trust) -> SigningTrust:
        """Return who may write the ledger: keys typed on this host, else those the tagged commit lists."""
        return trust.signing("ci") if trust.trusted("ci") else trust_at(self.repo, released.commit, "ci")

    def _dataset(self, released: Released, trust: Trust) -> DatasetLock:
        name = released.dataset.partition("@")[0]
        path = f"ci/datasets/{name}.toml"
        content = self.repo.blob_at(released.commit, path)
        if content is None:
            raise DeployError(f"{released.tag} names data set {name}, but its commit has no {path}; release again")
        try:
            lock = read_lock(content)
        except DataError as error:
            raise DeployError(f"{path} at {released.tag}: {error}") from error
        if lock.ref != released.dataset:
            raise DeployError(f"{path} at {released.tag} is {lock.ref}, the tag says {released.dataset}; release again")
        trust.require_dataset(lock.ref)
        return lock

    def _verify_bars(self, lock: DatasetLock, sources: Sequence[StrategySource]) -> None:
        wanted = {s for source in sources for s in (*source.manifest.symbols, *source.manifest.context)}
        for series in lock.series:
            if series.symbol not in wanted:
                continue
            for split in ("train", "forward"):
                try:
                    self.stores.read(split, series.block(split).sha256, label=f"{lock.name} {series.label}")
                except DataError as error:
                    raise DeployError(f"the data of {lock.name} does not verify: {error}") from error

    def _portfolio(self, released: Released) -> tuple[Portfolio, tuple[StrategySource, ...]]:
        content = self.repo.blob_at(released.commit, PORTFOLIO_PATH)
        if content is None:
            raise DeployError(f"{released.tag} has no {PORTFOLIO_PATH}; commit one and release again")
        try:
            portfolio = parse_portfolio(content)
            sources = {slug: read_strategy(self.repo, released.commit, slug) for slug in portfolio.strategies}
            check_portfolio(portfolio, {slug: source.manifest for slug, source in sources.items()})
        except AutarchError as error:
            raise DeployError(f"{PORTFOLIO_PATH} at {released.tag}: {error}") from error
        wanted = [(a.name, s.strategy, s.tier, str(s.weight)) for a in portfolio.accounts for s in a.sleeves]
        listed = [(item.account, item.strategy, item.tier, item.weight) for item in released.strategies]
        if sorted(wanted) != sorted(listed):
            raise DeployError(
                f"{released.tag} lists {listed}, its portfolio wants {wanted}; "
                "every sleeve needs evidence: release again"
            )
        return portfolio, tuple(sources.values())

    def _evidence(self, released: Released, trust: Trust, policy: bytes, *, again: bool = False) -> bool:
        """Check the evidence of every sleeve; False when, asked `again` without a forge, some is not here."""
        signers = (trust.signing("release"), self._ci(released, trust))
        trees = self._evidence_trees(released)
        if again and self.remote is None and None in trees.values():
            return False
        for item in released.strategies:
            tree = strategy_tree(self.repo, released.commit, item.strategy)
            if tree != item.tree:
                raise DeployError(
                    f"strategies/{item.strategy} at {released.tag} is tree {tree}, the tag says {item.tree}; "
                    "it is not what was judged: release again"
                )
            check_claim(
                self.repo, Expected(released=released, item=item, policy=policy, stored=trees[item.evidence]), signers
            )
        for evidence, stored in trees.items():
            if stored is not None and (before := self.repo.read_ref(evidence_ref(evidence))) != stored:
                self.repo.update_ref(evidence_ref(evidence), stored, old=before)
        return True

    def _evidence_trees(self, released: Released) -> dict[str, str | None]:
        """Return the tree that holds each evidence, as the forge has it; its objects are brought here."""
        refs = {evidence: evidence_ref(evidence) for evidence in _ids(released)}
        if self.remote is None:
            return {evidence: self.repo.read_ref(ref) for evidence, ref in refs.items()}
        there = self.repo.ls_remote(self.remote, *refs.values())
        for evidence, ref in refs.items():
            if ref not in there:
                raise DeployError(
                    f"the forge at {self.remote.url} lacks evidence {evidence}, which {released.tag} names; restore it "
                    f"there from a copy, or release again. Nothing trades on evidence that is gone"
                )
        lacking = sorted({there[ref] for ref in refs.values() if there[ref] != self.repo.read_ref(ref)})
        if lacking:
            self.repo.fetch(self.remote, lacking)
        return {evidence: there[ref] for evidence, ref in refs.items()}


def require_still_trusted(installed: Installed, trust: Trust) -> None:
    """Refuse an installed release whose signer, tag, data or policy this host no longer trusts.

    Raises:
        DeployError: naming what was withdrawn.
    """
    record, released = installed.record, installed.bound.released
    trust.require_tag(released.tag, record.tag_object)
    signers = [one for one in trust.trusted("release") if one.fingerprint == record.signer]
    if not signers:
        raise DeployError(f"{released.tag} is signed by {record.signer}, which this host does not trust (any more)")
    if not any(installed.bound.is_signed(replace(trust, signers=(one,)).signing("release")) for one in signers):
        raise DeployError(f"the stored tag {released.tag} is not signed by {record.signer}; the release was changed")
    trust.require_dataset(released.dataset)
    demo = any(s.demo for s in signers)
    if demo != record.demo:
        raise DeployError(
            f"release {released.tag} says that a demo key signed it: {record.demo}; this host's trust says {demo}. "
            "Remove its folder and verify it again"
        )
    found = require_policy(released, installed.policy, trust, installed.portfolio, demo=demo)
    if found != record.walkthrough:
        raise DeployError(
            f"release {released.tag} says that its policy is for paper alone: {record.walkthrough}; "
            f"it is {found}. Remove its folder and verify it again"
        )


def require_policy(
    released: Released, content: bytes | None, trust: Trust, portfolio: Portfolio, *, demo: bool
) -> bool:
    """Check the policy for every venue; return whether it is one for paper alone.

    Raises:
        DeployError: unknown to this host, not the tag's, or not good for a venue of the portfolio.
    """
    found = sha256_of(content)
    if found != released.policy:
        raise DeployError(
            f"{released.policy_path} at {released.tag} has SHA-256 {found}, the tag says {released.policy}; "
            "release again"
        )
    paper_only = is_paper_only(content)
    for account in portfolio.accounts:
        known = trust.require_policy(released.policy, released.policy_path, real=account.is_real)
        paper_only = paper_only or known.paper_only
        if paper_only and account.is_real:
            raise DeployError(
                f"{released.tag} was judged under {released.policy_path}, which is for paper only; account "
                f"{account.name} is on Bybit {account.environment}: release again under preset standard or strict"
            )
        if demo and account.is_real:
            raise DeployError(
                f"{released.tag} is signed by a demo key; account {account.name} is on Bybit {account.environment}, "
                "and such a key signs for paper and the simulator alone. Sign a new version with a key of your own"
            )
    return paper_only


def _ids(released: Released) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.evidence for item in released.strategies))


def _prints(trust: Trust) -> str:
    return ", ".join(signer.fingerprint for signer in trust.trusted("release"))


def sha256_of(content: bytes | None) -> str:
    """Return the SHA-256 of `content`, or `absent`."""
    return "absent" if content is None else sha256_hex(content)
