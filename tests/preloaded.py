"""What forks begin with: everything that our programs import, but not the programs themselves (see tests.forked)."""

import gc
from importlib import import_module

for _name in (
    "analytics.cli.commands",
    "analytics.cli.range_commands",
    "analytics.server",
    "analytics.store.everywhere",
    "analytics.store.users",
    "processor.certificates",
    "processor.operate.backup_commands",
    "processor.operate.commands",
    "processor.operate.shard_commands",
    "processor.run",
    "tests.faults.injected",
):
    import_module(_name)

gc.collect()
gc.freeze()  # the collector of a fork would otherwise copy every page of it
