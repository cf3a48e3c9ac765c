"""Which events does a change cause, and how do they reach the webhook?"""
