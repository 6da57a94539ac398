"""Reading a topic from its beginning to its end, without the product's code."""

from confluent_kafka import Consumer, Message, TopicPartition


def read_topic(bootstrap: str, topic: str, *, partitions: int = 2) -> list[Message]:
    """Every record, in the order of each partition."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": "reader",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "log_level": 0,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    messages, ends = [], 0
    while ends < partitions:
        message = consumer.poll(20)
        assert message is not None, "the broker fell silent"
        if message.error():
            ends += 1
        else:
            messages.append(message)
    consumer.close()
    return messages
