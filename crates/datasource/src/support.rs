//! What all file formats do with filters.

use esker_logical_expr::function::Volatility;
use esker_logical_expr::{Expr, tree};
use esker_logical_plan::FilterPushdown;

/// `Exact` for each filter, but for those that give another answer each time they are asked.
pub(crate) fn supports(filters: &[&Expr]) -> Vec<FilterPushdown> {
    let volatile = |node: &Expr| match node {
        Expr::Function(call) => call.function.properties().volatility == Volatility::Volatile,
        _ => false,
    };
    let support = |filter: &&Expr| match tree::any(*filter, volatile) {
        true => FilterPushdown::Unsupported,
        false => FilterPushdown::Exact,
    };
    filters.iter().map(support).collect()
}
