//! Outer joins become inner ones, and equalities keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Result, ScalarValue, Schema, SchemaRef, value_type};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Binary, BinaryOp, Expr, Interval, bounds, columns_of, expr_type};
use esker_logical_plan::{Join, JoinType, LogicalPlan};

use crate::descend::{Visited, descend};
use crate::expressions::{compare_as_they_are, is_infallible, is_volatile};
use crate::join_sides::Sides;
use crate::rule::OptimizerRule;

/// Simplifies joins by what must be true of their rows.
///
/// * An outer join becomes one that keeps fewer rows without a match, when something above it is
///   true of none of those: a filter, or the condition of a join. What is null or false where all
///   columns of a side are null rejects the padded rows: comparisons, arithmetic, strict functions.
/// * `left = right` in the condition, of which each operand is about one side, becomes a pair of
///   keys, unless null keys equal each other, the inputs are claimed to be sorted by the keys, or an
///   operand can fail: keys are computed for all rows, the condition for those that match.
///
/// A join whose right side must have a single row stays as it is.
///
/// ```text
/// Filter: #price > 5                                Filter: #price > 5
///     Join: type=Left, on=[(#id, #customer)]            Join: type=Inner, on=[(#id, #customer)]
///         Scan: c; projection=None                          Scan: c; projection=None
///         Scan: o; projection=None                          Scan: o; projection=None
///
/// Join: type=Inner, on=[], filter=#id = #customer   Join: type=Inner, on=[(#id, #customer)]
///     Scan: c; projection=None                          Scan: c; projection=None
///     Scan: o; projection=None                          Scan: o; projection=None
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SimplifyJoins;

impl OptimizerRule for SimplifyJoins {
    fn name(&self) -> &'static str {
        "simplify_joins"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        descend(plan, Vec::new(), visit)
    }
}

/// A predicate: a row of which it is not TRUE does not matter to the result.
#[derive(Clone)]
struct Known {
    expr: Expr,
    /// The columns that it is about, of those that the plan at hand has. Others are of the other
    /// side of a join above, and may have the identity of a column that this side does not give.
    columns: BTreeSet<ColumnId>,
    /// The columns that it is over.
    schema: SchemaRef,
}

/// So many are carried down: a deep plan would else collect them all.
const MAX_KNOWN: usize = 32;

impl Known {
    fn of<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &SchemaRef) -> Result<Vec<Self>> {
        let known = exprs.into_iter().take(MAX_KNOWN).map(|expr| {
            Ok(Self {
                columns: columns_of(expr)?,
                expr: expr.clone(),
                schema: Arc::clone(schema),
            })
        });
        known.collect()
    }

    /// Whether it is never TRUE of a row in which all columns of a side are null.
    fn rejects_nulls_of(&self, side: &Schema) -> bool {
        let column = |id: ColumnId| match self.schema.field_of(id) {
            Some(field) if self.columns.contains(&id) && side.index_of(id).is_some() => {
                Interval::constant(&ScalarValue::null(value_type(field.data_type())))
            }
            // A column of another side may be padded too.
            Some(field) => Interval::unknown(field.data_type()),
            None => Interval::anything(),
        };
        self.columns.iter().any(|&id| side.index_of(id).is_some())
            && !bounds(&self.expr, &column).may_be_true()
    }
}

