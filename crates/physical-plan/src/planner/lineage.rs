//! Which columns of a node are columns of a scan below, so that a filter of one may as well be
//! applied there.
//!
//! What lies between must not notice that rows are missing: it looks at each row alone, or at those
//! of each value of the column, and cannot fail on one.

use std::sync::Arc;

use esker_datatypes::{ColumnStatistics, Field, Result, Schema};
use esker_logical_expr::Expr;
use esker_logical_plan::{
    Aggregate, Distinct, Filter, Join, JoinType, LogicalPlan, PlanNode, Projection, Scan, Side,
};

use super::bounds::Bounds;
use crate::operators::{JoinSpec, ScanExec};
use crate::plan::{Lineage, PhysicalPlan, ScanColumn};

/// The delivered columns. A scan that gives the first rows only would give others.
pub(super) fn of_scan(scan: &Scan, source: &ScanExec, id: u32) -> Lineage {
    if scan.limit().is_some() {
        return Lineage::default();
    }
    let known = scan.source().properties().statistics.columns;
    let options = source.options();
    let mut filters = options.filters.iter();
    let fallible = filters.any(|filter| filter.predicate.properties().fallible);
    let fallible = fallible || scan.source().properties().parsed;
    let column = |&column: &usize| {
        let statistics = options.columns.get(column).and_then(|&at| known.get(at));
        Some(ScanColumn {
            scan: id,
            filters: Arc::clone(source.runtime_filters()),
            column,
            span: statistics.and_then(span),
            fallible,
            grouped: false,
        })
    };
    options.projection.iter().map(column).collect()
}

fn span(statistics: &ColumnStatistics) -> Option<u64> {
    let least = statistics.min.as_ref()?.as_i128()?;
    let greatest = statistics.max.as_ref()?.as_i128()?;
    u64::try_from(greatest.checked_sub(least)?.checked_add(1)?).ok()
}

/// Those of the input.
pub(super) fn of_filter(
    filter: &Filter,
    inputs: &[PhysicalPlan],
    bounds: &Bounds,
) -> Result<Lineage> {
    let [input] = inputs else {
        return Ok(Lineage::default());
    };
    if !input.has_lineage()
        || bounds.can_fail(&[filter.predicate()], input.schema(), &[filter.input()])?
    {
        return Ok(Lineage::default());
    }
    Ok(all_of(input))
}

/// Those of the input that are computed of nothing else.
pub(super) fn of_projection(
    projection: &Projection,
    inputs: &[PhysicalPlan],
    bounds: &Bounds,
) -> Result<Lineage> {
    let [input] = inputs else {
        return Ok(Lineage::default());
    };
    let exprs: Vec<&Expr> = projection.exprs().iter().collect();
    if !input.has_lineage() || bounds.can_fail(&exprs, input.schema(), &[projection.input()])? {
        return Ok(Lineage::default());
    }
    let column = |expr: &&Expr| {
        let at = input.schema().index_of(expr.unaliased().as_column()?)?;
        input.scan_column(at).cloned()
    };
    Ok(exprs.iter().map(column).collect())
}

/// The keys that are columns of the input: what drops rows by them drops whole groups.
pub(super) fn of_aggregate(
    aggregate: &Aggregate,
    inputs: &[PhysicalPlan],
    bounds: &Bounds,
) -> Result<Lineage> {
    let [input] = inputs else {
        return Ok(Lineage::default());
    };
    if !input.has_lineage() {
        return Ok(Lineage::default());
    }
    let keys = aggregate.keys();
    let mut computed: Vec<&Expr> = keys.iter().collect();
    for expr in aggregate.aggregates() {
        let Expr::Aggregate(call) = expr.unaliased() else {
            return Ok(Lineage::default());
        };
        computed.extend(call.args.iter().map(|arg| &**arg));
    }
    if bounds.can_fail(&computed, input.schema(), &[aggregate.input()])?
        || bounds.aggregates_can_fail(aggregate.aggregates(), aggregate.input())
    {
        return Ok(Lineage::default());
    }
    let column = |key: &Expr| {
        let at = input.schema().index_of(key.unaliased().as_column()?)?;
        input.scan_column(at).cloned().map(grouped)
    };
    let mut lineage: Lineage = keys.iter().map(column).collect();
    lineage.resize(aggregate.schema().len(), None);
    Ok(lineage)
}

/// The columns in which rows differ: what drops rows by them drops all rows of a kind.
pub(super) fn of_distinct(distinct: &Distinct, inputs: &[PhysicalPlan]) -> Lineage {
    let [input] = inputs else {
        return Lineage::default();
    };
    let keys = distinct.key_ids();
    let column = |field: &Field| {
        let at = input.schema().index_of(field.id())?;
        input.scan_column(at).filter(|_| keys.contains(&field.id()))
    };
    let fields = distinct.schema().fields().iter();
    let columns = fields.map(|field| column(field).cloned().map(grouped));
    columns.collect()
}

fn grouped(column: ScanColumn) -> ScanColumn {
    ScanColumn {
        grouped: true,
        ..column
    }
}

/// Those of the probe side, where all rows of the result are rows of it.
pub(super) fn of_join(
    spec: &JoinSpec,
    join: &Join,
    inputs: &[PhysicalPlan],
    bounds: &Bounds,
) -> Result<Lineage> {
    let [probe, _] = inputs else {
        return Ok(Lineage::default());
    };
    if !probe.has_lineage() {
        return Ok(Lineage::default());
    }
    let probed_alone = match (spec.join_type, spec.build) {
        (JoinType::Inner, Side::Left | Side::Right)
        | (JoinType::Left | JoinType::Semi | JoinType::Anti, Side::Right)
        | (JoinType::Right, Side::Left) => true,
        (JoinType::Left | JoinType::Semi | JoinType::Anti, Side::Left)
        | (JoinType::Right, Side::Right)
        | (JoinType::Full, Side::Left | Side::Right) => false,
    };
    let sides: &[&LogicalPlan] = &[join.left(), join.right()];
    let fallible = match &spec.filter {
        Some(filter) => {
            let fields = [&spec.left, &spec.right];
            let fields = fields.into_iter().flat_map(|schema| schema.fields());
            bounds.can_fail(&[filter], &fields.cloned().collect::<Schema>(), sides)?
        }
        None => false,
    };
    let keys: Vec<&Expr> = match spec.build {
        Side::Left => join.on().iter().map(|(_, right)| right).collect(),
        Side::Right => join.on().iter().map(|(left, _)| left).collect(),
    };
    let fallible = fallible || bounds.can_fail(&keys, probe.schema(), sides)?;
    if !probed_alone || fallible || spec.single {
        return Ok(Lineage::default());
    }
    let mut lineage = Lineage::new();
    if spec.build == Side::Left {
        lineage.resize(spec.left.len(), None);
    }
    lineage.extend(all_of(probe));
    Ok(lineage)
}

fn all_of(input: &PhysicalPlan) -> Lineage {
    let columns = 0..input.schema().len();
    columns.map(|at| input.scan_column(at).cloned()).collect()
}
