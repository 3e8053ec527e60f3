"""Whatever SQL, Jinja, CSV or Slack could make of a word, a group, a code and a redemption keep it as it is."""

import pytest

from distribution.check import check
from distribution.codes import groups, life, redemptions, replacing
from distribution.codes.export import group_csv
from distribution.codes.format import parse_all
from distribution.codes.intake import add, leftovers_csv
from distribution.codes.listing import listing
from distribution.codes.uses import uses
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import redemptions as rows
from storage.tables import Customer, Redemption
from tests.conftest import NOON
from tests.sending import make_customers
from tests.unit.codes.stocked import BY, distribution

SIGNS = [
    "'; DROP TABLE promo_code; --",
    "\" OR '1'='1",
    "%s %(x)s :x $1 ? {0}",
    "100%_[a-z]*",
    "\\x00 \\' \\",
    "{{ 7 * 7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "<!channel> *x* `y` 😀",
]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_word_is_kept_as_it_is_wherever_it_may_stand(runtime: Runtime, sign: str) -> None:
    (customer,) = make_customers(runtime, 1)
    name = sign
    if set(sign) & set('"{}\\'):  # messages call a group by its name, in quotes
        with pytest.raises(Refused, match="cannot hold") as refused, runtime.db.write() as session:
            groups.create(session, sign, **BY)  # type: ignore[arg-type]
        assert refused.value.field == "name"
        name = sign.translate(str.maketrans("", "", '"{}\\')).strip()
    code = sign.replace(" ", "").replace(",", "").replace(";", "")
    with runtime.db.write() as session:
        group = groups.create(session, name, **BY)  # type: ignore[arg-type]
        added = add(session, group.id, [code, f"{sign} and a space", code], **BY)  # type: ignore[arg-type]
        assert (added.inserted, added.duplicated, added.discarded) == (1, 1, 1)
        lot = added.lot_id
    waiting = distribution(runtime, "draft", group_id=group.id, subject=sign)
    with runtime.db.write() as session:
        assert groups.by_name(session, f"  {name.upper()} ").id == group.id
        assert [line.name for line in listing(session)] == [name]
        assert [(use.distribution_id, use.subject) for use in uses(session, group)] == [(waiting, sign)]
        replacing.give(session, group.id, customer, why=sign, request=sign, **BY)  # type: ignore[arg-type]
        redemptions.redeem(session, code, source_id=sign, place=sign, **BY)  # type: ignore[arg-type]
        redemptions.roll_back(session, code, source_id=sign, why=sign, **BY)  # type: ignore[arg-type]
        assert list(rows.by_source(session, {sign})) == [sign]
    with runtime.db.read() as session:
        told = life.life(session, code, NOON)
        assert (told.code, told.group) == (code, name)
        whys = {step.kind: step.why for step in told.steps if step.why}
        assert whys == {"given": sign, "rolled_back": sign}
        kept = session.get_one(Redemption, next(iter(rows.by_source(session, {sign}).values())).id)
        assert (kept.source_id, kept.place, kept.rolled_back_why) == (sign, sign, sign)
        assert sign.split('"')[0] in "".join(leftovers_csv(session, lot))
        assert code.split('"')[0] in group_csv(session, group.id)
        assert session.get_one(Customer, customer).erased_at is None
    assert check(runtime.db) == []


@pytest.mark.parametrize("sign", SIGNS)
def test_what_is_no_format_is_refused_at_its_place_or_made_literally(runtime: Runtime, sign: str) -> None:
    try:
        (found,) = parse_all(sign.replace(" ", "") + "{string('0-9', 4)}")
    except Refused as refusal:
        assert refusal.field == "formats"
        assert str(refusal).startswith("Position ")
    else:
        assert found.matches(found.example())
