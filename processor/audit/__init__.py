"""The auditor: reads what is stored, and says in words what cannot be right, how bad that is, and what to do.

It only reads. One query sees one snapshot of the parts, and a batch is one part; so numbers that are compared within
one query agree also while processors count. Where two queries are compared, their order makes the comparison safe;
each module says how.
"""
