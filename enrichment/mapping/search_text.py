"""What the name of a field tells: whether it holds what somebody searched for. That is never taken, by no mapping."""

import re
from collections.abc import Sequence
from typing import Final

#: One of these words in a name says that it holds what somebody searched for...
_SEARCH_WORDS: Final = frozenset(
    (
        *("criteria", "criterion", "keyword", "keywords", "lookup", "needle", "phrase", "q", "query", "querystring"),
        *("search", "searched", "searchstring", "searchtext", "searchterm", "searchterms", "term", "terms"),
    )
)
#: ...unless it ends with one of these, and so holds something about the search.
_ABOUT: Final = frozenset(
    (
        *("at", "class", "count", "date", "duration", "fields", "hits", "id", "ids", "kind", "ms", "names", "number"),
        *("results", "size", "status", "time", "total", "type", "uid"),
    )
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def looks_like_search_text(names: Sequence[str]) -> bool:
    """Return whether these names lead to what somebody searched for, as far as names tell."""
    words = [[word.lower() for word in _WORD.findall(name)] or [name.lower()] for name in names]
    if not words or words[-1][-1] in _ABOUT:
        return False
    return any(word in _SEARCH_WORDS for name in words for word in name)
