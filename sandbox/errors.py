"""What can go wrong in the local stack, and is shown without a stack trace: each message says what to do.

SandboxError
├── NotReady            a program ended, or did not answer, instead of getting ready
├── DirectoryRefused    --data is not ours, in use, or holds no running sandbox
├── UnreadableCorpus    a file of records is missing, damaged, or holds something else
└── NotDelivered        the broker does not have what should be there, or does not take records
"""


class SandboxError(Exception):
    """Base: shown without a stack trace."""


class NotReady(SandboxError):
    """A program of the local stack ended, or did not answer, instead of getting ready."""


class DirectoryRefused(SandboxError):
    """A directory is not ours, in use by another sandbox, or holds no running one."""


class UnreadableCorpus(SandboxError):
    """A corpus file is missing, damaged, or holds something else; the message names file and line."""


class NotDelivered(SandboxError):
    """Records could not be given to the broker at all."""
