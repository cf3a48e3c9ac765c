"""``billing-mirror``: what an operator types.

Every verb reads with the reader, and changes things through a request to reconcile or a message on the queue. No
verb writes an object: the write rule stays with process and reconcile.
"""

__version__ = "0.2.0"
