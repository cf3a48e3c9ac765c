"""Which v1 types measure usage, and give credit for it? (docs.stripe.com/api)"""

from .object_types import Filter, ObjectType, StatusEffects

USAGE_TYPES = (
    ObjectType(
        name="billing.meter",
        prefix="mtr",
        path="/v1/billing/meters/{id}",
        required=("display_name", "event_name"),
        defaults={
            "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
            "default_aggregation": {"formula": "sum"},
            "event_time_window": None,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": None,
            "value_settings": {"event_payload_key": "value"},
        },
        events=frozenset({"created", "updated", "deactivated", "reactivated", "error_report_triggered"}),
        statuses={
            "status": {
                "active": StatusEffects(("reactivated",)),
                "inactive": StatusEffects(("deactivated",), "deactivated_at"),
            }
        },
        filters=(Filter("status", choices=("active", "inactive")),),
        listed_by_creation=False,
    ),
    ObjectType(
        name="billing.alert",
        prefix="alrt",
        path="/v1/billing/alerts/{id}",
        required=("title",),
        defaults={"alert_type": "usage_threshold", "status": "active", "usage_threshold": None},
        events=frozenset({"triggered"}),
        snapshot_wrapper=("billing.alert_triggered", "alert"),
        statuses={"status": {"active": StatusEffects(), "inactive": StatusEffects(), "archived": StatusEffects()}},
        filters=(Filter("alert_type"), Filter("meter", "usage_threshold.meter")),
        created="",
    ),
    ObjectType(
        name="billing.credit_grant",
        prefix="credgr",
        path="/v1/billing/credit_grants/{id}",
        required=("customer",),
        defaults={
            "amount": {"monetary": {"currency": "usd", "value": 1000}, "type": "monetary"},
            "applicability_config": {"scope": {"price_type": "metered"}},
            "category": "paid",
            "customer_account": None,
            "effective_at": None,
            "expires_at": None,
            "metadata": {},
            "name": None,
            "priority": 50,
            "test_clock": None,
            "updated": None,
            "voided_at": None,
        },
        references={"customer": "customer", "test_clock": "test_helpers.test_clock"},
        events=frozenset({"created", "updated"}),
        filters=(Filter("customer"), Filter("customer_account")),
        listed_by_creation=False,
    ),
    ObjectType(
        name="billing.credit_balance_transaction",
        prefix="cbtxn",
        path="/v1/billing/credit_balance_transactions/{id}",
        required=("credit_grant",),
        defaults={"credit": None, "debit": None, "test_clock": None, "type": "credit"},
        references={"credit_grant": "billing.credit_grant", "test_clock": "test_helpers.test_clock"},
        events=frozenset({"created"}),
        filters=(
            Filter("customer", through="credit_grant", required=True, instead="customer_account"),
            Filter("customer_account", through="credit_grant"),
            Filter("credit_grant"),
        ),
        times_at_creation=("effective_at",),
        listed_by_creation=False,
    ),
    ObjectType(
        name="test_helpers.test_clock",
        prefix="clock",
        path="/v1/test_helpers/test_clocks/{id}",
        defaults={"name": None, "status": "ready", "status_details": {}},
        events=frozenset({"created", "advancing", "ready", "internal_failure", "deleted"}),
        statuses={
            "status": {
                "ready": StatusEffects(("ready",)),
                "advancing": StatusEffects(("advancing",)),
                "internal_failure": StatusEffects(("internal_failure",)),
            }
        },
        times_at_creation=("frozen_time", "deletes_after"),
        listed_by_creation=False,
        test_infix=False,
    ),
)
