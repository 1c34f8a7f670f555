//! Columns that nobody uses are not read.

use std::collections::HashSet;
use std::sync::Arc;

use esker_datatypes::{ColumnId, Field, Result, Schema};
use esker_logical_expr::tree::Transformed;
use esker_logical_expr::{Expr, columns_of};
use esker_logical_plan::{LogicalPlan, PlanNode, Projection, Scan, Union};

use crate::descend::{Above, Visited, descend};
use crate::rule::OptimizerRule;

/// Carries the columns that are used down the plan: scans read only those (in the source's order),
/// projections within the plan compute only those, and all inputs of a union give the same ones. A
/// column that only a pushed-down filter uses is the scan's own business. The columns of the whole
/// plan stay.
///
/// ```text
/// Projection: #id                          Projection: #id
///     Filter: #state = 'CO'                    Filter: #state = 'CO'
///         Scan: employee; projection=None          Scan: employee; projection=[id, state]
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PushDownProjections;

impl OptimizerRule for PushDownProjections {
    fn name(&self) -> &'static str {
        "push_down_projections"
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let all = Used::all_of(&plan);
        descend(plan, all, prune)
    }
}

/// The columns of a node that are used above it.
struct Used {
    ids: HashSet<ColumnId>,
    /// The columns that the node must give, no other and in this order: a union matches by position.
    exactly: Option<Vec<ColumnId>>,
}

impl Used {
    fn these(ids: HashSet<ColumnId>) -> Self {
        Self { ids, exactly: None }
    }

    fn all_of(plan: &LogicalPlan) -> Self {
        Self::these(plan.schema().fields().iter().map(Field::id).collect())
    }

    fn by(exprs: &[Expr]) -> Result<Self> {
        let mut ids = HashSet::new();
        for expr in exprs {
            ids.extend(columns_of(expr)?);
        }
        Ok(Self::these(ids))
    }
}

fn prune(plan: LogicalPlan, used: Used) -> Result<Visited<Used>> {
    let Used { ids, exactly } = used;
    let above = exactly.map(|exactly| -> Above { Box::new(move |plan| cut(plan, &exactly)) });
    let (node, inputs, changed) = match plan {
        LogicalPlan::Scan(scan) => {
            let (scan, changed) = prune_scan(scan, &ids)?;
            (scan, vec![], changed)
        }
        LogicalPlan::Projection(projection) => prune_projection(projection, &ids)?,
        LogicalPlan::Filter(filter) => {
            let mut ids = ids;
            ids.extend(columns_of(filter.predicate())?);
            (LogicalPlan::Filter(filter), vec![Used::these(ids)], false)
        }
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_) => {
            let inputs = plan.inputs();
            let inputs = inputs
                .into_iter()
                .map(|input| Used::all_of(input))
                .collect();
            (plan, inputs, false)
        }
        LogicalPlan::Limit(limit) => (LogicalPlan::Limit(limit), vec![Used::these(ids)], false),
        LogicalPlan::Union(union) => prune_union(union, &ids),
        LogicalPlan::Extension(extension) => {
            // Nobody knows what it does with its inputs.
            let inputs = extension
                .inputs()
                .iter()
                .map(|input| Used::all_of(input))
                .collect();
            (LogicalPlan::Extension(extension), inputs, false)
        }
    };
    Ok(Visited {
        node,
        inputs,
        above,
        changed,
    })
}

fn prune_scan(scan: Scan, ids: &HashSet<ColumnId>) -> Result<(LogicalPlan, bool)> {
    let columns = Arc::clone(scan.columns());
    let delivered: Vec<usize> = match scan.projection() {
        Some(projection) => projection.to_vec(),
        None => (0..columns.len()).collect(),
    };
    let is_used = |&i: &usize| {
        columns
            .field(i)
            .is_some_and(|field| ids.contains(&field.id()))
    };
    let kept: Vec<usize> = delivered.iter().copied().filter(is_used).collect();
    if kept.len() == delivered.len() {
        return Ok((LogicalPlan::Scan(scan), false));
    }
    Ok((LogicalPlan::Scan(scan.with_projection(kept)?), true))
}

fn prune_projection(
    projection: Projection,
    ids: &HashSet<ColumnId>,
) -> Result<(LogicalPlan, Vec<Used>, bool)> {
    let keep = |field: &Field| ids.contains(&field.id());
    if projection.schema().fields().iter().all(keep) {
        let used = Used::by(projection.exprs())?;
        return Ok((LogicalPlan::Projection(projection), vec![used], false));
    }
    let (exprs, schema, input, origin) = projection.into_parts();
    let columns = exprs.into_iter().zip(schema.fields().iter().cloned());
    let (exprs, fields): (Vec<Expr>, Vec<Field>) = columns.filter(|(_, f)| keep(f)).unzip();
    let used = Used::by(&exprs)?;
    let pruned = Projection::from_parts(exprs, Arc::new(Schema::new(fields)), input)?;
    Ok((
        LogicalPlan::Projection(pruned).with_origin(origin),
        vec![used],
        true,
    ))
}

