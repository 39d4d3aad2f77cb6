"""The frame around the views."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_sidebar_leads_to_every_view(page: Page) -> None:
    page.goto("/")
    for name in ("Documents", "Search", "Status"):
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name=name)
        link.click()
        expect(page).to_have_url(f"{page.url.split('/')[0]}//{page.url.split('/')[2]}/{name.lower()}")
        expect(link).to_have_attribute("aria-current", "page")
