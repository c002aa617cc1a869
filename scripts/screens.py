"""Take the pictures of the web chat that are in docs/images/webchat: eight screens, light and dark, wide and narrow."""

from __future__ import annotations

import io
import math
import struct
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageDraw, ImageFilter  # noqa: E402  found from the repository's folder
from playwright.sync_api import Page, expect  # noqa: E402

from tests.component.running import Chat, Site, visiting  # noqa: E402
from tests.example.running import chromium  # noqa: E402

FOLDER = ROOT / "docs" / "images" / "webchat"
SIZES = {1280: 800, 360: 740}

PLAN = """Gladly. For **three days in Lisbon** I would take it slowly:

1. **Friday:** Alfama on foot, the castle at sunset
2. **Saturday:** Belém in the morning, [LX Factory](https://example.org/lx) after lunch
3. **Sunday:** the train to Sintra

| Day | Walk | Budget |
|---|---|---|
| Friday | 5 km | €40 |
| Saturday | 7 km | €55 |
| Sunday | 9 km | €60 |

> Trams are full after ten: go early.

Shall I look for a place to stay?"""
CODE = """Here is a small view that does it. It needs nothing but Django:

```python
from django.http import JsonResponse


def orders(request):
    # Newest first, twenty at a time.
    rows = request.user.orders.order_by("-placed_at")[:20]
    return JsonResponse({"orders": [row.as_dict() for row in rows]})
```

Then add it to `urls.py`:

```python
path("api/orders/", views.orders, name="orders"),
```

and try it with `curl -s localhost:8000/api/orders/ | jq`."""


def picture(path: Path) -> Path:
    """Draw a landscape."""
    image = Image.new("RGB", (840, 560))
    draw = ImageDraw.Draw(image)
    for y in range(560):
        share = y / 560
        draw.line([(0, y), (840, y)], fill=(int(250 - 90 * share), int(180 - 60 * share), int(140 + 70 * share)))
    draw.ellipse([540, 150, 660, 270], fill=(255, 236, 200))
    for depth, tone in enumerate(((92, 84, 130), (64, 62, 104), (38, 40, 74))):
        ridge = [
            (x, 330 + depth * 70 + 40 * math.sin(x / (90 - depth * 12) + depth) + 18 * math.sin(x / 31 + depth))
            for x in range(0, 841, 8)
        ]
        draw.polygon([(0, 560), *ridge, (840, 560)], fill=tone)
    image.filter(ImageFilter.GaussianBlur(0.6)).save(path, "JPEG", quality=88)
    return path


