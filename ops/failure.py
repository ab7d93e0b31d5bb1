"""What an operator command says when it can't do what was asked."""


class Failure(Exception):
    """One sentence that says what is wrong, and one that says what to do."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}; {remedy}" if remedy else problem)


class InterruptedFailure(Failure):
    """The user stopped the command: exit code 130."""


class UsageFailure(Failure):
    """The command line itself is wrong: exit code 64."""
