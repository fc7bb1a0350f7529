"""The effect of the notifier: gives one notice to the channel, in a span."""

from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from schemas.notifications import NotificationDue
from schemas.policy import Policy
from schemas.telemetry import Attribute, Span
from schemas.vocabulary import NoticeSays
from services.notifier.channels import ChannelPort, Told, Unreachable
from services.notifier.notice import compose
from streams.runtime import Origin
from streams.runtime.lane.tracing import context_of, origin_of


@dataclass(frozen=True, slots=True)
class Tell:
    """Effect: tell the person `says` about the report, as the notice `notification_id`."""

    due: NotificationDue
    notification_id: str
    says: NoticeSays
    origin: Origin


@dataclass(frozen=True, slots=True)
class TellEnded:
    """Result of the effect, and the span in which the notice was given to the channel."""

    result: Told | Unreachable
    origin: Origin


async def tell(effect: Tell, channel: ChannelPort, policy: Policy) -> TellEnded:
    """Compose the notice in the policy's words and give it to the channel."""
    with trace.get_tracer("confide.notifier").start_as_current_span(
        Span.NOTICE_TELL,
        context=context_of(effect.origin),
        kind=SpanKind.CLIENT,
        attributes={
            Attribute.NOTIFICATION_ID: effect.notification_id,
            Attribute.AGENCY: effect.due.agency.value,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        result = await channel.tell(compose(effect.due, effect.says, policy, effect.notification_id))
        if isinstance(result, Unreachable):
            span.set_status(StatusCode.ERROR)
        return TellEnded(result, origin_of(span, effect.origin))
