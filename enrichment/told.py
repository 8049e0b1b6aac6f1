"""The mistakes that a user is told of in sentences, rather than shown as a traceback."""


class Told(Exception):  # noqa: N818 - each kind says by its own name what happened
    """Something that a user can put right, in one plain sentence or in one for each mistake: ``sentences``."""

    def __init__(self, said: str | list[str] = "") -> None:
        self.sentences = said if isinstance(said, list) else [said]
        super().__init__(" ".join(self.sentences))
