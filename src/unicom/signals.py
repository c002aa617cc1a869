"""Declare the signals a project connects to; the sender is the model class, arguments are named after the rows.

Receivers run from a durable job: what they write commits together with "done", and one that raises is run again.
"""

from __future__ import annotations

from django.dispatch import Signal

message_received = Signal()
"""Sent with ``message`` and ``request`` when a person wrote; ``request`` is None for a blocked account."""

message_edited = Signal()
"""Sent with ``message`` and ``previous`` (the former text) when a person changed what they wrote."""

message_deleted = Signal()
"""Sent with ``message`` when a person took back what they wrote; the row stays, with ``deleted_at``."""

service_message_received = Signal()
"""Sent with ``message`` when the platform tells that something happened: somebody joined, a title was changed."""

reaction_changed = Signal()
"""Sent with ``message``, ``account`` (None where nobody is named), ``added`` and ``removed``, lists of emoji."""

request_queued = Signal()
"""Sent with ``request`` once it waits for whoever handles it."""

model_asked = Signal()
"""Sent with ``request`` when a language model was asked for it: it has answered, called tools, or failed for good."""

message_status_changed = Signal()
"""Sent with ``message``, ``delivery`` and ``previous`` (the former status) when a message has come further."""

button_clicked = Signal()
"""Sent with ``callback_execution``, ``clicking_account``, ``original_message`` and ``tool_call``."""

# Three names of one signal: receivers written for one platform get the clicks of all, once each.
telegram_callback_received = button_clicked
interactive_button_clicked = button_clicked
