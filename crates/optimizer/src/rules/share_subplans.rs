//! What stands in a plan more than once is computed once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use esker_datatypes::Result;
use esker_logical_expr::tree::{self, Transformed, TreeNode};
use esker_logical_plan::{LogicalPlan, Shared};

use crate::descend::{Above, Visited, descend};
use crate::rule::{OptimizerRule, Turn};

/// The pieces of a plan, and what is known of each.
mod pieces;
/// Whether two pieces compute the same.
mod same;

use pieces::{Piece, Read, Sources, survey};

/// Finds relations that are computed in several places of a plan, as where a frame is joined with an
/// aggregation of itself, and puts a [`Shared`] over each, so that it runs once and its rows are kept
/// for all. The largest are shared; a piece of one of them is shared too where it also stands
/// elsewhere.
///
/// They are the same if they have the same nodes over the same sources, whatever the identities of
/// their columns. The rule has its turn when filters and limits have come down as far as they can:
/// so two places whose filters differ keep these in their scans and share what lies below, if
/// anything does. It comes before columns are pruned: a shared relation gives those that any place
/// uses.
///
/// Worth sharing is what has a join, an aggregation, a sort or a `Distinct`: to read, filter and
/// compute twice costs less than to keep the rows. A join gives its rows without keeping them, so it
/// is shared only if it is estimated to give no more rows than it reads, and not too many.
///
/// Shared rows are computed to the last one. So in one place at least they must be wanted to the
/// last one anyway, or rows that a limit left alone could fail: S17. Nothing is shared that could
/// give other rows the next time (a volatile function), that can be read only once, or that has no
/// end; nor in the order that a claim (`sorted`) relies on.
///
/// ```text
/// Join: type=Inner, on=[(#id, #id)]                Join: type=Inner, on=[(#id, #id)]
///     Aggregate: groupExpr=[#id], ...                  Shared: 1
///         Scan: t; projection=None                         Aggregate: groupExpr=[#id], ...
///     Filter: #total > 5                                       Scan: t; projection=None
///         Aggregate: groupExpr=[#id], ...              Filter: #total > 5
///             Scan: t; projection=None                     Shared: 1, as above
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ShareSubplans;

impl OptimizerRule for ShareSubplans {
    fn name(&self) -> &'static str {
        "share_subplans"
    }

    fn turn(&self, plan: &LogicalPlan) -> Turn {
        match repeats_a_source(plan) {
            true => Turn::Once,
            false => Turn::Never,
        }
    }

    fn rewrite(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // Once done it is done.
        if tree::any(&plan, |node| matches!(node, LogicalPlan::Shared(_))) {
            return Ok(Transformed::no(plan));
        }
        let keys = choose(&survey(&plan)?)?;
        if keys.is_empty() {
            return Ok(Transformed::no(plan));
        }
        // Nodes are visited in the order in which they were surveyed.
        let mut places = 0..;
        descend(plan, (), |node, ()| {
            let key = places.next().and_then(|at| keys.get(&at)).copied();
            Ok(Visited {
                above: key.map(share),
                ..Visited::unchanged(node)
            })
        })
    }
}

fn share(key: u32) -> Above {
    Box::new(move |plan| {
        Ok(Transformed::yes(LogicalPlan::Shared(Shared::new(
            key, plan,
        ))))
    })
}

/// Whether two scans read the same source, so that there may be something to share.
fn repeats_a_source(plan: &LogicalPlan) -> bool {
    let mut sources = Sources::default();
    let mut scans = 0;
    tree::any(plan, |node| {
        let LogicalPlan::Scan(scan) = node else {
            return false;
        };
        scans += 1;
        sources.number(scan) + 1 < scans
    })
}

/// So many rows of a join are kept at most, by estimate.
const MOST_KEPT: f64 = (1 << 24) as f64;

/// Which pieces are shared, by position: those with the same key are the same relation.
fn choose(pieces: &[Piece<'_>]) -> Result<HashMap<usize, u32>> {
    let mut alike: BTreeMap<(Reverse<usize>, u64), Vec<usize>> = BTreeMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.works && piece.repeatable {
            let largest_first = (Reverse(piece.size), piece.hash);
            alike.entry(largest_first).or_default().push(at);
        }
    }
    // Pieces of a shared relation run where it stands first, and nowhere else.
    let mut done = vec![false; pieces.len()];
    let mut chosen: Vec<Vec<usize>> = Vec::new();
    for places in alike.into_values().filter(|places| places.len() > 1) {
        for places in same::classes(pieces, &places)? {
            let runs = places.iter().filter(|&&at| done.get(at) == Some(&false));
            let runs: Vec<&Piece<'_>> = runs.filter_map(|&at| pieces.get(at)).collect();
            if runs.len() < 2 || !is_worth_it(&runs) {
                continue;
            }
            for &at in places.get(1..).unwrap_or_default() {
                let size = pieces.get(at).map_or(0, |piece| piece.size);
                if let Some(within) = done.get_mut(at + 1..at + size) {
                    within.fill(true);
                }
            }
            chosen.push(places);
        }
    }
    chosen.sort();
    let keyed = (1..).zip(chosen);
    Ok(keyed
        .flat_map(|(key, places)| places.into_iter().map(move |at| (at, key)))
        .collect())
}

/// Whether a relation that runs in these places is better run once, and no error can come of it.
fn is_worth_it(runs: &[&Piece<'_>]) -> bool {
    let Some(first) = runs.first() else {
        return false;
    };
    let is_read = |how| runs.iter().any(|piece| piece.above.read == how);
    let kept_anyway = first.kept;
    let few = match (first.rows, first.scanned) {
        (Some(rows), Some(scanned)) => rows <= scanned && rows <= MOST_KEPT,
        (Some(_) | None, Some(_) | None) => false,
    };
    !runs.iter().any(|piece| piece.above.claim)
        && (kept_anyway || few)
        && (is_read(Read::Whole) || (kept_anyway && is_read(Read::Streamed)))
}

/// How many inputs a node has.
fn inputs_of(node: &LogicalPlan) -> usize {
    let mut inputs = 0;
    node.for_each_child(&mut |_| inputs += 1);
    inputs
}

#[cfg(test)]
mod tests;
