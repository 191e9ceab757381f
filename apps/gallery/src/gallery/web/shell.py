"""What stands around every page: its head, header, collections and footer (markup.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from gallery.data.values import Mode, UserInfo
from gallery.web.frontend import Frontend
from gallery.web.markup import COLLECTIONS, UNRESERVED

DESCRIPTION = "Fifty thousand painted characters, served through keepwarm."
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Page:
    """One page, before it is written out."""

    title: str
    user: UserInfo | None
    #: `path?query`, to come back to after signing in.
    address: str
    #: Which collection is shown, if it is one.
    here: Mode | None
    #: What <main> holds; None leaves everything to the script.
    main: str | None
    #: JSON for the script, already fit for a page.
    first: str
    q: str = ""
    theme: str | None = None
    #: Elements for the head: what to fetch before anything asks for it.
    hints: list[str] = field(default_factory=list)


def document(page: Page, frontend: Frontend) -> str:
    """The whole HTML document."""
    theme = f' data-theme="{page.theme}"' if page.theme in THEMES else ""
    sheet = f"<style>{frontend.sheet}</style>" if frontend.sheet else ""
    title = "Gallery" if page.title == "Gallery" else f"{page.title} · Gallery"
    return (
        f'<!doctype html><html lang="en"{theme}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><meta name="description" content="{DESCRIPTION}">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        f"{sheet}{''.join(page.hints)}{_script(page, frontend)}</head>"
        f'<body><div id="root">{_root(page)}</div>'
        f'<script type="application/json" id="first">{page.first}</script>'
        f"{_without_script(frontend)}</body></html>"
    )


def _script(page: Page, frontend: Frontend) -> str:
    if frontend.script is None:
        return ""
    if page.main is not None:
        return f'<script type="module">{frontend.starter}</script>'
    return f'<script type="module" src="{frontend.script}"></script>'


def _without_script(frontend: Frontend) -> str:
    if frontend.script is None:
        told = "The front end is not built, so this page can only be read: <code>make web</code>."
        return f'<p class="notice wide">{told}</p>'
    told = 'This page needs JavaScript for more than looking; the API at <a href="/docs">/docs</a>'
    return f'<noscript><p class="notice wide">{told} does not.</p></noscript>'


def _root(page: Page) -> str:
    if page.main is None:
        return ""
    return (
        '<a class="skip" href="#main">Skip to the pictures</a>'
        f"{_header(page)}{_collections(page.here)}"
        f'<div role="status"></div><main id="main" tabindex="-1">{page.main}</main>{_FOOTER}'
    )


def _header(page: Page) -> str:
    account = _account(page.user) if page.user else _sign_in(page.address)
    return (
        '<header class="header-header"><a class="header-mark" href="/">Gallery</a>'
        '<search class="header-search"><form action="/">'
        '<input type="hidden" name="mode" value="all">'
        '<input type="search" name="q" placeholder="Search names and stories"'
        ' aria-label="Search characters" maxlength="100" autocomplete="off"'
        f' enterkeyhint="search" value="{escape(page.q)}"></form></search>'
        f'<nav class="header-account" aria-label="Your account">{account}</nav></header>'
    )


def _sign_in(address: str) -> str:
    href = "/sign-in" if address == "/" else f"/sign-in?next={quote(address, safe=UNRESERVED)}"
    return f'<a class="button" href="{href}">Sign in</a>'


def _account(user: UserInfo) -> str:
    entries = "".join(
        f'<li><a href="{href}">{label}</a></li>'
        for href, label in (
            ("/mine", "My gallery"),
            ("/new", "Create a character"),
            ("/paint", "Paint a picture"),
            ("/preferences", "Preferences"),
        )
    )
    return (
        '<a class="button header-create" href="/new">Create</a>'
        f'<button type="button" class="header-who" popovertarget="account-menu">'
        f"{escape(user.username)}</button>"
        '<div id="account-menu" class="header-menu" popover="auto">'
        f'<ul>{entries}<li><button type="button">Sign out</button></li></ul></div>'
    )


def _collections(here: Mode | None) -> str:
    links = "".join(
        f'<a href="{href}"{_CURRENT if mode == here else ""}>{label}</a>'
        for mode, label, href in COLLECTIONS
    )
    return f'<nav class="modes-modes" aria-label="Collections">{links}</nav>'


_CURRENT = ' aria-current="page"'
_FOOTER = (
    '<footer class="footer-footer"><p>Every portrait is painted when somebody first looks at it,'
    " and kept by keepwarm for everybody after.</p>"
    '<p class="footer-links"><a href="/docs">API</a>'
    '<a href="/api/cache/health">Cache health</a>'
    '<button type="button" class="quiet">Light or dark</button></p></footer>'
    '<p class="said-said" role="status"></p>'
)
