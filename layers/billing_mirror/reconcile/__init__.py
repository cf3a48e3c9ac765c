"""Reconcile: compare Stripe with the mirror on a schedule, and repair what differs."""
