"""Events in Chronoverse's own wire format, as many as wanted, with what is true of them.

`world` simulates everything with its faults, `flood` prints one kind fast, `command` is the command line.
"""
