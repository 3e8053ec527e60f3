"""Who may use the HTTP API, and what it answered to requests that may be repeated."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, ByteText, Json, UtcDateTime


class ApiToken(Base):
    """A bearer token of the API. The token itself is shown once and kept nowhere; here is its hash."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text, unique=True)  # NULL once revoked, so that the name is free
    hash: Mapped[str] = mapped_column(ByteText, unique=True)  # SHA-256, hex: the token is 256 random bits
    hint: Mapped[str] = mapped_column(Text)  # its last characters, to tell it by
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class IdempotencyKey(Base):
    """A request that a client may send again under one key, and what it was answered; written with what it did."""

    __tablename__ = "idempotency_key"

    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id"), primary_key=True)
    key: Mapped[str] = mapped_column(ByteText, primary_key=True)
    request: Mapped[str] = mapped_column(Text)  # a hash of method, path and body: another request may not use the key
    status: Mapped[int]
    answer: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
