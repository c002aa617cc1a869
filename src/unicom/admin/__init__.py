"""Register every model an operator works with; one aggregate a file."""

from __future__ import annotations

from unicom.admin.accounts import AccountAdmin, SuppressionAdmin
from unicom.admin.callbacks import CallbackExecutionAdmin
from unicom.admin.channels import ChannelAdmin
from unicom.admin.chats import ChatAdmin
from unicom.admin.dead_letters import UpdateAdmin
from unicom.admin.deliveries import DeliveryAdmin
from unicom.admin.drafts import DraftMessageAdmin
from unicom.admin.jobs import JobAdmin
from unicom.admin.members import MemberAdmin, MemberGroupAdmin
from unicom.admin.messages import MessageAdmin
from unicom.admin.platform_templates import PlatformTemplateAdmin
from unicom.admin.requests import RequestAdmin, RequestCategoryAdmin
from unicom.admin.templates import MessageTemplateAdmin
from unicom.admin.tool_calls import ToolCallAdmin

__all__ = [
    "AccountAdmin",
    "CallbackExecutionAdmin",
    "ChannelAdmin",
    "ChatAdmin",
    "DeliveryAdmin",
    "DraftMessageAdmin",
    "JobAdmin",
    "MemberAdmin",
    "MemberGroupAdmin",
    "MessageAdmin",
    "MessageTemplateAdmin",
    "PlatformTemplateAdmin",
    "RequestAdmin",
    "RequestCategoryAdmin",
    "SuppressionAdmin",
    "ToolCallAdmin",
    "UpdateAdmin",
]
