//! What columns can hold, and how many rows there can be, by what is known of the scans below:
//! enough to prove of most sums and products that they do not overflow.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use esker_datatypes::{ColumnId, Precision, Result, Schema, TableStatistics};
use esker_logical_expr::{Expr, Interval, bounds, cannot_fail};
use esker_logical_plan::{Aggregate, LogicalPlan, PlanNode, Scan};

use crate::expression::Program;

/// Columns that are computed of computed columns are looked through so often: of those further below
/// that have not been asked before the type is known.
const DEPTH: usize = 8;
/// A column is followed through so many nodes that do not change it.
const NODES: usize = 128;

/// The node, by its address in the plan, that makes a column. Its id alone is not enough: rules may
/// have changed one of two copies of a relation.
type Place = (*const LogicalPlan, ColumnId);

/// What the columns of a plan can hold, remembered once it has been asked.
#[derive(Default)]
pub(super) struct Bounds {
    columns: RefCell<HashMap<Place, Interval>>,
    /// By the address of the scan, which is part of the plan.
    scans: RefCell<HashMap<*const Scan, Rc<TableStatistics>>>,
    /// How many computed columns are being looked through.
    depth: Cell<usize>,
}

impl Bounds {
    /// Whether one of these expressions, over the rows of these inputs, may be an error.
    pub(super) fn can_fail(
        &self,
        exprs: &[&Expr],
        schema: &Schema,
        inputs: &[&LogicalPlan],
    ) -> Result<bool> {
        if !Program::compile(exprs, schema)?.is_fallible() {
            return Ok(false);
        }
        let column = |id| self.of_inputs(inputs, id);
        Ok(!exprs.iter().all(|expr| cannot_fail(expr, &column)))
    }

    /// Whether the result of one of these aggregate calls may be an error.
    pub(super) fn aggregates_can_fail(&self, calls: &[Expr], input: &LogicalPlan) -> bool {
        let rows = self.most_rows(input);
        calls
            .iter()
            .any(|call| self.of_call(call, input, rows).is_none())
    }

    /// What the results of an aggregate call can be; `None` where one may be an error.
    fn of_call(&self, call: &Expr, input: &LogicalPlan, rows: u64) -> Option<Interval> {
        let Expr::Aggregate(call) = call.unaliased() else {
            return None;
        };
        let column = |id| self.of_inputs(&[input], id);
        let args = call.args.iter().map(|arg| bounds(arg, &column));
        let args: Vec<Interval> = args.collect();
        call.function.bounds(&args, rows)
    }

    fn of_inputs(&self, inputs: &[&LogicalPlan], id: ColumnId) -> Interval {
        let mut inputs = inputs.iter();
        let input = inputs.find(|input| input.schema().index_of(id).is_some());
        input.map_or_else(Interval::anything, |input| self.of_column(input, id))
    }

    /// What a column of a plan can hold. Null always may be among it: a join further up may put it
    /// there.
    fn of_column(&self, plan: &LogicalPlan, id: ColumnId) -> Interval {
        let Some(field) = plan.schema().field_of(id) else {
            return Interval::anything();
        };
        let by_type = || Interval::of_field(field).with_null(true);
        let Some((plan, id)) = origin(plan, id) else {
            return by_type();
        };
        let place = (std::ptr::from_ref(plan), id);
        if let Some(known) = self.columns.borrow().get(&place) {
            return known.clone();
        }
        if self.depth.get() == DEPTH {
            return by_type();
        }
        self.depth.set(self.depth.get() + 1);
        let known = self.made(plan, id);
        self.depth.set(self.depth.get() - 1);
        let known = known.map_or_else(by_type, |known| known.with_null(true));
        self.columns.borrow_mut().insert(place, known.clone());
        known
    }

    /// What a node makes of a column; `None` where that is not known.
    fn made(&self, plan: &LogicalPlan, id: ColumnId) -> Option<Interval> {
        let at = plan.schema().index_of(id)?;
        let (expr, input) = match plan {
            LogicalPlan::Scan(scan) => return self.of_scan(scan, id),
            LogicalPlan::Projection(node) => (node.exprs().get(at)?, node.input()),
            LogicalPlan::Aggregate(node) => match node.keys().get(at) {
                Some(key) => (key, node.input()),
                None => return self.of_aggregate(node, at),
            },
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => return None,
        };
        Some(bounds(expr, &|id| self.of_column(input, id)))
    }

    /// Of the aggregate at this place among the columns.
    fn of_aggregate(&self, node: &Aggregate, at: usize) -> Option<Interval> {
        let call = node.aggregates().get(at.checked_sub(node.keys().len())?)?;
        self.of_call(call, node.input(), self.most_rows(node.input()))
    }