fn prune_union(union: Union, ids: &HashSet<ColumnId>) -> (LogicalPlan, Vec<Used>, bool) {
    let keep: Vec<bool> = union
        .schema()
        .fields()
        .iter()
        .map(|f| ids.contains(&f.id()))
        .collect();
    if keep.iter().all(|keep| *keep) {
        let inputs = union
            .inputs()
            .iter()
            .map(|input| Used::all_of(input))
            .collect();
        return (LogicalPlan::Union(union), inputs, false);
    }
    let kept = |schema: &Schema| -> Vec<Field> {
        let fields = schema.fields().iter().zip(&keep);
        fields
            .filter(|(_, keep)| **keep)
            .map(|(field, _)| field.clone())
            .collect()
    };
    let (inputs, schema, origin) = union.into_parts();
    let used = inputs.iter().map(|input| {
        let exactly: Vec<ColumnId> = kept(input.schema()).iter().map(Field::id).collect();
        Used {
            ids: exactly.iter().copied().collect(),
            exactly: Some(exactly),
        }
    });
    let used = used.collect();
    let pruned = Union::from_parts(inputs, Arc::new(Schema::new(kept(&schema))));
    (LogicalPlan::Union(pruned).with_origin(origin), used, true)
}

/// The plan with these columns only.
fn cut(plan: LogicalPlan, columns: &[ColumnId]) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(plan.schema());
    if schema
        .fields()
        .iter()
        .map(Field::id)
        .eq(columns.iter().copied())
    {
        return Ok(Transformed::no(plan));
    }
    let fields: Vec<Field> = columns
        .iter()
        .filter_map(|&id| schema.field_of(id))
        .cloned()
        .collect();
    let exprs = fields.iter().map(Expr::column).collect();
    let origin = plan.origin();
    let cut = Projection::from_parts(exprs, Arc::new(Schema::new(fields)), plan.into())?;
    Ok(Transformed::yes(
        LogicalPlan::Projection(cut).with_origin(origin),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_util::{apply, filter, limit, project, scan, union};
    use esker_logical_expr::col;
    use esker_logical_expr::test_util::double;

    fn check(plan: LogicalPlan) -> String {
        apply(PushDownProjections, plan)
    }

    #[test]
    fn scans_read_what_is_used_in_their_own_order() {
        let plan = project(filter(scan("t"), col("d").gt(1)), [col("s"), col("a")]);
        insta::assert_snapshot!(check(plan), @r"
        Projection: #s, #a
            Filter: #d > 1
                Scan: t; projection=[a, d, s]
        ");
    }

    #[test]
    fn a_plan_that_gives_all_reads_all() {
        insta::assert_snapshot!(check(filter(scan("t"), col("d").gt(1))), @r"
        Filter: #d > 1
            Scan: t; projection=None
        ");
    }

    #[test]
    fn without_columns_only_rows_are_counted() {
        let plan = project(limit(0, 2, scan("t")), Vec::new());
        let want = "Projection: \n    Limit: 2\n        Scan: t; projection=[]\n";
        assert_eq!(check(plan), want);
    }

    #[test]
    fn unused_expressions_are_not_computed() {
        let inner = project(scan("t"), [col("a"), double(col("f")).alias("g"), col("b")]);
        insta::assert_snapshot!(check(project(inner, [col("b")])), @r"
        Projection: #b
            Projection: #b
                Scan: t; projection=[b]
        ");
    }

    #[test]
    fn the_inputs_of_a_union_stay_alike() {
        let inputs = [
            scan("t"),
            filter(scan("u"), col("d").gt(1)),
            project_all(scan("v")),
        ];
        insta::assert_snapshot!(check(project(union(inputs), [col("s"), col("b")])), @r"
        Projection: #s, #b
            Union
                Scan: t; projection=[b, s]
                Projection: #b, #s
                    Filter: #d > 1
                        Scan: u; projection=[b, d, s]
                Projection: #b, #s
                    Scan: v; projection=[b, s]
        ");
    }

    fn project_all(plan: LogicalPlan) -> LogicalPlan {
        let columns: Vec<Expr> = plan.schema().fields().iter().map(Expr::column).collect();
        project(plan, columns)
    }
}
