//! How many rows a plan gives, as far as can be said without reading them.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{ColumnId, DataType, Result, Schema, value_type};
use esker_logical_expr::Expr;
use esker_logical_expr::tree;
use esker_logical_plan::{Join, JoinType, LogicalPlan, PlanChild};

use super::columns::{ColumnFacts, Columns, domain};
use super::selectivity::{Selected, selectivity};

/// The guessed number of rows of a group.
const GROUP: f64 = 4.0;

/// What is guessed of the rows of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimate {
    /// How many there are; `None` when nobody knows.
    pub(crate) rows: Option<f64>,
    /// Columns of which filters and joins have left a share of the values.
    narrowed: Arc<Vec<(ColumnId, f64)>>,
}

/// So many columns are remembered.
const MAX_NARROWED: usize = 32;

impl Estimate {
    fn of_rows(rows: Option<f64>) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    /// The share of a column's values that filters have left.
    pub(crate) fn share(&self, id: ColumnId) -> f64 {
        let of_column = self.narrowed.iter().filter(|(other, _)| *other == id);
        of_column.map(|(_, share)| share).product()
    }

    /// What is left of the rows behind a filter.
    fn filtered(&self, selected: Selected) -> Self {
        let mut narrowed = Vec::clone(&self.narrowed);
        narrowed.extend(selected.columns);
        narrowed.truncate(MAX_NARROWED);
        Self {
            rows: self.rows.map(|rows| rows * selected.share),
            narrowed: Arc::new(narrowed),
        }
    }

    fn with_rows(&self, rows: Option<f64>) -> Self {
        Self {
            rows,
            narrowed: Arc::clone(&self.narrowed),
        }
    }

    /// The same for an inner join, of whose keys the values are left that both sides have.
    fn of_common(&self, join: &Join, left: &Self, right: &Self, columns: &Columns) -> Self {
        let mut narrowed = Vec::clone(&self.narrowed);
        for (l, r) in join.on() {
            let keys = [(l, left), (r, right)].map(|(key, side)| {
                let (id, facts) = columns.of_expr(key)?;
                let all = facts.distinct? * side.share(id);
                Some((id, all, all.min(side.rows?)))
            });
            let values = keys.iter().flatten().map(|(_, _, values)| *values);
            let there = values.fold(f64::INFINITY, f64::min);
            for (id, all, _) in keys.into_iter().flatten() {
                if there < all && narrowed.len() < MAX_NARROWED {
                    narrowed.push((id, there / all));
                }
            }
        }
        Self {
            rows: self.rows,
            narrowed: Arc::new(narrowed),
        }
    }

    /// The same columns beside those of another node.
    fn beside(&self, other: &Self, rows: Option<f64>) -> Self {
        let narrowed = self.narrowed.iter().chain(other.narrowed.iter());
        let narrowed = narrowed.copied().take(MAX_NARROWED);
        Self {
            rows,
            narrowed: Arc::new(narrowed.collect()),
        }
    }

    /// How many bytes rows of these columns take, about, in a table that is built of them.
    pub(crate) fn bytes(&self, schema: &Schema) -> Option<f64> {
        Some(self.rows? * width(schema))
    }
}

/// About how many bytes a row takes in a table that is built of it, with its place there.
fn width(schema: &Schema) -> f64 {
    /// The hash of a row and where it is.
    const PLACE: f64 = 16.0;
    /// A text, or what else has no fixed length.
    const TEXT: f64 = 24.0;
    let of = |data_type: &DataType| match value_type(data_type) {
        DataType::Boolean => 1.0,
        fixed => fixed.primitive_width().map_or(TEXT, |bytes| bytes as f64),
    };
    let fields = schema.fields().iter();
    PLACE + fields.map(|field| of(field.data_type())).sum::<f64>()
}

/// The estimate of each node that is an input, by its address in the plan.
pub(crate) struct Estimates {
    columns: Columns,
    nodes: HashMap<*const LogicalPlan, Estimate>,
}

