"""Every table of promobot, one module per noun; importing this package fills `Base.metadata`."""

from storage.tables.access import ApiToken, IdempotencyKey
from storage.tables.automatic import ClockMark, Notice, Planned, PlannedState, Touched, TriggerMember
from storage.tables.base import Base
from storage.tables.codes import (
    CodeState,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodeGroupAlias,
    PromoCodeLeftover,
    PromoCodeLot,
    PromoCodePace,
    PromoCodeRepeat,
    PromoCodeStock,
    Redemption,
)
from storage.tables.customers import (
    ATTRIBUTE_TYPES,
    CONSENTS,
    ConsentChange,
    Customer,
    CustomerAttribute,
    ImportRefusal,
    Suppression,
)
from storage.tables.distributions import Approval, Distribution, DistributionTally, Promotion
from storage.tables.events import Event, EventName
from storage.tables.messages import Batch, BatchState, CallbackInbox, Message, MessageState, Reply, UnknownAttempt
from storage.tables.segments import Segment, SegmentMember
from storage.tables.uploads import Upload
from storage.tables.workspace import Job, Provider, Sequence, Setting, TeamMember

__all__ = [
    "ATTRIBUTE_TYPES",
    "CONSENTS",
    "ApiToken",
    "Approval",
    "Base",
    "Batch",
    "BatchState",
    "CallbackInbox",
    "ClockMark",
    "CodeState",
    "ConsentChange",
    "Customer",
    "CustomerAttribute",
    "Distribution",
    "DistributionTally",
    "Event",
    "EventName",
    "IdempotencyKey",
    "ImportRefusal",
    "Job",
    "Message",
    "MessageState",
    "Notice",
    "Planned",
    "PlannedState",
    "PromoCode",
    "PromoCodeChange",
    "PromoCodeGroup",
    "PromoCodeGroupAlias",
    "PromoCodeLeftover",
    "PromoCodeLot",
    "PromoCodePace",
    "PromoCodeRepeat",
    "PromoCodeStock",
    "Promotion",
    "Provider",
    "Redemption",
    "Reply",
    "Segment",
    "SegmentMember",
    "Sequence",
    "Setting",
    "Suppression",
    "TeamMember",
    "Touched",
    "TriggerMember",
    "UnknownAttempt",
    "Upload",
]
