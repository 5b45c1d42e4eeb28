"""What sqlglot leaves of MySQL when it writes DuckDB: types, keys and options of tables, inserts, headings."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from local_test.sql import types
from local_test.sql.errors import SqlError, not_here
from local_test.sql.types import SqlType

_KEPT = (exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint,
         exp.DefaultColumnConstraint, exp.CheckColumnConstraint)  # fmt: skip
_LONGEST = 256  # characters of a heading
_CASTS = {"SIGNED": "BIGINT", "UNSIGNED": "UBIGINT"}


@dataclass(frozen=True)
class Table:
    """A CREATE TABLE with columns, as DuckDB takes it."""

    columns: tuple[tuple[str, SqlType], ...]
    sequences: tuple[str, ...]  # of AUTO_INCREMENT


def columns_of(create: exp.Create, sequence: str) -> Table:
    """Changes the statement in place. `sequence`: a name to be used for AUTO_INCREMENT."""
    create.set("properties", _temporary(create))
    schema = create.this
    if not isinstance(schema, exp.Schema):
        return Table((), ())
    columns: list[tuple[str, SqlType]] = []
    sequences: list[str] = []
    kept: list[exp.Expr] = []
    for item in schema.expressions:
        if isinstance(item, exp.ColumnDef):
            kind = types.of(item.args["kind"])
            columns.append((item.name, kind))
            item.set("kind", exp.DataType.build(kind.duck, dialect="duckdb"))
            if _constrain(item, sequence):
                sequences.append(sequence)
            kept.append(item)
        elif isinstance(item, exp.PrimaryKey):
            item.set("expressions", [each.this if isinstance(each, exp.Ordered) else each for each in item.expressions])
            item.set("options", None)
            kept.append(item)
        elif isinstance(item, exp.UniqueColumnConstraint):
            named = item.this
            if isinstance(named, exp.Schema):
                named.set("this", None)
            kept.append(item)
    schema.set("expressions", kept)
    return Table(tuple(columns), tuple(sequences))


def _temporary(create: exp.Create) -> exp.Properties | None:
    """ENGINE, CHARSET and the like say nothing here."""
    if create.find(exp.LikeProperty):
        raise not_here("CREATE TABLE ... LIKE; SHOW CREATE TABLE gives the text")
    properties = create.args.get("properties")
    kept = [each for each in (properties.expressions if properties else ()) if isinstance(each, exp.TemporaryProperty)]
    return exp.Properties(expressions=kept) if kept else None


def _constrain(column: exp.ColumnDef, sequence: str) -> bool:
    """Whether it is AUTO_INCREMENT."""
    is_auto = False
    kept: list[exp.Expr] = []
    for constraint in column.args.get("constraints") or ():
        kind = constraint.args.get("kind")
        if isinstance(kind, exp.AutoIncrementColumnConstraint):
            is_auto = True
        elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint | exp.ComputedColumnConstraint):
            raise not_here("generated columns")  # Aurora's functions cannot be used in them either
        elif isinstance(kind, _KEPT):
            kept.append(constraint)
    if is_auto:
        number = exp.Anonymous(this="nextval", expressions=[exp.Literal.string(sequence)])
        kept.append(exp.ColumnConstraint(kind=exp.DefaultColumnConstraint(this=number)))
    column.set("constraints", kept)
    return is_auto


def dropped(drop: exp.Drop) -> None:
    """In place: DROP TEMPORARY TABLE, and DROP INDEX ... ON a table, which DuckDB finds by its name."""
    drop.set("temporary", None)
    drop.set("cluster", None)


def altered(alter: exp.Alter) -> tuple[tuple[str, SqlType], ...]:
    """In place; the columns that it adds."""
    if alter.find(exp.ModifyColumn):
        raise not_here("ALTER TABLE ... MODIFY or CHANGE")
    added = []
    for column in alter.find_all(exp.ColumnDef):
        if kind := column.args.get("kind"):
            added.append((column.name, types.of(kind)))
            column.set("kind", exp.DataType.build(types.of(kind).duck, dialect="duckdb"))
        for constraint in column.args.get("constraints") or ():
            if not isinstance(constraint.args.get("kind"), exp.DefaultColumnConstraint):
                raise not_here("ALTER TABLE with a constraint other than DEFAULT")  # DuckDB adds none
    return tuple(added)


def functions(statement: exp.Expr) -> exp.Expr:
    """What sqlglot hands on as it stands, and DuckDB takes otherwise than MySQL."""
    return statement.transform(_function, copy=False)


def _function(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Length) and node.args.get("binary"):
        return _bytes_of(node.this)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "OCTET_LENGTH" and len(node.expressions) == 1:
        return _bytes_of(node.expressions[0])
    if isinstance(node, exp.IntDiv):  # DuckDB's // keeps a fraction, and rounds down
        left, right = node.this, node.expression
        whole = exp.paren(exp.Sub(this=left, expression=exp.Mod(this=left.copy(), expression=right)))
        return exp.cast(exp.IntDiv(this=whole, expression=right.copy()), "BIGINT")
    if isinstance(node, exp.Like) and not isinstance(node.parent, exp.Escape) and _has_escape(node.expression):
        return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))
    return _introduced(node) if isinstance(node, exp.Introducer) else node


def _introduced(node: exp.Introducer) -> exp.Expr:
    """_utf8mb4'x' says nothing, as all is UTF-8; _binary'x' is bytes."""
    text: exp.Expr = node.expression
    if node.name.lower() == "_binary":
        return exp.HexString(this=text.name.encode("utf-8", "surrogateescape").hex())
    return text


def _has_escape(pattern: exp.Expr) -> bool:
    return not isinstance(pattern, exp.Literal) or "\\" in pattern.name


def _bytes_of(text: exp.Expr) -> exp.Expr:
    kind = exp.Anonymous(this="typeof", expressions=[text])
    blob = exp.Anonymous(this="octet_length", expressions=[exp.cast(text.copy(), "BLOB", dialect="duckdb")])
    other = exp.Anonymous(this="strlen", expressions=[exp.cast(text.copy(), "VARCHAR", dialect="duckdb")])
    return exp.Case(this=kind, ifs=[exp.If(this=exp.Literal.string("BLOB"), true=blob)], default=other)


def query(expression: exp.Expr) -> None:
    """In place, of any statement that reads."""
    for table in list(expression.find_all(exp.Table)):
        if isinstance(table.this, exp.Func):
            raise SqlError(1064, f"You have an error in your SQL syntax; {table.this.name}() is no table")
        if table.name.upper() == "DUAL" and not table.db and isinstance(table.parent, exp.From):
            table.parent.pop()
    for select in expression.find_all(exp.Select):
        select.set("locks", None)
        if select.args.get("into"):
            raise not_here("SELECT ... INTO")
        having = select.args.get("having")
        if having is not None and not select.args.get("group") and not any(select.find_all(exp.AggFunc)):
            having.pop()  # MySQL's needs no groups
            select.where(_without_aliases(having.this, select), copy=False)
    for cast in expression.find_all(exp.Cast):
        name = cast.to.sql("mysql").upper().partition(" ")[0]
        if name in _CASTS:
            cast.set("to", exp.DataType.build(_CASTS[name], dialect="duckdb"))


def _without_aliases(condition: exp.Expr, select: exp.Select) -> exp.Expr:
    """In HAVING an alias comes before a column of the same name."""
    by_alias = {each.alias.lower(): each.unalias() for each in select.expressions if each.alias}

    def change(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in by_alias:
            return exp.paren(by_alias[node.name.lower()])
        return node

    return condition.transform(change)


def on_conflict(insert: exp.Insert, keys: Sequence[str]) -> None:
    """ON DUPLICATE KEY UPDATE a = VALUES(a), as DuckDB's ON CONFLICT. `keys`: of the table's primary key."""
    conflict = insert.args.get("conflict")
    if conflict is None:
        return
    if not keys:
        insert.set("conflict", None)  # without a key there is no duplicate
        return
    for call in list(conflict.find_all(exp.Anonymous)):
        if call.name.upper() == "VALUES" and call.expressions:
            call.replace(exp.column(call.expressions[0].name, "excluded"))
    sets = conflict.expressions
    conflict.replace(
        exp.OnConflict(
            conflict_keys=[exp.to_identifier(key, quoted=True) for key in keys],
            action=exp.Var(this="DO UPDATE"),
            expressions=sets,
        )
    )


def head(expression: exp.Expr, texts: Sequence[str]) -> None:
    """Give what has no name in the outermost list the one that MySQL would: its text."""
    select = expression
    while isinstance(select, exp.Subquery | exp.SetOperation):
        select = select.this
    if not isinstance(select, exp.Select) or len(texts) != len(select.expressions):
        return
    for item, text in zip(list(select.expressions), texts, strict=True):
        if not isinstance(item, exp.Alias | exp.Star | exp.Column):
            name = text[:_LONGEST].encode("utf-8", "replace").decode()  # there may be bytes in it
            item.replace(exp.alias_(item.copy(), name, quoted=True))
