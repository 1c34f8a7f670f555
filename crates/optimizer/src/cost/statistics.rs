//! How many rows a plan gives, as far as can be said without reading them.

use esker_logical_expr::tree;
use esker_logical_expr::{BinaryOp, Expr, UnaryOp};
use esker_logical_plan::{Join, JoinType, LogicalPlan};

/// The guessed share of rows for which an equality is TRUE, and for which anything else is: those of
/// Selinger et al., "Access path selection in a relational database management system" (1979).
const EQUAL: f64 = 0.1;
const OTHER: f64 = 1.0 / 3.0;

/// The guessed number of rows of a group.
const GROUP: f64 = 4.0;

/// About how many rows a node gives, by how many its inputs give; `None` when nobody knows. For
/// choices that cannot change a result.
pub(crate) fn rows_of(node: &LogicalPlan, inputs: &[Option<f64>]) -> Option<f64> {
    let input = inputs.first().copied().flatten();
    let at_most = |rows: Option<f64>, fetch: Option<u64>| match (rows, fetch) {
        (Some(rows), Some(fetch)) => Some(rows.min(fetch as f64)),
        (rows, fetch) => rows.or(fetch.map(|fetch| fetch as f64)),
    };
    match node {
        LogicalPlan::Scan(scan) => {
            let rows = scan.source().properties().statistics.rows.estimate();
            let filters = scan.filters().iter();
            let share: f64 = filters.map(|filter| selectivity(&filter.expr)).product();
            at_most(rows.map(|rows| rows as f64 * share), scan.limit())
        }
        LogicalPlan::Filter(filter) => Some(input? * selectivity(filter.predicate())),
        LogicalPlan::Projection(_) | LogicalPlan::Shared(_) => input,
        LogicalPlan::Sort(sort) => at_most(input, sort.fetch()),
        LogicalPlan::Limit(limit) => {
            let left = input.map(|rows| (rows - limit.offset() as f64).max(0.0));
            at_most(left, limit.fetch())
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.keys().is_empty() => Some(1.0),
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => Some((input? / GROUP).ceil()),
        LogicalPlan::Join(join) => match inputs {
            [left, right] => pairs(join, *left, *right),
            _ => None,
        },
        LogicalPlan::Union(_) => inputs.iter().copied().sum(),
        LogicalPlan::Extension(_) => None,
    }
}

/// Keys are taken for those of one side: each row of the longer side has about one partner.
fn pairs(join: &Join, left: Option<f64>, right: Option<f64>) -> Option<f64> {
    let both = || Some((left?, right?));
    let share = join.filter().map_or(1.0, selectivity);
    let matches = || {
        let (left, right) = both()?;
        let matches = match join.on() {
            [] => left * right,
            _ => left.max(right),
        };
        Some(matches * share)
    };
    match join.join_type() {
        JoinType::Inner => matches(),
        JoinType::Left => Some(matches()?.max(left?)),
        JoinType::Right => Some(matches()?.max(right?)),
        JoinType::Full => Some(matches()?.max(left?).max(right?)),
        JoinType::Semi | JoinType::Anti => Some(left? / 2.0),
    }
}

/// The guessed share of rows for which a predicate is TRUE.
fn selectivity(predicate: &Expr) -> f64 {
    let share = tree::fold(predicate, |node, children: &[f64]| {
        Ok(match (node, children) {
            (Expr::Literal(value), _) => match value.as_bool() {
                Some(true) => 1.0,
                Some(false) => 0.0,
                None => OTHER,
            },
            (Expr::Alias(_), [child]) => *child,
            (Expr::Binary(binary), [left, right]) => match binary.op {
                BinaryOp::And => left * right,
                BinaryOp::Or => left + right - left * right,
                BinaryOp::Eq => EQUAL,
                BinaryOp::NotEq => 1.0 - EQUAL,
                BinaryOp::Lt
                | BinaryOp::LtEq
                | BinaryOp::Gt
                | BinaryOp::GtEq
                | BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Rem => OTHER,
            },
            (Expr::Unary(unary), [child]) => match unary.op {
                UnaryOp::Not | UnaryOp::IsFalse => 1.0 - child,
                UnaryOp::IsTrue => *child,
                UnaryOp::IsNull | UnaryOp::IsNan => EQUAL,
                UnaryOp::IsNotNull => 1.0 - EQUAL,
                UnaryOp::Negate => OTHER,
            },
            (Expr::InList(list), _) => {
                let found = (EQUAL * list.list.len() as f64).min(0.5);
                if list.negated { 1.0 - found } else { found }
            }
            (Expr::Between(between), _) if between.negated => 1.0 - EQUAL,
            (Expr::Between(_), _) => EQUAL,
            (
                Expr::Column(_)
                | Expr::Alias(_)
                | Expr::Binary(_)
                | Expr::Unary(_)
                | Expr::Cast(_)
                | Expr::Case(_)
                | Expr::Function(_)
                | Expr::Aggregate(_),
                _,
            ) => OTHER,
        })
    });
    share.unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{
        aggregate, distinct, filter, join, limit, project, scan, scan_of_rows, side, side_of_rows,
        skip, sort, union,
    };
    use esker_logical_expr::{col, lit};

    fn rows(plan: LogicalPlan) -> Option<f64> {
        tree::fold(&plan, |node, inputs: &[Option<f64>]| {
            Ok(rows_of(node, inputs))
        })
        .unwrap()
    }

    fn t() -> LogicalPlan {
        scan_of_rows("t", 1000)
    }

    #[test]
    fn rows_of_nodes_with_one_input() {
        assert_eq!(rows(t()), Some(1000.0));
        assert_eq!(rows(scan("t")), None);
        assert_eq!(rows(limit(0, 5, scan("t"))), Some(5.0));
        assert_eq!(rows(limit(990, 50, t())), Some(10.0));
        assert_eq!(rows(skip(2000, t())), Some(0.0));
        assert_eq!(
            rows(project(sort(t(), [col("a").asc()]), [col("a")])),
            Some(1000.0)
        );
        assert_eq!(rows(aggregate(t(), [col("a")], Vec::new())), Some(250.0));
        assert_eq!(
            rows(aggregate(scan("t"), Vec::new(), Vec::new())),
            Some(1.0)
        );
        assert_eq!(rows(distinct(t(), &["a"])), Some(250.0));
        assert_eq!(rows(union([t(), scan_of_rows("u", 5)])), Some(1005.0));
        assert_eq!(rows(union([t(), scan("u")])), None);
    }

    #[test]
    fn rows_of_filters() {
        let of = |predicate: Expr| rows(filter(t(), predicate)).unwrap().round();
        assert_eq!(of(col("a").eq(1)), 100.0);
        assert_eq!(of(col("a").gt(1)), 333.0);
        assert_eq!(of(col("a").eq(1).and(col("b").eq(1))), 10.0);
        assert_eq!(of(col("a").eq(1).or(col("b").eq(1))), 190.0);
        assert_eq!(of(col("a").eq(1).not()), 900.0);
        assert_eq!(of(col("a").is_in([1i64, 2, 3])), 300.0);
        assert_eq!(of(lit(false)), 0.0);
    }

    #[test]
    fn rows_of_joins() {
        let of = |join_type, on: &[(&str, &str)]| {
            let plan = join(
                side_of_rows("l", 10),
                side_of_rows("r", 50),
                join_type,
                on,
                None,
            );
            rows(LogicalPlan::Join(plan))
        };
        let on = [("la", "ra")];
        assert_eq!(of(JoinType::Inner, &on), Some(50.0));
        assert_eq!(of(JoinType::Inner, &[]), Some(500.0));
        assert_eq!(of(JoinType::Left, &on), Some(50.0));
        assert_eq!(of(JoinType::Semi, &on), Some(5.0));
        let unknown = join(side("l"), side_of_rows("r", 50), JoinType::Left, &on, None);
        assert_eq!(rows(LogicalPlan::Join(unknown)), None);
    }
}
