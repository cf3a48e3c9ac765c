"""What an auditor is shown: what was compared by a time, and what never is."""
