"""Queries with calls, rewritten so that each call is predicted in batches before DuckDB runs the rest.

A SELECT's FROM, and what of its WHERE needs no call, becomes a temporary table m; each call a table p with a row for
each of m's; the SELECT then reads m POSITIONAL JOIN p. Inner queries come first. Where that cannot be done (a join's
ON, groups, a query that belongs to an outer row) the call stays in place as a UDF, which sees 2,048 rows at most.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from local_test.sql import calls
from local_test.sql.calls import Marked
from local_test.sql.function import Function
from local_test.sql.predict import Given, Predictions

_SOURCES = ("from_", "joins", "laterals")
_NO_LIMIT_PAST = ("group", "having", "distinct", "windows", "qualify", "where")


@dataclass
class Materialiser:
    predictions: Predictions
    marked: Marked
    stay: Callable[[exp.Anonymous, Function], exp.Expr]  # the UDF's call in the place of this one

    def rewrite(self, query: exp.Expr) -> None:
        """In place; `query` has its columns qualified."""
        for select in list(_inner_first(query)):
            self._select(select)
        for call in reversed(list(calls.of(query))):
            self._stay(call)

    def _select(self, select: exp.Select) -> None:
        _without_aliases_in_order(select)
        found = calls.own(select)
        for call in found:
            calls.check_arity(call, self.marked.function(call))
        if not found:
            return
        is_bound = _is_bound(select)
        for call in reversed(found):  # inner ones first
            if is_bound or not can_be_batched(select, call):
                self._stay(call)
        if calls.own(select):
            self._split(select)

    def _stay(self, call: exp.Anonymous) -> None:
        function = self.marked.function(call)
        calls.check_arity(call, function)
        call.replace(self.stay(call, function))

    def _split(self, select: exp.Select) -> None:
        base = exp.Select()
        _move_where(select, base)
        sources = _names(select)
        for part in _SOURCES:
            if moved := select.args.get(part):
                select.set(part, None)
                base.set(part, moved)
        with_ = _with(select)
        if with_:
            base.set("with_", with_)
        _move_limit(select, base)
        columns: dict[tuple[str, str], str] = {}
        m = "tiffin_m"
        for column in list(select.find_all(exp.Column)):
            if column.table in sources and not _is_shadowed(column, select):
                name = columns.setdefault((column.table, column.name), f"c{len(columns)}")
                column.replace(exp.column(name, m))
        picked = [
            exp.alias_(exp.column(name, table, quoted=True), alias) for (table, name), alias in columns.items()
        ] or [exp.alias_(exp.Literal.number(1), "one")]
        base.set("expressions", picked)
        has_source = base.args.get("from_") is not None
        table = self.predictions.table(base.sql("duckdb"))
        tables = [f"temp.{table} AS {m}"]
        while simple := [call for call in calls.own(select) if calls.is_simple(call)]:
            tables.append(self._predict(simple, tables, single=not has_source))
        source = sqlglot.parse_one(f"SELECT 1 FROM {' POSITIONAL JOIN '.join(tables)}", read="duckdb")
        select.set("from_", source.args["from_"])
        select.set("joins", source.args.get("joins"))

    def _predict(self, simple: Sequence[exp.Anonymous], tables: Sequence[str], *, single: bool) -> str:
        """Of the first of these calls, and of all that are the same."""
        first = simple[0]
        function = self.marked.function(first)
        arguments = [each.sql("duckdb") for each in first.expressions]
        is_same = all(isinstance(each, exp.Column | exp.Literal | exp.Null) for each in first.expressions)
        given = Given.of(arguments, " POSITIONAL JOIN ".join(tables), is_same_again=is_same)
        table = self.predictions.predict(function, given, single=single)
        alias = f"p{len(tables)}"
        for call in [each for each in simple if each == first]:
            call.replace(exp.column("v", alias))
        return f"temp.{table} AS {alias}"


def _inner_first(node: exp.Expr) -> Iterator[exp.Select]:
    """WITH before what reads it."""
    children = sorted(node.iter_expressions(), key=lambda child: not isinstance(child, exp.With))
    for child in children:
        yield from _inner_first(child)
    if isinstance(node, exp.Select):
        yield node


def _names(select: exp.Select) -> set[str]:
    """Of the tables and subqueries that this SELECT reads."""
    found = set()
    sources = [select.args.get("from_"), *(select.args.get("joins") or ()), *(select.args.get("laterals") or ())]
    for source in sources:
        if source is not None:
            inner = source.this if not isinstance(source, exp.Lateral) else source
            found.add(inner.alias_or_name)
    return found


def _is_bound(select: exp.Select) -> bool:
    """Whether it belongs to a row of an outer query, or to a step of a recursive one."""
    inside = {name for inner in select.find_all(exp.Select) for name in _names(inner)}
    if any(column.table and column.table not in inside for column in select.find_all(exp.Column)):
        return True
    with_ = select.find_ancestor(exp.With)
    return bool(with_ and with_.args.get("recursive"))


def can_be_batched(select: exp.Select, call: exp.Anonymous) -> bool:
    if _below(call, select, exp.Join, exp.Lateral):
        return False
    group = select.args.get("group")
    is_grouped = group is not None or any(
        each.find_ancestor(exp.Select) is select and not isinstance(each.parent, exp.Window)
        for each in select.find_all(exp.AggFunc)
    )
    if not is_grouped or _below(call, select, exp.AggFunc, exp.Group):
        return True
    return group is not None and call in list(group.find_all(exp.Anonymous))


def _below(node: exp.Expr, top: exp.Expr, *kinds: type) -> bool:
    parent = node.parent
    while parent is not None and parent is not top:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def _is_shadowed(column: exp.Column, select: exp.Select) -> bool:
    inner = column.find_ancestor(exp.Select)
    while inner is not None and inner is not select:
        if column.table in _names(inner):
            return True
        inner = inner.find_ancestor(exp.Select)
    return False


def _without_aliases_in_order(select: exp.Select) -> None:
    """ORDER BY f(a) may mean the list's a: its expression is put in, since the call is not of the list."""
    order = select.args.get("order")
    by_alias = {each.alias: each.unalias() for each in select.expressions if each.alias}
    for call in calls.of(order) if order is not None else ():
        for column in list(call.find_all(exp.Column)):
            if not column.table and column.name in by_alias:
                column.replace(by_alias[column.name].copy())