impl Estimates {
    /// Those of a plan.
    ///
    /// # Errors
    /// None of its own.
    pub(crate) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut columns = Columns::default();
        let mut nodes = HashMap::new();
        tree::fold(plan, |node, inputs: &[Estimate]| {
            columns.learn(node);
            let estimate = estimate(node, inputs, &columns);
            nodes.insert(std::ptr::from_ref(node), estimate.clone());
            Ok(estimate)
        })?;
        Ok(Self { columns, nodes })
    }

    /// That of an input.
    pub(crate) fn get(&self, input: &PlanChild) -> Estimate {
        self.of_node(input)
    }

    /// That of a node of the plan, which has not moved since.
    pub(crate) fn of_node(&self, node: &LogicalPlan) -> Estimate {
        let address: *const LogicalPlan = std::ptr::from_ref(node);
        self.nodes.get(&address).cloned().unwrap_or_default()
    }

    /// That of a node whose inputs are nodes of the plan, which have not moved since.
    pub(crate) fn of_inputs(&self, node: &LogicalPlan) -> Estimate {
        let inputs = node.inputs().into_iter();
        let inputs: Vec<Estimate> = inputs.map(|input| self.get(input)).collect();
        estimate(node, &inputs, &self.columns)
    }

    /// What is known of the plan's columns.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }
}

/// About how many rows a node gives, by how many its inputs give.
fn estimate(node: &LogicalPlan, inputs: &[Estimate], columns: &Columns) -> Estimate {
    let input = || inputs.first().cloned().unwrap_or_default();
    let at_most = |rows: Option<f64>, fetch: Option<u64>| match (rows, fetch) {
        (Some(rows), Some(fetch)) => Some(rows.min(fetch as f64)),
        (rows, fetch) => rows.or(fetch.map(|fetch| fetch as f64)),
    };
    match node {
        LogicalPlan::Scan(scan) => {
            let rows = scan.source().properties().statistics.rows.estimate();
            let filters: Vec<&Expr> = scan.filters().iter().map(|f| &f.expr).collect();
            let all = Estimate::of_rows(rows.map(|rows| rows as f64));
            let left = all.filtered(selectivity(&filters, columns));
            left.with_rows(at_most(left.rows, scan.limit()))
        }
        LogicalPlan::Filter(filter) => {
            let mut terms = filter.predicate().conjuncts();
            // The source may leave out some of the same rows already.
            if let LogicalPlan::Scan(scan) = &**filter.input() {
                let pushed = |term: &Expr| scan.filters().iter().any(|f| f.expr.same_as(term));
                terms.retain(|term| !pushed(term));
            }
            input().filtered(selectivity(&terms, columns))
        }
        // At least as many rows: nobody knows how long lists are.
        LogicalPlan::Projection(_) | LogicalPlan::Unnest(_) => input(),
        LogicalPlan::Sort(sort) => input().with_rows(at_most(input().rows, sort.fetch())),
        LogicalPlan::Limit(limit) => {
            let skipped = |rows: f64| (rows - limit.offset() as f64).max(0.0);
            input().with_rows(at_most(input().rows.map(skipped), limit.fetch()))
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.keys().is_empty() => {
            Estimate::of_rows(Some(1.0))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let rows = kinds(&input(), aggregate.keys().iter(), columns);
            input().with_rows(rows)
        }
        LogicalPlan::Distinct(distinct) => {
            let all: Vec<Expr> = match distinct.on() {
                Some(on) => on.to_vec(),
                None => node.schema().fields().iter().map(Expr::column).collect(),
            };
            let rows = kinds(&input(), all.iter(), columns);
            input().with_rows(rows)
        }
        LogicalPlan::Join(join) => match inputs {
            [left, right] => joined(join, left, right, columns),
            _ => Estimate::default(),
        },
        LogicalPlan::Union(_) => {
            let rows = inputs.iter().map(|input| input.rows);
            Estimate::of_rows(rows.sum())
        }
        LogicalPlan::Shared(_) => input(),
        LogicalPlan::Extension(_) => Estimate::default(),
    }
}

/// In how many ways rows differ in these keys.
fn kinds<'a>(
    input: &Estimate,
    keys: impl Iterator<Item = &'a Expr>,
    columns: &Columns,
) -> Option<f64> {
    let rows = input.rows?;
    let mut kinds = 1.0;
    for key in keys {
        let known = columns.of_expr(key);
        match known.and_then(|(id, facts)| Some((id, facts.distinct?))) {
            Some((id, distinct)) => kinds *= (distinct * input.share(id)).max(1.0),
            None => return Some((rows / GROUP).ceil()),
        }
    }
    Some(kinds.min(rows).ceil())
}

