"""Name the paths; to be included where the project likes, as in ``path("unicom/", include("unicom.urls"))``."""

from __future__ import annotations

from django.urls import path

from unicom.platforms.email import views as email
from unicom.platforms.webchat import identifying, marking, searching
from unicom.platforms.webchat import views as webchat
from unicom.views import llm
from unicom.views.message_templates import message_templates, template_inline_image
from unicom.views.webhooks import shared_webhook, webhook

urlpatterns = [
    path("telegram/<int:channel_id>", webhook, {"platform": "Telegram"}, name="telegram_webhook"),
    path("telegram/<int:channel_id>/", webhook, {"platform": "Telegram"}),
    path("whatsapp", shared_webhook, {"platform": "WhatsApp"}, name="whatsapp_webhook"),
    path("whatsapp/", shared_webhook, {"platform": "WhatsApp"}),
    path("webhook/<str:platform>/<int:channel_id>/", webhook, name="webhook"),
    path("e/p/<uuid:tracking_id>/", email.pixel, name="e_px"),
    path("e/l/<uuid:tracking_id>/<int:number>/", email.link, name="e_lc"),
    path("i/<str:image_id>/", email.inline_image, name="inline_image"),
    path("t/<str:image_id>/", template_inline_image, name="template_inline_image"),
    path("api/message-templates/", message_templates, name="message_templates"),
    path("api/message/<str:message_id>/as_llm_chat/", llm.message_as_llm_chat, name="message_as_llm_chat"),
    path("api/message-templates/populate/", llm.populate_message_template, name="populate_message_template"),
    path("webchat/token/", identifying.token, name="webchat_token"),
    path("webchat/send/", webchat.send, name="webchat_send"),
    path("webchat/messages/", webchat.messages, name="webchat_messages"),
    path("webchat/search/", searching.search, name="webchat_search"),
    path("webchat/read/", marking.read, name="webchat_read"),
    path("webchat/typing/", marking.typing, name="webchat_typing"),
    path("webchat/stop/", marking.stop, name="webchat_stop"),
    path("webchat/chats/", webchat.chats, name="webchat_chats"),
    path("webchat/chat/<str:chat_id>/", webchat.update_chat, name="webchat_update_chat"),
    path("webchat/chat/<str:chat_id>/delete/", webchat.delete, name="webchat_delete_chat"),
    path("webchat/button-click/", webchat.button_click, name="webchat_button_click"),
    path("webchat/media/<str:message_id>/", webchat.media_file, name="webchat_media"),
    path("webchat/demo/", webchat.demo, name="webchat_demo"),
]
