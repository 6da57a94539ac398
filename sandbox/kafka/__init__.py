"""Apache Kafka itself, where the truth of a broker matters; `make kafka` fetches it."""

from sandbox.kafka.broker import LocalKafka as LocalKafka
