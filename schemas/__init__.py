"""The wire contract: models, Avro schemas, topic names, codec, partitioner, and the policy's text and parameters."""
