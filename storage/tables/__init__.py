"""Every table of promobot, one module per noun; importing this package fills `Base.metadata`."""

from storage.tables.base import Base
from storage.tables.codes import (
    CodeState,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLeftover,
    PromoCodeLot,
    PromoCodeRepeat,
    PromoCodeStock,
)
from storage.tables.customers import (
    ATTRIBUTE_TYPES,
    CONSENTS,
    ConsentChange,
    Customer,
    CustomerAttribute,
    ImportRefusal,
)
from storage.tables.distributions import Approval, Distribution, DistributionTally, Promotion
from storage.tables.messages import Batch, BatchState, CallbackInbox, Message, MessageState, Reply, UnknownAttempt
from storage.tables.segments import Segment, SegmentMember
from storage.tables.uploads import Upload
from storage.tables.workspace import Job, Provider, Sequence, Setting, TeamMember

__all__ = [
    "ATTRIBUTE_TYPES",
    "CONSENTS",
    "Approval",
    "Base",
    "Batch",
    "BatchState",
    "CallbackInbox",
    "CodeState",
    "ConsentChange",
    "Customer",
    "CustomerAttribute",
    "Distribution",
    "DistributionTally",
    "ImportRefusal",
    "Job",
    "Message",
    "MessageState",
    "PromoCode",
    "PromoCodeGroup",
    "PromoCodeLeftover",
    "PromoCodeLot",
    "PromoCodeRepeat",
    "PromoCodeStock",
    "Promotion",
    "Provider",
    "Reply",
    "Segment",
    "SegmentMember",
    "Sequence",
    "Setting",
    "TeamMember",
    "UnknownAttempt",
    "Upload",
]
