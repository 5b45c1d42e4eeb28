"""A statement word by word, where sqlglot's MySQL cannot: CREATE FUNCTION ... ALIAS, GRANT, LOAD DATA and others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import TokenError

from local_test.sql.errors import SqlError, near


@dataclass(frozen=True)
class Word:
    text: str
    start: int
    end: int  # behind it
    kind: TokenType

    @property
    def is_bare(self) -> bool:
        return self.kind not in (TokenType.STRING, TokenType.IDENTIFIER)


class Words:
    """Each method moves on past what it has read, or raises SqlError 1064 that shows where."""

    def __init__(self, sql: str) -> None:
        self.sql, self._next = sql, 0
        try:
            tokens = [word for token in tokenize(sql, read="mysql") for word in _words(token, sql)]
        except TokenError:
            raise near(sql, 0) from None
        while tokens and tokens[-1].kind == TokenType.SEMICOLON:
            tokens.pop()
        self._tokens = tokens

    def check_single(self) -> None:
        for token in self._tokens:
            if token.kind == TokenType.SEMICOLON:
                raise near(self.sql, token.end)

    def starts(self, *words: str) -> bool:
        """Whether these words, in upper case, come next."""
        found = self._tokens[self._next : self._next + len(words)]
        return len(found) == len(words) and all(map(_is, found, words))

    def accept(self, *words: str) -> bool:
        if self.starts(*words):
            self._next += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise self.wrong()

    def name(self) -> str:
        """An identifier, quoted or bare."""
        token = self._take()
        if token.is_bare and not token.text.replace("$", "_").isidentifier():
            raise self.wrong(back=1)
        return token.text

    def qualified(self, database: str | None) -> tuple[str | None, str]:
        """A name with its database before it, or `database`."""
        name = self.name()
        return (name, self.name()) if self.accept(".") else (database, name)

    def text(self) -> str:
        token = self._take()
        if token.kind != TokenType.STRING:
            raise self.wrong(back=1)
        return token.text

    def number(self) -> int:
        token = self._take()
        if not token.text.isdecimal():
            raise self.wrong(back=1)
        return int(token.text)

    def is_text(self) -> bool:
        return not self.is_over() and self._tokens[self._next].kind == TokenType.STRING

    def until(self, *stops: str) -> str:
        """The text up to one of these words outside parentheses, or to the end; it may be empty."""
        begin, depth = self._next, 0
        while not self.is_over():
            token = self._tokens[self._next]
            if depth == 0 and any(_is(token, stop) for stop in stops):
                break
            depth += (token.kind == TokenType.L_PAREN) - (token.kind == TokenType.R_PAREN)
            self._next += 1
        taken = self._tokens[begin : self._next]
        return self.sql[taken[0].start : taken[-1].end] if taken else ""

    def is_over(self) -> bool:
        return self._next >= len(self._tokens)

    def end(self) -> None:
        if not self.is_over():
            raise self.wrong()

    def wrong(self, back: int = 0) -> SqlError:
        self._next -= back
        return near(self.sql, len(self.sql) if self.is_over() else self._tokens[self._next].start)

    def _take(self) -> Word:
        if self.is_over():
            raise self.wrong()
        self._next += 1
        return self._tokens[self._next - 1]


def _words(token: Token, sql: str) -> Iterator[Word]:
    """sqlglot takes SQL SECURITY, or CHARACTER SET, as one."""
    word = Word(token.text, token.start, token.end + 1, token.token_type)
    if not word.is_bare or " " not in token.text:
        yield word
        return
    for found in re.finditer(r"\S+", sql[word.start : word.end]):
        yield Word(found[0], word.start + found.start(), word.start + found.end(), TokenType.VAR)


def _is(word: Word, text: str) -> bool:
    return word.is_bare and word.text.upper() == text
