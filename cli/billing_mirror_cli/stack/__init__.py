"""What a command talks to: a stack of one's own or the sandbox, in AWS, with its secrets."""