def sound(path: Path) -> Path:
    """Write two seconds of a tone."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 6))) for n in range(16000)))
    return path


def empty(chat: Chat) -> None:
    """A new visitor."""


def conversation(chat: Chat) -> None:
    """A question and a rich answer."""
    chat.ask("Hello! Can you plan a long weekend in Lisbon for me?")
    chat.site.control("say", text=PLAN)
    expect(chat.log.get_by_text("Shall I look")).to_be_visible()


def code(chat: Chat) -> None:
    """An answer with code in it."""
    chat.ask("How do I list a user’s orders as JSON?")
    chat.site.control("say", text=CODE)
    expect(chat.log.get_by_text("and try it with")).to_be_visible()


def media(chat: Chat) -> None:
    """Pictures, sound and a file."""
    chat.ask("Where was this taken?")
    folder = chat.site.var
    chat.site.control(
        "say", text="Looks like the Serra da Estrela at dusk.", file_path=str(picture(folder / "hills.jpg"))
    )
    chat.site.control("say", text="", file_path=str(sound(folder / "note.wav")))
    document = folder / "route.pdf"
    document.write_bytes(b"%PDF-1.4\n%route\n")
    chat.site.control("say", text="The route as a file:", file_path=str(document))
    expect(chat.log.get_by_text("The route as a file:")).to_be_visible()
    image = io.BytesIO()
    Image.open(folder / "hills.jpg").resize((120, 80)).save(image, "JPEG")
    chat.page.set_input_files(
        "input[type=file]", {"name": "from-the-top.jpg", "mimeType": "image/jpeg", "buffer": image.getvalue()}
    )
    expect(chat.page.locator("media-preview canvas")).to_be_visible()


def buttons_and_tools(chat: Chat) -> None:
    """Tools at work, and an answer to choose from."""
    chat.ask("Book me a table for two tonight.")
    chat.site.control("tool", text="Looked at your calendar", status="SUCCESS")
    chat.site.control("tool", text="Found three restaurants nearby", status="SUCCESS")
    chat.site.control("tool", text="Asking for free tables…", status="IN_PROGRESS")
    chat.site.control(
        "say",
        text="There is a table at **Taberna do Largo** at 19:30, and one at **Casa Lima** at 20:15. Which one?",
        buttons=[
            [
                {"text": "Taberna, 19:30", "callback_data": {"type": "x"}, "type": "callback", "style": "primary"},
                {"text": "Casa Lima, 20:15", "callback_data": {"type": "y"}, "type": "callback"},
            ],
            [{"text": "See the menus", "url": "https://example.org/menus", "type": "url"}],
        ],
    )
    expect(chat.log.get_by_role("button", name="Casa Lima")).to_be_visible()


def sidebar(chat: Chat) -> None:
    """Many chats, one with news."""
    for title in ("Invoice for March", "Change my address", "Return a parcel", "Where is my order 1042?"):
        chat.page.get_by_role("button", name="New chat").first.click()
        chat.ask(title)
        chat.site.control("say", text=f"I have looked into it: {title.lower().rstrip('?')} is on its way.")
        expect(chat.log.get_by_text("I have looked")).to_be_visible()
    first = chat.site.control("chat")["id"]
    chat.page.get_by_role("button", name="New chat").first.click()
    chat.ask("Do you ship to Norway?")
    chat.site.control("say", text="Yes, in three to five days.")
    expect(chat.log.get_by_text("Yes, in three")).to_be_visible()
    chat.site.control("say", chat_id=first, text="It arrives tomorrow between nine and noon.", times=2)
    expect(chat.page.locator("chat-list .count")).to_have_count(1)
    opener = chat.page.get_by_role("button", name="Open the list of chats")
    if opener.is_visible():
        opener.click()
        chat.page.wait_for_timeout(300)


def phone(chat: Chat) -> None:
    """One conversation without a list, an answer being written."""
    chat.ask("Which plan suits a team of five?")
    chat.site.control(
        "grow",
        text="For five people the **Team** plan is usually cheaper from the second month on, because",
        running=True,
    )
    expect(chat.log.locator(".caret")).to_be_visible()


def error_and_offline(chat: Chat) -> None:
    """A message that was refused, one that waits, and no network."""
    chat.ask("Hello")
    chat.site.control("say", text="Hello! How can I help?")
    expect(chat.log.get_by_text("How can I help?")).to_be_visible()
    chat.page.route(
        "**/webchat/send/", lambda route: route.fulfill(status=400, json={"error": "The file is larger than 20 MB."})
    )
    chat.write("Here is the video of the broken part.")
    expect(chat.log.get_by_text("Not sent")).to_be_visible()
    chat.page.context.set_offline(True)
    chat.write("Can somebody call me back?")
    expect(chat.log.get_by_text("Waiting for the connection…")).to_be_visible()


SCREENS: list[Callable[[Chat], None]] = [
    empty, conversation, code, media, buttons_and_tools, sidebar, phone, error_and_offline,
]  # fmt: skip


def take(page: Page, path: Path) -> None:
    """Keep what the page shows."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(250)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, lossless=True, method=6)


def main() -> None:
    """Take all, or those whose names are given."""
    subprocess.run([ROOT / "scripts" / "frontend.sh"], check=True)
    wanted = [screen for screen in SCREENS if screen.__name__ in sys.argv[1:]] or SCREENS
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as var, chromium() as browser:
        site = Site(Path(var), quiet=True)
        site.start()
        try:
            for screen in wanted:
                for width, height in SIZES.items():
                    for theme in ("light", "dark"):
                        with visiting(browser, site, viewport={"width": width, "height": height}) as context:
                            alone = {"sidebar": "no"} if screen is phone else {}
                            chat = Chat(context.new_page(), site)
                            chat.open(theme=theme, height="100vh", **alone)
                            screen(chat)
                            name = f"{screen.__name__.replace('_', '-')}-{theme}-{width}.webp"
                            take(chat.page, FOLDER / name)
                            print(name)
        finally:
            site.stop()


if __name__ == "__main__":
    main()