/// The rows of a join, if keys of one side are evenly spread over those of the other.
fn joined(join: &Join, left: &Estimate, right: &Estimate, columns: &Columns) -> Estimate {
    let condition = join.filter().map(Expr::conjuncts).unwrap_or_default();
    let share = selectivity(&condition, columns).share;
    let both = left.rows.zip(right.rows);
    let pairs = both.map(|(l, r)| l * r / divisor(join.on(), left, right, columns) * share);
    let at_least = |side: &Estimate| pairs.zip(side.rows).map(|(pairs, rows)| pairs.max(rows));
    let rows = match join.join_type() {
        JoinType::Inner => pairs,
        JoinType::Left => at_least(left),
        JoinType::Right => at_least(right),
        JoinType::Full => at_least(left).zip(right.rows).map(|(rows, r)| rows.max(r)),
        JoinType::Semi => left
            .rows
            .map(|rows| rows * matched(join, left, right, columns)),
        JoinType::Anti => {
            let unmatched = (1.0 - matched(join, left, right, columns)).max(0.1);
            left.rows.map(|rows| rows * unmatched)
        }
    };
    match join.join_type() {
        JoinType::Semi | JoinType::Anti => left.with_rows(rows),
        JoinType::Left | JoinType::Right | JoinType::Full => left.beside(right, rows),
        JoinType::Inner => left
            .beside(right, rows)
            .of_common(join, left, right, columns),
    }
}

/// Of how many pairs of rows one has equal keys.
fn divisor(on: &[(Expr, Expr)], left: &Estimate, right: &Estimate, columns: &Columns) -> f64 {
    let keys = on
        .iter()
        .filter_map(|(l, r)| Some((columns.of_key(l, left)?, columns.of_key(r, right)?)));
    values_of(keys)
}

/// Of how many values pairs of keys are, each with the share of its values that is left.
///
/// The keys of a side that are of one table are of at most as many as it has rows: it may be that
/// all of them together are its key.
pub(crate) fn values_of(
    keys: impl Iterator<Item = ((ColumnFacts, f64), (ColumnFacts, f64))>,
) -> f64 {
    let mut product: f64 = 1.0;
    let mut sides = [None, None];
    for (left, right) in keys {
        for (side, key) in sides.iter_mut().zip([left.0, right.0]) {
            *side = Some(match side {
                None => (key.source, key.rows),
                Some((source, rows)) if *source == key.source => (*source, *rows),
                Some((source, _)) => (*source, f64::INFINITY),
            });
        }
        product *= domain(left, right);
    }
    let rows = sides.iter().flatten().map(|(_, rows)| *rows);
    product.min(rows.fold(f64::INFINITY, f64::min).max(1.0))
}

