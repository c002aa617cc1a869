"""Gather the models; one aggregate a file."""

from __future__ import annotations

from unicom.models.account import Account, AccountIdentity, Suppression
from unicom.models.callback import CallbackExecution
from unicom.models.channel import Channel, ChannelState
from unicom.models.chat import AccountChat, Chat, ThreadReference
from unicom.models.delivery import Delivery
from unicom.models.draft import DraftAttachment, DraftMessage
from unicom.models.held import HeldMessage
from unicom.models.idempotency import IdempotencyKey
from unicom.models.inbox import InboundReceipt, Update
from unicom.models.job import Job
from unicom.models.member import Member, MemberGroup
from unicom.models.message import Attachment, Message, MessageInlineImage
from unicom.models.pace import Pace
from unicom.models.platform_template import PlatformTemplate
from unicom.models.reaction import Reaction
from unicom.models.request import Request, RequestCategory
from unicom.models.template import MessageTemplate, TemplateInlineImage, TemplateVariant
from unicom.models.tool_call import ToolCall
from unicom.models.worker import WorkerHeartbeat

__all__ = [
    "Account",
    "AccountChat",
    "AccountIdentity",
    "Attachment",
    "CallbackExecution",
    "Channel",
    "ChannelState",
    "Chat",
    "Delivery",
    "DraftAttachment",
    "DraftMessage",
    "HeldMessage",
    "IdempotencyKey",
    "InboundReceipt",
    "Job",
    "Member",
    "MemberGroup",
    "Message",
    "MessageInlineImage",
    "MessageTemplate",
    "Pace",
    "PlatformTemplate",
    "Reaction",
    "Request",
    "RequestCategory",
    "Suppression",
    "TemplateInlineImage",
    "TemplateVariant",
    "ThreadReference",
    "ToolCall",
    "Update",
    "WorkerHeartbeat",
]
