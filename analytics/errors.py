"""Every error of our own, drawn once and grouped by what the reader of it can do.

AnalyticsError
├── Retryable            the same call may succeed later; nothing was done, or doing it again is harmless
│   ├── StoreUnavailable     ClickHouse cannot be reached, or broke the connection
│   ├── StoreTimeout         ClickHouse did not answer in time: the outcome of a write is unknown
│   └── Overloaded           so many callers wait already that the answer would come too late
├── CallerError          the caller must change the request
│   ├── InvalidField         a field breaks a rule; both are named
│   ├── MalformedRequest     the bytes are no message of the expected type
│   ├── RequestTooLarge      the message is larger than the service accepts
│   ├── MissingCredentials   metadata is absent or not of the required form
│   ├── InvalidToken         the token is expired, forged or unreadable
│   ├── PermissionDenied     the data belongs to another user
│   └── NoAnalytics          nothing is known of that user or workflow
└── Stop                 a person must look: going on could make numbers wrong
    ├── CannotListen         a port of ours is taken or not allowed
    ├── StoreMisconfigured   a table or server setting cannot keep the promise of exactly once
    ├── LogMismatch          the Kafka log is not the one that was counted before
    ├── LedgerBroken         the checkpoint contradicts itself
    └── TooManyMalformed     the records are bad in bulk: a deployment error, not bad records
"""


class AnalyticsError(Exception):
    """Base of all errors that this project raises on purpose."""


class Retryable(AnalyticsError):
    """The same call may succeed later: after `retry_after_s` at the soonest, as far as that is known."""

    retry_after_s: float = 0.0


class StoreUnavailable(Retryable):
    """ClickHouse cannot be reached or broke the connection; the outcome of a write is unknown."""


class StoreTimeout(Retryable):
    """ClickHouse did not answer in time; the outcome of a write is unknown."""


class Overloaded(Retryable):
    """So many callers wait already that the answer would come too late. `retry_after_s`: when to try again."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CallerError(AnalyticsError):
    """The caller must change the request."""


class InvalidField(CallerError):
    """A request field breaks a rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class MalformedRequest(CallerError):
    """The bytes of a request are no message of the expected type."""


class RequestTooLarge(CallerError):
    """A request, unpacked, is larger than the service accepts."""


class MissingCredentials(CallerError):
    """Request metadata is absent or not of the required form."""


class InvalidToken(CallerError):
    """The bearer token is expired, not yet valid, forged or unreadable."""


class PermissionDenied(CallerError):
    """The data belongs to another user."""


class NoAnalytics(CallerError):
    """Nothing is known of that user or workflow."""


class Stop(AnalyticsError):
    """A person must look before the program goes on."""


class CannotListen(Stop):
    """A port that the program shall serve is taken or not allowed."""


class StoreMisconfigured(Stop):
    """A table or a server setting cannot keep the promise of exactly once."""


class LogMismatch(Stop):
    """The Kafka log is not the one that was counted before."""


class LedgerBroken(Stop):
    """The checkpoint of a partition contradicts itself."""


class TooManyMalformed(Stop):
    """So many records are malformed that a deployment must be at fault."""