fn visit(plan: LogicalPlan, known: Vec<Known>) -> Result<Visited<Vec<Known>>> {
    let below = match plan {
        LogicalPlan::Join(join) => return simplify(join, known),
        LogicalPlan::Filter(ref filter) => {
            let schema = filter.input().schema();
            let mut own = Known::of(filter.predicate().conjuncts(), schema)?;
            own.extend(known);
            own.truncate(MAX_KNOWN);
            own
        }
        LogicalPlan::Sort(ref sort) if sort.fetch().is_none() => known,
        // A column that is there below too was passed on, or is a key.
        LogicalPlan::Projection(ref projection) => about(projection.input().schema(), known),
        LogicalPlan::Aggregate(ref aggregate) => about(aggregate.input().schema(), known),
        LogicalPlan::Unnest(ref unnest) => about(unnest.input().schema(), known),
        LogicalPlan::Distinct(ref distinct) => {
            let keys = distinct.key_ids();
            let of_keys = |known: &Known| known.columns.iter().all(|id| keys.contains(id));
            known.into_iter().filter(of_keys).collect()
        }
        // Whether another row is in the result depends on those before it; a union has columns of
        // its own.
        LogicalPlan::Scan(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Shared(_)
        | LogicalPlan::Extension(_) => return Ok(Visited::unchanged(plan)),
    };
    Ok(Visited {
        inputs: vec![below],
        ..Visited::unchanged(plan)
    })
}

/// Those all of whose columns are in a schema.
fn about(schema: &Schema, known: Vec<Known>) -> Vec<Known> {
    let within = |known: &Known| {
        let mut columns = known.columns.iter();
        columns.all(|&id| schema.index_of(id).is_some())
    };
    known.into_iter().filter(within).collect()
}

fn simplify(join: Join, known: Vec<Known>) -> Result<Visited<Vec<Known>>> {
    let both: SchemaRef = Arc::new(join.both_sides());
    let mut join = join;
    let mut changed = false;
    if !join.single() {
        let rejects = |side: &LogicalPlan| known.iter().any(|k| k.rejects_nulls_of(side.schema()));
        let narrower = narrower(
            join.join_type(),
            || rejects(join.left()),
            || rejects(join.right()),
        );
        if narrower != join.join_type() {
            join = join.with_type(narrower);
            changed = true;
        }
        let keyed = with_keys(join, &both)?;
        join = keyed.data;
        changed |= keyed.changed;
    }
    let inputs = known_below(&join, known, &both)?;
    Ok(Visited {
        node: LogicalPlan::Join(join),
        inputs,
        above: None,
        changed,
    })
}

/// The type of a join of which rows are not wanted whose left or right side is padded.
fn narrower(
    join_type: JoinType,
    rejects_left: impl Fn() -> bool,
    rejects_right: impl Fn() -> bool,
) -> JoinType {
    match join_type {
        JoinType::Left if rejects_right() => JoinType::Inner,
        JoinType::Right if rejects_left() => JoinType::Inner,
        JoinType::Full => match (rejects_left(), rejects_right()) {
            (true, true) => JoinType::Inner,
            (true, false) => JoinType::Left,
            (false, true) => JoinType::Right,
            (false, false) => JoinType::Full,
        },
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Semi | JoinType::Anti => {
            join_type
        }
    }
}

/// What is known of the rows of each side that matter.
fn known_below(join: &Join, above: Vec<Known>, both: &SchemaRef) -> Result<Vec<Vec<Known>>> {
    let mut of_pairs: Vec<Expr> = Vec::new();
    if !join.nulls_equal() {
        let equal = |(l, r): &(Expr, Expr)| Expr::binary(l.clone(), BinaryOp::Eq, r.clone());
        of_pairs.extend(join.on().iter().take(MAX_KNOWN).map(equal));
    }
    let condition = join.filter().map(Expr::conjuncts).unwrap_or_default();
    of_pairs.extend(condition.into_iter().take(MAX_KNOWN).cloned());
    let of_pairs = Known::of(&of_pairs, both)?;
    let (from_condition, from_above) = (Sides::of_condition(join), Sides::of_filter_above(join));
    let side = |schema: &Schema, condition: bool, above_too: bool| -> Vec<Known> {
        let of_side = |known: &Known| {
            let mut known = known.clone();
            known.columns.retain(|&id| schema.index_of(id).is_some());
            (!known.columns.is_empty()).then_some(known)
        };
        let of_pairs = of_pairs.iter().filter(|_| condition);
        let above = above.iter().filter(|_| above_too);
        let known = of_pairs.chain(above).filter_map(of_side);
        known.take(MAX_KNOWN).collect()
    };
    Ok(vec![
        side(join.left().schema(), from_condition.left, from_above.left),
        side(
            join.right().schema(),
            from_condition.right,
            from_above.right,
        ),
    ])
}

/// The join with the equalities of its condition among its keys.
fn with_keys(join: Join, both: &Schema) -> Result<Transformed<Join>> {
    let Some(filter) = join.filter() else {
        return Ok(Transformed::no(join));
    };
    if join.nulls_equal() || join.sorted() {
        return Ok(Transformed::no(join));
    }
    let (mut on, mut rest) = (join.on().to_vec(), Vec::new());
    for term in filter.conjuncts() {
        match as_keys(term, &join, both)? {
            Some(pair) => on.push(pair),
            None => rest.push(term.clone()),
        }
    }
    if on.len() == join.on().len() {
        return Ok(Transformed::no(join));
    }
    Ok(Transformed::yes(
        join.with_condition(on, Expr::all_of(rest)),
    ))
}

/// The left and the right key that are equal where the predicate is TRUE.
fn as_keys(term: &Expr, join: &Join, both: &Schema) -> Result<Option<(Expr, Expr)>> {
    let Expr::Binary(Binary {
        op: BinaryOp::Eq,
        left,
        right,
    }) = term.unaliased()
    else {
        return Ok(None);
    };
    let of = |expr: &Expr, side: &LogicalPlan| -> Result<bool> {
        let columns = columns_of(expr)?;
        let mut of_side = columns
            .iter()
            .map(|&id| side.schema().index_of(id).is_some());
        Ok(!columns.is_empty() && of_side.all(|of_side| of_side))
    };
    let pair = if of(left, join.left())? && of(right, join.right())? {
        (Expr::clone(left), Expr::clone(right))
    } else if of(right, join.left())? && of(left, join.right())? {
        (Expr::clone(right), Expr::clone(left))
    } else {
        return Ok(None);
    };
    let safe = |expr: &Expr| !is_volatile(expr) && is_infallible(expr, both);
    let (l, r) = (expr_type(&pair.0, both)?, expr_type(&pair.1, both)?);
    let comparable = compare_as_they_are(&l.data_type, &r.data_type)
        && !value_type(&l.data_type).is_nested()
        && !value_type(&l.data_type).is_null();
    Ok((comparable && safe(&pair.0) && safe(&pair.1)).then_some(pair))
}

#[cfg(test)]
mod tests;
