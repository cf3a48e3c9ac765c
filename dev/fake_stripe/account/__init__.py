"""Which objects does an account hold, and what does a change do to them?"""
