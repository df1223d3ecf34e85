"""What can be wrong, and which alert has to say so: one case at least for each alert."""

from __future__ import annotations

from tests.deploy.alerting import KINDS, MINUTES, Case, after, name, rising, steady

TOPIC = "samband.internal.contact-state"


def _one(metric: str, kind: str, value: str | None, /, **labels: str) -> dict[str, str | None]:
    """A series of one process of registration, or of the sender."""
    service = "notifications" if kind == "send" else "registration"
    return {name(metric, service=service, instance=f"{kind}-1", **labels): value}


def _both(metric: str, kind: str, value: str | None, /, **labels: str) -> dict[str, str | None]:
    """The same of both processes of a kind."""
    one = _one(metric, kind, value, **labels)
    return one | {key.replace(f"{kind}-1", f"{kind}-2"): value for key in one}


def _parked(reason: str, value: str) -> dict[str, str | None]:
    return _both("samband_parked_records", "consume", value, topic=TOPIC, reason=reason)


def _requests(by: float, status: str) -> dict[str, str | None]:
    labels = {"status": status, "route": "/", "method": "GET"}
    return _both("samband_http_request_seconds_count", "serve", rising(by), **labels)


def _within(by: float, seconds: str) -> dict[str, str | None]:
    labels = {"status": "200", "route": "/", "method": "GET", "le": seconds}
    return _both("samband_http_request_seconds_bucket", "serve", rising(by), **labels)


def _gone(kind: str) -> dict[str, str | None]:
    """Every series of a kind of process of registration that only such a process shows."""
    return {
        **_both("samband_kind_active", kind, None, kind=kind),
        **_both("up", kind, None),
    }


def _none_of(service: str, kind: str) -> dict[str, str | None]:
    """No process of this kind shows that it is one."""
    return {
        name("samband_kind_active", service=service, instance=f"{kind}-{number}", kind=kind): None
        for number in (1, 2)
    }


