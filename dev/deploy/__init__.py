"""``make deploy``: deploys one stack as its file in stacks/ says, shows the changes first, and refuses to lose data."""
