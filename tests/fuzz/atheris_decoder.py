"""Coverage-guided fuzzing of the decoder (`make soak`): `python -m tests.fuzz.atheris_decoder FOLDER -max_total_time=180`.

FOLDER keeps what reached new code; it begins with valid records. The first octet of an input chooses the topic, a
newline ends a record. It ends with an error, and leaves the input in a file, when something happens that must not.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["processor"]):
    from processor.decode.gather import TOPICS
    from tests.mutations import check_decoding, mutated
    from tests.processor_world import FakeRecord

SEEDS = 200


def try_one(data: bytes) -> None:
    topic = TOPICS[data[0] % len(TOPICS)] if data else TOPICS[0]
    values = data[1:].split(b"\n")
    check_decoding(topic, [FakeRecord(value, at) for at, value in enumerate(values)])


def plant(folder: Path) -> None:
    """Write first inputs of every topic."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, topic in enumerate(TOPICS):
        for seed in range(SEEDS):
            (folder / f"{topic}-{seed}").write_bytes(bytes([at]) + (mutated(topic, seed) or b""))


def main(arguments: list[str]) -> None:
    plant(Path(arguments[1]))
    atheris.Setup(arguments, try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
