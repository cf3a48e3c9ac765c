"""Does CloudFormation change a stack in this state? If not: why, and what to do?

The states: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

IN_REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that has a change set and nothing else."""
NOT_DEPLOYED = ("", IN_REVIEW)
_DEPLOYED_AGAIN = ("CREATE_FAILED", "UPDATE_FAILED")
"""What failed was kept on purpose, and the next deploy continues."""
STATE_OF = (
    "aws cloudformation describe-stacks --stack-name {stack} --query 'Stacks[0].StackStatus' --output text{options}"
)
_EVENTS = "aws cloudformation describe-stack-events --stack-name {stack}{options}"
_DELETE = "build/venvs/sam/bin/sam delete --stack-name {stack}{options}"
_CONTINUE = "aws cloudformation continue-update-rollback --stack-name {stack}{options}"
_ROLLED_BACK = "aws cloudformation wait stack-rollback-complete --stack-name {stack}{options}"
_DEPLOY = "make deploy STACK={stack}"
_KEPT = (
    "A table and secrets that exist stay: before you deploy again, name them in the stack's file"
    " (docs/deploy.md#take-up-an-existing-table)"
)


@dataclass(frozen=True)
class _Obstacle:
    why: str
    todo: str
    commands: tuple[str, ...]
    """To run one after the other."""


_OBSTACLES: Mapping[str, _Obstacle] = {
    "ROLLBACK_COMPLETE": _Obstacle(
        "its first deploy failed, and left the stack empty", "Mend the reason and delete the stack", (_DELETE, _DEPLOY)
    ),
    "ROLLBACK_FAILED": _Obstacle(
        "its first deploy failed, and was undone in part",
        f"Mend the reason and delete the stack. {_KEPT}",
        (_DELETE, _DEPLOY),
    ),
    "UPDATE_ROLLBACK_FAILED": _Obstacle(
        "a deploy failed, and was not undone",
        "Mend the reason and have it undone",
        (_CONTINUE, _ROLLED_BACK, _DEPLOY),
    ),
    "DELETE_FAILED": _Obstacle(
        "it was to be deleted, and a part of it is left", f"Mend the reason and delete it. {_KEPT}", (_DELETE, _DEPLOY)
    ),
    "DELETE_IN_PROGRESS": _Obstacle(
        "it is being deleted", f"Wait until this finds no stack. {_KEPT}", (STATE_OF, _DEPLOY)
    ),
}
_IN_PROGRESS = _Obstacle("another change of it is under way", "Wait until this ends with COMPLETE", (STATE_OF, _DEPLOY))
_OTHER = _Obstacle("a change of it failed, and was not undone", "Mend what its events name", (_EVENTS, _DEPLOY))


def failed(state: str) -> bool:
    """Whether the stack's events hold a failure that has led to this state."""
    return state.endswith("_FAILED") or state == "ROLLBACK_COMPLETE"


def refusal(stack: str, state: str, options: str, reason: str) -> str:
    """Why nothing is deployed, and what to do; empty where CloudFormation changes a stack in this state.

    ``options`` say to AWS's command where the stack is; ``reason`` is that of the failure, where there was one.
    """
    obstacle = _obstacle(state)
    if obstacle is None:
        return ""
    lines = [f"Nothing was built or deployed: CloudFormation changes no stack that is {state}."]
    lines += [f"{stack} is in this state because {obstacle.why}."]
    lines += [f"The reason: {reason}"] if reason else []
    lines += [f"{obstacle.todo}:"]
    lines += [f"  {command.format(stack=stack, options=options)}" for command in obstacle.commands]
    return "\n".join(lines)


def _obstacle(state: str) -> _Obstacle | None:
    if state in (*NOT_DEPLOYED, *_DEPLOYED_AGAIN):
        return None
    if state in _OBSTACLES:
        return _OBSTACLES[state]
    if state.endswith("_IN_PROGRESS"):
        return _IN_PROGRESS
    return _OTHER if state.endswith("_FAILED") else None