def _move_where(select: exp.Select, base: exp.Select) -> None:
    """What needs no call goes along with the rows: fewer are sent."""
    where = select.args.get("where")
    if where is None:
        return
    parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    parts = [part.unnest() for part in parts]
    free = [part for part in parts if not any(calls.of(part))]
    kept = [part for part in parts if any(calls.of(part))]
    select.set("where", exp.Where(this=exp.and_(*kept, copy=False)) if kept else None)
    if free:
        base.set("where", exp.Where(this=exp.and_(*free, copy=False)))


def _move_limit(select: exp.Select, base: exp.Select) -> None:
    """So that only rows that are wanted are sent; Aurora may send a whole batch."""
    if select.args.get("limit") is None or any(select.args.get(part) for part in _NO_LIMIT_PAST):
        return
    if any(select.find_all(exp.AggFunc)) or any(select.find_all(exp.Window)):
        return
    order = select.args.get("order")
    if order is not None:
        by_alias = {each.alias: each.unalias() for each in select.expressions if each.alias}
        for column in list(order.find_all(exp.Column)):
            if not column.table and column.name in by_alias:
                column.replace(by_alias[column.name].copy())
        if any(calls.of(order)) or any(isinstance(each.this, exp.Literal) for each in order.expressions):
            return
    for part in ("order", "limit", "offset"):
        if moved := select.args.get(part):
            select.set(part, None)
            base.set(part, moved)


def _with(select: exp.Select) -> exp.With | None:
    """All that the query's WITHs, and those around it, have defined before it."""
    found: list[exp.Expr] = []
    is_recursive = False
    node: exp.Expr | None = select
    inside: list[exp.Expr] = []
    while node is not None:
        if with_ := node.args.get("with_"):
            before = []
            is_recursive = is_recursive or bool(with_.args.get("recursive"))
            for each in with_.expressions:
                if any(each is one for one in inside):
                    break
                before.append(each.copy())
            found = before + found
        inside.append(node)
        node = node.parent
    return exp.With(expressions=found, recursive=is_recursive) if found else None
