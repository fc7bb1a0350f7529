"""How long the clients of this process wait for an answer of a broker."""

#: Longest wait for one answer (milliseconds). A broker that hangs keeps its connections open, and another leads within
#: seconds: a longer wait holds a lane that could go on (with aiokafka's own 40 s, urgent work waited for 84 s). What is
#: given up is asked again: writers are idempotent, and a commit that was done already is answered as done.
#: See decision 0026.
REQUEST_MS = 5_000