def _started_again(value: float) -> str:
    """One value, from a process that starts every two hours and is away for two minutes."""
    return " ".join([f"{value}x115 stale _x2"] * (MINUTES // 119))


PROCESSES = (
    *(Case("SambandKindAbsent", _none_of(service, kind), at=3, before=1)
      for service, kinds in KINDS.items() for kind in kinds),
    Case("SambandKindAbsent", _gone("serve"), at=3, before=1,
         nearly=_one("samband_kind_active", "serve", None, kind="serve")),
    Case("SambandKindAbsent", _both("samband_kind_active", "send", steady(0), kind="send"),
         at=3, before=1, nearly=_one("samband_kind_active", "send", steady(0), kind="send")),
    Case("SambandProcessDown", _one("up", "serve", steady(0)), at=6, before=4,
         nearly=_one("up", "serve", f"1x10 0x3 1x{MINUTES}")),
    Case("SambandProcessRestarts",
         _one("process_start_time_seconds", "serve", f"1x9 2x9 3x9 4x9 5x{MINUTES}"),
         at=41, before=39,
         nearly=_one("process_start_time_seconds", "serve", f"1x9 2x9 3x9 4x{MINUTES}")),
    Case("SambandDatabaseSilent",
         _both("samband_outbox_measured_timestamp_seconds", "consume", f"0+60x20 1200x{MINUTES}"),
         at=23, before=22,
         nearly=_one("samband_outbox_measured_timestamp_seconds", "consume", steady(0))),
    Case("SambandFilesRunOut", _one("process_open_fds", "serve", steady(900)), at=11, before=9,
         nearly=_one("process_open_fds", "serve", steady(800))),
    Case("SambandMemoryHigh", _one("process_resident_memory_bytes", "serve", steady(230e6)),
         at=16, before=14,
         nearly=_one("process_resident_memory_bytes", "serve", steady(210e6))),
)  # fmt: skip

OUTBOX = (
    Case("SambandRelayIdle", _both("samband_outbox_relay_active", "consume", after(10, 0, 1)),
         at=13, before=11),
    Case("SambandRelayTwice", _both("samband_outbox_relay_active", "consume", steady(1)),
         at=3, before=1),
    Case("SambandOutboxOld", _both("samband_outbox_oldest_age_seconds", "consume", steady(61)),
         at=2, before=0,
         nearly=_both("samband_outbox_oldest_age_seconds", "consume", steady(59))),
    Case("SambandOutboxGrows", _both("samband_outbox_backlog_rows", "consume", f"1500+10x{MINUTES}"),
         at=31, before=14,
         # A large backlog that is being worked off.
         nearly=_both("samband_outbox_backlog_rows", "consume", f"90000-10x{MINUTES}")),
    Case("SambandOutboxBlocked", _both("samband_outbox_blocked_keys", "consume", after(10, 1)),
         at=10, before=9),
    Case("SambandProducerRebuilt",
         _one("samband_outbox_producer_rebuilds_total", "consume", rising(1)), at=20, before=3,
         nearly=_one("samband_outbox_producer_rebuilds_total", "consume", f"0x10 0+1x3 3x{MINUTES}")),
)  # fmt: skip

CONSUMING = (
    Case("SambandLag", _one("samband_lag_seconds", "consume", steady(301), topic=TOPIC),
         at=6, before=4, nearly=_one("samband_lag_seconds", "consume", steady(299), topic=TOPIC)),
    Case("SambandConsumerRebuilt", _one("samband_consumer_rebuilds_total", "consume", after(10, 1)),
         at=11, before=9),
    Case("SambandBatchesFail",
         _one("samband_batch_failures_total", "consume", rising(1), topic=TOPIC,
              cause="infrastructure"),
         at=20, before=5,
         nearly=_one("samband_batch_failures_total", "consume", rising(0.5), topic=TOPIC,
                     cause="infrastructure")),
    Case("SambandGap", _parked("gap", steady(1)), at=6, before=4,
         nearly=_parked("gap", f"0x9 1x3 0x{MINUTES}")),
    Case("SambandParked", _parked("failed", steady(1)), at=16, before=14,
         nearly=_parked("behind", steady(1))),
    Case("SambandUnparsable", _parked("unparsable", after(10, 1)), at=10, before=9),
    Case("SambandFork", _parked("fork", after(10, 1)), at=10, before=9),
    Case("SambandFork", _one("samband_forks_total", "consume", after(10, 1), topic=TOPIC),
         at=11, before=9),
)  # fmt: skip


def _job(outcome: str, value: str) -> dict[str, str | None]:
    return _both("samband_job_runs_total", "consume", value, name="pulse", outcome=outcome)


def _done_at(job: str, value: str) -> dict[str, str | None]:
    return _both("samband_job_done_timestamp_seconds", "consume", value, name=job)


JOBS = (
    Case("SambandJobFails", {**_job("failed", after(60, 1)), **_job("done", steady(0))},
         at=66, before=64,
         # Once, and then it was done again.
         nearly=_one("samband_job_runs_total", "consume", after(60, 1),
                     name="expire-registrations", outcome="failed")),
    Case("SambandJobLate", _done_at("expire-registrations", f"0+60x10 600x{MINUTES}"),
         at=28, before=26,
         nearly=_done_at("pulse", f"0x60 3600x60 7200x{MINUTES}")),
    Case("SambandErasureIncomplete", _parked("failed", steady(1)), at=721, before=719,
         too=frozenset({"SambandParked"})),
    Case("SambandErasureIncomplete",
         _both("samband_outbox_oldest_age_seconds", "consume", steady(700)), at=721, before=719,
         too=frozenset({"SambandOutboxOld"})),
    Case("SambandErasureIncomplete",
         _both("samband_lag_seconds", "consume", steady(601), topic=TOPIC), at=721, before=719,
         too=frozenset({"SambandLag"})),
    Case("SambandErasureIncomplete", _both("samband_outbox_blocked_keys", "consume", steady(1)),
         at=721, before=719, too=frozenset({"SambandOutboxBlocked"})),
    Case("SambandErasureIncomplete", _done_at("pulse", steady(0)), at=843, before=838,
         too=frozenset({"SambandJobLate"})),
    # It hangs, and the processes are started again and again.
    Case("SambandJobLate", _done_at("pulse", _started_again(0)), at=136, before=134),
    Case("SambandErasureIncomplete", _done_at("pulse", _started_again(0)), at=843, before=838,
         too=frozenset({"SambandJobLate"})),
)  # fmt: skip

MAIL = (
    Case("SambandMailServerAway",
         {**_both("samband_smtp_connections", "send", steady(0)),
          **_both("samband_deliveries_oldest_seconds", "send", steady(70))},
         at=6, before=4,
         # Nothing to send is no reason to be connected.
         nearly=_both("samband_smtp_connections", "send", steady(0))),
    Case("SambandMailsLate", _both("samband_deliveries_oldest_seconds", "send", steady(901)),
         at=6, before=4, nearly=_both("samband_deliveries_oldest_seconds", "send", steady(800))),
    Case("SambandMailsFail",
         _both("samband_delivery_attempts_total", "send", rising(0.5), state="failed"),
         at=20, before=4,
         nearly=_one("samband_delivery_attempts_total", "send", rising(0.2), state="failed")),
    Case("SambandMailsUncertain",
         _one("samband_deliveries_uncertain_total", "send", after(10, 30)), at=11, before=9,
         nearly=_one("samband_deliveries_uncertain_total", "send", after(10, 15))),
    Case("SambandMailsHeld",
         _both("samband_deliveries_unfinished_rows", "send", steady(2), state="held",
               template="registration_declined"),
         at=61, before=59,
         nearly=_both("samband_deliveries_unfinished_rows", "send", steady(2), state="failed",
                      template="registration_declined")),
)  # fmt: skip

PAGES = (
    Case("SambandPagesFail", _requests(1, "500"), at=15, before=2, nearly=_requests(0.3, "500")),
    Case("SambandPagesSlow", {**_within(8, "0.1"), **_within(9, "2.5")}, at=21, before=9,
         nearly=_within(9.7, "0.1")),
)  # fmt: skip

CASES = (*PROCESSES, *OUTBOX, *CONSUMING, *JOBS, *MAIL, *PAGES)
