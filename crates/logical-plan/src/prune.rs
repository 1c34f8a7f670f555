//! What statistics say of a filter.

use esker_datatypes::{ColumnId, DataType, Result, ScalarValue};
use esker_logical_expr::tree;
use esker_logical_expr::{Binary, BinaryOp, Expr, InList, Interval, Unary, UnaryOp, bounds};

use crate::source::ColumnStats;

/// What a filter would do with rows, by what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No row passes: they need not be read.
    Drop,
    /// Some may pass and some may not.
    Maybe,
    /// Every row passes: they need not be filtered.
    AllPass,
}

/// What a resolved, coerced predicate would do with the rows that the statistics describe.
///
/// `position` gives the place of a column in the statistics, `None` for one that they do not cover.
/// A row passes when the predicate is TRUE for it, so rows for which it can only be FALSE or null
/// are dropped. Every source asks here and nowhere else. What it may rely on is what
/// [`ColumnStats`] says: intervals are never too small (they own up to NaN and nulls unless these
/// are known to be absent), and `may_contain` is asked only for what an equality needs.
///
/// A predicate that would fail on some row may still be answered `Drop` or `AllPass`: pruning may
/// lose errors, never rows.
///
/// ```
/// use esker_datatypes::{DataType, Field, Schema};
/// use esker_logical_expr::{Interval, coerce, col, resolve};
/// use esker_logical_plan::{ColumnStats, Verdict, prune};
///
/// /// Rows whose one column lies between 10 and 20.
/// struct RowGroup;
///
/// impl ColumnStats for RowGroup {
///     fn rows(&self) -> Option<u64> {
///         Some(1000)
///     }
///     fn interval(&self, _column: usize) -> Option<Interval> {
///         Some(Interval::between(&DataType::Int32, Some(10.into()), Some(20.into())))
///     }
/// }
///
/// let schema = Schema::new(vec![Field::new("x", DataType::Int32, false)]);
/// let verdict = |filter| {
///     let filter = coerce(resolve(filter, &schema)?, &schema)?.data;
///     Ok::<_, esker_datatypes::Error>(prune(&filter, &|id| schema.index_of(id), &RowGroup))
/// };
/// assert_eq!(verdict(col("x").gt(20))?, Verdict::Drop);
/// assert_eq!(verdict(col("x").gt(15))?, Verdict::Maybe);
/// assert_eq!(verdict(col("x").gt(5))?, Verdict::AllPass);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn prune(
    expr: &Expr,
    position: &dyn Fn(ColumnId) -> Option<usize>,
    stats: &dyn ColumnStats,
) -> Verdict {
    if stats.rows() == Some(0) {
        return Verdict::Drop;
    }
    let possible = bounds(expr, &|id| {
        position(id)
            .and_then(|column| stats.interval(column))
            .unwrap_or_else(Interval::anything)
    });
    if !possible.may_be_true() || !may_match(expr, position, stats) {
        return Verdict::Drop;
    }
    if possible.is_true() {
        Verdict::AllPass
    } else {
        Verdict::Maybe
    }
}

/// Whether the predicate may be TRUE, by what its equalities look for.
fn may_match(
    expr: &Expr,
    position: &dyn Fn(ColumnId) -> Option<usize>,
    stats: &dyn ColumnStats,
) -> bool {
    let may_equal = |column: &Expr, value: &Expr| {
        let column = column.unaliased().as_column().and_then(position);
        match (column, value.unaliased().as_literal()) {
            (Some(column), Some(value)) => may_contain(stats, column, value),
            _ => true,
        }
    };
    // For each node whether it may be TRUE, as far as equalities below AND and OR can say.
    let node = |node: &Expr, children: &[bool]| -> Result<bool> {
        Ok(match (node, children) {
            (
                Expr::Binary(Binary {
                    op: BinaryOp::And, ..
                }),
                [left, right],
            ) => *left && *right,
            (
                Expr::Binary(Binary {
                    op: BinaryOp::Or, ..
                }),
                [left, right],
            ) => *left || *right,
            (
                Expr::Binary(Binary {
                    op: BinaryOp::Eq,
                    left,
                    right,
                }),
                _,
            ) => may_equal(left, right) && may_equal(right, left),
            (
                Expr::InList(InList {
                    expr,
                    list,
                    negated: false,
                }),
                _,
            ) => list.iter().any(|member| may_equal(expr, member)),
            (
                Expr::Alias(_)
                | Expr::Unary(Unary {
                    op: UnaryOp::IsTrue,
                    ..
                }),
                [child],
            ) => *child,
            _ => true,
        })
    };
    tree::fold(expr, node).unwrap_or(true)
}

/// Whether a column may hold something that equals a value.
fn may_contain(stats: &dyn ColumnStats, column: usize, value: &ScalarValue) -> bool {
    if value.is_null() {
        // Nothing equals null.
        return false;
    }
    let zero = |negative: bool| match value.data_type() {
        DataType::Float32 => ScalarValue::from(if negative { -0.0f32 } else { 0.0 }),
        _ => ScalarValue::from(if negative { -0.0f64 } else { 0.0 }),
    };
    match value.data_type() {
        data_type if data_type.is_floating() => match value.as_f64() {
            // Equal floats of other bits (S8), which a filter of hashes does not know for equal.
            Some(0.0) => {
                stats.may_contain(column, &zero(false)) || stats.may_contain(column, &zero(true))
            }
            Some(float) if !float.is_nan() => stats.may_contain(column, value),
            _ => true,
        },
        _ => stats.may_contain(column, value),
    }
}

#[cfg(test)]
mod tests;
