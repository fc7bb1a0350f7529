"""How long the Kafka clients of this process wait for a response of a broker."""

#: Longest wait for one response (milliseconds). A broker that hangs keeps its connections open, and another broker
#: leads within seconds: a longer wait stops a lane that could go on (with aiokafka's own 40 s, urgent work waited for
#: 84 s). The client sends the request again after that: writers are idempotent, and Kafka answers a commit that was
#: done already as done. See decision 0026.
REQUEST_MS = 5_000
