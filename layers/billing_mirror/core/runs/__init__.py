"""What reconcile is asked for and due to do, how far it is, and what it has found."""
