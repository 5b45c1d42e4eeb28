"""Names and texts inside statements: checked, then quoted so that nothing in them ends the quote."""

import re

from deploy.sql.refusal import NotSql

ENDPOINT = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}")
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
CLUSTER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9]){0,62}")
PARAMETER_GROUP = re.compile(r"[a-z](?:-?[a-z0-9]){0,254}")
TARGET_MODEL = re.compile(r"[^\s'\\][^'\\]{0,1023}")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_AWS = {
    "aws_comprehend": "is Amazon Comprehend's own, which no endpoint of yours answers",
    "aws_bedrock": "is Amazon Bedrock's own, which no endpoint of yours answers",
    "aws_": "begins as AWS's own functions do",
}


def matching(pattern: re.Pattern[str], text: str, what: str, right: str) -> str:
    if not pattern.fullmatch(text) or not text.isprintable():
        raise NotSql(f"{what} {text!r} cannot be: {right}")
    return text


def endpoint(text: str) -> str:
    return matching(ENDPOINT, text, "the endpoint's name", "SageMaker's are up to 63 letters, digits and hyphens")


def not_of_aws(text: str) -> str:
    for prefix, why in _OF_AWS.items():
        if text.lower().startswith(prefix):
            raise NotSql(f"{text} {why}: name your function for what your model answers, such as recommend_score")
    return text


def function(text: str, engine: str, most: int, *, is_folded: bool) -> str:
    """`most` characters; `is_folded`: an engine that folds what is not quoted to small letters."""
    if not _FUNCTION.fullmatch(text):
        raise NotSql(f"the function's name {text!r} cannot be: letters, digits and _, no digit first")
    if len(text) > most:
        raise NotSql(f"the function's name {text!r} has {len(text)} characters; {engine} takes {most}")
    if is_folded and text != text.lower():
        raise NotSql(f"the function's name {text!r} would need quotes in each query of {engine}: write {text.lower()}")
    return text


def backticked(name: str, what: str) -> str:
    """MySQL's: 64 characters of the basic plane, no NUL, no space at the end."""
    most = 64
    if not _is_name(name) or len(name) > most or name != name.rstrip() or max(name) > "\uffff":
        raise NotSql(f"{what} {name!r} cannot be a name in MySQL: 1 to {most} characters of one line, no space last")
    return "`" + name.replace("`", "``") + "`"


def double_quoted(name: str, what: str, engine: str, most: int) -> str:
    """`most` bytes: PostgreSQL would cut the rest off, and two names could become one."""
    if not _is_name(name) or len(name.encode()) > most:
        raise NotSql(f"{what} {name!r} cannot be a name in {engine}: 1 to {most} bytes of one line")
    return '"' + name.replace('"', '""') + '"'


def _is_name(name: str) -> bool:
    """Names also stand in comments, which a line's end would end."""
    return bool(name) and name.isprintable()


def literal(text: str) -> str:
    """Without backslashes, which MySQL and Redshift read as escapes and PostgreSQL does not."""
    if "\\" in text:
        raise NotSql(f"{text!r} holds a backslash, which the engines read differently")
    return "'" + text.replace("'", "''") + "'"
