"""An exact, fresh copy of a Stripe account's billing data in a DynamoDB table.

Read the copy from your own code with :class:`billing_mirror.reader.Reader`.
"""
