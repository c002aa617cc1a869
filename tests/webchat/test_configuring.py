"""A web chat's config: whose pages may show it, and by what they prove who visits them."""

from __future__ import annotations

import pytest

from tests.webchat.embedding import SECRET, SHOP
from unicom.admin.channel_forms import ChannelForm, channel_form
from unicom.errors import InvalidConfig
from unicom.platforms.webchat.config import WebChatConfig

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example", "https://shop.example"), ("HTTPS://Shop.Example", "https://shop.example"),
        ("http://localhost:8000", "http://localhost:8000"), ("https://*.shop.example", "https://*.shop.example"),
        ("https://shop.example:443", "https://shop.example"), ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:5173", "http://[::1]:5173"), ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_an_origin_is_kept_as_browsers_write_it(given, kept):
    found = WebChatConfig.read({"ALLOWED_ORIGINS": [given]})
    assert [kept] == found.ALLOWED_ORIGINS


@pytest.mark.parametrize(
    "bad",
    [
        "*", "", "shop.example", "https://", "null", "https://shop.example/", "https://shop.example/chat", "ftp://shop.example",
        "https://ann@shop.example", "https://shop.example?x", "https://shop.example#", "https://*.com", "https://*",
        "https://a.*.example", "https://bücher.example", "https://shop.example:99999", "https://shop example",
        "javascript:alert(1)", "https://shop.example\\.evil.example", "//shop.example", "https://shop.example:",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_named_with_one_sentence(bad):
    with pytest.raises(InvalidConfig) as refused:
        WebChatConfig.read({"ALLOWED_ORIGINS": ["https://fine.example", bad]})
    assert list(refused.value.problems) == ["ALLOWED_ORIGINS.1"]


@pytest.mark.parametrize("bad", ["short", "x" * 31, [], ["x" * 32, "short"], ["x" * 32] * 3, 5])
def test_a_secret_too_short_to_prove_anything_is_refused_and_not_repeated(bad):
    with pytest.raises(InvalidConfig) as refused:
        WebChatConfig.read({"IDENTITY_SECRET": bad})
    assert "short" not in str(refused.value)


def test_a_secret_is_shown_nowhere(shop):
    config = WebChatConfig.read(shop.config)
    assert SECRET not in repr(config) + str(config)
    assert "IDENTITY_SECRET" in WebChatConfig.secret_keys() and config.secrets() == [SECRET]


def test_the_admin_s_form_takes_both_and_shows_no_secret(shop):
    form_of = channel_form("WebChat", shop)
    shown = str(form_of(instance=shop))
    assert SHOP in shown and SECRET not in shown

    def typed(**more: str) -> ChannelForm:
        form = form_of(
            instance=shop, data={"name": "Shop", "raw_config": form_of.base_fields["raw_config"].initial, **more}
        )
        form.is_valid()
        return form

    kept = typed(config_ALLOWED_ORIGINS=f"{SHOP}\nhttps://*.shop.example", config_ON_UNKNOWN="ask")
    assert not kept.errors
    assert kept.save().config == {"ALLOWED_ORIGINS": [SHOP, "https://*.shop.example"], "IDENTITY_SECRET": SECRET}
    wrong = typed(
        config_ALLOWED_ORIGINS=f"{SHOP}\nshop.example/", config_IDENTITY_SECRET="short", config_ON_UNKNOWN="ask"
    )
    assert set(wrong.errors) == {"config_ALLOWED_ORIGINS", "config_IDENTITY_SECRET"}


def test_a_channel_that_is_checked_names_every_origin_that_is_none(shop):
    shop.config = {"ALLOWED_ORIGINS": [SHOP, "*", "shop.example"]}
    assert shop.validate() is False
    assert "ALLOWED_ORIGINS.1: " in shop.error and "ALLOWED_ORIGINS.2: " in shop.error
