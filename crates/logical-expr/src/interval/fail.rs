//! What cannot fail, so that rules may move it to rows it would not have seen.

use esker_datatypes::ColumnId;

use super::{Interval, node};
use crate::expr::Expr;
use crate::tree;

/// Whether no row can make the expression an error: it holds nothing fallible, or the bounds of its
/// columns prove that nothing overflows.
///
/// The expression is one that [`coerce`](crate::coerce) has seen. Of a column that is known by its
/// field only, [`Interval::of_field`] is the interval. `false` means "perhaps not".
///
/// ```
/// use esker_datatypes::{DataType, Field, Schema};
/// use esker_logical_expr::{Interval, cannot_fail, coerce, col, resolve};
/// let schema = Schema::new(vec![Field::new("age", DataType::Int32, false)]);
/// let next = coerce(resolve(col("age") + 1, &schema)?, &schema)?.data;
/// assert!(!cannot_fail(&next, &|_| Interval::unknown(&DataType::Int32)));
/// let age = Interval::between(&DataType::Int32, Some(18.into()), Some(65.into()));
/// assert!(cannot_fail(&next, &|_| age.clone()));
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn cannot_fail(expr: &Expr, column: &dyn Fn(ColumnId) -> Interval) -> bool {
    if matches!(expr, Expr::Column(_) | Expr::Literal(_)) {
        return true;
    }
    let mut may_fail = false;
    let done = tree::fold(expr, |expr, children: &[Interval]| {
        let bounded = node::bounds(expr, children, column);
        may_fail |= bounded.may_fail;
        Ok(bounded.interval)
    });
    done.is_ok() && !may_fail
}
