"""The operator's commands: their words and options. What they do is imported when they are used, for --help is quick."""

from datetime import datetime
from typing import Any

import click

from processor.operate.entry import operate

_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would happen.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
_topic = click.option("--topic", help="Only those of this topic.")
_reason = click.option("--reason", help="Only those with this reason.")
_since = click.option("--since", type=click.DateTime(), help="Only records of this time (UTC) or later.")
_until = click.option("--until", type=click.DateTime(), help="Only records before this time (UTC).")


@click.command()
@_json
def status(**options: Any) -> None:
    """Show where every partition is: checkpoint, log, lag, freshness; and tables, parts and schema.

    When to use it: first, whenever something seems wrong. It only reads, and shows what it can while ClickHouse or
    Kafka is away.

    \b
    State of a partition:
      counting      read by a processor, and not more than 30 s old
      behind        read, but older
      held          waits because its topic has grown
      not begun     no processor has read it yet
      not read      no processor reports it
      out of range  the log does not hold the next record to count: see `skip`
      broken        its checkpoint contradicts itself: see `audit`
      another log   the topic is not the one that was counted: see `adopt`

    Exit codes: 0, or 65 when a partition is out of range, broken or of another log, else 1 when ClickHouse or Kafka is
    away, 78 when a setting is invalid.
    """
    from processor.operate.status import run_status

    operate(lambda settings: run_status(settings, **options))


@click.command()
@_json
@click.option("--no-kafka", is_flag=True, help="Do not compare with the log.")
def audit(*, as_json: bool, no_kafka: bool) -> None:
    """Compare all that is stored with itself and with the log, and say in words what is wrong and what to do.

    When to use it: after a restore, after a crash of a disk, before and after `rebuild`, or once a week. It only reads,
    may run while processors count, and reads all of the tables: on a large database that takes minutes. The processors
    do the cheap part of it by themselves every ten minutes, and log what they find (metric processor_audit_findings).

    Exit codes: 0 when nothing is wrong, 65 when numbers are wrong or may become so, 1 when Kafka or ClickHouse could not
    be asked, 78 when a setting is invalid.
    """
    from processor.operate.audit import run_audit

    operate(lambda settings: run_audit(settings, as_json=as_json, ask_kafka=not no_kafka))


@click.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(0))
@click.option("--to", type=click.IntRange(0), help="Go on at this offset, not where the log begins.")
@click.option("--lose-records", is_flag=True, help="Give up records that the log still holds.")
@_dry_run
def skip(topic: str, partition: int, *, to: int | None, lose_records: bool, dry_run: bool) -> None:
    """Go on with PARTITION of TOPIC behind records that the log has lost.

    When to use it: a processor has halted the partition with "does not hold offset", because Kafka deleted records before
    they were counted. They will never be counted; the gap is noted in table gaps. It may be killed and run again.

    It refuses while the log holds the next record, unless --to and --lose-records say that records may be lost, and while
    a processor counts the partition.

    Exit codes: 0 when done, 65 when it refuses, 1 to try again, 78 when a setting is invalid.
    """
    from processor.operate.skip import run_skip

    operate(
        lambda settings: run_skip(
            settings, topic, partition, to=to, lose_records=lose_records, dry_run=dry_run
        )
    )


@click.command()
@click.argument("topics", nargs=-1)
@click.option(
    "--lose-uncounted", is_flag=True, help="Go on although records of the former log were not counted."
)
@_dry_run
def adopt(topics: tuple[str, ...], *, dry_run: bool, lose_uncounted: bool) -> None:
    """Go on with another log, where a topic was created anew or moved to another cluster.

    The processors refuse such a log until this is said, for all TOPICS if none is named. Numbers stay; the new log
    is counted from where it begins, and what was counted before under the same EventKey does not count again.

    Exit codes: 0 when done, 65 when records would be lost without --lose-uncounted, 78 when a setting is invalid.
    """
    from processor.operate.adopt import run_adopt

    operate(lambda settings: run_adopt(settings, topics, dry_run=dry_run, lose_uncounted=lose_uncounted))


@click.command()
@click.option(
    "--switch", "step", flag_value="switch", help="Put the rebuilt tables in the place of the live ones."
)
@click.option("--drop-old", "step", flag_value="drop-old", help="After --switch: drop the former tables.")
@click.option("--abandon", "step", flag_value="abandon", help="Before --switch: drop what was counted anew.")
@_dry_run
def rebuild(*, step: str | None, dry_run: bool) -> None:
    """Count the whole log again, into a second database, and put that in the place of the live one.

    When to use it: `audit` says that numbers are wrong, and Kafka still has the log from its beginning. It refuses
    where it has not, and names what would be lost.

    \b
    1. `rebuild` counts until database <name>_rebuild is where the live one is. It may be stopped, and goes on where it
       was. Processors may run meanwhile.
    2. Stop the processors; `rebuild` once more.
    3. `rebuild --switch` exchanges the tables. It may be killed and run again.
    4. Start the processors. `rebuild --drop-old` when you are content.

    Exit codes: 0 when done, 65 when it refuses, 1 to run it again, 78 when a setting is invalid.
    """
    if step is None:
        from processor.operate.rebuild import run_rebuild

        operate(lambda settings: run_rebuild(settings, dry_run=dry_run))
    else:
        from processor.operate import switch as steps

        run = {"switch": steps.run_switch, "drop-old": steps.run_drop_old, "abandon": steps.run_abandon}[step]
        operate(lambda settings: run(settings, dry_run=dry_run))


