"""Values that are never shown."""

from attrs import frozen


@frozen(repr=False, str=False)
class Secret:
    """Hold a text that no repr, log or error shows; only `reveal` gives it away."""

    _text: str

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        rule = "a secret is never stored"
        raise TypeError(rule)
