"""A whole deployment on this machine, as `confide demo` and `confide load` open it: Kafka, topics, keys, processes."""
