"""A real Chromium, and pages of it that tell of their errors."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PATIENCE = 60_000
"""Milliseconds that anything may take to appear, on a machine that is busy."""

expect.set_options(timeout=PATIENCE)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)

KNOWN = (
    "/ajax-api/2.0/mlflow/users/current",  # asked for in vain: the server has no users
    "ResizeObserver loop completed with undelivered notifications",  # a chart that is drawn in the next frame
)
"""What MLflow's own UI has for errors."""

NEW = """if (self === top && !sessionStorage.getItem('opened')) {
    sessionStorage.setItem('opened', 'yes');
    localStorage.clear();
    localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
}"""
"""A page remembers nothing of others. MLflow's assistant stays closed, as for one who has closed it once."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser, *, width=1900, height=1300) -> Iterator[BrowserContext]:
    """Begin a visit; pages of one visit share what the browser has loaded and compiled."""
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        context.set_default_timeout(PATIENCE)
        context.add_init_script(NEW)
        yield context


@contextmanager
def sound_page(context: BrowserContext) -> Iterator[Page]:
    """Open a page; fail at the end if it had errors or asked for what is not on this machine."""
    errors = []
    page = context.new_page()
    page.on("console", lambda said: errors.append(f"{said.text} {said.location}") if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda asked: None if _is_here(asked.url) else errors.append(f"asked for {asked.url}"))
    yield page
    page.close()
    wrong = [error for error in errors if not any(known in error for known in KNOWN)]
    assert not wrong, "\n".join(wrong)


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:"))
