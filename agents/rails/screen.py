"""One pipeline of rails around every path. Each says what it did; one that fails closes: the text does not go on."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agents.ports import Screened
from agents.rails.classifying import READ, SAID, ClassifierRail, TermsRail
from agents.rails.opening import open_classifier
from agents.rails.output import OutputRail
from agents.rails.personal import PersonalRail
from agents.rails.pipeline import Links, Policies, Rail, Way, governing
from agents.rails.recognizers import Recognizers
from agents.rails.settings import ClassifierSettings, RailsSettings
from agents.rails.vault import Vault, drawn
from core.types import Finding, PersonalPolicy, Place, Principal

log = logging.getLogger("footnote.rails")

_SCOPES = 256
"""Runs, or persons, whose placeholders are known at the same time, for agents. One that is forgotten, or of a process
that is gone, keeps its masks: nothing is put in the place of them any more."""


class Rails:
    """The `Screen` port, and `watch` for those who look at many texts of one answer.

    `counts` are what rails did since the start, by rail, action and place.
    """

    def __init__(
        self,
        rails: Sequence[Rail],
        policies: Policies,
        *,
        reveal_to: Sequence[str] = (),
    ) -> None:
        self.rails = tuple(rails)
        self.policies = policies
        self._reveal_to = frozenset(reveal_to)
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self._scopes: OrderedDict[tuple[str, str], Watch] = OrderedDict()

    async def look(
        self,
        text: str,
        place: Place,
        principal: Principal,
        *,
        collections: Sequence[str] = (),
        document: str = "",
        scope: str = "",
    ) -> Screened:
        """See `Screen.look`. What an answer was masked of is shown again to those who may see it."""
        watch = self._scoped(principal, scope)
        screened = await watch.look(text, place, collections=collections, document=document)
        return replace(screened, text=watch.shown(screened.text)) if place == "answer" else screened

    def shown(self, text: str, principal: Principal, *, scope: str = "") -> str:
        """See `Screen.shown`."""
        return self._scoped(principal, scope).shown(text)

    def _scoped(self, principal: Principal, scope: str) -> Watch:
        """What the texts of one scope have in common; its findings are not kept."""
        key = (principal.id, scope)
        watch = self._scopes.setdefault(key, Watch(self, principal, vault=Vault(naming=drawn)))
        self._scopes.move_to_end(key)
        while len(self._scopes) > _SCOPES:
            self._scopes.popitem(last=False)
        return replace(watch, principal=principal, findings=[])

    def watch(self, principal: Principal, collections: Sequence[str] = ()) -> Watch:
        """For one answer: placeholders are numbered in it, and count for it alone."""
        return Watch(self, principal, collections=tuple(collections))

    def reveals(self, principal: Principal) -> bool:
        """Whether a principal is shown in answers what was masked."""
        return principal.admin or bool(self._reveal_to & principal.groups)


@dataclass
class Watch:
    """Looks at the texts of one answer, or of one run, and keeps what they have in common. `findings` grow."""

    rails: Rails
    principal: Principal
    collections: tuple[str, ...] = ()
    vault: Vault = field(default_factory=Vault)
    links: Links = field(default_factory=Links)
    findings: list[Finding] = field(default_factory=list)

    async def look(
        self, text: str, place: Place, *, collections: Sequence[str] | None = None, document: str = ""
    ) -> Screened:
        """A text on its way through all rails, up to the first that blocks it."""
        named = self.collections if collections is None else tuple(collections)
        found: list[Finding] = []
        name = "personal"
        try:
            policy = await self._policy(named, document)
            way = Way(place=place, personal=policy, vault=self.vault, links=self.links)
            screened = Screened(text=text)
            for rail in self.rails.rails:
                name = rail.name
                screened = await rail.look(screened.text, way)
                found += screened.findings
                if screened.blocked is not None:
                    break
        except Exception:
            log.exception("the rail %s failed, so a text is held back (%s)", name, place)
            found.append(Finding(rail=name, place=place, action="blocked", what="failure"))
            screened = Screened(text="", blocked=f"The rail “{name}” could not look at it.")
        for finding in found:
            self.rails.counts[finding.rail, finding.action, finding.place] += finding.count
        self.findings += found
        blocked = screened.blocked
        return Screened(text="" if blocked else screened.text, findings=tuple(found), blocked=blocked)

    async def masked(self, text: str) -> str:
        """The text with placeholders, whatever else may be said of it; nothing where the rail fails."""
        way = Way(place="answer", personal="mask", vault=self.vault)
        try:
            for rail in self.rails.rails:
                if isinstance(rail, PersonalRail):
                    text = (await rail.look(text, way)).text
        except Exception:
            log.exception("the rail personal failed, so a text is not kept")
            return ""
        return text

    async def personal(self) -> PersonalPolicy:
        """The policy over all that is asked. Where it cannot be told, the strictest."""
        try:
            return await self._policy(self.collections, "")
        except Exception:
            log.exception("the collections' policies cannot be read")
            return "block"

    def shown(self, text: str) -> str:
        """The text as its reader may see it."""
        return self.vault.restore(text) if self.rails.reveals(self.principal) else text

    async def _policy(self, collections: Sequence[str], document: str) -> PersonalPolicy:
        if not document:
            return governing(await self.rails.policies.of_collections(collections))
        if governing(await self.rails.policies.of_collections(())) == "allow":
            return "allow"
        return await self.rails.policies.of_document(document)


def _classifier(name: str, chosen: ClassifierSettings, places: frozenset[Place], reason: str) -> ClassifierRail:
    return ClassifierRail(
        name, lambda: open_classifier(chosen), places=places, threshold=chosen.threshold, reason=reason
    )


def open_rails(settings: RailsSettings, policies: Policies, prompts: Sequence[str] = ()) -> Rails:
    """The rails that settings ask for; models are loaded when the first text needs them. `prompts` are those that must
    not be repeated, beside the packaged ones."""
    personal = settings.personal
    rails: list[Rail] = []
    if settings.injection.model:
        reason = "It holds what looks like instructions to the system."
        rails.append(_classifier("injection", settings.injection, READ, reason))
    if settings.topics.blocked:
        rails.append(TermsRail(settings.topics.blocked))
    if settings.topics.classifier.model:
        rails.append(_classifier("topics", settings.topics.classifier, SAID, "It is not talked about here."))
    rails.append(OutputRail(settings.output, prompts))
    rails.append(PersonalRail(lambda: Recognizers(personal)))
    return Rails(rails, policies, reveal_to=personal.reveal_to)