@click.command("import")
@click.option(
    "--history", is_flag=True, help="Also import the finished jobs of table jobs, for numbers by day."
)
@click.option(
    "--analytics-group",
    default="analytics-processor",
    show_default=True,
    help="Consumer group of the Go analytics processor.",
)
@click.option(
    "--logs-group",
    default="joblogs-processor",
    show_default=True,
    help="Consumer group of the Go job logs processor.",
)
@_dry_run
def import_(**options: Any) -> None:
    """Take over the totals of Chronoverse's Go service from its PostgreSQL, exactly once, into an empty database.

    When to use it: once, before the first processor starts. Stop the Go analytics processor and job logs processor first,
    and let them finish what they have read. Records that they have not read are counted by the processors.

    PostgreSQL is found by POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and POSTGRES_TLS_*,
    as the Go programs find it. It is only read. The command may be killed and run again: until the copy is complete it
    begins anew, afterwards it goes on where it was, and PostgreSQL is not needed any more. See docs/migration.md.

    It refuses while a Go program is at work, where a database is not empty, and where a consumer group has read nothing.

    Exit codes: 0 when done, 65 when it refuses, 1 to run it again, 78 when a setting is invalid.
    """
    from processor.importing.settings import ImportSettings
    from processor.operate.entry import operate_with
    from processor.operate.import_totals import Wanted, run_import

    dry_run = options.pop("dry_run")
    operate_with(ImportSettings, lambda settings: run_import(settings, Wanted(**options), dry_run=dry_run))


@click.group()
def dead_letters() -> None:
    """List malformed records, show one, or play them again.

    When to use it: metric processor_dead_letters grows, or a producer was mended. An ORIGIN is where a record came from,
    as `list` prints it: TOPIC/PARTITION@OFFSET, or with the topic's id in place of its name.
    """


@dead_letters.command("list")
@_topic
@_reason
@_since
@_until
@_json
def list_(*, as_json: bool, **filters: Any) -> None:
    """List malformed records, each once however often it was parked. Values are not shown.

    Exit codes: 0, 1 when Kafka is away, 78 when a setting is invalid.
    """
    from processor.operate.dead_letters import Filters, run_list

    operate(lambda settings: run_list(settings, Filters(**filters), as_json=as_json))


@dead_letters.command()
@click.argument("origin")
@click.option("--value", "with_value", is_flag=True, help="Print the value too; it may hold data of users.")
@_json
def show(origin: str, *, with_value: bool, as_json: bool) -> None:
    """Show one malformed record: why it is one, its key and headers.

    Exit codes: 0, 65 when there is none from ORIGIN, 1 when Kafka is away, 78 when a setting is invalid.
    """
    from processor.operate.dead_letters import run_show

    operate(lambda settings: run_show(settings, origin, with_value=with_value, as_json=as_json))


@dead_letters.command()
@click.argument("origins", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, as far as the other options allow.")
@_topic
@_reason
@_since
@_until
@click.option(
    "--may-count-again", is_flag=True, help="Also records too old to know whether they were counted."
)
@_dry_run
def replay(
    *,
    origins: tuple[str, ...],
    everything: bool,
    topic: str | None,
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
    may_count_again: bool,
    dry_run: bool,
) -> None:
    """Publish malformed records again, into their topic, with their key, headers and timestamp.

    When to use it: the program that called them malformed was wrong, and has been mended. What is still malformed is
    parked again. Played twice, a record counts once: one that has no EventKey gets one, made of its origin.

    Choose by ORIGINS, or by --all, --topic, --reason, --since and --until.

    Exit codes: 0 when done, 65 when records were left out (their values were too large to be parked, or they are too old
    to know whether they were counted), 1 to run it again, 78 when a setting is invalid.
    """
    from processor.operate.dead_letters import Filters
    from processor.operate.replay import Choice, run_replay

    filters = Filters(topic, reason, since, until)
    if not origins and not everything and filters == Filters():
        raise click.UsageError("say which: ORIGINS, --all, --topic, --reason, --since or --until")
    operate(lambda settings: run_replay(settings, Choice(origins, filters, may_count_again), dry_run=dry_run))