/// The share of left rows that have a partner on the right.
fn matched(join: &Join, left: &Estimate, right: &Estimate, columns: &Columns) -> f64 {
    const UNKNOWN: f64 = 0.5;
    let mut least = None;
    for (l, r) in join.on() {
        let (Some((_, l)), Some((_, r))) = (columns.of_expr(l), columns.of_expr(r)) else {
            continue;
        };
        let values = l.distinct.or(r.distinct);
        if let Some((values, rows)) = values.zip(right.rows) {
            let there = r.distinct.map_or(rows, |distinct| distinct.min(rows));
            // Of so many values as are left, no more than there are rows.
            let values = left.rows.map_or(values, |rows| values.min(rows.max(1.0)));
            let share = (there / values).min(1.0);
            least = Some(least.map_or(share, |least: f64| least.min(share)));
        }
    }
    least.unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{
        aggregate, distinct, filter, join, limit, project, scan, scan_of_rows, side, side_of_rows,
        side_with, skip, sort, union,
    };
    use esker_datatypes::ColumnStatistics;
    use esker_logical_expr::{col, lit};

    fn rows(plan: LogicalPlan) -> Option<f64> {
        let above = limit(0, u64::MAX, plan);
        let estimates = Estimates::of(&above).unwrap();
        estimates.get(above.inputs()[0]).rows
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

    /// A table of this many rows, whose `a` is its key, and whose `b` refers to this many others.
    fn keyed(prefix: &str, rows: u64, others: i64) -> LogicalPlan {
        let between = |least: i64, most: i64| ColumnStatistics {
            min: Some(least.into()),
            max: Some(most.into()),
            ..ColumnStatistics::default()
        };
        let columns = vec![between(1, rows as i64), between(1, others)];
        side_with(prefix, rows, columns)
    }

    fn joined_on(left: LogicalPlan, right: LogicalPlan, on: &[(&str, &str)]) -> LogicalPlan {
        LogicalPlan::Join(join(left, right, JoinType::Inner, on, None))
    }

    #[test]
    fn rows_of_joins_of_known_keys() {
        let orders = || keyed("o", 1500, 150);
        let customers = || keyed("c", 150, 25);
        let of =
            |left, right, on: &[(&str, &str)]| rows(joined_on(left, right, on)).unwrap().round();
        let on = [("ob", "ca")];
        assert_eq!(of(orders(), customers(), &on), 1500.0);
        // A tenth of the customers has a tenth of the orders.
        let few = filter(customers(), col("cs").eq("x"));
        assert_eq!(of(orders(), few, &on), 150.0);
        // The same tenth on both sides is counted once.
        let low = |plan, key: &str| filter(plan, col(key).lt_eq(15i64));
        let both = of(low(orders(), "ob"), low(customers(), "ca"), &on);
        assert!((130.0..170.0).contains(&both), "{both}");
        // Not a key of either side: as many pairs as there are of each value.
        let suppliers = keyed("s", 100, 25);
        assert_eq!(of(customers(), suppliers, &[("cb", "sb")]), 600.0);
        // Both together are the key.
        let lines = keyed("l", 6000, 200);
        let parts = keyed("p", 800, 200);
        let on = [("lb", "pb"), ("lk", "pk")];
        assert_eq!(of(lines.clone(), parts.clone(), &on), 6000.0);
        // Where one of them is a column of another table that is equal to it, there are at most as many
        // values as lines: too few pairs, but not those of two keys that have nothing to do with
        // each other, which are 30.
        let kinds = keyed("k", 200, 25);
        let parts = joined_on(parts, kinds, &[("pb", "ka")]);
        let on = [("lb", "ka"), ("lk", "pk")];
        assert_eq!(of(lines, parts, &on), 800.0);
    }

    #[test]
    fn rows_of_groups_of_known_keys() {
        let customers = keyed("c", 150, 25);
        assert_eq!(
            rows(aggregate(customers.clone(), [col("cb")], Vec::new())),
            Some(25.0)
        );
        assert_eq!(rows(distinct(customers.clone(), &["ca"])), Some(150.0));
        let both = [col("ca"), col("cb")];
        assert_eq!(
            rows(aggregate(customers.clone(), both, Vec::new())),
            Some(150.0)
        );
        // The orders of ten customers are of ten customers.
        let few = limit(0, 10, customers);
        let orders = joined_on(keyed("o", 1500, 150), few, &[("ob", "ca")]);
        assert_eq!(rows(orders.clone()), Some(100.0));
        assert_eq!(rows(aggregate(orders, [col("ob")], Vec::new())), Some(10.0));
    }

    #[test]
    fn rows_of_semi_joins_of_known_keys() {
        let of = |join_type| {
            let few = limit(0, 10, keyed("s", 100, 5));
            let plan = join(keyed("c", 150, 100), few, join_type, &[("cb", "sa")], None);
            rows(LogicalPlan::Join(plan)).unwrap().round()
        };
        assert_eq!(of(JoinType::Semi), 15.0);
        assert_eq!(of(JoinType::Anti), 135.0);
    }
}