    fn of_scan(&self, scan: &Scan, id: ColumnId) -> Option<Interval> {
        let at = scan.columns().index_of(id)?;
        let data_type = scan.columns().field(at)?.data_type();
        let statistics = self.statistics(scan);
        Some(Interval::of_statistics(
            data_type,
            statistics.columns.get(at)?,
        ))
    }

    fn statistics(&self, scan: &Scan) -> Rc<TableStatistics> {
        let mut scans = self.scans.borrow_mut();
        let known = scans.entry(std::ptr::from_ref(scan));
        let known = known.or_insert_with(|| Rc::new(scan.source().properties().statistics));
        Rc::clone(known)
    }

    /// More rows there cannot be.
    fn most_rows(&self, plan: &LogicalPlan) -> u64 {
        // As many as nobody has.
        const MOST: u64 = i64::MAX as u64;
        let mut plan = plan;
        for _ in 0..NODES {
            plan = match plan {
                LogicalPlan::Scan(scan) => {
                    return match self.statistics(scan).rows {
                        Precision::Exact(rows) => rows,
                        Precision::Estimated(_) | Precision::Unknown => MOST,
                    };
                }
                LogicalPlan::Filter(node) => node.input(),
                LogicalPlan::Projection(node) => node.input(),
                LogicalPlan::Sort(node) => node.input(),
                LogicalPlan::Limit(node) => node.input(),
                LogicalPlan::Distinct(node) => node.input(),
                LogicalPlan::Aggregate(node) if !node.keys().is_empty() => node.input(),
                LogicalPlan::Join(join) if join.join_type().is_left_only() => join.left(),
                LogicalPlan::Aggregate(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::Unnest(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => return MOST,
            };
        }
        MOST
    }
}

/// The node that makes a column, and its id there; `None` where it is too far below.
fn origin(plan: &LogicalPlan, id: ColumnId) -> Option<(&LogicalPlan, ColumnId)> {
    let (mut plan, mut id) = (plan, id);
    for _ in 0..NODES {
        let renamed = |exprs: &[Expr], at: usize| exprs.get(at)?.unaliased().as_column();
        plan = match plan {
            LogicalPlan::Filter(node) => node.input(),
            LogicalPlan::Sort(node) => node.input(),
            LogicalPlan::Limit(node) => node.input(),
            LogicalPlan::Distinct(node) => node.input(),
            LogicalPlan::Join(join) => match join.left().schema().index_of(id) {
                Some(_) => join.left(),
                None => join.right(),
            },
            LogicalPlan::Projection(node) => {
                let Some(column) = renamed(node.exprs(), node.schema().index_of(id)?) else {
                    return Some((plan, id));
                };
                id = column;
                node.input()
            }
            LogicalPlan::Aggregate(node) => {
                let Some(column) = renamed(node.keys(), node.schema().index_of(id)?) else {
                    return Some((plan, id));
                };
                id = column;
                node.input()
            }
            LogicalPlan::Scan(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Shared(_)
            | LogicalPlan::Extension(_) => return Some((plan, id)),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use esker_datatypes::{DataType, Field};
    use esker_logical_expr::{coerce, col, resolve};
    use esker_logical_plan::{LogicalPlanBuilder, MemTable, Projection};

    use super::*;

    /// Copies of a relation have the same ids, and rules may make of one what they do not of the
    /// other.
    #[test]
    fn columns_are_known_by_the_node_that_makes_them() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let scan = LogicalPlanBuilder::scan("t", Arc::new(MemTable::empty(&schema)));
        let named = scan.clone().project([(col("a") % 10).alias("x")]).unwrap();
        let LogicalPlan::Projection(named) = named.build() else {
            panic!("a projection stays one");
        };
        let id = named.schema().field(0).unwrap().id();
        let copies = [10, 100].map(|divisor| {
            let rest = resolve(col("a") % divisor, scan.schema()).unwrap();
            let rest = coerce(rest, scan.schema()).unwrap().data;
            let (columns, input) = (Arc::clone(named.schema()), named.input().clone());
            let copy = Projection::from_parts(vec![rest], columns, input);
            LogicalPlan::Projection(copy.unwrap())
        });
        let bounds = Bounds::default();
        for (plan, most) in copies.iter().zip([9i64, 99]) {
            let known = bounds.of_column(plan, id);
            assert!(known.contains(&most.into()) && !known.contains(&(most + 1).into()));
        }
    }
}
