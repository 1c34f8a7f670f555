//! What columns can hold, and how many rows there can be, by what is known of the scans below:
//! enough to prove of most sums and products that they do not overflow.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use esker_datatypes::{ColumnId, Precision, Result, Schema, TableStatistics};
use esker_logical_expr::{Expr, Interval, bounds, cannot_fail};
use esker_logical_plan::{Aggregate, LogicalPlan, PlanNode, Scan};

use crate::expression::Program;

/// Columns that are computed of computed columns are looked through so often; of those further below
/// the type is known.
const DEPTH: usize = 8;
/// A column is followed through so many nodes that do not change it.
const NODES: usize = 128;

/// What the columns of a plan can hold, remembered once it has been asked.
#[derive(Default)]
pub(super) struct Bounds {
    columns: RefCell<HashMap<ColumnId, Interval>>,
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
        if let Some(known) = self.columns.borrow().get(&id) {
            return known.clone();
        }
        let Some(field) = plan.schema().field_of(id) else {
            return Interval::anything();
        };
        let by_type = Interval::of_field(field).with_null(true);
        if self.depth.get() == DEPTH {
            return by_type;
        }
        self.depth.set(self.depth.get() + 1);
        let known = self.computed(plan, id);
        self.depth.set(self.depth.get() - 1);
        let known = known.map_or(by_type, |known| known.with_null(true));
        self.columns.borrow_mut().insert(id, known.clone());
        known
    }

    /// What a column can hold by what it is computed of; `None` where that is not known.
    fn computed(&self, plan: &LogicalPlan, id: ColumnId) -> Option<Interval> {
        let (mut plan, mut id) = (plan, id);
        for _ in 0..NODES {
            let (expr, input) = match plan {
                LogicalPlan::Scan(scan) => return self.of_scan(scan, id),
                LogicalPlan::Filter(node) => (None, node.input()),
                LogicalPlan::Sort(node) => (None, node.input()),
                LogicalPlan::Limit(node) => (None, node.input()),
                LogicalPlan::Distinct(node) => (None, node.input()),
                LogicalPlan::Join(join) => match join.left().schema().index_of(id) {
                    Some(_) => (None, join.left()),
                    None => (None, join.right()),
                },
                LogicalPlan::Projection(node) => {
                    let at = node.schema().index_of(id)?;
                    (node.exprs().get(at), node.input())
                }
                LogicalPlan::Aggregate(node) => {
                    let at = node.schema().index_of(id)?;
                    match node.keys().get(at) {
                        Some(key) => (Some(key), node.input()),
                        None => return self.of_aggregate(node, at),
                    }
                }
                LogicalPlan::Unnest(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Shared(_)
                | LogicalPlan::Extension(_) => return None,
            };
            plan = input;
            if let Some(expr) = expr {
                match expr.unaliased().as_column() {
                    Some(column) => id = column,
                    None => return Some(bounds(expr, &|id| self.of_column(input, id))),
                }
            }
        }
        None
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
