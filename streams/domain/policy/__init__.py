"""What the Confidentiality Policy makes of a disclosure: a pure function of its facts, the clock and the policy."""

from streams.domain.policy.ruling import Asked, Ruling, decide

__all__ = ["Asked", "Ruling", "decide"]
