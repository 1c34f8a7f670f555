//! Filters pushed into scans.

use std::sync::Arc;

use esker_datatypes::{
    Batch, Buffers, Column, ColumnId, DataType, Error, Field, Result, ScalarValue, Schema,
    Selection, value_type,
};
use esker_logical_expr::{BinaryOp, Expr, UnaryOp};

use super::broken;
use super::reading::Ask;
use super::rows::Rows;
use crate::prune::{Verdict, prune};
use crate::source::{
    ColumnStats, FilterPushdown, PredicateProperties, RowPredicate, ScanFilter, TableSource,
};

/// Filters of each column alone, then two at once, then such that only exist while running.
pub(super) fn check(source: &dyn TableSource, all: &Rows) -> Result<()> {
    let schema = source.schema();
    let mut tests = Vec::new();
    for column in 0..all.width() {
        for condition in conditions(&all.column(column)?)? {
            tests.push(Test { column, condition });
        }
    }
    for test in &tests {
        check_all_true(source, &schema, all, &[test])?;
        check_while_running(source, all, test)?;
        check_fallible(source, &schema, all, test)?;
    }
    for pair in tests.windows(2) {
        let both: Vec<&Test> = pair.iter().collect();
        check_all_true(source, &schema, all, &both)?;
    }
    if let [first, .., last] = tests.as_slice() {
        check_all_true(source, &schema, all, &[last, first])?;
    }
    Ok(())
}

/// A simple filter of one column.
#[derive(Clone, Debug)]
struct Test {
    /// By position in the source.
    column: usize,
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    IsNull,
    IsNotNull,
    Equals(ScalarValue),
}

/// What can be asked of a column: nulls, and two of its values.
fn conditions(column: &Column) -> Result<Vec<Condition>> {
    let mut conditions = vec![Condition::IsNull, Condition::IsNotNull];
    for row in [0, column.len() / 2] {
        if row < column.len() {
            let value = column.value(row)?;
            if is_plain(&value) {
                conditions.push(Condition::Equals(value));
            }
        }
    }
    Ok(conditions)
}

/// Whether a value equals those of the same bits only.
fn is_plain(value: &ScalarValue) -> bool {
    let data_type = value.data_type();
    if value.is_null() || data_type.is_nested() || *data_type == DataType::Float16 {
        return false;
    }
    value
        .as_f64()
        .is_none_or(|float| float != 0.0 && !float.is_nan())
}

impl Test {
    fn expr(&self, field: &Field) -> Expr {
        let column = Expr::column(field);
        match &self.condition {
            Condition::IsNull => Expr::unary(UnaryOp::IsNull, column),
            Condition::IsNotNull => Expr::unary(UnaryOp::IsNotNull, column),
            Condition::Equals(value) => {
                Expr::binary(column, BinaryOp::Eq, Expr::Literal(value.clone()))
            }
        }
    }

    /// The rows that pass.
    fn mask(&self, column: &Column) -> Result<Vec<bool>> {
        (0..column.len())
            .map(|row| self.condition.holds(&column.value(row)?))
            .collect()
    }
}

impl Condition {
    fn holds(&self, value: &ScalarValue) -> Result<bool> {
        Ok(match self {
            Self::IsNull => value.is_null(),
            Self::IsNotNull => !value.is_null(),
            Self::Equals(wanted) if wanted.data_type() == value_type(value.data_type()) => {
                value.same_as(wanted)
            }
            Self::Equals(wanted) => {
                return Err(broken(format!(
                    "a predicate on {} was given {}",
                    wanted.data_type(),
                    value.data_type()
                )));
            }
        })
    }
}

/// Filters that a source says it supports are applied as it says.
fn check_all_true(
    source: &dyn TableSource,
    schema: &Schema,
    all: &Rows,
    tests: &[&Test],
) -> Result<()> {
    let mut filters = Vec::new();
    let mut mask = vec![true; all.len()];
    let mut exact = true;
    for test in tests {
        let field = field(schema, test.column)?;
        let expr = test.expr(field);
        let support = match source
            .supports_filters(&[&expr], &source.schema())
            .as_slice()
        {
            [support] => *support,
            other => {
                return Err(broken(format!(
                    "supports_filters gave {} answers to one filter",
                    other.len()
                )));
            }
        };
        if support == FilterPushdown::Unsupported {
            continue;
        }
        exact &= support == FilterPushdown::Exact;
        for (keep, holds) in mask.iter_mut().zip(test.mask(&all.column(test.column)?)?) {
            *keep &= holds;
        }
        let run = Run::Always(expr.clone(), field.id());
        filters.push((*test, Some(expr), run));
    }
    if filters.is_empty() {
        return Ok(());
    }
    let passing = all.filter(&mask)?;
    for ask in asks(all.width(), &filters) {
        let ask = Ask {
            batch_size: 3,
            ..ask
        };
        let rows = ask.read(source, 1)?;
        let (wanted, whole) = (
            passing.project(&ask.delivered())?,
            all.project(&ask.delivered())?,
        );
        let checked = match ask.limit.map(|limit| limit as usize) {
            Some(limit) if exact => rows.check_limited(&wanted, limit),
            None if exact => rows.check_equals(&wanted),
            Some(limit) => wanted.first(limit).check_part_of(&rows),
            None => wanted.check_part_of(&rows),
        };
        checked
            .and_then(|()| rows.check_part_of(&whole))
            .map_err(|e| ask.explain(e))?;
    }
    Ok(())
}

