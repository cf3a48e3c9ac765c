"""What each job does with what the lists show."""
