"""What can go wrong, as the caller can act on it."""


class EventsError(Exception):
    """Base of every error this package raises on purpose."""


class SettingsError(EventsError):
    """The environment doesn't describe an event bus; it lists every problem, never a secret's value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{count} in the event bus's environment:", *(f"  {one}" for one in problems)]))


class SerializationFailed(EventsError):
    """An event doesn't fit its topic's schema, or the topic has none. Nothing was sent."""


class MalformedRecord(EventsError):
    """A record's bytes are no event: no frame, an unknown schema, data that doesn't fit it. Trying again won't help."""


class Unavailable(EventsError):
    """What a handler needs is away, a database for example: no fault of the event, which waits until it is back."""


class RegistryUnavailable(Unavailable):
    """The schema registry doesn't answer, or refuses this client. The same call may work later."""


class PublishFailed(EventsError):
    """Records that Kafka didn't confirm. They may be in the log nevertheless, if the answer was lost."""


class RecordTooLarge(PublishFailed):
    """A record has more bytes than its producer or its topic takes. It is nowhere, and won't be at another try."""


class BusFailed(EventsError):
    """Kafka refuses this client, or can't be reached, for longer than the bounded retries last."""


class PartitionsLost(BusFailed):
    """The consumer group has given this member's partitions away; who has them now begins at the last commit."""


class Fenced(EventsError):
    """Another process has this one's transactional id (KIP-98) or group instance (KIP-345): it must do no more."""


class OutboxMisuse(EventsError):
    """An outbox write that would not be part of the caller's transaction, or could never be published."""


class Rejected(EventsError):
    """Raised by a handler: this event can never be processed. It goes to the dead letter topic without a retry."""