/// All columns, none, the last one alone, and the first rows of all.
fn asks(width: usize, filters: &[(&Test, Option<Expr>, Run)]) -> Vec<Ask> {
    let used = filters.iter().map(|(test, _, _)| test.column);
    let asks = [
        (Vec::from_iter(0..width), None),
        (Vec::new(), None),
        (Vec::from_iter(width.checked_sub(1)), None),
        (Vec::from_iter(0..width), Some(1)),
        (Vec::from_iter(0..width), Some(3)),
    ];
    let ask = |(delivered, limit): (Vec<usize>, Option<u64>)| {
        let mut columns: Vec<usize> = used.clone().chain(delivered.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        // Every column asked for is among them.
        let place = |column: usize| columns.binary_search(&column).unwrap_or_default();
        let scan_filter = |(test, expr, run): &(&Test, Option<Expr>, Run)| ScanFilter {
            expr: expr.clone(),
            predicate: Arc::new(Predicate {
                columns: [place(test.column)],
                condition: test.condition.clone(),
                run: run.clone(),
            }),
        };
        Ask {
            filters: filters.iter().map(scan_filter).collect(),
            projection: delivered.iter().map(|&column| place(column)).collect(),
            columns,
            limit,
            ..Ask::all(width)
        }
    };
    asks.into_iter().map(ask).collect()
}

/// A filter without an expression is extra: it may be applied or not.
fn check_while_running(source: &dyn TableSource, all: &Rows, test: &Test) -> Result<()> {
    let passing = all.filter(&test.mask(&all.column(test.column)?)?)?;
    for ask in asks(all.width(), &[(test, None, Run::WhileRunning)]) {
        let rows = ask.read(source, 1)?;
        let mut wanted = passing.project(&ask.delivered())?;
        if let Some(limit) = ask.limit {
            wanted = wanted.first(limit as usize);
        }
        let whole = all.project(&ask.delivered())?;
        let checked = wanted
            .check_part_of(&rows)
            .and_then(|()| rows.check_part_of(&whole));
        checked.map_err(|e| ask.explain(e))?;
    }
    Ok(())
}

/// A fallible filter is not tried on rows that an exact one removed before.
fn check_fallible(
    source: &dyn TableSource,
    schema: &Schema,
    all: &Rows,
    test: &Test,
) -> Result<()> {
    let field = field(schema, test.column)?;
    let expr = test.expr(field);
    if source.supports_filters(&[&expr], &source.schema()) != [FilterPushdown::Exact] {
        return Ok(());
    }
    let passing = all.filter(&test.mask(&all.column(test.column)?)?)?;
    let first = (test, Some(expr.clone()), Run::Always(expr, field.id()));
    for ask in asks(all.width(), &[first, (test, None, Run::Fallible)]) {
        let rows = ask.read(source, 1)?;
        let wanted = passing.project(&ask.delivered())?;
        let limit = ask.limit.map_or(usize::MAX, |limit| limit as usize);
        rows.check_limited(&wanted, limit)
            .map_err(|e| ask.explain(e))?;
    }
    Ok(())
}

fn field(schema: &Schema, column: usize) -> Result<&Field> {
    schema
        .field(column)
        .ok_or_else(|| Error::internal(format!("no column {column}")))
}

/// A [`Test`] as scans run it.
#[derive(Debug)]
struct Predicate {
    columns: [usize; 1],
    condition: Condition,
    run: Run,
}

/// How a predicate behaves.
#[derive(Clone, Debug)]
enum Run {
    /// As the expression says, of the column with this id.
    Always(Expr, ColumnId),
    /// Its answers may change.
    WhileRunning,
    /// Fails where its condition does not hold.
    Fallible,
}

impl RowPredicate for Predicate {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn properties(&self) -> PredicateProperties {
        PredicateProperties {
            fallible: matches!(self.run, Run::Fallible),
            dynamic: matches!(self.run, Run::WhileRunning),
            undecided: matches!(self.run, Run::WhileRunning),
            ..PredicateProperties::default()
        }
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        let [column] = self.columns;
        match &self.run {
            Run::Always(expr, id) => prune(expr, &|of| (of == *id).then_some(column), stats),
            Run::WhileRunning | Run::Fallible => Verdict::Maybe,
        }
    }

    fn select(
        &self,
        batch: &Batch,
        selection: &mut Selection,
        _buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = self.columns;
        let column = batch.column(column)?;
        let mut failed = None;
        selection.retain(|row| {
            match column
                .value(row)
                .and_then(|value| self.condition.holds(&value))
            {
                Ok(false) if matches!(self.run, Run::Fallible) => {
                    let row = format!("row {row} of a batch");
                    failed = Some(broken(format!(
                        "a fallible filter was tried on {row}, which an earlier one removes"
                    )));
                    false
                }
                Ok(holds) => holds,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }
}
