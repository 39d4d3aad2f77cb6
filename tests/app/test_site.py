"""The page's document and files over HTTP."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app import errors, site


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A copy of the page's folder that a test may change, with things beside it that are nobody's business."""
    copy = tmp_path / "web"
    shutil.copytree(site.WEB, copy)
    (tmp_path / "secret.js").write_text("secret")
    (copy / "notes.txt").write_text("secret")
    (copy / "styles" / "old.css~").write_text("secret")
    return copy


def client(folder: Path) -> httpx.AsyncClient:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(app)
    site.install(app, folder)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.fixture
def http(web: Path) -> httpx.AsyncClient:
    return client(web)


def named(document: str) -> list[str]:
    """The addresses of files that the document names."""
    return re.findall(r'"(/assets/[^"]+)"', document)


@pytest.mark.parametrize("address", site.ADDRESSES)
async def test_every_address_sends_the_document(http: httpx.AsyncClient, address: str) -> None:
    response = await http.get(address.replace("{id}", "0192-af"))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-frame-options"] == "DENY"
    assert '<div id="app">' in response.text
    assert "/@/" not in response.text


async def test_the_policy_admits_its_own_files_only(http: httpx.AsyncClient) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in (await http.get("/")).headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "font-src", "connect-src")} == {"'self'"}
    assert not re.search(r"unsafe|https?:|\*", " ".join(policy.values()))


async def test_everything_the_document_names_is_kept_for_ever(http: httpx.AsyncClient) -> None:
    addresses = named((await http.get("/")).text)
    assert len(addresses) >= 10
    kinds = set()
    for address in addresses:
        response = await http.get(address)
        assert response.status_code == 200, address
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        kinds.add(response.headers["content-type"])
    assert {"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml", "font/woff2"} <= kinds


async def test_a_change_of_any_file_gives_all_of_them_new_addresses(http: httpx.AsyncClient, web: Path) -> None:
    before = named((await http.get("/")).text)
    assert named((await http.get("/")).text) == before
    for changed in ("views/shell.js", "index.html", "texts/de.json"):
        with (web / changed).open("a") as file:
            file.write("\n")
        after = named((await http.get("/")).text)
        assert not set(after) & set(before)
        before = after
    (web / "views" / "shell.js").unlink()
    assert not set(named((await http.get("/")).text)) & set(before)


async def test_the_same_size_at_another_time_is_a_change(http: httpx.AsyncClient, web: Path) -> None:
    before = named((await http.get("/")).text)
    os.utime(web / "main.js", ns=(1, 1))
    assert not set(named((await http.get("/")).text)) & set(before)


async def test_a_file_that_is_newer_than_the_document_is_found_and_one_that_is_gone_is_not(
    http: httpx.AsyncClient, web: Path
) -> None:
    await http.get("/")
    (web / "lib" / "new.js").write_text("// new")
    assert (await http.get("/assets/x/lib/new.js")).text == "// new"
    (web / "lib" / "new.js").unlink()
    assert (await http.get("/assets/x/lib/new.js")).status_code == 404


async def test_the_document_names_the_modules_it_begins_with(http: httpx.AsyncClient) -> None:
    """All that main.js cannot do without, and nothing that is only loaded when it is needed."""
    text = (await http.get("/")).text
    begun = {address.split("/", 3)[3] for address in re.findall(r'modulepreload" href="([^"]+)"', text)}
    assert {"lib/html.js", "vendor/preact.js", "views/shell.js", "parts/shortcuts.js"} <= begun
    assert not begun & {"main.js", "views/documents/documents.js", "vendor/uplot.js", "vendor/tus.js"}


async def test_an_older_address_gets_the_file_as_it_is_and_does_not_keep_it(http: httpx.AsyncClient, web: Path) -> None:
    old = next(address for address in named((await http.get("/")).text) if address.endswith("main.js"))
    (web / "main.js").write_text("// newer")
    response = await http.get(old)
    assert (response.status_code, response.text) == (200, "// newer")
    assert response.headers["cache-control"] == "no-cache"


async def test_what_has_not_changed_is_not_sent_again(http: httpx.AsyncClient, web: Path) -> None:
    first = await http.get("/assets/old/main.js")
    again = await http.get("/assets/old/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    (web / "main.js").write_text("// newer")
    changed = await http.get("/assets/old/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.text) == (200, "// newer")


@pytest.mark.parametrize(
    "path",
    [
        *("..%2fsecret.js", "%2e%2e/secret.js", "styles/..%2f..%2fsecret.js", "..\\secret.js"),
        *("%2f" + "etc%2fpasswd", "//secret.js", "notes.txt", "index.html", "styles/old.css~", "styles", "styles/", ""),
        *(
            "main.js%00",
            "main.js%00.css",
            "a" * 5000 + ".js",
            "MAIN.JS",
            "%2e/main.js",
            "nothing.js",
            "%ff.js",
            "%0a.js",
        ),
    ],
    ids=lambda path: path[:20],
)
async def test_nothing_else_is_served(http: httpx.AsyncClient, path: str) -> None:
    # As bytes on the wire, since a client would tidy the dots away.
    request = http.build_request("GET", "/assets/x/")
    request.url = request.url.copy_with(raw_path=b"/assets/x/" + path.encode())
    response = await http.send(request)
    assert response.status_code == 404
    assert "secret" not in response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_installation_behind_a_link_is_served(web: Path, tmp_path: Path) -> None:
    (tmp_path / "installed").symlink_to(web)
    assert (await client(tmp_path / "installed").get("/assets/x/main.js")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/documents", "/assets/x/main.js"])
async def test_a_head_is_answered_like_a_get(http: httpx.AsyncClient, path: str) -> None:
    head, get = await http.head(path), await http.get(path)
    assert head.status_code == get.status_code == 200
    assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_page_is_for_reading(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, "/documents")).status_code == 405


async def test_a_person_at_an_unknown_address_is_shown_the_document(http: httpx.AsyncClient) -> None:
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    response = await http.get("/nothing/here", headers={"Accept": accept})
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-security-policy" in response.headers
    assert '<div id="app">' in response.text


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/nothing", "*/*"),
        ("/nothing", "application/json"),
        ("/v1/nothing", "text/html"),
        ("/assets/x/y.js", "text/html"),
    ],
)
async def test_a_program_at_an_unknown_address_is_told_the_problem(
    http: httpx.AsyncClient, path: str, accept: str
) -> None:
    response = await http.get(path, headers={"Accept": accept})
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
