"""Twilio as it is set up: what is refused, and where its token is not."""

import asyncio
import json
import logging

import pytest

from distribution.errors import Refused
from distribution.providers import registry
from distribution.providers.twilio import TwilioKind
from distribution.runtime import Runtime
from storage.tables import Provider as Row
from tests.unit.providers.fake_twilio import SERVICE, SID, TOKEN, FakeTwilio, serving
from tests.unit.providers.on_twilio import FROM, error, make_twilio

GOOD = {"account_sid": SID, "from": FROM}


@pytest.mark.parametrize(
    ("config", "secret", "field"),
    [
        ({"account_sid": "AC1"}, {}, "account_sid"),
        ({"account_sid": SERVICE}, {}, "account_sid"),
        ({}, {"auth_token": ""}, "auth_token"),
        ({}, {"auth_token": "two words"}, "auth_token"),
        ({"from": ""}, {}, "from"),
        ({"from": "0048600100200"}, {}, "from"),
        ({"from": "The whole shop"}, {}, "from"),
        ({"from": "", "messaging_service_sid": "MG1"}, {}, "messaging_service_sid"),
        ({"api_base_url": "api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "ftp://api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "https://me:secret@api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "http://[::1"}, {}, "api_base_url"),
        ({"api_base_url": "https://api.twilio.com?x=1"}, {}, "api_base_url"),
        ({"validity": "36001"}, {}, "validity"),
        ({"validity": "4 hours"}, {}, "validity"),
        ({"pictures": "perhaps"}, {}, "pictures"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(config: dict[str, str], secret: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        TwilioKind().check(GOOD | config, {"auth_token": TOKEN} | secret)
    assert refused.value.field == field
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"from": "73737"},
        {"from": "My Shop"},
        {"from": "", "messaging_service_sid": SERVICE},
        {"api_base_url": "https://api.dublin.ie1.twilio.com/"},
        {"api_base_url": "http://127.0.0.1:8400"},
    ],
)
def test_what_can_work_is_taken(config: dict[str, str]) -> None:
    TwilioKind().check(GOOD | config, {"auth_token": TOKEN})


def test_the_token_is_encrypted_and_in_no_log(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with serving(FakeTwilio(answers=[error(20003, 401)])) as fake:
            provider_id = make_twilio(runtime, fake.url)
            with runtime.db.read() as session:
                row = session.get_one(Row, provider_id)
            assert TOKEN not in json.dumps(row.config) + str(row.secret)
            assert TOKEN not in repr(registry.opened(runtime.vault, row))
            with pytest.raises(Refused, match="does not accept the credentials"):
                await asyncio.to_thread(registry.send_test, runtime, provider_id, "+48600100001", "Hi")

    asyncio.run(run())
    shown = capsys.readouterr()
    assert TOKEN not in caplog.text + shown.out + shown.err
