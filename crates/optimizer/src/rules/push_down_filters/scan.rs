//! Filters into a scan, as far as its source takes them.

use esker_datatypes::{Error, Result};
use esker_logical_expr::Expr;
use esker_logical_plan::{FilterPushdown, LogicalPlan, PushedFilter, Scan};

use super::Conjunct;
use super::{Pushed, may_pass};
use crate::expressions::{ExprSet, is_volatile};

pub(super) fn into_scan(scan: Scan, pending: Vec<Conjunct>) -> Result<Pushed> {
    // Filters come before the limit of a scan.
    if scan.limit().is_some() {
        return Ok(Pushed::nothing(LogicalPlan::Scan(scan), pending));
    }
    let movable: Vec<bool> = pending.iter().map(|c| !is_volatile(&c.expr)).collect();
    let offered = pending
        .iter()
        .zip(&movable)
        .filter(|(_, movable)| **movable);
    let offered: Vec<&Expr> = offered.map(|(conjunct, _)| &conjunct.expr).collect();
    let answers = scan.source().supports_filters(&offered, scan.columns());
    if answers.len() != offered.len() {
        return Err(Error::internal(format!(
            "the source of '{}' answered for {} filters of {}",
            scan.name(),
            answers.len(),
            offered.len()
        )));
    }
    let mut answers = answers.into_iter();
    let mut known = ExprSet::default();
    for filter in scan.filters() {
        known.insert(&filter.expr)?;
    }
    let mut filters = scan.filters().to_vec();
    let (mut kept, mut moved) = (Vec::new(), false);
    for (conjunct, movable) in pending.iter().zip(movable) {
        let answer = match movable {
            true => answers.next().unwrap_or(FilterPushdown::Unsupported),
            false => FilterPushdown::Unsupported,
        };
        let takes = match answer {
            FilterPushdown::Exact | FilterPushdown::Inexact => {
                may_pass(conjunct, &kept, scan.columns())
            }
            FilterPushdown::Unsupported => false,
        };
        if takes && known.insert(&conjunct.expr)? {
            filters.push(PushedFilter {
                expr: conjunct.expr.clone(),
                origin: conjunct.origin,
            });
            moved = true;
        }
        if takes && answer == FilterPushdown::Exact {
            moved = true;
        } else {
            kept.push(conjunct.clone());
        }
    }
    let node = if moved {
        scan.clone().with_filters(filters)
    } else {
        scan.clone()
    };
    Ok(Pushed {
        node: LogicalPlan::Scan(node),
        inputs: vec![],
        kept,
        moved,
    })
}
