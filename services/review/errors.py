"""The errors of the review console.

    LookupError
    ├── NoSuchReview   no review, or several, fit the id that was given
    └── KeyMissing     neither the key of a section nor its erasure was read

`CannotOpen` of `streams.domain.sealing` is raised if a key does not open a section, `KafkaUnavailable` of
`schemas.errors` if Kafka does not answer.
"""


class NoSuchReview(LookupError):
    """No review, or more than one, has an id that begins as given; the message says which."""


class KeyMissing(LookupError):
    """Neither the key of a section nor its erasure was read; the message says whether it may still come."""
