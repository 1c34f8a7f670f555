//! Aggregations and distinct, as groupings by position.

use std::sync::Arc;

use esker_datatypes::{Error, Result, Schema};
use esker_logical_expr::Expr;
use esker_logical_plan::{Aggregate, Distinct, PlanNode};

use super::{Named, Planner};
use crate::explain::positional;
use crate::expression::Program;
use crate::operators::{DistinctExec, Grouping, GroupingOptions, HashAggregateExec};
use crate::plan::Role;

/// An aggregation over columns of `input`.
pub(super) fn aggregate(planner: &Planner, node: &Aggregate, input: &Schema) -> Result<Named> {
    let mut exprs: Vec<&Expr> = node.keys().iter().collect();
    for expr in node.aggregates() {
        if let Expr::Aggregate(call) = expr.unaliased() {
            exprs.extend(call.args.iter().map(|arg| &**arg));
        }
    }
    let spec = Grouping::aggregate(
        Program::compile(&exprs, input)?,
        node.keys().len(),
        node.aggregates(),
        Arc::clone(node.schema()),
        GroupingOptions {
            global: node.keys().is_empty(),
            ..planner.grouping(node.maintain_order())
        },
    )?;
    let details = format!(
        "groupExpr=[{}], aggrExpr=[{}]{}",
        list(node.keys(), input),
        list(node.aggregates(), input),
        flags(node.maintain_order(), node.sorted())
    );
    let role = Role::Breaker(Arc::new(HashAggregateExec::new(spec)));
    Ok(("HashAggregateExec", details, role))
}

/// The distinct rows of `input`.
pub(super) fn distinct(planner: &Planner, node: &Distinct, input: &Schema) -> Result<Named> {
    let columns: Vec<Expr> = input.fields().iter().map(Expr::column).collect();
    // The keys first, and behind them what is kept of first rows; a key that is named twice is one.
    let mut order: Vec<usize> = Vec::with_capacity(columns.len());
    let mut output = vec![None; columns.len()];
    for id in node.key_ids() {
        let at = input.index_of(id);
        let place = at.and_then(|at| Some((at, output.get_mut(at)?)));
        let Some((at, place)) = place else {
            return Err(Error::internal("distinct of a column that is not there"));
        };
        if place.is_none() {
            *place = Some(order.len());
            order.push(at);
        }
    }
    let keys = order.len();
    for (at, place) in output.iter_mut().enumerate() {
        if place.is_none() {
            *place = Some(order.len());
            order.push(at);
        }
    }
    let exprs: Vec<&Expr> = order.iter().filter_map(|&at| columns.get(at)).collect();
    let spec = Grouping::first_rows(
        Program::compile(&exprs, input)?,
        keys,
        output.into_iter().flatten().collect(),
        Arc::clone(node.schema()),
        planner.grouping(node.maintain_order()),
    )?;
    let on = node.on().map(|on| format!(", on=[{}]", list(on, input)));
    let flags = flags(node.maintain_order(), node.sorted());
    let details = format!("{}{flags}", on.unwrap_or_default());
    let details = details.strip_prefix(", ").unwrap_or(&details).to_owned();
    let role = Role::Breaker(Arc::new(DistinctExec::new(spec)));
    Ok(("DistinctExec", details, role))
}

fn list(exprs: &[Expr], input: &Schema) -> String {
    let texts = exprs.iter().map(|e| positional(e, input).to_string());
    texts.collect::<Vec<_>>().join(", ")
}

fn flags(maintain_order: bool, sorted: bool) -> String {
    let flag = |on, text| if on { text } else { "" };
    let maintain_order = flag(maintain_order, ", maintain_order=true");
    format!("{maintain_order}{}", flag(sorted, ", sorted=true"))
}
